"""Pictures: what a room looks like to everybody, kept for a moment, so that a crowd that enters is shown one."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from msgspec import Struct

from tertulia.domain.ids import EVERYTHING_BEFORE, MessageId, RoomId, Seq
from tertulia.domain.models import Message, Page, Room, SpaceObject
from tertulia.domain.roles import RoomKind

GOOD_FOR = 1.0
"""Seconds. Whatever is changed in a room moves its head; but that an author elsewhere has deleted their account does
not, and their name shall not stay for longer."""
MOST_ROOMS = 256


class Picture(Struct, frozen=True):
    """A room at its `room.last_seq`, with nothing of any one user's in it; but of a talk, what one of its members reads
    there. *since*: where that one came into the talk."""

    room: Room
    messages: Page[Message]
    pins: list[MessageId]
    objects: list[SpaceObject]
    since: Seq = EVERYTHING_BEFORE


class Pictures:
    """A picture shows the room as it is for as long as the log's head is where it was.

    Of direct rooms none is kept: their messages say when they were read, which moves no head; and two are no crowd. Nor
    of talks, in which each reads something else.
    """

    def __init__(self, *, good_for: float = GOOD_FOR, now: Callable[[], float] = monotonic) -> None:
        self._good_for, self._now = good_for, now
        self._kept: OrderedDict[RoomId, tuple[float, Picture]] = OrderedDict()

    def find(self, room_id: RoomId, head: Seq) -> Picture | None:
        taken_at, picture = self._kept.get(room_id, (0.0, None))
        if picture is None or picture.room.last_seq != head or self._now() - taken_at >= self._good_for:
            return None
        return picture

    def has(self, room_id: RoomId) -> bool:
        """Whether it is worth asking for the head first."""
        return room_id in self._kept

    def keep(self, picture: Picture) -> None:
        if picture.room.kind is RoomKind.DIRECT or picture.room.parent_id is not None:
            return
        self._kept[picture.room.id] = self._now(), picture
        self._kept.move_to_end(picture.room.id)
        if len(self._kept) > MOST_ROOMS:
            self._kept.popitem(last=False)
