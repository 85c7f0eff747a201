"""The things that stand in a room's space."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import insert, select

from tertulia.domain.ids import RoomId
from tertulia.domain.models import SpaceObject
from tertulia.store.meta import follow_ids
from tertulia.store.tables import objects
from tertulia.store.work import Reader, Work


def list_objects(reader: Reader, room_id: RoomId) -> list[SpaceObject]:
    """All of a room, by id."""
    rows = reader.sql.execute(select(objects).where(objects.c.room_id == room_id).order_by(objects.c.id))
    return [SpaceObject(**row) for row in rows.mappings()]


def insert_objects(work: Work, things: Sequence[SpaceObject]) -> None:
    """With the ids that they have."""
    work.sql.execute(insert(objects), [msgspec.structs.asdict(thing) for thing in things])
    follow_ids(work, objects)
