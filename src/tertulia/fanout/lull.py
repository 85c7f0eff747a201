"""Lulls: while steps come in by the thousand, the loop rests for a moment after those that it has taken, so that it wakes
up once for the next ten and not ten times. Network cards do the same with their interrupts (coalescing). It does not while
somebody waits for anything but steps.
"""

import asyncio
import time
from collections.abc import Callable
from math import inf

REST = 0.002
"""Seconds. All that comes in meanwhile waits so long, at most; steps are told with the next tick anyhow."""
BUSY = 2000.0
"""Steps a second above which there are rests."""
SPARE = 0.3
"""The share of its time that the loop must have to spare: without it what comes in gathers by itself."""


class Lull:
    """Tell it of each step, and now and then (`look`) to find out how busy it is."""

    __slots__ = ("_count", "_is_due", "_is_on", "_looked_at", "_sleep", "_spent", "_spent_at", "is_awaited")

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, spent: Callable[[], float] = time.thread_time
    ) -> None:
        """*sleep*: holds up the loop, on purpose. *spent*: seconds that the loop has worked."""
        self.is_awaited: Callable[[], bool] = bool  # never
        self._sleep, self._spent = sleep, spent
        self._looked_at, self._spent_at = inf, 0.0
        self._count = 0
        self._is_on = self._is_due = False

    def look(self, now: float) -> None:
        """*now*: seconds of any clock that never goes back."""
        passed, spent = now - self._looked_at, self._spent()
        has_time = spent - self._spent_at < (1 - SPARE) * passed
        self._is_on = passed > 0 and self._count >= BUSY * passed and has_time
        self._count, self._looked_at, self._spent_at = 0, now, spent

    def step(self) -> None:
        """One came in."""
        self._count += 1
        if self._is_on and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._rest)

    def _rest(self) -> None:
        self._is_due = False
        if not self.is_awaited():
            self._sleep(REST)
