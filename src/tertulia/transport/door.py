"""The door as REST sees it: the executor, and who is asking, by bearer token."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer

from tertulia.domain.commands import Command
from tertulia.domain.errors import MissingToken
from tertulia.domain.models import Actor
from tertulia.services.authenticator import Authenticator
from tertulia.services.executor import Executor

R = TypeVar("R")
LOGIN_PATH = "/api/v1/auth/login"


class HttpDoor:
    """A `protocol.door.Door`. *actor* is a FastAPI dependency: the authenticated user, or Unauthenticated is raised."""

    actor: Callable[..., Awaitable[Actor]]

    def __init__(self, executor: Executor, authenticator: Authenticator) -> None:
        self._executor = executor
        scheme = OAuth2PasswordBearer(tokenUrl=LOGIN_PATH, scheme_name="Token", auto_error=False)

        async def actor(token: Annotated[str | None, Depends(scheme)]) -> Actor:
            if not token:
                raise MissingToken
            return (await authenticator.access(token)).actor

        self.actor = actor

    async def execute(self, command: Command[R], actor: Actor | None) -> R:
        return await self._executor.execute(command, actor)
