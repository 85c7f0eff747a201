"""Commands of rooms and their members."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType, field

from tertulia.domain.commands.command import Command, PageCommand
from tertulia.domain.commands.space import SpaceChange
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import (
    Conversation,
    Invite,
    Membership,
    Page,
    Room,
)
from tertulia.domain.roles import RoomRole


class CreateRoom(Command[Room], frozen=True, kw_only=True):
    name: str
    description: str = ""
    is_private: bool = False
    space: SpaceChange | None = None


class CreateGroup(Command[Room], frozen=True, kw_only=True):
    """By invitation only; *member_ids* are its first members besides oneself, who owns it. It may have no name."""

    name: str = ""
    description: str = ""
    member_ids: list[UserId] = field(default_factory=list)


class OpenDirect(Command[Room], frozen=True, kw_only=True):
    """The one direct room of oneself and *user_id*, made if need be."""

    user_id: UserId


class FindDirect(Command[Room | None], frozen=True, kw_only=True):
    """The same, if there is one."""

    user_id: UserId


class GetConversation(Command[Conversation], frozen=True, kw_only=True):
    """For members alone. Raises NotAMember also for a room that is not there."""

    room_id: RoomId


class ListConversations(PageCommand[list[Conversation]], frozen=True, kw_only=True):
    """All rooms that one is a member of, that with the newest message first. *skip*: how many to pass over."""

    skip: int = 0


class ListVisibleRooms(Command[list[RoomId]], frozen=True, kw_only=True):
    """Those of *room_ids* that one may know of: public ones, and one's own. Needs no login."""

    room_ids: list[RoomId]


class GetRoom(Command[Room], frozen=True, kw_only=True):
    room_id: RoomId


class ListRooms(PageCommand[Page[Room]], frozen=True, kw_only=True):
    """Public rooms and one's own, by id, ascending; *mine*: only those one is a member of. *skip*: how many to pass
    over, for who counts pages."""

    q: str | None = None
    mine: bool = False
    cursor: RoomId | None = None
    skip: int = 0


class UpdateRoom(Command[Room], frozen=True, kw_only=True):
    """For moderators and up."""

    room_id: RoomId
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    is_private: bool | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET
    space: SpaceChange | UnsetType = UNSET


class ArchiveRoom(Command[None], frozen=True, kw_only=True):
    """For owners and admins. The room is gone for everyone; its log stays in the database."""

    room_id: RoomId


# ---- members


class JoinRoom(Command[Membership], frozen=True, kw_only=True):
    """Become a member of a public room. Harmless when one is."""

    room_id: RoomId


class LeaveRoom(Command[None], frozen=True, kw_only=True):
    """Stop being a member."""

    room_id: RoomId


class ListMembers(PageCommand[Page[Membership]], frozen=True, kw_only=True):
    """By user id, ascending."""

    room_id: RoomId
    cursor: UserId | None = None


class AddMember(Command[Membership], frozen=True, kw_only=True):
    """For moderators and up."""

    room_id: RoomId
    user_id: UserId
    role: RoomRole = RoomRole.MEMBER


class UpdateMember(Command[Membership], frozen=True, kw_only=True):
    """Role and mute. For moderators and up, on those below them; *muted_until* None ends a mute."""

    room_id: RoomId
    user_id: UserId
    role: RoomRole | UnsetType = UNSET
    muted_until: datetime | UnsetType | None = UNSET


class RemoveMember(Command[None], frozen=True, kw_only=True):
    """Kick, or *ban* (which keeps them from joining again until they are added by a moderator)."""

    room_id: RoomId
    user_id: UserId
    ban: bool = False


class CreateInvite(Command[Invite], frozen=True, kw_only=True):
    """*expires_in*: seconds."""

    room_id: RoomId
    expires_in: int | None = 7 * 86400
    max_uses: int | None = None


class AcceptInvite(Command[Room], frozen=True, kw_only=True):
    code: str
