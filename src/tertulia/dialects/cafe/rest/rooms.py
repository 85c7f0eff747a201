"""`rooms`: making, finding and changing them, joining and leaving, and their logs."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Response

from tertulia.dialects.cafe import models
from tertulia.dialects.cafe.answers import EventsPage
from tertulia.dialects.cafe.socket import log_item
from tertulia.domain import commands as c
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import Actor, Membership, Page, Room
from tertulia.protocol.codec import JSON
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit, SeqField, Text
from tertulia.rest.requests import JSON_BODY, NO_CONTENT

ROOMS: list[str | Enum] = ["rooms"]


def rooms(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/rooms", tags=ROOMS, response_model=models.Page[models.Room], **problems(401))
    async def list_rooms(
        actor: Who, q: Text | None = None, mine: bool = False, cursor: Id | None = None, limit: PageLimit = PAGE
    ) -> Page[Room]:
        """Public rooms and one's own, by id. *mine*: only those one is a member of."""
        at = None if cursor is None else RoomId(cursor)
        return await door.execute(c.ListRooms(q=q, mine=mine, cursor=at, limit=limit), actor)

    @api.post(
        "/rooms",
        tags=ROOMS,
        status_code=201,
        response_model=models.Room,
        dependencies=JSON_BODY,
        **problems(401, 403, 404),
    )
    async def create_room(body: models.NewRoom, actor: Who) -> Room:
        """One owns what one makes."""
        return await door.execute(_making(body), actor)

    @api.post(
        "/rooms/direct", tags=ROOMS, response_model=models.Room, dependencies=JSON_BODY, **problems(401, 403, 404)
    )
    async def open_direct(body: models.NewDirect, actor: Who) -> Room:
        """The one direct room of oneself and another: the same each time."""
        return await door.execute(c.OpenDirect(user_id=UserId(body.user_id)), actor)

    @api.get("/rooms/{room_id}", tags=ROOMS, response_model=models.Room, **problems(401, 404))
    async def get_room(room_id: Id, actor: Who) -> Room:
        return await door.execute(c.GetRoom(room_id=RoomId(room_id)), actor)

    @api.patch(
        "/rooms/{room_id}", tags=ROOMS, response_model=models.Room, dependencies=JSON_BODY, **problems(401, 403, 404)
    )
    async def update_room(room_id: Id, body: models.RoomChange, actor: Who) -> Room:
        """For moderators and up."""
        given = body.given()
        if "space" in given:
            given["space"] = body.space.to_command()
        return await door.execute(c.UpdateRoom(room_id=RoomId(room_id), **given), actor)

    @api.delete("/rooms/{room_id}", tags=ROOMS, **NO_CONTENT, **problems(401, 403, 404))
    async def delete_room(room_id: Id, actor: Who) -> None:
        """For owners and admins."""
        await door.execute(c.ArchiveRoom(room_id=RoomId(room_id)), actor)


def _making(body: models.NewRoom) -> c.CreateGroup | c.CreateRoom:
    if body.kind == "group":
        return c.CreateGroup(
            name=body.name, description=body.description, member_ids=[UserId(one) for one in body.member_ids]
        )
    return c.CreateRoom(
        name=body.name,
        description=body.description,
        is_private=body.is_private,
        space=None if body.space is None else body.space.to_command(),
    )


def room_life(api: APIRouter, door: Door) -> None:
    """What a member does with a room."""
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.post("/rooms/{room_id}/join", tags=ROOMS, response_model=models.Member, **problems(401, 403, 404))
    async def join_room(room_id: Id, actor: Who) -> Membership:
        """Become a member of a public room. Harmless when one is."""
        return await door.execute(c.JoinRoom(room_id=RoomId(room_id)), actor)

    @api.post("/rooms/{room_id}/leave", tags=ROOMS, **NO_CONTENT, **problems(401, 403, 404, 409))
    async def leave_room(room_id: Id, actor: Who) -> None:
        """Stop being a member."""
        await door.execute(c.LeaveRoom(room_id=RoomId(room_id)), actor)

    @api.post("/rooms/{room_id}/read", tags=ROOMS, dependencies=JSON_BODY, **problems(401, 403, 404))
    async def mark_read(room_id: Id, body: models.ReadMark, actor: Who) -> models.ReadMark:
        """The mark only moves forward; the answer says where it stands."""
        seq = await door.execute(c.MarkRead(room_id=RoomId(room_id), seq=Seq(body.seq)), actor)
        return models.ReadMark(seq=seq)

    @api.get("/rooms/{room_id}/events", tags=ROOMS, response_model=models.LogPage, **problems(401, 403, 404))
    async def list_events(room_id: Id, actor: Who, after: SeqField = 0, limit: PageLimit = PAGE) -> Response:
        """The room's log after a `seq`: its durable events, in order, as the socket sends them."""
        page = await door.execute(c.ListEvents(room_id=RoomId(room_id), after=Seq(after), limit=limit), actor)
        items = [log_item(event, event.user_id == actor.user_id) for event in page.items]
        told = [item for item in items if item is not None]
        seq = min(page.seq, page.head)  # a log that ends before what the client knows is another log
        body = JSON.encode(EventsPage(page.epoch, told, seq, page.has_more))
        return Response(body, media_type="application/json")
