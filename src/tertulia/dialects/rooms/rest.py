"""rooms' REST, under `/api`: an endpoint builds a command, executes it, and shapes the result."""

from enum import Enum
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Query

from tertulia.dialects.rooms import models
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid
from tertulia.domain.ids import MessageId, RoomId
from tertulia.domain.models import Actor, Message, Room, Tokens, User
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit
from tertulia.rest.requests import CREDENTIALS_BODY, JSON_BODY, NOT_TO_BE_KEPT, FromCaller, FromLogin

ACCOUNTS: list[str | Enum] = ["rooms: accounts"]
ROOMS: list[str | Enum] = ["rooms: rooms"]
MOST_SKIPPED = 10_000
Skip = Annotated[int, Query(ge=0, le=MOST_SKIPPED)]


def router(door: Door) -> APIRouter:
    """All of it. Paths are without a trailing slash: the transport takes that off."""
    api = APIRouter(prefix="/api", generate_unique_id_function=lambda route: f"rooms_{route.name}")
    for add_routes in (accounts, rooms, membership, messages, connections):
        add_routes(api, door)
    return api


def accounts(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.post(
        "/token",
        tags=ACCOUNTS,
        response_model=models.RoomsToken,
        dependencies=NOT_TO_BE_KEPT,
        openapi_extra=CREDENTIALS_BODY,
        **problems(401, 403),
    )
    async def get_token(command: FromLogin) -> Tokens:
        """A token for a username (or email address) and a password: OAuth2's password flow, or the same as JSON."""
        return await door.execute(command, None)

    @api.post(
        "/users",
        tags=ACCOUNTS,
        status_code=201,
        response_model=models.RoomsUser,
        dependencies=JSON_BODY,
        **problems(403, 409),
    )
    async def create_user(body: models.RoomsNewUser, caller: FromCaller) -> User:
        """Make an account."""
        return await door.execute(c.Register(**body.given(), address=caller.address), None)

    @api.get("/users/me", tags=ACCOUNTS, response_model=models.RoomsUser, **problems(401))
    async def get_me(actor: Who) -> User:
        return await door.execute(c.GetUser(user_id=actor.user_id), actor)


def rooms(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/rooms", tags=ROOMS, response_model=list[models.RoomsRoom], **problems(401))
    async def list_rooms(actor: Who, skip: Skip = 0, limit: PageLimit = PAGE) -> list[Room]:
        """Public ones and one's own, by id."""
        return (await door.execute(c.ListRooms(skip=skip, limit=limit), actor)).items

    @api.post(
        "/rooms",
        tags=ROOMS,
        status_code=201,
        response_model=models.RoomsRoom,
        dependencies=JSON_BODY,
        **problems(401, 403),
    )
    async def create_room(body: models.RoomsNewRoom, actor: Who) -> Room:
        """One owns what one makes, and is its first member."""
        return await door.execute(c.CreateRoom(**body.given()), actor)

    @api.get("/rooms/{room_id}", tags=ROOMS, response_model=models.RoomsRoom, **problems(401, 404))
    async def get_room(room_id: Id, actor: Who) -> Room:
        return await door.execute(c.GetRoom(room_id=RoomId(room_id)), actor)


def membership(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.post("/rooms/{room_id}/join", tags=ROOMS, response_model=models.RoomsRoom, **problems(401, 403, 404))
    async def join_room(room_id: Id, actor: Who) -> Room:
        """Become a member of a public room. Harmless when one is."""
        await door.execute(c.JoinRoom(room_id=RoomId(room_id)), actor)
        return await door.execute(c.GetRoom(room_id=RoomId(room_id)), actor)

    @api.post("/rooms/{room_id}/leave", tags=ROOMS, **problems(401, 403, 404, 409))
    async def leave_room(room_id: Id, actor: Who) -> models.RoomsDone:
        """Stop being a member. One's sockets leave the room, too."""
        await door.execute(c.LeaveRoom(room_id=RoomId(room_id)), actor)
        return models.RoomsDone(message="You have left the room")


def messages(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get(
        "/rooms/{room_id}/messages",
        tags=ROOMS,
        response_model=list[models.RoomsMessage],
        **problems(401, 403, 404),
    )
    async def list_messages(
        room_id: Id, actor: Who, limit: PageLimit = PAGE, before: Id | None = None
    ) -> list[Message]:
        """The newest, oldest first; what was deleted is left out. *before*: a message id, the newest before that."""
        cursor = None if before is None else MessageId(before)
        command = c.ListMessages(room_id=RoomId(room_id), cursor=cursor, limit=limit, includes_deleted=False)
        try:
            page = await door.execute(command, actor)
        except Invalid as error:
            if error.field != "cursor":
                raise
            raise Invalid("before is no message of this room", field="before") from None
        return page.items[::-1]

    @api.post(
        "/rooms/{room_id}/messages",
        tags=ROOMS,
        status_code=201,
        response_model=models.RoomsMessage,
        dependencies=JSON_BODY,
        **problems(401, 403, 404),
    )
    async def send_message(room_id: Id, body: models.RoomsNewMessage, actor: Who) -> dict[str, Any]:
        """For members."""
        command = c.SendMessage(room_id=RoomId(room_id), content=body.content)
        sent = await door.execute(command, actor)
        return {
            "id": sent.message_id,
            "room_id": room_id,
            "user_id": actor.user_id,
            "username": actor.username,
            "content": body.content,
            "created_at": sent.created_at,
        }


def connections(api: APIRouter, door: Door) -> None:
    Anyone: TypeAlias = Annotated[Actor | None, Depends(door.anyone)]

    @api.get("/connections", tags=ROOMS, **problems(401))
    async def count_connections(actor: Anyone) -> models.RoomsConnections | models.RoomsCount:
        """The open sockets of the node that answers. Without a token one is told of public rooms, with one of one's own,
        too; admins are told of all, and of each socket."""
        census = door.census()
        known = list(census.rooms)
        if actor is None or not actor.is_admin:
            known = await door.execute(c.ListVisibleRooms(room_ids=known), actor)
        count = models.RoomsCount(
            total=census.authenticated + census.public,
            authenticated=census.authenticated,
            public=census.public,
            rooms={room_id: census.rooms[room_id] for room_id in known},
        )
        if actor is None or not actor.is_admin:
            return count
        each = [models.RoomsConnection.model_validate(one) for one in door.list_live()]
        return models.RoomsConnections(**count.model_dump(), connections=each)
