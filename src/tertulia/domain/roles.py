"""Roles: what somebody is in the whole server, and what they are in one room."""

from enum import StrEnum


class UserRole(StrEnum):
    ADMIN = "admin"
    USER = "user"


class RoomRole(StrEnum):
    """Ordered: an owner may all that a moderator may, a moderator all that a member may."""

    MEMBER = "member"
    MODERATOR = "moderator"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {RoomRole.MEMBER: 0, RoomRole.MODERATOR: 1, RoomRole.OWNER: 2}


class RoomKind(StrEnum):
    CHANNEL = "channel"
    """Named; public or private; joined or invited to."""
    GROUP = "group"
    """By invitation only."""
    DIRECT = "direct"
    """Two fixed members; never two rooms for the same pair."""


class Builders(StrEnum):
    """Who may change what stands in a space."""

    EVERYONE = "everyone"
    """Whoever may see the room."""
    MEMBERS = "members"
    MODERATORS = "moderators"


class Status(StrEnum):
    """What a user shows of themselves. To others only the first four: who is invisible, or not there, is offline."""

    ONLINE = "online"
    AWAY = "away"
    BUSY = "busy"
    OFFLINE = "offline"
    INVISIBLE = "invisible"

    @property
    def shown(self) -> "Status":
        """To others, of somebody who is there."""
        return Status.OFFLINE if self is Status.INVISIBLE else self


class LeaveReason(StrEnum):
    """Why a membership ended."""

    LEFT = "left"
    KICKED = "kicked"
    BANNED = "banned"
    DELETED = "deleted"
