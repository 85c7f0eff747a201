"""Codecs: JSON text and MessagePack bytes. Reading is total: a value of the type asked for, or one of `UNREADABLE`."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from tertulia.protocol.frames import binary_frame, text_frame

T_co = TypeVar("T_co", covariant=True)

UNREADABLE = (ValueError, RecursionError, OverflowError)
"""All that a decoder raises on bad input: msgspec's errors and UnicodeError are ValueErrors; deep nesting recurses."""


class Decoder(Protocol, Generic[T_co]):
    def decode(self, data: Any, /) -> T_co: ...


class Codec:
    """One encoding, of frames and of the values in them. *empty*: an object without fields; *null*: nothing at all."""

    __slots__ = ("_checks", "_frame", "decoder", "empty", "encode", "is_binary", "null")

    def __init__(
        self,
        *,
        decoder: Callable[[Any], Decoder[Any]],
        encode: Callable[[Any], bytes],
        frame: Callable[[bytes], bytes],
        is_binary: bool,
    ) -> None:
        self.decoder, self.encode, self.is_binary = decoder, encode, is_binary
        self.empty, self.null = msgspec.Raw(encode({})), msgspec.Raw(encode(None))
        self._frame = frame
        # Skipping over a MessagePack value does not look at the UTF-8 in it, skipping over a JSON value does.
        self._checks = decoder(Any) if is_binary else None

    def frame(self, value: Any) -> bytes:
        """*value* as a whole WebSocket frame."""
        return self._frame(self.encode(value))

    def check(self, raw: msgspec.Raw) -> msgspec.Raw:
        """*raw* unchanged, if it can be sent back as it came; raises one of `UNREADABLE`."""
        if self._checks is not None:
            self._checks.decode(raw)
        return raw


JSON = Codec(decoder=msgspec.json.Decoder, encode=msgspec.json.Encoder().encode, frame=text_frame, is_binary=False)
MSGPACK = Codec(
    decoder=msgspec.msgpack.Decoder, encode=msgspec.msgpack.Encoder().encode, frame=binary_frame, is_binary=True
)


def explain(error: Exception) -> str:
    """What was wrong, for a person; never the input itself, which may be a password."""
    if isinstance(error, RecursionError):
        return "Too deeply nested"
    if isinstance(error, UnicodeError):
        return "The text is not valid Unicode"
    if isinstance(error, msgspec.MsgspecError):
        return str(error)
    return "Cannot be decoded"


class Once:
    """Encodes a thing once for all who are sent that very object, and remembers the last few. *shape*: what the wire
    has of it."""

    __slots__ = ("_encode", "_kept", "_most", "_shape")

    def __init__(self, codec: Codec, shape: Callable[[Any], Any], *, most: int = 64) -> None:
        self._encode, self._shape, self._most = codec.encode, shape, most
        self._kept: dict[int, tuple[Any, msgspec.Raw]] = {}  # holds the thing too: else its id could be another's

    def __call__(self, thing: Any) -> msgspec.Raw:
        kept = self._kept.get(id(thing))
        if kept is None:
            if len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            kept = self._kept[id(thing)] = thing, msgspec.Raw(self._encode(self._shape(thing)))
        return kept[1]
