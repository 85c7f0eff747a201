"""Pages come out of the index, however large the room is and whatever the planner last heard of its size."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from scene import Scene, scene_on
from tertulia.domain.commands import SendMessage
from tertulia.domain.ids import MessageId, Seq
from tertulia.store import Reader, Work
from tertulia.store.log import read_log
from tertulia.store.messages import list_messages, list_recent, newest_messages
from tertulia.store.rooms import list_heads
from tertulia.store.tables import messages, rooms


@pytest.mark.parametrize("cursor", [None, 1500, 51])
async def test_a_page_of_a_large_room_is_read_from_its_index(database_url: str, cursor: int | None) -> None:
    async with scene_on(database_url) as scene:
        ana = await scene.user("ana")
        room = await scene.room(ana)

        def page(reader: Reader) -> Any:
            return list_messages(reader, room.id, None if cursor is None else MessageId(cursor), 50)

        if cursor is None:
            for _ in range(10):  # long enough for PostgreSQL to keep a plan, if it were allowed to
                await scene.store.read(page)
        await fill(scene, room.id, ana.user_id, 3000)
        for plan in await plans(scene, page):
            assert_index(plan)
        found = await scene.store.read(page)
        newest = 3000 if cursor is None else cursor - 1
        assert [message.content for message in found.items] == [f"message {i}" for i in range(newest, newest - 50, -1)]


async def test_snapshots_and_unread_counts_are_read_from_the_index_too(database_url: str) -> None:
    async with scene_on(database_url) as scene:
        ana = await scene.user("ana")
        room = await scene.room(ana)
        await fill(scene, room.id, ana.user_id, 3000)
        for plan in await plans(scene, lambda reader: newest_messages(reader, room.id, Seq(2000), 50)):
            assert_index(plan)
        for plan in await plans(scene, lambda reader: list_heads(reader, ana.user_id)):
            assert "uq_messages_room_id_seq" in plan or "sqlite_autoindex_messages_1" in plan, plan


async def test_what_a_page_quotes_and_what_is_recent_is_read_from_indexes_too(database_url: str) -> None:
    async with scene_on(database_url) as scene:
        ana = await scene.user("ana")
        room, other = await scene.room(ana), await scene.room(ana)
        await fill(scene, room.id, ana.user_id, 3000)
        await scene.say(ana, other, "elsewhere")
        for n in range(1, 101):
            await scene.do(ana, SendMessage(room_id=room.id, content=f"reply {n}", reply_to=n))
        found = await scene.store.read(lambda reader: list_messages(reader, room.id, None, 50))
        assert [message.quote.text for message in found.items] == [f"message {n}" for n in range(100, 50, -1)]
        looked_up = [
            *await plans(scene, lambda reader: list_messages(reader, room.id, None, 50)),
            *await plans(scene, lambda reader: read_log(reader, [(room.id, 3000)], 100)),
            # The last one fetches the fifty that were found: of so few messages it may well read all.
            *(await plans(scene, lambda reader: list_recent(reader, ana.user_id, 200, 50)))[:-1],
        ]
        for plan in looked_up:
            assert not any(slow in plan for slow in ("Seq Scan on messages", "SCAN m", "Bitmap")), plan
        recent = await scene.store.read(lambda reader: list_recent(reader, ana.user_id, 99, 3))
        assert [message.content for message in recent] == ["reply 1", "elsewhere", "message 3000"]


async def fill(scene: Scene, room_id: int, user_id: int, count: int) -> None:
    now = scene.clock()
    rows = [
        {"room_id": room_id, "seq": i, "user_id": user_id, "content": f"message {i}", "created_at": now}
        for i in range(1, count + 1)
    ]

    def put(work: Work) -> None:
        work.sql.execute(messages.insert(), rows)
        work.sql.execute(rooms.update().where(rooms.c.id == room_id).values(last_seq=count))

    await scene.store.write(put)


async def plans(scene: Scene, query: Callable[[Reader], Any]) -> list[str]:
    """Of each statement on messages that *query* executes."""

    def explain(reader: Reader) -> list[str]:
        executed: list[tuple[str, Any]] = []

        def before(sql: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
            executed.append((statement, parameters))

        event.listen(reader.sql, "before_cursor_execute", before)
        query(reader)
        event.remove(reader.sql, "before_cursor_execute", before)
        how = "EXPLAIN " if scene.store.dialect_name == "postgresql" else "EXPLAIN QUERY PLAN "
        return [
            "\n".join(str(row[-1]) for row in reader.sql.exec_driver_sql(how + statement, parameters))
            for statement, parameters in executed
            if "FROM messages" in statement or "JOIN messages" in statement
        ]

    found = await scene.store.read(explain)
    assert found
    return found


def assert_index(plan: str) -> None:
    allowed = ("uq_messages_room_id_seq", "sqlite_autoindex_messages_1", "pk_messages", "INTEGER PRIMARY KEY")
    assert any(index in plan for index in allowed), plan
    assert not any(slow in plan for slow in ("Seq Scan on messages", "SCAN messages", "Bitmap")), plan
    if "Limit" in plan:  # what is sorted is the page, not the room
        below = plan[plan.index("Limit") :]
        assert "Sort" not in below, plan
