"""The WebSocket of any ASGI server, as a `Socket`: what our own does, with a task and a queue for each socket."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from tertulia.protocol.frames import BINARY, CLOSE, TEXT, close_frame, split_frames
from tertulia.protocol.socket import Accept, Accepted, Receiver, Refused
from tertulia.transport.sockets.handshake import upgrade_from
from tertulia.transport.sockets.keepalive import Sockets

_PEER_IS_SLOW: Final = 1
_RECEIVER_ASKED: Final = 2

log = logging.getLogger("tertulia.sockets")


class SocketEndpoint:
    """An ASGI application for scopes of type `websocket`: the same `accept`, the same receivers."""

    def __init__(self, accept: Accept, sockets: Sockets) -> None:
        self._accept, self._sockets = accept, sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        answer = self._answer(scope)
        if isinstance(answer, Refused):
            await _refuse(answer.status, scope, send)
            return
        await send({"type": "websocket.accept", "subprotocol": answer.subprotocol})
        await AsgiSocket(answer, self._sockets).run(receive, send)

    def _answer(self, scope: Scope) -> Accepted | Refused:
        if self._sockets.is_full:
            return Refused(503)
        try:
            return self._accept(upgrade_from(scope))
        except Exception:
            log.exception("an upgrade could not be judged")
            return Refused(500)


async def _refuse(status: int, scope: Scope, send: Send) -> None:
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await send({"type": "websocket.http.response.start", "status": status, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close"})  # the server answers 403


class AsgiSocket:
    """One connection, from its acceptance on. Frames, pings and half messages are the ASGI server's business.

    What is written waits in a queue of our own, so that a peer that does not read is seen as it is under uvicorn: one
    message at a time is with the server.
    """

    def __init__(self, accepted: Accepted, sockets: Sockets) -> None:
        self._receiver: Receiver | None = accepted.receiver
        self._sockets = sockets
        self._max_message = accepted.max_message or sockets.limits.max_message
        self._waiting: deque[bytes] = deque()
        self._size = 0  # bytes in it
        self._something = asyncio.Event()  # is waiting, or has happened
        self._readable = asyncio.Event()
        self._readable.set()
        self._holds = 0
        self._rounds = 0  # of the sweep, since the peer reads too slowly
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    # What receivers call

    def write(self, data: bytes, /) -> None:
        if self._receiver is None:
            return
        self._queue(data)
        if self._size > self._sockets.limits.high_water and not self._holds & _PEER_IS_SLOW:
            self._rounds = 0
            self._hold(_PEER_IS_SLOW)
            self._receiver.on_pause()

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self._receiver is None:
            return
        self._queue(close_frame(code, reason))
        self._timer = asyncio.get_running_loop().call_later(self._sockets.limits.close_wait, self._give_up)
        self._release(_RECEIVER_ASKED)
        self._tell(code, reason)

    def abort(self) -> None:
        if self._receiver:
            self._tell(1006, "")
            self._give_up()

    def pause_reading(self) -> None:
        if self._receiver:
            self._hold(_RECEIVER_ASKED)

    def resume_reading(self) -> None:
        self._release(_RECEIVER_ASKED)

    # What the server calls

    async def run(self, receive: Receive, send: Send) -> None:
        """Until either side has closed."""
        self._sockets.opened(self)
        self._tasks = [asyncio.create_task(self._read(receive)), asyncio.create_task(self._write_out(send))]
        try:
            self._guard(self._open)
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._give_up()
            if self._timer:
                self._timer.cancel()
            self._tell(1006, "")
            self._sockets.closed(self)
            await asyncio.gather(*self._tasks, return_exceptions=True)  # it fails if the peer has gone, which is told

    def on_sweep(self) -> None:
        if self._holds & _PEER_IS_SLOW and self._receiver:
            self._rounds += 1
            if self._rounds > self._sockets.stalled_rounds:
                self._part("on_stalled", 1013, "too slow")

    def shutdown(self) -> None:
        self._part("on_shutdown", 1012, "service restart")

    # Reading

    def _open(self) -> None:
        if self._receiver:
            self._receiver.on_open(self)

    async def _read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            while self._holds:  # a wait may end when reading has just been paused again
                await self._readable.wait()
            if message["type"] == "websocket.disconnect":
                self._tell(message.get("code", 1005), message.get("reason") or "")
                return
            self._guard(self._deliver, message)

    def _deliver(self, message: MutableMapping[str, Any]) -> None:
        text, data = message.get("text"), message.get("bytes")
        size = len(data or b"") if text is None else len(text.encode())
        if size > self._max_message:
            self.close(1009, "message too big")
        elif self._receiver is None:
            return
        elif text is not None:
            self._receiver.on_text(text)
        else:
            self._receiver.on_binary(data or b"")

    def _guard(self, call: Callable[..., None], *args: Any) -> None:
        try:
            call(*args)
        except Exception:
            log.exception("a receiver failed")
            self.close(1011, "internal error")

    def _hold(self, reason: int) -> None:
        self._holds |= reason
        self._readable.clear()

    def _release(self, reason: int) -> None:
        self._holds &= ~reason
        if not self._holds:
            self._readable.set()

    # Writing

    def _queue(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        self._something.set()

    async def _write_out(self, send: Send) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                data = self._waiting.popleft()
                for first, payload in split_frames(data):
                    await send(_message(first, payload))
                    if first == CLOSE:
                        return
                self._size -= len(data)
                self._ease()

    def _ease(self) -> None:
        """The other end of the high-water mark: a quarter of it, as for a transport."""
        if self._holds & _PEER_IS_SLOW and self._size <= self._sockets.limits.high_water // 4:
            self._release(_PEER_IS_SLOW)
            if self._receiver:
                self._receiver.on_resume()

    # The end

    def _part(self, hook: str, code: int, reason: str) -> None:
        own_words = getattr(self._receiver, hook, None)
        if own_words:
            self._guard(own_words)
        self.close(code, reason)

    def _give_up(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _tell(self, code: int, reason: str) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver:
            try:
                receiver.on_close(code, reason)
            except Exception:
                log.exception("on_close failed")


def _message(first: int, payload: bytes) -> dict[str, Any]:
    if first == TEXT:
        return {"type": "websocket.send", "text": payload.decode()}
    if first == BINARY:
        return {"type": "websocket.send", "bytes": payload}
    if first == CLOSE:
        code = int.from_bytes(payload[:2], "big") if payload else 1000
        return {"type": "websocket.close", "code": code, "reason": payload[2:].decode()}
    raise ValueError("pings and pongs are the server's business")
