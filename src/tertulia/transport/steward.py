"""The steward: does for the spaces what must be stored, and gives back what nobody holds any more.

A space decides at once and in memory; who is let into an area, who sits and who hears a talk is stored. The steward
carries the questions there and the answers back. Every few seconds it also looks at what is held by people's being
there, seats and parts in talks: whoever has been gone for the length of a lease, from every node, holds it no longer.
So a killed node leaves nothing taken for longer than that.
"""

import asyncio
import logging
from collections.abc import Collection, Coroutine
from math import inf
from time import monotonic
from typing import Any

from tertulia.domain import commands as c
from tertulia.domain.errors import NotFound, TertuliaError
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Stay
from tertulia.fanout import Hub
from tertulia.services.executor import Executor, fault_of_ours

LOOK_EVERY = 5.0
"""Seconds between two looks at the leases, and between two writings of where people stand."""

log = logging.getLogger("tertulia.steward")


class Steward:
    """A `fanout.asks.Asks`. *lease*: seconds that something is held by somebody who is gone; *kept*: seconds that a
    place is."""

    def __init__(self, executor: Executor, hub: Hub, *, lease: float = 30.0, kept: float = 600.0) -> None:
        self._executor, self._hub, self._lease, self._kept = executor, hub, lease, kept
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._gone_since: dict[tuple[RoomId, UserId], float] = {}
        self._kept_at = monotonic()
        self._gatherings: dict[RoomId, list[UserId]] = {}
        self._left: dict[tuple[RoomId, UserId], None] = {}
        """Whose places are still to be forgotten."""

    def start(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._look_on())

    async def stop(self) -> None:
        """After having written down where people stand."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._keep_places(everybody=True)

    # ---- what spaces ask

    async def open_floor(self, room_id: RoomId) -> c.OpenedFloor | None:
        return await self._executor.execute(c.OpenFloor(room_id=room_id, kept=self._kept), None)

    def enter_area(self, room_id: RoomId, user_id: UserId, wait: float) -> None:
        self._run(self._enter_area(room_id, user_id, wait))

    def leave_area(self, room_id: RoomId, area_id: int | None, user_id: UserId) -> None:
        self._do(c.LeaveArea(room_id=room_id, area_id=area_id, user_id=user_id))

    def free_seat(self, room_id: RoomId, user_id: UserId) -> None:
        self._do(c.FreeSeat(room_id=room_id, user_id=user_id))

    def gather(self, talk_id: RoomId, user_ids: Collection[UserId]) -> None:
        """One gathering of a talk after the other, each with those who are there by then."""
        is_busy = talk_id in self._gatherings
        self._gatherings[talk_id] = sorted(user_ids)
        if not is_busy:
            self._run(self._gather(talk_id))

    async def _enter_area(self, room_id: RoomId, user_id: UserId, wait: float) -> None:
        if wait:
            await asyncio.sleep(wait)
        area_id = self._hub.spaces.wants(room_id, user_id)
        if area_id is None:
            return
        try:
            stay = await self._executor.execute(c.EnterArea(room_id=room_id, area_id=area_id, user_id=user_id), None)
        except TertuliaError as refusal:
            self._hub.spaces.refused(room_id, user_id, area_id, refusal)
        else:
            self._hub.spaces.admitted(room_id, user_id, area_id, stay.talk_id)

    async def _gather(self, talk_id: RoomId) -> None:
        while True:
            user_ids = self._gatherings[talk_id]
            try:
                await self._executor.execute(c.Gather(talk_id=talk_id, user_ids=user_ids), None)
            except TertuliaError as error:  # found again by the next look
                log.debug("a talk's members could not be written down: %s", error)
            if self._gatherings[talk_id] is user_ids:
                del self._gatherings[talk_id]
                return

    def _do(self, command: c.Command[Any]) -> None:
        self._run(self._executed(command))

    async def _executed(self, command: c.Command[Any]) -> None:
        await self._executor.execute(command, None)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        """What fails is found again by the next look."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None and not isinstance(fault, TertuliaError):
            fault_of_ours(fault if isinstance(fault, Exception) else RuntimeError(repr(fault)), "the steward")

    # ---- leases

    async def _look_on(self) -> None:
        every = min(LOOK_EVERY, max(0.1, self._lease / 4))
        while True:
            await asyncio.sleep(every)
            try:
                await self._keep_places()
                await self.look()
            except TertuliaError as error:
                log.debug("looking at the leases: %s", error)
            except Exception as fault:  # noqa: BLE001 (the next look may do better)
                fault_of_ours(fault, "looking at the leases")

    async def _keep_places(self, *, everybody: bool = False) -> None:
        """Of those who moved, and not those of who left; now and then of all, lest the place of somebody who just stands
        there be too old."""
        everybody |= monotonic() - self._kept_at > self._kept / 4
        if everybody:
            self._kept_at = monotonic()
        places = self._hub.spaces.take_unsaved(everybody=everybody)
        self._left.update(dict.fromkeys(self._hub.spaces.take_unkept()))
        for place in places:
            self._left.pop((place.room_id, place.user_id), None)
        if not (places or self._left):
            return
        left = list(self._left)
        try:
            await self._executor.execute(c.KeepPlaces(places=places, left=left), None)
        except TertuliaError as error:
            self._kept_at = -inf
            log.debug("places could not be written down: %s", error)
        else:
            for one in left:
                self._left.pop(one, None)

    async def look(self) -> None:
        """End what is held by people who are gone for too long, or who are somewhere else by now. While the other nodes
        cannot be heard nobody knows who is gone."""
        if not self._hub.backplane.is_up:
            self._gone_since.clear()
            return
        leases = await self._executor.execute(c.ListLeases(), None)
        held = {(one.room_id, one.user_id) for one in leases.seats}
        held |= {(one.parent_id, one.user_id) for one in leases.stays}
        over = self._who_is_gone(held)
        for seat in leases.seats:
            if (seat.room_id, seat.user_id) in over or self._hub.spaces.holdings.has_risen(seat):
                await self._try(c.FreeSeat(room_id=seat.room_id, user_id=seat.user_id))
        for room_id, user_id in {
            (one.parent_id, one.user_id) for one in leases.stays if one.area_id is not None
        } & over:
            await self._try(c.LeaveArea(room_id=room_id, area_id=None, user_id=user_id))
        await self._look_at_areas([one for one in leases.stays if one.area_id is not None], over)
        await self._look_at_bubbles([one for one in leases.stays if one.area_id is None], over)
        self._hub.spaces.holdings.ask_again(leases.stays)
        for notice in self._hub.spaces.holdings.compare(leases.stays):
            self._hub.heed(notice)

    def _who_is_gone(self, held: Collection[tuple[RoomId, UserId]]) -> set[tuple[RoomId, UserId]]:
        now, occupancy = monotonic(), self._hub
        gone = {key for key in held if occupancy.find_occupant(*key) is None}
        self._gone_since = {key: self._gone_since.get(key, now) for key in gone}
        return {key for key, since in self._gone_since.items() if now - since >= self._lease}

    async def _look_at_areas(self, stays: Collection[Stay], over: Collection[tuple[RoomId, UserId]]) -> None:
        """Who walked out of an area while the store could not be told."""
        for stay in stays:
            if (stay.parent_id, stay.user_id) not in over and self._hub.spaces.holdings.has_left(stay):
                await self._try(c.LeaveArea(room_id=stay.parent_id, area_id=stay.area_id, user_id=stay.user_id))

    async def _look_at_bubbles(self, stays: Collection[Stay], over: Collection[tuple[RoomId, UserId]]) -> None:
        talks: dict[RoomId, list[Stay]] = {}
        for stay in stays:
            talks.setdefault(stay.talk_id, []).append(stay)
        for talk_id, there in talks.items():
            left = [one.user_id for one in there if (one.parent_id, one.user_id) not in over]
            left = [
                user_id
                for user_id in left
                if not self._hub.spaces.holdings.has_gone(there[0].parent_id, talk_id, user_id)
            ]
            if len(left) < len(there):
                await self._try(c.Gather(talk_id=talk_id, user_ids=left))

    async def _try(self, command: c.Command[Any]) -> None:
        try:
            await self._executor.execute(command, None)
        except NotFound as gone:
            log.debug("nothing to give back: %s", gone)
