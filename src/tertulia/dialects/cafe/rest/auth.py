"""`auth`: accounts, logins, and tickets for sockets."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models
from tertulia.dialects.cafe.rest.requests import CREDENTIALS_BODY, FromCaller, credentials, json_only
from tertulia.domain import commands as c
from tertulia.domain.ids import SessionId
from tertulia.domain.models import Actor, Tokens, User
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import Text


def auth(door: Door) -> APIRouter:
    routes = APIRouter(prefix="/auth", tags=["auth"])
    routes.include_router(_logging_in(door))
    routes.include_router(_logged_in(door))
    return routes


def _logging_in(door: Door) -> APIRouter:
    routes = APIRouter()
    json = [Depends(json_only)]

    @routes.post("/register", status_code=201, response_model=models.OwnUser, dependencies=json, **problems(403, 409))
    async def register(body: models.NewAccount) -> User:
        """Make an account. The first steps after this: log in, and open a socket."""
        return await door.execute(c.Register(**body.given()), None)

    @routes.post("/login", response_model=models.Tokens, openapi_extra=CREDENTIALS_BODY, **problems(401, 403))
    async def login(body: Annotated[models.Credentials, Depends(credentials)], caller: FromCaller) -> Tokens:
        """Get tokens for a username (or email address) and a password, as JSON or as a form."""
        command = c.Login(
            username=body.username, password=body.password, user_agent=caller.user_agent, address=caller.address
        )
        return await door.execute(command, None)

    @routes.post("/refresh", response_model=models.Tokens, dependencies=json, **problems(401))
    async def refresh_tokens(body: models.RefreshToken) -> Tokens:
        """Get new tokens for a refresh token, which is good for this once."""
        return await door.execute(c.RefreshTokens(refresh_token=body.refresh_token), None)

    return routes


def _logged_in(door: Door) -> APIRouter:
    routes = APIRouter(dependencies=[Depends(json_only)])
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @routes.post("/logout", status_code=204, **problems(401))
    async def logout(actor: Who) -> None:
        """End the login whose token this is, and its sockets."""
        await door.execute(c.Logout(), actor)

    @routes.get("/me", response_model=models.OwnUser, **problems(401))
    async def who_am_i(actor: Who) -> User:
        return await door.execute(c.GetUser(user_id=actor.user_id), actor)

    @routes.post("/password", status_code=204, **problems(401, 403))
    async def change_password(body: models.PasswordChange, actor: Who) -> None:
        """Ends all other sessions, and their sockets."""
        await door.execute(c.ChangePassword(**body.given()), actor)

    @routes.get("/sessions", **problems(401))
    async def list_sessions(actor: Who) -> models.Page[models.Session]:
        """One's own logins."""
        sessions = [models.Session.model_validate(one) for one in await door.execute(c.ListSessions(), actor)]
        for one in sessions:
            one.is_current = one.id == actor.session_id
        return models.Page(items=sessions, has_more=False, next_cursor=None)

    @routes.delete("/sessions/{session_id}", status_code=204, **problems(401, 404))
    async def end_session(session_id: Text, actor: Who) -> None:
        """Log out somewhere else."""
        await door.execute(c.EndSession(session_id=SessionId(session_id)), actor)

    @routes.post("/ws-ticket", response_model=models.Ticket, **problems(401))
    async def issue_ticket(actor: Who) -> c.Ticket:
        """A ticket opens one socket, for clients that cannot send headers and will not put a token in an address."""
        return await door.execute(c.IssueTicket(), actor)

    return routes
