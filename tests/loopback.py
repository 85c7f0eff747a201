"""Real sockets for tests: a uvicorn of its own thread on the loopback, and a peer that sends whatever bytes it likes."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import uvicorn

from servers import wait_until
from tertulia.protocol.frames import binary_frame, text_frame
from tertulia.protocol.socket import Accepted, Receiver, Refused, Socket, Upgrade
from tertulia.transport.sockets import HttpProtocol, SocketEndpoint, SocketLimits, Sockets, WebSocket

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x11\x22\x33\x44"
HEADERS = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def upgrade(path: str = "/ws", method: str = "GET", without: str = "", **headers: str) -> bytes:
    """The head of an upgrade request; underscores in names of *headers* stand for hyphens."""
    fields = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if name != without]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1")


def masked(first: int, payload: bytes = b"") -> bytes:
    n = len(payload)
    if n < 126:
        size = bytes((128 | n,))
    elif n < 65536:
        size = bytes((128 | 126,)) + n.to_bytes(2, "big")
    else:
        size = bytes((128 | 127,)) + n.to_bytes(8, "big")
    repeated = MASK * (n // 4 + 1)
    return bytes((first,)) + size + MASK + bytes(a ^ b for a, b in zip(payload, repeated, strict=False))


def text(message: str) -> bytes:
    return masked(0x81, message.encode())


def closing(code: int, reason: str = "") -> bytes:
    return masked(0x88, code.to_bytes(2, "big") + reason.encode())


class Response(NamedTuple):
    status: int
    headers: dict[str, list[str]]


class Peer:
    """One TCP connection, seen from the other end. All reads give up after 15 s."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(15)
        self.sock.connect(("127.0.0.1", port))
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def open(self, **request: str) -> Self:
        self.send(upgrade(**request))
        assert self.response().status == 101
        return self

    def response(self) -> Response:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers.setdefault(name.lower(), []).append(value)
        return Response(int(first.split()[1]), headers)

    def frame(self) -> tuple[int, bytes]:
        first, size = self.exactly(2)
        if size > 125:
            size = int.from_bytes(self.exactly(2 if size == 126 else 8), "big")
        return first, self.exactly(size)

    def message(self) -> str:
        first, payload = self.frame()
        assert first == 0x81, (first, payload)
        return payload.decode()

    def close_frame(self) -> tuple[int | None, str]:
        """The Close that is the very next frame; its code is None if it has none."""
        first, payload = self.frame()
        assert first == 0x88, (first, payload)
        return (int.from_bytes(payload[:2], "big") if payload else None), payload[2:].decode()

    def ended(self) -> None:
        """Nothing comes any more but the end, and that in good order."""
        assert self.rest() == b""

    def rest(self) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            while True:
                self._more()
        return self._buffer

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def reset(self) -> None:
        """Vanish with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _more(self) -> None:
        data = self.sock.recv(1 << 20)
        if not data:
            raise EndOfStream(self._buffer)
        self._buffer += data


class EndOfStream(ConnectionResetError):
    """The server ended the stream where more was due."""


class Witness:
    """A receiver that writes down what it is told, and echoes."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.socket: Socket

    def on_open(self, socket: Socket) -> None:
        self.socket = socket
        self.told.append(("open",))

    def on_text(self, text: str) -> None:
        self.told.append(("text", text))
        self.socket.write(text_frame(text.encode()))

    def on_binary(self, data: bytes) -> None:
        self.told.append(("binary", data))
        self.socket.write(binary_frame(data))

    def on_close(self, code: int, reason: str) -> None:
        self.told.append(("close", code, reason))

    def on_pause(self) -> None:
        self.told.append(("pause",))

    def on_resume(self) -> None:
        self.told.append(("resume",))

    def heard(self, what: str) -> list[Any]:
        """The first argument of each call of that kind."""
        return [one[1] if len(one) > 1 else None for one in self.told if one[0] == what]

    def wait(self, what: str, times: int = 1) -> list[Any]:
        wait_until(lambda: len(self.heard(what)) >= times, f"{times} times {what}: {self.told[-5:]}")
        return self.heard(what)


class Site:
    """A server under test: `/ws` is a socket, `/slow` answers when it is told to, and `/body` once it has read all."""

    def __init__(self, limits: SocketLimits, receiver: Callable[[], Receiver], **accepted: Any) -> None:
        self.sockets = Sockets(limits)
        self.witnesses: list[Any] = []
        self.upgrades: list[Upgrade] = []
        self.go = threading.Event()
        self.body_length: int | None = None
        self._receiver, self._accepted = receiver, accepted
        self.port = 0
        self.server: uvicorn.Server
        self.loop: asyncio.AbstractEventLoop

    def accept(self, upgrade: Upgrade) -> Accepted | Refused:
        self.upgrades.append(upgrade)
        if upgrade.path == "/raises":
            raise RuntimeError("on purpose")
        if upgrade.path != "/ws":
            return Refused(403 if upgrade.path == "/forbidden" else 404)
        self.witnesses.append(self._receiver())
        return Accepted(self.witnesses[-1], **self._accepted)

    @property
    def witness(self) -> Any:
        """The receiver of the latest socket, which is open."""
        wait_until(lambda: self.witnesses and self.witnesses[-1].told, "a socket to open")
        return self.witnesses[-1]

    def peer(self, receive_buffer: int | None = None) -> Peer:
        return Peer(self.port, receive_buffer)

    def call(self, what: Callable[..., object], *args: Any) -> None:
        """Call in the server's thread, and wait until it is done."""

        async def run() -> None:
            what(*args)

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.loop = asyncio.get_running_loop()
            scope["state"].update(accept=self.accept, sockets=self.sockets)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await SocketEndpoint(self.accept, self.sockets)(scope, receive, send)
        else:
            await self._answer(scope["path"], receive, send)

    async def _answer(self, path: str, receive: Any, send: Any) -> None:
        if path == "/slow":
            await asyncio.to_thread(self.go.wait, 20)
        if path == "/body":
            length, more = 0, True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                length, more = length + len(message["body"]), message["more_body"]
            self.body_length = length
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


KINDS: Mapping[str, dict[str, Any]] = {
    "own": {"ws": WebSocket, "loop": "uvloop"},
    "own-asyncio": {"ws": WebSocket, "loop": "asyncio"},
    "asgi": {"ws": "websockets-sansio", "loop": "uvloop"},
}
"""Both kinds of socket; our own on both event loops."""


@contextlib.contextmanager
def serving(
    kind: str = "own", receiver: Callable[[], Receiver] = Witness, limits: Mapping[str, Any] | None = None, **more: Any
) -> Iterator[Site]:
    """*more*: of uvicorn's configuration, or of `Accepted`."""
    accepted = {name: more.pop(name) for name in ("max_message", "subprotocol") if name in more}
    site = Site(SocketLimits(**({"sweep_every": 0.05} | dict(limits or {}))), receiver, **accepted)
    options = {"http": HttpProtocol, "lifespan": "on", "log_config": None, "ws_per_message_deflate": False}
    config = uvicorn.Config(site, **(options | KINDS[kind] | more))
    site.server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # so that a pipe is soon full
    site.port = listener.getsockname()[1]
    thread = threading.Thread(target=site.server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: site.server.started or not thread.is_alive(), "the server to start")
        yield site
    finally:
        site.go.set()
        site.server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()
