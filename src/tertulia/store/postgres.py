"""PostgreSQL: one connection that writes, batch by batch, and a pool that reads.

A batch of nothing but posts is one call of the function `post_batch`, committed by itself: a node that stops in the
middle holds no lock. Any other batch is a transaction that locks the rooms it knows of first, in the order of ids.
"""

import asyncio
import contextlib
import itertools
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tertulia.domain.clock import Clock
from tertulia.domain.errors import Unavailable
from tertulia.domain.events import DurableEvent
from tertulia.store.lane import BATCH_CAP, QUEUE_CAP, Job, Poison, Settled, failed, give_up, run_works, runs
from tertulia.store.migrate import check_postgres, migrate_postgres
from tertulia.store.post_batch import POST_BATCH, arguments, outcome_of
from tertulia.store.urls import PostgresUrl
from tertulia.store.work import Committed, LockFirst, Locks, Post, Reader, Work, count_writes, watch

logger = logging.getLogger(__name__)
T = TypeVar("T")

POOL = 8
PATIENCE_SECONDS = 15.0
"""How long a batch is repeated before its writers are told that the database is away."""
SERVER_SETTINGS = {
    # The server decides first, and within our own limit: an outcome is seldom unknown.
    "statement_timeout": "8000",
    "lock_timeout": "8000",
    "idle_in_transaction_session_timeout": "5000",
    "jit": "off",
}
READER_SETTINGS = {
    # Each query is planned for its values and for the tables as large as they are now. A generic plan, made once while
    # they were small, would read all users for each page until somebody analyses them.
    "plan_cache_mode": "force_custom_plan",
    # A page is the end of an index. When the planner believes that a room has few messages, it would rather collect
    # them all and sort. What needs a bitmap, such as a search in a GIN index, sets it on for its own transaction.
    "enable_bitmapscan": "off",
}
_MARK = "INSERT INTO lanes VALUES ($1, '') ON CONFLICT (lane) DO UPDATE SET mark = lanes.mark RETURNING mark"
_PASSING = (
    OSError,  # TimeoutError too
    PoolTimeout,
    asyncpg.InterfaceError,  # the connection is closed
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, cancelled
    asyncpg.TransactionRollbackError,  # deadlock
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # for a moment it is a standby
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.PostgresIOError,
    asyncpg.InvalidCachedStatementError,  # the schema was migrated under us
)
UNIQUE_TRIES = 3


class Down(Exception):
    """The database was away for longer than we wait."""


def cause_of(error: BaseException) -> BaseException:
    """What the driver said, below what SQLAlchemy and we have wrapped around it."""
    if isinstance(error, Poison):
        return cause_of(error.error)
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def is_passing(error: BaseException) -> bool:
    """It may go away by itself: the batch is worth repeating."""
    if isinstance(error, Poison):
        return is_passing(error.error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(cause_of(error), _PASSING)


class Session:
    """The lane's connection: raw for what is hot, and SQLAlchemy's view of the same one, which commits nothing."""

    def __init__(self, connection: AsyncConnection, raw: Any, lane: str, mark: str) -> None:
        self.connection = connection
        self.raw = raw
        self.last_mark = mark
        self._lane = lane
        self._writes = 0

    @classmethod
    async def open(cls, engine: AsyncEngine, lane: str) -> "Session":
        """Waits for the end of a transaction that an earlier connection of this lane may still be in."""
        connection = await engine.connect()
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        return cls(connection, raw, lane, await raw.fetchval(_MARK, lane))

    async def begin(self) -> None:
        """Whoever asks for the mark from now on waits for the end of this transaction. The lane's name needs no quoting."""
        self._writes = self._count()
        await self.raw.execute(f"BEGIN; SELECT FROM lanes WHERE lane = '{self._lane}' FOR UPDATE")

    @property
    def has_written(self) -> bool:
        """Through SQLAlchemy, since `begin`."""
        return self._count() != self._writes

    async def commit(self, mark: str) -> None:
        """*mark* is there afterwards exactly if the transaction was committed."""
        await self.raw.execute(f"UPDATE lanes SET mark = '{mark}' WHERE lane = '{self._lane}'; COMMIT")  # noqa: S608

    async def roll_back(self) -> None:
        if self.raw.is_in_transaction():
            await self.raw.execute("ROLLBACK")

    def _count(self) -> int:
        assert self.connection.sync_connection is not None
        return count_writes(self.connection.sync_connection)

    async def close(self) -> None:
        self.raw.terminate()
        with contextlib.suppress(Exception):
            await self.connection.invalidate()
            await self.connection.close()


class Attempt:
    """A batch on its way: what earlier tries have taught about it.

    *nonces*: one for each job that is a post. Those without one of their own get one of ours: with it a post can be
    repeated when nobody knows whether it was committed.
    """

    def __init__(self, jobs: Sequence[Job], nonces: Sequence[str]) -> None:
        self.jobs = jobs
        self.nonces = nonces
        self.rooms_first = {doing.room_id for doing, _ in jobs if isinstance(doing, Post)}
        self.tried_at: set[datetime] = set()
        self.mark = ""
        self.if_committed: Settled | None = None
        """What to deliver if the last try turns out to have been committed."""
        self.unique_violations = 0

    def halves(self) -> "tuple[Attempt, Attempt]":
        half = len(self.jobs) // 2
        first, second = Attempt(self.jobs[:half], self.nonces[:half]), Attempt(self.jobs[half:], self.nonces[half:])
        first.tried_at = second.tried_at = self.tried_at
        return first, second

    def is_worth_another_try(self, error: BaseException) -> bool:
        """Another node was first with something unique: what is read next time will say so properly."""
        self.unique_violations += 1
        return isinstance(cause_of(error), asyncpg.UniqueViolationError) and self.unique_violations < UNIQUE_TRIES


class PostgresEngine:
    """See `Engine`. A batch is repeated over new connections for a while; then all its writers get `Unavailable`."""

    dialect_name = "postgresql"

    def __init__(self, target: PostgresUrl, *, clock: Clock, patience: float = PATIENCE_SECONDS) -> None:
        self._target = target
        self._clock = clock
        self._patience = patience
        self._lane = secrets.token_hex(8)
        self._counter = itertools.count(1)  # of marks and nonces, which have to differ
        self._queue: list[Job] = []
        self._awake = asyncio.Event()
        self._is_stopping = False
        self._is_down = False
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self.epoch = ""
        self.on_commit: Callable[[Committed], None] = lambda committed: None
        target.connect_args["server_settings"].update(SERVER_SETTINGS)
        settings = {**target.connect_args["server_settings"], **READER_SETTINGS}
        self._readers = create_async_engine(
            target.url,
            connect_args={**target.connect_args, "server_settings": settings},
            pool_size=POOL,
            max_overflow=0,
            pool_timeout=5,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
        self._writer = create_async_engine(
            target.url, connect_args=target.connect_args, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        watch(self._writer.sync_engine)

    async def start(self, migrate: bool) -> None:
        try:
            self.epoch = await (migrate_postgres if migrate else check_postgres)(self._target)
        except Exception as error:
            if not is_passing(error):
                raise
            raise Unavailable(f"The database can not be reached: {cause_of(error)}") from error
        self._task = asyncio.create_task(self._write_batches(), name="store-writer")

    async def stop(self) -> None:
        self._is_stopping = True
        self._awake.set()
        if self._task is not None:
            await self._task
        if self._session is not None:
            with contextlib.suppress(Exception):
                await self._session.raw.execute(f"DELETE FROM lanes WHERE lane = '{self._lane}'")  # noqa: S608
            await self._session.close()
            self._session = None
        await self._readers.dispose()
        await self._writer.dispose()

    # ---- reading

    async def read(self, query: Callable[[Reader], T]) -> T:
        def run(sql: Connection) -> T:
            return query(Reader(sql, self._clock(), self.epoch))

        for is_last in (False, True):  # the first connection may be one that a restart has broken
            try:
                async with self._readers.connect() as connection:
                    return await connection.run_sync(run)
            except Exception as error:
                if not is_passing(error) or isinstance(cause_of(error), asyncpg.ReadOnlySQLTransactionError):
                    raise
                if is_last:
                    raise Unavailable from error
        raise AssertionError("not reached")

    # ---- writing

    def submit(self, job: Job) -> None:
        """Raises Unavailable."""
        if self._is_stopping or len(self._queue) >= QUEUE_CAP:
            raise Unavailable("The server is stopping" if self._is_stopping else "Overloaded; try again")
        self._queue.append(job)
        self._awake.set()

    async def _write_batches(self) -> None:
        queue = self._queue
        while not (self._is_stopping and not queue):
            await self._awake.wait()
            self._awake.clear()
            while queue:
                batch = queue[:BATCH_CAP]
                del queue[: len(batch)]
                await self._settle(Attempt(batch, [self._nonce(doing) for doing, _ in batch]))

    def _nonce(self, doing: object) -> str:
        return (isinstance(doing, Post) and doing.nonce) or f"~{self._lane}/{next(self._counter):x}"

    async def _settle(self, attempt: Attempt) -> None:
        """Commits the batch, or what of it can be, and tells everybody."""
        try:
            settled = await self._persist(attempt)
        except Down as error:
            logger.error("the database is away, %d writes are refused: %s", len(attempt.jobs), error.__cause__)  # noqa: TRY400
            settled = failed(attempt.jobs, Unavailable())
        except Exception as error:  # noqa: BLE001 (poison: whatever it is, it is its own job's)
            if len(attempt.jobs) > 1:
                for half in attempt.halves():
                    await self._settle(half)
                return
            settled = give_up(attempt.jobs, error)
        settled.deliver(self.on_commit)

    async def _persist(self, attempt: Attempt) -> Settled:
        """Tries until it is known what became of the batch. Raises Down, or what the batch itself fails by."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (0 if self._is_down else self._patience)
        while True:
            try:
                session = await self._connected()
                if attempt.if_committed is not None:
                    if session.last_mark == attempt.mark:
                        return attempt.if_committed
                    attempt.if_committed = None
                return await self._apply(session, attempt)
            except LockFirst as error:
                attempt.rooms_first.update(error.room_ids)
                await self._roll_back()
            except Exception as error:
                if not is_passing(error):
                    await self._roll_back()
                    if not attempt.is_worth_another_try(error):
                        raise
                    continue
                await self._drop_session()
                if loop.time() > deadline:
                    self._is_down = True
                    raise Down from error
                await asyncio.sleep(random.uniform(0.05, 0.2))

    async def _connected(self) -> Session:
        if self._session is None or self._session.raw.is_closed():
            await self._drop_session()
            self._session = await Session.open(self._writer, self._lane)
            self._is_down = False
        return self._session

    async def _apply(self, session: Session, attempt: Attempt) -> Settled:
        now = self._clock()
        if all(type(doing) is Post for doing, _ in attempt.jobs):
            attempt.tried_at.add(now)
            outcomes, events = await self._post(session, attempt, 0, attempt.jobs, now)
            return Settled(attempt.jobs, outcomes, Committed(events=events))
        await session.begin()
        settled = await self._run(session, attempt, now)
        if settled.committed or session.has_written:
            attempt.mark = f"{now:%Y-%m-%d} {next(self._counter)}"
            attempt.if_committed = settled
            await session.commit(attempt.mark)
        else:
            await session.roll_back()
        return settled

    async def _run(self, session: Session, attempt: Attempt, now: datetime) -> Settled:
        """A batch with works in it, inside a transaction."""
        locks = Locks()
        outcomes: list[Any] = []
        committed = Committed()
        await session.connection.run_sync(locks.take, attempt.rooms_first)
        for are_posts, run in runs(attempt.jobs):
            if are_posts:
                results, events = await self._post(session, attempt, len(outcomes), run, now)
                committed.events += events
            else:
                make = partial(Work, now=now, epoch=self.epoch, locks=locks)
                results = await session.connection.run_sync(run_works, run, committed, make)
            outcomes += results
        return Settled(attempt.jobs, outcomes, committed)

    async def _post(
        self, session: Session, attempt: Attempt, start: int, run: Sequence[Job], now: datetime
    ) -> tuple[list[Any], list[DurableEvent]]:
        """One call for a run of posts, which is at *start* in its batch."""
        posts: list[Post] = [doing for doing, _ in run]  # type: ignore[misc]
        nonces = attempt.nonces[start : start + len(posts)]
        rows = await session.raw.fetch(POST_BATCH, *arguments(posts, nonces, now))
        outcomes: list[Any] = []
        events: list[DurableEvent] = []
        for post, row in zip(posts, rows, strict=True):
            outcome, event = outcome_of(post, row, now, attempt.tried_at)
            outcomes.append(outcome)
            if event is not None:
                events.append(event)
        return outcomes, events

    async def _roll_back(self) -> None:
        try:
            if self._session is not None:
                await self._session.roll_back()
        except Exception:  # noqa: BLE001 (then another connection it is)
            await self._drop_session()

    async def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
