"""The floor: one room's space with what stands in it; where one may walk, stand and sit. Sans I/O.

It is made of the room and its objects, and kept by the events of the room's log. It knows no people but those who sit.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from heapq import heappop, heappush
from itertools import islice
from math import cos, hypot, pi, sin, sqrt
from typing import Literal

from msgspec import Struct

from tertulia.domain.events import DurableEvent, ObjectPlaced, ObjectRemoved, ObjectUpdated, RoomUpdated, ToolUsed
from tertulia.domain.geometry import Rectangle, covers, rectangle, sides
from tertulia.domain.ids import ObjectId, RoomId, Seq, UserId
from tertulia.domain.models import Area, Room, Space, SpaceObject
from tertulia.fanout.budget import BURST, Budget
from tertulia.fanout.ground import ABOUT, CELL_BITS, INEXACT, SKIN, SLACK, SOLID, STRIDE, Ground, Obstacle, touched

__all__ = ["BURST", "Budget", "Change", "Floor", "Step"]

WAYS_OUT = 32
"""Places beside what covers somebody that are looked at before a search all around."""
FARTHEST = 2000.0
"""Units that one is moved aside, at most, by the search all around; if there is no room, one begins anew."""
DIRECTIONS = 12
FINEST = 64
"""Into so many columns and rows a floor is divided, in the end, to find any place at all."""
BlockedBy = Literal["solid", "area", "speed"]


class Change(Enum):
    """What an event has changed. OBJECTS: what stands where, or who sits where; SPACE: the floor itself, or its areas."""

    NOTHING = 0
    OBJECTS = 1
    SPACE = 2


class Step(Struct, frozen=True, gc=False):
    """Where a way has ended. *area_id*: the gated area that one has been let into, while one is still in it.
    *blocked_by*: why one is shown elsewhere than where one wished (on the floor) to be; *door*: the gated area that is
    in the way. *length*: units from where one was, as the crow flies."""

    x: float
    y: float
    area_id: int | None = None
    blocked_by: BlockedBy | None = None
    door: int | None = None
    length: float = 0.0


class Floor:
    """*space* is the last one, if the room has none any more. *seats*: who sits on what."""

    def __init__(self, room: Room, objects: Iterable[SpaceObject], seq: Seq) -> None:
        """*seq*: where the room's log was when it had these *objects*. The room has a space."""
        assert room.space is not None
        self.room_id: RoomId = room.id
        self.space: Space = room.space
        self.seq = seq
        self.objects: dict[ObjectId, SpaceObject] = {}
        self.seats: dict[UserId, ObjectId] = {}
        self._ground = Ground()
        self._cells = self._ground.cells
        self._areas: dict[int, Area] = {}
        self._refuge: list[tuple[float, float]] | None = None
        """One place where anybody may stand, if there is one; None: it was not looked for since the ground changed."""
        self._lay(room.space)
        for thing in objects:
            self._put(thing)

    # ---- what the log says

    def apply(self, event: DurableEvent) -> Change:
        """One event of the room after the other, as they are in its log; those that are known already do nothing."""
        if event.seq <= self.seq:
            return Change.NOTHING
        self.seq = event.seq
        match event:
            case ObjectPlaced() | ObjectUpdated():
                return self._put(event.object)
            case ObjectRemoved():
                return self._remove(event.object_id)
            case ToolUsed():
                return self._remove(event.target_object_id) if event.object is None else self._put(event.object)
            case RoomUpdated() if event.room.space is not None and event.room.space != self.space:
                self._lay(event.room.space)
                return Change.SPACE
            case _:
                return Change.NOTHING

    def _lay(self, space: Space) -> None:
        self.space, self._refuge = space, None
        self._areas = {area.id: area for area in space.areas}
        self._ground.resize(space.width, space.height)
        self._ground.set_gates(
            {area.id: rectangle(area.x, area.y, area.width, area.height) for area in space.areas if area.is_gated}
        )

    def _put(self, thing: SpaceObject) -> Change:
        old = self.objects.get(thing.id)
        self.objects[thing.id] = thing
        if _is_where(old) == _is_where(thing):
            return Change.NOTHING
        self._seat(thing.id, None if old is None else old.occupied_by, thing.occupied_by)
        if thing.is_solid or (old is not None and old.is_solid):
            self._ground.set_solid(thing.id, _shape(thing) if thing.is_solid else None)
            self._refuge = None
        return Change.OBJECTS

    def _remove(self, object_id: ObjectId) -> Change:
        old = self.objects.pop(object_id, None)
        if old is None:
            return Change.NOTHING
        self._seat(object_id, old.occupied_by, None)
        self._ground.set_solid(object_id, None)
        self._refuge = None
        return Change.OBJECTS

    def _seat(self, object_id: ObjectId, old: UserId | None, new: UserId | None) -> None:
        if old is not None and old != new and self.seats.get(old) == object_id:
            del self.seats[old]
        if new is not None:
            self.seats[new] = object_id

    # ---- walking

    def walk(self, x: float, y: float, to_x: float, to_y: float, *, inside: int | None, reach: float) -> Step:
        """Straight on from (x, y), until something solid or a gated area other than *inside* is in the way, for at most
        *reach* units. A place beyond the floor's edge means the nearest on it; one that is not a number, the start."""
        # Ten thousand times a second: that nobody and nothing is near has to be found out by one look.
        ground = self._ground
        if not (0.0 <= to_x <= ground.right and 0.0 <= to_y <= ground.bottom):
            to_x, to_y = self._on_floor(x if to_x != to_x else to_x, y if to_y != to_y else to_y)  # noqa: PLR0124 - NaN
        if not (0.0 <= x <= ground.right and 0.0 <= y <= ground.bottom):
            return Step(x, y, None, "solid")
        along_x, along_y = to_x - x, to_y - y
        length = sqrt(along_x * along_x + along_y * along_y)
        if length > reach:
            return self._walk_within(reach, length, x, y, to_x, to_y, inside)
        if length < STRIDE:
            near = self._cells.get((int(x) >> CELL_BITS) << 20 | int(y) >> CELL_BITS)
            if near is not None and not near:
                return Step(to_x, to_y, None, None, None, length)
        return self._walk_past(x, y, to_x, to_y, inside, reach, length, None)

    def _walk_within(
        self, reach: float, length: float, x: float, y: float, to_x: float, to_y: float, inside: int | None
    ) -> Step:
        """As far as one can reach."""
        reach = max(0.0, reach - INEXACT)
        share = reach / length
        to_x, to_y = self._on_floor(x + (to_x - x) * share, y + (to_y - y) * share)
        return self._walk_past(x, y, to_x, to_y, inside, reach, reach, "speed")

    def _walk_past(
        self,
        x: float,
        y: float,
        to_x: float,
        to_y: float,
        inside: int | None,
        reach: float,
        length: float,
        limited_by: BlockedBy | None,
    ) -> Step:
        """Past what is near, to a place within *reach*."""
        near = self._ground.around(x, y) if length < STRIDE else self._ground.along(x, y, to_x, to_y)
        left, right = (x, to_x) if x < to_x else (to_x, x)
        top, bottom = (y, to_y) if y < to_y else (to_y, y)
        left, top, right, bottom = left - ABOUT, top - ABOUT, right + ABOUT, bottom + ABOUT
        close = [
            one
            for one in near
            if one.left < right and one.right > left and one.top < bottom and one.bottom > top and one.gate != inside
        ]
        if len(close) > 2:
            close = touched(close, x, y, to_x, to_y)
        home = None if inside is None else self._ground.gates.get(inside)
        if not close and (home is None or _is_off_edge(home.shape, to_x, to_y)):
            area_id = inside if home is not None and covers(home.shape, to_x, to_y) else None
            return Step(to_x, to_y, area_id, limited_by, None, length)
        end = self._ground.end(close, home, (x, y), (to_x, to_y), reach)
        if end is None:
            return self._stay(close, home, x, y)
        end_x, end_y, stopped_by = end
        blocked_by, door = limited_by, None
        if round(end_x, 2) != round(to_x, 2) or round(end_y, 2) != round(to_y, 2):
            blocked_by = "solid"
            if stopped_by is not None and stopped_by.gate != SOLID:
                blocked_by, door = "area", stopped_by.gate
        area_id = inside if home is not None and covers(home.shape, end_x, end_y) else None
        return Step(end_x, end_y, area_id, blocked_by, door, hypot(end_x - x, end_y - y))

    def _stay(self, close: list[Obstacle], home: Obstacle | None, x: float, y: float) -> Step:
        """Something has come over them: they are to be settled, or to be let in where they are."""
        area_id = home.gate if home is not None and covers(home.shape, x, y) else None
        gates = [one.gate for one in close if one.gate != SOLID and covers(one.shape, x, y, SKIN - SLACK)]
        if gates and self.is_free(x, y):
            return Step(x, y, area_id, "area", gates[0])
        return Step(x, y, area_id, "solid")

    def _on_floor(self, x: float, y: float) -> tuple[float, float]:
        return min(max(x, 0.0), self._ground.right), min(max(y, 0.0), self._ground.bottom)

    # ---- standing

    def is_free(self, x: float, y: float) -> bool:
        """On the floor, and within nothing solid. Edges are free, but for those where two things touch."""
        if not self._ground.has(x, y):
            return False
        close = [one for one in self._near(x, y) if one.gate == SOLID]
        return not close or self._ground.foothold(close, x, y) is not None

    def settle(self, x: float, y: float, *, inside: int | None) -> tuple[float, float]:
        """The nearest place where one may stand: the point itself if one may. If there is none near, the nearest spawn
        point; if not even those are free, any place; and if all is full, the nearest point of the floor."""
        x, y = self._on_floor(0.0 if x != x else x, 0.0 if y != y else y)  # noqa: PLR0124 - NaN
        found = self._find_way_out(x, y, inside)
        if found is not None:
            return found
        for place in self._places_around(x, y):
            found = self._stand(*place, inside)
            if found is not None:
                step = self.walk(*found, x, y, inside=inside, reach=FARTHEST)  # closer, as far as there is a way
                return step.x, step.y
        for point in sorted(self.space.spawn_points, key=lambda point: hypot(point.x - x, point.y - y)):
            found = self._stand(point.x, point.y, inside)
            if found is not None:
                return found
        if self._refuge is None:
            self._refuge = self._find_refuge()
        return self._refuge[0] if self._refuge else (x, y)

    def _find_refuge(self) -> list[tuple[float, float]]:
        """Looked for once for all who need it, however many stand where a wall is put."""
        width, height = self._ground.right / FINEST, self._ground.bottom / FINEST
        for column in range(FINEST + 1):
            for row in range(FINEST + 1):
                found = self._stand(round(column * width, 2), round(row * height, 2), None)
                if found is not None:
                    return [found]
        return []

    def _stand(self, x: float, y: float, inside: int | None) -> tuple[float, float] | None:
        """There, or less than two hundredths beside it."""
        if not self._ground.has(x, y):
            return None
        close = [one for one in self._near(x, y) if one.gate != inside]
        home = None if inside is None else self._ground.gates.get(inside)
        if not close and (home is None or _is_off_edge(home.shape, x, y)):
            return x, y
        foot = self._ground.foothold(close, x, y)
        return None if foot is None else self._ground.stance(close, home, *foot)

    def _find_way_out(self, x: float, y: float, inside: int | None) -> tuple[float, float] | None:
        """Straight out of what is over the point, by its nearest side; and if that leads under something else, out of
        that; at each turn on from the place that is nearest to the point."""
        queue = [(0.0, x, y)]
        for _ in range(WAYS_OUT):
            if not queue:
                return None
            _, at_x, at_y = heappop(queue)
            found = self._stand(at_x, at_y, inside)
            if found is not None:
                return found
            near = (one for one in self._near(at_x, at_y) if one.gate != inside)
            over = islice((one for one in near if covers(one.shape, at_x, at_y, SKIN - SLACK)), 4)
            for side in (side for one in over for side in sides(one.shape, SKIN)):
                depth = side.depth(at_x, at_y)
                to_x, to_y = at_x + side.x * depth, at_y + side.y * depth
                if self._ground.has(to_x, to_y):
                    heappush(queue, (hypot(to_x - x, to_y - y), to_x, to_y))
        return None

    def _places_around(self, x: float, y: float) -> Iterator[tuple[float, float]]:
        """On rings that grow."""
        radius = 1.0
        while radius < FARTHEST:
            for direction in range(DIRECTIONS):
                angle = 2 * pi * direction / DIRECTIONS + radius  # no two rings look in the same directions
                yield round(x + radius * cos(angle), 2), round(y + radius * sin(angle), 2)
            radius *= 1.7

    def _near(self, x: float, y: float) -> list[Obstacle]:
        """What may have a say about standing at this point of the floor."""
        left, top, right, bottom = x - ABOUT, y - ABOUT, x + ABOUT, y + ABOUT
        return [
            one
            for one in self._ground.around(x, y)
            if one.left < right and one.right > left and one.top < bottom and one.bottom > top
        ]

    def spawn(self, n: int) -> tuple[float, float]:
        """The *n*-th spawn point, counted round and round."""
        points = self.space.spawn_points
        point = points[n % len(points)]
        return point.x, point.y

    def seat_place(self, thing: SpaceObject) -> tuple[float, float] | None:
        """Where one sits on it: in its middle. None if one cannot be there, for it is solid, or something else is: then
        one sits on it from beside it."""
        x, y = thing.x + thing.width / 2, thing.y + thing.height / 2
        return (x, y) if not thing.is_solid and self.is_free(x, y) else None

    # ---- areas

    def find_area(self, area_id: int) -> Area | None:
        return self._areas.get(area_id)

    def gate_at(self, x: float, y: float) -> Area | None:
        """The gated area that the point lies in; on its edge, one is outside."""
        if not self._ground.has(x, y):
            return None
        for one in self._ground.around(x, y):
            if one.gate != SOLID and covers(one.shape, x, y):
                return self._areas[one.gate]
        return None

    def enclosure_at(self, x: float, y: float) -> int:
        """The id of the area, quiet or private, that keeps what is said at this point; 0 if none does."""
        area = self.gate_at(x, y)
        return area.id if area is not None and area.keeps_talk else 0


def _shape(thing: SpaceObject) -> Rectangle:
    return rectangle(thing.x, thing.y, thing.width, thing.height, thing.rotation)


def _is_off_edge(shape: Rectangle, x: float, y: float) -> bool:
    """Whether there is no doubt, within hundredths, on which side of the edge it is."""
    return covers(shape, x, y, -ABOUT) or not covers(shape, x, y, ABOUT)


def _is_where(thing: SpaceObject | None) -> tuple[object, ...]:
    """All of it that says where something is, and for whom."""
    if thing is None:
        return ()
    place = thing.x, thing.y, thing.width, thing.height, thing.rotation
    return (*place, thing.is_solid, thing.type, thing.occupied_by)
