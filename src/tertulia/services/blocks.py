"""Blocks: whom somebody will not hear from directly."""

from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, NoSuchUser, TooMany
from tertulia.domain.events import BlocksChanged
from tertulia.domain.ids import UserId
from tertulia.domain.models import Actor, User
from tertulia.services.visibility import IsThere, nobody_is, user_seen_by
from tertulia.store import Reader, Work
from tertulia.store import blocks as stored
from tertulia.store.users import get_user, lock_users

MOST_BLOCKED = 1000


class Blocks:
    """A block closes the direct room of the two, if they have one, to both; neither is told who closed it."""

    def __init__(self, *, is_there: IsThere = nobody_is) -> None:
        self._is_there = is_there

    def block(self, command: c.BlockUser, actor: Actor, work: Work) -> None:
        """Raises Invalid for oneself, NoSuchUser, TooMany."""
        _need_two(work, actor, command.user_id)
        if stored.count_blocked(work, actor.user_id) >= MOST_BLOCKED and not stored.has_blocked(
            work, actor.user_id, command.user_id
        ):
            raise TooMany(f"Nobody blocks more than {MOST_BLOCKED} users")
        if stored.block(work, actor.user_id, command.user_id):
            work.notify(BlocksChanged(user_id=actor.user_id))

    def unblock(self, command: c.UnblockUser, actor: Actor, work: Work) -> None:
        """Raises Invalid for oneself, NoSuchUser."""
        _need_two(work, actor, command.user_id)
        if stored.unblock(work, actor.user_id, command.user_id):
            work.notify(BlocksChanged(user_id=actor.user_id))

    def list_blocked(self, command: c.ListBlocked, actor: Actor, reader: Reader) -> list[User]:
        return [user_seen_by(user, actor, self._is_there) for user in stored.list_blocked(reader, actor.user_id)]


def _need_two(work: Work, actor: Actor, user_id: UserId) -> None:
    """Locked, so that neither account is deleted meanwhile."""
    if user_id == actor.user_id:
        raise Invalid("Nobody blocks themselves", field="user_id")
    lock_users(work, actor.user_id, user_id)
    if get_user(work, user_id).is_deleted:
        raise NoSuchUser
