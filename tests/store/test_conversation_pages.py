"""Lists of conversations come out of indexes, however many messages and members the rooms have."""

from typing import Any

from sqlalchemy import event

from scene import Scene, scene_on
from tertulia.store import Reader, Work
from tertulia.store import conversations as stored
from tertulia.store.tables import memberships, messages, rooms, users

MANY = 3000
SLOW = ("Seq Scan on messages", "Seq Scan on memberships", "SCAN messages", "SCAN memberships", "Bitmap")


async def test_a_list_of_conversations_reads_no_more_than_it_shows(database_url: str) -> None:
    async with scene_on(database_url) as scene:
        ana = await scene.user("ana")
        for _ in range(30):
            await scene.room(ana)
        large = await scene.room(ana)
        await scene.store.write(lambda work: fill(work, large.id, ana.user_id))

        def query(reader: Reader) -> Any:
            ids = stored.list_by_newest(reader, ana.user_id, 0, 20)
            return stored.list_conversations(reader, ana.user_id, ids)

        found = await scene.store.read(query)
        assert len(found) == 20
        assert (found[0].room.id, found[0].room.unread) == (large.id, 0)
        for plan in await plans(scene, query):
            assert not any(slow in plan for slow in SLOW), plan


def fill(work: Work, room_id: int, user_id: int) -> None:
    new = [
        {"username": f"u{n}", "username_key": f"u{n}", "display_name": "U", "password_hash": "", "created_at": work.now}
        for n in range(MANY)
    ]
    work.sql.execute(users.insert(), new)
    ids = work.sql.execute(users.select().where(users.c.username.startswith("u"))).scalars().all()
    members = [{"room_id": room_id, "user_id": one, "role": "member", "joined_at": work.now} for one in ids]
    work.sql.execute(memberships.insert(), members)
    said = [
        {"room_id": room_id, "seq": n, "user_id": user_id, "content": f"message {n}", "created_at": work.now}
        for n in range(2, MANY)
    ]
    work.sql.execute(messages.insert(), said)
    work.sql.execute(rooms.update().where(rooms.c.id == room_id).values(last_seq=MANY))


async def plans(scene: Scene, query: Any) -> list[str]:
    """Of each statement that *query* executes."""

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
        ]

    found = await scene.store.read(explain)
    assert found
    return found
