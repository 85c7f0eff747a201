"""SQLite: one thread that writes, batch by batch, and a few that read, each with a connection of its own."""

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tertulia.domain.clock import Clock
from tertulia.domain.errors import Unavailable
from tertulia.store.lane import BATCH_CAP, QUEUE_CAP, Job, Poison, Settled, failed, give_up, run_works, runs
from tertulia.store.migrate import migrate_sqlite
from tertulia.store.posts import NonceSeen, apply_posts
from tertulia.store.work import Committed, Locks, Reader, Work, watch

logger = logging.getLogger(__name__)
T = TypeVar("T")

READERS = 2
"""So that a long look does not hold up the short ones; more would only wait for each other, in one interpreter."""
BUSY_SECONDS = 2.0
CHECKPOINT_PAGES = 4000
_ENGINE_FAILURES = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}  # the connection is as good as before


class FileMoved(sqlite3.OperationalError):
    """The file that we have open is not the one at its path any more: what is written to it would be lost."""

    sqlite_errorcode = sqlite3.SQLITE_CANTOPEN


def engine_failure(error: BaseException) -> sqlite3.Error | None:
    """What SQLite itself failed by, if it did, and not the statement."""
    cause = error.error if isinstance(error, Poison) else error
    if isinstance(cause, DBAPIError):
        cause = cause.orig or cause
    if isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF in _ENGINE_FAILURES:
        return cause
    return None


class Session:
    """One connection, to be used by one thread: raw for what is hot, and SQLAlchemy's view of the same one."""

    def __init__(self, path: Path, synchronous: str, *, may_write: bool) -> None:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        self._path = path
        self.raw = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False, cached_statements=256
        )
        try:
            for name, value in {
                "synchronous": synchronous,
                "foreign_keys": "ON",
                "wal_autocheckpoint": CHECKPOINT_PAGES,
                "query_only": "OFF" if may_write else "ON",
            }.items():
                self.raw.execute(f"PRAGMA {name}={value}")
            self._file = self._file_now()
        except BaseException:
            self.raw.close()
            raise
        engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool, pool_reset_on_return=None)
        watch(engine)
        # It believes itself in one endless transaction; BEGIN and COMMIT are ours, on the raw connection.
        self.sql: Connection = engine.connect()

    def begin(self, how: str) -> None:
        """Raises FileMoved when the file was deleted or replaced under us."""
        if self._file_now() != self._file:
            raise FileMoved("the database file was moved or deleted")
        self.raw.execute(how)

    def roll_back(self) -> None:
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def close(self) -> None:
        # SQLAlchemy remembers a connection that is not closed, and so all of this, for ever.
        with contextlib.suppress(SQLAlchemyError, sqlite3.Error):
            self.sql.close()
        self.raw.close()

    def _file_now(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise FileMoved(str(error)) from error
        return found.st_dev, found.st_ino


class SqliteEngine:
    """See `Engine`. Every failure of SQLite is `Unavailable` to those who waited, and the next batch tries anew."""

    dialect_name = "sqlite"

    def __init__(self, path: Path, *, clock: Clock, synchronous: str) -> None:
        self._path = path
        self._clock = clock
        self._synchronous = synchronous
        self._queue: list[Job] = []
        self._awake = threading.Event()
        self._is_stopping = False
        self._writer = threading.Thread(target=self._write_batches, name="store-writer", daemon=True)
        self._readers = [
            threading.Thread(target=self._answer_questions, name=f"store-reader-{n}", daemon=True)
            for n in range(READERS)
        ]
        # None sends a reader home.
        self._questions: SimpleQueue[tuple[Callable[[Reader], Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._local = threading.local()
        self._sessions: set[Session] = set()
        self._loop: asyncio.AbstractEventLoop
        self.epoch = ""
        self.on_commit: Callable[[Committed], None] = lambda committed: None

    async def start(self, migrate: bool) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            self.epoch = await asyncio.to_thread(migrate_sqlite, self._path)
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"The database {self._path} can not be used: {error}") from error
        for thread in (self._writer, *self._readers):
            thread.start()

    async def stop(self) -> None:
        self._is_stopping = True
        self._awake.set()
        if self._writer.ident is not None:
            await asyncio.to_thread(self._writer.join)
        started = [reader for reader in self._readers if reader.ident is not None]
        for _ in started:
            self._questions.put(None)
        for reader in started:
            await asyncio.to_thread(reader.join)
        await asyncio.sleep(0)  # what the threads handed over last is delivered before we say that we stopped
        for session in self._sessions:
            session.close()
        self._sessions.clear()

    # ---- reading

    async def read(self, query: Callable[[Reader], T]) -> T:
        if self._is_stopping:
            raise Unavailable("The server is stopping")
        answer: asyncio.Future[T] = self._loop.create_future()
        self._questions.put((query, answer))
        try:
            return await answer
        except (sqlite3.Error, DBAPIError) as error:
            cause = engine_failure(error)
            if cause is None or cause.sqlite_errorcode == sqlite3.SQLITE_READONLY:  # a reader that writes is a bug
                raise
            raise Unavailable from error

    def _answer_questions(self) -> None:
        while (question := self._questions.get()) is not None:
            query, answer = question
            try:
                tell: Callable[[], None] = partial(_fulfil, answer, self._read(query))
            except BaseException as error:  # noqa: BLE001 (the asker's, whatever it is)
                tell = partial(_fail, answer, error)
            self._loop.call_soon_threadsafe(tell)

    def _read(self, query: Callable[[Reader], T]) -> T:
        session = self._reading_session()
        try:
            session.begin("BEGIN")
            return query(Reader(session.sql, self._clock(), self.epoch))
        except (sqlite3.Error, DBAPIError) as error:
            if (cause := engine_failure(error)) and not _is_passing(cause):
                self._drop(session)
                self._local.session = None
            raise
        finally:
            with contextlib.suppress(sqlite3.Error):
                session.roll_back()

    def _reading_session(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._open(may_write=False)
        return session

    # ---- writing

    def submit(self, job: Job) -> None:
        """Raises Unavailable."""
        if self._is_stopping or len(self._queue) >= QUEUE_CAP:
            raise Unavailable("The server is stopping" if self._is_stopping else "Overloaded; try again")
        self._queue.append(job)
        if not self._awake.is_set():
            self._awake.set()

    def _write_batches(self) -> None:
        session: Session | None = None
        queue = self._queue
        while not (self._is_stopping and not queue):
            self._awake.wait()
            self._awake.clear()
            while queue:
                batch = queue[:BATCH_CAP]
                del queue[: len(batch)]
                session = self._settle(session, batch)

    def _settle(self, session: Session | None, jobs: Sequence[Job]) -> Session | None:
        """Commits *jobs*, or what of them can be, and hands the outcome to the loop. Gives the session to go on with."""
        try:
            session = session or self._open(may_write=True)
            settled = self._commit(session, jobs)
        except Exception as error:  # noqa: BLE001 (poison: whatever it is, it is its own job's)
            if session is not None:
                session = self._recover(session, error)
            if (cause := engine_failure(error)) is not None:
                logger.error("the database failed, %d writes are refused: %s", len(jobs), cause)  # noqa: TRY400
                settled = failed(jobs, Unavailable())
            elif len(jobs) > 1:
                half = len(jobs) // 2
                return self._settle(self._settle(session, jobs[:half]), jobs[half:])
            else:
                settled = give_up(jobs, error)
        self._loop.call_soon_threadsafe(settled.deliver, self._publish)
        return session

    def _commit(self, session: Session, jobs: Sequence[Job]) -> Settled:
        try:
            return self._apply(session, jobs, with_care=False)
        except NonceSeen:
            session.roll_back()
            return self._apply(session, jobs, with_care=True)

    def _apply(self, session: Session, jobs: Sequence[Job], *, with_care: bool) -> Settled:
        now = self._clock()
        outcomes: list[Any] = []
        committed = Committed()
        session.begin("BEGIN IMMEDIATE")
        for are_posts, run in runs(jobs):
            if are_posts:
                posts = [post for post, _ in run]
                results, events = apply_posts(session.raw, posts, now, with_care=with_care)  # type: ignore[arg-type]
                outcomes += results
                committed.events += events
            else:
                make = partial(Work, now=now, epoch=self.epoch, locks=Locks())
                outcomes += run_works(session.sql, run, committed, make)
        session.raw.execute("COMMIT")
        return Settled(jobs, outcomes, committed)

    def _recover(self, session: Session, error: Exception) -> Session | None:
        """The session, rolled back; None if it is better to open another."""
        cause = engine_failure(error)
        try:
            session.roll_back()
        except sqlite3.Error as another:
            cause = another
        if cause is None or _is_passing(cause):
            return session
        self._drop(session)
        return None

    def _publish(self, committed: Committed) -> None:
        self.on_commit(committed)

    def _open(self, *, may_write: bool) -> Session:
        session = Session(self._path, self._synchronous, may_write=may_write)
        found = session.raw.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        if found is None or found[0] != self.epoch:
            session.close()
            raise FileMoved("another database was put in its place: restart the server")
        self._sessions.add(session)
        return session

    def _drop(self, session: Session) -> None:
        self._sessions.discard(session)
        with contextlib.suppress(sqlite3.Error):
            session.close()


def _is_passing(cause: sqlite3.Error) -> bool:
    return not isinstance(cause, FileMoved) and cause.sqlite_errorcode & 0xFF in _PASSING


def _fulfil(answer: asyncio.Future[Any], value: Any) -> None:
    if not answer.done():  # whoever waited may have gone
        answer.set_result(value)


def _fail(answer: asyncio.Future[Any], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
