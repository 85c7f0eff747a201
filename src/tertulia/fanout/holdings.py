"""Holdings: what the store says that people hold by being there, compared with where they are."""

from collections.abc import Collection, Mapping
from time import monotonic

from tertulia.domain.events import StayBegan
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Seat, Stay
from tertulia.fanout.occupancy import Occupancy
from tertulia.fanout.space import LiveSpace

SETTLED = 2.0
"""Seconds in which the store may not know yet what somebody's step has led to."""


class Holdings:
    """Of all *spaces* of this node. *settled*: seconds in which nothing is concluded from where somebody has just gone."""

    def __init__(self, spaces: Mapping[RoomId, LiveSpace], occupancy: Occupancy, settled: float) -> None:
        self._spaces, self._occupancy, self._settled = spaces, occupancy, settled

    def compare(self, stays: Collection[Stay]) -> list[StayBegan]:
        """*stays*: all that are open, as the store knew them a moment ago. Gives those that this node was not told of."""
        is_open: dict[RoomId, set[tuple[RoomId, UserId]]] = {}
        for stay in stays:
            is_open.setdefault(stay.parent_id, set()).add((stay.talk_id, stay.user_id))
        return [
            StayBegan(user_id=user_id, room_id=talk_id, parent_id=space.room_id)
            for space in self._spaces.values()
            for talk_id, user_id in space.stays.compare(is_open.get(space.room_id, set()))
        ]

    def has_risen(self, seat: Seat) -> bool:
        """Somebody of this node, who is in the room and has got up, of which the store could not be told."""
        space = self._spaces.get(seat.room_id)
        body = None if space is None else space.bodies.get(seat.user_id)
        if body is None or not body.is_here or not self._occupancy.is_own(seat.room_id, seat.user_id):
            return False
        return body.seat is None and body.risen_from == seat.object_id and monotonic() - body.seen_at > self._settled

    def has_left(self, stay: Stay) -> bool:
        """Somebody of this node, who is in the room, and neither in the area of that stay nor about to be."""
        space = self._spaces.get(stay.parent_id)
        body = None if space is None else space.bodies.get(stay.user_id)
        if body is None or not body.is_here or not self._occupancy.is_own(stay.parent_id, stay.user_id):
            return False
        is_settled = monotonic() - body.area_since > self._settled
        return stay.area_id not in {body.area_id, body.asks_for} and is_settled

    def ask_again(self, stays: Collection[Stay]) -> None:
        """For those of this node who stand in an area that the store does not know them in: another node took them for
        gone, perhaps. *stays*: all that are open."""
        known = {(one.parent_id, one.area_id, one.user_id) for one in stays}
        for space in self._spaces.values():
            for body in space.bodies.values():
                gate = space.floor.gate_at(body.x, body.y)
                area_id = body.area_id if gate is None else gate.id
                if (
                    area_id is not None
                    and (area_id != body.area_id or (space.room_id, area_id, body.user_id) not in known)
                    and self._occupancy.is_own(space.room_id, body.user_id)
                    and monotonic() - body.area_since > self._settled
                ):
                    space.ask_again(body, area_id)

    def has_gone(self, room_id: RoomId, talk_id: RoomId, user_id: UserId) -> bool:
        """Somebody who is in the room, and not in the bubble of that talk; a room's keeper alone knows."""
        space = self._spaces.get(room_id)
        body = None if space is None else space.bodies.get(user_id)
        if space is None or body is None or not body.is_here or not self._occupancy.is_keeper(room_id):
            return False
        bubble = space.bubbles.find(user_id)
        return bubble is None or (bubble.talk_id is not None and bubble.talk_id != talk_id)
