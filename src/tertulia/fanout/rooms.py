"""The rooms that somebody on this node hears: their fans are opened, fed, flushed, and dropped when nobody listens."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from time import monotonic

from msgspec import Struct

from tertulia.domain.events import DurableEvent, MemberRemoved, RoomDeleted
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.fanout.backplane import Backplane
from tertulia.fanout.catchup import CatchUp, LogReader
from tertulia.fanout.connection import Connection, Standing, Subscription
from tertulia.fanout.counters import Counters
from tertulia.fanout.fan import Fan
from tertulia.fanout.feed import Feed
from tertulia.fanout.watch import Watch


class Pacing(Struct, frozen=True, kw_only=True):
    """*ring* events or *ring_bytes* of a room are kept in memory, *linger* seconds longer than anybody listens. Heads
    are looked at every *look_every* seconds, or *look_every_deaf* while the other nodes can not be heard.

    A flush that joined several messages is followed by a rest of half its own length, and at most *rest* seconds: while
    the core is busy with writing, more is joined and less is written. One message at a time never waits."""

    ring: int = 512
    ring_bytes: int = 256 * 1024
    linger: float = 300.0
    look_every: float = 2.0
    look_every_deaf: float = 0.2
    rest: float = 0.005


class Rooms:
    """Rights follow the log: a subscription begins at a place in it, and ends where the log ends its user's membership
    or the room, at that very event, on every node.

    *left* is told of each subscription that ended, and why; *ended* of each that the log ended, and where; *emptied* of
    a room that is no more; *reached* of each that was given a message to its own user, and where. *witness* is told all
    that is in a room's log, in order; *jumped*: but something was left out; *dropped*: it will be told no more. A room
    that *is_held* is not dropped for want of listeners.
    """

    def __init__(
        self,
        log: LogReader,
        backplane: Backplane,
        counters: Counters,
        pacing: Pacing,
        *,
        connections_of: Callable[[UserId], Sequence[Connection]],
        give_up: Callable[[Connection], None],
        left: Callable[[Subscription, str], None],
        ended: Callable[[Connection, RoomId, Seq], None],
        emptied: Callable[[RoomId], None],
        reached: Callable[[Connection, RoomId, Seq], None],
        witness: Callable[[RoomId, Sequence[DurableEvent]], None],
        jumped: Callable[[RoomId], None],
        dropped: Callable[[RoomId], None],
        is_held: Callable[[RoomId], bool],
    ) -> None:
        self._fans: dict[RoomId, Fan] = {}
        self._dirty: list[Fan] = []
        self._rests_until = 0.0
        self._backplane, self._counters, self._pacing = backplane, counters, pacing
        self._connections_of, self._left, self._ended, self._emptied = connections_of, left, ended, emptied
        self._reached = reached
        self._witness, self._jumped, self._dropped, self._is_held = witness, jumped, dropped, is_held
        self._catch_up = CatchUp(
            log,
            self._fans,
            counters,
            flush=self._flush_fan,
            end=self._end_by_log,
            reached=reached,
            give_up=lambda subscription: give_up(subscription.connection),
        )
        self._watch = Watch(
            log,
            self._fans,
            counters,
            hears=lambda: backplane.is_up,
            moved=self.wake,
            look_every=pacing.look_every,
            look_every_deaf=pacing.look_every_deaf,
        )

    def start(self) -> None:
        self._watch.start()

    async def stop(self) -> None:
        await self._watch.stop()
        await self._catch_up.stop()

    @property
    def fans(self) -> Mapping[RoomId, Fan]:
        return self._fans

    # ---- what comes in

    def feed(self, room_id: RoomId, events: Iterable[DurableEvent]) -> None:
        fan = self._fans.get(room_id)
        if fan is None:
            return
        now = monotonic()
        moved = False
        for event in events:
            moved |= fan.feed.on_event(event, now)
        self._watch.fed(fan, moved)

    def on_head(self, room_id: RoomId, head: Seq) -> None:
        """The log is known to have reached *head*."""
        fan = self._fans.get(room_id)
        if fan is not None:
            self._watch.fed(fan, fan.feed.on_head(head, monotonic()))

    def look(self, room_ids: Collection[RoomId] | None) -> None:
        """Something of these rooms, or of any, may have been missed."""
        self._watch.look(room_ids)

    # ---- who listens

    def subscribe(
        self,
        connection: Connection,
        room_id: RoomId,
        *,
        position: Seq,
        announces: bool,
        head: Seq | None,
    ) -> Subscription:
        """From *position* on; where one does already, from there anew."""
        fan = self._open(room_id, head)
        subscription = connection.rooms.get(room_id)
        if subscription is None:
            subscription = connection.rooms[room_id] = Subscription(connection, room_id)
            fan.subscriptions.add(subscription)
        self._hold(subscription)
        subscription.position, subscription.announces = position, announces
        if fan.position == position and not announces and connection.paused_since is None:
            fan.join_live(subscription)
        else:
            self._catch_up.ready(subscription)
        return subscription

    def hold(self, room_id: RoomId, head: Seq | None) -> Seq:
        """Have its feed, though nobody listens yet. Gives the place in the log after which the witness is told all.
        *head*: an end that the log is known to have reached."""
        return self._open(room_id, head).position

    def unsubscribe(self, connection: Connection, room_id: RoomId, reason: str) -> None:
        """After what is already on its way to it."""
        if room_id in connection.rooms:
            self._flush_fan(self._fans[room_id])
        subscription = connection.rooms.get(room_id)
        if subscription is not None:
            self._end(subscription, reason)

    def forget(self, connection: Connection, reason: str) -> None:
        """It is gone."""
        for subscription in list(connection.rooms.values()):
            self._end(subscription, reason)

    def pause(self, connection: Connection) -> None:
        for subscription in connection.rooms.values():
            self._hold(subscription)

    def resume(self, connection: Connection) -> None:
        for subscription in connection.rooms.values():
            self._catch_up.ready(subscription)

    def subscriptions_of(self, fan: Fan, user_id: UserId) -> Iterator[Subscription]:
        for connection in self._connections_of(user_id):
            subscription = connection.rooms.get(fan.room_id)
            if subscription is not None:
                yield subscription

    def sweep(self) -> None:
        """Let go of what nobody needs any more."""
        self._catch_up.forget_old_pages()
        now = monotonic()
        for fan in list(self._fans.values()):
            if fan.subscriptions or self._is_held(fan.room_id):
                fan.idle_since = None
            elif fan.idle_since is None:
                fan.idle_since = now
            elif now - fan.idle_since >= self._pacing.linger:
                self._drop(fan)

    # ---- what goes out

    def wake(self, fan: Fan) -> None:
        """Flush it in the next turn of the loop, or after the rest, with all that comes until then."""
        if fan.is_dirty:
            return
        fan.is_dirty = True
        if not self._dirty:
            loop = asyncio.get_running_loop()
            rest = self._rests_until - monotonic()
            if rest > 0:
                loop.call_later(rest, self._flush)
            else:
                loop.call_soon(self._flush)
        self._dirty.append(fan)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        began, has_joined = monotonic(), False
        for fan in dirty:
            if fan.is_dirty:
                before = fan.position
                self._flush_fan(fan)
                has_joined |= fan.position > before + 1
        if has_joined:
            ended = monotonic()
            self._rests_until = ended + min(self._pacing.rest, (ended - began) / 2)

    def _flush_fan(self, fan: Fan) -> None:
        fan.is_dirty = False
        before = fan.position
        if not fan.flush():
            for subscription in fan.everyone_falls_behind():
                self._catch_up.ready(subscription)
            self._jumped(fan.room_id)
            fan.flush()
        if fan.position != before:
            fan.moved_at = monotonic()
        if fan.waiting:
            waiting, fan.waiting = fan.waiting, set()
            for subscription in waiting:
                self._catch_up.ready(subscription)

    # ---- inside

    def _open(self, room_id: RoomId, head: Seq | None) -> Fan:
        """The room's fan, with nothing in it that is still to be written."""
        fan = self._fans.get(room_id)
        if fan is not None:
            self._flush_fan(fan)  # may end it: the room was deleted
            fan = self._fans.get(room_id)
        if fan is None:
            feed = Feed(self._counters, ring=self._pacing.ring, ring_bytes=self._pacing.ring_bytes)
            fan = Fan(
                room_id,
                feed,
                self._counters,
                subscriptions_of=self.subscriptions_of,
                on_turn=self._turn,
                reached=self._reached,
            )
            fan.witness = self._witness
            self._fans[room_id] = fan
            self._backplane.follow(room_id)
            self._watch.look([room_id])  # for what was committed before there was a feed to hear it
        if head is None:
            return fan
        if fan.feed.is_started:
            self.on_head(room_id, head)
        else:
            fan.start(head, monotonic())
            self.wake(fan)
        return fan

    def _drop(self, fan: Fan) -> None:
        if self._fans.get(fan.room_id) is fan:
            del self._fans[fan.room_id]
            self._backplane.unfollow(fan.room_id)
            self._dropped(fan.room_id)

    def _hold(self, subscription: Subscription) -> None:
        fan = self._fans[subscription.room_id]
        if subscription.standing is Standing.LIVE:
            fan.leave_live(subscription, Standing.HELD)
        fan.waiting.discard(subscription)
        self._catch_up.hold(subscription)

    def _turn(self, fan: Fan, event: DurableEvent, told: Collection[Subscription]) -> None:
        """*event* was just written to all who were live, *told*; some of them may hear nothing after it."""
        ended: Iterable[Subscription] = ()
        if isinstance(event, MemberRemoved):
            ended = list(self.subscriptions_of(fan, event.user_id))
        elif isinstance(event, RoomDeleted):
            ended = list(fan.subscriptions)
            self._emptied(fan.room_id)
        for subscription in ended:
            if subscription not in told:
                if subscription.position >= event.seq:
                    continue  # its snapshot knows of this, and of what came after
                connection = subscription.connection
                frame = connection.dialect.encode(event, isinstance(event, MemberRemoved))
                if frame:
                    connection.write(frame)
            self._end_by_log(subscription, event)
        if isinstance(event, RoomDeleted):
            self._drop(fan)

    def _end_by_log(self, subscription: Subscription, event: DurableEvent) -> None:
        on_removed = subscription.connection.on_removed
        self._end(subscription, "removed")
        self._ended(subscription.connection, subscription.room_id, event.seq)
        if on_removed is not None:
            on_removed(event)

    def _end(self, subscription: Subscription, reason: str) -> None:
        if subscription.standing is Standing.ENDED:
            return
        self._hold(subscription)
        subscription.standing = Standing.ENDED
        self._fans[subscription.room_id].subscriptions.discard(subscription)
        del subscription.connection.rooms[subscription.room_id]
        self._left(subscription, reason)
