"""A store with three users and some rooms, on either engine."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tertulia.domain.commands import SendResult
from tertulia.domain.errors import TertuliaError
from tertulia.store import Committed, Post, Store, Work
from tertulia.store.tables import memberships, rooms, users

OPEN, PRIVATE, ARCHIVED, OTHER, MISSING = 1, 2, 3, 4, 99
ANA, MUTED, STRANGER = 1, 2, 3


def populate(work: Work) -> None:
    """Ana and the muted one are members of all rooms, the stranger of none."""
    now = work.now
    for user_id, name in ((ANA, "ana"), (MUTED, "mo"), (STRANGER, "sam")):
        work.sql.execute(
            users.insert().values(
                id=user_id, username=name, username_key=name, display_name=name, password_hash="", created_at=now
            )
        )
    for room_id in (OPEN, PRIVATE, ARCHIVED, OTHER):
        is_archived = room_id == ARCHIVED
        work.sql.execute(
            rooms.insert().values(
                id=room_id,
                kind="channel",
                name="room",
                is_private=room_id == PRIVATE,
                archived_at=now if is_archived else None,
                created_at=now,
                updated_at=now,
            )
        )
        for user_id, muted_until in ((ANA, now - timedelta(hours=1)), (MUTED, now + timedelta(hours=1))):
            work.sql.execute(
                memberships.insert().values(
                    room_id=room_id, user_id=user_id, role="member", muted_until=muted_until, joined_at=now
                )
            )


class World:
    """*told*: what happened on the event loop, in order: ("ack", outcome) and ("commit", Committed)."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told: list[tuple[str, Any]] = []
        store.on_commit = lambda committed: self.told.append(("commit", committed))

    @property
    def commits(self) -> list[Committed]:
        return [what for kind, what in self.told if kind == "commit"]

    @property
    def events(self) -> list[Any]:
        return [event for committed in self.commits for event in committed.events]

    def start_post(
        self, room_id: int = OPEN, user_id: int = ANA, content: str = "hola", **more: Any
    ) -> "asyncio.Future[SendResult | TertuliaError]":
        answer: asyncio.Future[SendResult | TertuliaError] = asyncio.get_running_loop().create_future()

        def done(outcome: SendResult | TertuliaError) -> None:
            self.told.append(("ack", outcome))
            answer.set_result(outcome)

        self.store.post(Post(room_id, user_id, "ana", content, **more), done)
        return answer

    async def post(self, *args: Any, **more: Any) -> Any:
        return await self.start_post(*args, **more)

    @asynccontextmanager
    async def one_batch(self) -> AsyncIterator[None]:
        """What is asked for inside, without an await, is one batch: SQLite's writer is kept busy meanwhile."""
        if self.store.dialect_name == "postgresql":
            yield
            return
        entered, closed = threading.Event(), threading.Event()

        def wait(work: Work) -> None:
            entered.set()
            closed.wait(20)

        busy = asyncio.ensure_future(self.store.write(wait))
        await asyncio.to_thread(entered.wait, 20)
        try:
            yield
        finally:
            closed.set()
            await busy

    async def log(self, room_id: int = OPEN) -> list[Any]:
        """All of a room's events, every place from 1 to the head being taken once."""
        events, head = (await self.store.read_log([(room_id, 0)], 1_000_000))[room_id]
        assert [event.seq for event in events] == list(range(1, head + 1))
        return list(events)


@asynccontextmanager
async def world_on(url: str, *, is_new: bool = True) -> AsyncIterator[World]:
    store = Store.open(url)
    await store.start(migrate=True)
    try:
        if is_new:
            await store.write(populate)
        yield World(store)
    finally:
        await store.stop()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_on(database_url) as world:
        yield world
