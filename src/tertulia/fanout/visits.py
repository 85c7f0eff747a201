"""Visits: being in a room without a socket, by REST alone, for as long as one is heard of."""

from collections.abc import Iterable
from time import monotonic

from tertulia.domain.events import DurableEvent, MemberRemoved, RoomDeleted
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor
from tertulia.fanout.occupancy import Occupancy

MOST = 64
"""Visits that one user makes at once: another ends the one that was not heard of for longest."""


class Visits:
    """Those that began on this node. To the occupancy each is one more socket."""

    def __init__(self, occupancy: Occupancy, timeout: float) -> None:
        """*timeout*: seconds after which who is not heard of has left."""
        self._occupancy, self._timeout = occupancy, timeout
        self._until: dict[RoomId, dict[UserId, float]] = {}

    def __contains__(self, room_id: RoomId) -> bool:
        return room_id in self._until

    def enter(self, room_id: RoomId, actor: Actor, x: float | None, y: float | None) -> RoomId | None:
        """The room whose visit it has ended, if it has."""
        visitors = self._until.setdefault(room_id, {})
        is_new = actor.user_id not in visitors
        visitors[actor.user_id] = monotonic() + self._timeout
        if not is_new:
            return None
        self._occupancy.arrive(room_id, actor.user_id, actor.username, x, y)
        return self._end_oldest(actor.user_id)

    def _end_oldest(self, user_id: UserId) -> RoomId | None:
        made = [(visitors[user_id], room_id) for room_id, visitors in self._until.items() if user_id in visitors]
        if len(made) <= MOST:
            return None
        _, oldest = min(made)
        self.leave(oldest, user_id)
        return oldest

    def heard_of(self, room_id: RoomId, user_id: UserId) -> None:
        visitors = self._until.get(room_id)
        if visitors is not None and user_id in visitors:
            visitors[user_id] = monotonic() + self._timeout

    def leave(self, room_id: RoomId, user_id: UserId, reason: str = "left") -> bool:
        """Returns whether there was such a visit."""
        visitors = self._until.get(room_id, {})
        if visitors.pop(user_id, None) is None:
            return False
        if not visitors:
            del self._until[room_id]
        self._occupancy.depart(room_id, user_id, reason)
        return True

    def apply(self, room_id: RoomId, events: Iterable[DurableEvent]) -> None:
        """Who is no member any more visits no more."""
        for event in events if room_id in self._until else ():
            if isinstance(event, MemberRemoved):
                self.leave(room_id, event.user_id, "removed")
            elif isinstance(event, RoomDeleted):
                self._until.pop(room_id, None)

    def expire(self, now: float) -> list[tuple[RoomId, UserId]]:
        """End those that were not heard of for too long; gives who is in the room no longer by that."""
        late = [
            (room_id, user_id)
            for room_id, visitors in self._until.items()
            for user_id, until in visitors.items()
            if until <= now
        ]
        for room_id, user_id in late:
            self.leave(room_id, user_id, "disconnected")
        return [(room_id, user_id) for room_id, user_id in late if self._occupancy.find(room_id, user_id) is None]
