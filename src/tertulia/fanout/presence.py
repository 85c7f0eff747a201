"""Presence: that somebody came or went is told when it has lasted a moment. A page that is loaded anew is neither.

Each node sees all comings and goings, on whichever node (see `Occupancy`), and tells its own sockets by itself: none has
to be told by another, and a node that dies takes no departure with it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from math import inf
from time import monotonic
from typing import Protocol

from msgspec import Struct

from tertulia.domain.clock import Clock
from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import PresenceUpdated
from tertulia.domain.ids import UserId
from tertulia.domain.roles import Status
from tertulia.fanout.connection import Connection
from tertulia.store.presence import Seen, Wishes

AT_ONCE = 200
"""Users that are looked up in one read."""
STEP = 0.25
"""Seconds that a look waits for more to become due, at the most: all of them are looked up together."""
AFTER_A_FAILURE = 1.0

log = logging.getLogger("tertulia.fanout")


class PeopleReader(Protocol):
    """What the fan-out asks the store of users."""

    async def seen(self, user_ids: Collection[UserId]) -> Mapping[UserId, Seen]: ...
    async def wishes(self, user_ids: Collection[UserId]) -> Mapping[UserId, Wishes]: ...
    async def note_last_seen(self, moments: Mapping[UserId, datetime]) -> None: ...


class Gone(Struct, frozen=True):
    """Somebody who went, *at* that moment. *is_ours*: whether it is this node that notes it."""

    due: float
    at: datetime
    is_ours: bool


class Hold:
    """What is held back, sans I/O. *now*: seconds, of any clock that does not go back.

    Who comes back while their going is held has not been away. Who goes while their coming is held is told to be gone
    all the same: whoever asked meanwhile has seen them.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # Both in the order in which they are due. Who is in both came and went.
        self._coming: dict[UserId, float] = {}
        self._going: dict[UserId, Gone] = {}
        self._told: set[UserId] = set()

    @property
    def going(self) -> Mapping[UserId, Gone]:
        return self._going

    def come(self, user_id: UserId, now: float) -> None:
        if self._going.pop(user_id, None) is None:
            self._coming[user_id] = now + self._seconds

    def go(self, user_id: UserId, now: float, at: datetime, *, is_ours: bool) -> None:
        self._going[user_id] = Gone(now + self._seconds, at, is_ours)

    def tell(self, user_id: UserId) -> None:
        """Everybody was told just now how this user is seen."""
        self._coming.pop(user_id, None)
        if user_id in self._going:
            self._told.add(user_id)

    def next_due(self) -> float | None:
        coming = next((due for user_id, due in self._coming.items() if user_id not in self._going), None)
        going = next((gone.due for gone in self._going.values()), None)
        return min((due for due in (coming, going) if due is not None), default=None)

    def due(self, now: float) -> list[UserId]:
        """Those to be looked up, and settled then; at most `AT_ONCE`."""
        self._told.clear()
        found: list[UserId] = []
        for user_id, gone in self._going.items():
            if gone.due > now or len(found) == AT_ONCE:
                break
            found.append(user_id)
        for user_id, due in self._coming.items():
            if due > now or len(found) == AT_ONCE:
                break
            if user_id not in self._going:
                found.append(user_id)
        return found

    def settle(self, user_id: UserId, now: float) -> Gone | bool:
        """How they went, or that they came (True). False: they did otherwise since they were found due, or what was
        looked up of them is old."""
        gone = self._going.get(user_id)
        due = self._coming.get(user_id, inf) if gone is None else gone.due
        if user_id in self._told or due > now:
            return False
        self._going.pop(user_id, None)
        self._coming.pop(user_id, None)
        return True if gone is None else gone


class Presence:
    """*tell*: events to this node's sockets. *found*: how a user turned out to want to be seen. Without *people*,
    nothing is told."""

    def __init__(
        self,
        people: PeopleReader | None,
        *,
        hold: float,
        tell: Callable[[Sequence[PresenceUpdated]], None],
        found: Callable[[UserId, Status], None],
        clock: Clock,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """*hold*: seconds."""
        self._people, self._hold = people, Hold(hold)
        self._step = min(STEP, hold / 2)
        self._tell, self._found, self._clock, self._now = tell, found, clock, now
        self._here: set[UserId] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False

    def lingers(self, user_id: UserId) -> bool:
        """Went a moment ago, and counts as there until others are told."""
        return user_id in self._hold.going

    def come(self, user_id: UserId) -> None:
        """With the first socket on any node."""
        if self._people is not None:
            self._hold.come(user_id, self._now())
            self._wake()

    def come_here(self, user_id: UserId) -> None:
        """With a socket on this node."""
        self._here.add(user_id)

    def go(self, user_id: UserId, *, is_lost: bool) -> None:
        """With the last socket on any node. *is_lost*: its node is, or its word was."""
        if self._people is not None:
            self._hold.go(user_id, self._now(), self._clock(), is_ours=is_lost or user_id in self._here)
            self._wake()

    def told(self, user_id: UserId) -> None:
        self._hold.tell(user_id)

    async def stop(self, connected: Collection[UserId]) -> None:
        """Note all who go with this node."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        now = self._clock()
        moments = {user_id: gone.at for user_id, gone in self._hold.going.items() if gone.is_ours}
        moments |= dict.fromkeys(connected, now)
        if self._people is not None and moments:
            try:
                await self._people.note_last_seen(moments)
            except Exception as error:  # noqa: BLE001  there is nobody to tell, and more to be stopped
                note_failure(error)

    # ---- time

    def _wake(self) -> None:
        due = self._hold.next_due()
        if due is None or self._timer is not None or self._task is not None or self._is_stopped:
            return
        wait = max(due - self._now(), 0.0) + self._step
        self._timer = asyncio.get_running_loop().call_later(wait, self._start)

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._settle_all())

    async def _settle_all(self) -> None:
        try:
            while users := self._hold.due(self._now()):
                try:
                    await self._settle(users)
                except Exception as error:  # noqa: BLE001  whatever it is, they still came and went
                    note_failure(error)
                    await asyncio.sleep(AFTER_A_FAILURE)
        finally:
            self._task = None
            self._wake()

    async def _settle(self, users: list[UserId]) -> None:
        assert self._people is not None
        seen = await self._people.seen(users)
        leaving = {user_id: self._hold.going[user_id] for user_id in users if user_id in self._hold.going}
        moments = {user_id: gone.at for user_id, gone in leaving.items() if gone.is_ours and _is_seen(seen, user_id)}
        if moments:
            await self._people.note_last_seen(moments)
        now = self._now()
        told: list[PresenceUpdated] = []
        for user_id in users:
            outcome = self._hold.settle(user_id, now)
            if isinstance(outcome, Gone):
                self._here.discard(user_id)
                if _is_seen(seen, user_id):
                    told.append(_told(user_id, seen[user_id], Status.OFFLINE, outcome.at))
            elif outcome and user_id in seen:
                one = seen[user_id]
                self._found(user_id, one.status)
                if _is_seen(seen, user_id):
                    told.append(_told(user_id, one, one.status, one.last_seen_at))
        self._tell(told)


def _is_seen(seen: Mapping[UserId, Seen], user_id: UserId) -> bool:
    return user_id in seen and seen[user_id].status.shown is not Status.OFFLINE


def _told(user_id: UserId, seen: Seen, status: Status, last_seen_at: datetime | None) -> PresenceUpdated:
    return PresenceUpdated(
        user_id=user_id,
        username=seen.username,
        status=status,
        text=seen.text,
        last_seen_at=last_seen_at,
        room_ids=seen.room_ids,
    )


def note_failure(error: Exception) -> None:
    if not isinstance(error, TertuliaError):
        log.error("looking users up failed", exc_info=error)


def tell_all(
    events: Sequence[PresenceUpdated], hearers_of: Callable[[PresenceUpdated], Collection[Connection]]
) -> None:
    """To the connections of this node that hear one of the event's rooms, and to the user's own; of a crowd that comes at
    once, to each in one write."""
    frames: dict[Connection, list[bytes]] = {}
    for event in events:
        encoded: dict[str, bytes | None] = {}
        for connection in hearers_of(event):
            dialect = connection.dialect
            if dialect.name not in encoded:
                encoded[dialect.name] = dialect.encode(event, False)
            frame = encoded[dialect.name]
            if frame:
                frames.setdefault(connection, []).append(frame)
    for connection, pieces in frames.items():
        if connection.paused_since is None:
            connection.write(b"".join(pieces))
