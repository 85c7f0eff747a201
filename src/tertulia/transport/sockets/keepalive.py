"""One timer for all connections: it finds those that are silent, stalled, or half done for too long."""

import asyncio
import logging
import math
from typing import Protocol

from tertulia.transport.sockets.handshake import Proxies
from tertulia.transport.sockets.limits import SocketLimits

SLICES = 8
log = logging.getLogger("tertulia.sockets")


class Swept(Protocol):
    def on_sweep(self) -> None:
        """Called once a round. Times are counted in rounds, so that nothing need read a clock per frame."""


class Sweep:
    """Visits every member once a round, a slice of them at a time: a thousand pings at once would hold everybody up.

    The timer runs while there are members.
    """

    __slots__ = ("_every", "_next", "_slices", "_timer")

    def __init__(self, every: float) -> None:
        self._every = every
        # Dictionaries, as sets: half the memory of a set.
        self._slices: tuple[dict[Swept, None], ...] = tuple({} for _ in range(SLICES))
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Swept) -> None:
        self._slices[hash(member) % SLICES][member] = None
        if self._timer is None:
            self._arm()

    def discard(self, member: Swept) -> None:
        self._slices[hash(member) % SLICES].pop(member, None)

    def rounds(self, seconds: float) -> int:
        """The rounds in *seconds*, at least one. A count that is greater has lasted longer."""
        return max(1, math.ceil(seconds / self._every))

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every / SLICES, self._visit)

    def _visit(self) -> None:
        self._timer = None
        members, self._next = self._slices[self._next], (self._next + 1) % SLICES
        for member in tuple(members):
            try:
                member.on_sweep()
            except Exception:
                log.exception("a connection could not be swept")
        if any(self._slices):
            self._arm()


class Sockets:
    """What the connections of one server share: their limits, their sweep, and how many sockets are open."""

    def __init__(self, limits: SocketLimits | None = None) -> None:
        self.limits = limits = limits or SocketLimits()
        self.sweep = sweep = Sweep(limits.sweep_every)
        self.proxies: Proxies | None = None
        self._open = 0
        self.ping_rounds = sweep.rounds(limits.ping_after)
        self.silent_rounds = sweep.rounds(limits.silent_after)
        self.stalled_rounds = sweep.rounds(limits.stalled_after)
        self.unfinished_rounds = sweep.rounds(limits.unfinished_after)
        self.head_rounds = sweep.rounds(limits.head_after)
        self.idle_rounds = sweep.rounds(limits.idle_after)
        self.body_rounds = sweep.rounds(limits.body_after)
        self.bytes_per_round = max(1, int(limits.slowest_rate * limits.sweep_every))

    def __len__(self) -> int:
        return self._open

    @property
    def is_full(self) -> bool:
        return self._open >= self.limits.max_sockets

    def opened(self, socket: Swept) -> None:
        self._open += 1
        self.sweep.add(socket)

    def closed(self, socket: Swept) -> None:
        self._open -= 1
        self.sweep.discard(socket)
