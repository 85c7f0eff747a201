"""Interest: who is told whose steps, and when. Who is near is told with the next tick, who is far now and then, who is
out of view that somebody is gone. Sans I/O.

The floor is a grid. Viewers who stand in the same cell are told the same, so that it is put into bytes once for all of
them. What a viewer holds after a tick: whoever is in the nine cells around them, where they are now, and nobody there
who is elsewhere; whoever is in view, where they were at most `far_every` ticks ago; whoever is out of view, where they
are, or nothing. Only a crowd, more than `most` steps for one cell in a tick, waits longer: by turns, so that it thins
out instead of flooding.

A tick costs what has moved, not who is there: cells know their neighbours, and viewers are never gone through one by one
but when they cross a border themselves or have only just come.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from itertools import chain
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from tertulia.domain.events import PositionUpdated
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Direction
from tertulia.fanout.cells import NEW, UNSEEN, Cell, Grid, Person
from tertulia.fanout.feed import Walked


class Viewer(Protocol):
    """Hashable; two of the same user are two."""

    @property
    def user_id(self) -> UserId: ...


V = TypeVar("V", bound=Viewer)


class Telling(Struct, Generic[V], frozen=True):
    """What all of *viewers* are to be told: who has moved, and who is in view no more. Nobody is in both."""

    viewers: Collection[V]
    moves: list[Walked]
    """Of `PositionUpdated`: the same one for all who are told of this step."""
    gone: list[UserId]


class _Watch(Generic[V]):
    """*since*: the tick before which its viewer was told everybody's place."""

    __slots__ = ("person", "since")

    def __init__(self, person: Person[V], since: int) -> None:
        self.person, self.since = person, since


class _Crossing(Generic[V]):
    """Viewers who are in *cell* now, and what they do not know that the others there do."""

    __slots__ = ("cell", "gone", "unknown", "viewers")

    def __init__(self, cell: Cell[V], viewers: list[V], unknown: Iterable[Person[V]], gone: list[UserId]) -> None:
        self.cell, self.viewers, self.unknown, self.gone = cell, viewers, unknown, gone


Crossed = dict[tuple[Cell[V], Cell[V]], list[Person[V]]]
"""Who has gone from one cell to another, of those who have viewers."""
Hidden = dict[tuple[Cell[V], Cell[V], int], list[UserId]]
"""Who has moved, by the cells where they were and where they are, and the tick at which those who did not see them were
told so."""


class Interest(Generic[V]):
    """One room's. Tell it where people are as they move, and call `tick` at a steady pace until it `is_settled`."""

    def __init__(
        self, room_id: RoomId, *, cell: float = 256.0, far: int = 4, far_every: int = 20, most: int = 24
    ) -> None:
        """*cell*: its side, in units. *far*: how many cells away somebody may be and still be seen, at least 1.
        *far_every*: ticks. *most*: steps that are told at once to the viewers of a cell."""
        self._room_id = room_id
        self._far_every, self._most = far_every, most
        self._people: dict[UserId, Person[V]] = {}
        self._grid: Grid[V] = Grid(cell, far, far_every)
        self._watches: dict[V, _Watch[V]] = {}
        """In the order in which they began."""
        self._newest = UNSEEN
        """When the last of them did."""
        self._checks: list[dict[Cell[V], None]] = [{} for _ in range(far_every)]
        """The cells with viewers, by the slot of a tick in which they look at the far ones."""
        self._dirty: dict[Person[V], None] = {}
        self._busy: dict[Cell[V], None] = {}
        """Where somebody waits to be told, or is gone."""
        self._stale: dict[V, None] = {}
        self._now = 0
        self._unchecked_until = 0
        """The tick with which all cells have looked at the far ones since the last step."""

    @property
    def is_settled(self) -> bool:
        """Whether everybody has been told everything: a tick would tell nothing, nor would any after it."""
        return not (self._dirty or self._busy or self._stale) and self._now >= self._unchecked_until

    # ---- what happens

    def put(self, user_id: UserId, x: float, y: float, direction: Direction = None, *, is_told: bool = False) -> None:
        """They appear, or are elsewhere now. *x*, *y*: finite. *is_told*: of who appears, everybody is told otherwise
        where that is."""
        person = self._people.get(user_id)
        if person is None:
            cell = self._grid.at(x, y)
            framed = Walked(self._position(user_id, x, y, direction))
            person = self._people[user_id] = Person(cell, framed, user_id, x, y, direction)
            cell.people[person] = None
            if is_told:
                return
        elif person.x == x and person.y == y and person.direction == direction:
            return
        else:
            person.x, person.y, person.direction = x, y, direction
            if person.hidden_at == NEW:
                person.hidden_at = UNSEEN  # everybody may have been told where they appeared
        self._dirty[person] = None

    def remove(self, user_id: UserId) -> None:
        """They have left the room, which everybody is told otherwise. Their own viewers see nothing any more."""
        person = self._people.pop(user_id, None)
        if person is None:
            return
        for viewer in list(person.viewers):
            self.unwatch(viewer)
        self._dirty.pop(person, None)
        cell = person.cell
        del cell.people[person]
        for other in cell.view:
            other.soon.pop(person, None)
            other.later.pop(person, None)

    def watch(self, viewer: V) -> None:
        """They see from where their user is, if that user is there, and have just been told everybody's place."""
        self.unwatch(viewer)
        person = self._people.get(viewer.user_id)
        if person is None:
            return
        self._newest = self._now + 1
        self._watches[viewer] = _Watch(person, self._newest)
        person.viewers[viewer] = None
        self._open(person.cell, self._now)
        self._join(person.cell, viewer)

    def unwatch(self, viewer: V) -> None:
        watch = self._watches.pop(viewer, None)
        if watch is not None:
            self._stale.pop(viewer, None)
            del watch.person.viewers[viewer]
            self._leave(watch.person.cell, viewer)

    def refresh(self, viewer: V) -> None:
        """They have missed something: with the next tick they are told all that they see, and that the rest is gone."""
        if viewer in self._watches:
            self._stale[viewer] = None

    def tick(self) -> list[Telling[V]]:
        """What there is to be told now. No viewer is told of the same step twice in it."""
        now = self._now = self._now + 1
        crossed: Crossed[V] = {}
        hidden: Hidden[V] = {}
        moved = self._move_people(now, crossed, hidden)
        crossings = [self._look_around(old, new, people, now) for (old, new), people in crossed.items()]
        self._move_viewers(crossed)
        self._tell_near(moved, now)
        self._tell_far(now)
        told = self._take_turns()
        for cell in moved:
            cell.moved.clear()
        tellings = list(told.values())
        tellings += [self._tell_rest(crossing, told.get(crossing.cell)) for crossing in crossings]
        tellings += self._conceal(hidden, crossed)
        tellings += [self._tell_all(viewer) for viewer in self._stale]
        self._stale.clear()
        self._grid.tidy(len(self._people))
        return [telling for telling in tellings if telling.viewers and (telling.moves or telling.gone)]

    # ---- a tick, in this order

    def _move_people(self, now: int, crossed: Crossed[V], hidden: Hidden[V]) -> list[Cell[V]]:
        """Returns the cells in which somebody has moved. Adds to *hidden* those of whom somebody who does not see them
        may hold an old place."""
        room_id, newest = self._room_id, self._newest
        moved = []
        for person in self._dirty:
            x, y, cell = person.x, person.y, person.cell
            old = cell
            if not (cell.left <= x <= cell.right and cell.top <= y <= cell.bottom):
                cell = self._cross(person, crossed)
            if person.hidden_at < newest:
                if person.hidden_at == NEW:
                    person.hidden_at = UNSEEN
                else:
                    hidden.setdefault((old, cell, person.hidden_at), []).append(person.user_id)
                    person.hidden_at = now
            # As `_position`, which would be a third of the cost here.
            event = PositionUpdated(
                room_id=room_id,
                user_id=person.user_id,
                x=round(x * 100) / 100,
                y=round(y * 100) / 100,
                direction=person.direction,
            )
            person.framed = Walked(event)
            person.moved_at = cell.moved_at = now
            if not cell.moved:
                moved.append(cell)
            cell.moved[person] = None
        self._dirty.clear()
        return moved

    def _cross(self, person: Person[V], crossed: Crossed[V]) -> Cell[V]:
        """Into the cell where they are now: who sees them no more is told so, and who is near no more, where they
        went. Those who see them from now on find that they have moved."""
        old = person.cell
        new = person.cell = self._grid.after(person)
        del old.people[person]
        new.people[person] = None
        for cell in old.view:
            if cell not in new.view and cell.viewers:
                cell.soon.pop(person, None)
                cell.later.pop(person, None)
                cell.gone.append(person.user_id)
                self._busy[cell] = None
        for cell in old.near:
            if cell not in new.near and cell in new.view and cell.viewers:
                cell.soon[person] = None
                self._busy[cell] = None
        for cell in new.near:
            cell.later.pop(person, None)
        if person.viewers:
            crossed.setdefault((old, new), []).append(person)
        return new

    def _look_around(self, old: Cell[V], new: Cell[V], people: list[Person[V]], now: int) -> _Crossing[V]:
        """What those know in *new* and not in *old*: whoever was out of view, and whoever those in *old* were still to
        be told of. Of the latter, those in *new* may be yet to be told, too; then that will do, unless their turn to
        look at the far ones comes later."""
        self._open(new, now - 1)
        is_later = (new.slot - now) % self._far_every > (old.slot - now) % self._far_every
        known_far = now if is_later else new.checked_at
        known_near = now if is_later else now - 1
        unknown: dict[Person[V], None] = {}
        for cell in [cell for cell in new.view if cell not in old.view]:
            unknown.update(cell.people)
        for cell in new.view if known_far > old.checked_at else new.near:
            since = now - 1 if cell in old.near else old.checked_at
            if cell.moved_at > since and cell in old.view:
                known_at = known_near if cell in new.near else known_far
                for person in cell.people:
                    if since < person.moved_at <= known_at:
                        unknown[person] = None
        for person in (*old.soon, *old.later):
            if person.moved_at <= (known_near if person.cell in new.near else known_far) and person.cell in new.view:
                unknown[person] = None
        left = [cell for cell in old.view if cell not in new.view]
        gone = [person.user_id for cell in left for person in cell.people]
        gone += [user_id for user_id in old.gone if self._people[user_id].cell not in new.view]
        viewers = [viewer for person in people for viewer in person.viewers if viewer not in self._stale]
        return _Crossing(new, viewers, unknown, gone)

    def _move_viewers(self, crossed: Crossed[V]) -> None:
        for (_, new), people in crossed.items():
            for person in people:
                for viewer in person.viewers:
                    self._join(new, viewer)
        for (old, _), people in crossed.items():  # not before: a cell that is never without viewers stays open
            for person in people:
                for viewer in person.viewers:
                    self._leave(old, viewer)

    def _tell_near(self, moved: list[Cell[V]], now: int) -> None:
        busy = self._busy
        for cell in moved:
            cell.steps = [person.framed for person in cell.moved]
            for other in cell.near:
                if other.viewers:
                    other.stirred.append(cell)
                    busy[other] = None
            if len(cell.view) > len(cell.near):
                self._unchecked_until = now + self._far_every - 1

    def _tell_far(self, now: int) -> None:
        for cell in self._checks[now % self._far_every]:
            known_at, near, soon, later = cell.checked_at, cell.near, cell.soon, cell.later
            for other in cell.view:
                if other.moved_at > known_at and other not in near:
                    for person in other.people:
                        if person.moved_at > known_at and person not in soon:
                            later[person] = None
            cell.checked_at = now
            if later:
                self._busy[cell] = None

    def _take_turns(self) -> dict[Cell[V], Telling[V]]:
        told = {}
        busy, self._busy = self._busy, {}
        for cell in busy:
            moves = cell.take(self._most)
            if cell.soon or cell.later:
                self._busy[cell] = None
            gone, cell.gone = cell.gone, []
            viewers = cell.copy_viewers()
            if self._stale:
                viewers = tuple(viewer for viewer in viewers if viewer not in self._stale)
            told[cell] = Telling(viewers, moves, gone)
        return told

    def _tell_rest(self, crossing: _Crossing[V], told: Telling[V] | None) -> Telling[V]:
        """To those who crossed a border, besides what all in their new cell are told."""
        known = set() if told is None else set(told.moves)
        moves = [person.framed for person in crossing.unknown if person.framed not in known]
        return Telling(crossing.viewers, moves, crossing.gone)

    def _conceal(self, hidden: Hidden[V], crossed: Crossed[V]) -> list[Telling[V]]:
        """Whoever came to watch since then may hold the place that they were told in the beginning, and goes on doing
        so if they do not see that it is old. Once for each pair of a newcomer and somebody else."""
        if not hidden:
            return []
        moments = sorted({since for _, _, since in hidden})
        came_from = {person: old for (old, _), people in crossed.items() for person in people}
        newcomers: dict[tuple[Cell[V], Cell[V], int], list[V]] = {}
        for viewer, watch in reversed(self._watches.items()):
            if watch.since <= moments[0]:
                break
            if viewer not in self._stale:
                seat = watch.person.cell
                last = moments[bisect_left(moments, watch.since) - 1]
                newcomers.setdefault((came_from.get(watch.person, seat), seat, last), []).append(viewer)
        alike: dict[tuple[UserId, ...], list[V]] = {}
        for (before, seat, last), viewers in newcomers.items():
            gone = [
                users
                for (old, new, since), users in hidden.items()
                if since <= last and new not in seat.view and old not in before.view  # else they have seen them go
            ]
            if gone:
                alike.setdefault(tuple(chain.from_iterable(gone)), []).extend(viewers)
        return [Telling(viewers, [], list(users)) for users, viewers in alike.items()]

    def _tell_all(self, viewer: V) -> Telling[V]:
        view = self._watches[viewer].person.cell.view
        moves = [person.framed for cell in view for person in cell.people]
        gone = [person.user_id for person in self._people.values() if person.cell not in view]
        return Telling((viewer,), moves, gone)

    # ---- cells

    def _position(self, user_id: UserId, x: float, y: float, direction: Direction) -> PositionUpdated:
        return PositionUpdated(
            room_id=self._room_id, user_id=user_id, x=round(x * 100) / 100, y=round(y * 100) / 100, direction=direction
        )

    def _open(self, cell: Cell[V], known_at: int) -> None:
        """Its first viewers are about to come, who know where everybody was at that tick."""
        if not cell.viewers:
            cell.checked_at = known_at
            self._checks[cell.slot][cell] = None

    @staticmethod
    def _join(cell: Cell[V], viewer: V) -> None:
        cell.viewers[viewer] = None
        cell.together = None

    def _leave(self, cell: Cell[V], viewer: V) -> None:
        del cell.viewers[viewer]
        cell.together = None
        if not cell.viewers:
            del self._checks[cell.slot][cell]
            cell.soon.clear()
            cell.later.clear()
            cell.gone.clear()
