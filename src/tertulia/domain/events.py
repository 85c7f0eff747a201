"""Events: facts, in the past tense. Durable ones are in a room's log and have a `seq`; ephemeral ones are of the moment.

A durable event is stored as its own JSON, without what stands in columns of its own beside it (`room_id`, `seq`,
`message_id`): those fields are left out while they are 0, and `placed` puts them back.
"""

from datetime import datetime
from typing import Self

import msgspec
from msgspec import Struct

from tertulia.domain.ids import MessageId, RoomId, Seq, UserId
from tertulia.domain.models import Room
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
    user_id: UserId
    username: str
    content: str
    kind: str = "text"
    reply_to: MessageId | None = None
    nonce: str | None = None
    created_at: datetime


class MessageEdited(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="message_edited"):
    """*user_id* is who edited it."""

    user_id: UserId
    content: str
    updated_at: datetime


class MessageDeleted(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="message_deleted"):
    """*user_id* is who deleted it."""

    user_id: UserId
    updated_at: datetime


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


class RoomDeleted(Durable, frozen=True, kw_only=True, omit_defaults=True, tag="room_deleted"):
    """The last event of a log: the room is archived, and gone for its members."""

    user_id: UserId
    created_at: datetime


DURABLE_EVENTS = (
    MessageSent,
    MessageEdited,
    MessageDeleted,
    MemberAdded,
    MemberRemoved,
    MemberUpdated,
    RoomUpdated,
    RoomDeleted,
)
DurableEvent = (
    MessageSent
    | MessageEdited
    | MessageDeleted
    | MemberAdded
    | MemberRemoved
    | MemberUpdated
    | RoomUpdated
    | RoomDeleted
)


class Ephemeral(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Of the moment: never stored, dropped or coalesced for who is slow."""


class UserJoined(Ephemeral, frozen=True, kw_only=True, tag="user_joined"):
    """Somebody entered the room with the first of their sockets."""

    room_id: RoomId
    user_id: UserId
    username: str
    x: float | None = None
    y: float | None = None


class UserLeft(Ephemeral, frozen=True, kw_only=True, tag="user_left"):
    """Somebody left the room with the last of their sockets. *reason*: left, disconnected, removed."""

    room_id: RoomId
    user_id: UserId
    username: str
    reason: str


class UserTyping(Ephemeral, frozen=True, kw_only=True, tag="user_typing"):
    room_id: RoomId
    user_id: UserId
    username: str


class ReadUpdated(Ephemeral, frozen=True, kw_only=True, tag="read_updated"):
    """*user_id* has read the room up to *seq*."""

    room_id: RoomId
    user_id: UserId
    seq: Seq


class PresenceUpdated(Ephemeral, frozen=True, kw_only=True, tag="presence_updated"):
    """Told once to each connection that is in one of the user's rooms."""

    user_id: UserId
    status: Status
    text: str
    last_seen_at: datetime | None


EPHEMERAL_EVENTS = (UserJoined, UserLeft, UserTyping, ReadUpdated, PresenceUpdated)
EphemeralEvent = UserJoined | UserLeft | UserTyping | ReadUpdated | PresenceUpdated
Event = DurableEvent | EphemeralEvent


class SessionsEnded(Struct, frozen=True, kw_only=True, tag="sessions_ended", tag_field="type"):
    """Logins that are no more: their sockets close at once, on every node. Goes to nodes, never to clients."""

    session_ids: list[str]
    reason: str = "revoked"


class UserChanged(Struct, frozen=True, kw_only=True, tag="user_changed", tag_field="type"):
    """What a node may have cached of this user is stale. Goes to nodes, never to clients."""

    user_id: UserId


Notice = SessionsEnded | UserChanged
