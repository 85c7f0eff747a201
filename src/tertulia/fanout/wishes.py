"""Wishes: how the users of this node want to be seen, and whose typing they do not want to see."""

import asyncio
from collections.abc import Callable, Collection
from time import monotonic

from tertulia.domain.ids import UserId
from tertulia.domain.roles import Status
from tertulia.fanout.presence import AFTER_A_FAILURE, AT_ONCE, PeopleReader, note_failure

LATELY = 10.0
"""Seconds. Who connects was looked up less than that ago."""


class WishList:
    """Known of everybody who connects, and asked of the store when it is said to have changed, for all of whom that is
    said meanwhile in one read. Until the answer is there they see nobody typing: better late than from somebody whom
    they have blocked.

    *found*: how a user turned out to want to be seen. Without *people*, nothing is asked.
    """

    def __init__(
        self,
        people: PeopleReader | None,
        *,
        found: Callable[[UserId, Status], None],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._people, self._found, self._now = people, found, now
        self._changed_at: dict[UserId, float] = {}  # in the order of that
        self._here: set[UserId] = set()
        self._blocked: dict[UserId, frozenset[UserId]] = {}
        self._blockers: dict[UserId, set[UserId]] = {}
        self._wanted: set[UserId] = set()
        self._asked: set[UserId] = set()
        self._unknown: set[UserId] = set()
        self._task: asyncio.Task[None] | None = None

    def come(self, user_id: UserId, blocked: frozenset[UserId]) -> None:
        """With a socket on this node."""
        if user_id not in self._here:
            self._here.add(user_id)
            self._put(user_id, blocked)
            if self._now() - self._changed_at.get(user_id, -LATELY) < LATELY:
                self._ask((user_id,))

    def go(self, user_id: UserId) -> None:
        """With the last one."""
        for users in (self._here, self._wanted, self._asked, self._unknown):
            users.discard(user_id)
        self._put(user_id, frozenset())

    def note(self, user_id: UserId) -> None:
        """What was looked up of this user before may be old."""
        now = self._now()
        self._changed_at.pop(user_id, None)
        self._changed_at[user_id] = now
        while now - self._changed_at[oldest := next(iter(self._changed_at))] > LATELY:
            del self._changed_at[oldest]

    def changed(self, user_id: UserId) -> None:
        """They have blocked somebody, or do so no longer."""
        self.note(user_id)
        if user_id in self._here and self._people is not None:
            self._unknown.add(user_id)
            self._ask((user_id,))

    def ask_again(self) -> None:
        """That something has changed may not have been heard."""
        self._ask(self._here)

    def averse_to(self, user_id: UserId) -> Collection[UserId]:
        """Those who shall not see *user_id* typing."""
        blockers = self._blockers.get(user_id)
        return blockers | self._unknown if blockers else self._unknown

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _ask(self, user_ids: Collection[UserId]) -> None:
        if self._people is None:
            return
        self._wanted.update(user_ids)
        self._asked.difference_update(user_ids)  # an answer that is on its way may be older
        if self._wanted and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look_up(self._people))

    async def _look_up(self, people: PeopleReader) -> None:
        try:
            while self._wanted:
                self._asked = set(list(self._wanted)[:AT_ONCE])
                self._wanted -= self._asked
                try:
                    wishes = await people.wishes(frozenset(self._asked))
                except Exception as error:  # noqa: BLE001  whatever it is, they still have their wishes
                    note_failure(error)
                    self._wanted |= self._asked
                    await asyncio.sleep(AFTER_A_FAILURE)
                    continue
                for user_id in self._asked:
                    self._unknown.discard(user_id)
                    if user_id in wishes:
                        self._put(user_id, wishes[user_id].blocked)
                        self._found(user_id, wishes[user_id].status)
        finally:
            self._task = None

    def _put(self, user_id: UserId, blocked: frozenset[UserId]) -> None:
        before = self._blocked.pop(user_id, frozenset())
        if blocked:
            self._blocked[user_id] = blocked
        for other in before - blocked:
            blockers = self._blockers[other]
            blockers.discard(user_id)
            if not blockers:
                del self._blockers[other]
        for other in blocked - before:
            self._blockers.setdefault(other, set()).add(user_id)
