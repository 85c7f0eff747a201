"""cafe, what goes out: users, rooms, messages and objects as they stand in a socket's frames. Times are text."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from tertulia.domain import models
from tertulia.domain.clock import rfc3339
from tertulia.domain.roles import RoomKind


class User(Struct, frozen=True, kw_only=True):
    """*email*: one's own only."""

    id: int
    username: str
    email: str | UnsetType | None = UNSET
    display_name: str
    avatar_url: str | None
    bio: str
    role: str
    status: str
    status_text: str
    last_seen_at: str | None
    created_at: str


class Space(Struct, frozen=True, kw_only=True):
    """In units; (0, 0) is the upper left corner. *speed*: units a second, 0 for no limit. *builders*: everyone, members
    or moderators. *earshot*: how far apart those may be who talk to each other nearby."""

    width: float
    height: float
    background: str | None
    speed: float
    spawn_points: Sequence[models.Point]
    builders: str
    earshot: float
    areas: Sequence[models.Area]


class Room(Struct, frozen=True, kw_only=True):
    """*last_seq*, *unread* and *mention_count* are left out of `room_updated`, where they would say nothing.
    *parent_id*: of a talk, the room in whose space it is held; *area_id*: the area that it is held in, if one has it."""

    id: int
    kind: RoomKind
    name: str
    description: str
    owner_id: int | None
    is_private: bool
    settings: dict[str, Any]
    space: Space | None
    parent_id: int | None
    area_id: int | None
    member_count: int
    last_seq: int | UnsetType = UNSET
    unread: int | UnsetType = UNSET
    mention_count: int | UnsetType = UNSET
    created_at: str
    updated_at: str


class Quote(Struct, frozen=True, kw_only=True):
    """What a reply answers: its author, and its first line as it is now; none once it is deleted."""

    message_id: int
    user_id: int
    username: str
    text: str
    is_deleted: bool


class Reaction(Struct, frozen=True, kw_only=True):
    """*users*: ids of the first who gave it, at most 20."""

    emoji: str
    count: int
    users: Sequence[int]


class Message(Struct, frozen=True, kw_only=True):
    """A message in a list: as REST has it, with what has become of it since it was sent.

    *mentions*: ids of members whom it names; *mentions_here*: it calls everybody. *recipient_id*: the other one in a
    direct room, where *delivered_at* and *read_at* say when it reached them; null elsewhere.
    """

    id: int
    room_id: int
    seq: int
    user_id: int
    username: str
    content: str
    kind: str
    reply_to: int | None
    quote: Quote | None
    mentions: Sequence[int]
    mentions_here: bool
    attachments: Sequence[Any]
    reactions: Sequence[Reaction]
    recipient_id: int | None
    delivered_at: str | None
    read_at: str | None
    is_edited: bool
    is_deleted: bool
    created_at: str
    updated_at: str | None


class SpaceObject(Struct, frozen=True, kw_only=True):
    """(x, y) is its upper left corner; *rotation*: degrees, clockwise, about its middle. *version* goes up by one with
    each change. *occupied_by*: who sits on it."""

    id: int
    room_id: int
    type: str
    x: float
    y: float
    width: float
    height: float
    rotation: float
    is_solid: bool
    metadata: dict[str, Any]
    version: int
    occupied_by: int | None
    created_by: int | None
    updated_at: str


def moment(when: datetime | None) -> str | None:
    return None if when is None else rfc3339(when)


def hundredths(coordinate: float | None) -> float | None:
    """A coordinate as clients are told it, who do not walk by smaller steps."""
    return None if coordinate is None else round(coordinate, 2)


def own_user(user: models.User) -> User:
    """*user* as they see themselves."""
    return User(
        id=user.id,
        username=user.username,
        email=user.email,
        display_name=user.display_name,
        avatar_url=user.avatar_url,
        bio=user.bio,
        role=user.role,
        status=user.status,
        status_text=user.status_text,
        last_seen_at=moment(user.last_seen_at),
        created_at=rfc3339(user.created_at),
    )


def room(one: models.Room) -> Room:
    return Room(
        id=one.id,
        kind=one.kind,
        name=one.name,
        description=one.description,
        owner_id=one.owner_id,
        is_private=one.is_private,
        settings=one.settings,
        space=None if one.space is None else space(one.space),
        parent_id=one.parent_id,
        area_id=one.area_id,
        member_count=one.member_count,
        last_seq=one.last_seq,
        unread=one.unread,
        mention_count=one.mention_count,
        created_at=rfc3339(one.created_at),
        updated_at=rfc3339(one.updated_at),
    )


def space(one: models.Space) -> Space:
    return Space(
        width=one.width,
        height=one.height,
        background=one.background,
        speed=one.speed,
        spawn_points=one.spawn_points,
        builders=one.builders,
        earshot=one.earshot,
        areas=one.areas,
    )


def quote(one: models.Quote | None) -> Quote | None:
    if one is None:
        return None
    return Quote(
        message_id=one.message_id,
        user_id=one.user_id,
        username=one.username,
        text=one.text,
        is_deleted=one.is_deleted,
    )


def message(one: models.Message) -> Message:
    return Message(
        id=one.id,
        room_id=one.room_id,
        seq=one.seq,
        user_id=one.user_id,
        username=one.username,
        content=one.content,
        kind=one.kind,
        reply_to=one.reply_to,
        quote=quote(one.quote),
        mentions=one.mentions,
        mentions_here=one.mentions_here,
        attachments=(),
        reactions=[Reaction(emoji=each.emoji, count=each.count, users=each.users) for each in one.reactions],
        recipient_id=one.recipient_id,
        delivered_at=moment(one.delivered_at),
        read_at=moment(one.read_at),
        is_edited=one.is_edited,
        is_deleted=one.is_deleted,
        created_at=rfc3339(one.created_at),
        updated_at=moment(one.updated_at),
    )


def space_object(one: models.SpaceObject) -> SpaceObject:
    return SpaceObject(
        id=one.id,
        room_id=one.room_id,
        type=one.type,
        x=one.x,
        y=one.y,
        width=one.width,
        height=one.height,
        rotation=one.rotation,
        is_solid=one.is_solid,
        metadata=one.metadata,
        version=one.version,
        occupied_by=one.occupied_by,
        created_by=one.created_by,
        updated_at=rfc3339(one.updated_at),
    )
