"""rooms: `/ws/auth` and `/ws/room/{room_id}`, the public socket `/ws`, and the REST under `/api`."""

from tertulia.dialects.rooms.public import RoomsPublicDialect
from tertulia.dialects.rooms.rest import router
from tertulia.dialects.rooms.socket import RoomsDialect

__all__ = ["RoomsDialect", "RoomsPublicDialect", "router"]
