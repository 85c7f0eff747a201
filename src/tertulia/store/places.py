"""Where people stand in spaces, as it was written down a moment ago: it outlives a restart, and is good for a while."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Place
from tertulia.store.tables import places
from tertulia.store.work import Reader, Work

_COLUMNS = (places.c.room_id, places.c.user_id, places.c.x, places.c.y, places.c.direction, places.c.area_id)


def keep_places(work: Work, kept: Sequence[Place]) -> None:
    """In place of those that are known of the same people."""
    if not kept:
        return
    insert: Any = postgresql_insert if work.sql.dialect.name == "postgresql" else sqlite_insert
    statement = insert(places)
    statement = statement.on_conflict_do_update(
        index_elements=[places.c.room_id, places.c.user_id],
        set_={name: statement.excluded[name] for name in ("x", "y", "direction", "area_id", "updated_at")},
    )
    rows = sorted(kept, key=lambda one: (one.room_id, one.user_id))  # one order for all nodes: none waits in a circle
    work.sql.execute(statement, [msgspec.structs.asdict(one) | {"updated_at": work.now} for one in rows])


def list_places(reader: Reader, room_id: RoomId, good_for: timedelta) -> list[Place]:
    wanted = select(*_COLUMNS).where(places.c.room_id == room_id, places.c.updated_at > reader.now - good_for)
    return [Place(**row) for row in reader.sql.execute(wanted).mappings()]


def forget_places(work: Work, good_for: timedelta, left: Sequence[tuple[RoomId, UserId]] = ()) -> None:
    """Those that are too old to be good for anything, and those of who *left*."""
    work.sql.execute(delete(places).where(places.c.updated_at <= work.now - good_for))
    if left:
        one = (places.c.room_id == bindparam("room"), places.c.user_id == bindparam("user"))
        rows = [{"room": room_id, "user": user_id} for room_id, user_id in sorted(left)]
        work.sql.execute(delete(places).where(*one), rows)
