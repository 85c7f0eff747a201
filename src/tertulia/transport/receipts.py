"""Receipts: what has come to somebody's socket in a direct room is marked as delivered, once for all that came by then."""

import asyncio

from tertulia.domain.commands import MarkDelivered
from tertulia.domain.errors import TertuliaError
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import Actor
from tertulia.fanout import Connection
from tertulia.services.executor import Executor

AT_ONCE = 8
"""Marks that are moved at one time: people's messages come first."""


class Receipts:
    """One wish for each user and room, however many messages come before it is granted. One that fails is let go: the
    next message in the room brings a farther one."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._wanted: dict[tuple[UserId, RoomId], tuple[Seq, Actor]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on_delivered(self, connection: Connection, room_id: RoomId, seq: Seq) -> None:
        """Returns at once. *connection* was given the room up to *seq*."""
        key = connection.user_id, room_id
        wanted = self._wanted.get(key)
        if wanted is not None and wanted[0] >= seq:
            return
        self._wanted[key] = seq, connection.actor
        if len(self._tasks) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._grant_all())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _grant_all(self) -> None:
        while self._wanted:
            key = next(iter(self._wanted))
            seq, actor = self._wanted.pop(key)
            try:
                await self._executor.execute(MarkDelivered(room_id=key[1], seq=seq), actor)
            except TertuliaError:
                continue
