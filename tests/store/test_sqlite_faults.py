"""SQLite under real faults: what was acked is there, what was not is `Unavailable`, and it goes on by itself."""

import asyncio
import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from tertulia.domain.commands import SendResult
from tertulia.domain.errors import Unavailable
from tertulia.store import Store
from tertulia.store.meta import remember_once
from tertulia.store.sqlite import Session

from .conftest import World, world_on

WRITING = Path(__file__).with_name("writing.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
async def world(path: Path) -> AsyncIterator[World]:
    async with world_on(f"sqlite:///{path}") as world:
        yield world


@asynccontextmanager
async def writing(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, WRITING, *arguments, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def next_line(process: asyncio.subprocess.Process, kind: str, seen: list[list[str]]) -> None:
    """Reads on to a line of that *kind*."""
    assert process.stdout is not None
    while True:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()
        assert line, "the writer ended"
        seen.append(line)
        if line[0] == kind:
            return


async def check(url: str, seen: list[list[str]]) -> None:
    """Every ack is in the log, at its place, once."""
    async with world_on(url, is_new=False) as world:
        log = await world.log()
        places = {event.nonce: event.seq for event in log}
        assert len(places) == len(log)
        acked = {nonce: int(seq) for kind, nonce, seq in seen if kind == "ack"}
        assert acked.items() <= places.items()
        refused = {nonce for kind, nonce, _ in seen if kind == "refused"}
        assert not refused & places.keys()
        assert (await world.post(content="it goes on")).seq == len(log) + 1


@pytest.mark.parametrize("acks", [1, 50, 700])
async def test_a_killed_server_loses_nothing_that_it_acked(path: Path, acks: int):
    url = f"sqlite:///{path}"
    async with world_on(url):
        pass
    seen: list[list[str]] = []
    async with writing(url) as process:
        for _ in range(acks):
            await next_line(process, "ack", seen)
        process.kill()
        assert process.stdout is not None
        rest = (await process.stdout.read()).decode()
        seen += [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    await check(url, seen)


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room_again(path: Path):
    url = f"sqlite:///{path}"
    async with world_on(url):
        pass
    seen: list[list[str]] = []
    async with writing(url, "600000") as process:
        await next_line(process, "ack", seen)
        await next_line(process, "refused", seen)
        assert seen[-1][2] == "Unavailable"
        assert process.stdin is not None
        process.stdin.write(b"there is room\n")
        for _ in range(50):
            await next_line(process, "ack", seen)
        process.kill()
        assert process.stdout is not None
        rest = (await process.stdout.read()).decode()
        seen += [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    await check(url, seen)


async def test_a_file_that_may_not_grow_refuses_what_does_not_fit(world: World):
    def allow(pages: int) -> None:
        pragma = text(f"PRAGMA max_page_count = {pages}")
        world.held = [asyncio.ensure_future(world.store.write(lambda work: work.sql.execute(pragma).scalar()))]

    allow(1)
    [limit] = await asyncio.gather(*world.held)
    refused = 0
    for n in range(400):
        outcome = await world.post(content="x" * 3000, nonce=str(n))
        refused += isinstance(outcome, Unavailable)
    assert refused
    assert limit
    length = len(await world.log())
    assert length == 400 - refused
    allow(100_000)
    await asyncio.gather(*world.held)
    assert (await world.post()).seq == length + 1


async def test_another_process_that_holds_the_lock_makes_it_unavailable_for_a_while(world: World, path: Path):
    holder = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN EXCLUSIVE');"
        "print('held', flush=True); sys.stdin.readline(); db.execute('COMMIT'); print('let go', flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        outcome, is_alive = await asyncio.gather(world.post(nonce="n"), world.store.is_alive())
        assert isinstance(outcome, Unavailable)
        assert not is_alive
        assert await world.log() == []  # WAL: who reads does not wait
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "let go\n"
    assert (await world.post(nonce="n")).duplicate is False


async def test_a_deleted_file_refuses_until_it_is_back(world: World, path: Path, tmp_path: Path):
    await world.post(nonce="n")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    names = [file.name for file in tmp_path.iterdir() if file.name.startswith(path.name)]
    (tmp_path / "away").mkdir()
    for name in names:
        shutil.move(tmp_path / name, tmp_path / "away" / name)
    assert isinstance(await world.post(nonce="m"), Unavailable)
    with pytest.raises(Unavailable):
        await world.log()
    assert not path.exists()
    for name in names:
        shutil.move(tmp_path / "away" / name, tmp_path / name)
    assert (await world.post(nonce="n")).duplicate
    assert (await world.post(nonce="m")).seq == 2
    assert len(await world.log()) == 2


async def test_another_database_put_in_its_place_is_not_written_to(world: World, path: Path, tmp_path: Path):
    other = tmp_path / "other.db"
    async with world_on(f"sqlite:///{other}"):
        pass
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()
    other.replace(path)
    assert isinstance(await world.post(), Unavailable)
    async with world_on(f"sqlite:///{path}", is_new=False) as another:
        assert await another.log() == []


async def test_two_processes_on_one_file_take_turns(path: Path):
    url = f"sqlite:///{path}"
    async with world_on(url) as one, world_on(url, is_new=False) as two:
        answers = [world.start_post(content=str(n)) for n in range(200) for world in (one, two)]
        results = await asyncio.gather(*answers)
        assert all(isinstance(result, SendResult) for result in results)
        assert sorted(result.seq for result in results) == list(range(1, 401))
        assert len(await one.log()) == 400


async def test_a_read_only_database_is_unavailable_for_writers_and_can_be_read(path: Path):
    if os.geteuid() == 0:
        pytest.skip("root may write anything")
    async with world_on(f"sqlite:///{path}") as before:
        epoch = before.store.epoch
    path.chmod(0o444)
    store = Store.open(f"sqlite:///{path}")
    await store.start()
    try:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await store.write(lambda work: remember_once(work, "k", "v"))
        assert await store.read(lambda reader: reader.epoch) == epoch
    finally:
        await store.stop()


async def test_a_connection_that_is_given_up_is_forgotten(path: Path):
    async with world_on(f"sqlite:///{path}"):
        session = Session(path, "FULL", may_write=True)
        known = weakref.ref(session)
        session.sql.execute(text("SELECT 1"))
        session.close()
        del session
        gc.collect()
        assert known() is None
