"""The body: where one user stands in one space, on whichever of their sockets they walk."""

from math import inf
from time import monotonic

from msgspec import Struct

from tertulia.domain.events import PositionUpdated
from tertulia.domain.ids import ObjectId, RoomId, UserId
from tertulia.domain.models import Direction, Place
from tertulia.fanout.connection import Connection
from tertulia.fanout.floor import Budget


class Wish(Struct, frozen=True):
    """Where somebody wants to go who waits at a door. *at*: since when, by the monotonic clock. *passed*: the doors that
    they were let in by on the way there."""

    x: float
    y: float
    direction: Direction
    by: Connection | None
    at: float
    passed: tuple[int, ...] = ()


class Body:
    """One who is in the room, or was a moment ago (*gone_at*): their place is kept for when they are back.

    *area_id*: the gated area that they have been let into, or into none, at *area_since*. *was_here*: since this space was
    opened, and not only before. *seat*: what they sit on; *risen_from*: what they have got up from, which the log does not
    say yet. *asks_for*: the area that they want to be let into, for *wish*; *is_asking*: the store is asked, or will be in
    a moment; *asked_at*: when it was last; *refused*: when they may ask for an area again. *by*: the connection that moved
    them last. Times are of the monotonic clock.
    """

    __slots__ = (
        "_area_id", "area_since", "asked_at", "asks_for", "budget", "by", "direction", "gone_at", "is_asking", "is_here",
        "moved_at", "refused", "risen_from", "seat", "seen_at", "user_id", "was_here", "wish", "x", "y",
    )  # fmt: skip

    def __init__(self, user_id: UserId, x: float, y: float) -> None:
        self.user_id, self.x, self.y = user_id, x, y
        self.direction: Direction = None
        self._area_id: int | None = None
        self.area_since = -inf
        self.asks_for: int | None = None
        self.is_asking = False
        self.asked_at = -inf
        self.wish: Wish | None = None
        self.refused: dict[int, float] | None = None
        self.seat: ObjectId | None = None
        self.risen_from: ObjectId | None = None
        self.budget = Budget()
        self.by: Connection | None = None
        self.is_here = self.was_here = False
        self.moved_at = self.seen_at = monotonic()
        self.gone_at: float | None = self.seen_at

    @property
    def area_id(self) -> int | None:
        return self._area_id

    @area_id.setter
    def area_id(self, area_id: int | None) -> None:
        if area_id != self._area_id:
            self._area_id, self.area_since = area_id, monotonic()

    def position(self, room_id: RoomId) -> PositionUpdated:
        """As the wire has it."""
        return PositionUpdated(
            room_id=room_id, user_id=self.user_id, x=round(self.x, 2), y=round(self.y, 2), direction=self.direction
        )

    def place(self, room_id: RoomId) -> Place:
        return Place(
            room_id=room_id, user_id=self.user_id, x=self.x, y=self.y, direction=self.direction, area_id=self.area_id
        )
