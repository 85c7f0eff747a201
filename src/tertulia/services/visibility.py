"""Visibility: what one sees of somebody else."""

from collections.abc import Callable

import msgspec

from tertulia.domain.ids import UserId
from tertulia.domain.models import Actor, Membership, User
from tertulia.domain.roles import Status

IsThere = Callable[[UserId], bool]
"""Whether somebody is connected, anywhere; or was a moment ago, and may be back at once."""


def nobody_is(user_id: UserId) -> bool:
    """For where there are no sockets."""
    return False


def user_seen_by(user: User, actor: Actor, is_there: IsThere) -> User:
    """The email address is for the user and for admins alone; the status that they chose, for the user."""
    if user.id == actor.user_id:
        return user
    status = _seen_by_others(user.status, user.id, is_there)
    return msgspec.structs.replace(user, status=status, email=user.email if actor.is_admin else None)


def member_seen_by(member: Membership, actor: Actor, is_there: IsThere) -> Membership:
    if member.user_id == actor.user_id:
        return member
    return msgspec.structs.replace(member, status=_seen_by_others(member.status, member.user_id, is_there))


def _seen_by_others(chosen: Status, user_id: UserId, is_there: IsThere) -> Status:
    """Who is not there is offline, and so is who hides."""
    return chosen.shown if is_there(user_id) else Status.OFFLINE
