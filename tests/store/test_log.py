"""Reading a room's log: heads, what comes after a position, pages; and blanking what was deleted."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import msgspec
import psycopg
import pytest
from sqlalchemy import text

from tertulia.domain.errors import NoSuchRoom
from tertulia.domain.events import MemberAdded, MessageDeleted, MessageEdited
from tertulia.domain.roles import RoomRole
from tertulia.store import Reader, Work, log_page, scrub
from tertulia.store.tables import room_log

from .conftest import ANA, ARCHIVED, MISSING, MUTED, OPEN, OTHER, World


async def test_heads_are_of_the_rooms_that_there_are(world: World):
    for _ in range(3):
        await world.post()
    assert await world.store.heads([OPEN, OTHER, MISSING, ARCHIVED]) == {OPEN: 3, OTHER: 0, ARCHIVED: 0}
    assert await world.store.heads([]) == {}


async def test_many_rooms_are_asked_for_at_once(world: World):
    await world.post()
    many = list(range(1, 40_001))
    assert (await world.store.heads(many))[OPEN] == 1
    found = await world.store.read_log([(room_id, 0) for room_id in many], 10)
    assert len(found[OPEN][0]) == 1


async def test_what_comes_after_each_position(world: World):
    for n in range(5):
        await world.post(OPEN, content=str(n))
        await world.post(OTHER, content=str(n))
    found = await world.store.read_log([(OPEN, 3), (OTHER, 0), (MISSING, 0), (ARCHIVED, 7)], 2)
    assert {room_id: ([event.seq for event in events], head) for room_id, (events, head) in found.items()} == {
        OPEN: ([4, 5], 5),
        OTHER: ([1, 2], 5),
        ARCHIVED: ([], 0),
    }
    assert await world.store.read_log([], 5) == {}


async def test_pages_end_at_the_head(world: World):
    for n in range(5):
        await world.post(content=str(n))

    async def page(after: int, limit: int) -> tuple[list[str], int, int, bool]:
        page = await world.store.read(lambda reader: log_page(reader, OPEN, after, limit))
        assert page.epoch == world.store.epoch
        return [event.content for event in page.items], page.seq, page.head, page.has_more

    assert await page(0, 2) == (["0", "1"], 2, 5, True)
    assert await page(2, 3) == (["2", "3", "4"], 5, 5, False)
    assert await page(5, 3) == ([], 5, 5, False)
    assert await page(9, 3) == ([], 9, 5, False)
    with pytest.raises(NoSuchRoom):
        await world.store.read(lambda reader: log_page(reader, MISSING, 0, 5))


async def test_an_event_comes_back_as_it_went(world: World):
    def work(work: Work) -> list[object]:
        later = work.now + timedelta(microseconds=1)
        return [
            work.append(
                MemberAdded(user_id=ANA, username="ana", role=RoomRole.OWNER, by=MUTED, created_at=work.now), OPEN
            ),
            work.append(MessageEdited(user_id=ANA, content="é\u2028☕", updated_at=later), OPEN, message_id=77),
        ]

    written = await world.store.write(work)
    assert await world.log() == written == world.events
    query = room_log.select().order_by(room_log.c.seq)
    added, edited = await world.store.read(lambda reader: reader.sql.execute(query).all())
    assert (added.type, added.user_id, added.message_id) == ("member_added", MUTED, None)
    assert (edited.type, edited.user_id, edited.message_id) == ("message_edited", ANA, 77)
    payload = msgspec.json.decode(edited.payload)
    assert not {"room_id", "seq", "message_id"} & payload.keys()


async def test_nothing_is_appended_to_a_room_that_is_not_there(world: World):
    with pytest.raises(NoSuchRoom):
        await world.store.write(
            lambda work: work.append(MessageDeleted(user_id=ANA, updated_at=work.now), MISSING, message_id=1)
        )


async def test_scrubbing_blanks_all_that_a_message_ever_said(world: World):
    kept = await world.post(content="secret", nonce="kept", digest=3)
    sent = await world.post(content="secret", nonce="n", digest=3)

    def edit(work: Work, message_id: int) -> None:
        event = MessageEdited(user_id=ANA, content="secret", updated_at=work.now)
        work.append(event, OPEN, message_id=message_id)

    for message_id in (sent.message_id, kept.message_id, sent.message_id):
        await world.store.write(lambda work, message_id=message_id: edit(work, message_id))
    before = await world.log()
    await world.store.write(lambda work: scrub(work, sent.message_id, OPEN, sent.seq))

    blank = [msgspec.structs.replace(e, content="") if e.message_id == sent.message_id else e for e in before]
    assert await world.log() == blank
    assert (await world.post(content="other", nonce="n", digest=4)).duplicate
    [row] = await world.store.read(
        lambda reader: reader.sql.execute(text("SELECT count(*) FROM room_log WHERE digest IS NULL")).all()
    )
    assert row[0] == 1 + 3  # the message's own row; edits never had one


async def test_a_read_is_of_one_moment(world: World, database_url: str):
    """What another connection commits in the middle of it is not seen."""
    await world.post()
    query = text("SELECT count(*) FROM room_log")

    def look(reader: Reader) -> list[int]:
        counts = [reader.sql.execute(query).scalar_one()]
        driver, address = (psycopg, database_url) if "postgres" in database_url else (sqlite3, database_url[10:])
        with closing(driver.connect(address)) as connection:
            connection.execute("DELETE FROM room_log")
            connection.commit()
        return [*counts, reader.sql.execute(query).scalar_one()]

    assert await world.store.read(look) == [1, 1]
    assert await world.store.read(lambda reader: reader.sql.execute(query).scalar_one()) == 0


async def test_a_reader_does_not_write(world: World):
    with pytest.raises(Exception, match=r"read-?only|readonly"):
        await world.store.read(lambda reader: reader.sql.execute(text("DELETE FROM room_log")))
    assert await world.store.is_alive()
