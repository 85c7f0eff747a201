"""Wishes: how the users of this node want to be seen, and whose typing they do not want to see."""

import asyncio
from collections.abc import Callable, Collection

from tertulia.domain.ids import UserId
from tertulia.domain.roles import Status
from tertulia.fanout.presence import AFTER_A_FAILURE, AT_ONCE, PeopleReader, note_failure


class WishList:
    """Asked of the store when a user connects, for all who did so meanwhile in one read, and again when it is said to
    have changed. Until the answer is there they see nobody typing: better late than from somebody they have blocked.

    *found*: how a user turned out to want to be seen. Without *people*, nobody has wishes.
    """

    def __init__(self, people: PeopleReader | None, *, found: Callable[[UserId, Status], None]) -> None:
        self._people, self._found = people, found
        self._blocked: dict[UserId, frozenset[UserId]] = {}
        self._blockers: dict[UserId, set[UserId]] = {}
        self._here: set[UserId] = set()
        self._unknown: set[UserId] = set()
        self._asked: set[UserId] = set()
        self._task: asyncio.Task[None] | None = None

    def come(self, user_id: UserId) -> None:
        """With the first socket on this node."""
        self._here.add(user_id)
        self._ask((user_id,))

    def go(self, user_id: UserId) -> None:
        self._here.discard(user_id)
        self._unknown.discard(user_id)
        self._put(user_id, frozenset())

    def changed(self, user_id: UserId) -> None:
        if user_id in self._here:
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
        self._unknown.update(user_ids)
        self._asked.difference_update(user_ids)  # an answer that is on its way may be older
        if self._unknown and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look_up(self._people))

    async def _look_up(self, people: PeopleReader) -> None:
        try:
            while self._unknown:
                self._asked = set(list(self._unknown)[:AT_ONCE])
                try:
                    wishes = await people.wishes(self._asked)
                except Exception as error:  # noqa: BLE001  whatever it is, they still have their wishes
                    note_failure(error)
                    await asyncio.sleep(AFTER_A_FAILURE)
                    continue
                for user_id in self._asked & self._unknown:
                    self._unknown.discard(user_id)
                    one = wishes.get(user_id)
                    self._put(user_id, frozenset() if one is None else one.blocked)
                    if one is not None:
                        self._found(user_id, one.status)
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
