"""The things that stand in a room's space. The functions that write expect the room to be locked."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, delete, func, insert, select, update

from tertulia.domain.events import ObjectPlaced, ObjectRemoved, ObjectUpdated
from tertulia.domain.ids import ObjectId, RoomId, Seq
from tertulia.domain.models import Actor, Page, SpaceObject
from tertulia.store.meta import follow_ids
from tertulia.store.signatures import signed_now
from tertulia.store.tables import objects
from tertulia.store.work import Reader, Work


def list_objects(reader: Reader, room_id: RoomId) -> list[SpaceObject]:
    """All of a room, by id."""
    return signed_now(reader, [SpaceObject(**row) for row in reader.sql.execute(_of_room(room_id)).mappings()])


def list_page(reader: Reader, room_id: RoomId, cursor: ObjectId | None, limit: int) -> Page[SpaceObject]:
    """By id; *cursor*: the last one of the page before."""
    wanted = _of_room(room_id).limit(limit + 1)
    if cursor is not None:
        wanted = wanted.where(objects.c.id > cursor)
    found = signed_now(reader, [SpaceObject(**row) for row in reader.sql.execute(wanted).mappings()])
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def find_object(reader: Reader, object_id: ObjectId) -> SpaceObject | None:
    row = reader.sql.execute(select(objects).where(objects.c.id == object_id)).mappings().one_or_none()
    return None if row is None else signed_now(reader, [SpaceObject(**row)])[0]


def find_room_of(reader: Reader, object_id: ObjectId) -> RoomId | None:
    """An object never changes its room."""
    return reader.sql.execute(select(objects.c.room_id).where(objects.c.id == object_id)).scalar()


def count_objects(reader: Reader, room_id: RoomId) -> int:
    return reader.sql.execute(select(func.count()).where(objects.c.room_id == room_id)).scalar_one()


def place_objects(work: Work, room_id: RoomId, things: Iterable[SpaceObject], by: Actor) -> list[ObjectPlaced]:
    """With the next ids, in this order; told in the log, each by itself."""
    new = list(things)
    if not new:
        return []
    values = [_values(thing) for thing in new]
    made = insert(objects).returning(objects.c.id, sort_by_parameter_order=True)
    ids = work.sql.execute(made, values).scalars().all()
    placed = [
        ObjectPlaced(
            user_id=by.user_id,
            username=by.username,
            object=msgspec.structs.replace(thing, id=ObjectId(object_id)),
            created_at=work.now,
        )
        for object_id, thing in zip(ids, new, strict=True)
    ]
    return work.append_all(placed, room_id)


def update_object(work: Work, thing: SpaceObject, by: Actor) -> Seq:
    """Write all of *thing*, and tell it."""
    write_object(work, thing)
    changed = ObjectUpdated(user_id=by.user_id, username=by.username, object=thing, created_at=work.now)
    return work.append(changed, thing.room_id).seq


def remove_objects(work: Work, room_id: RoomId, object_ids: Collection[ObjectId], by: Actor) -> list[ObjectRemoved]:
    """Some of a room's, told in the log, each by itself."""
    delete_objects(work, object_ids)
    gone = [
        ObjectRemoved(user_id=by.user_id, username=by.username, object_id=object_id, created_at=work.now)
        for object_id in object_ids
    ]
    return work.append_all(gone, room_id)


def write_object(work: Work, thing: SpaceObject) -> None:
    """As it is now. No event tells it: that is for who calls this."""
    work.sql.execute(update(objects).where(objects.c.id == thing.id).values(_values(thing)))


def delete_objects(work: Work, object_ids: Collection[ObjectId]) -> None:
    """No event tells it: that is for who calls this."""
    work.sql.execute(delete(objects).where(objects.c.id.in_(object_ids)))


def insert_objects(work: Work, things: Sequence[SpaceObject]) -> None:
    """With the ids that they have, and without events: for a room that is made."""
    work.sql.execute(insert(objects), [msgspec.structs.asdict(thing) for thing in things])
    follow_ids(work, objects)


def _of_room(room_id: RoomId) -> Select[Any]:
    return select(objects).where(objects.c.room_id == room_id).order_by(objects.c.id)


def _values(thing: SpaceObject) -> dict[str, Any]:
    """All columns but the id."""
    values = msgspec.structs.asdict(thing)
    del values["id"]
    return values
