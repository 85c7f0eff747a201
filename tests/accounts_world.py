"""Accounts over a real store: people who register and log in, and what a node makes of their tokens."""

from datetime import timedelta
from typing import Any

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.events import SessionsEnded
from tertulia.domain.ids import UserId
from tertulia.domain.models import Access, Actor, Tokens, User
from tertulia.services.accounts import Accounts
from tertulia.services.authenticator import Authenticator
from tertulia.services.passwords import Passwords
from tertulia.services.people import People
from tertulia.services.tokens import Tokens as TokenMaker
from tertulia.store import Store

SECRET = "a secret of more than thirty-two bytes, for tests"
PASSWORD = "rubber boots in the hall"
CHEAP = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


class Accounting:
    """One node's services of accounts. *store*: another node's, on the same database. *there*: who is connected."""

    def __init__(self, scene: Scene, store: Store | None = None, **options: Any) -> None:
        self.scene, self.store, self.clock = scene, store or scene.store, scene.clock
        self.passwords = options.pop("passwords", None) or Passwords(**CHEAP)
        self.tokens = TokenMaker(SECRET, clock=self.clock, access_lifetime=timedelta(minutes=30))
        self.accounts = Accounts(self.store, self.passwords, self.tokens, clock=self.clock, **options)
        self.there: set[UserId] = set()
        self.people = People(is_there=self.there.__contains__)
        self.authenticator = Authenticator(self.store, self.tokens, remember=0)

    async def register(self, name: str, password: str = PASSWORD, **more: Any) -> User:
        return await self.accounts.register(c.Register(username=name, password=password, **more), None)

    async def login(self, name: str, password: str = PASSWORD, **more: Any) -> Tokens:
        return await self.accounts.login(c.Login(username=name, password=password, **more), None)

    async def refresh(self, tokens: Tokens) -> Tokens:
        return await self.accounts.refresh(c.RefreshTokens(refresh_token=tokens.refresh_token), None)

    async def access(self, tokens: Tokens) -> Access:
        return await self.authenticator.access(tokens.access_token)

    async def actor(self, tokens: Tokens) -> Actor:
        return (await self.access(tokens)).actor

    async def enter(self, name: str) -> Actor:
        """Register and log in."""
        await self.register(name)
        return await self.actor(await self.login(name))

    async def admin(self, name: str = "root") -> Actor:
        await self.accounts.create_admin(name, PASSWORD)
        return await self.actor(await self.login(name))

    async def write(self, handler: Any, command: Any, actor: Actor) -> Any:
        return await self.store.write(lambda work: handler(command, actor, work))

    async def read(self, handler: Any, command: Any, actor: Actor) -> Any:
        return await self.store.read(lambda reader: handler(command, actor, reader))

    @property
    def notices(self) -> list[Any]:
        return [notice for committed in self.scene.heard for notice in committed.notices]

    @property
    def ended(self) -> list[str]:
        """The sessions whose sockets every node was told to close."""
        notices = [notice for notice in self.notices if isinstance(notice, SessionsEnded)]
        return [session_id for notice in notices for session_id in notice.session_ids]
