"""A session's state: what one client's frame means now. Feed it frames; do what it returns. No socket, no clock."""

from typing import Any

from msgspec import UNSET, Struct

from tertulia.domain.commands import Authenticate, Move, Ping, Type
from tertulia.domain.errors import Malformed, MissingToken, TertuliaError, TooFast, UnknownCommand
from tertulia.domain.ids import RoomId
from tertulia.protocol.dialect import CloseReason, Dialect, Request, Unreadable

MALFORMED_IN_A_ROW = 10
COALESCED = (Type, Move)
"""Commands of the moment: over their rate they are dropped, for the next one says it again (of moves the last one counts,
later); without a word, unless they bear an id."""
COALESCED_SHARE = 3.0
"""Their own allowance, as a multiple of that of all others."""
BEFORE_READY = (Authenticate, Ping)


class Refuse(Struct, frozen=True):
    """Answer with an error; the socket stays open."""

    error: TertuliaError
    name: str = ""
    ref: Any = UNSET


class Later(Struct, frozen=True):
    """More of these than it may send: do this one in *wait* seconds, unless another of its kind comes before that."""

    request: Request
    move: Move
    wait: float


class HangUp(Struct, frozen=True):
    """Answer with an error, if there is one, and close."""

    reason: CloseReason
    refusal: Refuse | None = None
    retry_after: float | None = None


Do = Request | Refuse | HangUp | Later | None


class Allowance:
    """A token bucket: *rate* a second sustained, *burst* at once. Times are seconds of any monotonic clock."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, burst: float, now: float) -> None:
        self._tokens, self._at = burst, now

    def spend(self, rate: float, burst: float, now: float) -> float:
        """Take one. 0.0 if there was one; else the seconds until there is."""
        self._tokens = min(burst, self._tokens + (now - self._at) * rate)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / rate

    def is_full(self, burst: float) -> bool:
        """Whether nothing was owed at the last look, but for what was just taken."""
        return self._tokens >= burst - 1.0


class Pace(Struct, frozen=True):
    """How fast a client may send: *rate* frames a second, *burst* at once."""

    rate: float
    burst: float


class Session:
    """One client's side of a conversation.

    Too fast: each frame over the rate is answered by an error that says when to try again; a client that earns as many
    of these as a burst has frames, without ever slowing down, is hung up on. Ten unreadable frames in a row likewise.
    """

    __slots__ = ("_allowance", "_coalesced", "_dialect", "_malformed", "_pace", "_room_id", "_warnings", "is_ready")

    def __init__(self, dialect: Dialect, room_id: RoomId | None, pace: Pace, now: float) -> None:
        self._dialect, self._room_id, self._pace = dialect, room_id, pace
        self._allowance = Allowance(pace.burst, now)
        self._coalesced: Allowance | None = None  # most clients never need one
        self._malformed = self._warnings = 0
        self.is_ready = False

    def receive(self, frame: str | bytes, now: float) -> Do:
        if isinstance(frame, str) is self._dialect.is_binary:
            return HangUp(CloseReason.BINARY)
        try:
            request = self._dialect.decode(frame, self._room_id)
        except Unreadable as unreadable:
            return self._pay(now, self._unreadable(unreadable))
        self._malformed = 0
        if not self.is_ready and not isinstance(request.command, BEFORE_READY):
            return self._pay(now, Refuse(MissingToken(), request.name, request.ref))
        if isinstance(request.command, COALESCED):
            return self._coalesce(now, request)
        return self._pay(now, request)

    def _unreadable(self, unreadable: Unreadable) -> Do:
        refusal = Refuse(unreadable.error, unreadable.name, unreadable.ref)
        if not isinstance(unreadable.error, Malformed) or isinstance(unreadable.error, UnknownCommand):
            return refusal
        self._malformed += 1
        return refusal if self._malformed < MALFORMED_IN_A_ROW else HangUp(CloseReason.MALFORMED, refusal)

    def _pay(self, now: float, otherwise: Do) -> Do:
        """*otherwise*, if the client may send another frame now."""
        rate, burst = self._pace.rate, self._pace.burst
        wait = self._allowance.spend(rate, burst, now)
        if not wait:
            if self._warnings and self._allowance.is_full(burst):
                self._warnings = 0
            return otherwise
        self._warnings += 1
        name, ref = (otherwise.name, otherwise.ref) if isinstance(otherwise, Request | Refuse) else ("", UNSET)
        refusal = Refuse(TooFast(wait), name, ref)
        return refusal if self._warnings < burst else HangUp(CloseReason.TOO_FAST, refusal, burst / rate)

    def _coalesce(self, now: float, request: Request) -> Do:
        rate, burst = self._pace.rate * COALESCED_SHARE, self._pace.burst * COALESCED_SHARE
        if self._coalesced is None:
            self._coalesced = Allowance(burst, now)
        wait = self._coalesced.spend(rate, burst, now)
        if not wait:
            return request
        if request.ref is UNSET:
            return Later(request, request.command, wait) if isinstance(request.command, Move) else None
        return self._pay(now, Refuse(TooFast(wait), request.name, request.ref))
