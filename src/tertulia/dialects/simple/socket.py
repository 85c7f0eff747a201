"""simple's socket: one room, frames `{"type", …}` in JSON."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from tertulia.domain import commands as c
from tertulia.domain.clock import rfc3339
from tertulia.domain.errors import EmptyMessage, Malformed, TertuliaError, UnknownCommand
from tertulia.domain.events import Event, MessageSent
from tertulia.domain.ids import MessageId, RoomId
from tertulia.domain.models import Message as DomainMessage
from tertulia.domain.models import Page
from tertulia.protocol.codec import JSON, UNREADABLE, explain
from tertulia.protocol.dialect import Catalogue, Dialect, Entered, FrameType, Request, Unreadable
from tertulia.protocol.fields import PAGE, Id, PageLimit, Text

INVALID_JSON = "Invalid JSON format"
MAX_NAME = 64
"""Characters of an unknown type that are repeated to the client."""

# ---- in


class Envelope(Struct, frozen=True):
    type: Raw = Raw()


class Said(Struct, frozen=True):
    content: Text | None = None


class Fetch(Struct, frozen=True):
    """*cursor*: a message id; what is older than it."""

    cursor: Id | None = None
    limit: PageLimit | None = None


class SaidFrame(Said, frozen=True, tag_field="type", tag="message"):
    """As a client should send it; without content it is refused in words of its own."""

    content: Text


class FetchFrame(Fetch, frozen=True, tag_field="type", tag="fetch_messages"):
    """*cursor*: a message id; what is older than it."""


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


_EXAMPLE = {
    "id": 9,
    "content": "Hello",
    "user_id": 3,
    "username": "alice",
    "room_id": 1,
    "created_at": "2026-11-21T09:18:35.000000Z",
}
CATALOGUE = Catalogue(
    receives=[
        FrameType(
            name="message",
            payload=SaidFrame,
            summary="Say something in the room",
            example={"type": "message", "content": "Hello"},
        ),
        FrameType(
            name="fetch_messages",
            payload=FetchFrame,
            summary="Ask for the messages before `cursor`, newest first",
            example={"type": "fetch_messages", "cursor": 123, "limit": 50},
        ),
    ],
    sends=[
        FrameType(
            name="messages_history",
            payload=HistoryFrame,
            summary="At once on connecting, and the answer to fetch_messages",
            example={
                "type": "messages_history",
                "data": {"messages": [_EXAMPLE], "has_more": False, "next_cursor": None},
            },
        ),
        FrameType(
            name="message",
            payload=MessageFrame,
            summary="Somebody said something, perhaps oneself",
            example={"type": "message", "data": _EXAMPLE},
        ),
        FrameType(
            name="error",
            payload=ErrorFrame,
            summary="A refusal; the socket stays open",
            example={"type": "error", "message": "Message content cannot be empty"},
        ),
    ],
)

_ENVELOPE = msgspec.json.Decoder(Envelope)
_SAID = msgspec.json.Decoder(Said)
_FETCH = msgspec.json.Decoder(Fetch)


class SimpleDialect(Dialect):
    """Messages of one room, and its history. Whatever else happens there has no word here."""

    name = "simple"

    def catalogue(self) -> Catalogue:
        return CATALOGUE

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
