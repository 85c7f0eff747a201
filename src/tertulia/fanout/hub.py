"""The hub: who hears what. Every commit and every word of another node comes in here, and goes out as frames."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any

from tertulia.domain.clock import Clock, utc_now
from tertulia.domain.events import (
    DurableEvent,
    EphemeralEvent,
    MemberRemoved,
    Notice,
    PresenceUpdated,
    RoomDeleted,
    UserJoined,
    UserLeft,
)
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.fanout.backplane import AnyWord, Backplane, Happened, Heads, Passed, Told
from tertulia.fanout.catchup import CatchUp, LogReader
from tertulia.fanout.connection import Connection, Standing, Subscription
from tertulia.fanout.counters import Counters
from tertulia.fanout.fan import Fan
from tertulia.fanout.feed import Feed
from tertulia.fanout.occupancy import Occupancy
from tertulia.fanout.sweep import Sweep
from tertulia.fanout.watch import Watch
from tertulia.protocol.dialect import CloseReason, Occupant
from tertulia.store import Committed


class Hub:
    """All live connections of this node. It never awaits a socket, and has no task or queue for one.

    Everything here is called on the event loop, and writes nothing to a connection that is just entering a room
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
        feed_linger: float = 300.0,
        look_every: float = 2.0,
        look_every_deaf: float = 0.2,
        ring: int = 512,
        ring_bytes: int = 256 * 1024,
    ) -> None:
        """Seconds, all but *sockets_per_user* and the bounds of a room's ring. *feed_linger*: how long a room's feed
        outlives its last listener."""
        self.backplane = backplane
        self.counters = Counters()
        self.on_notice: Callable[[Notice], None] = lambda notice: None
        self._sockets_per_user, self._feed_linger = sockets_per_user, feed_linger
        self._ring: dict[str, Any] = {"ring": ring, "ring_bytes": ring_bytes}
        self._connections: dict[Connection, None] = {}
        self._lagging: dict[Connection, None] = {}
        self._users: dict[UserId, list[Connection]] = {}
        self._fans: dict[RoomId, Fan] = {}
        self._dirty: list[Fan] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._occupancy = Occupancy(backplane.node, say=backplane.send, tell=self._tell_others)
        self._catch_up = CatchUp(
            log,
            self._fans,
            self.counters,
            flush=self._flush_fan,
            end=self._end_by_log,
            give_up=lambda subscription: self.hang_up(subscription.connection, CloseReason.SLOW_CONSUMER),
        )
        self._watch = Watch(
            log,
            self._fans,
            self.counters,
            hears=lambda: backplane.is_up,
            moved=self._wake,
            look_every=look_every,
            look_every_deaf=look_every_deaf,
        )
        self._sweep = Sweep(
            self._connections.keys(),
            self._lagging.keys(),
            clock=clock,
            heartbeat_interval=heartbeat_interval,
            slow_consumer_timeout=slow_consumer_timeout,
            beat=self._beat,
            hang_up=self.hang_up,
        )

    async def start(self) -> None:
        self._watch.start()
        await self.backplane.start(self._hear, self._look)
        self._timer = asyncio.get_running_loop().call_later(1.0, self._tick)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._watch.stop()
        await self._catch_up.stop()
        await self.backplane.stop()

    # ---- connections

    @property
    def connections(self) -> Collection[Connection]:
        return self._connections.keys()

    @property
    def rooms(self) -> Collection[RoomId]:
        """Those with a feed on this node."""
        return self._fans.keys()

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
        if len(mine) > self._sockets_per_user:
            self.hang_up(min(mine[:-1] or mine, key=lambda one: one.last_heard), CloseReason.TOO_MANY_SOCKETS)

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Its socket is gone. Harmless when it is known already."""
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._lagging.pop(connection, None)
        self._sweep.remove(connection)
        connection.flow = connection.on_removed = None
        mine = self._users[connection.user_id]
        mine.remove(connection)
        if not mine:
            del self._users[connection.user_id]
        for subscription in list(connection.rooms.values()):
            self._end(subscription, reason)

    def hang_up(self, connection: Connection, reason: CloseReason, retry_after: float | None = None) -> None:
        """Say farewell and close; who does not read is not told, and is dropped if it does not begin to."""
        socket, dialect = connection.socket, connection.dialect
        if connection.paused_since is None:
            farewell = dialect.farewell(reason, retry_after)
            if farewell is not None:
                socket.write(farewell)
        self.counters.slow_closed += reason is CloseReason.SLOW_CONSUMER
        socket.close(*dialect.closing(reason))
        if connection.paused_since is not None:
            asyncio.get_running_loop().call_later(1.0, socket.abort)
        self.disconnect(connection, "disconnected")

    def end_sessions(self, session_ids: Iterable[str]) -> None:
        """These logins are no more."""
        ended = frozenset(session_ids)
        for connection in [one for one in self._connections if one.session_id in ended]:
            self.hang_up(connection, CloseReason.INVALID_TOKEN)

    def drain(self, retry_spread: float) -> None:
        """The node restarts: everybody out, each told to come back at a time of their own within *retry_spread*."""
        for connection in list(self._connections):
            self.hang_up(connection, CloseReason.RESTARTING, random.uniform(0.0, retry_spread))

    def pause(self, connection: Connection) -> None:
        """Its socket takes no more: from where it is now, it is behind."""
        self.counters.lagging += 1
        self._lagging[connection] = None
        for subscription in connection.rooms.values():
            fan = self._fans[subscription.room_id]
            if subscription.standing is Standing.LIVE:
                fan.leave_live(subscription, Standing.HELD)
            fan.waiting.discard(subscription)
            self._catch_up.hold(subscription)

    def resume(self, connection: Connection) -> None:
        self._lagging.pop(connection, None)
        for subscription in connection.rooms.values():
            self._catch_up.ready(subscription)

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
        known = head if head is not None else None if announce_backlog else position
        fan = self._fan_for(room_id, known)
        subscription = connection.rooms.get(room_id)
        if subscription is None:
            subscription = connection.rooms[room_id] = Subscription(connection, room_id, is_present)
            fan.subscriptions.add(subscription)
            if is_present:
                self._occupancy.arrive(room_id, connection.user_id, connection.username, x, y)
        elif subscription.standing is Standing.LIVE:
            fan.leave_live(subscription, Standing.HELD)
        fan.waiting.discard(subscription)
        self._catch_up.hold(subscription)
        subscription.position, subscription.announces = position, announce_backlog
        at_once = fan.position == position and connection.paused_since is None and not announce_backlog
        if at_once:
            fan.join_live(subscription)
        else:
            self._catch_up.ready(subscription)

    def exit(self, connection: Connection, room_id: RoomId, reason: str) -> None:
        """Hear it no more. Membership is another matter."""
        fan = self._fans.get(room_id)
        if fan is not None and room_id in connection.rooms:
            self._flush_fan(fan)
        subscription = connection.rooms.get(room_id)
        if subscription is not None:
            self._end(subscription, reason)

    def is_in(self, connection: Connection, room_id: RoomId) -> bool:
        return room_id in connection.rooms

    def occupants(self, room_id: RoomId) -> list[Occupant]:
        return self._occupancy.occupants(room_id)

    def heads_for(self, connection: Connection) -> dict[RoomId, Seq]:
        """The last `seq` of those of its rooms in which something has happened since its last heartbeat."""
        since = connection.beat_at
        found = {}
        for room_id, subscription in connection.rooms.items():
            fan = self._fans[room_id]
            if fan.moved_at >= since and subscription.standing is Standing.LIVE:
                found[room_id] = fan.position
        return found

    # ---- what happens

    def publish(self, committed: Committed) -> None:
        """A batch is committed: own sockets first, then the other nodes."""
        batches: dict[RoomId, list[DurableEvent]] = {}
        for event in committed.events:
            batches.setdefault(event.room_id, []).append(event)
        for room_id, events in batches.items():
            self._feed(room_id, events)
            self.backplane.send(Happened(events), room_id)
        for announced in committed.announced:
            self.announce(announced)
        for notice in committed.notices:
            self.backplane.send(Told(notice))
            self.on_notice(notice)

    def announce(self, event: EphemeralEvent, *, skip: Connection | None = None) -> None:
        """To those who are live in the room, on all nodes; who lags does not get it."""
        self._announce_here(event, skip)
        self.backplane.send(Passed(event), None if isinstance(event, PresenceUpdated) else event.room_id)

    # ---- inside: what comes in

    def _feed(self, room_id: RoomId, events: Iterable[DurableEvent]) -> None:
        fan = self._fans.get(room_id)
        if fan is None:
            return
        now = monotonic()
        moved = False
        for event in events:
            moved |= fan.feed.on_event(event, now)
        self._watch.fed(fan, moved)

    def _hear(self, node: str, word: AnyWord) -> None:
        match word:
            case Happened():
                if word.events:
                    self._feed(word.events[0].room_id, word.events)
            case Heads():
                for room_id, head in word.heads.items():
                    fan = self._fans.get(room_id)
                    if fan is not None:
                        self._watch.fed(fan, fan.feed.on_head(head, monotonic()))
            case Passed():
                self._announce_here(word.event, None)
            case Told():
                self.on_notice(word.notice)
            case _:
                self._occupancy.hear(node, word)

    def _look(self, room_ids: Collection[RoomId] | None) -> None:
        self._watch.look(room_ids)
        if room_ids is None and self.backplane.is_up:
            self._occupancy.greet()

    def _announce_here(self, event: EphemeralEvent, skip: Connection | None) -> None:
        if isinstance(event, PresenceUpdated):
            self._announce_presence(event)
            return
        fan = self._fans.get(event.room_id)
        if fan is not None:
            skipped = skip.rooms.get(event.room_id) if skip is not None else None
            fan.pass_on(event, () if skipped is None else (skipped,))
            self._wake(fan)

    def _announce_presence(self, event: PresenceUpdated) -> None:
        """Once to each connection that shares a room with the user, or is theirs."""
        hearers = dict.fromkeys(self._users.get(event.user_id, ()))
        for room_id in self._occupancy.rooms_of(event.user_id):
            fan = self._fans.get(room_id)
            if fan is not None:
                hearers.update(dict.fromkeys(one.connection for one in fan.subscriptions))
        frames: dict[str, bytes | None] = {}
        for connection in hearers:
            dialect = connection.dialect
            if dialect.name not in frames:
                frames[dialect.name] = dialect.encode(event, False)
            frame = frames[dialect.name]
            if frame and connection.paused_since is None:
                connection.write(frame)

    def _tell_others(self, event: UserJoined | UserLeft) -> None:
        fan = self._fans.get(event.room_id)
        if fan is not None:
            fan.pass_on(event, tuple(self._subscriptions_of(fan, event.user_id)))
            self._wake(fan)

    # ---- inside: what goes out

    def _wake(self, fan: Fan) -> None:
        """Flush it in the next turn of the loop, with all that comes until then."""
        if not fan.is_dirty:
            fan.is_dirty = True
            if not self._dirty:
                asyncio.get_running_loop().call_soon(self._flush)
            self._dirty.append(fan)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for fan in dirty:
            if fan.is_dirty:
                self._flush_fan(fan)

    def _flush_fan(self, fan: Fan) -> None:
        fan.is_dirty = False
        before = fan.position
        if not fan.flush():
            for subscription in fan.everyone_falls_behind():
                self._catch_up.ready(subscription)
            fan.flush()
        if fan.position != before:
            fan.moved_at = monotonic()
        if fan.waiting:
            waiting, fan.waiting = fan.waiting, set()
            for subscription in waiting:
                self._catch_up.ready(subscription)

    def _fan_for(self, room_id: RoomId, head: Seq | None) -> Fan:
        """The room's fan, with nothing in it that is still to be written."""
        fan = self._fans.get(room_id)
        if fan is not None:
            self._flush_fan(fan)  # may end it: the room was deleted
            fan = self._fans.get(room_id)
        if fan is None:
            fan = self._fans[room_id] = Fan(
                room_id,
                Feed(self.counters, **self._ring),
                self.counters,
                subscriptions_of=self._subscriptions_of,
                on_turn=self._turn,
            )
            self.backplane.follow(room_id)
            self._watch.look([room_id])  # for what was committed before there was a feed to hear it
        if head is not None:
            now = monotonic()
            if fan.feed.is_started:
                self._watch.fed(fan, fan.feed.on_head(head, now))
            else:
                fan.start(head, now)
                self._wake(fan)
        return fan

    def _drop_fan(self, fan: Fan) -> None:
        if self._fans.get(fan.room_id) is fan:
            del self._fans[fan.room_id]
            self.backplane.unfollow(fan.room_id)

    # ---- inside: rights follow the log

    def _subscriptions_of(self, fan: Fan, user_id: UserId) -> Iterator[Subscription]:
        for connection in self._users.get(user_id, ()):
            subscription = connection.rooms.get(fan.room_id)
            if subscription is not None:
                yield subscription

    def _turn(self, fan: Fan, event: DurableEvent) -> None:
        """*event* was just written to all who are live; some of them may hear nothing after it."""
        ended: Iterable[Subscription] = ()
        if isinstance(event, MemberRemoved):
            ended = list(self._subscriptions_of(fan, event.user_id))
        elif isinstance(event, RoomDeleted):
            ended = list(fan.subscriptions)
            self._occupancy.empty(fan.room_id)
        for subscription in ended:
            if subscription.standing is not Standing.LIVE:
                if subscription.position >= event.seq:
                    continue  # its snapshot knows of this, and of what came after
                connection = subscription.connection
                connection.write(connection.dialect.encode(event, False) or b"")
            self._end_by_log(subscription)
        if isinstance(event, RoomDeleted):
            self._drop_fan(fan)

    def _end_by_log(self, subscription: Subscription) -> None:
        on_removed = subscription.connection.on_removed
        self._end(subscription, "removed")
        if on_removed is not None:
            on_removed(subscription.room_id)

    def _end(self, subscription: Subscription, reason: str) -> None:
        if subscription.standing is Standing.ENDED:
            return
        room_id, connection = subscription.room_id, subscription.connection
        fan = self._fans[room_id]
        if subscription.standing is Standing.LIVE:
            fan.leave_live(subscription, Standing.ENDED)
        subscription.standing, subscription.page = Standing.ENDED, None
        fan.waiting.discard(subscription)
        fan.subscriptions.discard(subscription)
        del connection.rooms[room_id]
        if subscription.is_present:
            self._occupancy.depart(room_id, connection.user_id, reason)

    # ---- inside: time

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(1.0, self._tick)
        self.sweep()

    def sweep(self) -> None:
        """What is to be done once a second."""
        self._sweep.turn()
        self._catch_up.forget_old_pages()
        self._ticks += 1
        if self._ticks % 2:
            self._occupancy.beat(self.backplane.is_up)
        now = monotonic()
        for fan in list(self._fans.values()):
            if fan.subscriptions:
                fan.idle_since = None
            elif fan.idle_since is None:
                fan.idle_since = now
            elif now - fan.idle_since >= self._feed_linger:
                self._drop_fan(fan)

    def _beat(self, connection: Connection) -> None:
        frame = connection.dialect.heartbeat(self.heads_for(connection))
        connection.beat_at = monotonic()
        if frame is not None:
            connection.write(frame)
