"""The floor as those who walk on it know it: what stands where, and which places are worth going to."""

from random import Random

from tertulia.simulator.ways import Place, Ways
from tertulia.simulator.wire import Area, Fact, RoomState, Space, Thing

SPOTS = 32
"""Places that are just somewhere: as many as keep a crowd apart, and few enough to know the ways to all of them."""


class Floor:
    """What the first who came in were told, kept up to date by whoever hears of a change first.

    *seed* chooses the spots. Nothing here is known before `take`.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._seq = -1
        self._things: dict[int, Thing] = {}
        self._ways: Ways | None = None
        self._spots: list[Place] = []
        self.space = Space(0.0, 0.0)

    def take(self, state: RoomState, *, is_reset: bool = False) -> None:
        """A snapshot. *is_reset*: of another log than before."""
        if state.room.space is None or (state.seq <= self._seq and not is_reset):
            return
        self._seq, self.space = state.seq, state.room.space
        self._things = {thing.id: thing for thing in state.objects}
        self._ways = None

    def apply(self, fact: Fact) -> None:
        """An event of the room's log; many tell of the same one."""
        if fact.seq <= self._seq:
            return
        self._seq = fact.seq
        if fact.room is not None and fact.room.space is not None:
            self.space, self._ways = fact.room.space, None
        thing_id = fact.target_object_id or fact.object_id or (fact.object.id if fact.object is not None else None)
        if thing_id is not None:
            self._change(thing_id, fact.object)

    def _change(self, thing_id: int, after: Thing | None) -> None:
        before = self._things.pop(thing_id, None)
        if after is not None:
            self._things[thing_id] = after
        if (before is not None and before.is_solid) or (after is not None and after.is_solid):
            self._ways = None

    @property
    def ways(self) -> Ways:
        if self._ways is None:
            solids = [thing for thing in self._things.values() if thing.is_solid]
            gated = [area for area in self.space.areas if area.is_gated]
            self._ways = Ways(self.space.width, self.space.height, solids, gated)
            self._spots = self._choose_spots(self._ways, gated)
        return self._ways

    def _choose_spots(self, ways: Ways, gated: list[Area]) -> list[Place]:
        chance = Random(self._seed)
        drawn = [
            ways.settle(chance.uniform(0, self.space.width), chance.uniform(0, self.space.height))
            for _ in range(2 * SPOTS)
        ]
        open_to_all = [place for place in drawn if not any(area.holds(*place) for area in gated)]
        return (open_to_all or drawn)[:SPOTS]

    # ---- where to go

    def spot(self, chance: Random) -> Place:
        ways = self.ways
        return chance.choice(self._spots) if self._spots else ways.settle(0.0, 0.0)

    def free_seat(self, chance: Random) -> Thing | None:
        seats = [thing for thing in self._things.values() if thing.is_seat and thing.occupied_by is None]
        return chance.choice(seats) if seats else None

    def is_taken(self, seat: Thing) -> bool:
        """Whether somebody sits there by now, or it is there no more."""
        now = self._things.get(seat.id)
        return now is None or now.occupied_by is not None

    def tool(self, chance: Random) -> Thing | None:
        tools = [thing for thing in self._things.values() if thing.type == "tool"]
        return chance.choice(tools) if tools else None

    def area(self, chance: Random) -> Area | None:
        return chance.choice(self.space.areas) if self.space.areas else None

    def beside(self, thing: Thing) -> Place:
        """Where one stands to reach it: on it, if one can."""
        return self.ways.settle(*thing.middle)
