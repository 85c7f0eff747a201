"""Commands: what clients ask for, in the imperative. Each names the type of its result."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType

from tertulia.domain.events import DurableEvent
from tertulia.domain.ids import EVERYTHING_BEFORE, MessageId, RoomId, Seq, SessionId, UserId
from tertulia.domain.models import Invite, Membership, Message, Page, Room, Session, SpaceObject, Tokens, User
from tertulia.domain.roles import RoomRole, Status, UserRole

R = TypeVar("R")


class Command(Struct, Generic[R], frozen=True, kw_only=True):
    """A request to change or read something; R is what its handler returns."""


class PageCommand(Command[R], frozen=True, kw_only=True):
    """Asks for one page of a list. *limit*: the most items on it, from 1 to what the server is set to."""

    limit: int = 50


# ---- accounts


class Register(Command[User], frozen=True, kw_only=True):
    """*address*: where it comes from, for none may take all the server's time."""

    username: str
    password: str
    email: str | None = None
    display_name: str | None = None
    address: str = ""


class Login(Command[Tokens], frozen=True, kw_only=True):
    """*username* may be the email address. *user_agent* and *address* are for the list of sessions."""

    username: str
    password: str
    user_agent: str = ""
    address: str = ""


class RefreshTokens(Command[Tokens], frozen=True, kw_only=True):
    refresh_token: str


class Logout(Command[None], frozen=True, kw_only=True):
    """Ends the session of the one who asks."""


class ChangePassword(Command[None], frozen=True, kw_only=True):
    """Ends all other sessions of the user."""

    current_password: str
    new_password: str


class ListSessions(Command[list[Session]], frozen=True, kw_only=True):
    pass


class EndSession(Command[None], frozen=True, kw_only=True):
    session_id: SessionId


class Ticket(Struct, frozen=True):
    """Good for one socket, within *expires_in* seconds."""

    ticket: str
    expires_in: int


class IssueTicket(Command[Ticket], frozen=True, kw_only=True):
    pass


# ---- people


class GetUser(Command[User], frozen=True, kw_only=True):
    user_id: UserId


class ListUsers(PageCommand[Page[User]], frozen=True, kw_only=True):
    """By id, ascending. *cursor*: the last id of the page before. *q* is looked for in username and display name."""

    q: str | None = None
    cursor: UserId | None = None


class UpdateProfile(Command[User], frozen=True, kw_only=True):
    display_name: str | UnsetType = UNSET
    bio: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET


class SetStatus(Command[User], frozen=True, kw_only=True):
    status: Status
    text: str | UnsetType = UNSET


class UpdateAccount(Command[User], frozen=True, kw_only=True):
    """For admins."""

    user_id: UserId
    role: UserRole | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class DeleteAccount(Command[None], frozen=True, kw_only=True):
    """One's own: logged out everywhere; what was said stays readable under "deleted user"."""


# ---- rooms


class NewSpace(Struct, frozen=True, kw_only=True):
    width: float
    height: float
    background: str | None = None


class CreateRoom(Command[Room], frozen=True, kw_only=True):
    name: str
    description: str = ""
    is_private: bool = False
    space: NewSpace | None = None


class GetRoom(Command[Room], frozen=True, kw_only=True):
    room_id: RoomId


class ListRooms(PageCommand[Page[Room]], frozen=True, kw_only=True):
    """Public rooms and one's own, by id, ascending; *mine*: only those one is a member of."""

    q: str | None = None
    mine: bool = False
    cursor: RoomId | None = None


class UpdateRoom(Command[Room], frozen=True, kw_only=True):
    """For moderators and up."""

    room_id: RoomId
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    is_private: bool | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


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


# ---- messages


class SendResult(Struct, frozen=True):
    """*duplicate*: the nonce was known, and this is the result of its first use."""

    message_id: MessageId
    seq: Seq
    created_at: datetime
    duplicate: bool = False


class SendMessage(Command[SendResult], frozen=True, kw_only=True):
    """*nonce*: at most 64 characters, unique per room and author for ever."""

    room_id: RoomId
    content: str
    reply_to: MessageId | None = None
    nonce: str | None = None


class Edited(Struct, frozen=True):
    """*seq* is the edit's; the message keeps its own."""

    message: Message
    seq: Seq


class EditMessage(Command[Edited], frozen=True, kw_only=True):
    """Only the author edits."""

    message_id: MessageId
    content: str


class DeleteMessage(Command[Seq], frozen=True, kw_only=True):
    """The author, or a moderator. Gives the `seq` of the deletion; deleting again gives the first one's."""

    message_id: MessageId


class GetMessage(Command[Message], frozen=True, kw_only=True):
    message_id: MessageId


class ListMessages(PageCommand[Page[Message]], frozen=True, kw_only=True):
    """Newest first; *cursor*: a message id, what is older than it."""

    room_id: RoomId
    cursor: MessageId | None = None


class LogPage(Struct, frozen=True):
    """A piece of a room's log. *seq*: of its last event (or *after*); *head*: the last of the log."""

    epoch: str
    items: list[DurableEvent]
    seq: Seq
    head: Seq

    @property
    def has_more(self) -> bool:
        return self.seq < self.head


class ListEvents(PageCommand[LogPage], frozen=True, kw_only=True):
    room_id: RoomId
    after: Seq = EVERYTHING_BEFORE


class MarkRead(Command[Seq], frozen=True, kw_only=True):
    """Only moves forward; gives where the mark stands now."""

    room_id: RoomId
    seq: Seq


# ---- live: what concerns a connection, besides what is stored


class Snapshot(Struct, frozen=True, kw_only=True):
    """A room at *seq*, all of it read at one moment. *messages*: the newest, oldest first."""

    room: Room
    membership: Membership
    epoch: str
    seq: Seq
    messages: Page[Message]
    objects: list[SpaceObject]


class EnterRoom(Command[Snapshot], frozen=True, kw_only=True):
    """Be in the room with this connection, from *after* on if given. Joins a public room that one is no member of."""

    room_id: RoomId
    x: float | None = None
    y: float | None = None
    after: Seq | None = None
    epoch: str | None = None


class ExitRoom(Command[None], frozen=True, kw_only=True):
    """Be in the room no longer with this connection; membership stays."""

    room_id: RoomId


class Type(Command[None], frozen=True, kw_only=True):
    """Tell those in the room that one is typing."""

    room_id: RoomId


class RoomHead(Struct, frozen=True, kw_only=True):
    """Where a room's log ends, and how far its reader has come."""

    room_id: RoomId
    epoch: str
    seq: Seq
    read_seq: Seq
    unread: int


class ListHeads(Command[list[RoomHead]], frozen=True, kw_only=True):
    """The heads of all rooms that one is a member of."""


class Welcome(Struct, frozen=True, kw_only=True):
    """What a connection is told of itself. *user* is None until it has authenticated; *expires_in*: seconds."""

    session_id: str
    user: User | None = None
    expires_in: int | None = None
    rooms: list[RoomHead] = []


class Greet(Command[Welcome], frozen=True, kw_only=True):
    """Asked by the server itself when a socket opens."""


class Authenticate(Command[Welcome], frozen=True, kw_only=True):
    """Say who this connection is, or renew that before it expires."""

    token: str


class Ping(Command[None], frozen=True, kw_only=True):
    payload: Any = None
