"""`users`: who there is, and what one shows of oneself."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Request, Response

from tertulia.dialects.cafe import models
from tertulia.domain import commands as c
from tertulia.domain.ids import UserId
from tertulia.domain.models import Actor, User
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit, Text
from tertulia.rest.pictures import PICTURE, PICTURE_BODY, picture, shown
from tertulia.rest.requests import JSON_BODY, NO_CONTENT

AnyUser: TypeAlias = models.Account | models.OwnUser | models.User

USERS: list[str | Enum] = ["users"]


def me(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/users/me", tags=USERS, response_model=models.OwnUser, **problems(401))
    async def get_me(actor: Who) -> User:
        return await door.execute(c.GetUser(user_id=actor.user_id), actor)

    @api.patch("/users/me", tags=USERS, response_model=models.OwnUser, dependencies=JSON_BODY, **problems(401, 409))
    async def update_me(body: models.ProfileChange, actor: Who) -> User:
        return await door.execute(c.UpdateProfile(**body.given()), actor)

    @api.put("/users/me", tags=USERS, response_model=models.OwnUser, dependencies=JSON_BODY, **problems(401, 409))
    async def put_me(body: models.ProfileChange, actor: Who) -> User:
        """The same as PATCH: what is left out stays as it is."""
        return await door.execute(c.UpdateProfile(**body.given()), actor)

    @api.delete("/users/me", tags=USERS, **NO_CONTENT, **problems(401, 409))
    async def delete_me(actor: Who) -> None:
        """Logs out everywhere. What was said stays readable, as by a deleted user."""
        await door.execute(c.DeleteAccount(), actor)

    @api.patch("/users/me/status", tags=USERS, response_model=models.OwnUser, dependencies=JSON_BODY, **problems(401))
    async def set_status(body: models.StatusChange, actor: Who) -> User:
        return await door.execute(c.SetStatus(**body.given()), actor)


def avatars(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.post(
        "/users/me/avatar",
        tags=USERS,
        response_model=models.OwnUser,
        openapi_extra=PICTURE_BODY,
        **problems(401),
    )
    async def set_avatar(actor: Who, image: Annotated[bytes, Depends(picture)]) -> User:
        """A PNG, JPEG, GIF or WebP image, as the field `file` of a form or as the whole body. It is cut to a square of
        256 pixels, and nothing of its metadata is kept."""
        return await door.execute(c.SetAvatar(image=image), actor)

    @api.delete("/users/me/avatar", tags=USERS, response_model=models.OwnUser, **problems(401))
    async def remove_avatar(actor: Who) -> User:
        return await door.execute(c.RemoveAvatar(), actor)

    answers = problems(404)
    answers["responses"] |= PICTURE

    @api.get("/users/{user_id}/avatar", tags=USERS, response_class=Response, **answers)
    async def get_avatar(user_id: Id, request: Request, v: Text | None = None) -> Response:
        """The picture, for anybody. `avatar_url` of a user is its address."""
        return shown(request, await door.execute(c.GetAvatar(user_id=UserId(user_id)), None), v)


def blocks(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/users/me/blocked", tags=USERS, **problems(401))
    async def list_blocked(actor: Who) -> models.Page[models.User]:
        """Those whom one has blocked, the latest first."""
        found = [models.User.model_validate(user) for user in await door.execute(c.ListBlocked(), actor)]
        return models.Page(items=found, has_more=False, next_cursor=None)

    @api.put("/users/{user_id}/block", tags=USERS, **NO_CONTENT, **problems(401, 404, 409))
    async def block_user(user_id: Id, actor: Who) -> None:
        """The two have no direct messages any more, and one does not see the other typing. They are not told."""
        await door.execute(c.BlockUser(user_id=UserId(user_id)), actor)

    @api.delete("/users/{user_id}/block", tags=USERS, **NO_CONTENT, **problems(401, 404))
    async def unblock_user(user_id: Id, actor: Who) -> None:
        await door.execute(c.UnblockUser(user_id=UserId(user_id)), actor)


def users(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/users", tags=USERS, **problems(401))
    async def list_users(
        actor: Who, q: Text | None = None, cursor: Id | None = None, limit: PageLimit = PAGE
    ) -> models.Page[AnyUser]:
        """By id. *q* is looked for in username and display name."""
        at = None if cursor is None else UserId(cursor)
        page = await door.execute(c.ListUsers(q=q, cursor=at, limit=limit), actor)
        found: list[AnyUser] = [models.as_seen_by(actor, user) for user in page.items]
        return models.Page(items=found, has_more=page.has_more, next_cursor=page.next_cursor)

    @api.get("/users/{user_id}", tags=USERS, **problems(401, 404))
    async def get_user(user_id: Id, actor: Who) -> AnyUser:
        return models.as_seen_by(actor, await door.execute(c.GetUser(user_id=UserId(user_id)), actor))

    @api.patch(
        "/users/{user_id}",
        tags=USERS,
        response_model=models.Account,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def update_account(user_id: Id, body: models.AccountChange, actor: Who) -> User:
        """For admins."""
        return await door.execute(c.UpdateAccount(user_id=UserId(user_id), **body.given()), actor)
