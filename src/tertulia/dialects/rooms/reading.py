"""rooms' frames as they come in: an operation, or what was wrong with them in words. Reading is total."""

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tertulia.dialects.rooms.operations import RoomsOperation
from tertulia.domain.errors import EmptyMessage, Malformed, TertuliaError, UnknownCommand
from tertulia.domain.ids import RoomId
from tertulia.protocol.codec import UNREADABLE, explain
from tertulia.protocol.dialect import Request, Unreadable

MAX_NAME = 64
"""Characters of an unknown type that are repeated to the client."""
MESSAGE = "message"


class _Envelope(Struct, frozen=True):
    type: Raw = Raw()


class _Content(Struct, frozen=True):
    content: Any = None


_ENVELOPE, _CONTENT = msgspec.json.Decoder(_Envelope), msgspec.json.Decoder(_Content)


class Reader:
    """Of frames of these types. *operations*: a union of tagged structs; *names*: of their types."""

    def __init__(self, operations: Any, names: Collection[str]) -> None:
        self._decoder: msgspec.json.Decoder[RoomsOperation] = msgspec.json.Decoder(operations)
        self._names = names

    def read(self, frame: str | bytes, own: RoomId | None) -> Request:
        """*own*: the room that the socket is of. Raises Unreadable, and nothing else."""
        if not isinstance(frame, str):
            raise Unreadable(Malformed("A text frame is due"))
        try:
            operation = self._decoder.decode(frame)
        except UNREADABLE as error:
            raise self._unreadable(frame, error) from None
        name = str(operation.__struct_config__.tag)
        try:
            return Request(operation.to_command(own), name)
        except TertuliaError as error:
            raise Unreadable(error, name) from None

    def _unreadable(self, frame: str, error: Exception) -> Unreadable:
        """Why *frame* could not be decoded: its type is asked first."""
        try:
            raw = _ENVELOPE.decode(frame).type
        except UNREADABLE:
            return Unreadable(Malformed("Invalid JSON format"))
        if not raw:
            return Unreadable(Malformed("Message type is missing"))
        name = _readable(raw)
        if name not in self._names:
            return Unreadable(UnknownCommand(name), name)
        if name == MESSAGE and not _has_content(frame):
            return Unreadable(EmptyMessage(), name)
        return Unreadable(Malformed(explain(error)), name)


def _has_content(frame: str) -> bool:
    """Of any kind, readable or not."""
    try:
        return _CONTENT.decode(frame).content is not None
    except UNREADABLE:
        return True


def _readable(raw: Raw) -> str:
    """A type of any JSON type, as text."""
    try:
        return msgspec.json.decode(raw, type=str)[:MAX_NAME]
    except UNREADABLE:
        return bytes(raw).decode()[:MAX_NAME]
