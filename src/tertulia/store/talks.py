"""Talks: the rooms of what is said in a space, near each other or within an area; who is in them, and when they were.

The functions that write expect the talk's parent to be locked: who is in which of its talks is decided under that.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, exists, func, insert, or_, select, update

from tertulia.domain.commands import SendResult
from tertulia.domain.events import MemberAdded, MemberRemoved, RoomDeleted, StayBegan
from tertulia.domain.ids import MAX_ID, RoomId, Seq, UserId
from tertulia.domain.models import Area, Membership, Page, Room, Stay
from tertulia.domain.roles import LeaveReason, RoomKind
from tertulia.store.members import begin_memberships, end_memberships, find_members, update_member
from tertulia.store.rooms import get_room_of_nobody, insert_room, list_given, update_room
from tertulia.store.tables import memberships, room_log, rooms, stays, users
from tertulia.store.work import Reader, Work

LOCKED_AT_ONCE = 10_000
"""Rooms: a statement takes so many values, and some more."""
BUBBLE = "bubble_id"
"""In the settings of a bubble's talk."""


class Talk(Struct, frozen=True):
    """One that is not archived. *area_id* None: a bubble's."""

    id: RoomId
    parent_id: RoomId
    area_id: int | None
    is_private: bool
    member_count: int
    name: str = ""


# ---- finding and making them


def find_talk(reader: Reader, talk_id: RoomId) -> Talk | None:
    return _talk(reader, _TALKS.where(rooms.c.id == talk_id, rooms.c.parent_id.is_not(None)))


def find_area_talk(reader: Reader, parent_id: RoomId, area: Area) -> Talk | None:
    """That of the area as it is now: what is said in private is kept apart from what was not."""
    wanted = _TALKS.where(rooms.c.parent_id == parent_id, rooms.c.area_id == area.id)
    return _talk(reader, wanted.where(rooms.c.is_private.is_(_is_secret(area))))


def find_bubble_talk(reader: Reader, parent_id: RoomId, bubble_id: str, hearers: Collection[UserId]) -> Talk | None:
    """Somebody was quicker to say the first word in it: one of the *hearers* is in its talk."""
    theirs = (
        select(rooms.c.id, rooms.c.settings)
        .join(memberships, memberships.c.room_id == rooms.c.id)
        .where(memberships.c.user_id.in_(hearers), rooms.c.parent_id == parent_id, rooms.c.area_id.is_(None))
    )
    for row in reader.sql.execute(theirs):
        if row.settings.get(BUBBLE) == bubble_id:
            return find_talk(reader, row.id)
    return None


def make_talk(work: Work, parent_id: RoomId, *, area: Area | None = None, bubble_id: str | None = None) -> Talk:
    """Of an area or of a bubble. Nobody is in it yet."""
    room = Room(
        id=RoomId(0),
        kind=RoomKind.GROUP,
        name="" if area is None else area.name,
        is_private=area is None or _is_secret(area),
        settings={} if bubble_id is None else {BUBBLE: bubble_id},
        parent_id=parent_id,
        area_id=None if area is None else area.id,
        created_at=work.now,
        updated_at=work.now,
    )
    return Talk(insert_room(work, room), parent_id, room.area_id, room.is_private, 0, room.name)


def rename_talk(work: Work, talk: Talk, name: str, by: UserId) -> None:
    """As its area is called by now. Harmless when it is called so."""
    if talk.name != name:
        update_room(work, msgspec.structs.replace(get_room_of_nobody(work, talk.id), name=name), by)


def _is_secret(area: Area) -> bool:
    """Only a quiet area's talk is for all who read the room. One that only counts who is inside is nobody's business."""
    return area.is_private or not area.keeps_talk


_TALKS = select(
    rooms.c.id, rooms.c.parent_id, rooms.c.area_id, rooms.c.is_private, rooms.c.member_count, rooms.c.name
).where(rooms.c.archived_at.is_(None))


def _talk(reader: Reader, wanted: Select[Any]) -> Talk | None:
    row = reader.sql.execute(wanted).one_or_none()
    return None if row is None else Talk(*row)


# ---- who is there


def find_open_stays(reader: Reader, parent_id: RoomId, user_id: UserId) -> list[Stay]:
    """The talks of that room that somebody is in."""
    wanted = _STAYS.join(
        memberships, (memberships.c.room_id == stays.c.talk_id) & (memberships.c.user_id == stays.c.user_id)
    )
    return _stays(reader, wanted.where(memberships.c.user_id == user_id, rooms.c.parent_id == parent_id))


def list_open_stays(reader: Reader, room_id: RoomId | None = None) -> list[Stay]:
    """Of all spaces, or of that room's."""
    return _stays(reader, _STAYS if room_id is None else _STAYS.where(rooms.c.parent_id == room_id))


def list_talkers(reader: Reader, room_id: RoomId) -> list[UserId]:
    """Whoever was ever in one of the room's talks."""
    wanted = select(stays.c.user_id).distinct().join(rooms, rooms.c.id == stays.c.talk_id)
    found = reader.sql.execute(wanted.where(rooms.c.parent_id == room_id).order_by(stays.c.user_id))
    return [UserId(user_id) for user_id in found.scalars()]


_STAYS = (
    select(stays.c.talk_id, rooms.c.parent_id, rooms.c.area_id, stays.c.user_id, stays.c.began, stays.c.ended)
    .join(rooms, rooms.c.id == stays.c.talk_id)
    .where(stays.c.ended.is_(None), rooms.c.archived_at.is_(None))
    .order_by(stays.c.talk_id, stays.c.user_id)
)


def _stays(reader: Reader, wanted: Select[Any]) -> list[Stay]:
    return [Stay(**row) for row in reader.sql.execute(wanted).mappings()]


def begin_stays(work: Work, talk: Talk, people: Sequence[Membership]) -> list[Stay]:
    """*people*: members of the parent who are not in the talk. There they are what they are in the parent, muted too."""
    added = begin_memberships(work, talk.id, [_added(member, work.now) for member in people])
    begun = [
        Stay(talk_id=talk.id, parent_id=talk.parent_id, area_id=talk.area_id, user_id=one.user_id, began=one.seq)
        for one in added
    ]
    if begun:
        rows = [{"talk_id": talk.id, "user_id": stay.user_id, "began": stay.began} for stay in begun]
        work.sql.execute(insert(stays), rows)
    for member in people:
        if member.muted_until is not None and member.muted_until > work.now:
            silent = msgspec.structs.replace(member, room_id=talk.id)
            update_member(work, silent, member.role, member.muted_until, member.user_id)
        work.notify(StayBegan(user_id=member.user_id, room_id=talk.id, parent_id=talk.parent_id))
    return begun


def _added(member: Membership, now: datetime) -> MemberAdded:
    return MemberAdded(
        user_id=member.user_id, username=member.username, role=member.role, by=member.user_id, created_at=now
    )


def end_stays(
    work: Work, talk_id: RoomId, people: Mapping[UserId, str], reason: LeaveReason, by: UserId | None = None
) -> None:
    """*people*: those who are in it, with their names. *by* None: they go by themselves."""
    if not people:
        return
    removed = [
        MemberRemoved(user_id=user_id, username=name, reason=reason, by=by or user_id, created_at=work.now)
        for user_id, name in people.items()
    ]
    for one in end_memberships(work, talk_id, removed):
        is_theirs = (stays.c.talk_id == talk_id) & (stays.c.user_id == one.user_id) & stays.c.ended.is_(None)
        work.sql.execute(update(stays).where(is_theirs).values(ended=one.seq))


def gather(work: Work, talk: Talk, user_ids: Iterable[UserId]) -> None:
    """Those are in it from now on, as far as they are members of the parent, and nobody else."""
    here = _people_in(work, talk.id)
    wanted = set(user_ids)
    end_stays(work, talk.id, {one: name for one, name in here.items() if one not in wanted}, LeaveReason.LEFT)
    begin_stays(work, talk, find_members(work, talk.parent_id, wanted - here.keys()))


def leave_talks(
    work: Work, parent: Room, stays_: Iterable[Stay], username: str, reason: LeaveReason, by: UserId
) -> Room:
    """End those *stays_* of one user. Gives *parent* as it is then: an area that is empty is locked no more."""
    for stay in stays_:
        end_stays(work, stay.talk_id, {stay.user_id: username}, reason, by)
        if stay.area_id is not None:
            parent = _unlock_if_empty(work, parent, stay, by)
    return parent


def _unlock_if_empty(work: Work, parent: Room, stay: Stay, by: UserId) -> Room:
    areas = parent.space.areas if parent.space is not None else []
    is_locked = any(area.id == stay.area_id and area.locked_by is not None for area in areas)
    if not is_locked or _people_in(work, stay.talk_id):
        return parent
    return lock_area(work, parent, stay.area_id, None, by)


def lock_area(work: Work, room: Room, area_id: int | None, locked_by: UserId | None, by: UserId) -> Room:
    """*locked_by* None: unlock it. Gives *room* as it is then."""
    assert room.space is not None
    areas = [
        msgspec.structs.replace(area, locked_by=locked_by) if area.id == area_id else area for area in room.space.areas
    ]
    changed = msgspec.structs.replace(room, space=msgspec.structs.replace(room.space, areas=areas))
    update_room(work, changed, by)
    return changed


def _people_in(reader: Reader, talk_id: RoomId) -> dict[UserId, str]:
    wanted = select(users.c.id, users.c.username).join(memberships, memberships.c.user_id == users.c.id)
    rows = reader.sql.execute(wanted.where(memberships.c.room_id == talk_id).order_by(users.c.id))
    return {UserId(row.id): row.username for row in rows}


# ---- what happens to the parent


def end_all_stays(work: Work, parent: Room, user_id: UserId, username: str, reason: LeaveReason, by: UserId) -> Room:
    """Of somebody who leaves the room. Gives it as it is then; see `leave_talks`."""
    return leave_talks(work, parent, find_open_stays(work, parent.id, user_id), username, reason, by)


def carry_over(work: Work, member: Membership, by: UserId) -> None:
    """What somebody is in the room, now that it has changed, they are in its talks."""
    for stay in find_open_stays(work, member.room_id, member.user_id):
        there = msgspec.structs.replace(member, room_id=stay.talk_id)
        update_member(work, there, member.role, member.muted_until, by)


def close_area_talks(work: Work, room_id: RoomId, area_id: int) -> None:
    """Nobody is in that area any more, as far as is kept here: it is gone, or has other rules. Whether it is locked is
    the caller's business."""
    talks = _TALKS.where(rooms.c.parent_id == room_id, rooms.c.area_id == area_id, rooms.c.member_count > 0)
    for row in work.sql.execute(talks.order_by(rooms.c.id)).all():
        end_stays(work, row.id, _people_in(work, row.id), LeaveReason.LEFT)


def archive_talks(work: Work, parent_id: RoomId, by: UserId) -> None:
    """All of a room that is archived. There may be thousands, most of them with nobody in them to be told."""
    of_it = (rooms.c.parent_id == parent_id) & rooms.c.archived_at.is_(None)
    ids = work.sql.execute(select(rooms.c.id).where(of_it).order_by(rooms.c.id)).scalars().all()
    for start in range(0, len(ids), LOCKED_AT_ONCE):
        work.lock(*ids[start : start + LOCKED_AT_ONCE])
    gone = update(rooms).where(of_it).values(archived_at=work.now, last_seq=rooms.c.last_seq + 1)
    rows = work.sql.execute(gone.returning(rooms.c.id, rooms.c.last_seq, rooms.c.member_count)).all()
    ended = RoomDeleted(user_id=by, created_at=work.now)
    work.record([ended.placed(row.id, row.last_seq) for row in rows if not row.member_count], is_news=False)
    work.record([ended.placed(row.id, row.last_seq) for row in rows if row.member_count])
    end = select(rooms.c.last_seq).where(rooms.c.id == stays.c.talk_id).scalar_subquery()
    its_talks = select(rooms.c.id).where(rooms.c.parent_id == parent_id)
    work.sql.execute(update(stays).where(stays.c.ended.is_(None), stays.c.talk_id.in_(its_talks)).values(ended=end))


# ---- what is listed, and what was said once


def has_stayed(reader: Reader, parent_id: RoomId, user_id: UserId) -> bool:
    """In any talk of that room."""
    wanted = select(stays.c.began).join(rooms, rooms.c.id == stays.c.talk_id)
    ever = wanted.where(stays.c.user_id == user_id, rooms.c.parent_id == parent_id, rooms.c.archived_at.is_(None))
    return reader.sql.execute(ever.limit(1)).scalar() is not None


def list_talks(
    reader: Reader, parent_id: RoomId, user_id: UserId, *, is_member: bool, cursor: RoomId | None, limit: int
) -> Page[Room]:
    """Those that *user_id* is or was in; for a member of the parent, those of quiet areas too. The newest first."""
    was_there = exists().where(stays.c.talk_id == rooms.c.id, stays.c.user_id == user_id)
    is_readable = or_(was_there, ~rooms.c.is_private) if is_member else was_there
    wanted = select(rooms.c.id).where(rooms.c.parent_id == parent_id, rooms.c.archived_at.is_(None), is_readable)
    if cursor is not None:
        wanted = wanted.where(rooms.c.id < cursor)
    ids = list(reader.sql.execute(wanted.order_by(rooms.c.id.desc()).limit(limit + 1)).scalars())
    shown = ids[:limit]
    found = {room.id: room for room in list_given(reader, user_id, shown)}
    ends = _ends(reader, user_id, shown)
    items = [_as_read(found[room_id], ends.get(room_id), is_member=is_member) for room_id in shown]
    return Page(items, shown[-1] if len(ids) > limit else None)


def _ends(reader: Reader, user_id: UserId, talk_ids: Sequence[RoomId]) -> dict[RoomId, Seq]:
    end = func.max(func.coalesce(stays.c.ended, MAX_ID))
    wanted = select(stays.c.talk_id, end).where(stays.c.user_id == user_id, stays.c.talk_id.in_(talk_ids))
    return {talk_id: Seq(seq) for talk_id, seq in reader.sql.execute(wanted.group_by(stays.c.talk_id))}


def _as_read(talk: Room, end: Seq | None, *, is_member: bool) -> Room:
    """Its log ends, for who is there no more, where their last stay did."""
    if end is None or (is_member and not talk.is_private):
        return talk
    return msgspec.structs.replace(talk, last_seq=min(talk.last_seq, end))


class FirstUse(Struct, frozen=True):
    """Of a nonce, in a room or one of its talks. *digest*: of what was sent; None: not known any more."""

    room_id: RoomId
    digest: int | None
    result: SendResult


def find_first_use(reader: Reader, parent_id: RoomId, user_id: UserId, nonce: str) -> FirstUse | None:
    wanted = (
        select(room_log.c.room_id, room_log.c.digest, room_log.c.message_id, room_log.c.seq, room_log.c.created_at)
        .join(rooms, rooms.c.id == room_log.c.room_id)
        .where(room_log.c.nonce == nonce, room_log.c.user_id == user_id)
        .where(or_(rooms.c.id == parent_id, rooms.c.parent_id == parent_id))
        .order_by(room_log.c.message_id)
        .limit(1)
    )
    row = reader.sql.execute(wanted).one_or_none()
    if row is None:
        return None
    talk_id = None if row.room_id == parent_id else row.room_id
    result = SendResult(row.message_id, row.seq, row.created_at, duplicate=True, talk_id=talk_id)
    return FirstUse(row.room_id, row.digest, result)
