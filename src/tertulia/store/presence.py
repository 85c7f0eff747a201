"""Presence: what is remembered of who is there. Asked for many users at once, however many come and go."""

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import bindparam, or_, select, update

from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.roles import Status
from tertulia.store.blocks import blocked_by
from tertulia.store.engine import Store
from tertulia.store.tables import Id, Moment, memberships, rooms, users
from tertulia.store.work import Reader, Work


class Seen(Struct, frozen=True, kw_only=True):
    """What is told of somebody who comes or goes. *status*: as chosen; *room_ids*: those that are told."""

    username: str
    status: Status
    text: str
    last_seen_at: datetime | None
    room_ids: list[RoomId]


class Wishes(Struct, frozen=True, kw_only=True):
    """How somebody wants to be seen, and whom they do not want to hear of."""

    status: Status
    blocked: frozenset[UserId]


class Presences:
    """The fan-out's view of users. *most_members*: rooms of more are not told who comes and goes."""

    def __init__(self, store: Store, *, most_members: int) -> None:
        self._store, self._most_members = store, most_members

    async def seen(self, user_ids: Collection[UserId]) -> dict[UserId, Seen]:
        """Who is deleted is left out."""
        return await self._store.read(lambda reader: find_seen(reader, user_ids, self._most_members))

    async def wishes(self, user_ids: Collection[UserId]) -> dict[UserId, Wishes]:
        """Who is deleted is left out."""
        return await self._store.read(lambda reader: find_wishes(reader, user_ids))

    async def note_last_seen(self, moments: Mapping[UserId, datetime]) -> None:
        """Not of those who do not want to be seen."""
        await self._store.write(lambda work: note_last_seen(work, moments))


def find_seen(reader: Reader, user_ids: Collection[UserId], most_members: int) -> dict[UserId, Seen]:
    places: dict[UserId, list[RoomId]] = {}
    wanted = (
        select(memberships.c.user_id, memberships.c.room_id)
        .join(rooms, rooms.c.id == memberships.c.room_id)
        .where(memberships.c.user_id.in_(user_ids), rooms.c.member_count <= most_members, rooms.c.archived_at.is_(None))
    )
    for user_id, room_id in reader.sql.execute(wanted):
        places.setdefault(UserId(user_id), []).append(RoomId(room_id))
    columns = (users.c.id, users.c.username, users.c.status, users.c.status_text, users.c.last_seen_at)
    return {
        UserId(row.id): Seen(
            username=row.username,
            status=Status(row.status),
            text=row.status_text,
            last_seen_at=row.last_seen_at,
            room_ids=places.get(UserId(row.id), []),
        )
        for row in reader.sql.execute(select(*columns).where(users.c.id.in_(user_ids), ~users.c.is_deleted))
    }


def find_wishes(reader: Reader, user_ids: Collection[UserId]) -> dict[UserId, Wishes]:
    blocked = blocked_by(reader, user_ids)
    wanted = select(users.c.id, users.c.status).where(users.c.id.in_(user_ids), ~users.c.is_deleted)
    return {
        UserId(user_id): Wishes(status=Status(status), blocked=frozenset(blocked.get(UserId(user_id), ())))
        for user_id, status in reader.sql.execute(wanted)
    }


def note_last_seen(work: Work, moments: Mapping[UserId, datetime]) -> None:
    """Forward only."""
    is_news = or_(users.c.last_seen_at.is_(None), users.c.last_seen_at < bindparam("moment", type_=Moment))
    statement = (
        update(users)
        .where(users.c.id == bindparam("user", type_=Id), *_IS_SEEN, ~users.c.is_deleted, is_news)
        .values(last_seen_at=bindparam("moment", type_=Moment))
    )
    if moments:  # in one order on all nodes, so that none waits for one that waits for it
        work.sql.execute(statement, [{"user": user_id, "moment": moments[user_id]} for user_id in sorted(moments)])


_IS_SEEN = [users.c.status != status.value for status in Status if status.shown is Status.OFFLINE]
