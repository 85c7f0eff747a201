"""The hub: who hears what. Every commit and every word of another node comes in here, and goes out as frames."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from time import monotonic

import msgspec

from tertulia.domain.clock import Clock, utc_now
from tertulia.domain.commands import RoomHead
from tertulia.domain.events import (
    BubbleUpdated,
    DurableEvent,
    EphemeralEvent,
    MembershipBegan,
    Notice,
    PresenceUpdated,
    StayBegan,
    UserJoined,
    UserLeft,
    UserTyping,
)
from tertulia.domain.ids import EVERYWHERE, RoomId, Seq, UserId
from tertulia.domain.models import Occupant
from tertulia.domain.roles import Status
from tertulia.fanout.backplane import (
    AnyWord,
    Backplane,
    Happened,
    Heads,
    Passed,
    Retreated,
    Shout,
    Shouted,
    Strolled,
    Told,
    Whereabouts,
)
from tertulia.fanout.catchup import LogReader
from tertulia.fanout.connection import Connection, Standing, Subscription
from tertulia.fanout.counters import Counters
from tertulia.fanout.following import Following
from tertulia.fanout.occupancy import Occupancy, Spot
from tertulia.fanout.presence import PeopleReader, Presence, tell_all
from tertulia.fanout.rooms import Pacing, Rooms
from tertulia.fanout.spaces import Spaces, Spacing
from tertulia.fanout.sweep import Sweep
from tertulia.fanout.wishes import WishList
from tertulia.protocol.dialect import CloseReason
from tertulia.store import Committed

DEFAULT_PACING = Pacing()


class Hub:
    """All live connections of this node. It never awaits a socket, and has no task or queue for one.

    Everything here is called on the event loop, and writes nothing of a room to a connection that is just entering it
    before the next turn of the loop: what its session answers comes first.
    """

    def __init__(
        self,
        *,
        log: LogReader,
        backplane: Backplane,
        clock: Clock = utc_now,
        sockets_per_user: int = 10,
        heartbeat_interval: float = 25.0,
        slow_consumer_timeout: float = 30.0,
        pacing: Pacing = DEFAULT_PACING,
        people: PeopleReader | None = None,
        presence_hold: float = 3.0,
        spacing: Spacing | None = None,
    ) -> None:
        """*heartbeat_interval*, *slow_consumer_timeout*, *presence_hold*: seconds."""
        self.backplane = backplane
        self.counters = Counters()
        self.on_notice: Callable[[Notice], None] = lambda notice: None
        self.on_delivered: Callable[[Connection, RoomId, Seq], None] = lambda connection, room_id, seq: None
        """A connection was given a message to its own user, in a direct room; and so all before it."""
        self.on_shouts: Callable[[Sequence[Shout]], None] = lambda shouts: None
        self._sockets_per_user = sockets_per_user
        self._connections: dict[Connection, None] = {}
        self._lagging: dict[Connection, None] = {}
        self._users: dict[UserId, list[Connection]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._occupancy = Occupancy(backplane.node, say=backplane.send, tell=self._moved, spot=self._spot)
        self.spaces = Spaces(
            self._occupancy,
            self.counters,
            say=backplane.send,
            announce=self.announce,
            hold=self._hold,
            present=self._present,
            retreat=self._retreat,
            clock=clock,
            spacing=spacing or Spacing(),
        )
        self._presence = Presence(
            people,
            hold=presence_hold,
            tell=partial(tell_all, hearers_of=self._hearers_of),
            found=self._wants_to_be_seen,
            clock=clock,
        )
        self._wishes = WishList(people, found=self._wants_to_be_seen)
        self._following = Following(
            log, connections_of=self.connections_of, hear=self._hear_on, clock=clock, look_every=pacing.look_every
        )
        self._rooms = self._open_rooms(log, pacing)
        self._sweep = Sweep(
            self._connections.keys(),
            self._lagging.keys(),
            clock=clock,
            heartbeat_interval=heartbeat_interval,
            slow_consumer_timeout=slow_consumer_timeout,
            beat=self._beat,
            hang_up=self.hang_up,
        )

    def _open_rooms(self, log: LogReader, pacing: Pacing) -> Rooms:
        return Rooms(
            log,
            self.backplane,
            self.counters,
            pacing,
            connections_of=self.connections_of,
            give_up=lambda connection: self.hang_up(connection, CloseReason.SLOW_CONSUMER),
            left=self._left,
            ended=self._following.ended,
            emptied=self._emptied,
            reached=self._reached,
            witness=self.spaces.witness,
            jumped=self.spaces.jumped,
            dropped=self.spaces.close,
            is_held=self.spaces.is_held,
        )

    async def start(self) -> None:
        self._rooms.start()
        self._following.start()
        await self.backplane.start(self._hear, self._look)
        self._timer = asyncio.get_running_loop().call_later(1.0, self._tick)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self.spaces.stop()
        await self._following.stop()
        await self._wishes.stop()
        await self._presence.stop(self._users.keys())
        await self._rooms.stop()
        await self.backplane.stop()

    # ---- connections

    @property
    def connections(self) -> Collection[Connection]:
        return self._connections.keys()

    @property
    def rooms(self) -> Collection[RoomId]:
        """Those with a feed on this node."""
        return self._rooms.fans.keys()

    def count_hearers(self) -> dict[RoomId, int]:
        """The connections of this node that hear each room."""
        return {room_id: len(fan.subscriptions) for room_id, fan in self._rooms.fans.items() if fan.subscriptions}

    @property
    def lagging(self) -> int:
        """Connections whose sockets take nothing just now."""
        return len(self._lagging)

    def connections_of(self, user_id: UserId) -> Sequence[Connection]:
        return tuple(self._users.get(user_id, ()))

    def connect(self, connection: Connection) -> None:
        """If that is one too many for its user, the one silent longest is closed."""
        connection.flow = self
        self._connections[connection] = None
        mine = self._users.setdefault(connection.user_id, [])
        mine.append(connection)
        self._sweep.add(connection)
        self._occupancy.arrive(EVERYWHERE, connection.user_id, connection.username, None, None, connection.status)
        if len(mine) == 1:
            self._presence.come_here(connection.user_id)
            self._wishes.come(connection.user_id, connection.blocked)
        if len(mine) > self._sockets_per_user:
            self.hang_up(min(mine[:-1] or mine, key=lambda one: one.last_heard), CloseReason.TOO_MANY_SOCKETS)

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Its socket is gone. Harmless when that is known already."""
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._lagging.pop(connection, None)
        self._sweep.remove(connection)
        self._following.forget(connection)
        connection.flow = connection.on_removed = connection.on_talk = None
        mine = self._users[connection.user_id]
        mine.remove(connection)
        if not mine:
            del self._users[connection.user_id]
            self._wishes.go(connection.user_id)
        self._rooms.forget(connection, reason)
        self._occupancy.depart(EVERYWHERE, connection.user_id, "left")

    def hang_up(self, connection: Connection, reason: CloseReason) -> None:
        """Say farewell and close; who does not read is not told, and is dropped if it does not begin to."""
        socket, dialect = connection.socket, connection.dialect
        reads = connection.paused_since is None
        farewell = dialect.farewell(reason, None) if reads else None
        if farewell is not None:
            socket.write(farewell)
        self.counters.slow_closed += reason is CloseReason.SLOW_CONSUMER
        socket.close(*dialect.closing(reason))
        if not reads:
            asyncio.get_running_loop().call_later(1.0, socket.abort)
        self.disconnect(connection, "disconnected")

    def end_sessions(self, session_ids: Iterable[str]) -> None:
        """These logins are no more."""
        ended = frozenset(session_ids)
        for connection in [one for one in self._connections if one.session_id in ended]:
            self.hang_up(connection, CloseReason.INVALID_TOKEN)

    def pause(self, connection: Connection) -> None:
        """Its socket takes no more: from where it is now, it is behind."""
        self.counters.lagging += 1
        self._lagging[connection] = None
        self._rooms.pause(connection)

    def resume(self, connection: Connection) -> None:
        self._lagging.pop(connection, None)
        self._rooms.resume(connection)
        self.spaces.resume(connection)

    # ---- rooms

    def enter(
        self,
        connection: Connection,
        room_id: RoomId,
        *,
        position: Seq,
        announce_backlog: bool,
        x: float | None = None,
        y: float | None = None,
        head: Seq | None = None,
        is_present: bool = True,
    ) -> None:
        """Hear the room from *position* on; where one does already, from there anew. *announce_backlog*: say when what
        is there already has been given. *head*: an end that the log is known to have reached. *is_present*: whether
        this puts the user in the room, too, rather than just lets them hear it."""
        if connection not in self._connections:
            return
        if head is None and not announce_backlog:
            head = position
        subscription = self._rooms.subscribe(
            connection, room_id, position=position, announces=announce_backlog, head=head
        )
        if is_present and not subscription.is_present:
            subscription.is_present = True
            self._occupancy.arrive(room_id, connection.user_id, connection.username, x, y)
        if is_present:
            self.spaces.watch(connection, room_id)

    def exit(self, connection: Connection, room_id: RoomId, reason: str) -> None:
        """Be in it no more, and hear it no more; but who follows all their rooms hears on. Membership is another
        matter."""
        was_here = self._occupancy.is_own(room_id, connection.user_id)
        if connection not in self._following:
            self._rooms.unsubscribe(connection, room_id, reason)
        else:
            self._retire(connection, room_id, reason)
        if was_here and self._occupancy.find(room_id, connection.user_id) is None:
            self.spaces.let_go(room_id, connection.user_id)

    def _retire(self, connection: Connection, room_id: RoomId, reason: str) -> None:
        """It hears the room, and puts nobody in it."""
        subscription = connection.rooms.get(room_id)
        if subscription is not None:
            self._left(subscription, reason)
            subscription.is_present = False

    def _retreat(self, room_id: RoomId, user_id: UserId) -> None:
        for connection in self.connections_of(user_id):
            self._retire(connection, room_id, "left")

    def follow(self, connection: Connection) -> None:
        """Hear from now on each room that its user becomes a member of, without being in it; those that there are, by
        `listen`, which is to be called when they are known. Nothing is written to it before."""
        if connection in self._connections:
            self._following.follow(connection)

    def listen(self, connection: Connection, heads: Collection[RoomHead]) -> None:
        """Hear these rooms from their heads on, without being in any; one that is heard already goes on as it is."""
        self._following.open(connection, heads)

    def is_in(self, connection: Connection, room_id: RoomId) -> bool:
        """Whether it hears the room."""
        return room_id in connection.rooms or self._following.is_about_to_hear(connection, room_id)

    def occupants(self, room_id: RoomId) -> list[Occupant]:
        """Who is in the room, on all nodes."""
        return self._occupancy.occupants(room_id)

    def find_occupant(self, room_id: RoomId, user_id: UserId) -> Occupant | None:
        return self._occupancy.find(room_id, user_id)

    def heads_for(self, connection: Connection) -> dict[RoomId, Seq]:
        """The last `seq` of those of its rooms in which something has happened since its last heartbeat."""
        found = {}
        for room_id, subscription in connection.rooms.items():
            fan = self._rooms.fans[room_id]
            if fan.moved_at >= connection.beat_at and subscription.standing is Standing.LIVE:
                found[room_id] = fan.position
        return found

    # ---- what happens

    def publish(self, committed: Committed) -> None:
        """A batch is committed: own sockets first, then the other nodes."""
        for notice in committed.notices:
            if isinstance(notice, MembershipBegan):  # first: so that who follows hears all that comes with it, live
                self._following.heed(notice)
        batches: dict[RoomId, list[DurableEvent]] = {}
        for event in committed.events:
            batches.setdefault(event.room_id, []).append(event)
        for room_id, events in batches.items():
            self._rooms.feed(room_id, events)
            self.backplane.send(Happened(events), room_id)
        for announced in committed.announced:
            self.announce(announced)
        for notice in committed.notices:
            self.backplane.send(Told(notice))
            self.heed(notice)

    def announce(self, event: EphemeralEvent, *, skip: Connection | None = None) -> None:
        """To those who are live in the room, on all nodes; who lags does not get it."""
        self._announce_here(event, skip)
        self.backplane.send(Passed(event), None if isinstance(event, PresenceUpdated) else event.room_id)

    def shout(self, shouts: Sequence[Shout]) -> None:
        """To the other nodes; this one's sockets without an account are no business of the hub's."""
        self.backplane.send(Shouted(shouts))

    def _hear(self, node: str, word: AnyWord) -> None:
        match word:
            case Happened():
                if word.events:
                    self._rooms.feed(word.events[0].room_id, word.events)
            case Heads():
                for room_id, head in word.heads.items():
                    self._rooms.on_head(room_id, head)
            case Passed():
                self._announce_here(word.event, None)
            case Told():
                if isinstance(word.notice, MembershipBegan):
                    self._following.heed(word.notice)
                self.heed(word.notice)
            case Strolled() | Whereabouts() | Retreated():
                self.spaces.hear(word)
            case Shouted():
                self.on_shouts(word.shouts)
            case _:
                self._occupancy.hear(node, word)

    def heed(self, notice: Notice) -> None:
        if isinstance(notice, StayBegan):
            self.spaces.began(notice, self.connections_of(notice.user_id))
        self.on_notice(notice)

    def _look(self, room_ids: Collection[RoomId] | None) -> None:
        self._rooms.look(room_ids)
        if room_ids is None and self.backplane.is_up:
            self._occupancy.greet()
            self._wishes.ask_again()

    def _announce_here(self, event: EphemeralEvent, skip: Connection | None) -> None:
        if isinstance(event, PresenceUpdated):
            self._announce_presence(event)
            return
        if isinstance(event, BubbleUpdated):
            self.spaces.hear_bubble(event)
        fan = self._rooms.fans.get(event.room_id)
        if fan is not None:
            skipped = skip.rooms.get(event.room_id) if skip is not None else None
            skips = [] if skipped is None else [skipped]
            if isinstance(event, UserTyping):
                for user_id in self._wishes.averse_to(event.user_id):
                    skips += self._rooms.subscriptions_of(fan, user_id)
            fan.pass_on(event, skips)
            self._rooms.wake(fan)

    # ---- who is there

    def is_there(self, user_id: UserId) -> bool:
        """Connected, on whichever node; or was a moment ago, and others have not been told yet that they went."""
        return self._occupancy.is_there(user_id) or self._presence.lingers(user_id)

    def status_of(self, user_id: UserId) -> Status:
        """As others see it, of somebody who is there."""
        return self._occupancy.status_of(user_id)

    def blocks_changed(self, user_id: UserId) -> None:
        """*user_id* has blocked somebody, or does so no longer."""
        self._wishes.changed(user_id)

    def _announce_presence(self, event: PresenceUpdated) -> None:
        """Somebody chose how to be seen. Who is not there is offline, whatever they chose."""
        self._wishes.note(event.user_id)
        self._occupancy.show(event.user_id, event.status)
        if event.room_ids:
            self._presence.told(event.user_id)
        if not self.is_there(event.user_id):
            event = msgspec.structs.replace(event, status=Status.OFFLINE)
        tell_all([event], self._hearers_of)

    def _hearers_of(self, event: PresenceUpdated) -> Collection[Connection]:
        """Each once."""
        hearers = dict.fromkeys(self.connections_of(event.user_id))
        for room_id in event.room_ids:
            fan = self._rooms.fans.get(room_id)
            if fan is not None:
                hearers.update(dict.fromkeys(one.connection for one in fan.subscriptions))
        return hearers

    def _wants_to_be_seen(self, user_id: UserId, status: Status) -> None:
        self._occupancy.show(user_id, status.shown)

    def _moved(self, event: UserJoined | UserLeft) -> None:
        if event.room_id != EVERYWHERE:
            self._tell_others(event)
            if isinstance(event, UserJoined):
                self.spaces.appeared(event.room_id, event.user_id, event.x, event.y)
            else:
                self.spaces.vanished(event.room_id, event.user_id, event.reason)
        elif isinstance(event, UserJoined):
            self._presence.come(event.user_id)
        else:
            self._presence.go(event.user_id, is_lost=event.reason == "disconnected")

    def _tell_others(self, event: UserJoined | UserLeft) -> None:
        fan = self._rooms.fans.get(event.room_id)
        if fan is not None:
            fan.pass_on(event, tuple(self._rooms.subscriptions_of(fan, event.user_id)))
            self._rooms.wake(fan)

    def _hear_on(self, connection: Connection, room_id: RoomId, position: Seq) -> None:
        """Without being in it."""
        self.enter(connection, room_id, position=position, announce_backlog=False, is_present=False)

    def _reached(self, connection: Connection, room_id: RoomId, seq: Seq) -> None:
        self.on_delivered(connection, room_id, seq)

    def _left(self, subscription: Subscription, reason: str) -> None:
        if subscription.is_present:
            self.spaces.unwatch(subscription.connection, subscription.room_id)
            self._occupancy.depart(subscription.room_id, subscription.connection.user_id, reason)

    def _spot(self, room_id: RoomId, user_id: UserId) -> Spot | None:
        return self.spaces.spot(room_id, user_id)

    def _hold(self, room_id: RoomId, head: Seq | None) -> Seq:
        return self._rooms.hold(room_id, head)

    def _present(self, room_id: RoomId) -> list[Connection]:
        fan = self._rooms.fans.get(room_id)
        return [] if fan is None else [one.connection for one in fan.subscriptions if one.is_present]

    def _emptied(self, room_id: RoomId) -> None:
        self.spaces.close(room_id)
        self._occupancy.empty(room_id)

    # ---- time

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(1.0, self._tick)
        self.sweep()

    def sweep(self) -> None:
        """What is to be done once a second."""
        self._sweep.turn()
        self._rooms.sweep()
        self.spaces.sweep()
        self._ticks += 1
        if self._ticks % 2:
            self._occupancy.beat(self.backplane.is_up)

    def _beat(self, connection: Connection) -> None:
        frame = connection.dialect.heartbeat(self.heads_for(connection))
        connection.beat_at = monotonic()
        if frame is not None:
            connection.write(frame)
