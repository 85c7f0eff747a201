"""A lean WebSocket client (RFC 6455): one object a socket, no task and no queue. Text frames only, no extensions."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable
from random import getrandbits
from typing import Final

from tertulia.simulator.accounts import Refused
from tertulia.simulator.options import Address
from tertulia.simulator.rest import secured

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover  # an interpreter that its wheels do not cover
    from websockets.utils import apply_mask

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT: Final = 0x81
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
_FIRST: Final = 0x01
_MIDDLE: Final = 0x00
_LAST: Final = 0x80

LOST: Final = 1006
NO_CODE: Final = 1005
PROTOCOL_ERROR: Final = 1002
TOO_BIG: Final = 1009
MAX_MESSAGE: Final = 64 * 2**20
MAX_HEAD: Final = 65_536
OPEN_WITHIN: Final = 20.0
"""Seconds for the whole handshake."""


class ClientSocket(asyncio.Protocol):
    """One connection. *hear* gets the payload of each text message, as bytes; what it raises ends the connection.

    `opened` is done when the handshake is, or raises Refused or OSError; `closed` gives code and reason, and never
    raises. What is sent after the end is dropped.
    """

    __slots__ = (
        "_expected",
        "_hear",
        "_parts",
        "_request",
        "_rest",
        "_said",
        "_transport",
        "bytes_in",
        "closed",
        "opened",
    )

    def __init__(self, request: bytes, expected: bytes, hear: Callable[[bytes], None]) -> None:
        """*request*: the head that asks for the upgrade; *expected*: the `Sec-WebSocket-Accept` that answers it."""
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[tuple[int, str]] = loop.create_future()
        self.bytes_in = 0
        self._request, self._expected, self._hear = request, expected, hear
        self._rest = b""
        self._parts: list[bytes] | None = None  # of a message that comes in fragments
        self._said: tuple[int, str] | None = None  # how it ends, once that is known
        self._transport: asyncio.Transport | None = None

    def send(self, payload: bytes) -> None:
        """A text message."""
        if self._said is None and self._transport is not None:
            self._transport.write(frame(_TEXT, payload))

    def close(self, code: int = 1000) -> None:
        """Ask for the end; `closed` tells when it has come."""
        if self._said is None and self._transport is not None:
            self._transport.write(frame(_CLOSE, code.to_bytes(2, "big")))
            self._said = code, ""

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self.opened.done():
            self._read(data)
        else:
            self._shake_hands(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc if isinstance(exc, OSError) else ConnectionResetError("closed at once"))
        if not self.closed.done():
            self.closed.set_result(self._said or (LOST, ""))
        self._transport = None

    # Inside

    def _shake_hands(self, data: bytes) -> None:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            if len(data) > MAX_HEAD:
                self._fail(PROTOCOL_ERROR)
            return
        status, headers = read_head(head)
        if status == 101 and headers.get("sec-websocket-accept") == self._expected.decode():
            self.opened.set_result(None)
            self._read(rest)
            return
        self.opened.set_exception(Refused(f"http_{status}", "", seconds(headers.get("retry-after"))))
        self._fail(PROTOCOL_ERROR)

    def _read(self, data: bytes) -> None:
        at, end = 0, len(data)
        while end - at >= 2 and self._transport is not None:
            first, size, start = data[at], data[at + 1], at + 2
            if size > 125:
                start += 2 if size == 126 else 8
                if size > 127:  # it is masked, which no server may do
                    self._fail(PROTOCOL_ERROR)
                    return
                if end < start:
                    break
                size = int.from_bytes(data[at + 2 : start], "big")
                if size > MAX_MESSAGE:
                    self._fail(TOO_BIG)
                    return
            if end - start < size:
                break
            at = start + size
            if first == _TEXT:
                self._hear(data[start:at])
            else:
                self._read_other(first, data[start:at])
        self._rest = data[at:]

    def _read_other(self, first: int, payload: bytes) -> None:
        if first == _PING and self._said is None and self._transport is not None:
            self._transport.write(frame(_PONG, payload))
        elif first == _CLOSE:
            self._end(payload)
        elif first == _FIRST and self._parts is None:
            self._parts = [payload]
        elif first in (_MIDDLE, _LAST) and self._parts is not None:
            self._parts.append(payload)
            if first == _LAST:
                whole, self._parts = b"".join(self._parts), None
                self._hear(whole)
        elif first not in (_PING, _PONG):
            self._fail(PROTOCOL_ERROR)

    def _end(self, payload: bytes) -> None:
        """The server's Close: the answer to ours, or its own, which is answered."""
        if self._said is None and self._transport is not None:
            self._transport.write(frame(_CLOSE, payload[:2]))
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_CODE
            self._said = code, payload[2:].decode(errors="replace")
        if self._transport is not None:
            self._transport.close()

    def _fail(self, code: int) -> None:
        self._said = self._said or (code, "")
        self.abort()


def frame(first: int, payload: bytes) -> bytes:
    """A whole frame of a client: masked (RFC 6455 §5.3)."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    mask = getrandbits(32).to_bytes(4, "big")
    return head + mask + apply_mask(payload, mask)


async def open_socket(
    address: Address, path: str, token: str, subprotocol: str, hear: Callable[[bytes], None]
) -> ClientSocket:
    """Raises Refused, OSError, TimeoutError."""
    key = base64.b64encode(secrets.token_bytes(16))
    expected = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    request = upgrade(address, path, token, subprotocol, key)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(OPEN_WITHIN):
        _, socket = await loop.create_connection(
            lambda: ClientSocket(request, expected, hear), address.host, address.port, ssl=secured(address)
        )
        try:
            await socket.opened
        except BaseException:
            socket.abort()
            raise
    return socket


def upgrade(address: Address, path: str, token: str, subprotocol: str, key: bytes) -> bytes:
    """The request that asks for a WebSocket (RFC 6455 §4.1)."""
    lines = [
        f"GET {address.prefix}{path} HTTP/1.1",
        f"Host: {address.authority}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key.decode()}",
        f"Sec-WebSocket-Protocol: {subprotocol}",
        f"Authorization: Bearer {token}",
        "User-Agent: tertulia-simulate",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status (0 if there is none) and headers of an answer, their names in lower case."""
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ", 2)
    status = int(parts[1]) if len(parts) > 1 and parts[0].startswith("HTTP/1.") and parts[1].isdigit() else 0
    return status, {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
