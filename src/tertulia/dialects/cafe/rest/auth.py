"""`auth`: accounts, logins, and tickets for sockets."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models
from tertulia.domain import commands as c
from tertulia.domain.ids import SessionId
from tertulia.domain.models import Actor, Tokens, User
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import Text
from tertulia.rest.requests import (
    CREDENTIALS_BODY,
    JSON_BODY,
    NO_CONTENT,
    NOT_TO_BE_KEPT,
    FromCaller,
    FromLogin,
)

AUTH: list[str | Enum] = ["auth"]


def logins(api: APIRouter, door: Door) -> None:
    @api.post(
        "/auth/register",
        tags=AUTH,
        status_code=201,
        response_model=models.OwnUser,
        dependencies=JSON_BODY,
        **problems(403, 409),
    )
    async def register(body: models.NewAccount, caller: FromCaller) -> User:
        """Make an account. The first steps after this: log in, and open a socket."""
        return await door.execute(c.Register(**body.given(), address=caller.address), None)

    @api.post(
        "/auth/login",
        tags=AUTH,
        response_model=models.Tokens,
        dependencies=NOT_TO_BE_KEPT,
        openapi_extra=CREDENTIALS_BODY,
        **problems(401, 403),
    )
    async def login(command: FromLogin) -> Tokens:
        """Get tokens for a username (or email address) and a password, as JSON or as a form."""
        return await door.execute(command, None)

    @api.post(
        "/auth/refresh",
        tags=AUTH,
        response_model=models.Tokens,
        dependencies=[*JSON_BODY, *NOT_TO_BE_KEPT],
        **problems(401),
    )
    async def refresh_tokens(body: models.RefreshToken) -> Tokens:
        """Get new tokens for a refresh token, which is good for this once."""
        return await door.execute(c.RefreshTokens(refresh_token=body.refresh_token), None)


def sessions(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.post("/auth/logout", tags=AUTH, **NO_CONTENT, **problems(401))
    async def logout(actor: Who) -> None:
        """End the login whose token this is, and its sockets."""
        await door.execute(c.Logout(), actor)

    @api.get("/auth/me", tags=AUTH, response_model=models.OwnUser, **problems(401))
    async def who_am_i(actor: Who) -> User:
        return await door.execute(c.GetUser(user_id=actor.user_id), actor)

    @api.post("/auth/password", tags=AUTH, **NO_CONTENT, dependencies=JSON_BODY, **problems(401, 403))
    async def change_password(body: models.PasswordChange, actor: Who) -> None:
        """Ends all other sessions, and their sockets."""
        await door.execute(c.ChangePassword(**body.given()), actor)

    @api.get("/auth/sessions", tags=AUTH, **problems(401))
    async def list_sessions(actor: Who) -> models.Page[models.Session]:
        """One's own logins."""
        sessions = [models.Session.model_validate(one) for one in await door.execute(c.ListSessions(), actor)]
        for one in sessions:
            one.is_current = one.id == actor.session_id
        return models.Page(items=sessions, has_more=False, next_cursor=None)

    @api.delete("/auth/sessions/{session_id}", tags=AUTH, **NO_CONTENT, **problems(401, 404))
    async def end_session(session_id: Text, actor: Who) -> None:
        """Log out somewhere else."""
        await door.execute(c.EndSession(session_id=SessionId(session_id)), actor)

    @api.post("/auth/ws-ticket", tags=AUTH, response_model=models.Ticket, dependencies=NOT_TO_BE_KEPT, **problems(401))
    async def issue_ticket(actor: Who) -> c.Ticket:
        """A ticket opens one socket, for clients that cannot send headers and will not put a token in an address."""
        return await door.execute(c.IssueTicket(), actor)
