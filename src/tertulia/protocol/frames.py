"""Frames as bytes: what a server writes on a WebSocket (RFC 6455 §5.2), built once and sent to many."""

from collections.abc import Iterator
from typing import Final

TEXT: Final = 0x81
BINARY: Final = 0x82
CLOSE: Final = 0x88
PING: Final = 0x89
PONG: Final = 0x8A
"""First bytes of whole, unfragmented frames."""


def text_frame(payload: bytes) -> bytes:
    return _frame(TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    return _frame(BINARY, payload)


def ping_frame(payload: bytes = b"") -> bytes:
    return _frame(PING, payload)


def pong_frame(payload: bytes) -> bytes:
    return _frame(PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """*reason* is cut to the 123 bytes that fit, on a whole character. 1005 ("no code") gives an empty Close."""
    if code == 1005:
        return _frame(CLOSE, b"")
    cut = reason.encode()[:123].decode("utf-8", "ignore").encode()
    return _frame(CLOSE, code.to_bytes(2, "big") + cut)


def _frame(first: int, payload: bytes) -> bytes:
    n = len(payload)
    if n < 126:
        return bytes((first, n)) + payload
    if n < 65536:
        return bytes((first, 126)) + n.to_bytes(2, "big") + payload
    return bytes((first, 127)) + n.to_bytes(8, "big") + payload


def split_frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """First byte and payload of each frame in *data*, which the functions above have made."""
    at = 0
    while at < len(data):
        first, size = data[at], data[at + 1]
        at += 2
        if size > 125:
            width = 2 if size == 126 else 8
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        yield first, data[at : at + size]
        at += size
