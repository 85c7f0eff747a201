"""Following: connections that hear all rooms of their users, those too that they become members of later.

That a membership began is said to all nodes. Should a node not hear it, it finds it by looking at what began since its
last look; either way the room is heard from the place in its log where the membership began, so nothing is missed.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from tertulia.domain.clock import Clock
from tertulia.domain.commands import RoomHead
from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import MembershipBegan
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.fanout.catchup import LogReader
from tertulia.fanout.connection import Connection

AT_ONCE = 64
"""Rooms that are begun to be heard in one turn of the loop."""
LOOK_BACK = timedelta(seconds=6)
"""Farther than the last look: another node's clock, and its commit, may be a little behind."""

MOST_ENDED = 1000
"""Rooms of which a connection remembers where hearing them ended; what is said to begin before that is older news than
any node has."""

log = logging.getLogger("tertulia.fanout")


class Follower:
    """A connection that follows. *waiting*: rooms that it is still to hear, and from where on; none is begun before
    *is_open*, when it has been told which rooms there are. *began*: where memberships of rooms that it hears began
    anew; *ended*: where those of rooms that it heard ended."""

    __slots__ = ("began", "ended", "is_open", "waiting")

    def __init__(self) -> None:
        self.is_open = False
        self.waiting: dict[RoomId, Seq] = {}
        self.began: dict[RoomId, Seq] = {}
        self.ended: dict[RoomId, Seq] = {}


class Following:
    """*hear*: a connection hears a room from now on, beginning after a place in its log."""

    def __init__(
        self,
        reader: LogReader,
        *,
        connections_of: Callable[[UserId], Collection[Connection]],
        hear: Callable[[Connection, RoomId, Seq], None],
        clock: Clock,
        look_every: float,
    ) -> None:
        """*look_every*: seconds."""
        self._reader, self._connections_of, self._hear = reader, connections_of, hear
        self._clock, self._look_every = clock, look_every
        self._followers: dict[Connection, Follower] = {}
        self._due: dict[Connection, None] = {}
        self._is_scheduled = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._look_on())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ---- who follows

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._followers

    def follow(self, connection: Connection) -> None:
        """From now on no membership of its user begins unnoticed; what rooms there are is to be found out, and `open`
        is to be called with them. Harmless when it follows already."""
        self._followers.setdefault(connection, Follower())

    def open(self, connection: Connection, heads: Collection[RoomHead]) -> None:
        """Hear these rooms from their heads on, and those that one has become a member of meanwhile."""
        follower = self._followers.get(connection)
        if follower is None:
            return
        follower.is_open = True
        for head in heads:
            if head.room_id not in connection.rooms:
                self._wait(follower, head.room_id, head.seq)
        self._begin(connection, AT_ONCE)
        self._schedule(connection)

    def forget(self, connection: Connection) -> None:
        self._followers.pop(connection, None)
        self._due.pop(connection, None)

    def is_about_to_hear(self, connection: Connection, room_id: RoomId) -> bool:
        follower = self._followers.get(connection)
        return follower is not None and room_id in follower.waiting

    # ---- what happens

    def heed(self, notice: MembershipBegan) -> None:
        """Harmless when it is known already."""
        room_id = notice.room_id
        for connection in self._connections_of(notice.user_id):
            follower = self._followers.get(connection)
            if follower is None or notice.seq <= follower.ended.get(room_id, 0):
                continue
            if room_id in connection.rooms:
                follower.began[room_id] = max(notice.seq, follower.began.get(room_id, notice.seq))
            elif room_id in follower.waiting or not follower.is_open:
                self._wait(follower, room_id, Seq(notice.seq - 1))
            else:
                self._hear(connection, room_id, Seq(notice.seq - 1))

    def ended(self, connection: Connection, room_id: RoomId, seq: Seq) -> None:
        """The log has ended what it heard of the room, at *seq*; perhaps it goes on after that."""
        follower = self._followers.get(connection)
        if follower is None:
            return
        follower.ended.pop(room_id, None)
        follower.ended[room_id] = seq  # the last of them now
        if len(follower.ended) > MOST_ENDED:
            del follower.ended[next(iter(follower.ended))]
        began = max(follower.began.pop(room_id, 0), follower.waiting.pop(room_id, -1) + 1)
        if began > seq:
            self._wait(follower, room_id, Seq(began - 1))
            self._schedule(connection)  # not now: its fan is in the middle of something

    # ---- inside

    @staticmethod
    def _wait(follower: Follower, room_id: RoomId, position: Seq) -> None:
        follower.waiting[room_id] = max(position, follower.waiting.get(room_id, position))

    def _schedule(self, connection: Connection) -> None:
        follower = self._followers.get(connection)
        if follower is None or not follower.is_open or not follower.waiting:
            return
        self._due[connection] = None
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._is_scheduled = False
        left = AT_ONCE
        due, self._due = self._due, {}
        for connection in due:
            if left:
                left -= self._begin(connection, left)
            self._schedule(connection)

    def _begin(self, connection: Connection, most: int) -> int:
        """Returns how many rooms it hears that it did not hear before."""
        count = 0
        while count < most:
            follower = self._followers.get(connection)  # anew: it may be gone by what was written to it
            if follower is None or not follower.waiting:
                break
            room_id = next(iter(follower.waiting))
            position = follower.waiting.pop(room_id)
            if room_id not in connection.rooms:
                self._hear(connection, room_id, position)
                count += 1
        return count

    # ---- what was not heard of

    async def _look_on(self) -> None:
        looked_at = self._clock()
        while True:
            await asyncio.sleep(self._look_every * random.uniform(0.8, 1.2))
            now = self._clock()
            if not self._followers or await self._look(looked_at - LOOK_BACK):
                looked_at = now

    async def _look(self, moment: datetime) -> bool:
        try:
            found = await self._reader.joined_since(moment)
        except TertuliaError:
            return False
        except Exception:
            log.exception("looking for memberships failed")
            return False
        for notice in found:
            self.heed(notice)
        return True
