"""Events: facts, in the past tense. Durable ones are in a room's log and have a `seq`; ephemeral ones are of the moment.

A durable event is stored as its own JSON, without what stands in columns of its own beside it (`room_id`, `seq`,
`message_id`): those fields are left out while they are 0, and `placed` puts them back.
"""

from datetime import datetime
from typing import Any, Self

import msgspec
from msgspec import Struct

from tertulia.domain.ids import MessageId, ObjectId, RoomId, Seq, ToolUseId, UserId
from tertulia.domain.models import Direction, Quote, Room, SpaceObject
from tertulia.domain.roles import LeaveReason, RoomRole, Status


class Durable(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """A stored change in a room. Everyone in the room hears it, its author included."""

    room_id: RoomId = RoomId(0)
    seq: Seq = Seq(0)
    message_id: MessageId = MessageId(0)

    def placed(self, room_id: RoomId, seq: Seq, message_id: MessageId | None = None) -> Self:
        """This event at its place in the log."""
        return msgspec.structs.replace(
            self, room_id=room_id, seq=seq, message_id=message_id if message_id is not None else self.message_id
        )


class MessageSent(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="message_sent"):
    """The fields are a `Message`'s. *quote* is never stored: who reads the log gets it as it is then."""

    user_id: UserId
    username: str
    content: str
    kind: str = "text"
    reply_to: MessageId | None = None
    quote: Quote | None = None
    mentions: list[UserId] = []
    mentions_here: bool = False
    recipient_id: UserId | None = None
    nonce: str | None = None
    created_at: datetime


class MessageEdited(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="message_edited"):
    """*user_id* is who edited it. The mentions are those of the new text."""

    user_id: UserId
    username: str = ""
    content: str
    mentions: list[UserId] = []
    mentions_here: bool = False
    updated_at: datetime


class MessageDeleted(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="message_deleted"):
    """*user_id* is who deleted it."""

    user_id: UserId
    username: str = ""
    updated_at: datetime


class ReactionAdded(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="reaction_added"):
    """*count*: of this emoji on the message, with this one."""

    user_id: UserId
    username: str
    emoji: str
    count: int
    created_at: datetime


class ReactionRemoved(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="reaction_removed"):
    """*count*: of this emoji on the message, without this one. *user_id* is whose reaction it was."""

    user_id: UserId
    username: str
    emoji: str
    count: int
    created_at: datetime


class MessagePinned(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="message_pinned"):
    user_id: UserId
    username: str
    created_at: datetime


class MessageUnpinned(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="message_unpinned"):
    """Not told of a message that was deleted: it is pinned no more by that."""

    user_id: UserId
    username: str
    created_at: datetime


class MemberAdded(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="member_added"):
    """*by* is who brought them in: themselves, if they joined."""

    user_id: UserId
    username: str
    role: RoomRole
    by: UserId
    created_at: datetime


class MemberRemoved(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="member_removed"):
    user_id: UserId
    username: str
    reason: LeaveReason
    by: UserId
    created_at: datetime


class MemberUpdated(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="member_updated"):
    user_id: UserId
    username: str
    role: RoomRole
    muted_until: datetime | None = None
    by: UserId
    created_at: datetime


class RoomUpdated(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="room_updated"):
    """*room* is as it is now; its `last_seq`, `unread` and `read_seq` say nothing here."""

    user_id: UserId
    room: Room
    created_at: datetime


class ObjectPlaced(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="object_placed"):
    user_id: UserId
    username: str
    object: SpaceObject
    created_at: datetime


class ObjectUpdated(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="object_updated"):
    """*object* is as it is now."""

    user_id: UserId
    username: str
    object: SpaceObject
    created_at: datetime


class ObjectRemoved(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="object_removed"):
    user_id: UserId
    username: str
    object_id: ObjectId
    created_at: datetime


class ToolUsed(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="tool_used"):
    """*object* is as it is after that; None: this has removed it. Whatever a tool changes is told by this event alone:
    no `object_updated` or `object_removed` comes besides. *use_id*: in the tool log."""

    user_id: UserId
    username: str
    use_id: ToolUseId
    target_object_id: ObjectId
    action: str
    params: dict[str, Any] = {}
    object: SpaceObject | None = None
    created_at: datetime


class RoomDeleted(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="room_deleted"):
    """The last event of a log: the room is archived, and gone for its members."""

    user_id: UserId
    created_at: datetime


DURABLE_EVENTS = (
    MessageSent,
    MessageEdited,
    MessageDeleted,
    ReactionAdded,
    ReactionRemoved,
    MessagePinned,
    MessageUnpinned,
    MemberAdded,
    MemberRemoved,
    MemberUpdated,
    RoomUpdated,
    ObjectPlaced,
    ObjectUpdated,
    ObjectRemoved,
    ToolUsed,
    RoomDeleted,
)
DurableEvent = (
    MessageSent
    | MessageEdited
    | MessageDeleted
    | ReactionAdded
    | ReactionRemoved
    | MessagePinned
    | MessageUnpinned
    | MemberAdded
    | MemberRemoved
    | MemberUpdated
    | RoomUpdated
    | ObjectPlaced
    | ObjectUpdated
    | ObjectRemoved
    | ToolUsed
    | RoomDeleted
)


class Ephemeral(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Of the moment: never stored, dropped or coalesced for who is slow."""


class UserJoined(Ephemeral, frozen=True, kw_only=True, tag="user_joined"):
    """Somebody entered the room with the first of their sockets. *present*: who is in it now, the first
    `SHOWN_OCCUPANTS` of them; each node fills that in for its own sockets."""

    room_id: RoomId
    user_id: UserId
    username: str
    x: float | None = None
    y: float | None = None
    present: list[UserId] = []


SHOWN_OCCUPANTS = 500


class UserLeft(Ephemeral, frozen=True, kw_only=True, tag="user_left"):
    """Somebody left the room with the last of their sockets. *reason*: left (by saying so), closed (the socket was
    closed in good order), disconnected, removed. *present*: as in `UserJoined`."""

    room_id: RoomId
    user_id: UserId
    username: str
    reason: str
    present: list[UserId] = []


class UserTyping(Ephemeral, frozen=True, kw_only=True, tag="user_typing"):
    room_id: RoomId
    user_id: UserId
    username: str


class ReadUpdated(Ephemeral, frozen=True, kw_only=True, tag="read_updated"):
    """*user_id* has read the room up to *seq*. *message_id*: the newest message that this includes."""

    room_id: RoomId
    user_id: UserId
    username: str = ""
    seq: Seq
    message_id: MessageId | None = None
    at: datetime | None = None


class DeliveredUpdated(Ephemeral, frozen=True, kw_only=True, tag="delivered_updated"):
    """The room up to *seq* has reached *user_id*. The fields are as in `ReadUpdated`."""

    room_id: RoomId
    user_id: UserId
    username: str = ""
    seq: Seq
    message_id: MessageId | None = None
    at: datetime | None = None


class PresenceUpdated(Ephemeral, frozen=True, kw_only=True, tag="presence_updated"):
    """Told once to each connection that hears one of *room_ids*, which the user is a member of, and to the user's own.
    *status* is what others may see: never invisible."""

    user_id: UserId
    username: str = ""
    status: Status
    text: str
    last_seen_at: datetime | None
    room_ids: list[RoomId] = []


class PositionUpdated(Ephemeral, frozen=True, kw_only=True, tag="position_updated"):
    """Where somebody is now, to hundredths of a unit: told to those who see them, or as a correction to themselves."""

    room_id: RoomId
    user_id: UserId
    x: float
    y: float
    direction: Direction = None


class BubbleUpdated(Ephemeral, frozen=True, kw_only=True, tag="bubble_updated"):
    """A group of people who stand near each other; *user_ids* empty: it is no more. Whoever is in it is in no other.
    *talk_id*: the room of what was said in it, once something was."""

    room_id: RoomId
    bubble_id: str
    user_ids: list[UserId]
    talk_id: RoomId | None = None


EPHEMERAL_EVENTS = (
    UserJoined,
    UserLeft,
    UserTyping,
    ReadUpdated,
    DeliveredUpdated,
    PresenceUpdated,
    PositionUpdated,
    BubbleUpdated,
)
EphemeralEvent = (
    UserJoined
    | UserLeft
    | UserTyping
    | ReadUpdated
    | DeliveredUpdated
    | PresenceUpdated
    | PositionUpdated
    | BubbleUpdated
)
Event = DurableEvent | EphemeralEvent


class SessionsEnded(Struct, frozen=True, kw_only=True, tag="sessions_ended", tag_field="type"):
    """Logins that are no more: their sockets close at once, on every node. Goes to nodes, never to clients."""

    session_ids: list[str]
    reason: str = "revoked"


class UserChanged(Struct, frozen=True, kw_only=True, tag="user_changed", tag_field="type"):
    """What a node may have cached of this user is stale. Goes to nodes, never to clients."""

    user_id: UserId


class MembershipBegan(Struct, frozen=True, kw_only=True, tag="membership_began", tag_field="type"):
    """*user_id* became a member of *room_id* at *seq*: sockets that hear all their user's rooms hear this one, too.
    Goes to nodes, never to clients."""

    user_id: UserId
    room_id: RoomId
    seq: Seq


class BlocksChanged(Struct, frozen=True, kw_only=True, tag="blocks_changed", tag_field="type"):
    """*user_id* has blocked somebody, or does so no longer. Goes to nodes, never to clients."""

    user_id: UserId


class StayBegan(Struct, frozen=True, kw_only=True, tag="stay_began", tag_field="type"):
    """*user_id* has come into the talk *room_id* of the room *parent_id*: those of their sockets that are in that room
    enter the talk. Goes to nodes, never to clients."""

    user_id: UserId
    room_id: RoomId
    parent_id: RoomId


Notice = SessionsEnded | UserChanged | MembershipBegan | BlocksChanged | StayBegan
