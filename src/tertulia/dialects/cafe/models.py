"""cafe's REST bodies."""

from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import Field, Strict, model_validator

from tertulia.dialects.cafe.space_models import NewSpace, Space, SpaceChange
from tertulia.domain import models
from tertulia.domain.roles import RoomKind, RoomRole, Status, UserRole
from tertulia.protocol.fields import Id, Nonce, SeqField, Text
from tertulia.rest.bodies import Body, MomentIn, Shape, Time, left_out

T = TypeVar("T")
A_YEAR = 366 * 86400


RoleIn = Annotated[RoomRole, Strict(strict=False)]


class Page(Shape, Generic[T]):
    """*next_cursor*, given as `cursor`, asks for what comes after; null at the end."""

    items: list[T]
    has_more: bool
    next_cursor: int | None


# ---- auth


class NewAccount(Body):
    username: Text = Field(examples=["alice"])
    password: Text = Field(examples=["correct horse battery staple"])
    email: Text | None = Field(default=None, examples=["alice@example.org"])
    display_name: Text | None = Field(default=None, examples=["Alice"])


class RefreshToken(Body):
    refresh_token: Text


class PasswordChange(Body):
    current_password: Text
    new_password: Text


class User(Shape):
    id: int
    username: str
    display_name: str
    avatar_url: str | None
    bio: str
    role: UserRole
    status: Status
    status_text: str
    last_seen_at: Time | None
    created_at: Time


class OwnUser(User):
    """As one sees oneself."""

    email: str | None


class Account(OwnUser):
    """As admins see a user."""

    is_active: bool


class Tokens(Shape):
    """*expires_in*: seconds that the access token is good for."""

    access_token: str
    token_type: str = "bearer"
    expires_in: int
    refresh_token: str
    user: OwnUser


class Session(Shape):
    """A login. *is_current*: the one that asks."""

    id: str
    user_agent: str
    address: str
    created_at: Time
    last_used_at: Time
    expires_at: Time
    is_current: bool = False


class Ticket(Shape):
    """Opens one socket, as `?ticket=`, within *expires_in* seconds."""

    ticket: str
    expires_in: int


# ---- users


class ProfileChange(Body):
    """What is left out stays as it is. An email of null takes it away."""

    display_name: Text = left_out()
    bio: Text = left_out()
    email: Text | None = left_out()


class StatusChange(Body):
    status: Annotated[Status, Strict(strict=False)]
    text: Text = left_out()


class AccountChange(Body):
    role: Annotated[UserRole, Strict(strict=False)] = left_out()
    is_active: bool = left_out()


# ---- rooms


class NewRoom(Body):
    """A group is by invitation only, needs no name, and has no space; its first members are *member_ids*, besides
    oneself. A channel begins with oneself."""

    kind: Literal["channel", "group"] = "channel"
    name: Text = Field(default="", examples=["Kitchen"])
    description: Text = ""
    is_private: bool = False
    space: NewSpace | None = None
    member_ids: list[Id] = Field(default=[], examples=[[4]])

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "group" and self.space is not None:
            raise ValueError("a group has no space")
        if self.kind == "channel" and self.member_ids:
            raise ValueError("member_ids are for groups: to a channel, members are added one by one")
        return self


class NewDirect(Body):
    """*user_id*: with whom."""

    user_id: Id


class RoomChange(Body):
    """What is left out stays as it is."""

    name: Text = left_out()
    description: Text = left_out()
    is_private: bool = left_out()
    settings: dict[Text, Any] = left_out()
    space: SpaceChange = left_out()


class Room(Shape):
    """*unread*, and *mention_count* (how often that names one), are for the one who asks. A direct room has no name of
    its own, a group may have none. A talk has a *parent_id*, the room in whose space it is held, and an *area_id* if
    that is an area's."""

    id: int
    kind: RoomKind
    name: str
    description: str
    owner_id: int | None
    is_private: bool
    settings: dict[str, Any]
    space: Space | None
    parent_id: int | None
    area_id: int | None
    member_count: int
    last_seq: int
    unread: int
    mention_count: int
    created_at: Time
    updated_at: Time


class NewMember(Body):
    user_id: Id
    role: RoleIn = RoomRole.MEMBER


class MemberChange(Body):
    """What is left out stays as it is. *muted_until* of null ends a mute."""

    role: RoleIn = left_out()
    muted_until: MomentIn | None = left_out()


class Member(Shape):
    room_id: int
    user_id: int
    username: str
    display_name: str
    status: Status
    role: RoomRole
    muted_until: Time | None
    read_seq: int
    joined_at: Time


class NewInvite(Body):
    """*expires_in*: seconds; null for never. *max_uses*: null for any number."""

    expires_in: Annotated[int, Field(ge=1, le=10 * A_YEAR)] | None = 7 * 86400
    max_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Invite(Shape):
    code: str
    room_id: int
    created_by: int
    expires_at: Time | None
    max_uses: int | None
    uses: int


class ReadMark(Body):
    """*seq*: of the last thing that was read."""

    seq: SeqField


class LogItem(Shape):
    """An event as the socket sends it."""

    event: str = Field(examples=["message_received"])
    data: dict[str, Any]


class LogPage(Shape):
    """*seq*: of the last item, to go on `after`. A log of another *epoch* than before, or whose *seq* is less than the
    `after` that was asked for, is another log: start anew."""

    epoch: str
    items: list[LogItem]
    seq: int
    has_more: bool


# ---- messages


class NewMessage(Body):
    """*nonce*: a name of the client's for this message; sent again, it gives the first result again. *kind*: a word of
    the client's own, in small letters; `system` is the server's. *nearby*: to those alone who stand near, in the room's
    space; the message's *room_id* is then that of their talk."""

    content: Text = Field(examples=["Hello everyone!"])
    reply_to: Id | None = None
    nonce: Nonce | None = None
    kind: Text = "text"
    nearby: bool = False


class MessageChange(Body):
    content: Text


class Quote(Shape):
    """What a reply answers: its author, and its first line as it is now; none once it is deleted."""

    message_id: int
    user_id: int
    username: str
    text: str
    is_deleted: bool


class Reaction(Shape):
    """*users*: ids of the first who gave it, at most 20."""

    emoji: str
    count: int
    users: list[int]


class Message(Shape):
    """*mentions*: ids of members whom it names; *mentions_here*: it calls everybody. *recipient_id*: the other one in a
    direct room, where *delivered_at* and *read_at* say when it reached them; null elsewhere."""

    id: int
    room_id: int
    seq: int
    user_id: int
    username: str
    content: str
    kind: str
    reply_to: int | None
    quote: Quote | None
    mentions: list[int]
    mentions_here: bool
    attachments: list[Any] = Field(default=[])
    reactions: list[Reaction]
    recipient_id: int | None
    delivered_at: Time | None
    read_at: Time | None
    is_edited: bool
    is_deleted: bool
    created_at: Time
    updated_at: Time | None


class SentMessage(Message):
    """*duplicate*: the nonce was known, and this is the message of its first use."""

    duplicate: bool = False


class Version(Shape):
    """What a message said from *created_at* on; *seq* is where the log has that."""

    content: str
    user_id: int
    seq: int
    created_at: Time


class Reactor(Shape):
    """Somebody's reaction; *seq* is where the log has it."""

    emoji: str
    user_id: int
    username: str
    seq: int
    created_at: Time


class NewChatMessage(Body):
    room_id: Id = Field(examples=[1])
    message: Text = Field(examples=["Hello everyone!"])
    nonce: Nonce | None = None
    nearby: bool = False


class ChatMessage(Shape):
    """A message in the words of `chat`."""

    id: int
    room_id: int
    user_id: int
    username: str
    message: str = Field(validation_alias="content")
    created_at: Time


class SentChatMessage(ChatMessage):
    """*duplicate*: the nonce was known, and this is the message of its first use."""

    duplicate: bool = False


def as_seen_by(actor: models.Actor, user: models.User) -> User:
    """The email address is for oneself and for admins."""
    if actor.is_admin:
        return Account.model_validate(user)
    return (OwnUser if user.id == actor.user_id else User).model_validate(user)
