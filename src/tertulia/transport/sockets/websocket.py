"""Our own WebSocket under uvicorn (`ws=`): one object a socket, and no task, no queue, no future, no read buffer."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.utils import get_remote_addr, is_ssl
from uvicorn.server import ServerState

from tertulia.protocol.frames import close_frame, ping_frame, pong_frame
from tertulia.protocol.socket import Accept, Accepted, Receiver, Refused, Upgrade
from tertulia.transport.sockets.handshake import Proxies, fault_of, read_head, refusal, switching, upgrade_from
from tertulia.transport.sockets.keepalive import Sockets
from tertulia.transport.sockets.parser import FrameParser, Violation

# The life of a socket. CLOSING: our Close is out, the peer's is awaited. DONE: whatever still comes is dropped.
_HANDSHAKE: Final = 0
_OPEN: Final = 1
_CLOSING: Final = 2
_DONE: Final = 3

# Why reading is paused: either reason alone keeps it so.
_PEER_IS_SLOW: Final = 1
_RECEIVER_ASKED: Final = 2

LOST: Final = 1006
FAULT: Final = 1011
RESTART: Final = 1012
OVERLOAD: Final = 1013

_PING: Final = ping_frame()
log = logging.getLogger("tertulia.sockets")


class WebSocket(asyncio.Protocol):
    """One connection, from its upgrade on. After `on_close` nothing is written and the receiver is called no more.

    uvicorn makes it, feeds it the head of the request, and hands it the lifespan's state: `accept` and `sockets`.
    """

    __slots__ = (
        "_accept",
        "_config",
        "_connections",
        "_holds",
        "_parser",
        "_receiver",
        "_rounds",
        "_sockets",
        "_state",
        "_timer",
        "_transport",
        "write",
    )

    write: Callable[[bytes], None]
    """The transport's own: a frame costs no call of ours."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: object = None
    ) -> None:
        self._accept: Accept = app_state["accept"]
        self._sockets: Sockets = app_state["sockets"]
        self._connections: set[Any] = server_state.connections
        self._config: Config | None = config
        self._state: int = _HANDSHAKE
        self._holds = 0
        self._rounds = 0  # of the sweep, since the peer was heard, or since it reads too slowly
        self._receiver: Receiver | None = None
        self._parser: FrameParser | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.write = _drop

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        # uvicorn calls shutdown() on what is in there, and waits until it is empty.
        self._connections.add(self)
        transport.set_write_buffer_limits(high=self._sockets.limits.high_water)
        bound_unsent(transport, self._sockets.limits.unsent)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._state = _DONE
        self._tell(LOST, "")

    def data_received(self, data: bytes) -> None:
        self._rounds = 0
        if self._parser:
            self._feed(self._parser, data)
        elif self._state == _HANDSHAKE:
            self._shake_hands(data)

    def pause_writing(self) -> None:
        # Reading stops too: else the answers to a peer that reads nothing would pile up.
        self._rounds = 0
        self._hold(_PEER_IS_SLOW)
        if self._receiver:
            self._receiver.on_pause()

    def resume_writing(self) -> None:
        if not self._holds & _PEER_IS_SLOW:
            return
        self._rounds = 0
        self._release(_PEER_IS_SLOW)
        if self._receiver:
            self._receiver.on_resume()

    # What receivers call

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self._state != _OPEN:
            return
        self._transport.write(close_frame(code, reason))
        self._leave(_CLOSING, self._sockets.limits.close_wait, code, reason)
        self._release(_RECEIVER_ASKED)  # the peer's Close is behind what was not read

    def abort(self) -> None:
        if self._state in (_OPEN, _CLOSING):
            self._state = _DONE
            self._transport.abort()
            self._tell(LOST, "")

    def pause_reading(self) -> None:
        if self._state == _OPEN:
            self._hold(_RECEIVER_ASKED)

    def resume_reading(self) -> None:
        self._release(_RECEIVER_ASKED)

    # What the server calls

    def shutdown(self) -> None:
        if self._state == _HANDSHAKE:
            self._transport.close()
        else:
            self._part("on_shutdown", RESTART, "service restart")

    def on_sweep(self) -> None:
        """Look for trouble. In CLOSING and DONE the socket has a timer of its own."""
        parser = self._parser
        if self._state != _OPEN or parser is None:
            return
        if self._holds & _PEER_IS_SLOW:
            self._rounds += 1
            if self._rounds > self._sockets.stalled_rounds:
                self._part("on_stalled", OVERLOAD, "too slow")
        elif not self._holds:
            self._rounds += 1
            self._look_for_silence()
            self._look_for_half_messages(parser)

    def _look_for_silence(self) -> None:
        if self._rounds > self._sockets.silent_rounds:
            self._part("on_silent", FAULT, "keepalive timeout")
        elif self._rounds % self._sockets.ping_rounds == 0:
            self.write(_PING)

    def _look_for_half_messages(self, parser: FrameParser) -> None:
        waiting = parser.unfinished
        if waiting is None:
            return
        parser.age += 1
        if parser.age > self._sockets.unfinished_rounds + waiting // self._sockets.bytes_per_round:
            self._fail(1008, "unfinished message")

    # What the parser calls

    def on_text(self, text: str) -> None:
        if self._receiver:
            self._receiver.on_text(text)

    def on_binary(self, data: bytes) -> None:
        if self._receiver:
            self._receiver.on_binary(data)

    def on_ping(self, payload: bytes) -> None:
        self.write(pong_frame(payload))

    def on_peer_close(self, code: int, reason: str) -> None:
        if self._state == _OPEN:
            self._transport.write(close_frame(code))
        self._leave(_DONE, self._sockets.limits.close_wait, code, reason)
        self._transport.close()

    # Inside

    def _shake_hands(self, head: bytes) -> None:
        config, self._config = self._config, None
        assert config is not None
        upgrade, answer = self._answer(head, config)
        if isinstance(answer, Refused):
            self._transport.write(refusal(answer.status))
            self._leave(_DONE, self._sockets.limits.close_wait, LOST, "")
            self._transport.close()
            return
        self._transport.write(switching(upgrade, answer.subprotocol))
        self._state, self.write = _OPEN, self._transport.write
        self._receiver = answer.receiver
        self._parser = FrameParser(answer.max_message or self._sockets.limits.max_message)
        self._sockets.opened(self)
        try:
            answer.receiver.on_open(self)
        except Exception:
            log.exception("a receiver failed")
            self._fail(FAULT, "internal error")

    def _answer(self, head: bytes, config: Config) -> tuple[Upgrade, Accepted | Refused]:
        transport, sockets = self._transport, self._sockets
        method, scope = read_head(head, get_remote_addr(transport), "wss" if is_ssl(transport) else "ws")
        sockets.proxies = sockets.proxies or Proxies(config)
        sockets.proxies.correct(scope)
        upgrade = upgrade_from(scope)
        fault = fault_of(method, upgrade)
        if fault:
            return upgrade, Refused(fault)
        if sockets.is_full:
            return upgrade, Refused(503)
        try:
            return upgrade, self._accept(upgrade)
        except Exception:
            log.exception("an upgrade could not be judged")
            return upgrade, Refused(500)

    def _feed(self, parser: FrameParser, data: bytes) -> None:
        try:
            parser.feed(data, self)
        except Violation as violation:
            log.debug("a peer broke the protocol: %d %s", violation.code, violation)
            self._fail(violation.code, violation.reason)
        except Exception:
            log.exception("a receiver failed")
            self._fail(FAULT, "internal error")

    def _hold(self, reason: int) -> None:
        if not self._holds and not self._transport.is_closing():
            self._transport.pause_reading()
        self._holds |= reason
        if self._parser:
            self._parser.is_held = True

    def _release(self, reason: int) -> None:
        if not self._holds & reason:
            return
        self._holds &= ~reason
        if self._holds:
            return
        if not self._transport.is_closing():
            self._transport.resume_reading()
        if self._parser:
            self._parser.is_held = False
            if self._parser.unfinished:  # not at once: the receiver may be in the middle of something
                asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Parse what waited while reading was paused."""
        if self._parser:
            self._feed(self._parser, b"")

    def _part(self, hook: str, code: int, reason: str) -> None:
        """Let the receiver end the socket in its own words, and see to it that it has ended."""
        own_words = getattr(self._receiver, hook, None)
        if own_words:
            try:
                own_words()
            except Exception:
                log.exception("%s failed", hook)
        self.close(code, reason)

    def _fail(self, code: int, reason: str) -> None:
        """Close, and do not wait for the peer's: what it sends after its fault means nothing any more."""
        transport = self._transport
        if self._state == _OPEN:
            transport.write(close_frame(code, reason))
        self._leave(_DONE, self._sockets.limits.fail_wait, code, reason)
        if transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()  # then read on till it goes: a reset would eat our Close on its way
        else:
            transport.close()  # TLS knows no half-close

    def _leave(self, state: int, wait: float, code: int, reason: str) -> None:
        self._state = state
        if state == _DONE:
            self._drop_parser()
        if self._timer:
            self._timer.cancel()
        # transport.close() alone would wait for ever on a peer that does not read.
        self._timer = asyncio.get_running_loop().call_later(wait, self._transport.abort)
        self._tell(code, reason)

    def _drop_parser(self) -> None:
        if self._parser:
            self._parser.is_held = True  # it may be in the midst of its loop
            self._parser = None

    def _tell(self, code: int, reason: str) -> None:
        """`on_close`, once. It must not fail: uvicorn's shutdown goes through many sockets in one loop."""
        receiver, self._receiver = self._receiver, None
        self.write = _drop
        if self._state == _DONE:
            self._drop_parser()
        if receiver is None:
            return
        self._sockets.closed(self)
        try:
            receiver.on_close(code, reason)
        except Exception:
            log.exception("on_close failed")


def bound_unsent(transport: asyncio.Transport, size: int) -> None:
    """Let the kernel take no more than *size* bytes that it cannot send yet. By itself it takes up to 4 MB for a peer
    that does not read, which costs everybody before we even notice."""
    sock = transport.get_extra_info("socket")
    if hasattr(socket, "TCP_NOTSENT_LOWAT") and sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, size)


def _drop(data: bytes) -> None:
    """Where writes go when there is nobody to read them."""
