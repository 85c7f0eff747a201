"""The dialect: how one wire format says the domain. Pure tables and functions; one value per format and encoding."""

from enum import Enum
from typing import Any, Protocol

from msgspec import UNSET, Struct

from tertulia.domain.commands import Command, Snapshot
from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import Event
from tertulia.domain.ids import RoomId, Seq


class CloseReason(Enum):
    """Why the server hangs up. Each dialect has a total table of codes and texts for these; *resumable* says whether
    the client should come back."""

    GOING_AWAY = "going_away", True
    RESTARTING = "restarting", True
    OVERLOADED = "overloaded", True
    SLOW_CONSUMER = "slow_consumer", True
    SILENT = "silent", True
    TOO_FAST = "too_fast", True
    FAULT = "fault", True
    BINARY = "binary", False
    MALFORMED = "malformed", False
    TOO_MANY_SOCKETS = "too_many_sockets", False
    MISSING_TOKEN = "missing_token", False
    INVALID_TOKEN = "invalid_token", False
    FORBIDDEN = "forbidden", False
    NOT_A_MEMBER = "not_a_member", False
    NO_SUCH_ROOM = "no_such_room", False

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def resumable(self) -> bool:
        return self.value[1]


class Request(Struct, frozen=True):
    """One frame understood. *name* is what the dialect calls it; *ref* is the client's label, UNSET without one."""

    command: Command[Any]
    name: str = ""
    ref: Any = UNSET


class Unreadable(Exception):
    """A frame that is no request. *ref* and *name* as far as they could be read."""

    def __init__(self, error: TertuliaError, name: str = "", ref: Any = UNSET) -> None:
        super().__init__(error.message)
        self.error, self.name, self.ref = error, name, ref


class Resume(Enum):
    """How an entered room's log goes on for a client."""

    FRESH = "fresh"
    RESUMED = "resumed"
    RESET = "reset"


class Limits(Struct, frozen=True, kw_only=True):
    """What clients are told of limits. *frame*: bytes; *message*: characters; *page*: items; *frames_per_second*
    with *burst*; *heartbeat_interval*: seconds."""

    frame: int
    message: int
    page: int
    frames_per_second: float
    burst: int
    heartbeat_interval: float


class Occupant(Struct, frozen=True, kw_only=True):
    """Somebody who is in a room now."""

    user_id: int
    username: str
    x: float | None = None
    y: float | None = None
    status: str = "online"


class Entered(Struct, frozen=True, kw_only=True):
    """What EnterRoom gives a connection: the snapshot, who is there (oneself included, at x, y), and how the log goes
    on. When it is RESUMED, the events after the client's `after` follow."""

    snapshot: Snapshot
    users: list[Occupant]
    result: Resume
    x: float | None = None
    y: float | None = None


class Dialect(Protocol):
    """One wire format in one encoding. Stateless: what a connection must remember is passed in.

    `decode` is total: a Request, or `Unreadable`. Whatever returns bytes returns whole WebSocket frames.
    """

    name: str
    """Unique: frames are built once per (event, name)."""
    subprotocol: str | None
    """What a client asks for in `Sec-WebSocket-Protocol` to get this one; None: by asking for nothing."""
    is_binary: bool
    """Whether its frames are binary both ways; else text. The other kind is not understood (`CloseReason.BINARY`)."""
    greets: bool
    """Whether a `Greet` is executed when the socket opens."""
    heartbeats: bool
    """Whether `heartbeat` frames go out; else WebSocket pings keep the socket alive."""

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        """*room_id*: the room that the socket's own path names, if it does."""

    def opening(self, room_id: RoomId | None) -> list[Request]:
        """What an authenticated socket asks for by having been opened; a refusal closes it."""

    def encode(self, event: Event, own: bool) -> bytes | None:
        """*event* for those in its room; *own*: for its author, who may see more (the nonce). None: no word for it."""

    def replies(self, request: Request, result: Any) -> list[bytes]:
        """The answer to *request*: none, one or several frames."""

    def error(self, error: TertuliaError, name: str, ref: Any) -> bytes | None: ...

    def caught_up(self, room_id: RoomId, seq: Seq) -> bytes | None:
        """The backlog is done; what follows is live."""

    def heartbeat(self, heads: dict[RoomId, Seq]) -> bytes | None: ...

    def farewell(self, reason: CloseReason, retry_after: float | None) -> bytes | None:
        """Goes out before a close of the server's own. *retry_after*: seconds."""

    def closing(self, reason: CloseReason) -> tuple[int, str]:
        """Code and text of the Close."""
