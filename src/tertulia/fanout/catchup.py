"""Catching up: subscriptions that are behind are brought to their fan's position, from its ring or from the log."""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Protocol

from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import DurableEvent, MembershipBegan, MessageSent
from tertulia.domain.ids import RoomId, Seq
from tertulia.fanout.connection import Connection, Page, Standing, Subscription
from tertulia.fanout.counters import Counters
from tertulia.fanout.fan import Fan, ends
from tertulia.fanout.feed import Entry

PAGE = 100
"""Events of a page. Pages begin at its multiples, so that those who left off at different places share them."""
PIECE = 64 * 1024
"""Bytes that one connection is given in one turn of the loop, or a little more."""
BURST = 64
"""Connections that are given something in one turn."""
KEPT = 256
KEPT_FOR = 2.0
"""Pages kept for who comes a little later, and seconds that they are."""

log = logging.getLogger("tertulia.fanout")

LogPart = tuple[list[DurableEvent], Seq]
Place = tuple[RoomId, Seq]
"""Where a page begins."""


class LogReader(Protocol):
    """What the fan-out asks of the store."""

    async def heads(self, room_ids: Sequence[RoomId]) -> dict[RoomId, Seq]: ...
    async def read_log(self, wanted: Sequence[tuple[RoomId, Seq]], limit: int) -> dict[RoomId, LogPart]:
        """At most *limit* events after each position, and the head of each log, read before them."""

    async def joined_since(self, moment: datetime) -> Sequence[MembershipBegan]:
        """The memberships of now that began after *moment*."""


class CatchUp:
    """Nothing is queued: a subscription has a position, and gets a piece when its socket takes it.

    At most one read of the log is under way; what was wanted meanwhile, by however many, is the next one.
    """

    def __init__(
        self,
        reader: LogReader,
        fans: Mapping[RoomId, Fan],
        counters: Counters,
        *,
        flush: Callable[[Fan], None],
        end: Callable[[Subscription, DurableEvent], None],
        give_up: Callable[[Subscription], None],
        reached: Callable[[Connection, RoomId, Seq], None],
    ) -> None:
        """*end*: it was given the last event it may hear. *give_up*: the log has not got what it needs. *reached*: it
        was given a message to its own user."""
        self._reader, self._fans, self._counters = reader, fans, counters
        self._flush, self._end, self._give_up, self._reached = flush, end, give_up, reached
        self._ready: OrderedDict[Subscription, None] = OrderedDict()
        self._is_scheduled = False
        self._wanted: dict[Place, list[Subscription]] = {}
        self._pages: OrderedDict[Place, tuple[float, Page]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def ready(self, subscription: Subscription) -> None:
        """From its position on, beginning with the next turn of the loop; unless its socket does not read."""
        if subscription.connection.paused_since is not None:
            self.hold(subscription)
            return
        subscription.standing = Standing.READY
        self._ready[subscription] = None
        self._schedule()

    @staticmethod
    def hold(subscription: Subscription) -> None:
        subscription.standing = Standing.HELD
        subscription.page = None  # it may hold what is deleted meanwhile

    def forget_old_pages(self) -> None:
        now = monotonic()
        while self._pages and next(iter(self._pages.values()))[0] < now:
            self._pages.popitem(last=False)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ---- a piece for each

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._is_scheduled = False
        for _ in range(min(BURST, len(self._ready))):
            subscription, _none = self._ready.popitem(last=False)
            if subscription.standing is Standing.READY:
                self._step(subscription)
        if self._ready:
            self._schedule()

    def _step(self, subscription: Subscription) -> None:
        fan = self._fans[subscription.room_id]
        feed = fan.feed
        entries = feed.take(subscription.position, PAGE)
        if entries is None:
            entries = self._from_page(subscription, feed.purged)
            if entries is None:
                self._read(subscription)
                return
        if entries:
            self._give(subscription, entries)
            if subscription.standing is not Standing.READY or subscription.position != feed.top:
                if subscription.standing is Standing.READY:
                    self.ready(subscription)
                return
        if feed.is_started and subscription.position == feed.top:
            self._join(subscription, fan)
        else:
            subscription.standing = Standing.WAITING
            fan.waiting.add(subscription)

    def _give(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        connection = subscription.connection
        user_id, dialect = connection.user_id, connection.dialect
        frames: list[bytes] = []
        size = 0
        last: DurableEvent | None = None
        reached: Seq | None = None
        for entry in entries:
            frame = entry.frame_for(user_id, dialect)
            frames.append(frame)
            size += len(frame)
            subscription.position = entry.seq
            if type(entry.event) is MessageSent and entry.event.recipient_id == user_id:
                reached = entry.seq
            if ends(entry.event, user_id):
                last = entry.event
                break
            if size >= PIECE:
                break
        self._counters.deliveries += len(frames)
        if size:
            connection.write(b"".join(frames))
        if reached is not None:
            self._reached(connection, subscription.room_id, reached)
        if last is not None:
            self._end(subscription, last)

    def _join(self, subscription: Subscription, fan: Fan) -> None:
        self._flush(fan)
        if subscription.standing is not Standing.READY or subscription.position != fan.position:
            return
        subscription.page = None
        fan.join_live(subscription)
        self._counters.catch_ups += 1
        if subscription.announces:
            subscription.announces = False
            frame = subscription.connection.dialect.caught_up(subscription.room_id, subscription.position)
            if frame is not None:
                subscription.connection.write(frame)

    # ---- pages

    def _from_page(self, subscription: Subscription, purged: int) -> list[Entry] | None:
        position = subscription.position
        if subscription.page is not None and (entries := subscription.page.after(position)):
            return entries
        kept = self._pages.get(_place(subscription))
        if kept is None or kept[1].purged != purged or kept[0] < monotonic():
            return None
        subscription.page = kept[1]
        return kept[1].after(position) or None

    def _read(self, subscription: Subscription) -> None:
        subscription.standing, subscription.page = Standing.READING, None
        self._wanted.setdefault(_place(subscription), []).append(subscription)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._read_pages())

    async def _read_pages(self) -> None:
        failures = 0
        try:
            while self._wanted:
                askers = self._first_of_each_room()
                purged = {place: self._fans[place[0]].feed.purged for place in askers}
                try:
                    found = await self._reader.read_log(list(askers), PAGE)
                except Exception as error:  # noqa: BLE001  whatever it is, they are still behind
                    self._failed(error)
                    for place, subscriptions in askers.items():
                        self._wanted.setdefault(place, []).extend(subscriptions)
                    failures += 1
                    await asyncio.sleep(random.uniform(0.5, 1.5) * min(2.0, 0.1 * 2.0 ** min(failures, 8)))
                    continue
                failures = 0
                for place, subscriptions in askers.items():
                    rows = found[place[0]][0] if place[0] in found else []
                    page = Page([Entry(event) for event in rows], purged[place])
                    self._hand_out(place, page, subscriptions)
        finally:
            self._task = None

    def _first_of_each_room(self) -> dict[Place, list[Subscription]]:
        """Who is asked for in the next read. They are no longer wanted: whoever comes from now on may need more."""
        rooms: dict[RoomId, Place] = {}
        for place in self._wanted:
            rooms.setdefault(place[0], place)
        askers = {place: self._wanted.pop(place) for place in rooms.values()}
        return {place: askers[place] for place in askers if place[0] in self._fans}

    def _failed(self, error: Exception) -> None:
        self._counters.failed_reads += 1
        if not isinstance(error, TertuliaError):
            log.error("reading the log failed", exc_info=error)

    def _hand_out(self, place: Place, page: Page, subscriptions: list[Subscription]) -> None:
        self._counters.log_pages += 1
        self._pages.pop(place, None)
        self._pages[place] = monotonic() + KEPT_FOR, page
        if len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        for subscription in subscriptions:
            if _is_reading(subscription, place) and not self._use(subscription, page):
                self._give_up(subscription)
        fan = self._fans.get(place[0])
        is_clean = fan is not None and fan.feed.purged == page.purged
        for subscription in self._wanted.pop(place, ()):  # came while it was read: perhaps after something newer
            if _is_reading(subscription, place) and not (is_clean and self._use(subscription, page)):
                self._wanted.setdefault(place, []).append(subscription)

    def _use(self, subscription: Subscription, page: Page) -> bool:
        """False: neither *page* nor the ring has what comes next."""
        position = subscription.position
        if not page.after(position) and self._fans[subscription.room_id].feed.take(position) is None:
            return False
        subscription.page = page
        self.ready(subscription)
        return True


def _is_reading(subscription: Subscription, place: Place) -> bool:
    return subscription.standing is Standing.READING and _place(subscription) == place


def _place(subscription: Subscription) -> Place:
    return subscription.room_id, Seq(subscription.position // PAGE * PAGE)
