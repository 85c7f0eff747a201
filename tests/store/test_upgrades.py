"""A database of an earlier version, with people in it, is as good as a new one once it is migrated."""

import asyncio
import json

import psycopg
import pytest
from alembic import command
from msgspec.structs import replace
from sqlalchemy import create_engine, text

from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import Point, Space
from tertulia.domain.roles import Builders, Status
from tertulia.store import Mentions, Post, Store, migrate
from tertulia.store.migrate import _config, latest
from tertulia.store.objects import list_objects
from tertulia.store.rooms import find_standing
from tertulia.store.users import get_user, list_users

PEOPLE = [("José", "online"), ("ŁUKASZ", "offline"), ("Zoë", "busy")]
NOW = "2026-01-01T00:00:00.000000Z"
MORE = 6000
"""More than are looked at in one go."""


def make_old(connection, revision="0001", more=MORE):
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    insert = text(
        "INSERT INTO users (username, username_key, display_name, password_hash, status, is_deleted, created_at)"
        " VALUES (:name, :name, :name, '', :status, :gone, :now)"
    )
    rows = [{"name": name, "status": status, "gone": False} for name, status in PEOPLE]
    rows += [{"name": f"user{n}", "status": "away", "gone": False} for n in range(more)]
    rows += [{"name": "deleted user", "status": "offline", "gone": True}]
    connection.execute(insert, [{**row, "now": NOW} for row in rows])


def emptied(database_url):
    """The engine for it."""
    if database_url.startswith("sqlite"):
        return create_engine(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))


@pytest.fixture
def old_database(database_url):
    engine = emptied(database_url)
    with engine.begin() as connection:
        make_old(connection)
    engine.dispose()
    return database_url


async def test_people_of_before_are_found_and_seen(old_database):
    await migrate(old_database)
    store = Store.open(old_database)
    await store.start(migrate=False)
    try:
        for q, names in (
            ("jose", ["José"]),
            ("lukasz", ["ŁUKASZ"]),
            ("zoe", ["Zoë"]),
            (f"r{MORE - 1}", [f"user{MORE - 1}"]),
        ):
            page = await store.read(lambda reader, q=q: list_users(reader, q=q, cursor=None, skip=0, limit=9))
            assert [user.username for user in page.items] == names
        chosen = await store.read(lambda reader: [get_user(reader, user_id).status for user_id in (1, 2, 3)])
        assert chosen == [Status.ONLINE, Status.ONLINE, Status.BUSY]
        gone = await store.read(lambda reader: get_user(reader, len(PEOPLE) + MORE + 1))
        assert (gone.is_deleted, gone.status) == (True, Status.OFFLINE)
    finally:
        await store.stop()


OLD_POST = """
    SELECT o_status, o_seq, o_message_id FROM post_batch(
        ARRAY[1], ARRAY[1], ARRAY['hola'], ARRAY['text'], ARRAY[NULL]::bigint[], ARRAY['nonce'], ARRAY[7],
        ARRAY['{"type":"message_sent","user_id":1,"username":"José","content":"hola","created_at":"2026-01-01T00:00:00Z"}'],
        NULL, NULL, now()
    )"""
"""What a node of the version before, 0002, sends a message by."""


async def test_nodes_that_are_not_replaced_yet_go_on_posting(pg_url):
    engine = emptied(pg_url)
    with engine.begin() as connection:
        make_old(connection, "0002", more=0)
        connection.execute(
            text("INSERT INTO rooms (kind, name, created_at, updated_at) VALUES ('channel', 'Room', now(), now())")
        )
        member = "INSERT INTO memberships (room_id, user_id, role, joined_at) VALUES (1, 1, 'member', now())"
        connection.execute(text(member))
        assert connection.exec_driver_sql(OLD_POST).one() == ("new", 1, 1)
    await migrate(pg_url)
    with engine.begin() as connection:
        assert connection.exec_driver_sql(OLD_POST).one() == ("duplicate", 1, 1)
        assert connection.exec_driver_sql(OLD_POST.replace("nonce", "another")).one() == ("new", 2, 2)
    engine.dispose()
    store = Store.open(pg_url)
    await store.start(migrate=False)
    try:
        answer = asyncio.get_running_loop().create_future()
        store.post(Post(RoomId(1), UserId(1), "José", "@zoë", mentions=Mentions(names=("Zoë",))), answer.set_result)
        assert (await answer).seq == 3
        events, head = (await store.read_log([(RoomId(1), Seq(0))], 10))[RoomId(1)]
        assert ([event.content for event in events], head) == (["hola", "hola", "@zoë"], 3)
    finally:
        await store.stop()


OLD_SPACE = {"width": 800, "height": 600, "background": "grass", "speed": 300, "spawn_x": 100, "spawn_y": 200}
OLD_ROOM = {"id": 1, "kind": "channel", "name": "Café", "space": OLD_SPACE, "created_at": NOW, "updated_at": NOW}
OLD_EVENT = {"type": "room_updated", "user_id": 1, "room": OLD_ROOM, "created_at": NOW}
OLD_ROWS = (
    ("rooms", {"kind": "channel", "name": "Café", "last_seq": 1, "created_at": NOW, "updated_at": NOW, **OLD_SPACE}),
    ("objects", {"room_id": 1, "type": "chair", "x": 9, "y": 20, "width": 32, "height": 32, "updated_at": NOW}),
    (
        "room_log",
        {
            "room_id": 1,
            "seq": 1,
            "type": "room_updated",
            "user_id": 1,
            "payload": json.dumps(OLD_EVENT),
            "created_at": NOW,
        },
    ),
)
"""A room of version 0002 that has a space, what stands there, and what its log tells of it."""


async def test_a_space_of_before_is_one_still(database_url):
    engine = emptied(database_url)
    with engine.begin() as connection:
        make_old(connection, "0002", more=0)
        for table, values in OLD_ROWS:
            named = ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({named})"), values)
    engine.dispose()
    await migrate(database_url)
    store = Store.open(database_url)
    await store.start(migrate=False)
    try:
        standing = await store.read(lambda reader: find_standing(reader, RoomId(1), UserId(1)))
        space = Space(width=800, height=600, background="grass", speed=300, spawn_points=[Point(100, 200)])
        assert standing.room.space == space
        assert (space.builders, space.earshot, space.areas) == (Builders.MEMBERS, 150, [])
        [chair] = await store.read(lambda reader: list_objects(reader, RoomId(1)))
        assert (chair.x, chair.metadata, chair.version, chair.occupied_by) == (9, {}, 1, None)
        [told], _ = (await store.read_log([(RoomId(1), Seq(0))], 10))[RoomId(1)]
        assert replace(told.room.space, spawn_points=space.spawn_points) == space
    finally:
        await store.stop()


AT_WORK = """
    DO $$ BEGIN
        SET LOCAL deadlock_timeout = '1min'; -- whoever finds out is the one that has to go
        LOCK TABLE rooms IN ROW SHARE MODE;
        WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'rooms'::regclass AND NOT granted) LOOP
            PERFORM pg_sleep(0.01);
        END LOOP;
        PERFORM FROM memberships;
    END $$"""
"""A node that has one table when the migration has come to it, and wants another that the migration has changed."""


async def test_a_migration_that_a_node_at_work_stops_begins_again(pg_url):
    engine = emptied(pg_url)
    with engine.begin() as connection:
        make_old(connection)
    engine.dispose()
    async with await psycopg.AsyncConnection.connect(pg_url) as node:
        work = asyncio.ensure_future(node.execute(AT_WORK))
        async with await psycopg.AsyncConnection.connect(pg_url, autocommit=True) as watcher:
            held = "SELECT FROM pg_locks WHERE relation = 'rooms'::regclass AND mode = 'RowShareLock'"
            while (await watcher.execute(held)).rowcount == 0:
                await asyncio.sleep(0.01)
        migration = asyncio.ensure_future(migrate(pg_url))
        await work
        assert not migration.done()
    assert await migration == latest()
