"""Fixtures for all tests: fresh databases on both engines, a Valkey, and servers to talk to."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from servers import Program, postgres, valkey

_shared = pytest.StashKey[tuple[ExitStack, str]]()
_numbers = itertools.count()


def _shared_postgres(config: pytest.Config) -> str:
    """The URL of one PostgreSQL for the whole run, with the migrated schema in the database `template`."""
    if _shared not in config.stash:
        stack = ExitStack()
        url = os.environ.get("TERTULIA_TEST_POSTGRES") or stack.enter_context(postgres(synchronous_commit="off")).url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS tertulia_template")
            connection.execute("CREATE DATABASE tertulia_template")
        _migrate(database(url, "tertulia_template"))
        config.stash[_shared] = stack, url
    return config.stash[_shared][1]


def database(url: str, name: str) -> str:
    return url.replace("/postgres?", f"/{name}?", 1)


def _migrate(url: str) -> None:
    """In a thread, which has no event loop yet."""
    from tertulia.store.migrate import migrate

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(url)).result()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three for two cores: many tests wait, for servers that start or for time to pass."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


def pytest_configure_node(node) -> None:
    """In the process that pytest-xdist directs its workers from: one PostgreSQL for all of them."""
    node.workerinput["postgres_url"] = _shared_postgres(node.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _shared in config.stash:
        config.stash[_shared][0].close()


@pytest.fixture(scope="session")
def pg_server(request: pytest.FixtureRequest) -> str:
    """The address of the run's PostgreSQL; its databases are the fixture `pg_url`'s. To be killed by nobody."""
    from_director = getattr(request.config, "workerinput", {}).get("postgres_url")
    return from_director or _shared_postgres(request.config)


@pytest.fixture
def pg_url(pg_server: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(pg_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE tertulia_template")
    yield database(pg_server, name)
    with psycopg.connect(pg_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path}/tertulia.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database on each engine in turn."""
    return request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "pg_url"}[request.param])


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Program]:
    """One for each pytest-xdist worker: channels know no databases."""
    with valkey() as server:
        yield server


@pytest.fixture
def redis_url(valkey_server: Program) -> str:
    """An empty Valkey."""
    import redis

    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url
