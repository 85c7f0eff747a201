"""cafe's REST, under `/api/v1`: an endpoint builds a command, executes it through the door, and shapes the result."""

from fastapi import APIRouter

from tertulia.dialects.cafe.rest.auth import auth
from tertulia.dialects.cafe.rest.chat import chat
from tertulia.dialects.cafe.rest.members import invites, members
from tertulia.dialects.cafe.rest.messages import messages
from tertulia.dialects.cafe.rest.rooms import rooms
from tertulia.dialects.cafe.rest.users import users
from tertulia.protocol.door import Door


def router(door: Door) -> APIRouter:
    """All of it. Paths are without a trailing slash: the transport takes that off."""
    routes = APIRouter(prefix="/api/v1", generate_unique_id_function=lambda route: route.name)
    for part in (auth, users, invites, rooms, members, messages, chat):
        routes.include_router(part(door))
    return routes


__all__ = ["router"]
