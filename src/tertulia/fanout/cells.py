"""The grid that a space's floor is cut into: who is in which cell, what is seen from it, and who waits to be told of."""

from itertools import islice
from math import floor
from typing import Generic, TypeVar

from tertulia.domain.ids import UserId
from tertulia.domain.models import Direction
from tertulia.fanout.feed import Walked

NEW, UNSEEN = -2, -1
"""Ticks before all others: of who has just appeared, and of who has moved since then."""
SPARE_CELLS = 64
"""So many more than twice the people are kept, if they are empty: in most of them somebody will be in a moment."""

V = TypeVar("V")


class Person(Generic[V]):
    """*moved_at*: the last tick that found them elsewhere. *hidden_at*: the last tick at which those who did not see
    them were told so. *framed* is as of *moved_at*, x and y are of now."""

    __slots__ = ("cell", "direction", "framed", "hidden_at", "moved_at", "user_id", "viewers", "x", "y")

    def __init__(self, cell: "Cell[V]", framed: Walked, user_id: UserId, x: float, y: float, direction: Direction):
        self.cell, self.framed, self.user_id = cell, framed, user_id
        self.x, self.y, self.direction = x, y, direction
        self.viewers: dict[V, None] = {}
        self.moved_at, self.hidden_at = UNSEEN, NEW


class Cell(Generic[V]):
    """A square of the floor in which somebody stands; its *viewers* are those of whoever does.

    *view*: all cells that are seen from here, itself included, and so all from which this one is seen; *near*: the
    adjacent ones of them. Dicts stand for ordered sets. What its viewers do not know yet: where those in *soon* and
    *later* are, who wait for their turn, *later* holding far ones only; where far ones are that moved after
    *checked_at*; and that those in *gone* are, which is told in any case.
    """

    __slots__ = (
        "bottom", "checked_at", "column", "gone", "later", "left", "moved", "moved_at", "near", "people", "right", "row",
        "slot", "soon", "steps", "stirred", "together", "top", "view", "viewers",
    )  # fmt: skip

    def __init__(self, column: int, row: int, size: float, slot: int) -> None:
        self.column, self.row, self.slot = column, row, slot
        margin = size / 8
        self.left, self.right = column * size - margin, (column + 1) * size + margin
        self.top, self.bottom = row * size - margin, (row + 1) * size + margin
        self.people: dict[Person[V], None] = {}
        self.moved: dict[Person[V], None] = {}
        self.steps: list[Walked] = []
        self.moved_at = UNSEEN
        self.view: dict[Cell[V], None] = {}
        self.near: dict[Cell[V], None] = {}
        self.viewers: dict[V, None] = {}
        self.together: tuple[V, ...] | None = None
        """A copy of the viewers, until they change."""
        self.soon: dict[Person[V], None] = {}
        self.later: dict[Person[V], None] = {}
        self.stirred: list[Cell[V]] = []
        self.gone: list[UserId] = []
        self.checked_at = UNSEEN

    def copy_viewers(self) -> tuple[V, ...]:
        if self.together is None:
            self.together = tuple(self.viewers)
        return self.together

    def take(self, most: int) -> list[Walked]:
        """The next *most* steps at most: of those who are near first, but a quarter is for the far ones, if need be."""
        soon, later = self.soon, self.later
        reserved = min(len(later), most // 4)
        steps = [framed for cell in self.stirred for framed in cell.steps]
        if soon or len(steps) > most - reserved:
            for cell in self.stirred:
                soon.update(cell.moved)  # who waits already keeps their turn
            steps = _take_first(soon, most - reserved)
        if later:
            steps += _take_first(later, most - len(steps))
        self.stirred.clear()
        return steps


def _take_first(lane: dict[Person[V], None], most: int) -> list[Walked]:
    """Those who have waited longest."""
    if most >= len(lane):
        first = list(lane)
        lane.clear()
    else:
        first = list(islice(lane, most))
        for person in first:
            del lane[person]
    return [person.framed for person in first]


class Grid(Generic[V]):
    """Cells are made when somebody comes into them, and dropped when too many are empty."""

    def __init__(self, size: float, far: int, slots: int) -> None:
        """*size*: the side of a cell. *far*: how many cells away it is seen, at least 1. *slots*: numbers that are
        given to cells, so that not all do everything at once."""
        self._size, self._far, self._slots = size, far, slots
        self._cells: dict[tuple[int, int], Cell[V]] = {}

    def at(self, x: float, y: float) -> Cell[V]:
        return self._get(floor(x / self._size), floor(y / self._size))

    def after(self, person: Person[V]) -> Cell[V]:
        """Where they are now: in the cell where they were, unless they are well beyond its border."""
        old = person.cell
        column = old.column if old.left <= person.x <= old.right else floor(person.x / self._size)
        row = old.row if old.top <= person.y <= old.bottom else floor(person.y / self._size)
        return self._get(column, row)

    def tidy(self, people: int) -> None:
        """To be called now and then. *people*: how many there are."""
        if len(self._cells) > 2 * people + SPARE_CELLS:
            for cell in [cell for cell in self._cells.values() if not cell.people]:
                self._drop(cell)

    def _get(self, column: int, row: int) -> Cell[V]:
        found = self._cells.get((column, row))
        if found is not None:
            return found
        # Neighbours have the same slot by fours: who crosses a border often need not be told apart then.
        slot = (7 * (column >> 1) + 13 * (row >> 1)) % self._slots
        cell = self._cells[column, row] = Cell(column, row, self._size, slot)
        reach = range(-self._far, self._far + 1)
        for aside in reach:
            for down in reach:
                other = self._cells.get((column + aside, row + down))
                if other is None:
                    continue
                cell.view[other] = other.view[cell] = None
                if -1 <= aside <= 1 and -1 <= down <= 1:
                    cell.near[other] = other.near[cell] = None
        return cell

    def _drop(self, cell: Cell[V]) -> None:
        del self._cells[cell.column, cell.row]
        for other in cell.view:
            if other is not cell:
                del other.view[cell]
                other.near.pop(cell, None)
