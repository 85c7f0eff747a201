"""Models: what the core knows of users, rooms, memberships, messages and objects. Immutable values."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from tertulia.domain.ids import MessageId, ObjectId, RoomId, Seq, SessionId, ToolUseId, UserId
from tertulia.domain.roles import Builders, RoomKind, RoomRole, Status, UserRole

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


class Point(Struct, frozen=True):
    """A place in a space, in units."""

    x: float
    y: float


Direction = str | float | None
"""Where somebody looks: a word of the client's own (at most 16 characters), or an angle in degrees."""


class Area(Struct, frozen=True, kw_only=True):
    """A part of a floor that has rules; areas do not overlap. (x, y) is its upper left corner.

    *is_quiet*: what is said inside is heard only there, but every member of the room may read it. *is_private*: only
    who was inside when it was said hears and reads it. *capacity*: the most people inside. *is_lockable*: who is inside
    may lock it, and then nobody else comes in; it opens by itself when it is empty. *locked_by*: who has locked it.
    """

    id: int
    name: str = ""
    x: float
    y: float
    width: float
    height: float
    is_quiet: bool = False
    is_private: bool = False
    capacity: int | None = None
    is_lockable: bool = False
    locked_by: UserId | None = None

    @property
    def keeps_talk(self) -> bool:
        """What is said inside goes to a room of its own."""
        return self.is_quiet or self.is_private

    @property
    def is_gated(self) -> bool:
        """Who is inside is kept in the store: one comes in by being let in."""
        return self.keeps_talk or self.capacity is not None or self.is_lockable


class Space(Struct, frozen=True, kw_only=True):
    """The 2-D place of a room, in units; (0, 0) is its upper left corner. *speed*: units a second, 0 for no limit.
    *spawn_points*: where one comes in, at least one, none of them inside anything solid. *builders*: who may change
    what stands there. *earshot*: how far apart those may be who talk to each other nearby.

    Logs of the first version tell of spaces without a list of spawn points; one is read as having its corner.
    """

    width: float
    height: float
    background: str | None = None
    speed: float = 400.0
    spawn_points: list[Point] = field(default_factory=lambda: [Point(0.0, 0.0)])
    builders: Builders = Builders.MEMBERS
    earshot: float = 150.0
    areas: list[Area] = []


class Room(Struct, frozen=True, kw_only=True):
    """Members, one log, one sequence. A direct room has no name of its own, a group may have none. *unread*,
    *mention_count* (how often one was mentioned in what is unread) and *read_seq* are the asking user's.

    A talk is a group with a *parent_id*: what is said near each other, or within the area *area_id*, of that room's
    space. Its members are those who stand there just now; who stood there reads what was said meanwhile, and, when it is
    not private (a quiet area), so do the parent's members.
    """

    id: RoomId
    kind: RoomKind
    name: str
    description: str = ""
    owner_id: UserId | None = None
    is_private: bool = False
    settings: dict[str, Any] = {}
    space: Space | None = None
    parent_id: RoomId | None = None
    area_id: int | None = None
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
    """A thing placed in a room's space. (x, y) is its upper left corner; *rotation* in degrees, clockwise, about its
    middle. *version* goes up by one with each change. *occupied_by*: who sits on it."""

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
    version: int = 1
    occupied_by: UserId | None = None
    created_by: UserId | None = None
    updated_at: datetime

    @property
    def is_seat(self) -> bool:
        """One sits on chairs, and on whatever says that it is a seat."""
        return self.type == "chair" or self.metadata.get("seat") is True


class ToolUse(Struct, frozen=True, kw_only=True):
    """An entry of the tool log. *seq*: where the room's log has it."""

    id: ToolUseId
    room_id: RoomId
    seq: Seq
    user_id: UserId
    username: str
    target_object_id: ObjectId
    action: str
    params: dict[str, Any]
    created_at: datetime


class FloorPlan(Struct, frozen=True, kw_only=True):
    """A whole floor, to be carried elsewhere: the space, and what stands in it. The ids say nothing elsewhere."""

    space: Space
    objects: list[SpaceObject]


class Occupant(Struct, frozen=True, kw_only=True):
    """Somebody who is in a room now. *last_seen*: when they last moved, or were heard of."""

    user_id: UserId
    username: str
    x: float | None = None
    y: float | None = None
    direction: Direction = None
    status: str = "online"
    last_seen: datetime | None = None


class Place(Struct, frozen=True, kw_only=True):
    """Where somebody stands in a room's space; *area_id*: the gated area that they were let into."""

    room_id: RoomId
    user_id: UserId
    x: float
    y: float
    direction: Direction = None
    area_id: int | None = None


class Voice(Struct, frozen=True, kw_only=True):
    """Where that goes what somebody says who stands in a space: to the room's own log with the rest (*area_id* and
    *bubble_id* None: only that a repeat is looked for in its talks, too), to the talk of an area, or to that of a
    bubble, whose people are *hearers*, the speaker included. *is_elsewhere*: another node knows where they stand, and
    the store whether that is in an area."""

    area_id: int | None = None
    bubble_id: str | None = None
    talk_id: RoomId | None = None
    hearers: list[UserId] = []
    is_elsewhere: bool = False


class Stay(Struct, frozen=True, kw_only=True):
    """Somebody's time in a talk, from *began* on; *ended* None: still there."""

    talk_id: RoomId
    parent_id: RoomId
    area_id: int | None
    user_id: UserId
    began: Seq
    ended: Seq | None = None


class Seat(Struct, frozen=True, kw_only=True):
    """Who sits where."""

    room_id: RoomId
    object_id: ObjectId
    user_id: UserId


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
