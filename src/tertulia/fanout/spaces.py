"""The spaces: all floors that somebody of this node stands on, and the one clock that they tick by."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from datetime import datetime, timedelta
from time import monotonic

from msgspec import Struct

from tertulia.domain.clock import Clock
from tertulia.domain.commands import OpenedFloor
from tertulia.domain.errors import NoSpace, NotThere, TertuliaError
from tertulia.domain.events import BubbleUpdated, DurableEvent, PositionUpdated, RoomUpdated, StayBegan
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import Actor, Direction, Occupant, Place, Room, Voice
from tertulia.fanout.asks import Asks
from tertulia.fanout.backplane import AnyWord, Passed, Retreated, Strolled, Whereabouts
from tertulia.fanout.connection import Connection
from tertulia.fanout.counters import Counters
from tertulia.fanout.holdings import SETTLED, Holdings
from tertulia.fanout.lull import Lull
from tertulia.fanout.occupancy import Occupancy, Spot
from tertulia.fanout.space import LiveSpace, Moved
from tertulia.fanout.visits import Visits

TICK = 0.05
"""Seconds between two tellings of who is where."""
READ_AGAIN = 0.5
"""Seconds between two tries to read a floor anew."""
ANSWERED = 0.2
"""Seconds in which the other nodes have said where theirs stand."""
BUBBLE_BEAT = 0.5
"""Seconds between two looks at who stands together."""


class Spacing(Struct, frozen=True):
    """How long things of the space are kept, in seconds: *lease* a seat of somebody who is gone, *kept* their place,
    *visit* somebody who is there without a socket and is not heard of."""

    lease: float = 30.0
    kept: float = 600.0
    visit: float = 300.0


class Spaces:
    """*say*: a word to the nodes that follow a room, or to all; *announce*: a bubble to all who are in its room; *hold*: a
    room's feed is wanted, though no socket hears it: gives where it stands; *present*: the connections that put somebody
    in a room; *retreat*: the sockets of a user put them in
    the room no longer. A space is opened when somebody comes in, and closed with its room's feed."""

    def __init__(
        self,
        occupancy: Occupancy,
        counters: Counters,
        *,
        say: Callable[[AnyWord, RoomId | None], None],
        announce: Callable[[BubbleUpdated], None],
        hold: Callable[[RoomId, Seq | None], Seq],
        present: Callable[[RoomId], Collection[Connection]],
        retreat: Callable[[RoomId, UserId], None],
        clock: Clock,
        spacing: Spacing,
    ) -> None:
        self.asks: Asks | None = None
        self._occupancy, self._counters, self._say, self._announce = occupancy, counters, say, announce
        self._hold, self._present, self._retreat = hold, present, retreat
        self._clock, self._spacing = clock, spacing
        self._spaces: dict[RoomId, LiveSpace] = {}
        self._opening: dict[RoomId, asyncio.Future[LiveSpace | None]] = {}
        self._dirty: dict[LiveSpace, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._beat_timer: asyncio.TimerHandle | None = None
        self._next_tick = 0.0
        self._tasks: set[asyncio.Future[None]] = set()
        self.holdings = Holdings(self._spaces, occupancy, SETTLED)
        self._visits = Visits(occupancy, spacing.visit)
        self._sees: dict[str, bool] = {}
        self.lull = Lull()

    async def stop(self) -> None:
        for timer in (self._timer, self._beat_timer):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- opening and closing

    def find(self, room_id: RoomId) -> LiveSpace | None:
        return self._spaces.get(room_id)

    async def open(self, room_id: RoomId) -> LiveSpace | None:
        """The room's space, with all who are in it; None: it has none. Raises Unavailable."""
        space = self._spaces.get(room_id)
        if space is not None or self.asks is None:
            return space
        pending = self._opening.get(room_id)
        if pending is None:
            pending = self._opening[room_id] = asyncio.ensure_future(self._open(room_id, self.asks))
            pending.add_done_callback(lambda done: self._opening.pop(room_id, None))
        return await asyncio.shield(pending)

    async def _open(self, room_id: RoomId, asks: Asks) -> LiveSpace | None:
        while True:
            opened = await asks.open_floor(room_id)
            if opened is None:
                return None
            if self._hold(room_id, opened.room.last_seq) <= opened.room.last_seq:
                break  # what comes after this the witness is told
        space = LiveSpace(
            opened,
            asks,
            self._counters,
            is_own=self._occupancy.is_own,
            wake=self._wake,
            lease=self._spacing.lease,
        )
        self._spaces[room_id] = space
        for one in self._occupancy.occupants(room_id):
            space.appear(one.user_id, one.x, one.y)
        for connection in self._present(room_id):
            self.watch(connection, room_id)
            space.sights.show_all(connection)
        self._say(Whereabouts(room_id), room_id)
        return space

    def close(self, room_id: RoomId) -> None:
        """Its feed is dropped, or the room is no more."""
        space = self._spaces.pop(room_id, None)
        if space is not None:
            self._dirty.pop(space, None)
        self._occupancy.relist(room_id)

    def is_held(self, room_id: RoomId) -> bool:
        """Somebody is in it without a socket."""
        return room_id in self._visits or room_id in self._opening

    # ---- what the room's log says

    def witness(self, room_id: RoomId, events: Sequence[DurableEvent]) -> None:
        """All that is in the log of the room, in order."""
        self._visits.apply(room_id, events)
        space = self._spaces.get(room_id)
        if space is not None:
            space.apply(events)
            self._occupancy.relist(room_id)
            self._beat_soon()
        elif any(isinstance(event, RoomUpdated) and event.room.space is not None for event in events):
            self._run(self._open_for_those_there(room_id))

    async def _open_for_those_there(self, room_id: RoomId) -> None:
        """The room has a space now, perhaps its first."""
        if self._occupancy.occupants(room_id):
            await self.open(room_id)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        """What fails is done when somebody walks."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def jumped(self, room_id: RoomId) -> None:
        """The feed has left something out: the floor is to be read anew."""
        space = self._spaces.get(room_id)
        if space is not None and self.asks is not None:
            self._run(self._reopen(space, space.lose_track(), self.asks))

    async def _reopen(self, space: LiveSpace, heard: list[DurableEvent], asks: Asks) -> None:
        """Nobody else will ever say what was left out: so until it is done. *heard*: what the log says meanwhile."""
        while self._spaces.get(space.room_id) is space:
            try:
                opened: OpenedFloor | None = await asks.open_floor(space.room_id)
            except TertuliaError:
                await asyncio.sleep(READ_AGAIN)
                continue
            if opened is not None:
                space.reopen(opened, heard)
            return

    # ---- coming and going

    def arrive(self, room_id: RoomId, user_id: UserId, x: float | None, y: float | None) -> Spot | None:
        """Where somebody stands who comes in now. None: the room has no space."""
        space = self._spaces.get(room_id)
        if space is None:
            return None
        space.arrive(user_id, x, y)
        self._occupancy.relist(room_id)
        return self.spot(room_id, user_id)

    def appeared(self, room_id: RoomId, user_id: UserId, x: float | None, y: float | None) -> None:
        space = self._spaces.get(room_id)
        if space is not None:
            space.appear(user_id, x, y)
            self._beat_soon()

    def vanished(self, room_id: RoomId, user_id: UserId, reason: str) -> None:
        space = self._spaces.get(room_id)
        if space is None:
            return
        for bubble in space.vanish(user_id, for_good=reason in {"left", "removed"}):
            self._tell_bubble(bubble)
        self._beat_soon()

    def let_go(self, room_id: RoomId, user_id: UserId) -> None:
        """They said themselves, on this node, that they leave; and no socket of theirs is in the room any more."""
        space = self._spaces.get(room_id)
        if space is not None:
            space.let_go(user_id)

    def watch(self, connection: Connection, room_id: RoomId) -> None:
        """It has just been told where everybody is."""
        space = self._spaces.get(room_id)
        if space is not None and self._can_see(connection):
            space.sights.watch(connection)

    def unwatch(self, connection: Connection, room_id: RoomId) -> None:
        space = self._spaces.get(room_id)
        if space is not None:
            space.sights.unwatch(connection)

    def resume(self, connection: Connection) -> None:
        for room_id in connection.rooms:
            space = self._spaces.get(room_id)
            if space is not None:
                space.sights.resume(connection)

    def _can_see(self, connection: Connection) -> bool:
        """Whether its dialect has words for positions."""
        dialect = connection.dialect
        sees = self._sees.get(dialect.name)
        if sees is None:
            tells = dialect.encode(PositionUpdated(room_id=RoomId(1), user_id=UserId(1), x=0.0, y=0.0), False)
            sees = self._sees[dialect.name] = dialect.batches_moves or tells is not None
        return sees

    def spot(self, room_id: RoomId, user_id: UserId) -> Spot | None:
        """Where somebody is; None where there is no space."""
        space = self._spaces.get(room_id)
        body = None if space is None else space.bodies.get(user_id)
        if body is None:
            return None
        return Spot(round(body.x, 2), round(body.y, 2), body.direction, self._moment(body.seen_at))

    def _moment(self, at: float) -> datetime:
        return self._clock() - timedelta(seconds=monotonic() - at)

    # ---- walking

    def walk(self, connection: Connection, room_id: RoomId, x: float, y: float, direction: Direction) -> bool:
        """False: the space is not open. Raises NotThere."""
        space = self._spaces.get(room_id)
        if space is None:
            return False
        subscription = connection.rooms.get(room_id)
        body = space.bodies.get(connection.user_id)
        if subscription is None or not subscription.is_present or body is None:
            raise NotThere
        space.walk(body, x, y, direction, connection)
        self.lull.step()
        return True

    def wants(self, room_id: RoomId, user_id: UserId) -> int | None:
        """The area that somebody asks to be let into; None: none any more."""
        space = self._spaces.get(room_id)
        return None if space is None else space.wants(user_id)

    def admitted(self, room_id: RoomId, user_id: UserId, area_id: int, talk_id: RoomId) -> None:
        space = self._spaces.get(room_id)
        if space is not None:
            space.admitted(user_id, area_id, talk_id)

    def refused(self, room_id: RoomId, user_id: UserId, area_id: int, error: TertuliaError) -> None:
        space = self._spaces.get(room_id)
        if space is not None:
            space.refused(user_id, area_id, error)

    # ---- what services ask (`services.floors.Floors`)

    def find_place(self, room_id: RoomId, user_id: UserId) -> Place | None:
        space = self._spaces.get(room_id)
        body = None if space is None else space.bodies.get(user_id)
        return None if body is None or not body.is_here else body.place(room_id)

    def voice(self, room_id: RoomId, user_id: UserId, *, nearby: bool) -> Voice | None:
        space = self._spaces.get(room_id)
        if not nearby and not self._occupancy.is_own(room_id, user_id) and self._may_be_elsewhere(room_id, user_id):
            seen = None if space is None else space.voice(user_id, nearby=False)[0]
            return seen if seen is not None and seen.area_id is not None else Voice(is_elsewhere=True)
        if space is None:
            if nearby:
                raise NotThere
            return None
        voice, changed = space.voice(user_id, nearby=nearby)
        for bubble in changed:
            self._tell_bubble(bubble, speaks=voice)
        return voice

    def _may_be_elsewhere(self, room_id: RoomId, user_id: UserId) -> bool:
        """Where this node would not know that they stand within an area: on another node, or on one that has ended so
        lately that what they held there is still theirs."""
        is_doubtful = monotonic() - self._occupancy.lost_at < self._spacing.lease
        return is_doubtful or self._occupancy.find(room_id, user_id) is not None

    async def be_ready(self, room_id: RoomId, user_id: UserId) -> None:
        """To say where that goes what somebody says who is in the room by another node."""
        if self._occupancy.find(room_id, user_id) is None or self._occupancy.is_own(room_id, user_id):
            return
        space = await self.open(room_id)
        if space is not None and self._occupancy.has_peers:
            await asyncio.sleep(space.opened_at + ANSWERED - monotonic())

    def spoken(self, room_id: RoomId, voice: Voice, talk_id: RoomId | None) -> None:
        """What was said with *voice* has gone to the talk *talk_id*."""
        space = self._spaces.get(room_id)
        if space is None or voice.bubble_id is None or talk_id in {None, voice.talk_id}:
            return
        for bubble in space.bubbles.list():
            if bubble.bubble_id == voice.bubble_id and bubble.talk_id is None:
                named = BubbleUpdated(
                    room_id=room_id, bubble_id=bubble.bubble_id, user_ids=bubble.user_ids, talk_id=talk_id
                )
                space.bubbles.hear(named)
                self._announce(named)

    def occupants(self, room_id: RoomId) -> list[Occupant]:
        return self._occupancy.occupants(room_id)

    async def enter(self, room: Room, actor: Actor, x: float | None, y: float | None) -> Occupant:
        self._hold(room.id, None)
        if room.space is not None:
            await self.open(room.id)
        spot = self.arrive(room.id, actor.user_id, x, y)
        x, y = (None, None) if spot is None else (spot.x, spot.y)
        ended = self._visits.enter(room.id, actor, x, y)
        if ended is not None and self._occupancy.find(ended, actor.user_id) is None:
            self.let_go(ended, actor.user_id)
        return self._here(room.id, actor)

    async def walk_to(self, room: Room, actor: Actor, x: float, y: float, direction: Direction) -> Occupant:
        space = await self.open(room.id)
        if space is None:
            raise NoSpace
        body = space.bodies.get(actor.user_id)
        if body is None or not body.is_here:
            raise NotThere
        self._visits.heard_of(room.id, actor.user_id)
        space.walk(body, x, y, direction, None)
        return self._here(room.id, actor)

    def leave(self, room_id: RoomId, actor: Actor) -> None:
        self._retreat_here(room_id, actor.user_id)
        self._say(Retreated(room_id, actor.user_id), None)
        self.let_go(room_id, actor.user_id)

    def _retreat_here(self, room_id: RoomId, user_id: UserId) -> None:
        self._visits.leave(room_id, user_id)
        self._retreat(room_id, user_id)

    def _here(self, room_id: RoomId, actor: Actor) -> Occupant:
        self._occupancy.relist(room_id)
        found = self._occupancy.find(room_id, actor.user_id)
        if found is None:
            raise NotThere
        return found

    # ---- talks

    def find_area_talk(self, room_id: RoomId, user_id: UserId) -> tuple[bool, RoomId | None]:
        """Whether they stand in an area that keeps what is said in it, and its talk, if it is known here."""
        space = self._spaces.get(room_id)
        return (False, None) if space is None else space.find_area_talk(user_id)

    def began(self, notice: StayBegan, connections: Iterable[Connection]) -> None:
        """*connections*: their user's; those that are in the parent are let into the talk."""
        space = self._spaces.get(notice.parent_id)
        if space is not None:
            space.stays.begin(notice.user_id, notice.room_id)
        for connection in connections:
            parent = connection.rooms.get(notice.parent_id)
            if parent is not None and parent.is_present and connection.on_talk is not None:
                connection.on_talk(notice.room_id)

    def talks_of(self, room_id: RoomId, user_id: UserId) -> list[RoomId]:
        """The talks that somebody is in, as far as it is known here: the store knows better."""
        space = self._spaces.get(room_id)
        return [] if space is None else sorted(space.stays.talks.get(user_id, ()))

    def ended(self, talk_id: RoomId, user_id: UserId) -> None:
        """They are not in that talk."""
        for space in self._spaces.values():
            space.stays.end(talk_id, user_id)

    def bubbles(self, room_id: RoomId) -> list[BubbleUpdated]:
        space = self._spaces.get(room_id)
        return [] if space is None else space.bubbles.list()

    def hear_bubble(self, bubble: BubbleUpdated) -> None:
        """Another node says so."""
        space = self._spaces.get(bubble.room_id)
        if space is not None:
            space.bubbles.hear(bubble)

    def _tell_bubble(self, bubble: BubbleUpdated, speaks: Voice | None = None) -> None:
        """Those who hear what was just said are gathered with it, not by this."""
        self._announce(bubble)
        is_spoken_in = speaks is not None and speaks.bubble_id == bubble.bubble_id
        if bubble.talk_id is not None and self.asks is not None and not is_spoken_in:
            self.asks.gather(bubble.talk_id, bubble.user_ids)

    def _beat_soon(self) -> None:
        if self._beat_timer is None:
            self._beat_timer = asyncio.get_running_loop().call_later(BUBBLE_BEAT, self._beat)

    def _beat(self) -> None:
        """Who stands together? A room's keeper alone says."""
        self._beat_timer = None
        now = monotonic()
        restless = [space for space in self._spaces.values() if space.restless_until > now]
        for space in restless:
            if self._occupancy.is_keeper(space.room_id):
                for bubble in space.bubbles.step(space.people()):
                    self._tell_bubble(bubble)
        if restless:
            self._beat_soon()

    # ---- the other nodes

    def hear(self, word: Strolled | Whereabouts | Retreated) -> None:
        space = self._spaces.get(word.room_id)
        match word:
            case Retreated():
                self._retreat_here(word.room_id, word.user_id)
            case Whereabouts():
                if space is not None:
                    self._say_moves(space, space.own())
                    if self._occupancy.is_keeper(word.room_id):  # who asks may be the keeper in a moment
                        for bubble in space.bubbles.list():
                            self._say(Passed(bubble), word.room_id)
            case Strolled():
                if space is not None:
                    space.follow(word.moves)
                for user_id, *_ in word.moves:
                    self._visits.heard_of(word.room_id, user_id)

    def _say_moves(self, space: LiveSpace, moves: Sequence[Moved]) -> None:
        if moves:
            self._say(Strolled(space.room_id, moves), space.room_id)

    # ---- time

    def _wake(self, space: LiveSpace) -> None:
        self._dirty[space] = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next_tick = max(loop.time(), self._next_tick)
            self._timer = loop.call_at(self._next_tick, self._tick)
        if self._beat_timer is None:
            self._beat_soon()

    def _tick(self) -> None:
        """On absolute time, so that it does not drift; but what took long is followed by a rest as long."""
        loop = asyncio.get_running_loop()
        began, at = loop.time(), int(self._clock().timestamp() * 1000)
        dirty, self._dirty = self._dirty, {}
        self._timer = None
        for space in dirty:
            if space.room_id not in self._spaces:
                continue
            space.sights.tick(at)
            self._occupancy.relist(space.room_id)
            if self._occupancy.has_peers:
                self._say_moves(space, space.moved())
            else:
                space.outbox.clear()
            if not space.sights.is_settled:
                self._dirty[space] = None
        ended = loop.time()
        self.lull.look(ended)
        self._next_tick = max(self._next_tick + TICK, ended + min(ended - began, 10 * TICK))
        if self._dirty:
            self._timer = loop.call_at(self._next_tick, self._tick)

    def sweep(self) -> None:
        """What is to be done once a second."""
        now = monotonic()
        for room_id, user_id in self._visits.expire(now):
            self.let_go(room_id, user_id)
        for space in self._spaces.values():
            space.forget_old(now, self._spacing.kept)

    def take_unsaved(self, *, everybody: bool = False) -> list[Place]:
        """The places that have changed since they were last taken, of this node's own people; or of all of them."""
        return [place for space in self._spaces.values() for place in space.take_unsaved(everybody=everybody)]

    def take_unkept(self) -> list[tuple[RoomId, UserId]]:
        """Whose places are to be forgotten, since that was asked last: those who left."""
        return [one for space in self._spaces.values() for one in space.take_unkept()]
