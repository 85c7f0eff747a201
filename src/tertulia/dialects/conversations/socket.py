"""conversations' socket: one conversation, frames `{"type", …}` in JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from tertulia.dialects.conversations import events, ids
from tertulia.dialects.conversations.catalogue import CATALOGUE
from tertulia.dialects.conversations.operations import OPERATIONS, AnyOperation
from tertulia.domain import errors as x
from tertulia.domain.clock import rfc3339
from tertulia.domain.commands import EnterRoom, Ping
from tertulia.domain.events import SHOWN_OCCUPANTS, Event
from tertulia.domain.ids import RoomId
from tertulia.protocol.codec import JSON, UNREADABLE, explain
from tertulia.protocol.dialect import (
    POLICY_CLOSES,
    Catalogue,
    CloseReason,
    Dialect,
    Entered,
    Request,
    Unreadable,
)

NOT_A_MEMBER = "Not a member of this conversation"
"""The answer to who is none, and to who asks for a conversation that is not there: nobody can tell one from the other."""
MAX_NAME = 64
"""Characters of an unknown type that are repeated to the client."""
_NOT_YOURS = (x.NotAMember, x.NoSuchRoom, x.Banned)


class _Envelope(Struct, frozen=True):
    type: Raw = Raw()


_DECODER: msgspec.json.Decoder[AnyOperation] = msgspec.json.Decoder(AnyOperation)
_ENVELOPE = msgspec.json.Decoder(_Envelope)


class ConversationsDialect(Dialect):
    """A room is a conversation of its members alone. All that is said in it has a word; what becomes of the room and of
    its membership has none."""

    name = "conversations"
    closes: Mapping[CloseReason, tuple[int, str]] = {
        **POLICY_CLOSES,
        CloseReason.MISSING_TOKEN: POLICY_CLOSES[CloseReason.INVALID_TOKEN],
        CloseReason.NOT_A_MEMBER: (1008, NOT_A_MEMBER),
        CloseReason.NO_SUCH_ROOM: (1008, NOT_A_MEMBER),
    }

    def catalogue(self) -> Catalogue:
        return CATALOGUE

    def read_room_id(self, text: str) -> RoomId | None:
        number = ids.read(ids.CONVERSATION, text)
        return RoomId(number) if number else None

    def opening(self, room_id: RoomId | None) -> list[Request]:
        """Nobody becomes a member by connecting."""
        return [] if room_id is None else [Request(EnterRoom(room_id=room_id, joins=False))]

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        if not isinstance(frame, str):
            raise Unreadable(x.Malformed("A text frame is due"))
        if room_id is None:
            raise Unreadable(x.Malformed("The socket's path names no conversation"))
        try:
            operation = _DECODER.decode(frame)
        except UNREADABLE as error:
            raise _unreadable(frame, error) from None
        name = str(operation.__struct_config__.tag)
        try:
            return Request(operation.to_command(room_id), name)
        except x.Malformed as error:
            raise Unreadable(error, name) from None

    def encode(self, event: Event, own: bool) -> bytes | None:
        """All hear the same, who did it included."""
        says = events.EVENTS.get(type(event))
        frame = None if says is None else says(event)
        return None if frame is None else JSON.frame(frame)

    def replies(self, request: Request, result: Any) -> list[bytes]:
        """What is done has no answer but its event, which who did it hears as all others do."""
        if isinstance(result, Entered):
            who = result.snapshot.membership
            present = [one.user_id for one in result.users[:SHOWN_OCCUPANTS]]
            return [JSON.frame(events.arrived(who.user_id, who.username, present))]
        if isinstance(request.command, Ping):
            return [JSON.frame(events.ConversationPong(timestamp=rfc3339(result)))]
        return []

    def error(self, error: x.TertuliaError, name: str, ref: Any) -> bytes:
        retry_after = error.retry_after if isinstance(error, x.TooFast | x.Unavailable) else UNSET
        content, code = told(error)
        return JSON.frame(
            events.ConversationError(content=content, code=code, request=name or UNSET, retry_after=retry_after)
        )


def told(error: x.TertuliaError) -> tuple[str, str]:
    """In this dialect's words, and its code."""
    if isinstance(error, _NOT_YOURS):
        return NOT_A_MEMBER, x.NotAMember.code
    if isinstance(error, x.UnknownCommand):
        return f"Unknown message type: {error.name}", error.code
    return error.message, error.code


def _unreadable(frame: str, error: Exception) -> Unreadable:
    """Why *frame* could not be decoded: its type is asked first."""
    try:
        raw = _ENVELOPE.decode(frame).type
    except UNREADABLE:
        return Unreadable(x.Malformed("Invalid JSON format"))
    if not raw:
        return Unreadable(x.Malformed("Message type is missing"))
    name = _readable(raw)
    if name not in OPERATIONS:
        return Unreadable(x.UnknownCommand(name), name)
    return Unreadable(x.Malformed(explain(error)), name)


def _readable(raw: Raw) -> str:
    """A type of any JSON type, as text."""
    try:
        return msgspec.json.decode(raw, type=str)[:MAX_NAME]
    except UNREADABLE:
        return bytes(raw).decode()[:MAX_NAME]
