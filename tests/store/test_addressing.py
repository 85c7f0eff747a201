"""Whom a post is for: those it mentions, everybody, or the other one in a direct room; and who may not write to whom."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tertulia.domain.errors import Blocked, NoSuchRoom
from tertulia.store import Mentions, Post, Work
from tertulia.store.posts import apply_posts
from tertulia.store.tables import memberships, mentions, messages, room_log, rooms, users

from .conftest import ANA, MUTED, OPEN, OTHER, STRANGER, World, world_on

BEN, DIRECT = 7, 8


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """With Ben, who is in the same rooms as Ana, and a direct room of these two."""

    def bring(work: Work) -> None:
        now = work.now
        named = {"username": "Ben", "username_key": "ben", "display_name": "Ben", "password_hash": ""}
        work.sql.execute(users.insert().values(id=BEN, created_at=now, **named))
        key = f"{ANA}:{BEN}"
        direct = {"kind": "direct", "name": "", "is_private": True, "direct_key": key}
        work.sql.execute(rooms.insert().values(id=DIRECT, created_at=now, updated_at=now, **direct))
        for room_id, user_id in ((OPEN, BEN), (OTHER, BEN), (DIRECT, ANA), (DIRECT, BEN)):
            member = {"room_id": room_id, "user_id": user_id, "role": "member", "joined_at": now}
            work.sql.execute(memberships.insert().values(**member))

    async with world_on(database_url) as world:
        await world.store.write(bring)
        yield world


def named(*names: str, here: bool = False) -> Mentions:
    return Mentions(names=names, here=here)


async def rows(world: World, table: Any) -> list[Any]:
    return await world.store.read(lambda reader: list(reader.sql.execute(table.select()).all()))


async def called(world: World) -> set[tuple[int, int, int]]:
    return {(row.room_id, row.seq, row.user_id) for row in await rows(world, mentions)}


async def payloads(world: World) -> list[dict[str, Any]]:
    return [msgspec.json.decode(row.payload) for row in await rows(world, room_log)]


async def test_members_are_mentioned_and_others_are_not(world: World):
    await world.post(mentions=named("sam", "mo", "nobody", "ben"))  # sam is no member
    [event] = world.events

    assert (event.mentions, event.mentions_here) == ([MUTED, BEN], False)
    [row] = await rows(world, messages)
    assert row.mentions == [MUTED, BEN]
    assert await called(world) == {(OPEN, 1, MUTED), (OPEN, 1, BEN)}
    assert await world.log() == [event]


async def test_everybody_is_one_row(world: World):
    await world.post(mentions=named("ben", here=True))
    await world.post(mentions=named(here=True))
    one, other = world.events

    assert (one.mentions, one.mentions_here) == ([BEN], True)
    assert (other.mentions, other.mentions_here) == ([], True)
    assert [row.mentions for row in await rows(world, messages)] == [[BEN, 0], [0]]
    assert await called(world) == {(OPEN, 1, 0), (OPEN, 2, 0)}
    assert await world.log() == [one, other]


async def test_nobody_calls_themselves(world: World):
    await world.post(mentions=named("ana"))
    assert world.events[0].mentions == [ANA]
    assert await called(world) == set()


async def test_a_text_that_names_no_member_mentions_nobody(world: World):
    await world.post(mentions=named("sam"))
    [row] = await rows(world, messages)
    assert row.mentions is None
    assert world.events[0].mentions == []
    assert "mentions" not in (await payloads(world))[0]


async def test_names_are_of_the_room_that_they_are_said_in(world: World):
    await world.store.write(
        lambda work: (
            work.sql.execute(memberships.delete().where(memberships.c.room_id == OTHER, memberships.c.user_id == BEN))
            and None
        )
    )
    async with world.one_batch():
        answers = [world.start_post(room_id, mentions=named("ben")) for room_id in (OPEN, OTHER)]
    await asyncio.gather(*answers)
    assert {event.room_id: event.mentions for event in world.events} == {OPEN: [BEN], OTHER: []}


async def test_a_message_in_a_direct_room_is_for_the_other_one(world: World):
    await world.post(DIRECT, ANA)
    await world.post(DIRECT, BEN, mentions=named("ana"))
    await world.post(OPEN, ANA)

    assert [event.recipient_id for event in world.events] == [BEN, ANA, None]
    assert [row.recipient_id for row in await rows(world, messages)] == [BEN, ANA, None]
    assert await world.log(DIRECT) == world.events[:2]
    assert await called(world) == {(DIRECT, 2, ANA)}


async def test_nobody_writes_in_a_direct_room_that_is_blocked(world: World):
    first = await world.post(DIRECT, ANA, nonce="n", digest=1)
    await world.store.write(
        lambda work: work.sql.execute(rooms.update().where(rooms.c.id == DIRECT).values(is_blocked=True)) and None
    )
    async with world.one_batch():
        answers = [world.start_post(DIRECT, ANA), world.start_post(DIRECT, BEN), world.start_post(DIRECT, STRANGER)]
        answers += [world.start_post(OPEN, ANA), world.start_post(DIRECT, ANA, nonce="n", digest=1)]
    anas, bens, strangers, elsewhere, again = await asyncio.gather(*answers)

    assert [type(anas), type(bens), type(strangers)] == [Blocked, Blocked, NoSuchRoom]
    assert elsewhere.seq == 1
    assert (again.message_id, again.duplicate) == (first.message_id, True)
    assert len(await world.log(DIRECT)) == 1


async def test_a_repeat_mentions_nobody_again(world: World):
    for _ in range(2):
        await world.post(nonce="n", digest=1, mentions=named("ben", here=True))
    async with world.one_batch():
        answers = [world.start_post(nonce="m", digest=1, mentions=named("ben")) for _ in range(3)]
    results = await asyncio.gather(*answers)
    assert [result.duplicate for result in results] == [False, True, True]
    assert await called(world) == {(OPEN, 1, 0), (OPEN, 2, BEN)}
    assert len(await rows(world, messages)) == 2


async def test_plain_and_other_messages_may_be_in_one_batch(world: World):
    plain = await world.post(content="plain")
    async with world.one_batch():
        answers = []
        for n in range(30):
            answers += [
                world.start_post(OPEN, ANA, f"a {n}", mentions=named("ben") if n % 3 == 0 else None),
                world.start_post(DIRECT, BEN, f"b {n}"),
                world.start_post(OPEN, BEN, f"c {n}", reply_to=plain.message_id if n % 2 else None),
                world.start_post(OPEN, MUTED, f"d {n}", mentions=named("ana")),
            ]
    await asyncio.gather(*answers)

    told = {event.content: event for event in world.events}
    assert len(told) == 1 + 3 * 30
    for n in range(30):
        assert told[f"a {n}"].mentions == ([BEN] if n % 3 == 0 else [])
        assert told[f"b {n}"].recipient_id == ANA
        assert (told[f"c {n}"].quote is not None) == bool(n % 2)
    for room_id in (OPEN, DIRECT):
        log = await world.log(room_id)
        assert log == [event for event in world.events if event.room_id == room_id]
    kept = {row.content: row for row in await rows(world, messages)}
    assert {text: (row.mentions or [], row.recipient_id) for text, row in kept.items()} == {
        text: (event.mentions, event.recipient_id) for text, event in told.items()
    }


async def test_what_is_logged_has_mentions_and_recipients_and_never_a_quote(world: World):
    first = await world.post(DIRECT, ANA, "said first")
    await world.post(DIRECT, BEN, mentions=named("ana", here=True), reply_to=first.message_id)
    logged = (await payloads(world))[-1]

    assert (logged["mentions"], logged["mentions_here"], logged["recipient_id"]) == ([ANA], True, ANA)
    assert logged["reply_to"] == first.message_id
    assert "said first" not in str(logged)


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    async with world_on(f"sqlite:///{tmp_path}/t.db"):
        db = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
        yield db
        db.close()


@pytest.mark.parametrize("count", [1, 3, 64])
async def test_plain_messages_take_no_statement_more_than_they_did(file: sqlite3.Connection, count: int):
    statements: list[str] = []
    file.execute("BEGIN IMMEDIATE")
    file.set_trace_callback(statements.append)
    posts = [Post(OPEN, ANA, "ana", str(n)) for n in range(count)]
    outcomes, _ = apply_posts(file, posts, datetime.now(UTC), with_care=False)
    assert len(outcomes) == count
    looked = [one for one in statements if "SELECT" in one]
    wrote = [one for one in statements if "INSERT" in one or "UPDATE" in one]
    assert len(looked) == 3  # rooms, members, the last id
    assert not any(word in one for one in statements for word in ("mentions", "users", "recipient_id"))
    chunks = {1: 1, 3: 3, 64: 1}[count]
    assert len(wrote) == 2 * chunks + 1
