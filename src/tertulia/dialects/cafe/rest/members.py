"""A room's members, and the invites that make some."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models
from tertulia.domain import commands as c
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor, Invite, Membership, Page, Room
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit, Text
from tertulia.rest.requests import JSON_BODY, NO_CONTENT

MEMBERS: list[str | Enum] = ["members"]


def members(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get(
        "/rooms/{room_id}/members", tags=MEMBERS, response_model=models.Page[models.Member], **problems(401, 403, 404)
    )
    async def list_members(
        room_id: Id, actor: Who, cursor: Id | None = None, limit: PageLimit = PAGE
    ) -> Page[Membership]:
        """By user id."""
        at = None if cursor is None else UserId(cursor)
        return await door.execute(c.ListMembers(room_id=RoomId(room_id), cursor=at, limit=limit), actor)

    @api.post(
        "/rooms/{room_id}/members",
        tags=MEMBERS,
        status_code=201,
        response_model=models.Member,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def add_member(room_id: Id, body: models.NewMember, actor: Who) -> Membership:
        """For moderators and up."""
        command = c.AddMember(room_id=RoomId(room_id), user_id=UserId(body.user_id), role=body.role)
        return await door.execute(command, actor)

    @api.patch(
        "/rooms/{room_id}/members/{user_id}",
        tags=MEMBERS,
        response_model=models.Member,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def update_member(room_id: Id, user_id: Id, body: models.MemberChange, actor: Who) -> Membership:
        """Role and mute. For moderators and up, on those below them."""
        command = c.UpdateMember(room_id=RoomId(room_id), user_id=UserId(user_id), **body.given())
        return await door.execute(command, actor)

    @api.delete("/rooms/{room_id}/members/{user_id}", tags=MEMBERS, **NO_CONTENT, **problems(401, 403, 404, 409))
    async def remove_member(room_id: Id, user_id: Id, actor: Who, ban: bool = False) -> None:
        """Kick; or *ban*, which keeps them from joining again until a moderator adds them."""
        await door.execute(c.RemoveMember(room_id=RoomId(room_id), user_id=UserId(user_id), ban=ban), actor)


def invites(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.post("/invites/{code}", tags=MEMBERS, include_in_schema=False, response_model=models.Room)
    @api.post("/rooms/invites/{code}", tags=MEMBERS, response_model=models.Room, **problems(401, 403, 404))
    async def accept_invite(code: Text, actor: Who) -> Room:
        """Become a member of the room that the invite is for."""
        return await door.execute(c.AcceptInvite(code=code), actor)

    @api.post(
        "/rooms/{room_id}/invites",
        tags=MEMBERS,
        status_code=201,
        response_model=models.Invite,
        dependencies=JSON_BODY,
        **problems(401, 403, 404),
    )
    async def create_invite(room_id: Id, actor: Who, body: models.NewInvite | None = None) -> Invite:
        """For moderators and up."""
        terms = body or models.NewInvite()
        command = c.CreateInvite(room_id=RoomId(room_id), expires_in=terms.expires_in, max_uses=terms.max_uses)
        return await door.execute(command, actor)
