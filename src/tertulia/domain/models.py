"""Models: what the core knows of users, rooms, memberships, messages and objects. Immutable values."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from tertulia.domain.ids import MessageId, ObjectId, RoomId, Seq, SessionId, UserId
from tertulia.domain.roles import RoomKind, RoomRole, Status, UserRole

T = TypeVar("T")


class User(Struct, frozen=True, kw_only=True):
    """An account, human or bot. *email* is for the user and for admins alone."""

    id: UserId
    username: str
    email: str | None = None
    display_name: str
    avatar_url: str | None = None
    bio: str = ""
    role: UserRole = UserRole.USER
    is_active: bool = True
    is_deleted: bool = False
    status: Status = Status.OFFLINE
    status_text: str = ""
    last_seen_at: datetime | None = None
    created_at: datetime


class Actor(Struct, frozen=True):
    """The authenticated user a command runs for, and the login that says so."""

    user_id: UserId
    username: str
    role: UserRole
    session_id: SessionId

    @property
    def is_admin(self) -> bool:
        return self.role is UserRole.ADMIN


class Access(Struct, frozen=True):
    """What a valid token proves: who, and until when. *status*: the one that they have chosen; *blocked*: whom they do
    not want to hear of."""

    actor: Actor
    expires_at: datetime
    status: Status = Status.ONLINE
    blocked: frozenset[UserId] = frozenset()


class Session(Struct, frozen=True, kw_only=True):
    """A login, as its user sees it in the list of their sessions."""

    id: SessionId
    user_id: UserId
    user_agent: str = ""
    address: str = ""
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class Tokens(Struct, frozen=True, kw_only=True):
    """The answer to a login. *expires_in*: seconds that the access token is good for."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: User


class Membership(Struct, frozen=True, kw_only=True):
    """A user in a room: what authorises. Being connected does not. *status*: the user's."""

    room_id: RoomId
    user_id: UserId
    username: str
    display_name: str = ""
    status: Status = Status.OFFLINE
    role: RoomRole = RoomRole.MEMBER
    muted_until: datetime | None = None
    delivered_seq: Seq = Seq(0)
    read_seq: Seq = Seq(0)
    joined_at: datetime


class Space(Struct, frozen=True, kw_only=True):
    """The 2-D place of a room, in units; (0, 0) is its upper left corner. *speed*: units a second, 0 for no limit."""

    width: float
    height: float
    background: str | None = None
    speed: float = 400.0
    spawn_x: float = 0.0
    spawn_y: float = 0.0


class Room(Struct, frozen=True, kw_only=True):
    """Members, one log, one sequence. A direct room has no name of its own, a group may have none. *unread*,
    *mention_count* (how often one was mentioned in what is unread) and *read_seq* are the asking user's."""

    id: RoomId
    kind: RoomKind
    name: str
    description: str = ""
    owner_id: UserId | None = None
    is_private: bool = False
    settings: dict[str, Any] = {}
    space: Space | None = None
    member_count: int = 0
    last_seq: Seq = Seq(0)
    unread: int = 0
    mention_count: int = 0
    read_seq: Seq = Seq(0)
    created_at: datetime
    updated_at: datetime


class Quote(Struct, frozen=True, kw_only=True):
    """What a reply answers: who said it, and its first line as it is now; none once it is deleted."""

    message_id: MessageId
    user_id: UserId
    username: str
    text: str
    is_deleted: bool = False


class Reaction(Struct, frozen=True, kw_only=True):
    """One emoji on a message. *users*: who gave it first, at most `REACTION_USERS`, in that order."""

    emoji: str
    count: int
    users: list[UserId]


REACTION_USERS = 20
REACTION_KINDS = 30
"""Different emoji that one message may bear."""


class Reactor(Struct, frozen=True, kw_only=True):
    """Somebody's reaction; *seq* is where the log says that it was given."""

    emoji: str
    user_id: UserId
    username: str
    seq: Seq
    created_at: datetime


class Version(Struct, frozen=True, kw_only=True):
    """What a message said from *created_at* on; *seq* is where the log has that."""

    content: str
    user_id: UserId
    seq: Seq
    created_at: datetime


class Message(Struct, frozen=True, kw_only=True):
    """Immutable identity, editable content. *seq* is where the log says that it was sent.

    *mentions*: members whom it names; *mentions_here*: it calls everybody. *recipient_id*: the other one in a direct
    room, where *delivered_at* and *read_at* say when it reached them; None in other rooms.
    """

    id: MessageId
    room_id: RoomId
    seq: Seq
    user_id: UserId
    username: str
    content: str
    kind: str = "text"
    reply_to: MessageId | None = None
    quote: Quote | None = None
    mentions: list[UserId] = []
    mentions_here: bool = False
    reactions: list[Reaction] = []
    recipient_id: UserId | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    is_edited: bool = False
    is_deleted: bool = False
    created_at: datetime
    updated_at: datetime | None = None


class Conversation(Struct, frozen=True, kw_only=True):
    """A room as an entry in a list of talks. *member_ids*: at most `SHOWN_MEMBERS`, ascending; *last_message*: the
    newest that is not deleted."""

    room: Room
    member_ids: list[UserId]
    last_message: Message | None = None


SHOWN_MEMBERS = 100


class Avatar(Struct, frozen=True, kw_only=True):
    """A user's picture. *digest* changes with it, and is in its address."""

    content_type: str
    digest: str
    data: bytes


class SpaceObject(Struct, frozen=True, kw_only=True):
    """A thing placed in a room's space. (x, y) is its upper left corner; *rotation* in degrees."""

    id: ObjectId
    room_id: RoomId
    type: str
    x: float
    y: float
    width: float = 0.0
    height: float = 0.0
    rotation: float = 0.0
    is_solid: bool = False
    metadata: dict[str, Any] = {}
    created_by: UserId | None = None
    updated_at: datetime


class Invite(Struct, frozen=True, kw_only=True):
    code: str
    room_id: RoomId
    created_by: UserId
    expires_at: datetime | None = None
    max_uses: int | None = None
    uses: int = 0


class Page(Struct, Generic[T], frozen=True):
    """One page of a list. *next_cursor* asks for what comes after it; None at the end."""

    items: list[T]
    next_cursor: int | None = None

    @property
    def has_more(self) -> bool:
        return self.next_cursor is not None
