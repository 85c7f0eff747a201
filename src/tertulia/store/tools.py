"""The tool log, and who sits where. The functions that write expect the room to be locked."""

from typing import Any

import msgspec
from sqlalchemy import Row, func, insert, select

from tertulia.domain.events import ToolUsed
from tertulia.domain.ids import ObjectId, RoomId, ToolUseId, UserId
from tertulia.domain.models import Page, Seat, SpaceObject, ToolUse
from tertulia.store.objects import delete_objects, write_object
from tertulia.store.tables import objects, rooms, tool_uses, users
from tertulia.store.work import Reader, Work


def record_use(
    work: Work,
    before: SpaceObject,
    after: SpaceObject | None,
    *,
    user_id: UserId,
    username: str,
    action: str,
    params: dict[str, Any],
) -> tuple[ToolUse, SpaceObject | None]:
    """What was done with *before*, and what became of it (None: it is gone): kept, logged and told. Gives the object
    as it is now, with the next version if it is another."""
    now = after
    if after is None:
        delete_objects(work, [before.id])
    elif after != before:
        now = msgspec.structs.replace(after, version=before.version + 1, updated_at=work.now)
        write_object(work, now)
    next_seq = select(rooms.c.last_seq + 1).where(rooms.c.id == before.room_id).scalar_subquery()
    new = insert(tool_uses).values(
        room_id=before.room_id,
        seq=next_seq,
        user_id=user_id,
        target_object_id=before.id,
        action=action,
        params=params,
        created_at=work.now,
    )
    use_id = ToolUseId(work.sql.execute(new.returning(tool_uses.c.id)).scalar_one())
    used = ToolUsed(
        user_id=user_id,
        username=username,
        use_id=use_id,
        target_object_id=before.id,
        action=action,
        params=params,
        object=now,
        created_at=work.now,
    )
    seq = work.append(used, before.room_id).seq
    use = ToolUse(
        id=use_id,
        room_id=before.room_id,
        seq=seq,
        user_id=user_id,
        username=username,
        target_object_id=before.id,
        action=action,
        params=params,
        created_at=work.now,
    )
    return use, now


def list_uses(
    reader: Reader,
    room_id: RoomId,
    *,
    user_id: UserId | None = None,
    target_object_id: ObjectId | None = None,
    action: str | None = None,
    cursor: ToolUseId | None = None,
    limit: int,
) -> Page[ToolUse]:
    """Newest first; *cursor*: those before it. People's names are what they are now."""
    wanted = select(tool_uses).where(tool_uses.c.room_id == room_id).order_by(tool_uses.c.id.desc()).limit(limit + 1)
    conditions = {"user_id": user_id, "target_object_id": target_object_id, "action": action}
    wanted = wanted.where(*(tool_uses.c[name] == value for name, value in conditions.items() if value is not None))
    if cursor is not None:
        wanted = wanted.where(tool_uses.c.id < cursor)
    # Cut off before names are joined, as pages of messages are.
    page = wanted.subquery("page")
    named = select(page, users.c.username).join(users, users.c.id == page.c.user_id).order_by(page.c.id.desc())
    found = [_use(row) for row in reader.sql.execute(named)]
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def last_use_id(reader: Reader, object_id: ObjectId) -> ToolUseId:
    """0: it was never used."""
    newest = select(func.max(tool_uses.c.id)).where(tool_uses.c.target_object_id == object_id)
    return ToolUseId(reader.sql.execute(newest).scalar() or 0)


def find_seat(reader: Reader, room_id: RoomId, user_id: UserId) -> SpaceObject | None:
    """Where somebody sits in a room; in one that is archived, nobody does any more."""
    wanted = (
        select(objects)
        .join(rooms, rooms.c.id == objects.c.room_id)
        .where(objects.c.room_id == room_id, objects.c.occupied_by == user_id, rooms.c.archived_at.is_(None))
    )
    row = reader.sql.execute(wanted).mappings().first()
    return None if row is None else SpaceObject(**row)


def list_seats(reader: Reader, room_id: RoomId | None = None) -> list[Seat]:
    """All that are taken; *room_id*: in this room alone. Not those of archived rooms."""
    wanted = (
        select(objects.c.room_id, objects.c.id, objects.c.occupied_by)
        .join(rooms, rooms.c.id == objects.c.room_id)
        .where(objects.c.occupied_by.is_not(None), rooms.c.archived_at.is_(None))
        .order_by(objects.c.id)
    )
    if room_id is not None:
        wanted = wanted.where(objects.c.room_id == room_id)
    return [
        Seat(room_id=RoomId(row.room_id), object_id=ObjectId(row.id), user_id=UserId(row.occupied_by))
        for row in reader.sql.execute(wanted)
    ]


def _use(row: Row[Any]) -> ToolUse:
    return ToolUse(
        id=row.id,
        room_id=row.room_id,
        seq=row.seq,
        user_id=row.user_id,
        username=row.username,
        target_object_id=row.target_object_id,
        action=row.action,
        params=row.params,
        created_at=row.created_at,
    )
