"""A database of an earlier version, with people in it, is as good as a new one once it is migrated."""

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine, text

from tertulia.domain.roles import Status
from tertulia.store import Store, migrate
from tertulia.store.migrate import _config
from tertulia.store.users import get_user, list_users

PEOPLE = [("José", "online"), ("ŁUKASZ", "offline"), ("Zoë", "busy")]
MORE = 6000
"""More than are looked at in one go."""


def make_old(connection):
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    insert = text(
        "INSERT INTO users (username, username_key, display_name, password_hash, status, is_deleted, created_at)"
        " VALUES (:name, :name, :name, '', :status, :gone, '2026-01-01T00:00:00.000000Z')"
    )
    rows = [{"name": name, "status": status, "gone": False} for name, status in PEOPLE]
    rows += [{"name": f"user{n}", "status": "away", "gone": False} for n in range(MORE)]
    connection.execute(insert, [*rows, {"name": "deleted user", "status": "offline", "gone": True}])


@pytest.fixture
def old_database(database_url):
    if database_url.startswith("sqlite"):
        engine = create_engine(database_url)
    else:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
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
