"""Being in a room's space without a socket (`room-users`); its areas' locks, and what is said there in talks."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models, space_models
from tertulia.domain import commands as c
from tertulia.domain.ids import RoomId
from tertulia.domain.models import Actor, Area, Occupant, Page, Room
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit
from tertulia.rest.requests import JSON_BODY, NO_CONTENT

ROOM_USERS: list[str | Enum] = ["room-users"]
ROOMS: list[str | Enum] = ["rooms"]


def room_users(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get(
        "/room-users", tags=ROOM_USERS, response_model=models.Page[space_models.RoomUser], **problems(401, 403, 404)
    )
    async def list_room_users(actor: Who, room_id: Id) -> Page[Occupant]:
        """Who is in the room now, all of them."""
        return Page(await door.execute(c.ListOccupants(room_id=RoomId(room_id)), actor))

    @api.post(
        "/room-users",
        tags=ROOM_USERS,
        status_code=201,
        response_model=space_models.RoomUser,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def enter_space(body: space_models.Entrance, actor: Who) -> Occupant:
        """Be in the room without a socket, until one leaves, or is not heard of for a while. Harmless when one is: to
        who is there already, *x* and *y* are a move like any other."""
        command = c.EnterSpace(room_id=RoomId(body.room_id), x=body.x, y=body.y)
        return await door.execute(command, actor)

    @api.patch(
        "/room-users/{room_id}",
        tags=ROOM_USERS,
        response_model=space_models.RoomUser,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def walk(room_id: Id, body: space_models.Step, actor: Who) -> Occupant:
        """Go there, as far as walls and speed allow; the answer says where one is now."""
        command = c.WalkTo(room_id=RoomId(room_id), x=body.x, y=body.y, direction=body.direction)
        return await door.execute(command, actor)

    @api.delete("/room-users/{room_id}", tags=ROOM_USERS, **NO_CONTENT, **problems(401, 403, 404))
    async def leave_space(room_id: Id, actor: Who) -> None:
        """Be in the room no longer, whatever put one there. One's sockets hear it on."""
        await door.execute(c.LeaveSpace(room_id=RoomId(room_id)), actor)


def areas(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.put(
        "/rooms/{room_id}/areas/{area_id}/lock",
        tags=ROOMS,
        response_model=space_models.Area,
        **problems(401, 403, 404, 409),
    )
    async def lock_area(room_id: Id, area_id: Id, actor: Who) -> Area:
        """For those inside: nobody else comes in. It opens by itself when it is empty."""
        return await door.execute(c.LockArea(room_id=RoomId(room_id), area_id=area_id, is_locked=True), actor)

    @api.delete("/rooms/{room_id}/areas/{area_id}/lock", tags=ROOMS, **NO_CONTENT, **problems(401, 403, 404, 409))
    async def unlock_area(room_id: Id, area_id: Id, actor: Who) -> None:
        """For those inside, and for moderators and up."""
        await door.execute(c.LockArea(room_id=RoomId(room_id), area_id=area_id, is_locked=False), actor)

    @api.get("/rooms/{room_id}/talks", tags=ROOMS, response_model=models.Page[models.Room], **problems(401, 403, 404))
    async def list_talks(room_id: Id, actor: Who, cursor: Id | None = None, limit: PageLimit = PAGE) -> Page[Room]:
        """What is and was said in the room's space among those who stood together, in rooms of its own: those that one
        was in, and quiet areas'. The newest first; *cursor*: the last id of the page before."""
        at = None if cursor is None else RoomId(cursor)
        return await door.execute(c.ListTalks(room_id=RoomId(room_id), cursor=at, limit=limit), actor)
