"""simple's socket: one room, frames `{"type", …}` in JSON."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from tertulia.domain import commands as c
from tertulia.domain.clock import rfc3339
from tertulia.domain.errors import EmptyMessage, Malformed, TertuliaError, UnknownCommand
from tertulia.domain.events import Event, MessageSent
from tertulia.domain.ids import MessageId, RoomId, Seq
from tertulia.domain.models import Message as DomainMessage
from tertulia.domain.models import Page
from tertulia.protocol.codec import JSON, UNREADABLE, explain
from tertulia.protocol.dialect import CloseReason, Dialect, Entered, Request, Unreadable
from tertulia.protocol.fields import PAGE, Id, PageLimit, Text

INVALID_JSON = "Invalid JSON format"
MAX_NAME = 64
"""Characters of an unknown type that are repeated to the client."""

CLOSES: dict[CloseReason, tuple[int, str]] = {
    CloseReason.GOING_AWAY: (1001, "Server is going away"),
    CloseReason.RESTARTING: (1012, "Server is restarting"),
    CloseReason.OVERLOADED: (1013, "Server is overloaded, try again later"),
    CloseReason.SLOW_CONSUMER: (1013, "Reading too slowly"),
    CloseReason.SILENT: (1001, "No answer to pings"),
    CloseReason.TOO_FAST: (1008, "Too many messages"),
    CloseReason.FAULT: (1011, "Internal error"),
    CloseReason.BINARY: (1003, "Binary frames are not understood here"),
    CloseReason.MALFORMED: (1008, "Too many malformed messages"),
    CloseReason.TOO_MANY_SOCKETS: (1008, "Too many sockets of this user"),
    CloseReason.MISSING_TOKEN: (1008, "Missing authentication token"),
    CloseReason.INVALID_TOKEN: (1008, "Invalid token"),
    CloseReason.FORBIDDEN: (1008, "Not allowed"),
    CloseReason.NOT_A_MEMBER: (1008, "Not a member of this room"),
    CloseReason.NO_SUCH_ROOM: (1008, "Room not found"),
}


# ---- in


class Envelope(Struct, frozen=True):
    type: Raw = Raw()


class Said(Struct, frozen=True):
    content: Text | None = None


class Fetch(Struct, frozen=True):
    """*cursor*: a message id; what is older than it."""

    cursor: Id | None = None
    limit: PageLimit | None = None


# ---- out


class Message(Struct, frozen=True):
    id: int
    content: str
    user_id: int
    username: str
    room_id: int
    created_at: str


class History(Struct, frozen=True):
    """Newest first; *next_cursor* asks for older ones."""

    messages: list[Message]
    has_more: bool
    next_cursor: int | None


class MessageFrame(Struct, frozen=True, tag_field="type", tag="message"):
    data: Message


class HistoryFrame(Struct, frozen=True, tag_field="type", tag="messages_history"):
    data: History


class ErrorFrame(Struct, frozen=True, tag_field="type", tag="error"):
    message: str


_ENVELOPE = msgspec.json.Decoder(Envelope)
_SAID = msgspec.json.Decoder(Said)
_FETCH = msgspec.json.Decoder(Fetch)


class SimpleDialect(Dialect):
    """Messages of one room, and its history. Whatever else happens there has no word here."""

    name = "simple"
    subprotocol = None
    is_binary = False
    greets = False
    heartbeats = False

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        if not isinstance(frame, str):
            raise Unreadable(Malformed("A text frame is due"))
        if room_id is None:
            raise Unreadable(Malformed("The socket's path names no room"))
        try:
            raw = _ENVELOPE.decode(frame).type
        except UNREADABLE:
            raise Unreadable(Malformed(INVALID_JSON)) from None
        if not raw:
            raise Unreadable(Malformed("Message type is missing"))
        name = _readable(raw)
        if name == "message":
            return Request(_send(frame, room_id), name)
        if name == "fetch_messages":
            return Request(_fetch(frame, room_id), name)
        raise Unreadable(UnknownCommand(name), name)

    def opening(self, room_id: RoomId | None) -> list[Request]:
        return [] if room_id is None else [Request(c.EnterRoom(room_id=room_id))]

    def encode(self, event: Event, own: bool) -> bytes | None:
        if not isinstance(event, MessageSent):
            return None
        message = Message(
            event.message_id, event.content, event.user_id, event.username, event.room_id, rfc3339(event.created_at)
        )
        return JSON.frame(MessageFrame(message))

    def replies(self, request: Request, result: Any) -> list[bytes]:
        """A message has no answer but itself, which its sender hears as all others do."""
        if isinstance(result, Entered):
            newest_first = list(reversed(result.snapshot.messages.items))
            return [_history(newest_first, result.snapshot.messages)]
        if isinstance(request.command, c.ListMessages):
            return [_history(result.items, result)]
        return []

    def error(self, error: TertuliaError, name: str, ref: Any) -> bytes:
        text = f"Unknown message type: {error.name}" if isinstance(error, UnknownCommand) else error.message
        return JSON.frame(ErrorFrame(text))

    def caught_up(self, room_id: RoomId, seq: Seq) -> None:
        return None

    def heartbeat(self, heads: dict[RoomId, Seq]) -> None:
        return None

    def farewell(self, reason: CloseReason, retry_after: float | None) -> None:
        return None

    def closing(self, reason: CloseReason) -> tuple[int, str]:
        return CLOSES[reason]


def _send(frame: str, room_id: RoomId) -> c.SendMessage:
    try:
        content = _SAID.decode(frame).content
    except UNREADABLE:
        raise Unreadable(Malformed("Message content must be text"), "message") from None
    if not content:
        raise Unreadable(EmptyMessage(), "message")
    return c.SendMessage(room_id=room_id, content=content)


def _fetch(frame: str, room_id: RoomId) -> c.ListMessages:
    try:
        fetch = _FETCH.decode(frame)
    except UNREADABLE as error:
        raise Unreadable(Malformed(explain(error)), "fetch_messages") from None
    cursor = None if fetch.cursor is None else MessageId(fetch.cursor)
    return c.ListMessages(room_id=room_id, cursor=cursor, limit=PAGE if fetch.limit is None else fetch.limit)


def _readable(raw: Raw) -> str:
    """A type of any JSON type, as text."""
    try:
        return msgspec.json.decode(raw, type=str)[:MAX_NAME]
    except UNREADABLE:
        return bytes(raw).decode()[:MAX_NAME]


def _history(messages: list[DomainMessage], page: Page[DomainMessage]) -> bytes:
    """Deleted messages have no word here: what is left of them is left out."""
    told = [
        Message(one.id, one.content, one.user_id, one.username, one.room_id, rfc3339(one.created_at))
        for one in messages
        if not one.is_deleted
    ]
    return JSON.frame(HistoryFrame(History(told, page.has_more, page.next_cursor)))
