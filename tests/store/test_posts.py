"""Posts: the same outcomes on both engines, whatever is in a batch together."""

import asyncio

import pytest

from tertulia.domain.errors import Internal, Invalid, Muted, NonceConflict, NoSuchRoom, NotAMember
from tertulia.store import scrub
from tertulia.store.tables import messages, rooms

from .conftest import ANA, ARCHIVED, MISSING, MUTED, OPEN, OTHER, PRIVATE, STRANGER, World


async def test_a_post_is_logged_kept_and_published(world: World):
    result = await world.post(content="hola", nonce="n", digest=7)

    assert (result.seq, result.duplicate) == (1, False)
    [event] = world.events
    assert (event.room_id, event.seq, event.message_id) == (OPEN, 1, result.message_id)
    assert (event.content, event.nonce, event.username, event.created_at) == ("hola", "n", "ana", result.created_at)
    assert await world.log() == [event]
    [row] = await world.store.read(lambda reader: reader.sql.execute(messages.select()).all())
    assert (row.id, row.room_id, row.seq, row.user_id, row.content) == (result.message_id, OPEN, 1, ANA, "hola")
    assert (row.kind, row.reply_to, row.is_edited, row.created_at) == ("text", None, False, result.created_at)


async def test_ids_go_up_as_seq_does(world: World):
    async with world.one_batch():
        answers = [world.start_post(room_id, content=str(n)) for n in range(40) for room_id in (OPEN, OTHER)]
    results = await asyncio.gather(*answers)

    assert [result.seq for result in results] == [n for n in range(1, 41) for _ in (OPEN, OTHER)]
    ids = [result.message_id for result in results]
    assert ids == sorted(set(ids))
    assert [event.content for event in await world.log(OTHER)] == [str(n) for n in range(40)]
    assert len(await world.log(OPEN)) == 40


@pytest.mark.parametrize(
    ("room_id", "user_id", "error"),
    [
        (MISSING, ANA, NoSuchRoom),
        (ARCHIVED, ANA, NoSuchRoom),
        (PRIVATE, STRANGER, NoSuchRoom),
        (ARCHIVED, STRANGER, NoSuchRoom),
        (OPEN, STRANGER, NotAMember),
        (OPEN, MUTED, Muted),
        (PRIVATE, MUTED, Muted),
    ],
)
@pytest.mark.parametrize("nonce", ["n", None])
async def test_who_may_not_send_is_refused(world: World, room_id: int, user_id: int, error: type, nonce: str | None):
    assert type(await world.post(room_id, user_id, nonce=nonce)) is error
    assert world.events == []


async def test_a_mute_that_is_over_refuses_nothing(world: World):
    assert (await world.post(PRIVATE, ANA)).seq == 1


async def test_a_reply_is_to_a_message_of_the_same_room(world: World):
    there = await world.post(OTHER)
    here = await world.post(OPEN)

    refusal = await world.post(OPEN, reply_to=there.message_id)
    assert isinstance(refusal, Invalid)
    assert refusal.field == "reply_to"
    assert isinstance(await world.post(OPEN, reply_to=10**15), Invalid)
    await world.post(OPEN, reply_to=here.message_id)
    assert [event.reply_to for event in await world.log()] == [None, here.message_id]


async def test_the_same_nonce_gives_the_first_result_again(world: World):
    first = await world.post(nonce="n", digest=1)
    again = await world.post(nonce="n", digest=1)

    assert again.duplicate
    assert (again.message_id, again.seq, again.created_at) == (first.message_id, first.seq, first.created_at)
    assert len(world.events) == len(await world.log()) == 1


async def test_a_nonce_is_of_one_author_in_one_room(world: World):
    await world.store.write(lambda work: work.sql.execute(rooms.update().values(archived_at=None)))
    results = [await world.post(room_id, nonce="n") for room_id in (OPEN, OTHER, PRIVATE, ARCHIVED)]
    assert [result.duplicate for result in results] == [False] * 4


async def test_a_nonce_with_another_digest_is_a_conflict(world: World):
    await world.post(nonce="n", digest=1)
    assert isinstance(await world.post(nonce="n", digest=2), NonceConflict)
    async with world.one_batch():
        answers = [world.start_post(nonce="m", digest=digest) for digest in (1, 2, 1)]
    first, conflict, again = await asyncio.gather(*answers)
    assert first.seq == again.seq == 2
    assert again.duplicate
    assert isinstance(conflict, NonceConflict)


async def test_a_nonce_without_a_digest_conflicts_with_nothing(world: World):
    await world.post(nonce="n")
    assert (await world.post(nonce="n", digest=2)).duplicate
    first = await world.post(nonce="m", digest=-(2**63))
    assert (await world.post(nonce="m")).duplicate
    await world.store.write(lambda work: scrub(work, first.message_id, OPEN, first.seq))
    assert (await world.post(nonce="m", digest=5)).duplicate


async def test_a_repeat_gets_its_first_result_in_a_room_that_was_closed_since(world: World):
    first = await world.post(nonce="n", digest=1)
    await world.store.write(lambda work: work.sql.execute(rooms.update().values(archived_at=work.now)))

    assert (await world.post(nonce="n", digest=1)).seq == first.seq
    assert isinstance(await world.post(nonce="n", digest=2), NonceConflict)
    assert isinstance(await world.post(nonce="m", digest=1), NoSuchRoom)


async def test_a_batch_may_hold_old_and_new_good_and_bad(world: World):
    old = await world.post(nonce="old", content="old", digest=1)
    async with world.one_batch():
        answers = [
            world.start_post(content="a", nonce="a", digest=1),
            world.start_post(MISSING),
            world.start_post(content="old", nonce="old", digest=1),
            world.start_post(user_id=MUTED, nonce="a"),
            world.start_post(content="b", nonce="b", reply_to=10**15),  # refused, so that its nonce is free
            world.start_post(content="b", nonce="b"),
            world.start_post(content="b", nonce="b", reply_to=10**15),
            world.start_post(content="c"),
            world.start_post(content="c"),
            world.start_post(content="a", nonce="a", digest=1),
        ]
    a, missing, again, muted, refused, b, repeated, c, another_c, a_again = await asyncio.gather(*answers)

    assert [r.seq for r in (a, b, c, another_c)] == [2, 3, 4, 5]
    assert (again.seq, again.duplicate, again.message_id) == (old.seq, True, old.message_id)
    assert (a_again.seq, a_again.duplicate, a_again.message_id) == (a.seq, True, a.message_id)
    assert (repeated.seq, repeated.duplicate) == (b.seq, True)
    assert [type(r) for r in (missing, muted, refused)] == [NoSuchRoom, Muted, Invalid]
    assert [event.content for event in await world.log()] == ["old", "a", "b", "c", "c"]
    assert world.events == await world.log()


async def test_what_no_database_takes_hurts_no_neighbour(world: World):
    poison = "\ud800" if world.store.dialect_name == "sqlite" else "\0"
    async with world.one_batch():
        answers = [world.start_post(content=poison if n == 5 else str(n), nonce=str(n)) for n in range(12)]
    results = await asyncio.gather(*answers)

    assert isinstance(results[5], Internal)
    assert [r.seq for r in results if not isinstance(r, Internal)] == list(range(1, 12))
    assert len(await world.log()) == 11
