"""A live space: one room's floor on one node, the bodies on it, who sees them, and who stands together.

The node that a body's socket is on decides where it goes; the others hear of it, and believe it. Whatever is stored
(furniture, seats, areas, who was let in) comes from the room's log, in its order; what a body's steps ask of the store
is asked through `Asks`, and nothing waits for it but the step itself.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from time import monotonic

from msgspec import UNSET
from msgspec.structs import replace

from tertulia.domain.commands import OpenedFloor
from tertulia.domain.errors import NobodyNear, NotThere, TertuliaError, Unavailable
from tertulia.domain.events import BubbleUpdated, DurableEvent
from tertulia.domain.ids import ObjectId, RoomId, UserId
from tertulia.domain.models import Area, Direction, Place, Voice
from tertulia.fanout.asks import Asks
from tertulia.fanout.body import Body, Wish
from tertulia.fanout.bubbles import Bubbles, Person
from tertulia.fanout.connection import Connection
from tertulia.fanout.counters import Counters
from tertulia.fanout.floor import Change, Floor
from tertulia.fanout.sights import Sights
from tertulia.fanout.stays import Stays

AT_REST = 1.0
"""Seconds without a step after which somebody may be drawn into a bubble."""
ASK_EVERY = 0.5
"""Seconds from one question of somebody's to be let in to the next: each is a commit, and so is leaving again."""
ASK_AGAIN = 1.0
"""Seconds until a door that was refused is knocked at again."""
PATIENCE = 3.0
"""Seconds after which somebody who waited at a door does not go where they wanted to."""
ROUNDED = 0.0051
"""How far a place that was rounded for the wire may be off."""
Moved = tuple[UserId, float, float, Direction, int | None]


class LiveSpace:
    """*is_own*: whether a user is in the room by a socket, or a visit, of this node. *wake*: there is something to tell
    with the next tick."""

    def __init__(
        self,
        opened: OpenedFloor,
        asks: Asks,
        counters: Counters,
        *,
        is_own: Callable[[RoomId, UserId], bool],
        wake: Callable[["LiveSpace"], None],
        lease: float,
    ) -> None:
        """*lease*: seconds that somebody who is gone keeps their seat, and their part in what is said around it."""
        self.room_id, self.opened_at = opened.room.id, monotonic()
        self.floor = Floor(opened.room, opened.objects, opened.room.last_seq)
        self.bubbles = Bubbles(self.room_id, earshot=self.floor.space.earshot)
        self.bodies: dict[UserId, Body] = {}
        self.sights = Sights(self.room_id, self.bodies, counters, wake=partial(wake, self))
        self.stays = Stays(opened)
        self.restless_until = 0.0
        """Until when bubbles may change, if nobody moves any more."""
        self.outbox: dict[UserId, Body] = {}
        """Whose steps the other nodes are still to be told."""
        self.unsaved: dict[UserId, Body] = {}
        """Whose places are still to be written down."""
        self.unkept: set[UserId] = set()
        """Who left, and whose places are still to be forgotten."""
        self._rules = self._find_rules()
        self._heard: list[DurableEvent] | None = None
        """What the log has said since the floor was found to be behind it; None: it is not."""
        self._asks, self._is_own, self._lease = asks, is_own, lease
        self._recall(opened)

    def _recall(self, opened: OpenedFloor) -> None:
        """Where people stood, and which areas they had been let into."""
        inside = {(stay.user_id, stay.area_id) for stay in opened.stays}
        for place in opened.places:
            area_id = place.area_id if (place.user_id, place.area_id) in inside else None
            body = self.bodies[place.user_id] = Body(place.user_id, place.x, place.y)
            body.direction, body.area_id = place.direction, area_id
            self._put_right(body)

    def lose_track(self) -> list[DurableEvent]:
        """The log has gone on without us. What it says from now on is kept, for `reopen`."""
        self._heard = []
        return self._heard

    def reopen(self, opened: OpenedFloor, heard: list[DurableEvent]) -> None:
        """This is how the floor is now, or was before some of *heard*, which is what `lose_track` gave."""
        if heard is not self._heard:
            return  # it has gone on without us once more
        self._heard = None
        self.floor = Floor(opened.room, opened.objects, opened.room.last_seq)
        for event in heard:
            self.floor.apply(event)
        self.stays.recall(opened)
        self._rules = {}
        self._rearrange(has_new_areas=True)

    # ---- coming and going

    def arrive(self, user_id: UserId, x: float | None, y: float | None) -> Body:
        """Somebody comes in. Where they wish, if they are new; who has a place already goes on from there."""
        body = self.bodies.get(user_id)
        if body is None:
            wished = self.floor.spawn(user_id) if x is None or y is None else (x, y)
            body = self.bodies[user_id] = Body(user_id, *self.floor.settle(*wished, inside=None))
        else:
            if not body.is_here and body.area_id is None and user_id in self.stays.talks:
                self._asks.leave_area(self.room_id, None, user_id)  # the lease may be over here, and not there
            self._put_right(body)
            if x is not None and y is not None and body.seat is None:
                self.walk(body, x, y, None, None)
        return body

    def appear(self, user_id: UserId, x: float | None, y: float | None) -> None:
        """They are in the room now, on whichever node."""
        body = self.bodies.get(user_id)
        if body is None:
            wished = self.floor.spawn(user_id) if x is None or y is None else (x, y)
            if self._is_own(self.room_id, user_id):  # they were in the room before it had a floor, perhaps
                wished = self.floor.settle(*wished, inside=None)
            body = self.bodies[user_id] = Body(user_id, *wished)
        elif x is not None and y is not None and not self._is_own(self.room_id, user_id):
            body.x, body.y = x, y
        body.is_here = body.was_here = True
        body.gone_at, body.seen_at = None, monotonic()
        self.unkept.discard(user_id)
        seat = self.floor.seats.get(user_id)
        if seat is not None and body.seat is None:
            self._sit(body, seat)
        if self._is_own(self.room_id, user_id):
            self._mind_doors(body)
            if body.area_id is not None:
                self.ask_again(body, body.area_id)  # the store may have let them out while they were gone
        self.sights.appear(body)
        self._show(body)

    def vanish(self, user_id: UserId, *, for_good: bool) -> list[BubbleUpdated]:
        """They are in the room no longer. Not *for_good*: their place is kept for them, and for a while their seat."""
        body = self.bodies.get(user_id)
        if body is None:
            return []
        self.sights.vanish(user_id)
        self.outbox.pop(user_id, None)
        body.is_here, body.gone_at, body.by, body.wish, body.asks_for = False, monotonic(), None, None, None
        self._unsettle(self._lease)
        if not for_good:
            return []
        del self.bodies[user_id]
        self.unsaved.pop(user_id, None)
        self.unkept.add(user_id)
        return self.bubbles.remove(user_id)

    def let_go(self, user_id: UserId) -> None:
        """They have left of their own accord, from this node: what they held is free at once."""
        if user_id in self.floor.seats:
            self._asks.free_seat(self.room_id, user_id)
        if user_id in self.stays.talks:
            self._asks.leave_area(self.room_id, None, user_id)

    def forget_old(self, now: float, kept: float) -> None:
        """Those who are gone for longer than *kept* seconds; who is so for longer than the lease is in no area."""
        for body in [one for one in self.bodies.values() if one.gone_at is not None]:
            gone_for = now - (body.gone_at or now)
            if gone_for > kept:
                del self.bodies[body.user_id]
            elif gone_for > self._lease:
                body.area_id = None

    # ---- walking

    def walk(
        self,
        body: Body,
        x: float,
        y: float,
        direction: Direction,
        by: Connection | None,
        passed: tuple[int, ...] = (),
    ) -> None:
        """As far as walls, doors and speed allow. *by*: who is told if that is not where they wanted to be. *passed*:
        doors that they have been let in by on this way, and need not knock at again: it does not lead there."""
        now = body.seen_at = monotonic()
        if direction is None:
            direction = body.direction
        if body.seat is not None and not self._gets_up(body, x, y):
            self._turn(body, direction)
            return
        floor, inside = self.floor, body.area_id
        step = floor.walk(body.x, body.y, x, y, inside=inside, reach=body.budget.left(now, floor.space.speed))
        if step.length:
            body.budget.spend(step.length)
            body.x, body.y, body.direction, body.by, body.moved_at = step.x, step.y, direction, by, now
            self._show(body)
        else:
            self._turn(body, direction)
        if inside is not None and step.area_id is None:
            body.area_id = None
            self._asks.leave_area(self.room_id, inside, body.user_id)
        if step.door is not None and step.door not in passed:
            self._knock(body, step.door, Wish(x, y, direction, by, now, passed))
            return
        body.wish = None  # they go somewhere else
        if body.asks_for != body.area_id:
            body.asks_for = None
        if by is not None and (abs(step.x - x) > ROUNDED or abs(step.y - y) > ROUNDED):
            self.sights.correct(body, by)

    def _turn(self, body: Body, direction: Direction) -> None:
        if direction != body.direction:
            body.direction = direction
            self._show(body)

    def _gets_up(self, body: Body, x: float, y: float) -> bool:
        """Who sits and walks away gets up; who only turns does not."""
        if abs(x - body.x) <= 1 and abs(y - body.y) <= 1:
            return False
        body.risen_from, body.seat = body.seat, None
        self._asks.free_seat(self.room_id, body.user_id)
        return True

    def follow(self, moves: Iterable[Moved]) -> None:
        """Another node says where its bodies are."""
        for user_id, x, y, direction, area_id in moves:
            body = self.bodies.get(user_id)
            if body is not None and body.is_here:
                body.x, body.y, body.direction, body.area_id = x, y, direction, area_id
                body.moved_at = body.seen_at = monotonic()
                self._show(body, is_news=False)

    def _show(self, body: Body, *, is_news: bool = True) -> None:
        """Where it is now. *is_news*: to the other nodes, too."""
        if not body.is_here:
            return
        self.sights.put(body)
        if is_news:
            self.outbox[body.user_id] = self.unsaved[body.user_id] = body
        self._unsettle(AT_REST)

    def _unsettle(self, seconds: float) -> None:
        until = monotonic() + seconds + 1.0
        self.restless_until = max(self.restless_until, until)

    # ---- doors

    def _knock(self, body: Body, area_id: int, wish: Wish) -> None:
        body.wish = wish
        if body.asks_for == area_id:
            return
        if body.refused is not None and wish.at < body.refused.get(area_id, 0.0):
            if wish.by is not None:
                self.sights.correct(body, wish.by)
            return
        self._ask(body, area_id)

    def ask_again(self, body: Body, area_id: int) -> None:
        """To be where they are."""
        if body.asks_for is None:
            self._ask(body, area_id)

    def _ask(self, body: Body, area_id: int) -> None:
        """One question at a time, whatever they want meanwhile."""
        body.asks_for = area_id
        if not body.is_asking:
            now = monotonic()
            wait = max(0.0, body.asked_at + ASK_EVERY - now)
            body.is_asking, body.asked_at = True, now + wait
            self._asks.enter_area(self.room_id, body.user_id, wait)

    def wants(self, user_id: UserId) -> int | None:
        """The area that somebody asks to be let into, now that the store is about to be asked; None: none any more."""
        body = self.bodies.get(user_id)
        if body is None:
            return None
        if not body.is_here:
            body.asks_for = None
        body.is_asking = body.asks_for is not None
        return body.asks_for

    def admitted(self, user_id: UserId, area_id: int, talk_id: RoomId) -> None:
        """The store has let them in, and they are in no other area any more: they go on to where they wanted to be."""
        self.stays.of_areas[area_id] = talk_id
        body = self.bodies.get(user_id)
        if body is not None:
            body.is_asking = False
        if body is None or not body.is_here:
            self._asks.leave_area(self.room_id, area_id, user_id)
            return
        if not self._is_own(self.room_id, user_id):
            body.wish = body.asks_for = None  # the node that they are on by now knows whether they are there
            return
        if body.asks_for != area_id:  # they changed their mind
            self._asks.leave_area(self.room_id, area_id, user_id)
            self._ask_for_next(body)
            return
        wish, body.wish, body.asks_for = body.wish, None, None
        body.area_id = area_id
        if wish is not None and monotonic() - wish.at < PATIENCE:
            self.walk(body, wish.x, wish.y, wish.direction, wish.by, (*wish.passed, area_id))
        self._put_right(body)  # out of what has come over them meanwhile
        self._mind_doors(body)
        self._show(body)

    def _mind_doors(self, body: Body) -> None:
        """They are elsewhere, or the doors are: who is not in their area any more leaves it, and who is in another one
        asks to be."""
        gate = self.floor.gate_at(body.x, body.y)
        gate_id = None if gate is None else gate.id
        if body.area_id not in {None, gate_id}:
            self._asks.leave_area(self.room_id, body.area_id, body.user_id)
            body.area_id = None
            self._show(body)
        if gate_id is not None and body.area_id is None and body.is_here:
            self.ask_again(body, gate_id)

    def _ask_for_next(self, body: Body) -> None:
        """What they want by now; or to be where they are, if the store has taken them out of it."""
        wanted = body.area_id if body.asks_for is None else body.asks_for
        if wanted is not None:
            self._ask(body, wanted)

    def refused(self, user_id: UserId, area_id: int, error: TertuliaError) -> None:
        body = self.bodies.get(user_id)
        if body is None:
            return
        body.is_asking = False
        if body.area_id == area_id == body.asks_for and isinstance(error, Unavailable):
            body.asks_for = None  # they are there as far as anybody knows, and it is asked again by the next look
            return
        refused = body.refused = body.refused or {}
        refused[area_id] = monotonic() + ASK_AGAIN
        if body.area_id == area_id:
            body.area_id = None
            self._show(body)
        if body.asks_for not in {None, area_id}:
            self._ask_for_next(body)
            return
        wish, body.wish, body.asks_for = body.wish, None, None
        self._put_right(body)  # the area may have been made around them
        if wish is not None and wish.by is not None and self.sights.has(wish.by):
            frame = wish.by.dialect.error(error, "update_position", UNSET)
            if frame is not None:
                wish.by.write(frame)
            self.sights.correct(body, wish.by)

    def _put_right(self, body: Body) -> None:
        """Out of what is solid, and of areas that they were not let into."""
        x, y = self.floor.settle(body.x, body.y, inside=body.area_id)
        if (x, y) == (body.x, body.y):
            return
        body.x, body.y, body.moved_at, body.by = x, y, monotonic(), None
        self._show(body)
        self.sights.correct_all(body)
        self._mind_doors(body)

    # ---- what the log says

    def apply(self, events: Sequence[DurableEvent]) -> None:
        """In the log's order."""
        if self._heard is not None:
            self._heard += events
        changes = {self.floor.apply(event) for event in events}
        if changes != {Change.NOTHING}:
            self._rearrange(has_new_areas=Change.SPACE in changes)

    def _rearrange(self, *, has_new_areas: bool) -> None:
        """Furniture has moved, or the floor itself has changed: so do those who stand or sit there."""
        seats = self.floor.seats
        changed: set[int] = set()
        if has_new_areas:
            before, self._rules = self._rules, self._find_rules()
            changed = {area_id for area_id, area in self._rules.items() if area != before.get(area_id)}
        for body in list(self.bodies.values()):
            seat = seats.get(body.user_id)
            if seat is None:
                body.seat = body.risen_from = None
            elif seat != body.risen_from:
                body.risen_from = None
                self._sit(body, seat)
            if body.is_here and not self._is_own(self.room_id, body.user_id):
                continue  # the node that it is on says where it is
            if has_new_areas:
                self._look_about(body, changed)
            if body.seat is None and body.asks_for is None:
                self._put_right(body)
        if has_new_areas:
            self.bubbles.earshot = self.floor.space.earshot
        self._unsettle(AT_REST)

    def _sit(self, body: Body, seat: ObjectId) -> None:
        """On it; or from beside it, where there is no place, or a door between."""
        body.seat, body.by, body.wish = seat, None, None
        if body.asks_for != body.area_id:
            body.asks_for = None
        place = self.floor.seat_place(self.floor.objects[seat])
        if place is None or place == (body.x, body.y):
            return
        gate = self.floor.gate_at(*place)
        if gate is not None and gate.id != body.area_id:
            return
        is_own = self._is_own(self.room_id, body.user_id)
        body.x, body.y = place
        body.moved_at = monotonic()
        self._show(body, is_news=is_own)
        if is_own or not body.is_here:
            self._mind_doors(body)

    def _find_rules(self) -> dict[int, Area]:
        """The areas, whether they are locked just now or not."""
        return {area.id: replace(area, locked_by=None) for area in self.floor.space.areas}

    def _look_about(self, body: Body, changed: Collection[int]) -> None:
        """Areas are not what they were: who stands within one that has *changed* asks to be let in, as if they came."""
        self._mind_doors(body)
        if body.area_id is not None and body.area_id in changed:
            if body.is_here:
                self.ask_again(body, body.area_id)
            else:
                body.area_id = None

    # ---- what is said

    def voice(self, user_id: UserId, *, nearby: bool) -> tuple[Voice | None, list[BubbleUpdated]]:
        """Where that goes what they say, and which bubbles this has changed. Raises NobodyNear, NotThere."""
        body = self.bodies.get(user_id)
        if nearby:
            if body is None or not body.is_here:
                raise NotThere
            bubble, changed = self.bubbles.speak(user_id, self.people())
            if bubble is None:
                raise NobodyNear
            return Voice(bubble_id=bubble.bubble_id, talk_id=bubble.talk_id, hearers=bubble.user_ids), changed
        area_id = 0 if body is None else self._enclosure(body)
        if area_id is None:
            raise NotThere("You are not let in yet where you stand")
        if area_id:
            return Voice(area_id=area_id), []
        return (Voice() if user_id in self.stays.talkers else None), []

    def find_area_talk(self, user_id: UserId) -> tuple[bool, RoomId | None]:
        """Whether they stand in an area that keeps what is said in it, and its talk, if it is known here."""
        body = self.bodies.get(user_id)
        area_id = 0 if body is None else self._enclosure(body)
        if area_id is None:
            return True, None
        return area_id != 0, self.stays.of_areas.get(area_id)

    def _enclosure(self, body: Body) -> int | None:
        """The area that they are in and that keeps what is said there, 0 if none does; None: they stand in one that they
        have not been let into, or no longer in the one that they have been, which may be so for a moment."""
        area = None if body.area_id is None else self.floor.find_area(body.area_id)
        inside = area.id if area is not None and area.keeps_talk else 0
        return inside if not body.is_here or inside == self.floor.enclosure_at(body.x, body.y) else None

    def people(self) -> dict[UserId, Person]:
        """All who are here, and those who will be back in a moment, perhaps."""
        now, found = monotonic(), {}
        for body in self.bodies.values():
            if body.is_here or (body.was_here and body.gone_at is not None and now - body.gone_at < self._lease):
                enclosure = self._enclosure(body)
                apart = -body.user_id if enclosure is None else enclosure  # with nobody, until that is settled
                found[body.user_id] = Person(body.x, body.y, now - body.moved_at >= AT_REST, apart)
        return found

    # ---- the other nodes, and a restart

    def moved(self) -> list[Moved]:
        """The steps that the other nodes are still to be told."""
        outbox, self.outbox = self.outbox, {}
        return [as_moved(body) for body in outbox.values()]

    def own(self) -> list[Moved]:
        """Where all bodies of this node are."""
        return [
            as_moved(one) for one in self.bodies.values() if one.is_here and self._is_own(self.room_id, one.user_id)
        ]

    def take_unsaved(self, *, everybody: bool) -> list[Place]:
        unsaved, self.unsaved = self.unsaved, {}
        if everybody:
            own = (one for one in self.bodies.values() if one.is_here and self._is_own(self.room_id, one.user_id))
            unsaved |= {body.user_id: body for body in own}
        return [body.place(self.room_id) for body in unsaved.values()]

    def take_unkept(self) -> list[tuple[RoomId, UserId]]:
        unkept, self.unkept = self.unkept, set()
        return [(self.room_id, user_id) for user_id in unkept]


def as_moved(body: Body) -> Moved:
    return body.user_id, body.x, body.y, body.direction, body.area_id
