"""cafe, server to client: the name and the data of every event of the domain."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tertulia.dialects.cafe import shapes, space_events
from tertulia.dialects.cafe.shapes import hundredths, moment
from tertulia.domain import events as e
from tertulia.domain.clock import rfc3339
from tertulia.domain.roles import LeaveReason, RoomRole, Status

E = TypeVar("E", bound=e.Durable | e.Ephemeral)


class MessageReceived(Struct, frozen=True, kw_only=True):
    """*quote*: what it answers; *mentions*: ids of members whom it names; *mentions_here*: it calls everybody.
    *nonce*: to its sender only, if there was one."""

    room_id: int
    seq: int
    message_id: int
    user_id: int
    username: str
    message: str
    kind: str
    reply_to: int | None
    quote: shapes.Quote | None
    mentions: Sequence[int]
    mentions_here: bool
    attachments: Sequence[Any]
    created_at: str
    nonce: str | UnsetType = UNSET


class MessageEdited(Struct, frozen=True, kw_only=True):
    """*user_id* is who edited it. The mentions are those of the new text."""

    room_id: int
    seq: int
    message_id: int
    user_id: int
    username: str
    message: str
    mentions: Sequence[int]
    mentions_here: bool
    updated_at: str


class MessageDeleted(Struct, frozen=True, kw_only=True):
    """*user_id* is who deleted it."""

    room_id: int
    seq: int
    message_id: int
    user_id: int
    username: str
    updated_at: str


class Reacted(Struct, frozen=True, kw_only=True):
    """*user_id* is whose reaction it is; *count*: of this emoji on the message, from now on."""

    room_id: int
    seq: int
    message_id: int
    user_id: int
    username: str
    emoji: str
    count: int
    created_at: str


class Pinned(Struct, frozen=True, kw_only=True):
    """*user_id* is who did it."""

    room_id: int
    seq: int
    message_id: int
    user_id: int
    username: str
    created_at: str


class MemberAdded(Struct, frozen=True):
    """*by*: who brought them in; themselves, if they joined."""

    room_id: int
    seq: int
    user_id: int
    username: str
    role: RoomRole
    by: int
    created_at: str


class MemberRemoved(Struct, frozen=True):
    """*reason*: left, kicked, banned or deleted."""

    room_id: int
    seq: int
    user_id: int
    username: str
    reason: LeaveReason
    by: int
    created_at: str


class MemberUpdated(Struct, frozen=True):
    room_id: int
    seq: int
    user_id: int
    username: str
    role: RoomRole
    muted_until: str | None
    by: int
    created_at: str


class RoomUpdated(Struct, frozen=True):
    room_id: int
    seq: int
    user_id: int
    room: shapes.Room
    created_at: str


class RoomDeleted(Struct, frozen=True):
    room_id: int
    seq: int
    user_id: int
    created_at: str


class UserJoined(Struct, frozen=True):
    room_id: int
    user_id: int
    username: str
    x: float | None
    y: float | None


class UserLeft(Struct, frozen=True):
    """*reason*: left, disconnected or removed."""

    room_id: int
    user_id: int
    username: str
    reason: str


class UserTyping(Struct, frozen=True):
    room_id: int
    user_id: int
    username: str


class Marked(Struct, frozen=True, kw_only=True):
    """The room up to *seq* was read by that user, or has reached them; *message_id*: the newest message in that."""

    room_id: int
    user_id: int
    username: str
    seq: int
    message_id: int | None
    at: str | None


class PresenceUpdated(Struct, frozen=True, kw_only=True):
    user_id: int
    username: str
    status: Status
    text: str
    last_seen_at: str | None


def message_received(event: e.MessageSent, own: bool) -> MessageReceived:
    return MessageReceived(
        room_id=event.room_id,
        seq=event.seq,
        message_id=event.message_id,
        user_id=event.user_id,
        username=event.username,
        message=event.content,
        kind=event.kind,
        reply_to=event.reply_to,
        quote=shapes.quote(event.quote),
        mentions=event.mentions,
        mentions_here=event.mentions_here,
        attachments=(),
        created_at=rfc3339(event.created_at),
        nonce=event.nonce if own and event.nonce is not None else UNSET,
    )


def message_edited(event: e.MessageEdited, own: bool) -> MessageEdited:
    return MessageEdited(
        room_id=event.room_id,
        seq=event.seq,
        message_id=event.message_id,
        user_id=event.user_id,
        username=event.username,
        message=event.content,
        mentions=event.mentions,
        mentions_here=event.mentions_here,
        updated_at=rfc3339(event.updated_at),
    )


def message_deleted(event: e.MessageDeleted, own: bool) -> MessageDeleted:
    return MessageDeleted(
        room_id=event.room_id,
        seq=event.seq,
        message_id=event.message_id,
        user_id=event.user_id,
        username=event.username,
        updated_at=rfc3339(event.updated_at),
    )


def reacted(event: e.ReactionAdded | e.ReactionRemoved, own: bool) -> Reacted:
    return Reacted(
        room_id=event.room_id,
        seq=event.seq,
        message_id=event.message_id,
        user_id=event.user_id,
        username=event.username,
        emoji=event.emoji,
        count=event.count,
        created_at=rfc3339(event.created_at),
    )


def pinned(event: e.MessagePinned | e.MessageUnpinned, own: bool) -> Pinned:
    return Pinned(
        room_id=event.room_id,
        seq=event.seq,
        message_id=event.message_id,
        user_id=event.user_id,
        username=event.username,
        created_at=rfc3339(event.created_at),
    )


def member_added(event: e.MemberAdded, own: bool) -> MemberAdded:
    at = rfc3339(event.created_at)
    return MemberAdded(event.room_id, event.seq, event.user_id, event.username, event.role, event.by, at)


def member_removed(event: e.MemberRemoved, own: bool) -> MemberRemoved:
    at = rfc3339(event.created_at)
    return MemberRemoved(event.room_id, event.seq, event.user_id, event.username, event.reason, event.by, at)


def member_updated(event: e.MemberUpdated, own: bool) -> MemberUpdated:
    return MemberUpdated(
        event.room_id,
        event.seq,
        event.user_id,
        event.username,
        event.role,
        moment(event.muted_until),
        event.by,
        rfc3339(event.created_at),
    )


def room_updated(event: e.RoomUpdated, own: bool) -> RoomUpdated:
    room = msgspec.structs.replace(shapes.room(event.room), last_seq=UNSET, unread=UNSET, mention_count=UNSET)
    return RoomUpdated(event.room_id, event.seq, event.user_id, room, rfc3339(event.created_at))


def room_deleted(event: e.RoomDeleted, own: bool) -> RoomDeleted:
    return RoomDeleted(event.room_id, event.seq, event.user_id, rfc3339(event.created_at))


def user_joined(event: e.UserJoined, own: bool) -> UserJoined:
    return UserJoined(event.room_id, event.user_id, event.username, hundredths(event.x), hundredths(event.y))


def user_left(event: e.UserLeft, own: bool) -> UserLeft:
    reason = "left" if event.reason == "closed" else event.reason
    return UserLeft(event.room_id, event.user_id, event.username, reason)


def user_typing(event: e.UserTyping, own: bool) -> UserTyping:
    return UserTyping(event.room_id, event.user_id, event.username)


def marked(event: e.ReadUpdated | e.DeliveredUpdated, own: bool) -> Marked:
    return Marked(
        room_id=event.room_id,
        user_id=event.user_id,
        username=event.username,
        seq=event.seq,
        message_id=event.message_id,
        at=moment(event.at),
    )


def presence_updated(event: e.PresenceUpdated, own: bool) -> PresenceUpdated:
    return PresenceUpdated(
        user_id=event.user_id,
        username=event.username,
        status=event.status,
        text=event.text,
        last_seen_at=moment(event.last_seen_at),
    )


class Row(NamedTuple):
    name: str
    data: Callable[[Any, bool], Struct]


def _says(event: type[E], name: str, data: Callable[[E, bool], Struct]) -> tuple[type[Any], Row]:
    """A row of the table, checked: *data* takes that very event."""
    return event, Row(name, data)


EVENTS: dict[type[Any], Row] = dict(
    [
        _says(e.MessageSent, "message_received", message_received),
        _says(e.MessageEdited, "message_edited", message_edited),
        _says(e.MessageDeleted, "message_deleted", message_deleted),
        _says(e.ReactionAdded, "reaction_added", reacted),
        _says(e.ReactionRemoved, "reaction_removed", reacted),
        _says(e.MessagePinned, "message_pinned", pinned),
        _says(e.MessageUnpinned, "message_unpinned", pinned),
        _says(e.MemberAdded, "member_added", member_added),
        _says(e.MemberRemoved, "member_removed", member_removed),
        _says(e.MemberUpdated, "member_updated", member_updated),
        _says(e.RoomUpdated, "room_updated", room_updated),
        _says(e.ObjectPlaced, "object_placed", space_events.object_changed),
        _says(e.ObjectUpdated, "object_updated", space_events.object_changed),
        _says(e.ObjectRemoved, "object_removed", space_events.object_removed),
        _says(e.ToolUsed, "tool_used", space_events.tool_used),
        _says(e.RoomDeleted, "room_deleted", room_deleted),
        _says(e.UserJoined, "user_joined", user_joined),
        _says(e.UserLeft, "user_left", user_left),
        _says(e.UserTyping, "user_typing", user_typing),
        _says(e.ReadUpdated, "read_updated", marked),
        _says(e.DeliveredUpdated, "delivered_updated", marked),
        _says(e.PresenceUpdated, "presence_updated", presence_updated),
        _says(e.PositionUpdated, "position_updated", space_events.position_updated),
        _says(e.BubbleUpdated, "bubble", space_events.bubble),
    ]
)
"""Events without a row are not told in this dialect. *own*: for the event's author."""
