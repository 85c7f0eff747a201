"""The speed budget: how far somebody may go just now."""

from math import inf

BURST = 200.0
"""Units that one may go at once."""


class Budget:
    """One mover's: full at first, and refilled as time goes by, so that over any time one gets no farther than `BURST`
    and what the speed limit allows in that time. Sans I/O."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left = BURST
        self._at = inf
        """When it was last refilled; not yet."""

    def left(self, now: float, speed: float) -> float:
        """Units. *now*: seconds of a clock that never goes back; *speed*: units a second, 0 for no limit."""
        passed, self._at = now - self._at, now
        if speed <= 0:
            return inf
        if passed > 0:
            self._left = min(BURST, self._left + passed * speed)
        return self._left

    def spend(self, length: float) -> None:
        """Go so many units: no more than were left. Where there is no limit, the budget is used up all the same."""
        self._left = max(0.0, self._left - length)
