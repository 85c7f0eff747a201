"""The ground: what stands in the way on a floor, and the ends of the ways past it. Sans I/O.

People are points. What is in the way counts as larger by `SKIN` on all sides: so there is no way through the seam of two
walls that touch, and who is stopped by one stands so close to it that they are shown on its very edge. They are shown in
hundredths of a unit, which may be elsewhere by more than the skin. So a way ends only where one could go on from the
place shown, too, and on the same side of everything: else it ends a hundredth beside it, or a little earlier.
"""

from collections.abc import Collection, Iterator
from itertools import combinations
from math import ceil, floor, hypot, inf

from msgspec import Struct

from tertulia.domain.geometry import Rectangle, Side, bounds, covers, crossing, entry, sides

SKIN = 0.004
"""Units. Less than half of a hundredth, so that what is stopped at an edge of whole hundredths is shown on it."""
SLACK = 1e-6
"""Units that somebody may be within the skin: far more than floats are inexact on the largest floor."""
INEXACT = 1e-9
"""Units that a length computed of the places of the largest floor may be off."""
FOOT = 0.015
"""Units to the next foothold, at most: more than a rounding may take one into a skin, or the skin of an area is wide."""
ABOUT = 0.05
"""Units around a way, within which lies all that has a say in where it ends."""
CELL_BITS = 6
"""Cells are squares of 64 units."""
STRIDE = 24.0
"""Units. Whoever goes no farther, which is a step at the usual 400 units and 20 steps a second, meets only what their cell
knows of."""
MOST_STRIDES = 64
MOST_CELLS = 16_384
SOLID = -1


class Obstacle(Struct, frozen=True, eq=False, gc=False):
    """Something solid, or (*gate*) a gated area by its id. The bounds are those of its skin."""

    shape: Rectangle
    left: float
    top: float
    right: float
    bottom: float
    gate: int = SOLID


def obstacle(shape: Rectangle, gate: int = SOLID) -> Obstacle:
    return Obstacle(shape, *bounds(shape, SKIN), gate)


class Ground:
    """From (0, 0) to (*right*, *bottom*), which are whole hundredths. A gated area is in the way of all but those who
    are inside. *cells*: what is in a cell or within a stride of it, of the cells that somebody asked for."""

    def __init__(self) -> None:
        self.right = self.bottom = 0.0
        self.gates: dict[int, Obstacle] = {}
        self.cells: dict[int, tuple[Obstacle, ...]] = {}
        self._solids: dict[int, Obstacle] = {}

    # ---- what there is

    def resize(self, width: float, height: float) -> None:
        self.right, self.bottom = _hundredths_within(width), _hundredths_within(height)

    def set_gates(self, areas: dict[int, Rectangle]) -> None:
        """All of them, by their ids."""
        self.gates = {area_id: obstacle(shape, area_id) for area_id, shape in areas.items()}
        self.cells.clear()

    def set_solid(self, key: int, shape: Rectangle | None) -> None:
        """None: it is there no more."""
        old = self._solids.pop(key, None)
        if old is not None:
            self._forget_cells(old)
        if shape is not None:
            new = self._solids[key] = obstacle(shape)
            self._forget_cells(new)

    def _forget_cells(self, one: Obstacle) -> None:
        far = STRIDE + 1
        columns = range(int(one.left - far) >> CELL_BITS, (int(one.right + far) >> CELL_BITS) + 1)
        rows = range(int(one.top - far) >> CELL_BITS, (int(one.bottom + far) >> CELL_BITS) + 1)
        if len(columns) * len(rows) > len(self.cells):
            self.cells.clear()
            return
        for column in columns:
            for row in rows:
                self.cells.pop(column << 20 | row, None)

    # ---- what is near

    def has(self, x: float, y: float) -> bool:
        return 0.0 <= x <= self.right and 0.0 <= y <= self.bottom

    def around(self, x: float, y: float) -> tuple[Obstacle, ...]:
        """All within a stride of a point of the floor, and some more."""
        column, row = int(x) >> CELL_BITS, int(y) >> CELL_BITS
        key = column << 20 | row
        known = self.cells.get(key)
        if known is not None:
            return known
        if len(self.cells) >= MOST_CELLS:
            self.cells.clear()
        side = 1 << CELL_BITS
        middle_x, middle_y, far = column * side + side / 2, row * side + side / 2, side / 2 + STRIDE
        near = self._meeting(middle_x - far, middle_y - far, middle_x + far, middle_y + far)
        far *= 1.5  # a little more than to the corners
        found = [one for one in near if covers(one.shape, middle_x, middle_y, far)]
        for one in found:
            if one.gate == SOLID and covers(one.shape, middle_x, middle_y, -far):
                # All of this is inside it: whatever else is solid there makes no difference.
                found = [one, *(other for other in found if other.gate != SOLID)]
                break
        self.cells[key] = tuple(found)
        return self.cells[key]

    def along(self, x: float, y: float, to_x: float, to_y: float) -> Collection[Obstacle]:
        """All that a way on the floor may meet, and some more."""
        strides = int(hypot(to_x - x, to_y - y) / STRIDE) + 1
        if strides == 1:
            return self.around(x, y)
        if strides > MOST_STRIDES:
            return self._meeting(min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y))
        step_x, step_y = (to_x - x) / strides, (to_y - y) / strides
        found: set[Obstacle] = set()
        for stride in range(strides):
            found.update(self.around(x + stride * step_x, y + stride * step_y))
        return found

    def _meeting(self, left: float, top: float, right: float, bottom: float) -> list[Obstacle]:
        left, top, right, bottom = left - ABOUT, top - ABOUT, right + ABOUT, bottom + ABOUT
        return [
            one
            for all_of_them in (self._solids, self.gates)
            for one in all_of_them.values()
            if one.left < right and one.right > left and one.top < bottom and one.bottom > top
        ]

    # ---- where one can stand, and how far one can go

    def foothold(self, close: Collection[Obstacle], x: float, y: float) -> tuple[float, float] | None:
        """The point itself if it is free; if it is on the edge of something, or in its skin, the nearest that is free.
        None if that is too far away: one cannot stand there."""
        held_by = []
        for one in close:
            if covers(one.shape, x, y, SKIN - SLACK):
                if one.gate == SOLID and covers(one.shape, x, y, -FOOT):
                    return None  # at once, however much more is there
                held_by.append(one)
        if not held_by:
            return x, y
        ways_out = self._sides_at(held_by, x, y)
        points = [(x + side.x * depth, y + side.y * depth) for depth, side in ways_out]
        lines = [side for _, side in ways_out] + [side for side in self._border() if side.depth(x, y) < FOOT]
        points += [point for one, other in combinations(lines, 2) if (point := crossing(one, other)) is not None]
        solids = [one for one in close if one.gate == SOLID]
        for length, to_x, to_y in sorted((hypot(to_x - x, to_y - y), to_x, to_y) for to_x, to_y in points):
            if length > FOOT:
                break
            if self.has(to_x, to_y) and is_open(close, to_x, to_y) and is_clear(solids, x, y, to_x, to_y, -SLACK):
                return to_x, to_y
        return None

    def _sides_at(self, held_by: Collection[Obstacle], x: float, y: float) -> list[tuple[float, Side]]:
        """The sides that the point is just within, the nearest first; of very many, the first dozen will do."""
        near = [
            (depth, side) for one in held_by for side in sides(one.shape, SKIN) if (depth := side.depth(x, y)) <= FOOT
        ]
        return sorted(near, key=lambda found: found[0])[:12]

    def _border(self) -> tuple[Side, Side, Side, Side]:
        return Side(-1.0, 0.0, 0.0), Side(1.0, 0.0, self.right), Side(0.0, -1.0, 0.0), Side(0.0, 1.0, self.bottom)

    def end(
        self,
        close: Collection[Obstacle],
        home: Obstacle | None,
        start: tuple[float, float],
        wished: tuple[float, float],
        reach: float = inf,
    ) -> tuple[float, float, Obstacle | None] | None:
        """How far one gets on the straight way from *start* to *wished*, and what stops one there. None if one cannot
        stand at the start. *close*: all near the way that may be in the way; *home*: the gated area that one may be in,
        which is not. *reach*: units."""
        foot = self.foothold(close, *start)
        if foot is None:
            return None
        # Who wishes to be on an edge, or to go along it, wishes to be as close to it as one can be.
        there = close if home is None or covers(home.shape, *wished) else [*close, home]
        aim = self.foothold(there, *wished) or wished
        share, stopped_by = first_met(close, *foot, *aim)
        way = End(self, close, home, start, foot, reach + INEXACT)
        for point in _ends(foot, aim, share):
            if way.may_be_at(*point):
                return *point, stopped_by
        return *start, stopped_by

    def stance(
        self, close: Collection[Obstacle], home: Obstacle | None, x: float, y: float
    ) -> tuple[float, float] | None:
        """Where one can stand who stands about there: at the foothold (x, y) or a hundredth beside it."""
        way = End(self, close, home, (x, y), (x, y), ABOUT)
        return next((point for point in _ends((x, y), (x, y), 1.0) if way.may_be_at(*point)), None)


class End(Struct, frozen=True):
    """What is asked of the end of a way. *foot*: the foothold that the way begins with."""

    ground: Ground
    close: Collection[Obstacle]
    home: Obstacle | None
    start: tuple[float, float]
    foot: tuple[float, float]
    reach: float

    def may_be_at(self, x: float, y: float) -> bool:
        if not self.ground.has(x, y) or hypot(x - self.start[0], y - self.start[1]) > self.reach:
            return False
        if not is_clear(self.close, *self.foot, x, y, SKIN - SLACK):
            return False
        if self.foot != self.start and not self._is_clear_from_start(x, y):
            return False
        close, home = self.close, self.home
        shown_x, shown_y = round(x, 2), round(y, 2)
        if home is not None:
            is_home = covers(home.shape, x, y)
            if is_home != covers(home.shape, shown_x, shown_y):
                return False
            if not is_home:  # what one has left is in the way from now on
                close = [*close, home]
        if (shown_x, shown_y) == (x, y):
            return close is self.close or is_open(close, x, y)
        # Who goes on from the place shown must find themselves on the same side of everything.
        foot = self.ground.foothold(close, shown_x, shown_y)
        return (
            foot is not None
            and not any(covers(one.shape, shown_x, shown_y, SLACK if one.shape.is_turned else 0.0) for one in close)
            and is_clear(close, *foot, x, y, SKIN - SLACK)
        )

    def _is_clear_from_start(self, x: float, y: float) -> bool:
        """Of everything itself, without its skin; but for an area that one is being put out of."""
        return all(
            entry(one.shape, *self.start, x, y, -SLACK) is None
            or (one.gate != SOLID and covers(one.shape, *self.start))
            for one in self.close
        )


def is_open(close: Collection[Obstacle], x: float, y: float) -> bool:
    return not any(covers(one.shape, x, y, SKIN - SLACK) for one in close)


def is_clear(close: Collection[Obstacle], x: float, y: float, to_x: float, to_y: float, margin: float) -> bool:
    """Whether the straight way meets nothing, its end included."""
    return all(entry(one.shape, x, y, to_x, to_y, margin) is None for one in close)


def touched(close: Collection[Obstacle], x: float, y: float, to_x: float, to_y: float) -> list[Obstacle]:
    """What the way comes so near to that it has a say."""
    return [one for one in close if entry(one.shape, x, y, to_x, to_y, ABOUT) is not None]


def first_met(
    close: Collection[Obstacle], x: float, y: float, to_x: float, to_y: float
) -> tuple[float, Obstacle | None]:
    """What the way meets first, and after which share of it; 1.0 and None if it meets nothing. Of two that are met at
    once it is what is solid: no door is opened to a wall."""
    first, met = 1.0, None
    for one in close:
        if entry(one.shape, x, y, to_x, to_y, SKIN - SLACK) is None:
            continue
        # Whoever is within the slack stays there: they have come as far as one can.
        share = max(0.0, entry(one.shape, x, y, to_x, to_y, SKIN) or 0.0)
        if met is None or (share, one.gate) < (first, met.gate):
            first, met = share, one
    return first, met


def _ends(foot: tuple[float, float], wished: tuple[float, float], share: float) -> Iterator[tuple[float, float]]:
    """Where a way may end that goes as far as *share*, the best first: there, on the whole hundredths around, or some
    way back, each time farther."""
    x, y = foot
    along_x, along_y = wished[0] - x, wished[1] - y
    length = hypot(along_x, along_y)
    end = wished if share >= 1.0 else (x + along_x * share, y + along_y * share)
    yield end
    yield from _hundredths_around(*end)
    back = 0.02
    while back < length * share:
        part = share - back / length
        yield x + along_x * part, y + along_y * part
        back *= 4
    yield foot


def _hundredths_around(x: float, y: float) -> list[tuple[float, float]]:
    """The nearest first."""
    across, down = (range(ceil(n * 100) - 1, floor(n * 100) + 2) for n in (x, y))
    return sorted(((a / 100, b / 100) for a in across for b in down), key=lambda at: (hypot(at[0] - x, at[1] - y), at))


def _hundredths_within(size: float) -> float:
    rounded = round(size, 2)
    return rounded if rounded <= size else round(rounded - 0.01, 2)
