"""Talks in the store: messages within works, what is refused on the hot path, and what all this costs other rooms."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event, insert, select, update

from tertulia.domain.commands import SendResult
from tertulia.domain.errors import Invalid, Muted, NonceConflict, NoSuchRoom, NotAMember
from tertulia.domain.events import MemberAdded, MessageSent
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import Membership
from tertulia.domain.roles import LeaveReason
from tertulia.store import Mentions, Post, Work, log_page
from tertulia.store.members import find_members
from tertulia.store.messages import list_messages, newest_messages
from tertulia.store.meta import follow_ids
from tertulia.store.post_now import post_now
from tertulia.store.stays import find_within
from tertulia.store.tables import rooms, stays
from tertulia.store.talks import LOCKED_AT_ONCE, archive_talks, begin_stays, end_stays, find_talk, make_talk

from .conftest import ANA, MUTED, OPEN, OTHER, STRANGER, World, world_on


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_on(database_url) as world:
        await world.store.write(lambda work: follow_ids(work, rooms))
        yield world


async def members(world: World) -> dict[int, Membership]:
    found = await world.store.read(lambda reader: find_members(reader, RoomId(OPEN), [UserId(ANA), UserId(MUTED)]))
    return {member.user_id: member for member in found}


async def open_talk(world: World, *user_ids: int) -> RoomId:
    people = await members(world)

    def make(work: Work) -> RoomId:
        work.lock(RoomId(OPEN))
        talk = make_talk(work, RoomId(OPEN), bubble_id="b")
        begin_stays(work, talk, [people[user_id] for user_id in user_ids])
        return talk.id

    return await world.store.write(make)


def post(room_id: int, content: str = "hola", **more: Any) -> Post:
    return Post(RoomId(room_id), UserId(ANA), "ana", content, **more)


async def test_a_message_within_a_work_is_one_like_any_other(world: World):
    named = Mentions(names=("mo",))
    one = post(OPEN, "@mo", nonce="n", digest=7, mentions=named)
    sent = await world.store.write(lambda work: post_now(work, one))
    assert (sent.seq, sent.duplicate) == (1, False)
    reply = await world.store.write(lambda work: post_now(work, post(OPEN, "so?", reply_to=sent.message_id)))
    twin = await world.post(content="@mo", nonce="m", digest=7, mentions=named)

    first, second, third = world.events
    assert (first.message_id, second.message_id, third.message_id) == (
        sent.message_id,
        reply.message_id,
        twin.message_id,
    )
    assert (first.mentions, first.nonce, second.quote.text) == ([MUTED], "n", "@mo")
    assert [event.seq for event in await world.log()] == [1, 2, 3]
    assert first.mentions == third.mentions
    again = await world.post(content="@mo", nonce="n", digest=7)
    assert again == SendResult(sent.message_id, sent.seq, sent.created_at, duplicate=True)
    assert isinstance(await world.post(nonce="n", digest=8), NonceConflict)


@pytest.mark.parametrize(
    ("room_id", "user_id", "more", "error"),
    [
        (OPEN, MUTED, {}, Muted),
        (OPEN, STRANGER, {}, NotAMember),
        (OPEN, ANA, {"reply_to": 10**9}, Invalid),
    ],
)
async def test_what_is_refused_within_a_work_refuses_the_work_and_no_neighbour(
    world: World, room_id, user_id, more, error
):
    async with world.one_batch():
        before = world.start_post(content="before")
        refused = asyncio.ensure_future(
            world.store.write(lambda work: post_now(work, Post(room_id, user_id, "?", "refused", **more)))
        )
        await asyncio.sleep(0)
        after = world.start_post(content="after")
    with pytest.raises(error):
        await refused
    assert [(await one).seq for one in (before, after)] == [1, 2]
    assert [event.content for event in world.events] == ["before", "after"]


async def test_messages_in_and_out_of_works_share_a_batch(world: World):
    async with world.one_batch():
        sends: list[Any] = []
        for n in range(12):
            if n % 3:
                sends.append(world.start_post(content=str(n), nonce=str(n), digest=n))
            else:
                one = post(OPEN, str(n), nonce=str(n), digest=n)
                sends.append(asyncio.ensure_future(world.store.write(lambda work, one=one: post_now(work, one))))
                await asyncio.sleep(0)
        sends.append(world.start_post(content="0", nonce="0", digest=0))  # said within a work, and now once more
    results = await asyncio.gather(*sends)

    assert [one.seq for one in results] == [*range(1, 13), 1]
    assert results[-1].duplicate
    assert [event.content for event in await world.log()] == [str(n) for n in range(12)]
    assert [event.seq for event in world.events] == list(range(1, 13))


async def test_who_is_in_a_talk_speaks_there_and_others_are_told_as_much_as_they_may_know(world: World):
    talk_id = await open_talk(world, ANA)

    assert (await world.post(talk_id, ANA)).seq == 2
    assert type(await world.post(talk_id, STRANGER)) is NoSuchRoom
    assert type(await world.post(talk_id, MUTED)) is NoSuchRoom

    def leave(work: Work) -> None:
        end_stays(work, talk_id, {UserId(ANA): "ana"}, LeaveReason.LEFT)

    await world.store.write(leave)
    assert type(await world.post(talk_id, ANA)) is NotAMember
    await world.store.write(
        lambda work: work.sql.execute(update(rooms).where(rooms.c.id == talk_id).values(is_private=False))
    )
    assert type(await world.post(talk_id, MUTED)) is NotAMember  # a quiet area's, which he may read
    assert type(await world.post(talk_id, STRANGER)) is NoSuchRoom


async def test_in_a_private_talk_nobody_replies_to_what_they_have_not_heard(world: World):
    people = await members(world)
    talk_id = await open_talk(world, ANA)
    secret = await world.post(talk_id, ANA, "secret")

    def come(work: Work) -> None:
        guest = replace(people[MUTED], muted_until=None)  # for the sake of this test
        begin_stays(work, find_talk(work, talk_id), [guest])

    await world.store.write(come)
    async with world.one_batch():
        asked = world.start_post(talk_id, MUTED, "what?", reply_to=secret.message_id)
        mine = world.start_post(talk_id, ANA, "this", reply_to=secret.message_id)
    assert isinstance(await asked, Invalid)
    said = (await mine).message_id
    told = next(event for event in world.events if event.message_id == said)
    assert (told.reply_to, told.quote) == (secret.message_id, None)
    later = await world.post(talk_id, MUTED, "and that?", reply_to=told.message_id)
    assert world.events[-1].message_id == later.message_id
    assert world.events[-1].quote.text == "this"


async def test_what_one_has_heard_is_found_among_thousands_of_stays(world: World):
    """Stay by stay from the end that is asked for."""
    talk_id = await open_talk(world, ANA)
    contents = [str(n) for n in range(60)]
    for start in range(0, 60, 20):
        await asyncio.gather(*(world.post(talk_id, ANA, content) for content in contents[start : start + 20]))
    head = 61

    def remember(work: Work) -> None:
        gaps = [{"talk_id": talk_id, "user_id": MUTED, "began": 10**6 + n, "ended": 10**6 + n} for n in range(2000)]
        spans = [{"talk_id": talk_id, "user_id": MUTED, "began": n, "ended": n + 3} for n in (5, 20, 40)]
        work.sql.execute(insert(stays), [*gaps, *spans])

    await world.store.write(remember)
    heard = [contents[seq - 2] for n in (5, 20, 40) for seq in range(n, n + 4)]
    within = await world.store.read(lambda reader: find_within(reader, talk_id, UserId(MUTED)))

    async def page(**more: Any) -> Any:
        return await world.store.read(
            lambda reader: list_messages(
                reader, talk_id, more.get("cursor"), 5, skip=more.get("skip", 0), within=within
            )
        )

    first = await page()
    assert [one.content for one in first.items] == heard[:-6:-1]
    second = await page(cursor=first.next_cursor)
    assert [one.content for one in second.items] == heard[-6:-11:-1]
    assert [one.content for one in (await page(skip=9)).items] == heard[2::-1]
    newest = await world.store.read(lambda reader: newest_messages(reader, talk_id, Seq(head), 4, within))
    assert [one.content for one in newest.items] == heard[-4:]
    log = await world.store.read(lambda reader: log_page(reader, talk_id, Seq(6), 7, within))
    assert [event.seq for event in log.items] == [7, 8, 20, 21, 22, 23, 40]
    assert log.has_more


async def test_a_room_with_very_many_talks_is_archived_in_a_few_statements(world: World):
    statements = []

    def make(work: Work) -> None:
        talk = {"kind": "group", "name": "", "is_private": True, "parent_id": OPEN}
        rows = [{**talk, "created_at": work.now, "updated_at": work.now} for _ in range(LOCKED_AT_ONCE + 7)]
        work.sql.execute(insert(rooms), rows)

    await world.store.write(make)
    talk_id = await open_talk(world, ANA)

    def note(sql: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    def archive(work: Work) -> None:
        work.lock(RoomId(OPEN))
        archive_talks(work, RoomId(OPEN), UserId(ANA))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await world.store.write(archive)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    left = select(rooms.c.id).where(rooms.c.parent_id == OPEN, rooms.c.archived_at.is_(None))
    assert await world.store.read(lambda reader: reader.sql.execute(left).all()) == []
    assert [event.room_id for event in world.commits[-1].events] == [talk_id]
    assert len(await world.log(talk_id)) == 2
    assert len(statements) < 20


@pytest.fixture
def statements() -> Iterator[list[str]]:
    found: list[str] = []

    def note(sql: Any, cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


async def test_rooms_that_are_no_talks_are_not_asked_about_stays(world: World, statements: list[str]):
    for n in range(3):
        await world.post(OTHER, ANA, str(n))
    statements.clear()
    other = RoomId(OTHER)
    await world.store.read(lambda reader: list_messages(reader, other, None, 10))
    await world.store.read(lambda reader: newest_messages(reader, other, Seq(3), 10))
    await world.store.read(lambda reader: log_page(reader, other, Seq(0), 10))
    await world.store.read_log([(other, Seq(0))], 10)
    assert statements
    assert not [one for one in statements if "stays" in one]


async def test_those_who_come_at_once_are_told_of_one_by_one(world: World):
    people = await members(world)

    def make(work: Work) -> Any:
        talk = make_talk(work, RoomId(OPEN), bubble_id="b")
        return begin_stays(work, talk, list(people.values()))

    begun = await world.store.write(make)
    assert [(stay.user_id, stay.began, stay.ended) for stay in begun] == [(ANA, 1, None), (MUTED, 2, None)]
    kinds = [type(event) for event in world.events]
    assert kinds[:2] == [MemberAdded, MemberAdded]
    assert kinds[2].__name__ == "MemberUpdated"  # who is muted in the room is so in its talks
    assert MessageSent not in kinds
