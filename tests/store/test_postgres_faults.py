"""PostgreSQL under real faults: restarts under load, and answers that get lost on the way."""

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from servers import Program, postgres
from tertulia.domain.commands import SendResult
from tertulia.domain.errors import Forbidden, Unavailable
from tertulia.domain.events import RoomDeleted
from tertulia.store import Mentions, Store, Work
from tertulia.store.tables import rooms
from tertulia.store.urls import PostgresUrl

from .conftest import ANA, MUTED, OPEN, World, world_on


@pytest.fixture(scope="module")
def server() -> Iterator[Program]:
    """To be stopped and killed."""
    with postgres() as server:
        yield server


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])  # pg_ctl's fast and immediate
async def test_a_restart_under_load_is_a_pause(server: Program, how: signal.Signals):
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE restart_{int(how)}")
    url = server.url.replace("/postgres?", f"/restart_{int(how)}?")
    async with world_on(url) as world:
        numbers = iter(range(1_000_000))
        is_over = False
        outcomes: dict[int, SendResult] = {}

        async def talk() -> None:
            while not is_over:
                n = next(numbers)
                nonce = str(n) if n % 3 else None
                outcomes[n] = await world.post(content=str(n), nonce=nonce)

        async def work() -> None:
            while not is_over:
                n = next(numbers)
                outcomes[n] = await world.store.write(partial(_archive, number=n))
                with contextlib.suppress(Forbidden):
                    await world.store.write(_refuse)

        talkers = [asyncio.ensure_future(talk()) for _ in range(20)] + [asyncio.ensure_future(work()) for _ in range(3)]
        for _ in range(2):
            await _until(len(outcomes) + 300, outcomes)
            server.stop(how)
            await asyncio.sleep(0.3)  # the lane meets what a stopped server answers
            server.start()  # in this thread: the server dies with the one that started it
            await _until(len(outcomes) + 300, outcomes)
        is_over = True
        await asyncio.gather(*talkers)

        log = await world.log()
        places = {int(getattr(event, "content", None) or event.user_id): event.seq for event in log}
        assert len(places) == len(log)
        assert {n: result.seq for n, result in outcomes.items()} == places
        assert not any(result.duplicate for result in outcomes.values() if isinstance(result, SendResult))
        assert [event.seq for event in world.events] == list(range(1, len(log) + 1))


def _archive(work: Work, number: int) -> RoomDeleted:
    work.lock(OPEN)
    return work.append(RoomDeleted(user_id=number, created_at=work.now), OPEN)


def _refuse(work: Work) -> None:
    work.lock(OPEN)
    raise Forbidden


async def _until(count: int, outcomes: dict[int, SendResult]) -> None:
    async with asyncio.timeout(40):
        while len(outcomes) < count:
            await asyncio.sleep(0.005)


async def test_a_database_that_stays_away_is_unavailable_and_comes_back(server: Program):
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE away")
    url = server.url.replace("/postgres?", "/away?")
    async with world_on(url) as world:
        world.store._engine._patience = 0.3
        server.stop(signal.SIGQUIT)
        assert isinstance(await world.post(nonce="n"), Unavailable)
        assert not await world.store.is_alive()
        with pytest.raises(Unavailable):
            await world.log()
        server.start()
        async with asyncio.timeout(20):
            while not await world.store.is_alive():
                await asyncio.sleep(0.05)
        assert (await world.post(nonce="n")).seq == 1
        assert len(await world.log()) == 1


class Wire:
    """Stands between a store and its server; cuts a connection in which *word* is said.

    *late*: the server hears the word, and its answer is lost. Else the word itself is.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self.word = b""
        self.is_late = False
        self.cuts = 0

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        back = asyncio.ensure_future(self._pump(there_reader, writer))
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                if self.word and self.word in data:
                    self.word = b""
                    self.cuts += 1
                    if self.is_late:
                        back.cancel()
                        await asyncio.wait([back])
                        there_writer.write(data)
                        await there_reader.read(1)  # the server has answered: what it does is done
                    break
                there_writer.write(data)
        back.cancel()
        there_writer.transport.abort()
        writer.transport.abort()

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                writer.write(data)
            writer.close()


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[tuple[Wire, str]]:
    host = parse_qs(urlsplit(url).query)["host"][0]
    with tempfile.TemporaryDirectory(prefix="tt-wire-", dir="/tmp") as folder:
        wire = Wire(f"{host}/.s.PGSQL.5432")
        server = await asyncio.start_unix_server(wire.connect, Path(folder) / ".s.PGSQL.5432")
        try:
            yield wire, url.replace(host, folder)
        finally:
            server.close()
            await asyncio.sleep(0.01)  # let what has been closed go


@pytest.fixture
async def cut(pg_url: str) -> AsyncIterator[tuple[Wire, World]]:
    async with wired(pg_url) as (wire, url), world_on(url) as world:
        yield wire, world


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("nonce", ["n", None])
async def test_a_lost_answer_doubles_no_post(cut: tuple[Wire, World], nonce: str | None, is_late: bool):
    wire, world = cut
    await world.post(content="first")
    wire.word, wire.is_late = b"magic", is_late
    async with world.one_batch():
        answers = [world.start_post(content=f"magic {n}", nonce=nonce and f"{nonce}{n}") for n in range(3)]
    results = await asyncio.gather(*answers)

    assert wire.cuts == 1
    assert [(result.seq, result.duplicate) for result in results] == [(2, False), (3, False), (4, False)]
    assert [event.content for event in await world.log()] == ["first", "magic 0", "magic 1", "magic 2"]
    assert world.events == await world.log()


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_lost_answer_loses_no_quote_and_no_mention(cut: tuple[Wire, World], is_late: bool):
    wire, world = cut
    first = await world.post(content="first")
    wire.word, wire.is_late = b"magic", is_late
    named = Mentions(names=("mo",), here=True)
    await world.post(content="magic", nonce="n", mentions=named, reply_to=first.message_id)

    assert wire.cuts == 1
    event = world.events[-1]
    assert (event.mentions, event.mentions_here, event.quote.text) == ([MUTED], True, "first")
    assert world.events == await world.log()


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_commit_that_nobody_answered_is_looked_up(cut: tuple[Wire, World], is_late: bool):
    wire, world = cut
    runs = 0

    def work(work: Work) -> int:
        nonlocal runs
        runs += 1
        room = work.sql.execute(rooms.select().where(rooms.c.id == OPEN)).one()
        work.sql.execute(rooms.update().where(rooms.c.id == OPEN).values(member_count=room.member_count + 1))
        return work.append(RoomDeleted(user_id=ANA, created_at=work.now), OPEN).seq

    wire.word, wire.is_late = b"COMMIT", is_late
    async with world.one_batch():
        seq = asyncio.ensure_future(world.store.write(work))
        await asyncio.sleep(0)
        post = world.start_post()

    assert (await seq, (await post).seq) == (1, 2)
    assert wire.cuts == 1
    assert runs == (1 if is_late else 2)
    assert world.events == await world.log()
    query = rooms.select().where(rooms.c.id == OPEN)
    assert await world.store.read(lambda reader: reader.sql.execute(query).one().member_count) == 1


async def test_a_read_goes_on_over_another_connection(cut: tuple[Wire, World]):
    wire, world = cut
    await world.post()
    assert len(await world.log()) == 1
    wire.word = b"REPEATABLE"
    assert len(await world.log()) == 1
    assert wire.cuts == 1


async def test_the_password_is_in_no_setting_of_ours(pg_url: str):
    store = Store.open(pg_url.replace("user=tertulia", "user=tertulia&password=secret"))
    assert isinstance(store._engine._target, PostgresUrl)
    assert "secret" not in repr(store._engine._target)
