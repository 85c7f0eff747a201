"""Ways: how one walks over a floor and round what is solid. A grid of cells; each goal's paths are found once."""

import math
from collections import deque
from collections.abc import Iterable

from tertulia.simulator.wire import Area, Thing

Place = tuple[float, float]

SMALLEST_CELL = 8.0
"""Units. Large floors have larger cells: at most `MOST_CELLS`."""
MOST_CELLS = 10_000
ELBOW_ROOM = 3.0
"""Units that one keeps away from what is solid."""
MOST_GOALS = 256
"""Goals whose paths are remembered."""
STRIDE = 2.0
"""Units between two looks at whether the straight line is free."""


class Ways:
    """*areas*: those that let people in one by one are crossed by nobody who does not want in or out."""

    def __init__(self, width: float, height: float, solids: Iterable[Thing], areas: Iterable[Area] = ()) -> None:
        self.width, self.height = width, height
        self._cell = max(SMALLEST_CELL, math.sqrt(width * height / MOST_CELLS))
        # A frame of blocked cells all around spares every look at the edges.
        self._columns, self._rows = math.ceil(width / self._cell) + 2, math.ceil(height / self._cell) + 2
        self._is_blocked = bytearray(self._columns * self._rows)
        self._gates = [0] * len(self._is_blocked)
        self._block_edges()
        for solid in solids:
            self._block(solid)
        for gate, area in enumerate(areas, start=1):
            self._fence(gate, area)
        self._goals: dict[int, list[int]] = {}
        row = self._columns
        self._straight = (1, -1, row, -row)
        self._diagonal = ((1 + row, 1, row), (1 - row, 1, -row), (-1 + row, -1, row), (-1 - row, -1, -row))

    def is_free(self, x: float, y: float) -> bool:
        return not self._is_blocked[self._cell_at(x, y)]

    def settle(self, x: float, y: float) -> Place:
        """The nearest place that is free, more or less; (x, y) itself if there is none."""
        column, row = self._column_and_row(self._cell_at(x, y))
        if self.is_free(x, y):
            return self._clamped(x, y)
        for ring in range(1, max(self._columns, self._rows)):
            cells = [
                at + down * self._columns
                for down in range(max(1, row - ring), min(self._rows - 1, row + ring + 1))
                for at in range(max(1, column - ring), min(self._columns - 1, column + ring + 1))
                if ring in (abs(down - row), abs(at - column)) and not self._is_blocked[at + down * self._columns]
            ]
            if cells:
                return min((self._middle(cell) for cell in cells), key=lambda place: math.dist(place, (x, y)))
        return x, y

    def route(self, x: float, y: float, to_x: float, to_y: float) -> list[Place]:
        """The corners of a way there, the end included; a straight line if there is no way, for the server may know
        one."""
        end = self._clamped(to_x, to_y)
        if self._is_clear(x, y, *end):
            return [end]
        start = self._cell_at(*self.settle(x, y))
        corners = self._corners(start, self._cell_at(*end))
        return [*self._shortened((x, y), corners), end] if corners else [end]

    # ---- cells

    def _cell_at(self, x: float, y: float) -> int:
        x, y = self._clamped(x, y)
        column = min(int(x / self._cell) + 1, self._columns - 2)
        return column + min(int(y / self._cell) + 1, self._rows - 2) * self._columns

    def _clamped(self, x: float, y: float) -> Place:
        return min(max(x, 0.0), self.width), min(max(y, 0.0), self.height)

    def _column_and_row(self, cell: int) -> tuple[int, int]:
        return cell % self._columns, cell // self._columns

    def _middle(self, cell: int) -> Place:
        column, row = self._column_and_row(cell)
        return self._clamped((column - 0.5) * self._cell, (row - 0.5) * self._cell)

    def _block_edges(self) -> None:
        for column in range(self._columns):
            self._is_blocked[column] = self._is_blocked[column - self._columns] = 1
        for row in range(self._rows):
            self._is_blocked[row * self._columns] = self._is_blocked[(row + 1) * self._columns - 1] = 1

    def _block(self, solid: Thing) -> None:
        """All cells that *solid* touches, its elbow room included. Seen from it, a cell reaches as far as its corners."""
        turn = math.radians(solid.rotation)
        sine, cosine = math.sin(turn), math.cos(turn)
        middle_x, middle_y = solid.middle
        wide, high = solid.width / 2 + ELBOW_ROOM, solid.height / 2 + ELBOW_ROOM
        reach = self._cell / 2 * (abs(sine) + abs(cosine))
        for cell in self._cells_within(middle_x, middle_y, math.hypot(wide, high)):
            column, row = self._column_and_row(cell)
            x, y = (column - 0.5) * self._cell - middle_x, (row - 0.5) * self._cell - middle_y
            if abs(x * cosine + y * sine) < wide + reach and abs(y * cosine - x * sine) < high + reach:
                self._is_blocked[cell] = 1

    def _fence(self, gate: int, area: Area) -> None:
        x, y = area.x + area.width / 2, area.y + area.height / 2
        for cell in self._cells_within(x, y, math.hypot(area.width, area.height) / 2):
            if area.holds(*self._middle(cell)):
                self._gates[cell] = gate

    def _cells_within(self, x: float, y: float, reach: float) -> Iterable[int]:
        left, top = self._column_and_row(self._cell_at(x - reach, y - reach))
        right, bottom = self._column_and_row(self._cell_at(x + reach, y + reach))
        return (column + row * self._columns for row in range(top, bottom + 1) for column in range(left, right + 1))

    # ---- ways

    def _is_clear(self, x: float, y: float, to_x: float, to_y: float) -> bool:
        """Whether one can walk there in a straight line."""
        gates = {0, self._gates[self._cell_at(x, y)], self._gates[self._cell_at(to_x, to_y)]}
        steps = max(1, math.ceil(math.hypot(to_x - x, to_y - y) / STRIDE))
        for step in range(1, steps + 1):
            share = step / steps
            cell = self._cell_at(x + (to_x - x) * share, y + (to_y - y) * share)
            if self._is_blocked[cell] or self._gates[cell] not in gates:
                return False
        return True

    def _corners(self, start: int, goal: int) -> list[Place]:
        """Where the way from cell to cell turns; empty: there is none, or it is the same cell."""
        following = self._goals.get(goal)
        if following is None:
            if len(self._goals) >= MOST_GOALS:
                self._goals.clear()
            following = self._goals[goal] = self._spread(goal)
        corners = [self._middle(start)]
        cell, heading = start, 0
        while cell != goal:
            towards = following[cell]
            if towards < 0:
                return []
            if towards - cell != heading and cell != start:
                corners.append(self._middle(cell))
            cell, heading = towards, towards - cell
        return corners

    def _spread(self, goal: int) -> list[int]:
        """From each cell the next one towards *goal*; -1 where no way leads there."""
        is_blocked, gates = self._is_blocked, self._gates
        following = [-1] * len(is_blocked)
        following[goal] = goal
        waiting = deque([goal])
        while waiting:
            cell = waiting.popleft()
            gate = gates[cell]
            is_shut = gate not in (0, gates[goal])  # who is inside may leave; nobody comes in to cross it
            for step in self._straight:
                if (
                    following[cell + step] < 0
                    and not is_blocked[cell + step]
                    and not (is_shut and gates[cell + step] != gate)
                ):
                    following[cell + step] = cell
                    waiting.append(cell + step)
            for step, one, other in self._diagonal:
                if following[cell + step] >= 0 or is_blocked[cell + step]:
                    continue
                if is_blocked[cell + one] or is_blocked[cell + other] or (is_shut and gates[cell + step] != gate):
                    continue
                following[cell + step] = cell
                waiting.append(cell + step)
        return following

    def _shortened(self, start: Place, corners: list[Place]) -> list[Place]:
        """Without the corners that one can cut."""
        kept: list[Place] = []
        at = start
        for corner, after in zip(corners, [*corners[1:], None], strict=True):
            if after is None or not self._is_clear(*at, *after):
                kept.append(corner)
                at = corner
        return kept
