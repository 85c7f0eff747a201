"""Who is a member of which room, and what rooms hold against those who are not. Every change is in the room's log.

The functions that write expect the room to be locked.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, Select, delete, func, insert, select, update

from tertulia.domain.errors import NoSuchUser
from tertulia.domain.events import MemberAdded, MemberRemoved, MembershipBegan, MemberUpdated
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Membership, Page
from tertulia.domain.roles import LeaveReason, RoomRole, Status
from tertulia.store.tables import bans, memberships, rooms, users
from tertulia.store.work import Reader, Work


class Barrier(StrEnum):
    """How a room is shut to somebody: a mute outlives leaving, a kick asks for a deliberate return, a ban for mercy."""

    LEFT = "left"
    KICKED = "kicked"
    BANNED = "banned"


class Ban(Struct, frozen=True, kw_only=True):
    """What a room holds against somebody who is no member of it."""

    kind: Barrier
    muted_until: datetime | None = None


def add_member(work: Work, room_id: RoomId, user_id: UserId, username: str, role: RoomRole, by: UserId) -> Membership:
    """Make a member of somebody who is none. Lifts a ban; a mute that has not ended goes on.

    A member has read all that was said before they came.
    """
    ban = find_ban(work, room_id, user_id)
    begin_memberships(
        work, room_id, [MemberAdded(user_id=user_id, username=username, role=role, by=by, created_at=work.now)]
    )
    if ban is not None:
        work.sql.execute(delete(bans).where(bans.c.room_id == room_id, bans.c.user_id == user_id))
    if ban is not None and ban.muted_until is not None and ban.muted_until > work.now:
        return update_member(work, get_member(work, room_id, user_id), role, ban.muted_until, by)
    return get_member(work, room_id, user_id)


def begin_memberships(work: Work, room_id: RoomId, added: Sequence[MemberAdded]) -> list[MemberAdded]:
    """Of people who are no members. Gives what was *added* at its places in the log."""
    placed = work.append_all(added, room_id)
    if not placed:
        return placed
    rows = [
        {
            "room_id": room_id,
            "user_id": one.user_id,
            "role": one.role.value,
            "delivered_seq": one.seq,
            "read_seq": one.seq,
            "joined_at": work.now,
            "joined_seq": one.seq,
        }
        for one in placed
    ]
    work.sql.execute(insert(memberships), rows)
    for one in placed:
        work.notify(MembershipBegan(user_id=one.user_id, room_id=room_id, seq=one.seq))
    _count(work, room_id, len(placed))
    return placed


def remove_member(work: Work, room_id: RoomId, user_id: UserId, username: str, reason: LeaveReason, by: UserId) -> None:
    """End a membership. What the room holds against the one who goes is remembered: see `Ban`."""
    mute = select(memberships.c.muted_until).where(
        memberships.c.room_id == room_id, memberships.c.user_id == user_id, memberships.c.muted_until > work.now
    )
    muted_until = work.sql.execute(mute).scalar()
    removed = MemberRemoved(user_id=user_id, username=username, reason=reason, by=by, created_at=work.now)
    end_memberships(work, room_id, [removed])
    if reason in _BARRIERS:
        put_ban(work, room_id, user_id, Ban(kind=_BARRIERS[reason], muted_until=muted_until), by)
    elif muted_until is not None and reason is LeaveReason.LEFT:
        put_ban(work, room_id, user_id, Ban(kind=Barrier.LEFT, muted_until=muted_until), by)


def end_memberships(work: Work, room_id: RoomId, removed: Sequence[MemberRemoved]) -> list[MemberRemoved]:
    """Of people who are members; nothing is held against them. Gives what was *removed* at its places in the log."""
    user_ids = [one.user_id for one in removed]
    work.sql.execute(delete(memberships).where(memberships.c.room_id == room_id, memberships.c.user_id.in_(user_ids)))
    _count(work, room_id, -len(removed))
    return work.append_all(removed, room_id)


_BARRIERS = {LeaveReason.KICKED: Barrier.KICKED, LeaveReason.BANNED: Barrier.BANNED}


def update_member(
    work: Work, member: Membership, role: RoomRole, muted_until: datetime | None, by: UserId
) -> Membership:
    work.sql.execute(
        update(memberships)
        .where(memberships.c.room_id == member.room_id, memberships.c.user_id == member.user_id)
        .values(role=role.value, muted_until=muted_until)
    )
    work.append(
        MemberUpdated(
            user_id=member.user_id,
            username=member.username,
            role=role,
            muted_until=muted_until,
            by=by,
            created_at=work.now,
        ),
        member.room_id,
    )
    return get_member(work, member.room_id, member.user_id)


def _count(work: Work, room_id: RoomId, change: int) -> None:
    work.sql.execute(update(rooms).where(rooms.c.id == room_id).values(member_count=rooms.c.member_count + change))


def find_member(reader: Reader, room_id: RoomId, user_id: UserId) -> Membership | None:
    row = reader.sql.execute(
        _memberships().where(memberships.c.room_id == room_id, memberships.c.user_id == user_id)
    ).one_or_none()
    return None if row is None else _membership(row)


def find_members(reader: Reader, room_id: RoomId, user_ids: Collection[UserId]) -> list[Membership]:
    """Those of *user_ids* who are members, by id."""
    wanted = _memberships().where(memberships.c.room_id == room_id, memberships.c.user_id.in_(user_ids))
    return [_membership(row) for row in reader.sql.execute(wanted.order_by(memberships.c.user_id))]


def get_member(reader: Reader, room_id: RoomId, user_id: UserId) -> Membership:
    """Raises NoSuchUser: there may be such a user, but the room has no such member."""
    member = find_member(reader, room_id, user_id)
    if member is None:
        raise NoSuchUser("No such member in this room")
    return member


def list_members(reader: Reader, room_id: RoomId, cursor: UserId | None, limit: int) -> Page[Membership]:
    first = select(memberships).where(memberships.c.room_id == room_id).order_by(memberships.c.user_id).limit(limit + 1)
    if cursor is not None:
        first = first.where(memberships.c.user_id > cursor)
    page = first.subquery("page")  # cut off before names are joined, as pages of messages are
    named = select(page, users.c.username, users.c.display_name, users.c.status).join(
        users, users.c.id == page.c.user_id
    )
    found = [_membership(row) for row in reader.sql.execute(named.order_by(page.c.user_id))]
    return Page(found[:limit], found[limit - 1].user_id if len(found) > limit else None)


def list_room_ids(reader: Reader, user_id: UserId) -> Sequence[RoomId]:
    """All rooms that somebody is a member of, archived ones left out, ascending."""
    wanted = (
        select(memberships.c.room_id)
        .join(rooms, rooms.c.id == memberships.c.room_id)
        .where(memberships.c.user_id == user_id, rooms.c.archived_at.is_(None))
        .order_by(memberships.c.room_id)
    )
    return [RoomId(room_id) for room_id in reader.sql.execute(wanted).scalars()]


def joined_since(reader: Reader, moment: datetime) -> list[MembershipBegan]:
    """The memberships of now that began after *moment*."""
    wanted = (
        select(memberships.c.user_id, memberships.c.room_id, memberships.c.joined_seq)
        .join(rooms, rooms.c.id == memberships.c.room_id)
        .where(memberships.c.joined_at > moment, memberships.c.joined_seq > 0, rooms.c.archived_at.is_(None))
        .order_by(memberships.c.joined_at)
    )
    return [
        MembershipBegan(user_id=row.user_id, room_id=row.room_id, seq=row.joined_seq)
        for row in reader.sql.execute(wanted)
    ]


def count_owners(reader: Reader, room_id: RoomId) -> int:
    wanted = select(func.count()).where(memberships.c.room_id == room_id, memberships.c.role == RoomRole.OWNER.value)
    return reader.sql.execute(wanted).scalar_one()


def find_successor(reader: Reader, room_id: RoomId) -> Membership | None:
    """Who would own the room if its owners were gone: the highest in rank, of those the longest a member."""
    wanted = _memberships().where(memberships.c.room_id == room_id)
    ranked = [_membership(row) for row in reader.sql.execute(wanted.order_by(*_SENIORITY).limit(1))]
    return ranked[0] if ranked else None


_SENIORITY = (memberships.c.role.desc(), memberships.c.joined_at, memberships.c.user_id)  # owner > moderator > member


def find_username(reader: Reader, user_id: UserId) -> str | None:
    """The name of somebody who can become a member: deactivated and deleted accounts can not."""
    return find_usernames(reader, [user_id]).get(user_id)


def find_usernames(reader: Reader, user_ids: Collection[UserId]) -> dict[UserId, str]:
    """Of those who can become members."""
    wanted = select(users.c.id, users.c.username).where(users.c.id.in_(user_ids), users.c.is_active)
    return {UserId(row.id): row.username for row in reader.sql.execute(wanted.where(~users.c.is_deleted))}


def find_ban(reader: Reader, room_id: RoomId, user_id: UserId) -> Ban | None:
    wanted = select(bans.c.kind, bans.c.muted_until).where(bans.c.room_id == room_id, bans.c.user_id == user_id)
    row = reader.sql.execute(wanted).one_or_none()
    return None if row is None else Ban(kind=Barrier(row.kind), muted_until=row.muted_until)


def put_ban(work: Work, room_id: RoomId, user_id: UserId, ban: Ban, by: UserId) -> None:
    """In place of the one there may be."""
    work.sql.execute(delete(bans).where(bans.c.room_id == room_id, bans.c.user_id == user_id))
    work.sql.execute(
        insert(bans).values(
            room_id=room_id,
            user_id=user_id,
            kind=ban.kind.value,
            muted_until=ban.muted_until,
            by=by,
            created_at=work.now,
        )
    )


def _memberships() -> Select[Any]:
    return select(memberships, users.c.username, users.c.display_name, users.c.status).join(
        users, users.c.id == memberships.c.user_id
    )


def _membership(row: Row[Any]) -> Membership:
    return Membership(
        room_id=row.room_id,
        user_id=row.user_id,
        username=row.username,
        display_name=row.display_name,
        status=Status(row.status),
        role=RoomRole(row.role),
        muted_until=row.muted_until,
        delivered_seq=row.delivered_seq,
        read_seq=row.read_seq,
        joined_at=row.joined_at,
    )
