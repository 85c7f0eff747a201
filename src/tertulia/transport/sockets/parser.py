"""Frames in (RFC 6455 §5, no extensions): bytes are fed, whole messages come out at a sink. No I/O, no clock."""

import codecs
from typing import Final, Protocol

from tertulia.protocol.frames import BINARY, CLOSE, PING, PONG, TEXT
from tertulia.transport.sockets.limits import BYTES_PER_FRAGMENT

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover  # an interpreter that its wheels do not cover
    from websockets.utils import apply_mask

_FINAL: Final = 0x80
_CONTINUATION: Final = 0x00
_LAST: Final = _FINAL | _CONTINUATION
_MASKED: Final = 0x80
_KNOWN: Final = frozenset((_CONTINUATION, TEXT & 0x0F, BINARY & 0x0F, _LAST, TEXT, BINARY, CLOSE, PING, PONG))
"""All first bytes there are: with any other a reserved bit or opcode is set, or a control frame is fragmented."""

PROTOCOL_ERROR: Final = 1002
NO_CODE: Final = 1005
NOT_UTF8: Final = 1007
TOO_BIG: Final = 1009

_Utf8 = codecs.getincrementaldecoder("utf-8")


class Violation(Exception):
    """The peer broke the rules. *code* is what to close with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Sink(Protocol):
    """Who gets what was parsed. It may hold the parser from within a call."""

    def on_text(self, text: str) -> None: ...
    def on_binary(self, data: bytes) -> None: ...
    def on_ping(self, payload: bytes) -> None: ...

    def on_peer_close(self, code: int, reason: str) -> None:
        """*code* 1005: the peer gave none."""


class _Fragmented:
    """A message that comes in fragments."""

    __slots__ = ("_decoder", "count", "parts")

    def __init__(self, is_text: bool) -> None:
        self.parts = bytearray()
        self.count = 0
        self._decoder = _Utf8() if is_text else None

    @property
    def is_text(self) -> bool:
        return self._decoder is not None

    def add(self, payload: bytes, is_last: bool) -> None:
        """Text is checked as far as it has come: RFC 6455 §8.1 does not make anybody wait for the end of bad text."""
        self.count += 1
        self.parts += payload
        if self._decoder is None:
            return
        try:
            self._decoder.decode(payload, is_last)
        except UnicodeDecodeError:
            raise Violation(NOT_UTF8, "not UTF-8") from None


class FrameParser:
    """What one peer sends. Nothing is kept between messages; a frame that will be too big is refused at its header.

    While `is_held` nothing more comes out: what is fed then waits, until it is fed again, if only with nothing.
    """

    __slots__ = ("_buffer", "_max_message", "_message", "age", "is_held")

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._buffer: bytearray | None = None  # what does not make a frame yet
        self._message: _Fragmented | None = None
        self.is_held = False
        self.age = 0
        """Counted up by whoever sweeps, while a message is unfinished."""

    @property
    def unfinished(self) -> int | None:
        """Bytes here of a message that has not wholly come in yet; None between messages."""
        if self._buffer is None and self._message is None:
            return None
        return len(self._buffer or b"") + self._so_far()

    def feed(self, data: bytes, sink: Sink) -> None:
        """Raises Violation; whatever came before it has then been delivered."""
        stream: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            stream = self._buffer
        at, end = 0, len(stream)
        while end - at >= 2 and not self.is_held:
            first, second = stream[at], stream[at + 1]
            if first not in _KNOWN or second < _MASKED:
                raise Violation(PROTOCOL_ERROR, "reserved bit or opcode, or no mask")
            size, start = second & 0x7F, at + 6
            if size > 125:
                start += 2 if size == 126 else 8
                if end < start - 4:
                    break
                size = _long_size(first, stream[at + 2 : start - 4])
            is_plain = first == TEXT and self._message is None and size <= self._max_message
            if not is_plain and first < CLOSE:
                self._admit(first, size)
            if end - start < size:
                break
            at = start + size
            payload = apply_mask(stream[start:at], stream[start - 4 : start]) if size else b""
            if is_plain:
                sink.on_text(_text(payload))
            else:
                self._deliver(first, payload, sink)
        self._keep(stream, at, end)

    def _admit(self, first: int, size: int) -> None:
        """Refuse at its header a data frame that is out of order or makes its message too big."""
        if size + self._so_far() > self._max_message:
            raise Violation(TOO_BIG, "message too big")
        is_first = first & 0x0F != _CONTINUATION
        if is_first != (self._message is None):
            raise Violation(PROTOCOL_ERROR, "fragments out of order")

    def _so_far(self) -> int:
        return len(self._message.parts) if self._message else 0

    def _keep(self, stream: bytes | bytearray, at: int, end: int) -> None:
        if at and self._message is None:
            self.age = 0
        if at == end:
            self._buffer = None
        elif stream is self._buffer:
            del self._buffer[:at]
        else:
            self._buffer = bytearray(memoryview(stream)[at:])

    def _deliver(self, first: int, payload: bytes, sink: Sink) -> None:
        if first == BINARY:
            sink.on_binary(payload)
        elif first < CLOSE:
            self._fragment(first, payload, sink)
        elif first == PING:
            sink.on_ping(payload)
        elif first == CLOSE:
            sink.on_peer_close(*_close_code(payload))

    def _fragment(self, first: int, payload: bytes, sink: Sink) -> None:
        message = self._message
        if message is None:
            message = self._message = _Fragmented(is_text=first == TEXT & 0x0F)
        if message.count >= self._max_message // BYTES_PER_FRAGMENT:
            raise Violation(TOO_BIG, "too many fragments")
        message.add(payload, is_last=first == _LAST)
        if first != _LAST:
            return
        self._message = None
        if message.is_text:
            sink.on_text(message.parts.decode())
        else:
            sink.on_binary(bytes(message.parts))


def _long_size(first: int, digits: bytes | bytearray) -> int:
    if first >= CLOSE:
        raise Violation(PROTOCOL_ERROR, "control frame too long")
    size = int.from_bytes(digits, "big")
    if size < (126 if len(digits) == 2 else 65_536):
        raise Violation(PROTOCOL_ERROR, "length not minimal")
    return size


def _text(payload: bytes) -> str:
    try:
        return str(payload, "utf-8")
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8, "not UTF-8") from None


def _close_code(payload: bytes) -> tuple[int, str]:
    if not payload:
        return NO_CODE, ""
    code, reason = int.from_bytes(payload[:2], "big"), _text(payload[2:])
    may_be_sent = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    if len(payload) == 1 or not may_be_sent:
        raise Violation(PROTOCOL_ERROR, "bad close code")
    return code, reason
