"""Revocation: a login that ended closes its sockets, a user whose role changed has it on open ones, at once."""

import asyncio
import logging
from datetime import timedelta

from tertulia.domain.clock import Clock
from tertulia.domain.errors import TertuliaError, Unavailable
from tertulia.domain.events import BlocksChanged, Notice, SessionsEnded, UserChanged
from tertulia.domain.ids import UserId
from tertulia.domain.models import Access
from tertulia.fanout import Hub
from tertulia.protocol.dialect import CloseReason
from tertulia.services.authenticator import Authenticator

LOOK_EVERY = 2.0
"""Seconds between two looks at the store for logins that have ended: a notice over the backplane may be lost."""
LOOK_BACK = timedelta(seconds=3 * LOOK_EVERY)
"""Farther than the last look: another node's clock, and its commit, may be a little behind."""

log = logging.getLogger("tertulia.revocation")


class Revocation:
    """What this node does about notices, its own and those of other nodes."""

    def __init__(self, authenticator: Authenticator, hub: Hub, clock: Clock) -> None:
        self._authenticator, self._hub, self._clock = authenticator, hub, clock
        self._tasks: set[asyncio.Task[None]] = set()

    def heed(self, notice: Notice) -> None:
        self._authenticator.forget(notice)
        match notice:
            case SessionsEnded():
                self._hub.end_sessions(notice.session_ids)
            case UserChanged():
                self._start(notice.user_id)
            case BlocksChanged():
                self._hub.blocks_changed(notice.user_id)
            case _:
                pass

    async def watch(self) -> None:
        """For ever: repairs notices that were lost."""
        looked_at = self._clock()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = self._clock()
            try:
                ended = await self._authenticator.ended_since(looked_at - LOOK_BACK)
            except Unavailable:
                continue
            looked_at = now
            if ended:
                self.heed(SessionsEnded(session_ids=list(ended)))

    def _start(self, user_id: UserId) -> None:
        if self._hub.connections_of(user_id):
            task = asyncio.get_running_loop().create_task(self._renew(user_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _renew(self, user_id: UserId) -> None:
        """Each open socket of the user is of who they are now, or is closed."""
        for connection in self._hub.connections_of(user_id):
            try:
                actor = await self._authenticator.actor(connection.session_id)
            except TertuliaError as error:
                down = isinstance(error, Unavailable)
                self._hub.hang_up(connection, CloseReason.OVERLOADED if down else CloseReason.INVALID_TOKEN)
            else:
                connection.renew(Access(actor, connection.expires_at))
