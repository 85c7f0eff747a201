"""The watch: looks at the heads of the logs, lest something be missed, and mends the feeds' holes."""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from time import monotonic

from tertulia.domain.errors import TertuliaError
from tertulia.domain.ids import RoomId, Seq
from tertulia.fanout.catchup import LogReader
from tertulia.fanout.counters import Counters
from tertulia.fanout.fan import Fan

AFTER_A_FAILURE = 0.2
"""Seconds until what could not be looked at is looked at again."""

log = logging.getLogger("tertulia.fanout")


class Watch:
    """One question for the heads of all rooms: every *look_every* seconds, every *look_every_deaf* while the other
    nodes can not be heard, and at once for rooms that it is asked for. *moved*: told of fans with something new."""

    def __init__(
        self,
        reader: LogReader,
        fans: Mapping[RoomId, Fan],
        counters: Counters,
        *,
        hears: Callable[[], bool],
        moved: Callable[[Fan], None],
        look_every: float,
        look_every_deaf: float,
    ) -> None:
        self._reader, self._fans, self._counters = reader, fans, counters
        self._hears, self._moved = hears, moved
        self._every, self._every_deaf = look_every, look_every_deaf
        self._rooms: set[RoomId] = set()
        self._asked = asyncio.Event()
        self._holes: set[Fan] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._run(self._look_on())

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look(self, room_ids: Collection[RoomId] | None) -> None:
        """At the heads of these rooms, or of all, now."""
        self._rooms.update(self._fans if room_ids is None else room_ids)
        self._asked.set()

    def fed(self, fan: Fan, moved: bool) -> None:
        """*fan*'s feed was given something: do what that asks for."""
        if moved:
            self._moved(fan)
        if fan.feed.due is not None:
            self._holes.add(fan)
            self._arm(fan.feed.due)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- heads

    async def _look_on(self) -> None:
        next_at = 0.0
        while True:
            next_at = min(next_at, monotonic() + self._interval())
            if monotonic() >= next_at:
                self._rooms.update(self._fans)
                next_at = monotonic() + self._interval() * random.uniform(0.8, 1.2)
            self._asked.clear()  # before looking: else what is asked meanwhile would be forgotten
            rooms, self._rooms = self._rooms, set()
            if not await self._look_at([room_id for room_id in rooms if room_id in self._fans]):
                self._rooms |= rooms
                await asyncio.sleep(AFTER_A_FAILURE)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_at - monotonic())):
                    await self._asked.wait()

    def _interval(self) -> float:
        return self._every if self._hears() else self._every_deaf

    async def _look_at(self, room_ids: list[RoomId]) -> bool:
        try:
            heads = await self._reader.heads(room_ids) if room_ids else {}
        except Exception as error:  # noqa: BLE001  whatever it is, the next look must come
            self._failed(error)
            return False
        now = monotonic()
        for room_id, head in heads.items():
            fan = self._fans.get(room_id)
            if fan is not None:
                self.fed(fan, fan.feed.on_head(head, now) if fan.feed.is_started else self._start(fan, head, now))
        return True

    @staticmethod
    def _start(fan: Fan, head: Seq, now: float) -> bool:
        fan.start(head, now)
        return True  # those who have waited for it are to be looked at

    # ---- holes

    def _arm(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        delay = max(0.001, due - monotonic())
        if self._timer is None or self._timer.when() > loop.time() + delay:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_later(delay, self._mend)

    def _mend(self) -> None:
        self._timer = None
        now = monotonic()
        wanted: dict[Fan, tuple[Seq, int]] = {}
        for fan in list(self._holes):
            asked = fan.feed.poll(now)
            if asked is not None:
                wanted[fan] = asked
            if fan.feed.due is None:
                self._holes.discard(fan)
        if wanted:
            self._run(self._read(wanted))
        if self._holes:
            self._arm(min(fan.feed.due or now for fan in self._holes))

    async def _read(self, wanted: dict[Fan, tuple[Seq, int]]) -> None:
        places = [(fan.room_id, after) for fan, (after, _) in wanted.items()]
        limit = max(limit for _, limit in wanted.values())
        try:
            found = await self._reader.read_log(places, limit)
        except Exception as error:  # noqa: BLE001  whatever it is, the holes are still there
            self._failed(error)
            for fan in wanted:
                fan.feed.on_failed(monotonic())
                self.fed(fan, False)
            return
        now = monotonic()
        for fan, (after, _) in wanted.items():
            if self._fans.get(fan.room_id) is fan:
                rows, head = found.get(fan.room_id, ([], Seq(0)))
                self.fed(fan, fan.feed.on_rows(after, rows, head, now))

    def _failed(self, error: Exception) -> None:
        self._counters.failed_reads += 1
        if not isinstance(error, TertuliaError):
            log.error("reading the log failed", exc_info=error)
