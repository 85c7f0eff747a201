"""Migrations make what the models say, once, and never touch what is newer than they are."""

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from tertulia.domain.errors import Unavailable
from tertulia.store import Reader, SchemaTooNew, SchemaTooOld, Store, migrate
from tertulia.store.migrate import known, latest
from tertulia.store.tables import metadata

from .conftest import World, world_on


async def test_models_and_migrations_agree(world: World):
    def differences(reader: Reader) -> list[object]:
        context = MigrationContext.configure(reader.sql, opts={"compare_type": True, "target_metadata": metadata})
        return list(compare_metadata(context, metadata))

    assert await world.store.read(differences) == []


async def test_what_no_model_shows_is_there_too(world: World):
    """Compared with a database that the models made by themselves: autoincrement, WITHOUT ROWID, partial indexes."""
    if world.store.dialect_name == "postgresql":
        query = text("SELECT pronargs FROM pg_proc WHERE proname = 'post_batch' ORDER BY pronargs")
        of_this_version_and_the_last = [11]
        found = await world.store.read(lambda reader: reader.sql.execute(query).scalars().all())
        assert found == of_this_version_and_the_last
        options = text("SELECT reloptions FROM pg_class WHERE relname = 'rooms'")
        assert await world.store.read(lambda reader: reader.sql.execute(options).scalar_one()) == ["fillfactor=50"]
        return
    ours = await world.store.read(lambda reader: _schema(reader.sql))
    scratch = sqlite3.connect(":memory:")
    from sqlalchemy import StaticPool, create_engine

    engine = create_engine("sqlite://", creator=lambda: scratch, poolclass=StaticPool)
    metadata.create_all(engine)
    with engine.connect() as connection:
        models = _schema(connection)
    scratch.close()
    assert {name: sql for name, sql in ours.items() if name != "alembic_version"} == models


def _schema(connection: Connection) -> dict[str, list[str]]:
    """Columns and constraints in any order: what a migration adds comes last."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    tidy = {name: " ".join(sql.replace('"', "").split()) for name, sql in rows if not name.startswith("sqlite_")}
    return {name: sorted(_pieces(sql)) for name, sql in tidy.items()}


def _pieces(sql: str) -> list[str]:
    """The definitions between a table's outer brackets; and what stands around those."""
    head, _, rest = sql.partition("(")
    inside, _, tail = rest.rpartition(")")
    return [head, tail, *(piece.strip() for piece in re.split(r",(?![^(]*\))", inside))]


async def test_migrating_again_changes_nothing(world: World, database_url: str):
    epoch = world.store.epoch
    assert await migrate(database_url) == latest() == known()[0]
    assert (await world.post()).seq == 1
    async with world_on(database_url, is_new=False) as again:
        assert again.store.epoch == epoch
        assert len(await again.log()) == 1


async def test_a_newer_schema_is_refused_in_one_line(world: World, database_url: str):
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await world.store.write(lambda work: work.sql.execute(newer))
    for may_migrate in (True, False):
        store = Store.open(database_url)
        with pytest.raises(SchemaTooNew, match=r"9999.*newer.*update Tertulia") as refusal:
            await store.start(migrate=may_migrate)
        assert "\n" not in str(refusal.value)
        await store.stop()
    with pytest.raises(SchemaTooNew):
        await migrate(database_url)


@pytest.fixture
async def empty_pg(pg_url: str) -> str:
    import psycopg

    with psycopg.connect(pg_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return pg_url


async def test_an_empty_postgresql_asks_for_tertulia_migrate(empty_pg: str):
    store = Store.open(empty_pg)
    with pytest.raises(SchemaTooOld, match="tertulia migrate"):
        await store.start(migrate=False)
    await store.stop()


async def test_nodes_that_start_together_migrate_once(empty_pg: str):
    stores = [Store.open(empty_pg) for _ in range(4)]
    await asyncio.gather(*(store.start(migrate=True) for store in stores))
    assert len({store.epoch for store in stores}) == 1
    await asyncio.gather(*(store.stop() for store in stores))


async def test_processes_that_start_together_migrate_one_file(sqlite_url: str):
    stores = [Store.open(sqlite_url) for _ in range(4)]
    await asyncio.gather(*(store.start() for store in stores))
    assert len({store.epoch for store in stores}) == 1
    await asyncio.gather(*(store.stop() for store in stores))


async def test_sqlite_makes_its_folder_and_works_in_wal(tmp_path: Path):
    path = tmp_path / "some where" / "50% ✓" / "chat.db"
    async with world_on(f"sqlite:///{path}") as world:
        names = ("journal_mode", "synchronous", "foreign_keys")
        pragmas = [text(f"PRAGMA {name}") for name in names]
        values = await world.store.write(lambda work: [work.sql.execute(pragma).scalar_one() for pragma in pragmas])
        assert values == ["wal", 2, 1]


async def test_what_is_no_database_is_unavailable(tmp_path: Path):
    path = tmp_path / "chat.db"
    path.write_text("This is a diary, and no database at all. " * 100)
    store = Store.open(f"sqlite:///{path}")
    with pytest.raises(Unavailable, match="not a database"):
        await store.start()
    await store.stop()


async def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path):
    store = Store.open(f"postgresql:///tertulia?host={tmp_path}&user=nobody")
    with pytest.raises(Unavailable, match="can not be reached"):
        await store.start(migrate=False)
    await store.stop()


async def test_a_migrated_database_has_no_other_tables(world: World):
    names = await world.store.read(lambda reader: set(inspect(reader.sql).get_table_names()))
    assert names == {*metadata.tables, "alembic_version"}


def test_a_new_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tertulia.db"

    asyncio.run(migrate(f"sqlite:///{path}"))
    with sqlite3.connect(path) as user:
        user.execute("CREATE TABLE more (x)")
        modes = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    user.close()

    assert modes["tertulia.db"] == 0o600
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
