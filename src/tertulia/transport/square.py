"""The square: all who are here without an account. What one says the others hear, on all nodes; nothing is kept."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Protocol

from tertulia.domain import commands as c
from tertulia.domain.clock import Clock
from tertulia.domain.errors import TertuliaError, TooFast
from tertulia.fanout.backplane import Shout
from tertulia.protocol.dialect import Catalogue, CloseReason, Dialect, Request
from tertulia.protocol.session import Do, HangUp, Pace, Refuse, Session
from tertulia.protocol.socket import Socket

MOST_AT_ONCE = 65_536
"""Bytes of what is said that may wait for the next telling; what is more is refused."""
REST = 4.0
"""After each telling, as a multiple of the time it took: so the square never has more than a fifth of a node's time,
however many there are who pay with no account for it."""


class PublicDialect(Dialect, Protocol):
    """A dialect of sockets that need no account."""

    def shouted(self, client_id: str, content: str, created_at: datetime) -> bytes:
        """The whole frame of what one says, for the others."""


class Visitor:
    """One socket. A `Receiver`. It hears what the others say, as long as it reads; what it misses it has missed."""

    __slots__ = ("_session", "_square", "id", "is_paused", "socket")

    def __init__(self, square: "Square", session: Session) -> None:
        self._square, self._session = square, session
        self.id = secrets.token_urlsafe(9)
        self.is_paused = False
        self.socket: Socket | None = None

    def on_open(self, socket: Socket) -> None:
        self.socket = socket
        self._square.enter(self)

    def on_text(self, text: str) -> None:
        self._square.take(self, self._session.receive(text, monotonic()))

    def on_binary(self, data: bytes) -> None:
        self._square.take(self, self._session.receive(data, monotonic()))

    def on_pause(self) -> None:
        self.is_paused = True

    def on_resume(self) -> None:
        self.is_paused = False

    def on_shutdown(self) -> None:
        self._square.hang_up(self, CloseReason.RESTARTING)

    def on_stalled(self) -> None:
        self._square.hang_up(self, CloseReason.SLOW_CONSUMER)

    def on_silent(self) -> None:
        self._square.hang_up(self, CloseReason.SILENT)

    def on_close(self, code: int, reason: str) -> None:
        self.socket = None
        self._square.leave(self)


class Square:
    """The visitors of this node. What one turn of the loop brings, or a rest, goes out in one write to each."""

    def __init__(
        self,
        dialect: PublicDialect,
        *,
        pace: Pace,
        clock: Clock,
        check: Callable[[str], object],
        tell: Callable[[Sequence[Shout]], None],
    ) -> None:
        """*check*: raises for what may not be said. *tell*: takes what was said to the other nodes."""
        self._dialect, self._pace, self._clock, self._check, self._tell = dialect, pace, clock, check, tell
        self._visitors: dict[Visitor, None] = {}
        self._frames: list[tuple[bytes, Visitor | None]] = []
        self._size = 0
        self._shouts: list[Shout] = []
        self._rests_until = 0.0

    def __len__(self) -> int:
        return len(self._visitors)

    @property
    def catalogue(self) -> Catalogue:
        return self._dialect.catalogue()

    def receiver(self) -> Visitor:
        session = Session(self._dialect, None, self._pace, monotonic())
        session.is_ready = True
        return Visitor(self, session)

    def hear(self, shouts: Sequence[Shout]) -> None:
        """What was said on another node. It may have been too much."""
        if not self._visitors:
            return
        for one in shouts:
            frame = self._dialect.shouted(one.client_id, one.content, one.created_at)
            if self._has_place(frame):
                self._add(frame, None)

    # ---- who is here

    def enter(self, visitor: Visitor) -> None:
        self._visitors[visitor] = None
        self._send(visitor, self._dialect.replies(Request(c.Greet()), c.Welcome(session_id=visitor.id)))

    def leave(self, visitor: Visitor) -> None:
        self._visitors.pop(visitor, None)

    def hang_up(self, visitor: Visitor, reason: CloseReason) -> None:
        if visitor.socket is not None:
            visitor.socket.close(*self._dialect.closing(reason))

    # ---- what they say

    def take(self, visitor: Visitor, do: Do) -> None:
        if isinstance(do, Refuse):
            self._refuse(visitor, do)
        elif isinstance(do, HangUp):
            if do.refusal is not None:
                self._refuse(visitor, do.refusal)
            self.hang_up(visitor, do.reason)
        elif isinstance(do, Request):
            self._do(visitor, do)

    def _do(self, visitor: Visitor, request: Request) -> None:
        if isinstance(request.command, c.Shout):
            try:
                self._shout(visitor, request.command.content)
            except TertuliaError as error:
                self._refuse(visitor, Refuse(error, request.name, request.ref))
        elif isinstance(request.command, c.Ping):
            self._send(visitor, self._dialect.replies(request, self._clock()))

    def _shout(self, visitor: Visitor, content: str) -> None:
        self._check(content)
        now = self._clock()
        frame = self._dialect.shouted(visitor.id, content, now)
        if not self._has_place(frame):
            raise TooFast(1.0, "Too much is being said here just now")
        self._shouts.append(Shout(visitor.id, content, now))
        self._add(frame, visitor)

    def _refuse(self, visitor: Visitor, refusal: Refuse) -> None:
        frame = self._dialect.error(refusal.error, refusal.name, refusal.ref)
        self._send(visitor, [] if frame is None else [frame])

    def _send(self, visitor: Visitor, frames: list[bytes]) -> None:
        if visitor.socket is not None and frames:
            visitor.socket.write(b"".join(frames))

    # ---- what goes out

    def _has_place(self, frame: bytes) -> bool:
        return not self._frames or self._size + len(frame) <= MOST_AT_ONCE

    def _add(self, frame: bytes, by: Visitor | None) -> None:
        if not self._frames:
            loop = asyncio.get_running_loop()
            rest = self._rests_until - monotonic()
            if rest > 0:
                loop.call_later(rest, self._flush)
            else:
                loop.call_soon(self._flush)
        self._frames.append((frame, by))
        self._size += len(frame)

    def _flush(self) -> None:
        began = monotonic()
        frames, self._frames, self._size = self._frames, [], 0
        shouts, self._shouts = self._shouts, []
        if shouts:
            self._tell(shouts)
        everything = b"".join(frame for frame, _ in frames)
        authors = {by for _, by in frames if by is not None}
        for visitor in tuple(self._visitors):
            if visitor.is_paused:
                continue
            others = (
                everything if visitor not in authors else b"".join(frame for frame, by in frames if by is not visitor)
            )
            if others:
                self._send(visitor, [others])
        ended = monotonic()
        self._rests_until = ended + REST * (ended - began)
