"""cafe's REST, under `/api/v1`: an endpoint builds a command, executes it through the door, and shapes the result."""

from fastapi import APIRouter

from tertulia.dialects.cafe.rest.auth import logins, sessions
from tertulia.dialects.cafe.rest.chat import chat
from tertulia.dialects.cafe.rest.members import invites, members
from tertulia.dialects.cafe.rest.messages import messages, room_messages
from tertulia.dialects.cafe.rest.objects import floor_plans, objects
from tertulia.dialects.cafe.rest.reactions import pins, reactions
from tertulia.dialects.cafe.rest.rooms import room_life, rooms
from tertulia.dialects.cafe.rest.space import areas, room_users
from tertulia.dialects.cafe.rest.tools import tools
from tertulia.dialects.cafe.rest.users import avatars, blocks, me, users
from tertulia.protocol.door import Door


def router(door: Door) -> APIRouter:
    """All of it. Paths are without a trailing slash: the transport takes that off.

    One flat list of routes, the busy ones first: FastAPI tries them in turn, and once more for each router that is
    included in others.
    """
    api = APIRouter(prefix="/api/v1", generate_unique_id_function=lambda route: route.name)
    for add_routes in (
        room_messages,
        messages,
        reactions,
        room_life,
        chat,
        room_users,
        tools,
        objects,
        pins,
        invites,
        rooms,
        members,
        areas,
        floor_plans,
        me,
        avatars,
        blocks,
        users,
        sessions,
        logins,
    ):
        add_routes(api, door)
    return api
