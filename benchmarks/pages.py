"""How long a page of 50 takes the database, out of a room with 1,000,000 messages: the newest, the middle, the oldest.

    python benchmarks/pages.py [URL] [--messages 1000000]

URL: an empty database; without it a SQLite file in a temporary folder. The statements are warmed up while the tables
are empty, and nothing is analysed after they are filled: a plan that was chosen for an empty table has to do as well.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any, Self

from sqlalchemy import event, text

from tertulia.domain.errors import Invalid
from tertulia.domain.ids import MessageId, RoomId, Seq, UserId
from tertulia.store import Reader, Store, Work
from tertulia.store.members import find_member
from tertulia.store.messages import list_messages, newest_messages
from tertulia.store.rooms import find_standing, list_heads, list_rooms, with_unread
from tertulia.store.tables import memberships, messages, rooms, users

ROUNDS = 200
OTHER_ROOMS = 49
PEOPLE = 1000
STEP = 50_000  # messages in one transaction


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("url", nargs="?")
    options.add_argument("--messages", type=int, default=1_000_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(chosen.url or f"sqlite:///{folder}/pages.db", chosen.messages))


async def measure(url: str, count: int) -> None:
    store = Store.open(url)
    await store.start(migrate=True)
    try:
        await store.write(make_rooms)
        if store.dialect_name == "postgresql":
            for name in ("messages", "rooms", "memberships", "users"):
                await store.write(
                    lambda work, name=name: run(work, f"ALTER TABLE {name} SET (autovacuum_enabled = false)")
                )
        for _ in range(20):
            for _, query in queries(count):
                await store.read(lambda reader, query=query: quietly(query, reader))
        started = time.perf_counter()
        await fill(store, count)
        print(f"{store.dialect_name}: {count:,} messages in {time.perf_counter() - started:.0f} s\n")

        await table(store, count, "never analysed")
        await show_plans(store, count)
        await store.write(lambda work: run(work, "ANALYZE"))
        await table(store, count, "analysed")
        await show_plans(store, count)
    finally:
        await store.stop()


def queries(count: int) -> list[tuple[str, Callable[[Reader], Any]]]:
    room = RoomId(1)
    return [
        ("page: newest", lambda reader: list_messages(reader, room, None, 50)),
        ("page: middle", lambda reader: list_messages(reader, room, MessageId(count // 2), 50)),
        ("page: oldest", lambda reader: list_messages(reader, room, MessageId(51), 50)),
        ("snapshot's messages", lambda reader: newest_messages(reader, room, Seq(count), 50)),
        ("room, 1,000 unread", lambda reader: with_unread(reader, find_standing(reader, room, UserId(1)))),
        (
            "50 rooms with unread",
            lambda reader: list_rooms(reader, UserId(1), q=None, mine=False, cursor=None, limit=50),
        ),
        ("50 heads with unread", lambda reader: list_heads(reader, UserId(1))),
        ("membership", lambda reader: find_member(reader, room, UserId(1))),
    ]


def make_rooms(work: Work) -> None:
    at = work.now
    named = [
        {"username": f"u{i}", "username_key": f"u{i}", "display_name": f"u{i}", "password_hash": "", "created_at": at}
        for i in range(PEOPLE)
    ]
    work.sql.execute(users.insert(), named)
    kinds = [
        {"kind": "channel", "name": f"r{i}", "created_at": at, "updated_at": at, "member_count": 1}
        for i in range(1 + OTHER_ROOMS)
    ]
    work.sql.execute(rooms.insert(), kinds)
    mine = [{"room_id": 1 + i, "user_id": 1, "role": "member", "joined_at": at} for i in range(1 + OTHER_ROOMS)]
    work.sql.execute(memberships.insert(), mine)


async def fill(store: Store, count: int) -> None:
    """Room 1 with *count* messages of everybody, the others with 100 each."""
    part = fill_postgresql if store.dialect_name == "postgresql" else fill_sqlite
    for start in range(1, count + 1, STEP):
        await store.write(lambda work, start=start: part(work, start, min(start + STEP, count + 1)))
    await store.write(fill_others)


def fill_postgresql(work: Work, start: int, end: int) -> None:
    run(
        work,
        "INSERT INTO messages (room_id, seq, user_id, content, created_at)"
        f" SELECT 1, i, 1 + i % {PEOPLE}, 'message ' || i || repeat(' more', 10), now()"
        f" FROM generate_series({start}, {end - 1}) i",
    )


def fill_sqlite(work: Work, start: int, end: int) -> None:
    at = work.now
    rows = [
        {"room_id": 1, "seq": i, "user_id": 1 + i % PEOPLE, "content": f"message {i}{' more' * 10}", "created_at": at}
        for i in range(start, end)
    ]
    work.sql.execute(messages.insert(), rows)


def fill_others(work: Work) -> None:
    at = work.now
    rows = [
        {"room_id": 2 + room, "seq": i, "user_id": 1 + i % PEOPLE, "content": "message", "created_at": at}
        for room in range(OTHER_ROOMS)
        for i in range(1, 101)
    ]
    work.sql.execute(messages.insert(), rows)
    run(work, "UPDATE rooms SET last_seq = (SELECT max(seq) FROM messages m WHERE m.room_id = rooms.id)")


async def table(store: Store, count: int, when: str) -> None:
    print(
        f"| {store.dialect_name}, {when} | statements | database ms, fastest tenth | median | p99 | until in Python, median |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, query in queries(count):
        await store.read(lambda reader, query=query: query(reader))
        in_sql, whole, statements = [], [], 0
        for _ in range(ROUNDS):
            took, spent, statements = await store.read(lambda reader, query=query: timed(reader, query))
            in_sql.append(spent * 1000)
            whole.append(took * 1000)
        parts = statistics.quantiles(in_sql, n=100)
        figures = (parts[9], statistics.median(in_sql), parts[98], statistics.median(whole))
        print(f"| {name} | {statements} | {' | '.join(f'{figure:.2f}' for figure in figures)} |")
    print()


def timed(reader: Reader, query: Callable[[Reader], Any]) -> tuple[float, float, int]:
    """Seconds in all, seconds from each statement's start to its last row, and how many statements it were."""
    with Watch(reader) as watch:
        started = time.perf_counter()
        query(reader)
        took = time.perf_counter() - started
    return took, watch.spent, len(watch.statements)


class Watch:
    """What *reader* executes meanwhile. On SQLite a statement's rows come as they are fetched: so they are counted
    again by running it to its end."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.spent, self.statements = reader, 0.0, []

    def __enter__(self) -> Self:
        event.listen(self.reader.sql, "before_cursor_execute", self._before)
        return self

    def __exit__(self, *error: object) -> None:
        event.remove(self.reader.sql, "before_cursor_execute", self._before)
        for statement, parameters in self.statements:
            started = time.perf_counter()
            self.reader.sql.exec_driver_sql(statement, parameters).all()
            self.spent += time.perf_counter() - started

    def _before(self, sql: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        self.statements.append((statement, parameters))


async def show_plans(store: Store, count: int) -> None:
    explain = "EXPLAIN (ANALYZE, BUFFERS) " if store.dialect_name == "postgresql" else "EXPLAIN QUERY PLAN "

    def plans(reader: Reader, query: Callable[[Reader], Any]) -> list[str]:
        with Watch(reader) as watch:
            query(reader)
        lines = []
        for statement, parameters in watch.statements:
            rows = reader.sql.exec_driver_sql(explain + statement, parameters).all()
            lines += [str(row[-1]) for row in rows] + [""]
        return lines

    for name, query in queries(count)[1:7:2]:
        print(f"{name}:")
        for line in await store.read(lambda reader, query=query: plans(reader, query)):
            print(f"    {line}")


def run(work: Work, statement: str) -> None:
    work.sql.execute(text(statement))


def quietly(query: Callable[[Reader], Any], reader: Reader) -> None:
    """On an empty table a cursor is nowhere."""
    with contextlib.suppress(Invalid):
        query(reader)


if __name__ == "__main__":
    main()
