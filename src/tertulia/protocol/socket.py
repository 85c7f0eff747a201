"""The socket, as everything above the transport sees it: two kinds exist, and behave as one."""

from typing import Protocol

from msgspec import Struct


class Upgrade(Struct, frozen=True):
    """The request that a socket began with. *headers* by lower-case name; *client* and *scheme* as a trusted proxy
    reports them; *query* percent-decoded, every value of a name."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, list[str]]
    client: tuple[str, int] | None
    scheme: str

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        values = self.headers.get(name)
        return values[0] if values else None

    def parameter(self, name: str) -> str | None:
        """The first query parameter of that name."""
        values = self.query.get(name)
        return values[0] if values else None

    def subprotocols(self) -> list[str]:
        offered = (part.strip() for line in self.headers.get("sec-websocket-protocol", ()) for part in line.split(","))
        return [part for part in offered if part]


class Socket(Protocol):
    """One live WebSocket. Nothing here blocks or raises, also after the socket is gone (then it does nothing)."""

    def write(self, data: bytes, /) -> None:
        """Send *data*: whole frames, already framed (`protocol.frames`), one or several joined."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send Close, wait a moment for the peer's, then drop the connection. `on_close` is called at once."""

    def abort(self) -> None:
        """Drop the connection without a word."""

    def pause_reading(self) -> None:
        """Take no more from the peer until `resume_reading`; the kernel then slows the peer down."""

    def resume_reading(self) -> None: ...


class Receiver(Protocol):
    """Who is told what a socket brings. Calls come from the event loop's thread, one at a time, and must not block.

    A receiver may also have any of the following methods without arguments. The socket is then about to be closed, and
    the receiver may say why in its own words and with a code of its own; if it leaves the socket open, the code is
    - `on_shutdown`: 1012, the server stops;
    - `on_stalled`: 1013, the peer has read nothing for too long;
    - `on_silent`: 1011, the peer has not even answered pings.
    """

    def on_open(self, socket: Socket) -> None:
        """The handshake is done; `socket.write` may be used from now on."""

    def on_text(self, text: str) -> None: ...
    def on_binary(self, data: bytes) -> None: ...

    def on_close(self, code: int, reason: str) -> None:
        """Once, always, when Close goes out or comes in or the connection is lost (1006). Nothing is written after."""

    def on_pause(self) -> None:
        """The peer reads too slowly: more than the high-water mark is waiting. Write no more that can wait."""

    def on_resume(self) -> None: ...


class Refused(Struct, frozen=True):
    """The answer to an upgrade that becomes no socket: an HTTP status."""

    status: int


class Accepted(Struct, frozen=True):
    """*max_message*: bytes; None is the server's limit."""

    receiver: Receiver
    subprotocol: str | None = None
    max_message: int | None = None


class Accept(Protocol):
    """Decides on an upgrade, at once (what must be awaited comes after `on_open`)."""

    def __call__(self, upgrade: Upgrade, /) -> Accepted | Refused: ...
