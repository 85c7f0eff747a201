"""uvicorn's HTTP class (`http=`) with deadlines, and with its faults around upgrades cured."""

import asyncio
import socket
import sys
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tertulia.transport.sockets.handshake import refusal
from tertulia.transport.sockets.keepalive import Sockets

# What the connection waits for.
_IDLE: Final = "the first byte"
_HEAD: Final = "the rest of a head"
_BODY: Final = "the rest of a body"
_ANSWER: Final = "us, or the next request"
_GONE: Final = "nothing: it is a WebSocket now, or late"


class HttpProtocol(HttpToolsProtocol):
    """One connection, until it closes or becomes a WebSocket.

    What uvicorn's does and this does not: wait for ever for a request that never comes whole; take a head of any
    size; lose the bytes behind an upgrade; upgrade while a response is under way, which then lands among the frames;
    stay in memory until the next full garbage collection.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._sockets: Sockets = app_state["sockets"]
        self._waits_for = _IDLE
        self._rounds = 0  # of the sweep, in this wait
        self._body = 0  # bytes of it that came, and have earned no time yet
        self._bare = 0  # bytes that came since the last byte of a body
        self._chunk = b""

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._sockets.sweep.add(self)
        _bound_silence(transport, self._sockets.limits.unacked_after)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sockets.sweep.discard(self)
        self._wait_for(_GONE)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waits_for in (_IDLE, _ANSWER):
            self._wait_for(_HEAD)
        self._bare += len(data)
        self._chunk = data
        super().data_received(data)
        self._chunk = b""
        if self._bare > self._sockets.limits.max_head and self._waits_for in (_HEAD, _BODY):
            self._give_up(431)

    # What the parser calls

    def on_message_begin(self) -> None:
        self._wait_for(_HEAD)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._wait_for(_BODY)
        if self.parser.should_upgrade() and self._should_upgrade() and self._has_body():
            raise ValueError("an upgrade has no body")  # becomes a 400
        super().on_headers_complete()
        if len(self.pipeline) > self._sockets.limits.max_pipelined:
            self.transport.abort()
            raise ValueError("too many requests at once")

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        self._bare = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._wait_for(_ANSWER)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Runs while HttpParserUpgrade is handled, which knows where the request ended."""
        pending = sys.exception()
        tail = self._chunk[pending.args[0] :] if pending else b""
        transport = self.transport
        if self._is_answering() or self.flow.write_paused:
            transport.abort()
            return
        self._sockets.sweep.discard(self)
        self._wait_for(_GONE)
        super().handle_websocket_upgrade()
        self._fall_apart()
        if tail and not transport.is_closing():
            transport.get_protocol().data_received(tail)  # type: ignore[attr-defined]

    # Deadlines

    def on_sweep(self) -> None:
        if self._waits_for == _GONE:
            self.transport.abort()  # the last round's farewell did not get through
            return
        patience = self._patience()
        if patience is None:
            return
        # What came earns as much time as the slowest would have taken, but none beyond that: a body that came at once,
        # but for its last byte, would be held for an hour.
        earned, self._body = divmod(self._body, self._sockets.bytes_per_round)
        self._rounds = max(0, self._rounds - earned) + 1
        if self._rounds > patience:
            self._give_up(None if self._waits_for == _IDLE else 408)

    def _patience(self) -> int | None:
        """How many rounds this wait may last; None: it is not the peer's."""
        sockets = self._sockets
        if self._waits_for == _IDLE:
            return sockets.idle_rounds
        if self._waits_for == _HEAD and not self._is_answering():
            return sockets.head_rounds
        if self._waits_for == _BODY and not self.flow.read_paused:
            return sockets.body_rounds
        return None

    def _give_up(self, status: int | None) -> None:
        """End the connection; with an answer, if one is still to be given."""
        may_answer = not self._is_answering() or (self._waits_for == _BODY and not self.cycle.response_started)
        self._wait_for(_GONE)
        if status and may_answer:
            self.transport.write(refusal(status))
        self.transport.close()

    def _wait_for(self, what: str) -> None:
        self._waits_for = what
        self._rounds = self._body = self._bare = 0

    # Inside

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's annotation leaves out that there may be none yet
        return cycle is not None and not cycle.response_complete

    def _has_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        )

    def _fall_apart(self) -> None:
        """Object and parser hold each other: without this they would wait for a full garbage collection."""
        self.parser = self.scope = self.headers = self.flow = self.cycle = self.transport = None  # type: ignore[assignment]


def _bound_silence(transport: asyncio.Transport, seconds: float) -> None:
    """Let the kernel end a connection whose peer has vanished, or has shut its window, for so long."""
    sock = transport.get_extra_info("socket")
    if hasattr(socket, "TCP_USER_TIMEOUT") and sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
