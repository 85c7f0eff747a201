"""Pictures: what a room looks like to everybody, kept for a moment, so that a crowd that enters is shown one."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from msgspec import Struct

from tertulia.domain.events import MessageSent
from tertulia.domain.ids import RoomId
from tertulia.domain.models import Message, Page, Room, SpaceObject
from tertulia.store import Committed

GOOD_FOR = 1.0
"""Seconds. Only this node's commits are heeded: what another one changed is in the log after the picture, but a
deleted text shall not be shown for longer."""
MOST_BEHIND = 50
"""Messages sent since, which all who enter are given as events: above that a new picture is cheaper."""
MOST_ROOMS = 256


class Picture(Struct, frozen=True):
    """A room at its `room.last_seq`, with nothing of any one user's in it."""

    room: Room
    messages: Page[Message]
    objects: list[SpaceObject]


class _Kept(Struct):
    picture: Picture
    taken_at: float
    behind: int = 0


class Pictures:
    """What comes after a picture in the log, its viewer is given as events: so it may be a little old, but never
    holds what was taken back."""

    def __init__(self, *, good_for: float = GOOD_FOR, now: Callable[[], float] = monotonic) -> None:
        self._good_for, self._now = good_for, now
        self._kept: OrderedDict[RoomId, _Kept] = OrderedDict()
        self._changes = 0

    def find(self, room_id: RoomId) -> Picture | None:
        kept = self._kept.get(room_id)
        if kept is None or kept.behind > MOST_BEHIND or self._now() - kept.taken_at >= self._good_for:
            return None
        return kept.picture

    def mark(self) -> int:
        """To be had before a picture is read, and given with it."""
        return self._changes

    def keep(self, picture: Picture, mark: int) -> None:
        """Not, if something has changed since *mark*: the picture may be older than that."""
        if mark == self._changes:
            self._kept[picture.room.id] = _Kept(picture, self._now())
            if len(self._kept) > MOST_ROOMS:
                self._kept.popitem(last=False)

    def heed(self, committed: Committed) -> None:
        """What was committed is not in the pictures. Messages may come after them; all else makes them void."""
        for event in committed.events:
            if not isinstance(event, MessageSent):
                self._changes += 1
                self._kept.pop(event.room_id, None)
            elif (kept := self._kept.get(event.room_id)) is not None:
                kept.behind += 1
