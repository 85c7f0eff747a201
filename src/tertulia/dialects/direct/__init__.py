"""direct: all of a user's rooms on one socket, at `/ws/{user_id}`, with its REST at `/users` and `/messages`."""

from tertulia.dialects.direct.rest import router
from tertulia.dialects.direct.socket import DirectDialect

__all__ = ["DirectDialect", "router"]
