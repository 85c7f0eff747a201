"""Rooms: what is kept of them, whom they are listed for, how much of them is unread, and where their logs end."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.sql.selectable import ScalarSelect

from tertulia.domain.commands import RoomHead
from tertulia.domain.events import RoomDeleted, RoomUpdated
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import Actor, Area, Membership, Page, Point, Room, Space
from tertulia.domain.roles import Builders, RoomKind, RoomRole
from tertulia.store.members import find_member
from tertulia.store.mentions import ALL
from tertulia.store.meta import follow_ids
from tertulia.store.stays import Within
from tertulia.store.tables import Id, memberships, mentions, messages, rooms, users
from tertulia.store.work import Reader, Work

NOBODY = UserId(0)
# The list may be long, so it goes as one value.
_VISIBLE = {
    engine: text(
        f"SELECT r.id FROM rooms r WHERE r.id {among} AND r.archived_at IS NULL AND ("  # noqa: S608 (our own words)
        "(r.kind = :channel AND NOT r.is_private)"
        " OR EXISTS (SELECT 1 FROM memberships m WHERE m.room_id = r.id AND m.user_id = :user_id))"
    )
    for engine, among in (
        ("sqlite", "IN (SELECT value FROM json_each(:ids))"),
        ("postgresql", "= ANY (CAST(:ids AS bigint[]))"),
    )
}
EARSHOT = 150.0
"""Units, of a space that was made when there was none."""
UNREAD_MOST = 1000
"""Unread messages are counted among this many, the newest: a larger number would tell nobody more."""


class Standing(Struct, frozen=True):
    """A room that is not archived, and what somebody is in it. The room's `unread` is not counted. *within*: of a talk,
    all that they may read of it; None: whatever it is that members read."""

    room: Room
    member: Membership | None
    within: Within | None = None


def insert_room(work: Work, room: Room, *, direct_key: str | None = None) -> RoomId:
    """Its id is the next one, unless *room* has one. It has no members yet, and nothing in its log."""
    space = room.space
    room_id = work.sql.execute(
        insert(rooms)
        .values(
            **({"id": room.id} if room.id else {}),
            kind=room.kind.value,
            name=room.name,
            description=room.description,
            owner_id=room.owner_id,
            is_private=room.is_private,
            direct_key=direct_key,
            settings=room.settings,
            parent_id=room.parent_id,
            area_id=room.area_id,
            **_columns(space),
            last_area_id=_newest_area(space),
            created_at=room.created_at,
            updated_at=room.updated_at,
        )
        .returning(rooms.c.id)
    ).scalar_one()
    if room.id:
        follow_ids(work, rooms)
    return RoomId(room_id)


def update_room(work: Work, room: Room, by: UserId) -> Room:
    """Write what may change of *room*, and append it to the log as it is now."""
    newest_area = _newest_area(room.space)
    work.sql.execute(
        update(rooms)
        .where(rooms.c.id == room.id)
        .values(
            name=room.name,
            description=room.description,
            owner_id=room.owner_id,
            is_private=room.is_private,
            settings=room.settings,
            updated_at=work.now,
            **_columns(room.space),
            last_area_id=case((rooms.c.last_area_id < newest_area, newest_area), else_=rooms.c.last_area_id),
        )
    )
    now = get_room_of_nobody(work, room.id)
    work.append(RoomUpdated(user_id=by, room=now, created_at=work.now), room.id)
    return now


def archive_room(work: Work, room_id: RoomId, by: UserId) -> None:
    """The log ends here. Memberships stay, and mean nothing any more. Two whose direct room it was may open another."""
    work.append(RoomDeleted(user_id=by, created_at=work.now), room_id)
    work.sql.execute(update(rooms).where(rooms.c.id == room_id).values(archived_at=work.now, direct_key=None))


def find_standing(reader: Reader, room_id: RoomId, user_id: UserId) -> Standing | None:
    """None: there is no such room, or it is archived."""
    row = reader.sql.execute(_rooms_for(user_id).where(rooms.c.id == room_id)).one_or_none()
    if row is None:
        return None
    member = None if row.my_read_seq is None else find_member(reader, room_id, user_id)
    return Standing(_room(row), member)


def is_blocked(reader: Reader, room_id: RoomId) -> bool:
    """A direct room one of whose two has blocked the other."""
    return bool(reader.sql.execute(select(rooms.c.is_blocked).where(rooms.c.id == room_id)).scalar())


class Own(Struct, frozen=True):
    """What of a room is one member's own. *head*: where the log ended when this was read."""

    membership: Membership
    unread: int
    mention_count: int
    head: Seq


def find_own(reader: Reader, room_id: RoomId, actor: Actor) -> Own | None:
    """None: no such room, or an archived one, or *actor* is no member of it."""
    row = reader.sql.execute(_OWN, {"room_id": room_id, "user_id": actor.user_id}).one_or_none()
    if row is None:
        return None
    membership = Membership(
        room_id=room_id,
        user_id=actor.user_id,
        username=actor.username,
        display_name=row.display_name,
        role=RoomRole(row.role),
        muted_until=row.muted_until,
        delivered_seq=row.delivered_seq,
        read_seq=row.read_seq,
        joined_at=row.joined_at,
    )
    return Own(membership, row.unread, row.mention_count, row.last_seq)


def find_last_area_id(reader: Reader, room_id: RoomId) -> int:
    """The highest id that an area of the room ever had."""
    return int(reader.sql.execute(select(rooms.c.last_area_id).where(rooms.c.id == room_id)).scalar_one())


def get_room_of_nobody(reader: Reader, room_id: RoomId) -> Room:
    """As events carry it: with nothing of any one user's, and without `last_seq`."""
    row = reader.sql.execute(select(rooms, literal(None).label("my_read_seq")).where(rooms.c.id == room_id)).one()
    return _room(row, of_nobody=True)


def with_unread(reader: Reader, standing: Standing) -> Room:
    """The room as the one whose standing it is sees it, `unread` and `mention_count` counted."""
    room, member = standing.room, standing.member
    if member is None or member.read_seq >= room.last_seq:
        return room
    place = (literal(room.id), literal(member.read_seq), member.user_id)
    unread, mention_count = reader.sql.execute(select(_unread(*place), _mention_count(*place))).one()
    return msgspec.structs.replace(room, unread=unread, mention_count=mention_count)


def list_rooms(
    reader: Reader, user_id: UserId, *, q: str | None, mine: bool, cursor: RoomId | None, limit: int, skip: int = 0
) -> Page[Room]:
    """Public ones and those of *user_id*, or only those (*mine*), with `unread` and `mention_count`; by id."""
    wanted = _rooms_for(user_id, *_counts(rooms.c.id, user_id)).order_by(rooms.c.id).limit(limit + 1).offset(skip)
    is_mine = memberships.c.user_id.is_not(None)
    wanted = wanted.where(is_mine if mine else or_(is_mine, _is_public()))
    if cursor is not None:
        wanted = wanted.where(rooms.c.id > cursor)
    if q:
        wanted = wanted.where(
            or_(rooms.c.name.icontains(q, autoescape=True), rooms.c.description.icontains(q, autoescape=True))
        )
    found = [_room(row, unread=row.unread, mention_count=row.mention_count) for row in reader.sql.execute(wanted)]
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def list_own(reader: Reader, user_id: UserId, room_ids: Collection[RoomId]) -> list[Room]:
    """Those of *room_ids* that *user_id* is a member of, with `unread` and `mention_count`."""
    wanted = _rooms_for(user_id, *_counts(rooms.c.id, user_id))
    wanted = wanted.where(memberships.c.user_id.is_not(None), rooms.c.id.in_(room_ids))
    return [_room(row, unread=row.unread, mention_count=row.mention_count) for row in reader.sql.execute(wanted)]


def list_given(reader: Reader, user_id: UserId, room_ids: Collection[RoomId]) -> list[Room]:
    """The same, with those too that *user_id* is no member of, and for whom nothing is unread there."""
    wanted = _rooms_for(user_id, *_counts(rooms.c.id, user_id)).where(rooms.c.id.in_(room_ids))
    return [_room(row, unread=row.unread, mention_count=row.mention_count) for row in reader.sql.execute(wanted)]


def list_visible(reader: Reader, user_id: UserId | None, room_ids: Sequence[RoomId]) -> list[RoomId]:
    """Those of *room_ids* that are public, or that *user_id* is a member of; in the order in which they were given."""
    dialect = reader.sql.dialect.name
    ids = list(room_ids) if dialect == "postgresql" else msgspec.json.encode(room_ids).decode()
    values = {"ids": ids, "user_id": user_id or NOBODY, "channel": RoomKind.CHANNEL.value}
    found = set(reader.sql.execute(_VISIBLE[dialect], values).scalars())
    return [room_id for room_id in room_ids if room_id in found]


def list_heads(reader: Reader, user_id: UserId) -> list[RoomHead]:
    """Of all rooms that *user_id* is a member of, by id."""
    wanted = (
        select(rooms.c.id, rooms.c.last_seq, memberships.c.read_seq, *_counts(rooms.c.id, user_id))
        .join(rooms, rooms.c.id == memberships.c.room_id)
        .where(memberships.c.user_id == user_id, rooms.c.archived_at.is_(None))
        .order_by(rooms.c.id)
    )
    return [
        RoomHead(
            room_id=row.id,
            epoch=reader.epoch,
            seq=row.last_seq,
            read_seq=row.read_seq,
            unread=row.unread,
            mention_count=row.mention_count,
        )
        for row in reader.sql.execute(wanted)
    ]


def has_rooms(reader: Reader) -> bool:
    """Whether there are any, archived ones too."""
    return reader.sql.execute(select(rooms.c.id).limit(1)).scalar() is not None


def _is_public() -> ColumnElement[bool]:
    return and_(rooms.c.kind == RoomKind.CHANNEL.value, ~rooms.c.is_private)


def _rooms_for(user_id: UserId, *more: ColumnElement[Any]) -> Select[Any]:
    mine = and_(memberships.c.room_id == rooms.c.id, memberships.c.user_id == user_id)
    return (
        select(rooms, memberships.c.read_seq.label("my_read_seq"), *more)
        .select_from(rooms.outerjoin(memberships, mine))
        .where(rooms.c.archived_at.is_(None))
    )


def _unread(
    room_id: ColumnElement[Any], read_seq: ColumnElement[Any], user_id: UserId | ColumnElement[Any]
) -> ScalarSelect[int]:
    """What others said after *read_seq* and did not delete, among the newest: so its cost has a bound as well."""
    newest = (
        select(messages.c.user_id, messages.c.is_deleted)
        .where(messages.c.room_id == room_id, messages.c.seq > read_seq)
        .order_by(messages.c.seq.desc())
        .limit(UNREAD_MOST)
        .correlate(rooms, memberships)
        .subquery()
    )
    return select(func.count()).where(newest.c.user_id != user_id, ~newest.c.is_deleted).scalar_subquery()


def _mention_count(
    room_id: ColumnElement[Any], read_seq: ColumnElement[Any], user_id: UserId | ColumnElement[Any]
) -> ScalarSelect[int]:
    """How often others have mentioned *user_id*, or everybody, after *read_seq*: of more than are counted, any."""
    called = (
        select(mentions.c.seq)
        .where(mentions.c.room_id == room_id, mentions.c.user_id.in_([user_id, ALL]), mentions.c.seq > read_seq)
        .limit(UNREAD_MOST)
        .correlate(rooms, memberships)
        .subquery()
    )
    by_others = (messages.c.room_id == room_id) & (messages.c.seq == called.c.seq) & (messages.c.user_id != user_id)
    counted = select(func.count()).select_from(called.join(messages, by_others))
    return counted.correlate(rooms, memberships).scalar_subquery()


def _counts(room_id: ColumnElement[Any], user_id: UserId | ColumnElement[Any]) -> list[ColumnElement[int]]:
    """Of a member, as columns."""
    place = (room_id, memberships.c.read_seq, user_id)
    return [_unread(*place).label("unread"), _mention_count(*place).label("mention_count")]


def _room(row: Row[Any], *, unread: int = 0, mention_count: int = 0, of_nobody: bool = False) -> Room:
    space = None
    if row.width is not None:
        space = Space(
            width=row.width,
            height=row.height,
            background=row.background,
            speed=row.speed,
            spawn_points=[Point(**point) for point in row.spawn_points or ({"x": row.spawn_x, "y": row.spawn_y},)],
            builders=Builders(row.builders or Builders.MEMBERS),
            earshot=EARSHOT if row.earshot is None else row.earshot,
            areas=[Area(**area) for area in row.areas or ()],
        )
    return Room(
        id=row.id,
        kind=RoomKind(row.kind),
        name=row.name,
        description=row.description,
        owner_id=row.owner_id,
        is_private=row.is_private,
        settings=row.settings,
        space=space,
        parent_id=row.parent_id,
        area_id=row.area_id,
        member_count=row.member_count,
        last_seq=Seq(0) if of_nobody else row.last_seq,
        unread=unread,
        mention_count=mention_count,
        read_seq=row.my_read_seq or Seq(0),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _columns(space: Space | None) -> dict[str, Any]:
    if space is None:
        return {}
    return {
        "width": space.width,
        "height": space.height,
        "background": space.background,
        "speed": space.speed,
        "spawn_x": space.spawn_points[0].x,
        "spawn_y": space.spawn_points[0].y,
        "spawn_points": space.spawn_points,
        "builders": space.builders.value,
        "earshot": space.earshot,
        "areas": space.areas,
    }


def _newest_area(space: Space | None) -> int:
    return max((area.id for area in space.areas), default=0) if space is not None else 0


# One statement, made once: everybody who enters a room asks it.
_OWN = (
    select(
        memberships.c.role,
        memberships.c.muted_until,
        memberships.c.delivered_seq,
        memberships.c.read_seq,
        memberships.c.joined_at,
        users.c.display_name,
        rooms.c.last_seq,
        *_counts(memberships.c.room_id, bindparam("user_id", type_=Id)),
    )
    .join(rooms, rooms.c.id == memberships.c.room_id)
    .join(users, users.c.id == memberships.c.user_id)
    .where(
        memberships.c.room_id == bindparam("room_id", type_=Id),
        memberships.c.user_id == bindparam("user_id", type_=Id),
        rooms.c.archived_at.is_(None),
    )
)
