"""rooms, server to client: the frame of every event and answer that there is a word for."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from tertulia.domain import errors as x
from tertulia.domain import events as e
from tertulia.domain.clock import rfc3339
from tertulia.domain.commands import Snapshot, Welcome
from tertulia.domain.ids import RoomId
from tertulia.domain.models import Message
from tertulia.protocol.dialect import Entered

E = TypeVar("E", bound=e.Durable | e.Ephemeral)
Row = tuple[type[Any], Callable[[Any, bool], "Frame | None"]]


class Frame(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What the server says."""


class RoomsEstablished(Frame, frozen=True, kw_only=True, tag="connection_established"):
    """The first frame of all. *connection_id*: of this socket."""

    connection_id: str
    user_id: int
    username: str


class RoomsUser(Struct, frozen=True, kw_only=True):
    user_id: int
    username: str


class RoomsJoined(Frame, frozen=True, kw_only=True, tag="room_joined"):
    """*users*: who is in the room now, oneself included."""

    room_id: int
    room_name: str
    users: Sequence[RoomsUser]


class RoomsSaid(Struct, frozen=True, kw_only=True):
    """A message. *timestamp*: when it was stored."""

    id: int
    room_id: int
    user_id: int
    username: str
    content: str
    timestamp: str


class RoomsHistory(Frame, frozen=True, kw_only=True, tag="message_history"):
    """Oldest first."""

    room_id: int
    messages: Sequence[RoomsSaid]


class RoomsLeft(Frame, frozen=True, kw_only=True, tag="room_left"):
    """One hears the room no more, with this socket."""

    room_id: int


class RoomsMessage(RoomsSaid, Frame, frozen=True, kw_only=True, tag="message"):
    """*timestamp*: when it was stored."""


class OfAUser(Frame, frozen=True, kw_only=True):
    room_id: int
    user_id: int
    username: str


class RoomsUserJoined(OfAUser, frozen=True, kw_only=True, tag="user_joined"):
    pass


class RoomsUserLeft(OfAUser, frozen=True, kw_only=True, tag="user_left"):
    """They said so, or are no member any more."""


class RoomsUserDisconnected(OfAUser, frozen=True, kw_only=True, tag="user_disconnected"):
    """Their last socket in the room is gone, and they had not left."""


class RoomsTyping(OfAUser, frozen=True, kw_only=True, tag="user_typing"):
    pass


class RoomsError(Frame, frozen=True, kw_only=True, tag="error"):
    """*code*: a stable word for programs; *message*: for people."""

    message: str
    code: str


class RoomsPong(Frame, frozen=True, kw_only=True, tag="pong"):
    """*timestamp*: the time now."""

    timestamp: str


class RoomsPublicEstablished(Frame, frozen=True, kw_only=True, tag="connection_established"):
    """The first frame of all. *client_id*: what the others see of this socket."""

    client_id: str


class RoomsPublicMessage(Frame, frozen=True, kw_only=True, tag="message"):
    client_id: str
    content: str
    timestamp: str


# ---- answers


def established(welcome: Welcome) -> Frame:
    """Without a user: of a public socket."""
    if welcome.user is None:
        return RoomsPublicEstablished(client_id=welcome.session_id)
    return RoomsEstablished(connection_id=welcome.session_id, user_id=welcome.user.id, username=welcome.user.username)


def joined(entered: Entered) -> RoomsJoined:
    room = entered.snapshot.room
    users = [RoomsUser(user_id=one.user_id, username=one.username) for one in entered.users]
    return RoomsJoined(room_id=room.id, room_name=room.name, users=users)


def history(snapshot: Snapshot) -> RoomsHistory:
    """Deleted messages have no word here: what is left of them is left out."""
    told = [said(one) for one in snapshot.messages.items if not one.is_deleted]
    return RoomsHistory(room_id=snapshot.room.id, messages=told)


def said(message: Message) -> RoomsSaid:
    return RoomsSaid(
        id=message.id,
        room_id=message.room_id,
        user_id=message.user_id,
        username=message.username,
        content=message.content,
        timestamp=rfc3339(message.created_at),
    )


def pong(now: datetime) -> RoomsPong:
    return RoomsPong(timestamp=rfc3339(now))


def refused(error: x.TertuliaError) -> RoomsError:
    text = f"Unknown message type: {error.name}" if isinstance(error, x.UnknownCommand) else error.message
    return RoomsError(message=text, code=error.code)


def room_left(room_id: RoomId) -> RoomsLeft:
    return RoomsLeft(room_id=room_id)


# ---- events


def sent(event: e.MessageSent, own: bool) -> RoomsMessage:
    return RoomsMessage(
        id=event.message_id,
        room_id=event.room_id,
        user_id=event.user_id,
        username=event.username,
        content=event.content,
        timestamp=rfc3339(event.created_at),
    )


def user_joined(event: e.UserJoined, own: bool) -> RoomsUserJoined:
    return RoomsUserJoined(room_id=event.room_id, user_id=event.user_id, username=event.username)


def user_left(event: e.UserLeft, own: bool) -> OfAUser:
    """A socket that was closed in good order, without leaving first, is gone all the same."""
    frame = RoomsUserDisconnected if event.reason in ("closed", "disconnected") else RoomsUserLeft
    return frame(room_id=event.room_id, user_id=event.user_id, username=event.username)


def user_typing(event: e.UserTyping, own: bool) -> RoomsTyping:
    return RoomsTyping(room_id=event.room_id, user_id=event.user_id, username=event.username)


def member_removed(event: e.MemberRemoved, own: bool) -> RoomsLeft | None:
    """Only who it is about: the others are told when they leave the room with their sockets."""
    return room_left(event.room_id) if own else None


def room_deleted(event: e.RoomDeleted, own: bool) -> RoomsLeft:
    """Everybody has left it."""
    return room_left(event.room_id)


def _says(event: type[E], frame: Callable[[E, bool], Frame | None]) -> Row:
    """A row of the table, checked: *frame* takes that very event."""
    return event, frame


EVENTS: dict[type[Any], Callable[[Any, bool], Frame | None]] = dict(
    [
        _says(e.MessageSent, sent),
        _says(e.UserJoined, user_joined),
        _says(e.UserLeft, user_left),
        _says(e.UserTyping, user_typing),
        _says(e.MemberRemoved, member_removed),
        _says(e.RoomDeleted, room_deleted),
    ]
)
"""Events without a row are not told in this dialect."""
