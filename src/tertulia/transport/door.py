"""The door as REST sees it: the executor, and who is asking, by bearer token."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer

from tertulia.domain.commands import Command
from tertulia.domain.errors import MissingToken
from tertulia.domain.models import Actor
from tertulia.fanout import Hub
from tertulia.protocol.door import Census, Live
from tertulia.services.authenticator import Authenticator
from tertulia.services.executor import Executor

R = TypeVar("R")
LOGIN_PATH = "/api/v1/auth/login"


class HttpDoor:
    """A `protocol.door.Door`. *count_public*: the sockets that need no account."""

    actor: Callable[..., Awaitable[Actor]]
    anyone: Callable[..., Awaitable[Actor | None]]

    def __init__(
        self, executor: Executor, authenticator: Authenticator, hub: Hub, count_public: Callable[[], int] = lambda: 0
    ) -> None:
        self._executor, self._hub, self._count_public = executor, hub, count_public
        scheme = OAuth2PasswordBearer(tokenUrl=LOGIN_PATH, scheme_name="Token", auto_error=False)

        async def anyone(token: Annotated[str | None, Depends(scheme)]) -> Actor | None:
            return (await authenticator.access(token)).actor if token else None

        async def actor(found: Annotated[Actor | None, Depends(anyone)]) -> Actor:
            if found is None:
                raise MissingToken
            return found

        self.actor, self.anyone = actor, anyone

    async def execute(self, command: Command[R], actor: Actor | None) -> R:
        return await self._executor.execute(command, actor)

    def census(self) -> Census:
        """Cheap, for anybody may ask."""
        hub = self._hub
        return Census(authenticated=len(hub.connections), public=self._count_public(), rooms=hub.count_hearers())

    def list_live(self) -> list[Live]:
        return [
            Live(
                id=one.id,
                user_id=one.user_id,
                username=one.username,
                dialect=one.dialect.name,
                rooms=list(one.rooms),
                since=one.since,
                address=one.address,
            )
            for one in self._hub.connections
        ]
