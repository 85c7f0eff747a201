"""The fan: one room on one node, its feed and all who hear it. Writes without an await, a task or a queue per socket."""

from collections.abc import Callable, Collection, Iterable, Sequence

from tertulia.domain.events import DurableEvent, EphemeralEvent, MemberRemoved, MessageSent, RoomDeleted
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.fanout.connection import Connection, Standing, Subscription
from tertulia.fanout.counters import Counters
from tertulia.fanout.feed import Entry, Feed, Framed
from tertulia.protocol.dialect import Dialect

Write = Callable[[bytes], None]
TURNS = (MemberRemoved, RoomDeleted)
"""Events after which somebody hears no more."""


def ends(event: DurableEvent, user_id: UserId) -> bool:
    """Whether *event* is the last of its room that *user_id* may hear."""
    kind = type(event)
    return (kind is MemberRemoved and event.user_id == user_id) or kind is RoomDeleted


class Group:
    """The live subscriptions of one dialect: what is built for one is written to all.

    *order* and *writes* are copies of what is live, made again when that has changed: whoever is in them when a
    write begins is written to, whatever a socket does meanwhile.
    """

    __slots__ = ("_copies", "dialect", "live")

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.live: dict[Subscription, Write] = {}
        self._copies: tuple[tuple[Subscription, ...], tuple[Write, ...]] | None = None

    def add(self, subscription: Subscription) -> None:
        self.live[subscription] = subscription.connection.write
        self._copies = None

    def remove(self, subscription: Subscription) -> None:
        del self.live[subscription]
        self._copies = None

    def copies(self) -> tuple[tuple[Subscription, ...], tuple[Write, ...]]:
        if self._copies is None:
            self._copies = tuple(self.live), tuple(self.live.values())
        return self._copies


class Passing(Framed):
    """An ephemeral event on its way out, to all but *skip*."""

    __slots__ = ("skip",)

    def __init__(self, event: EphemeralEvent, skip: Collection[Subscription]) -> None:
        super().__init__(event)
        self.skip = skip


class Fan:
    """All live subscriptions stand at `position`; what the feed has after it goes out with the next `flush`.

    *subscriptions_of*: those of a user, in this room, on this node. *on_turn*: told of each event of `TURNS`, and
    to whom it was written, before anything that comes after it is. *reached*: told of who was written a message to themselves,
    once for all that is written together.
    """

    __slots__ = (
        "_counters", "_on_turn", "_passing", "_reached", "_subscriptions_of", "feed", "groups", "idle_since", "is_dirty",
        "moved_at", "position", "room_id", "subscriptions", "waiting", "witness",
    )  # fmt: skip

    def __init__(
        self,
        room_id: RoomId,
        feed: Feed,
        counters: Counters,
        *,
        subscriptions_of: Callable[["Fan", UserId], Iterable[Subscription]],
        on_turn: Callable[["Fan", DurableEvent, Collection[Subscription]], None],
        reached: Callable[[Connection, RoomId, Seq], None],
    ) -> None:
        self.room_id, self.feed = room_id, feed
        self.position = feed.top
        self.groups: dict[str, Group] = {}
        self.subscriptions: set[Subscription] = set()
        self.waiting: set[Subscription] = set()
        self.is_dirty = False
        self.idle_since: float | None = None
        self.moved_at = 0.0
        self.witness: Callable[[RoomId, Sequence[DurableEvent]], None] | None = None
        """Told of all that is in the log, in order, after it was written."""
        self._passing: list[Passing] = []
        self._counters, self._subscriptions_of = counters, subscriptions_of
        self._on_turn, self._reached = on_turn, reached

    def start(self, head: Seq, now: float) -> bool:
        """Returns whether there is something to flush."""
        moved = self.feed.on_start(head, now)
        self.position = self.feed.base
        return moved

    # ---- who is live

    def join_live(self, subscription: Subscription) -> None:
        """*subscription* has been given everything up to `position`."""
        dialect = subscription.connection.dialect
        group = self.groups.get(dialect.name)
        if group is None:
            group = self.groups[dialect.name] = Group(dialect)
        group.add(subscription)
        subscription.standing = Standing.LIVE

    def leave_live(self, subscription: Subscription, standing: Standing) -> None:
        """It takes its position with it."""
        name = subscription.connection.dialect.name
        group = self.groups[name]
        group.remove(subscription)
        if not group.live:
            del self.groups[name]
        subscription.position = self.position
        subscription.standing = standing

    def live(self) -> list[Subscription]:
        return [subscription for group in self.groups.values() for subscription in group.live]

    def everyone_falls_behind(self) -> list[Subscription]:
        """The feed has jumped: the log has what comes next."""
        fallen = self.live()
        for subscription in fallen:
            self.leave_live(subscription, Standing.READY)
        self.position = self.feed.top
        return fallen

    # ---- what goes out

    def pass_on(self, event: EphemeralEvent, skip: Collection[Subscription] = ()) -> None:
        """With the next flush, to all who are live but *skip*."""
        self._passing.append(Passing(event, skip))

    def flush(self) -> bool:
        """Write what is new. False: the ring has not got it; then everyone falls behind."""
        entries = self.feed.take(self.position)
        if entries is None:
            return False
        start = 0
        for place, entry in enumerate(entries, 1):
            if isinstance(entry.event, TURNS):
                told = frozenset(self.live())  # a socket that pauses while it is written to is live no more, but told
                self._give(entries[start:place], ())
                self._on_turn(self, entry.event, told)
                start = place
        passing, self._passing = self._passing, []
        self._give(entries[start:] if start else entries, passing)
        self.feed.trim()
        return True

    def _give(self, entries: Sequence[Entry], passing: Sequence[Passing]) -> None:
        if not entries and not passing:
            return
        if entries:
            self.position = entries[-1].seq  # first: a socket that pauses while it is written to has got this
        reached = self._find_reached(entries)
        self._write(entries, passing)
        for connection, seq in reached:
            self._reached(connection, self.room_id, seq)
        if entries and self.witness is not None:
            self.witness(self.room_id, [entry.event for entry in entries])

    def _write(self, entries: Sequence[Entry], passing: Sequence[Passing]) -> None:
        odd = self._odd_ones(entries, passing)
        plan = []
        for group in self.groups.values():
            dialect = group.dialect
            frames = [entry.frame(dialect) for entry in entries]
            frames += [one.frame(dialect) for one in passing]
            plan.append((*group.copies(), b"".join(frames)))
        for order, writes, data in plan:
            self._counters.deliveries += len(writes) * len(entries)
            self._counters.announced += len(writes) * len(passing)
            if odd:
                for subscription, write in zip(order, writes, strict=True):
                    if own := odd.get(subscription, data):
                        write(own)
            elif data:
                for write in writes:
                    write(data)

    def _find_reached(self, entries: Sequence[Entry]) -> list[tuple[Connection, Seq]]:
        """One live connection of each for whom there is a message, and which of them is the last."""
        last: dict[UserId, Seq] = {}
        for entry in entries:
            event = entry.event
            if type(event) is MessageSent and event.recipient_id is not None:
                last[event.recipient_id] = entry.seq
        found = []
        for user_id, seq in last.items():
            mine = self._subscriptions_of(self, user_id)
            live = next((one.connection for one in mine if one.standing is Standing.LIVE), None)
            if live is not None:
                found.append((live, seq))
        return found

    def _odd_ones(self, entries: Sequence[Entry], passing: Sequence[Passing]) -> dict[Subscription, bytes]:
        """Those who get something else than the others of their dialect, and what."""
        odd: set[Subscription] = set()
        for author in {entry.author for entry in entries if entry.author is not None}:
            odd.update(self._subscriptions_of(self, author))
        for one in passing:
            odd.update(one.skip)
        return {who: self._own(who, entries, passing) for who in odd if who.standing is Standing.LIVE}

    @staticmethod
    def _own(who: Subscription, entries: Sequence[Entry], passing: Sequence[Passing]) -> bytes:
        dialect, user_id = who.connection.dialect, who.connection.user_id
        frames = [entry.frame_for(user_id, dialect) for entry in entries]
        frames += [one.frame(dialect) for one in passing if who not in one.skip]
        return b"".join(frames)
