"""The connection: one live socket of a user, and where it stands in each room that it hears."""

import secrets
from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from time import monotonic
from typing import Protocol

from tertulia.domain.clock import utc_now
from tertulia.domain.events import DurableEvent
from tertulia.domain.ids import RoomId, Seq, SessionId, UserId
from tertulia.domain.models import Access, Actor
from tertulia.fanout.feed import Entry
from tertulia.protocol.dialect import Dialect
from tertulia.protocol.socket import Socket


class Standing(Enum):
    """How a subscription gets its next event."""

    LIVE = auto()
    """With all others, at the fan's position."""
    READY = auto()
    """It is behind, and is given a piece in a coming turn of the loop."""
    READING = auto()
    """It is behind, and a page of the log is being read for it."""
    WAITING = auto()
    """It is ahead of this node's feed, or the feed has not started."""
    HELD = auto()
    """Its socket does not read."""
    ENDED = auto()


class Page:
    """A piece of a room's log, read once for all who are behind. *purged*: of the feed when it was read."""

    __slots__ = ("entries", "purged")

    def __init__(self, entries: list[Entry], purged: int) -> None:
        self.entries, self.purged = entries, purged

    def after(self, position: Seq) -> list[Entry]:
        if not self.entries or position < self.entries[0].seq - 1:
            return []
        return self.entries[position - self.entries[0].seq + 1 :]


class Subscription:
    """One connection's hearing of one room. *position* is what it was given last; when LIVE, the fan's counts."""

    __slots__ = ("announces", "connection", "is_present", "page", "position", "room_id", "standing")

    def __init__(self, connection: "Connection", room_id: RoomId) -> None:
        self.connection, self.room_id = connection, room_id
        self.is_present = False
        """Whether it puts its user in the room, rather than just lets them hear it."""
        self.position = Seq(0)
        self.standing = Standing.HELD
        self.announces = False
        """Whether it wants to be told when it has caught up."""
        self.page: Page | None = None


class Flow(Protocol):
    """Who is told that a connection's socket takes no more, or takes again."""

    def pause(self, connection: "Connection") -> None: ...
    def resume(self, connection: "Connection") -> None: ...


class Connection:
    """A live, authenticated socket. Made by its session, kept by the hub from `connect` to `disconnect`."""

    __slots__ = (
        "actor", "address", "beat_at", "blocked", "dialect", "expires_at", "flow", "id", "last_heard", "on_removed",
        "on_talk",        "paused_since", "place", "rooms", "since", "socket", "status", "write",
    )  # fmt: skip

    def __init__(self, socket: Socket, dialect: Dialect, access: Access, *, address: str = "") -> None:
        self.id = secrets.token_urlsafe(9)
        self.socket, self.dialect, self.address = socket, dialect, address
        self.write = socket.write
        self.actor: Actor = access.actor
        self.expires_at: datetime = access.expires_at
        self.status, self.blocked = access.status.shown, access.blocked
        """How its user wanted to be seen, and of whom not to hear, when it came."""
        self.since = utc_now()
        self.last_heard = monotonic()
        """When its client last said anything; set by the session."""
        self.paused_since: float | None = None
        """Since when it reads too slowly, and is given nothing that can wait."""
        self.rooms: dict[RoomId, Subscription] = {}
        self.on_removed: Callable[[DurableEvent], None] | None = None
        """Told by what the log itself ended a subscription: the membership or the room is no more."""
        self.on_talk: Callable[[RoomId], None] | None = None
        """Told of talks that its user comes into, in a room that it is in; None for who does not want to know."""
        self.flow: Flow | None = None
        self.beat_at = 0.0
        self.place = 0
        """Among those whose heartbeats go out in the same second."""

    @property
    def user_id(self) -> UserId:
        return self.actor.user_id

    @property
    def username(self) -> str:
        return self.actor.username

    @property
    def session_id(self) -> SessionId:
        return self.actor.session_id

    def renew(self, access: Access) -> None:
        """The same user has shown a newer token."""
        self.actor, self.expires_at = access.actor, access.expires_at

    def send(self, frames: bytes) -> None:
        self.write(frames)

    def on_pause(self) -> None:
        if self.paused_since is None:
            self.paused_since = monotonic()
            if self.flow is not None:
                self.flow.pause(self)

    def on_resume(self) -> None:
        if self.paused_since is not None:
            self.paused_since = None
            if self.flow is not None:
                self.flow.resume(self)
