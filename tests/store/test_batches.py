"""Batches: what is promised of works and posts that happen to be committed together."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tertulia.domain.errors import Conflict, Forbidden, Unavailable
from tertulia.domain.events import RoomDeleted, UserChanged, UserTyping
from tertulia.store import Post, Store, Work, lane
from tertulia.store.tables import rooms

from .conftest import ANA, OPEN, OTHER, World, world_on


def rename(work: Work, name: str, room_id: int = OPEN) -> str:
    work.lock(room_id)
    work.sql.execute(rooms.update().where(rooms.c.id == room_id).values(name=name))
    work.append(RoomDeleted(user_id=ANA, created_at=work.now), room_id)
    return name


async def name_of(world: World, room_id: int = OPEN) -> str:
    query = rooms.select().where(rooms.c.id == room_id)
    return await world.store.read(lambda reader: reader.sql.execute(query).one().name)


async def test_a_work_gives_its_value_and_its_news_after_the_commit(world: World):
    def work(work: Work) -> int:
        work.announce(UserTyping(room_id=OPEN, user_id=ANA, username="ana"))
        work.notify(UserChanged(user_id=ANA))
        rename(work, "new")
        return 7

    assert await world.store.write(work) == 7
    [committed] = world.commits
    assert [type(event) for event in committed.events] == [RoomDeleted]
    assert committed.announced == [UserTyping(room_id=OPEN, user_id=ANA, username="ana")]
    assert committed.notices == [UserChanged(user_id=ANA)]
    assert await world.log() == committed.events


async def test_posts_and_works_keep_their_order(world: World):
    async with world.one_batch():
        world.start_post(content="1")
        second = asyncio.ensure_future(world.store.write(lambda work: rename(work, "2")))
        await asyncio.sleep(0)
        last = world.start_post(content="3")
    await asyncio.gather(second, last)

    assert [event.seq for event in world.events] == [1, 2, 3]
    assert isinstance(world.events[1], RoomDeleted)


async def test_acks_come_before_the_news_of_a_batch(world: World):
    async with world.one_batch():
        answers = [world.start_post(content=str(n)) for n in range(3)]
    await asyncio.gather(*answers)
    await asyncio.sleep(0)
    assert [kind for kind, _ in world.told] == ["ack", "ack", "ack", "commit"]


async def test_nobody_is_told_before_the_commit(world: World, database_url: str):
    """Another connection sees each row at the moment of its ack."""
    async with world_on(database_url, is_new=False) as another:
        for n in range(20):
            result = await world.post(content=str(n))
            heads = await another.store.heads([OPEN])
            assert heads[OPEN] >= result.seq


async def test_a_refusal_changes_nothing_and_hurts_no_neighbour(world: World):
    def refuse(work: Work) -> None:
        work.announce(UserTyping(room_id=OPEN, user_id=ANA, username="ana"))
        raise Forbidden

    async with world.one_batch():
        answers = [
            world.start_post(content="1"),
            asyncio.ensure_future(world.store.write(refuse)),
            asyncio.ensure_future(world.store.write(lambda work: rename(work, "2"))),
        ]
        await asyncio.sleep(0)
    first, refusal, name = await asyncio.gather(*answers, return_exceptions=True)

    assert (first.seq, name, type(refusal)) == (1, "2", Forbidden)
    assert all(not committed.announced for committed in world.commits)


@pytest.mark.parametrize("error", [Conflict("too late"), ZeroDivisionError()])
async def test_a_work_that_fails_after_writing_is_undone_alone(world: World, error: Exception):
    def fail(work: Work) -> None:
        rename(work, "poison", OTHER)
        raise error

    async with world.one_batch():
        answers = [
            asyncio.ensure_future(world.store.write(fail if n == 6 else lambda work, n=n: rename(work, str(n))))
            for n in range(11)
        ]
        await asyncio.sleep(0)
    results = await asyncio.gather(*answers, return_exceptions=True)

    assert results == [error if n == 6 else str(n) for n in range(11)]
    assert results[6] is error
    assert len(await world.log(OPEN)) == 10
    assert await world.log(OTHER) == []
    assert [event.seq for event in world.events] == list(range(1, 11))
    assert await name_of(world, OTHER) == "room"


async def test_a_statement_that_fails_is_its_own_works_error(world: World):
    def work(work: Work) -> None:
        work.sql.execute(text("UPDATE rooms SET name = NULL"))

    async with world.one_batch():
        bad = asyncio.ensure_future(world.store.write(work))
        await asyncio.sleep(0)
        good = world.start_post()
    with pytest.raises(DBAPIError):
        await bad
    assert (await good).seq == 1


async def test_a_work_may_not_commit(world: World):
    def work(work: Work) -> None:
        rename(work, "mine")
        work.sql.commit()

    with pytest.raises(RuntimeError):
        await world.store.write(work)
    with pytest.raises(RuntimeError):
        await world.store.write(lambda work: work.sql.begin_nested())
    assert await name_of(world) == "room"


async def test_a_work_is_dirty_from_its_first_write_on(world: World):
    def work(work: Work) -> list[bool]:
        before = work.is_dirty
        work.lock(OPEN)
        work.sql.execute(rooms.select()).all()
        read = work.is_dirty
        rename(work, "new")
        return [before, read, work.is_dirty]

    assert await world.store.write(work) == [False, False, True]
    assert await world.store.write(work) == [False, False, True]


async def test_a_callback_that_fails_reaches_nobody_else(world: World, caplog: pytest.LogCaptureFixture):
    def fail(outcome: object) -> None:
        raise ZeroDivisionError

    async with world.one_batch():
        world.store.post(Post(OPEN, ANA, "ana", "1"), fail)
        answer = world.start_post()
    assert (await answer).seq == 2
    assert "ZeroDivisionError" in caplog.text
    world.store.on_commit = fail
    assert (await world.post()).seq == 3


async def test_one_who_waits_no_more_hurts_nobody(world: World):
    async with world.one_batch():
        gone = asyncio.ensure_future(world.store.write(lambda work: rename(work, "1")))
        await asyncio.sleep(0)
        gone.cancel()
        answer = world.start_post()
    assert (await answer).seq == 2


async def test_above_its_limit_the_queue_refuses_at_once(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(f"tertulia.store.{_module(world.store)}.QUEUE_CAP", 3)
    async with world.one_batch():
        answers = [world.start_post(content=str(n)) for n in range(5)]
    results = await asyncio.gather(*answers)
    assert [type(result) for result in results[3:]] == [Unavailable] * 2
    assert [result.seq for result in results[:3]] == [1, 2, 3]


async def test_stop_finishes_what_is_queued(database_url: str):
    async with world_on(database_url) as world:
        answers = [world.start_post(content=str(n)) for n in range(lane.BATCH_CAP + 100)]
        await world.store.stop()
        assert all(answer.done() for answer in answers)
        assert [(await answer).seq for answer in answers] == list(range(1, lane.BATCH_CAP + 101))
        assert len(world.events) == lane.BATCH_CAP + 100
        assert isinstance(await world.post(), Unavailable)
        with pytest.raises(Unavailable):
            await world.store.write(lambda work: None)


def _module(store: Store) -> str:
    return {"sqlite": "sqlite", "postgresql": "postgres"}[store.dialect_name]


async def test_a_store_is_alive(world: World):
    assert await world.store.is_alive()
