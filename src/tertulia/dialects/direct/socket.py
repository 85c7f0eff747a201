"""direct's socket: all rooms of one user, frames `{"type", …}` in JSON; without a type they are messages."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from tertulia.dialects.direct import events
from tertulia.dialects.direct.catalogue import CATALOGUE
from tertulia.dialects.direct.operations import MESSAGE, OPERATIONS, renamed
from tertulia.domain import errors as x
from tertulia.domain.clock import rfc3339
from tertulia.domain.commands import Listen, Ping
from tertulia.domain.events import Event
from tertulia.domain.ids import RoomId
from tertulia.protocol.codec import JSON, UNREADABLE, explain
from tertulia.protocol.dialect import POLICY_CLOSES, Catalogue, CloseReason, Dialect, Request, Unreadable

MAX_NAME = 64
"""Characters of an unknown type that are repeated to the client."""


class _Envelope(Struct, frozen=True):
    type: Raw = Raw()


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_DECODERS = {name: msgspec.json.Decoder(operation) for name, operation in OPERATIONS.items()}


class DirectDialect(Dialect):
    """A user hears all their rooms without being in any. What is said, and what people do, has a word; what becomes of
    rooms and of their members has none."""

    name = "direct"
    closes: Mapping[CloseReason, tuple[int, str]] = {
        **POLICY_CLOSES,
        CloseReason.MISSING_TOKEN: POLICY_CLOSES[CloseReason.INVALID_TOKEN],
    }

    def catalogue(self) -> Catalogue:
        return CATALOGUE

    def opening(self, room_id: RoomId | None) -> list[Request]:
        return [Request(Listen())]

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        if not isinstance(frame, str):
            raise Unreadable(x.Malformed("A text frame is due"))
        try:
            raw = _ENVELOPE.decode(frame).type
        except UNREADABLE:
            raise Unreadable(x.Malformed("Invalid JSON format")) from None
        name = MESSAGE if not raw or raw == JSON.null else _readable(raw)
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise Unreadable(x.UnknownCommand(name), name)
        try:
            return Request(decoder.decode(frame).to_command(), name)
        except UNREADABLE as error:
            raise Unreadable(x.Malformed(explain(error)), name) from None
        except (x.Malformed, x.EmptyMessage) as error:
            raise Unreadable(error, name) from None

    def encode(self, event: Event, own: bool) -> bytes | None:
        says = events.EVENTS.get(type(event))
        frame = None if says is None else says(event, own)
        return None if frame is None else JSON.frame(frame)

    def replies(self, request: Request, result: Any) -> list[bytes]:
        """What is done has no answer but its event, which who did it hears as all others do."""
        if isinstance(request.command, Ping):
            return [JSON.frame(events.DirectPong(timestamp=rfc3339(result)))]
        return []

    def error(self, error: x.TertuliaError, name: str, ref: Any) -> bytes:
        if isinstance(error, x.UnknownCommand):
            text = f"Unknown message type: {error.name}"
        else:
            text = renamed(error).message if isinstance(error, x.Invalid) else error.message
        retry_after = error.retry_after if isinstance(error, x.TooFast | x.Unavailable) else UNSET
        return JSON.frame(
            events.DirectError(message=text, code=error.code, request=name or UNSET, retry_after=retry_after)
        )


def _readable(raw: Raw) -> str:
    """A type of any JSON type, as text."""
    try:
        return msgspec.json.decode(raw, type=str)[:MAX_NAME]
    except UNREADABLE:
        return bytes(raw).decode()[:MAX_NAME]
