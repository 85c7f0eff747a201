"""Bubbles: people who stand together in a space, and hear what one of them says to those nearby. Sans I/O.

A bubble has a centre, the middle of its members. One joins within three quarters of the radius from it, at rest, and
leaves beyond the radius, which is half of earshot: so any two members are within earshot of each other, who steps to and
fro on a border neither comes nor goes, and who only passes by is not drawn in. What is said counts more than where one
stands: speaking draws in at once whoever is near.

One node of a room decides (`step`, `speak`, `remove`); the others follow by what they `hear`, and can go on from there
at any moment. Nobody is ever in two bubbles, and none reaches into or out of a quiet or private area.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from math import floor
from typing import Generic, TypeVar

from msgspec import Struct

from tertulia.domain.events import BubbleUpdated
from tertulia.domain.ids import RoomId, UserId

CLOSE = 0.75
"""Of the radius: from so near one joins. Of earshot: so near two must be who are not in a bubble yet."""
SLACK = 1 + 1e-9
"""What a sum in another order may make of the same numbers must not let anybody go."""

T = TypeVar("T")
Changes = list[BubbleUpdated]


class Person(Struct, frozen=True):
    """Somebody in the room's space. *is_at_rest*: they have stood there for a while. *enclosure*: the quiet or private
    area that they are in, 0 for none: only those in the same one hear each other."""

    x: float
    y: float
    is_at_rest: bool
    enclosure: int


class _Bubble:
    """*users*: two at least, but for a moment in between."""

    __slots__ = ("id", "talk_id", "users")

    def __init__(self, id: str, talk_id: RoomId | None = None) -> None:  # noqa: A002  it is what it is
        self.id, self.talk_id = id, talk_id
        self.users: set[UserId] = set()


class _Map(Generic[T]):
    """Things by the square in which they are, so that those around a place are found without looking at all."""

    def __init__(self, side: float) -> None:
        """*side*: how far apart two may be that are to be found from each other."""
        self._side = side
        self._squares: dict[tuple[int, int, int], dict[T, tuple[float, float]]] = {}
        self._square_of: dict[T, tuple[int, int, int]] = {}

    def put(self, thing: T, x: float, y: float, enclosure: int) -> None:
        self.remove(thing)
        square = self._square_of[thing] = enclosure, floor(x / self._side), floor(y / self._side)
        self._squares.setdefault(square, {})[thing] = x, y

    def remove(self, thing: T) -> None:
        square = self._square_of.pop(thing, None)
        if square is not None:
            del self._squares[square][thing]

    def around(self, one: Person) -> Iterator[tuple[float, T]]:
        """With the square of the distance."""
        column, row = floor(one.x / self._side), floor(one.y / self._side)
        for aside in (-1, 0, 1):
            for down in (-1, 0, 1):
                for thing, (x, y) in self._squares.get((one.enclosure, column + aside, row + down), {}).items():
                    yield (x - one.x) ** 2 + (y - one.y) ** 2, thing


class Bubbles:
    """One room's. *earshot*, in units, may be set anew; whoever is too far away then leaves with the next step."""

    def __init__(
        self,
        room_id: RoomId,
        *,
        earshot: float,
        most: int = 12,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(6),
    ) -> None:
        """*most*: people in one bubble. *new_id*: asked again while what it says is in use."""
        self.earshot = earshot
        self._room_id, self._most, self._new_id = room_id, most, new_id
        self._bubbles: dict[str, _Bubble] = {}
        self._bubble_of: dict[UserId, _Bubble] = {}

    # ---- deciding

    def step(self, people: Mapping[UserId, Person]) -> Changes:
        """Who has gone too far leaves, and who has come to rest joins. Another step without a change changes nothing.
        *people*: everybody in the space."""
        changed: dict[_Bubble, None] = {}
        for bubble in tuple(self._bubbles.values()):
            self._let_go(bubble, people, changed)
        waiting = [user for user in sorted(people) if people[user].is_at_rest and user not in self._bubble_of]
        if not waiting:
            return self._announce(changed)
        free: _Map[UserId] = _Map(CLOSE * self.earshot)
        for user in waiting:
            free.put(user, people[user].x, people[user].y, people[user].enclosure)
        open_ones: _Map[_Bubble] = _Map(CLOSE * self.earshot)
        for bubble in self._bubbles.values():
            self._chart(bubble, people, open_ones)
        # Once for each is enough: whoever joins later, and moves a centre to within reach of somebody who found none,
        # was free by then, and near enough to be found instead.
        for user in waiting:
            if user not in self._bubble_of:
                self._place(user, people, free, open_ones, changed)
        return self._announce(changed)

    def speak(self, user_id: UserId, people: Mapping[UserId, Person]) -> tuple[BubbleUpdated | None, Changes]:
        """Which bubble hears what they say now, None if nobody is near, and what that has changed: who is in range
        joins, at rest or not, who is not leaves."""
        speaker = people.get(user_id)
        if speaker is None:
            return None, []
        changed: dict[_Bubble, None] = {}
        reach = self.earshot**2
        around = sorted(
            (distance, user)
            for user, person in people.items()
            if person.enclosure == speaker.enclosure
            and user != user_id
            and (distance := (person.x - speaker.x) ** 2 + (person.y - speaker.y) ** 2) <= reach
        )
        own = self._bubble_of.get(user_id)
        if own is not None:
            self._let_go(own, people, changed)
        if user_id not in self._bubble_of:
            self._join_around(user_id, [user for _, user in around], people, changed)
        if user_id not in self._bubble_of:
            close = [user for distance, user in around if distance <= CLOSE**2 * reach]
            self._form(user_id, close, people, changed)
        bubble = self._bubble_of.get(user_id)
        if bubble is None:
            return None, self._announce(changed)
        self._draw_in(bubble, people, changed)
        return self._tell(bubble), self._announce(changed)

    def remove(self, user_id: UserId) -> Changes:
        """They have left the space."""
        changed: dict[_Bubble, None] = {}
        bubble = self._bubble_of.get(user_id)
        if bubble is not None:
            self._keep(bubble, bubble.users - {user_id}, changed)
        return self._announce(changed)

    # ---- following

    def hear(self, event: BubbleUpdated) -> None:
        """Decided on another node, or what its talk is."""
        bubble = self._bubbles.get(event.bubble_id)
        if bubble is None:
            bubble = self._bubbles[event.bubble_id] = _Bubble(event.bubble_id)
        if event.talk_id is not None:
            bubble.talk_id = event.talk_id
        for user in bubble.users.difference(event.user_ids):
            del self._bubble_of[user]
        for user in event.user_ids:
            other = self._bubble_of.get(user)
            if other is not None and other is not bubble:  # which they left by what is heard of it next
                other.users.discard(user)
                if not other.users:
                    del self._bubbles[other.id]
            self._bubble_of[user] = bubble
        bubble.users = set(event.user_ids)
        if not bubble.users:
            del self._bubbles[bubble.id]

    def find(self, user_id: UserId) -> BubbleUpdated | None:
        """The bubble that they are in."""
        bubble = self._bubble_of.get(user_id)
        return None if bubble is None else self._tell(bubble)

    def list(self) -> Changes:
        """All bubbles, as they are now."""
        return [self._tell(bubble) for bubble in self._bubbles.values()]

    # ---- who leaves

    def _let_go(self, bubble: _Bubble, people: Mapping[UserId, Person], changed: dict[_Bubble, None]) -> None:
        """Of whoever is not where most of them are, and of the one farthest from the centre, until all are in range."""
        here = {user: people[user] for user in sorted(bubble.users) if user in people}
        areas = Counter(person.enclosure for person in here.values())
        if len(areas) > 1:
            area = areas.most_common(1)[0][0]
            here = {user: person for user, person in here.items() if person.enclosure == area}
        radius = (self.earshot / 2) ** 2 * SLACK
        while len(here) > 1:
            x, y = _centre(here.values())
            far = [(one.x - x) ** 2 + (one.y - y) ** 2 for one in here.values()]
            if max(far) <= radius:
                break
            del here[max(zip(far, here, strict=True))[1]]
        if len(here) < max(len(bubble.users), 2):
            self._keep(bubble, here, changed)

    def _keep(self, bubble: _Bubble, users: Collection[UserId], changed: dict[_Bubble, None]) -> None:
        """Those alone; one alone is no bubble."""
        kept = set(users) if len(users) > 1 else set()
        for user in bubble.users - kept:
            del self._bubble_of[user]
        bubble.users = kept
        if not kept:
            del self._bubbles[bubble.id]
        changed[bubble] = None

    # ---- who joins

    def _place(
        self,
        user_id: UserId,
        people: Mapping[UserId, Person],
        free: _Map[UserId],
        open_ones: _Map[_Bubble],
        changed: dict[_Bubble, None],
    ) -> None:
        """Into the nearest bubble that takes them, else into a new one with the nearest who is in none."""
        one = people[user_id]
        joined = None
        for _, _, bubble in sorted((away, min(bubble.users), bubble) for away, bubble in open_ones.around(one)):
            if self._takes(bubble, user_id, people):
                joined = bubble
                break
        free.remove(user_id)
        if joined is None:
            reach = (CLOSE * self.earshot) ** 2
            partner = min((found for found in free.around(one) if found[0] <= reach), default=None)
            if partner is None:
                free.put(user_id, one.x, one.y, one.enclosure)
                return
            free.remove(partner[1])
            joined = self._begin(partner[1], changed)
        self._add(joined, user_id, changed)
        self._chart(joined, people, open_ones)

    def _join_around(
        self, user_id: UserId, around: Iterable[UserId], people: Mapping[UserId, Person], changed: dict[_Bubble, None]
    ) -> None:
        """The nearest bubble of those *around*, as it is by now, that takes them."""
        one = people[user_id]
        bubbles = dict.fromkeys(self._bubble_of[user] for user in around if user in self._bubble_of)
        found = []
        for bubble in bubbles:
            self._let_go(bubble, people, changed)
            if bubble.users:
                x, y = _centre(people[user] for user in bubble.users)
                found.append(((x - one.x) ** 2 + (y - one.y) ** 2, min(bubble.users), bubble))
        for _, _, bubble in sorted(found):
            if self._takes(bubble, user_id, people):
                self._add(bubble, user_id, changed)
                return

    def _form(
        self, user_id: UserId, close: Iterable[UserId], people: Mapping[UserId, Person], changed: dict[_Bubble, None]
    ) -> None:
        """With as many of *close* as may be together, the first of them first."""
        bubble = None
        for user in close:
            if user in self._bubble_of:
                continue
            if bubble is None:
                bubble = self._begin(user_id, changed)
                self._add(bubble, user, changed)
            elif self._holds(bubble, user, people):
                self._add(bubble, user, changed)

    def _draw_in(self, bubble: _Bubble, people: Mapping[UserId, Person], changed: dict[_Bubble, None]) -> None:
        """Whoever is in range of it and in no other, the nearest first; and whoever is so by that."""
        x, y = _centre(people[user] for user in bubble.users)
        # No centre that it may come to have is farther from this one than half of the earshot.
        free = [
            user
            for user, one in people.items()
            if user not in self._bubble_of and (one.x - x) ** 2 + (one.y - y) ** 2 <= self.earshot**2
        ]
        count = 0
        while count < len(bubble.users) < self._most:
            count = len(bubble.users)
            x, y = _centre(people[user] for user in bubble.users)
            free.sort(key=lambda user: ((people[user].x - x) ** 2 + (people[user].y - y) ** 2, user))
            for user in free:
                if self._takes(bubble, user, people):
                    self._add(bubble, user, changed)
            free = [user for user in free if user not in bubble.users]

    def _takes(self, bubble: _Bubble, user_id: UserId, people: Mapping[UserId, Person]) -> bool:
        """Whether somebody may join where they are."""
        x, y = _centre(people[user] for user in bubble.users)
        one = people[user_id]
        if (one.x - x) ** 2 + (one.y - y) ** 2 > (CLOSE * self.earshot / 2) ** 2:
            return False
        return self._holds(bubble, user_id, people)

    def _holds(self, bubble: _Bubble, user_id: UserId, people: Mapping[UserId, Person]) -> bool:
        """Whether with them all would be in range of the new centre, in the same enclosure, and not too many."""
        if len(bubble.users) >= self._most:
            return False
        everybody = [people[user] for user in (*bubble.users, user_id)]
        x, y = _centre(everybody)
        radius = (self.earshot / 2) ** 2
        return all(
            one.enclosure == everybody[0].enclosure and (one.x - x) ** 2 + (one.y - y) ** 2 <= radius
            for one in everybody
        )

    def _begin(self, user_id: UserId, changed: dict[_Bubble, None]) -> _Bubble:
        """A bubble with one member, who is not to stay alone."""
        name = self._new_id()
        while name in self._bubbles:
            name = self._new_id()
        bubble = self._bubbles[name] = _Bubble(name)
        self._add(bubble, user_id, changed)
        return bubble

    def _add(self, bubble: _Bubble, user_id: UserId, changed: dict[_Bubble, None]) -> None:
        bubble.users.add(user_id)
        self._bubble_of[user_id] = bubble
        changed[bubble] = None

    def _chart(self, bubble: _Bubble, people: Mapping[UserId, Person], open_ones: _Map[_Bubble]) -> None:
        if len(bubble.users) >= self._most:
            open_ones.remove(bubble)
            return
        x, y = _centre(people[user] for user in bubble.users)
        open_ones.put(bubble, x, y, people[min(bubble.users)].enclosure)

    # ---- what is told

    def _announce(self, changed: Iterable[_Bubble]) -> Changes:
        """What is no more comes first."""
        return [self._tell(bubble) for bubble in sorted(changed, key=lambda bubble: bool(bubble.users))]

    def _tell(self, bubble: _Bubble) -> BubbleUpdated:
        return BubbleUpdated(
            room_id=self._room_id, bubble_id=bubble.id, user_ids=sorted(bubble.users), talk_id=bubble.talk_id
        )


def _centre(people: Iterable[Person]) -> tuple[float, float]:
    x, y, count = 0.0, 0.0, 0
    for one in people:
        x, y, count = x + one.x, y + one.y, count + 1
    return x / count, y / count
