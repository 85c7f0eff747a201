"""rooms: `/ws/auth` and `/ws/room/{room_id}`, with its REST under `/api`."""

from tertulia.dialects.rooms.rest import router
from tertulia.dialects.rooms.socket import RoomsDialect

__all__ = ["RoomsDialect", "router"]
