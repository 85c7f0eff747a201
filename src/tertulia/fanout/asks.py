"""What live spaces ask of the store."""

from collections.abc import Collection
from typing import Protocol

from tertulia.domain.commands import OpenedFloor
from tertulia.domain.ids import RoomId, UserId


class Asks(Protocol):
    """Nothing is awaited; what there is to be told comes back by a method of `Spaces`."""

    async def open_floor(self, room_id: RoomId) -> OpenedFloor | None:
        """Raises Unavailable."""

    def enter_area(self, room_id: RoomId, user_id: UserId, wait: float) -> None:
        """In *wait* seconds; into which area, the space then says (`wants`)."""

    def leave_area(self, room_id: RoomId, area_id: int | None, user_id: UserId) -> None: ...
    def free_seat(self, room_id: RoomId, user_id: UserId) -> None: ...
    def gather(self, talk_id: RoomId, user_ids: Collection[UserId]) -> None: ...
