"""Lulls: while steps come in by the thousand, the loop rests for a moment after those that it has taken, so that it wakes
up once for the next ten and not ten times. Network cards do the same with their interrupts (coalescing)."""

import asyncio
import time
from collections.abc import Callable
from math import inf

REST = 0.001
"""Seconds. All that comes in meanwhile waits so long, at most; steps are told with the next tick anyhow."""
BUSY = 2000.0
"""Steps a second above which there are rests: there, two for each."""
FULL = 20
"""Steps taken in one turn of the loop after which it does not rest: it is busy enough for them to gather."""


class Lull:
    """Tell it of each step, and now and then (`look`) to find out how busy it is."""

    __slots__ = ("_count", "_is_busy", "_is_due", "_looked_at", "_sleep", "_turn")

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """*sleep*: holds up the loop, on purpose."""
        self._sleep, self._looked_at = sleep, inf
        self._count = self._turn = 0
        self._is_busy = self._is_due = False

    def look(self, now: float) -> None:
        """*now*: seconds of any clock that never goes back."""
        passed = now - self._looked_at
        self._is_busy = passed > 0 and self._count >= BUSY * passed
        self._count, self._looked_at = 0, now

    def step(self) -> None:
        """One came in."""
        self._count += 1
        if self._is_busy:
            self._turn += 1
            if not self._is_due:
                self._is_due = True
                asyncio.get_running_loop().call_soon(self._rest)

    def _rest(self) -> None:
        turn, self._turn, self._is_due = self._turn, 0, False
        if turn < FULL:
            self._sleep(REST)
