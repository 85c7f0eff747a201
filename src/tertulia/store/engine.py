"""The store, as the layers above see it: one reader's door, one writer's door, the same for both engines."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from tertulia.domain.clock import Clock, utc_now
from tertulia.domain.errors import Unavailable
from tertulia.domain.events import MembershipBegan
from tertulia.domain.ids import RoomId, Seq
from tertulia.store.lane import Failed, Job
from tertulia.store.log import LogPart, heads, read_log
from tertulia.store.members import joined_since
from tertulia.store.postgres import PostgresEngine
from tertulia.store.sqlite import SqliteEngine
from tertulia.store.urls import SqliteUrl, parse_url
from tertulia.store.work import Committed, Post, PostDone, Reader, Work

T = TypeVar("T")


class Engine(Protocol):
    """What the two engines have in common. All failures of the database itself are `Unavailable`."""

    dialect_name: str
    epoch: str
    on_commit: Callable[[Committed], None]

    async def start(self, migrate: bool) -> None: ...
    async def stop(self) -> None: ...
    async def read(self, query: Callable[[Reader], T]) -> T: ...
    def submit(self, job: Job) -> None: ...


class Store:
    """What is remembered. Nobody is told of a write before it is committed, and nothing is announced that was not."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, clock: Clock = utc_now, synchronous: str = "FULL") -> "Store":
        """*synchronous* is SQLite's: NORMAL acknowledges what a power cut may take back. Raises ValueError."""
        target = parse_url(url)
        if isinstance(target, SqliteUrl):
            return cls(SqliteEngine(target.path, clock=clock, synchronous=synchronous))
        return cls(PostgresEngine(target, clock=clock))

    @property
    def dialect_name(self) -> str:
        return self._engine.dialect_name

    @property
    def epoch(self) -> str:
        """Of this database's sequences: another one means another database."""
        return self._engine.epoch

    @property
    def on_commit(self) -> Callable[[Committed], None]:
        """Called on the event loop, once per committed batch, after its acks."""
        return self._engine.on_commit

    @on_commit.setter
    def on_commit(self, callback: Callable[[Committed], None]) -> None:
        self._engine.on_commit = callback

    async def start(self, migrate: bool = True) -> None:
        """SQLite migrates itself whatever *migrate* says. Raises SchemaTooNew, SchemaTooOld, Unavailable."""
        await self._engine.start(migrate)

    async def stop(self) -> None:
        """Finishes what is queued, then closes."""
        await self._engine.stop()

    async def read(self, query: Callable[[Reader], T]) -> T:
        """*query* may run twice, if a connection was lost."""
        return await self._engine.read(query)

    async def write(self, work: Callable[[Work], T]) -> T:
        """*work*'s value, once it is committed. A TertuliaError that it raises changes nothing and hurts no neighbour."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(outcome: Any) -> None:
            if answer.done():  # whoever waited has gone
                return
            if isinstance(outcome, Failed):
                answer.set_exception(outcome.error)
            else:
                answer.set_result(outcome)

        self._engine.submit((work, done))
        return await answer

    def write_then(self, work: Callable[[Work], T], done: Callable[[T | BaseException], None]) -> None:
        """The same without a future: *done* is called on the event loop, with *work*'s value or what it failed by. Never
        raises."""

        def tell(outcome: Any) -> None:
            done(outcome.error if isinstance(outcome, Failed) else outcome)

        try:
            self._engine.submit((work, tell))
        except Unavailable as error:
            asyncio.get_running_loop().call_soon(done, error)

    def post(self, post: Post, done: PostDone) -> None:
        """Sends a message; *done* is called on the event loop after the commit. In one order with `write`. Never raises."""
        try:
            self._engine.submit((post, done))
        except Unavailable as error:
            asyncio.get_running_loop().call_soon(done, error)

    async def heads(self, room_ids: Sequence[RoomId]) -> dict[RoomId, Seq]:
        return await self.read(lambda reader: heads(reader, room_ids))

    async def read_log(self, wanted: Sequence[tuple[RoomId, Seq]], limit: int) -> dict[RoomId, LogPart]:
        """At most *limit* events after each position, with the head of each log."""
        return await self.read(lambda reader: read_log(reader, wanted, limit))

    async def joined_since(self, moment: datetime) -> Sequence[MembershipBegan]:
        """The memberships of now that began after *moment*."""
        return await self.read(lambda reader: joined_since(reader, moment))

    async def is_alive(self) -> bool:
        """It answers, and can be written to."""
        try:
            await self.write(lambda work: None)
        except Unavailable:
            return False
        return True
