"""What a database remembers of itself: what was done once, and how far its ids have come."""

from sqlalchemy import Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from tertulia.store.tables import meta
from tertulia.store.work import Work


def remember_once(work: Work, key: str, value: str) -> bool:
    """Whether this was the first time. Of two nodes that ask at once, one waits for the other's commit."""
    insert = postgresql.insert if work.sql.dialect.name == "postgresql" else sqlite.insert
    first = insert(meta).values(key=key, value=value).on_conflict_do_nothing().returning(meta.c.key)
    return work.sql.execute(first).scalar() is not None


def follow_ids(work: Work, table: Table) -> None:
    """After rows with ids of their own were inserted: PostgreSQL goes on after the highest. SQLite does by itself."""
    if work.sql.dialect.name == "postgresql":
        highest = select(func.max(table.c.id)).scalar_subquery()
        work.sql.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), highest)))
