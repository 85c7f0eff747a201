"""Conversations: direct rooms and how they are found; the rooms somebody talks in, what was said last in each, and who is in them."""

from collections.abc import Collection, Sequence

from sqlalchemy import Text, case, cast, func, select, update

from tertulia.domain.ids import MessageId, RoomId, UserId
from tertulia.domain.models import SHOWN_MEMBERS, Conversation, Message, Room
from tertulia.store.messages import find_messages, last_heard
from tertulia.store.rooms import list_own
from tertulia.store.stays import IS_SECRET
from tertulia.store.tables import memberships, messages, rooms
from tertulia.store.work import Reader, Work

LOOKED_BACK = 100
"""Messages among which the newest that is not deleted is looked for."""


def direct_key(a: UserId, b: UserId) -> str:
    """Of the one direct room of two people."""
    return f"{min(a, b)}:{max(a, b)}"


def find_direct(reader: Reader, a: UserId, b: UserId) -> RoomId | None:
    wanted = select(rooms.c.id).where(rooms.c.direct_key == direct_key(a, b), rooms.c.archived_at.is_(None))
    return reader.sql.execute(wanted).scalar()


def close_direct(work: Work, room_id: RoomId) -> None:
    """For ever: one of its two is gone."""
    work.sql.execute(update(rooms).where(rooms.c.id == room_id).values(is_blocked=True))


def list_by_newest(reader: Reader, user_id: UserId, skip: int, limit: int) -> Sequence[RoomId]:
    """The rooms of *user_id*, that with the newest message first; one without any is as old as itself. A private talk in
    which nothing was said since one came in is as new as that."""
    since = case((IS_SECRET, memberships.c.joined_seq), else_=0)
    newest = (
        select(messages.c.created_at)
        .where(messages.c.room_id == rooms.c.id, messages.c.seq > since)
        .order_by(messages.c.seq.desc())
        .limit(1)
        .correlate(rooms, memberships)
        .scalar_subquery()
    )
    otherwise = case((IS_SECRET, memberships.c.joined_at), else_=rooms.c.created_at)
    wanted = (
        select(rooms.c.id)
        .join(memberships, memberships.c.room_id == rooms.c.id)
        .where(memberships.c.user_id == user_id, rooms.c.archived_at.is_(None))
        .order_by(func.coalesce(newest, otherwise).desc(), rooms.c.id.desc())
        .offset(skip)
        .limit(limit)
    )
    return [RoomId(room_id) for room_id in reader.sql.execute(wanted).scalars()]


def list_conversations(reader: Reader, user_id: UserId, room_ids: Sequence[RoomId]) -> list[Conversation]:
    """In the order in which they are asked for; those that *user_id* is no member of are left out."""
    own = {room.id: room for room in list_own(reader, user_id, room_ids)}
    members, last = _first_members(reader, list(own)), _last_messages(reader, user_id, own.values())
    return [
        Conversation(room=own[room_id], member_ids=members.get(room_id, []), last_message=last.get(room_id))
        for room_id in room_ids
        if room_id in own
    ]


def _first_members(reader: Reader, room_ids: Sequence[RoomId]) -> dict[RoomId, list[UserId]]:
    """Of each room at most `SHOWN_MEMBERS`, and no more are read."""
    first = (
        select(cast(memberships.c.user_id, Text).label("user_id"))
        .where(memberships.c.room_id == rooms.c.id)
        .order_by(memberships.c.user_id)
        .limit(SHOWN_MEMBERS)
        .correlate(rooms)
        .subquery()
    )
    listed = select(func.aggregate_strings(first.c.user_id, ",")).scalar_subquery()
    found = reader.sql.execute(select(rooms.c.id, listed.label("listed")).where(rooms.c.id.in_(room_ids)))
    return {RoomId(row.id): sorted(UserId(int(one)) for one in row.listed.split(",")) for row in found if row.listed}


def _last_messages(reader: Reader, user_id: UserId, own: Collection[Room]) -> dict[RoomId, Message]:
    talks = [room.id for room in own if room.parent_id is not None and room.is_private]
    heard_last = [last_heard(reader, talk_id, user_id) for talk_id in talks]
    last = _newest_of(reader, [room.id for room in own if room.id not in talks])
    return {message.room_id: message for message in (*last, *heard_last) if message is not None}


def _newest_of(reader: Reader, room_ids: Sequence[RoomId]) -> list[Message]:
    newest = (
        select(messages.c.id, messages.c.seq, messages.c.is_deleted)
        .where(messages.c.room_id == rooms.c.id)
        .order_by(messages.c.seq.desc())
        .limit(LOOKED_BACK)
        .correlate(rooms)
        .subquery()
    )
    last = select(newest.c.id).where(~newest.c.is_deleted).order_by(newest.c.seq.desc()).limit(1).scalar_subquery()
    wanted = select(last).select_from(rooms).where(rooms.c.id.in_(room_ids))
    ids = [MessageId(one) for one in reader.sql.execute(wanted).scalars() if one is not None]
    return find_messages(reader, ids)
