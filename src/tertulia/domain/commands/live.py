"""Commands that concern a connection, besides what is stored."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from tertulia.domain.commands.command import Command
from tertulia.domain.ids import EVERYTHING_BEFORE, MessageId, RoomId, Seq, UserId
from tertulia.domain.models import (
    Membership,
    Message,
    Page,
    Room,
    SpaceObject,
    User,
)


class Snapshot(Struct, frozen=True, kw_only=True):
    """A room at *seq*, all of it read at one moment. *messages*: the newest, oldest first. *pins*: message ids, the
    one pinned last first. *since*: who was given the log up to a place before this one starts anew: between the two it
    is not theirs to read."""

    room: Room
    membership: Membership
    epoch: str
    seq: Seq
    since: Seq = EVERYTHING_BEFORE
    messages: Page[Message]
    pins: list[MessageId]
    objects: list[SpaceObject]


class EnterRoom(Command[Snapshot], frozen=True, kw_only=True):
    """Be in the room with this connection, from *after* on if given. *joins*: become a member of a public room that one
    is none of; else that is NotAMember. *from_stay*: of a talk, from where one's stay in it began; the server's own."""

    room_id: RoomId
    joins: bool = True
    from_stay: bool = False
    x: float | None = None
    y: float | None = None
    after: Seq | None = None
    epoch: str | None = None


class ExitRoom(Command[None], frozen=True, kw_only=True):
    """Be in the room no longer with this connection; membership stays."""

    room_id: RoomId


class Listen(Command["list[RoomHead]"], frozen=True, kw_only=True):
    """Hear all rooms that one is a member of with this connection, those that one joins later too, from their ends on,
    without being in any."""


class Type(Command[None], frozen=True, kw_only=True):
    """Tell those in the room that one is typing; or those in the direct room with *user_id*, if there is one."""

    room_id: RoomId | None = None
    user_id: UserId | None = None


class FindVoice(Command[RoomId | None], frozen=True, kw_only=True):
    """The room, or the direct room with *user_id*, if one may say something there just now. Asked by the server itself,
    before it tells that somebody is typing."""

    room_id: RoomId | None = None
    user_id: UserId | None = None


class RoomHead(Struct, frozen=True, kw_only=True):
    """Where a room's log ends, and how far its reader has come."""

    room_id: RoomId
    epoch: str
    seq: Seq
    read_seq: Seq
    unread: int
    mention_count: int = 0


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


class Ping(Command[datetime], frozen=True, kw_only=True):
    """Gives the time now. *payload*: whatever a dialect sends back."""

    payload: Any = None


class Shout(Command[None], frozen=True, kw_only=True):
    """Say something to all others who are here without an account. It is stored nowhere."""

    content: str
