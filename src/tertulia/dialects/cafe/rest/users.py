"""`users`: who there is, and what one shows of oneself."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models
from tertulia.dialects.cafe.rest.requests import json_only
from tertulia.domain import commands as c
from tertulia.domain.ids import UserId
from tertulia.domain.models import Actor, User
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit, Text

AnyUser: TypeAlias = models.Account | models.OwnUser | models.User


def users(door: Door) -> APIRouter:
    routes = APIRouter(prefix="/users", tags=["users"], dependencies=[Depends(json_only)])
    routes.include_router(_me(door))
    routes.include_router(_others(door))
    return routes


def _me(door: Door) -> APIRouter:
    routes = APIRouter(prefix="/me")
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @routes.get("", response_model=models.OwnUser, **problems(401))
    async def get_me(actor: Who) -> User:
        return await door.execute(c.GetUser(user_id=actor.user_id), actor)

    @routes.patch("", response_model=models.OwnUser, **problems(401, 409))
    async def update_me(body: models.ProfileChange, actor: Who) -> User:
        return await door.execute(c.UpdateProfile(**body.given()), actor)

    @routes.put("", response_model=models.OwnUser, **problems(401, 409))
    async def put_me(body: models.ProfileChange, actor: Who) -> User:
        """The same as PATCH: what is left out stays as it is."""
        return await door.execute(c.UpdateProfile(**body.given()), actor)

    @routes.delete("", status_code=204, **problems(401, 409))
    async def delete_me(actor: Who) -> None:
        """Logs out everywhere. What was said stays readable, as by a deleted user."""
        await door.execute(c.DeleteAccount(), actor)

    @routes.patch("/status", response_model=models.OwnUser, **problems(401))
    async def set_status(body: models.StatusChange, actor: Who) -> User:
        return await door.execute(c.SetStatus(**body.given()), actor)

    return routes


def _others(door: Door) -> APIRouter:
    routes = APIRouter()
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @routes.get("", **problems(401))
    async def list_users(
        actor: Who, q: Text | None = None, cursor: Id | None = None, limit: PageLimit = PAGE
    ) -> models.Page[AnyUser]:
        """By id. *q* is looked for in username and display name."""
        at = None if cursor is None else UserId(cursor)
        page = await door.execute(c.ListUsers(q=q, cursor=at, limit=limit), actor)
        found: list[AnyUser] = [models.as_seen_by(actor, user) for user in page.items]
        return models.Page(items=found, has_more=page.has_more, next_cursor=page.next_cursor)

    @routes.get("/{user_id}", **problems(401, 404))
    async def get_user(user_id: Id, actor: Who) -> AnyUser:
        return models.as_seen_by(actor, await door.execute(c.GetUser(user_id=UserId(user_id)), actor))

    @routes.patch("/{user_id}", response_model=models.Account, **problems(401, 403, 404, 409))
    async def update_account(user_id: Id, body: models.AccountChange, actor: Who) -> User:
        """For admins."""
        return await door.execute(c.UpdateAccount(user_id=UserId(user_id), **body.given()), actor)

    return routes
