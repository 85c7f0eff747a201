"""cafe, server to client: the name and the data of every event of the domain."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tertulia.dialects.cafe import shapes
from tertulia.dialects.cafe.shapes import moment
from tertulia.domain import events as e
from tertulia.domain.clock import rfc3339

E = TypeVar("E", bound=e.Durable | e.Ephemeral)


class MessageReceived(Struct, frozen=True):
    """*nonce*: to its sender only, if there was one."""

    room_id: int
    seq: int
    message_id: int
    user_id: int
    username: str
    message: str
    kind: str
    reply_to: int | None
    created_at: str
    attachments: tuple[()] = ()
    nonce: str | UnsetType = UNSET


class MessageEdited(Struct, frozen=True):
    room_id: int
    seq: int
    message_id: int
    user_id: int
    message: str
    updated_at: str


class MessageDeleted(Struct, frozen=True):
    room_id: int
    seq: int
    message_id: int
    user_id: int
    updated_at: str


class MemberAdded(Struct, frozen=True):
    """*by*: who brought them in; themselves, if they joined."""

    room_id: int
    seq: int
    user_id: int
    username: str
    role: str
    by: int
    created_at: str


class MemberRemoved(Struct, frozen=True):
    """*reason*: left, kicked, banned or deleted."""

    room_id: int
    seq: int
    user_id: int
    username: str
    reason: str
    by: int
    created_at: str


class MemberUpdated(Struct, frozen=True):
    room_id: int
    seq: int
    user_id: int
    username: str
    role: str
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


class ReadUpdated(Struct, frozen=True):
    room_id: int
    user_id: int
    seq: int


class PresenceUpdated(Struct, frozen=True):
    user_id: int
    status: str
    text: str
    last_seen_at: str | None


def message_received(event: e.MessageSent, own: bool) -> MessageReceived:
    return MessageReceived(
        event.room_id,
        event.seq,
        event.message_id,
        event.user_id,
        event.username,
        event.content,
        event.kind,
        event.reply_to,
        rfc3339(event.created_at),
        (),
        event.nonce if own and event.nonce is not None else UNSET,
    )


def message_edited(event: e.MessageEdited, own: bool) -> MessageEdited:
    return MessageEdited(
        event.room_id, event.seq, event.message_id, event.user_id, event.content, rfc3339(event.updated_at)
    )


def message_deleted(event: e.MessageDeleted, own: bool) -> MessageDeleted:
    return MessageDeleted(event.room_id, event.seq, event.message_id, event.user_id, rfc3339(event.updated_at))


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
    room = msgspec.structs.replace(shapes.room(event.room), last_seq=UNSET, unread=UNSET)
    return RoomUpdated(event.room_id, event.seq, event.user_id, room, rfc3339(event.created_at))


def room_deleted(event: e.RoomDeleted, own: bool) -> RoomDeleted:
    return RoomDeleted(event.room_id, event.seq, event.user_id, rfc3339(event.created_at))


def user_joined(event: e.UserJoined, own: bool) -> UserJoined:
    return UserJoined(event.room_id, event.user_id, event.username, event.x, event.y)


def user_left(event: e.UserLeft, own: bool) -> UserLeft:
    return UserLeft(event.room_id, event.user_id, event.username, event.reason)


def user_typing(event: e.UserTyping, own: bool) -> UserTyping:
    return UserTyping(event.room_id, event.user_id, event.username)


def read_updated(event: e.ReadUpdated, own: bool) -> ReadUpdated:
    return ReadUpdated(event.room_id, event.user_id, event.seq)


def presence_updated(event: e.PresenceUpdated, own: bool) -> PresenceUpdated:
    return PresenceUpdated(event.user_id, event.status, event.text, moment(event.last_seen_at))


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
        _says(e.MemberAdded, "member_added", member_added),
        _says(e.MemberRemoved, "member_removed", member_removed),
        _says(e.MemberUpdated, "member_updated", member_updated),
        _says(e.RoomUpdated, "room_updated", room_updated),
        _says(e.RoomDeleted, "room_deleted", room_deleted),
        _says(e.UserJoined, "user_joined", user_joined),
        _says(e.UserLeft, "user_left", user_left),
        _says(e.UserTyping, "user_typing", user_typing),
        _says(e.ReadUpdated, "read_updated", read_updated),
        _says(e.PresenceUpdated, "presence_updated", presence_updated),
    ]
)
"""Events without a row are not told in this dialect. *own*: for the event's author."""
