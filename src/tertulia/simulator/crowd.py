"""The crowd: who of us is where, and who watches whom, so that it is known how long a move takes to be seen."""

import math
from random import Random
from time import perf_counter

from tertulia.simulator.person import Person
from tertulia.simulator.ways import Place

MOST_PLACES = 64
"""Of one walk that may still be seen."""
MOST_LOOKED_AT = 500
"""People among whom the nearest is looked for: of more, a sample."""


class Trail:
    """The places that somebody has said lately they are at, and when."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: dict[Place, float] = {}

    def add(self, x: float, y: float) -> None:
        """Now."""
        self._places.pop((x, y), None)
        self._places[x, y] = perf_counter()
        if len(self._places) > MOST_PLACES:
            del self._places[next(iter(self._places))]

    def seen(self, x: float, y: float) -> float | None:
        """Seconds since then; None if it is not known, or was seen before."""
        said = self._places.pop((x, y), None)
        return None if said is None else perf_counter() - said

    def clear(self) -> None:
        self._places.clear()


class Member:
    """One of the crowd. *watches*: the trails of those to whom nobody is nearer, by user id."""

    __slots__ = ("person", "trail", "user_id", "watched_by", "watches")

    def __init__(self, person: Person) -> None:
        self.person = person
        self.user_id = 0  # not known yet
        self.trail = Trail()
        self.watches: dict[int, Trail] = {}
        self.watched_by: Member | None = None


class Crowd:
    def __init__(self, seed: str) -> None:
        self._members: list[Member] = []
        self._chance = Random(seed)

    def add(self, member: Member) -> None:
        self._members.append(member)

    def nearest(self, to: Member, reach: float) -> Member | None:
        """Whoever else is there and nearest, if not further off than *reach* units."""
        x, y = to.person.x, to.person.y
        found, least = None, reach
        members = self._members
        if len(members) > MOST_LOOKED_AT:
            members = self._chance.sample(members, MOST_LOOKED_AT)
        for member in members:
            person = member.person
            if person.is_there and member is not to:
                apart = math.hypot(person.x - x, person.y - y)
                if apart <= least:
                    found, least = member, apart
        return found

    def watch(self, walker: Member) -> None:
        """Whoever is nearest to *walker* now looks at them from now on."""
        self.forget(walker)
        walker.trail.clear()
        watcher = self.nearest(walker, math.inf)
        if watcher is not None and walker.user_id:
            walker.watched_by = watcher
            watcher.watches[walker.user_id] = walker.trail

    def forget(self, walker: Member) -> None:
        if walker.watched_by is not None:
            walker.watched_by.watches.pop(walker.user_id, None)
            walker.watched_by = None
