"""The schema: made and brought up to date by the packaged migrations, and never used when newer than this code."""

import os
import secrets
import sqlite3
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, StaticPool, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tertulia.store.tables import meta
from tertulia.store.urls import PostgresUrl, SqliteUrl, parse_url

MIGRATIONS = Path(__file__).parent / "migrations"
WAL_TRIES = 200
DEADLOCK_TRIES = 20
DEADLOCK_DETECTED = "40P01"
_ADVISORY_LOCK = 7_365_127_001  # any number of our own: one migration at a time, whichever node starts it


class SchemaTooNew(Exception):
    """A newer version of Tertulia has used this database."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"The database has schema {found}, which is newer than this version of Tertulia knows ({latest()}):"
            " update Tertulia, or restore the backup that was made before the update."
        )


class SchemaTooOld(Exception):
    """The database has to be migrated first."""

    def __init__(self, found: str | None) -> None:
        state = f"has schema {found}" if found else "is empty"
        super().__init__(
            f"The database {state}, and this version of Tertulia needs {latest()}: run `tertulia migrate`."
        )


async def migrate(url: str) -> str:
    """Brings the database to the newest schema, creating what is missing. Gives the revision. Raises SchemaTooNew."""
    target = parse_url(url)
    if isinstance(target, SqliteUrl):
        migrate_sqlite(target.path)
    else:
        await migrate_postgres(target)
    return latest()


def migrate_sqlite(path: Path) -> str:
    """Creates the file if need be, in WAL mode. Gives the epoch. Raises SchemaTooNew, `sqlite3.Error`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):  # one that is there must not be opened: closing it would drop its locks
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    raw = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        _use_wal(raw)
        raw.execute("PRAGMA foreign_keys=OFF")  # a table made anew is for a moment not there
        engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool, pool_reset_on_return=None)
        connection = engine.connect()  # before BEGIN: SQLAlchemy's first look at a database ends in a rollback
        raw.execute("BEGIN IMMEDIATE")
        epoch = upgrade(connection)
        raw.execute("COMMIT")
        return epoch
    finally:
        raw.close()


def _use_wal(raw: sqlite3.Connection) -> None:
    """SQLite does not wait for others who do this at the same moment, whatever its timeout."""
    for is_last in [False] * WAL_TRIES + [True]:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if is_last:
                raise
            time.sleep(0.05)
        else:
            return


async def migrate_postgres(target: PostgresUrl) -> str:
    """Under an advisory lock, in one transaction, which begins again when it and a node that is at work have waited for
    each other. Gives the epoch. Raises SchemaTooNew."""
    engine = create_async_engine(target.url, connect_args=target.connect_args)
    try:
        for is_last in [False] * DEADLOCK_TRIES + [True]:
            try:
                return await _migrate_once(engine)
            except DBAPIError as error:
                if is_last or getattr(error.orig, "sqlstate", "") != DEADLOCK_DETECTED:
                    raise
        raise AssertionError("not reached")
    finally:
        await engine.dispose()


async def _migrate_once(engine: AsyncEngine) -> str:
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        return await connection.run_sync(upgrade)


async def check_postgres(target: PostgresUrl) -> str:
    """The epoch. Raises SchemaTooNew, SchemaTooOld."""

    def look(connection: Connection) -> str:
        found = check(connection)
        if found != latest():
            raise SchemaTooOld(found)
        return epoch_of(connection)

    engine = create_async_engine(target.url, connect_args=target.connect_args)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


def upgrade(connection: Connection) -> str:
    """Within the caller's transaction."""
    found = check(connection)
    if found != latest():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return epoch_of(connection)


def check(connection: Connection) -> str | None:
    """The revision of the schema, None for an empty database. Raises SchemaTooNew."""
    found = current(connection)
    if found is not None and found not in known():
        raise SchemaTooNew(found)
    return found


def current(connection: Connection) -> str | None:
    connection.execute(text("SELECT 1"))  # alembic is to see that a transaction has begun
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def epoch_of(connection: Connection) -> str:
    """Of this database's sequences; made up at the first look."""
    query = text("SELECT value FROM meta WHERE key = 'epoch'")
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        found = secrets.token_urlsafe(9)
        connection.execute(meta.insert().values(key="epoch", value=found))
    return str(found)


def latest() -> str:
    return known()[0]


@lru_cache
def known() -> list[str]:
    """All revisions that this code has a migration to, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
