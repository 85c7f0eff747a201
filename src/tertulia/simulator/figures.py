"""Figures: all that is counted and timed. Sums since the beginning, and of the last moment."""

import math
from collections import Counter

from msgspec import Struct

_STEP = math.log(1.02)
_SMALLEST = 1e-6


class Delays:
    """How long things took, in seconds: a histogram that is exact to two percent, of however many there are."""

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0

    def add(self, seconds: float) -> None:
        self._counts[int(math.log(max(seconds, _SMALLEST) / _SMALLEST) / _STEP)] += 1
        self.count += 1

    def quantile(self, share: float) -> float | None:
        """Seconds that *share* (0 to 1) of them did not take longer than; None without any."""
        left = math.ceil(share * self.count)
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                return _SMALLEST * math.exp((bucket + 0.5) * _STEP)
        return None

    def take(self, other: "Delays") -> None:
        """Count those of *other* in; it is empty then."""
        self._counts.update(other._counts)  # noqa: SLF001 (of the same class)
        self.count += other.count
        other.clear()

    def clear(self) -> None:
        self._counts.clear()
        self.count = 0


class Timing:
    """The delays of the last moment, and those before."""

    __slots__ = ("before", "recent")

    def __init__(self) -> None:
        self.before, self.recent = Delays(), Delays()

    def all(self) -> Delays:
        self.before.take(self.recent)
        return self.before

    def clear(self) -> None:
        self.before.clear()
        self.recent.clear()


class Counts(Struct):
    """How often things happened. All only go up, so that the difference of two is what happened between.

    *seen*: moves that the nearest other one was told, of the *shown* ones that somebody stood near; *repeats* and
    *gaps*: events of the log that came twice, or that were missing when later ones came; *heard* and *bytes_in*: of all
    users together.
    """

    moves: int = 0
    shown: int = 0
    seen: int = 0
    heard: int = 0
    bytes_in: int = 0
    corrections: int = 0
    messages: int = 0
    nearby: int = 0
    acked: int = 0
    duplicates: int = 0
    messages_heard: int = 0
    sits: int = 0
    tools: int = 0
    reconnects: int = 0
    resumed: int = 0
    reset: int = 0
    gaps: int = 0
    repeats: int = 0
    unreadable: int = 0

    def since(self, before: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) - getattr(before, name) for name in self.__struct_fields__})

    def copy(self) -> "Counts":
        return self.since(Counts())


REFUSALS = frozenset({
    "occupied", "nobody_near", "area_full", "area_locked", "out_of_reach", "too_many", "muted",
})  # fmt: skip
"""What a person is refused who has done nothing wrong: a chair was taken first. Everything else is an error."""


class Figures:
    """*errors*, *refusals*: by code, as the server names them, or `http_503`, or a word for why there was no connection;
    *closes*: by code and reason."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.errors: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.closes: Counter[str] = Counter()
        self.connected = self.most_connected = 0
        self.move_delay, self.ack_delay, self.round_trip, self.lag = Timing(), Timing(), Timing(), Timing()

    @property
    def timings(self) -> tuple[Timing, ...]:
        return self.move_delay, self.ack_delay, self.round_trip, self.lag

    def came(self) -> None:
        self.connected += 1
        self.most_connected = max(self.most_connected, self.connected)

    def went(self) -> None:
        self.connected -= 1

    def refused(self, code: str) -> None:
        (self.refusals if code in REFUSALS else self.errors)[code] += 1
