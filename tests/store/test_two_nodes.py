"""Several nodes on one PostgreSQL: dense sequences, in the order of the commits, and nobody waits in a circle."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from tertulia.domain.commands import SendResult
from tertulia.domain.errors import NonceConflict
from tertulia.domain.events import RoomDeleted
from tertulia.store import Work

from .conftest import ANA, OPEN, OTHER, PRIVATE, World, world_on


@pytest.fixture
async def nodes(pg_url: str) -> AsyncIterator[list[World]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(world_on(pg_url, is_new=n == 0)) for n in range(3)]


class Watcher:
    """Reads the whole time, over a connection of its own, and never sees a place before all those below it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.polls = 0

    async def watch(self, is_over: asyncio.Event) -> None:
        host = self._url.partition("host=")[2].partition("&")[0]
        name = self._url.partition(":///")[2].partition("?")[0]
        connection = await asyncpg.connect(host=host, user="tertulia", database=name)
        seen = 0
        query = "SELECT seq FROM room_log WHERE room_id = $1 AND seq > $2 ORDER BY seq"
        while not is_over.is_set():
            head = await connection.fetchval("SELECT last_seq FROM rooms WHERE id = $1", OPEN)
            places = [row["seq"] for row in await connection.fetch(query, OPEN, seen)]
            assert places == list(range(seen + 1, seen + 1 + len(places)))
            seen += len(places)
            assert seen >= head
            self.polls += 1
        await connection.close()


async def test_nobody_ever_sees_a_hole(nodes: list[World], pg_url: str):
    is_over = asyncio.Event()
    watcher = Watcher(pg_url)
    watching = asyncio.ensure_future(watcher.watch(is_over))

    async def talk(world: World, name: int) -> None:
        for n in range(30):
            if n % 10 == 5:
                await world.store.write(lambda work: work.append(_news(work), OPEN))
            else:
                await world.post(content=f"{name} {n}")

    await asyncio.gather(*(talk(world, name) for world in nodes for name in range(15)))
    is_over.set()
    await watching
    assert watcher.polls > 10
    log = await nodes[0].log()
    assert len(log) == 3 * 15 * 30
    told = sorted((event for world in nodes for event in world.events), key=lambda event: event.seq)
    assert told == log  # each once, on the node that wrote it
    for world in nodes:
        assert [event.seq for event in world.events] == sorted(event.seq for event in world.events)


def _news(work: Work) -> RoomDeleted:
    return RoomDeleted(user_id=ANA, created_at=work.now)


async def test_works_that_lock_in_any_order_never_wait_in_a_circle(nodes: list[World], pg_url: str):
    def work(order: list[int]) -> object:
        def locked(work: Work) -> int:
            for room_id in order:
                work.lock(room_id)
            for room_id in order:
                work.append(_news(work), room_id)
            return 1

        return locked

    chance = random.Random(7)
    orders = [chance.sample([OPEN, PRIVATE, OTHER], 3) for _ in range(150)]
    answers = []
    for n, order in enumerate(orders):
        answers.append(nodes[n % 3].store.write(work(order)))
        answers.append(nodes[n % 3].post(chance.choice(order)))
    await asyncio.gather(*answers)

    for room_id in (OPEN, PRIVATE, OTHER):
        assert len(await nodes[0].log(room_id)) >= 150
    host = pg_url.partition("host=")[2].partition("&")[0]
    connection = await asyncpg.connect(host=host, user="tertulia", database="postgres")
    name = pg_url.partition(":///")[2].partition("?")[0]
    assert await connection.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = $1", name) == 0
    await connection.close()


async def test_random_traffic_keeps_every_promise(nodes: list[World]):
    """Nonces repeated and clashing, within batches and across nodes: one row, one place, one answer for each."""
    chance = random.Random(11)
    answers: list[tuple[tuple[int, str], int, SendResult | NonceConflict]] = []

    async def talk(world: World) -> None:
        for _ in range(25):
            room_id, nonce, digest = chance.choice([OPEN, OTHER]), str(chance.randrange(150)), chance.randrange(2)
            outcome = await world.post(room_id, content=str(digest), nonce=nonce, digest=digest)
            answers.append(((room_id, nonce), digest, outcome))

    await asyncio.gather(*(talk(world) for world in nodes for _ in range(20)))
    logs = {room_id: await nodes[0].log(room_id) for room_id in (OPEN, OTHER)}
    stored = {(room_id, event.nonce): event for room_id, log in logs.items() for event in log}
    assert len(stored) == sum(map(len, logs.values()))
    firsts = 0
    for key, digest, outcome in answers:
        event = stored[key]
        if isinstance(outcome, SendResult):
            assert (outcome.seq, outcome.message_id, event.content) == (event.seq, event.message_id, str(digest))
            firsts += not outcome.duplicate
        else:
            assert isinstance(outcome, NonceConflict)
            assert event.content != str(digest)
    assert firsts == len(stored)
    assert sum(len(world.events) for world in nodes) == len(stored)
