"""The dialect: how one wire format says the domain. Pure tables and functions; one value per format and encoding."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from msgspec import UNSET, Raw, Struct

from tertulia.domain.commands import Command, EnterRoom, Snapshot
from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import BubbleUpdated, Event, PositionUpdated
from tertulia.domain.ids import MAX_ID, RoomId, Seq, UserId
from tertulia.domain.models import Occupant


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


class Entered(Struct, frozen=True, kw_only=True):
    """What EnterRoom gives a connection: the snapshot, who is there (oneself included, at x, y), and how the log goes
    on. When it is RESUMED, the events after the client's `after` follow. *now*: the server's time, for those who keep
    in step with something that is going on there."""

    snapshot: Snapshot
    users: list[Occupant]
    result: Resume
    x: float | None = None
    y: float | None = None
    bubbles: list[BubbleUpdated] = []
    now: datetime | None = None


class FrameType(Struct, frozen=True, kw_only=True):
    """One kind of frame, for the documents: the very type that decodes or encodes it, what it is for in a sentence, and
    an example of the whole frame (None: `/asyncapi` shows none)."""

    name: str
    payload: Any
    summary: str
    example: Any = None


class Catalogue(Struct, frozen=True, kw_only=True):
    """All that is said on a socket. *receives*: by clients to the server; *sends*: by the server."""

    receives: Sequence[FrameType]
    sends: Sequence[FrameType]


POLICY_CLOSES: Mapping[CloseReason, tuple[int, str]] = {
    CloseReason.GOING_AWAY: (1001, "Server is going away"),
    CloseReason.RESTARTING: (1012, "Server is restarting"),
    CloseReason.OVERLOADED: (1013, "Server is overloaded, try again later"),
    CloseReason.SLOW_CONSUMER: (1013, "Reading too slowly"),
    CloseReason.SILENT: (1001, "No answer to pings"),
    CloseReason.TOO_FAST: (1008, "Too many messages"),
    CloseReason.FAULT: (1011, "Internal error"),
    CloseReason.BINARY: (1003, "Binary frames are not understood here"),
    CloseReason.MALFORMED: (1008, "Too many malformed messages"),
    CloseReason.TOO_MANY_SOCKETS: (1008, "Too many sockets of this user"),
    CloseReason.MISSING_TOKEN: (1008, "Missing authentication token"),
    CloseReason.INVALID_TOKEN: (1008, "Invalid token"),
    CloseReason.FORBIDDEN: (1008, "Not allowed"),
    CloseReason.NOT_A_MEMBER: (1008, "Not a member of this room"),
    CloseReason.NO_SUCH_ROOM: (1008, "Room not found"),
}
"""Codes and texts of dialects whose every refusal is 1008 (RFC 6455 §7.4.1) with a reason to read. Total."""


class Dialect(Protocol):
    """One wire format in one encoding. Stateless: what a connection must remember is passed in.

    `decode` is total: a Request, or `Unreadable`. Whatever returns bytes returns whole WebSocket frames. A new dialect
    has to say its `name`, `decode`, `encode`, `replies`, `error` and `catalogue`; the rest is as most are.
    """

    name: str
    """Unique: frames are built once per (event, name)."""
    subprotocol: str | None = None
    """What a client asks for in `Sec-WebSocket-Protocol` to get this one; None: by asking for nothing."""
    is_binary: bool = False
    """Whether its frames are binary both ways; else text. The other kind is not understood (`CloseReason.BINARY`)."""
    greets: bool = False
    """Whether a `Greet` is executed when the socket opens."""
    heartbeats: bool = False
    """Whether `heartbeat` frames go out; else WebSocket pings keep the socket alive."""
    batches_moves: bool = False
    """Whether it tells many moves in one frame, by `moves`; else each is an event that `encode` may know."""
    enters_talks: bool = False
    """Whether its sockets are let into the talks that their users come into: it tells rooms that nobody asked for."""
    closes: Mapping[CloseReason, tuple[int, str]] = POLICY_CLOSES
    """Code and text of the Close for each reason."""

    def catalogue(self) -> Catalogue:
        """All its frames, made from what `decode` and `encode` use."""

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        """*room_id*: the room that the socket's own path names, if it does."""

    def read_room_id(self, text: str) -> RoomId | None:
        """The room that *text*, a part of a path or a field, means in this dialect. None: no room can be meant."""
        return RoomId(read_id(text)) if read_id(text) else None

    def opening(self, room_id: RoomId | None) -> list[Request]:
        """What an authenticated socket asks for by having been opened; a refusal closes it."""
        return [] if room_id is None else [Request(EnterRoom(room_id=room_id))]

    def encode(self, event: Event, own: bool) -> bytes | None:
        """*event* for those who hear its room; None: no word for it. *own*: for the one whose event it is, who may see
        more or something else: a message's author when it has a nonce, a member who is removed."""

    def move(self, event: PositionUpdated) -> Raw:
        """One of those that `moves` tells, encoded: most are told to several cells."""
        return Raw()

    def moves(self, room_id: RoomId, at: int, moves: Sequence[Raw], gone: Sequence[UserId]) -> bytes | None:
        """Who is where now, and whom one sees no longer. *at*: milliseconds since 1970. None: nothing to tell."""
        return None

    def replies(self, request: Request, result: Any) -> list[bytes]:
        """The answer to *request*: none, one or several frames."""

    def error(self, error: TertuliaError, name: str, ref: Any) -> bytes | None: ...

    def caught_up(self, room_id: RoomId, seq: Seq) -> bytes | None:
        """The backlog is done; what follows is live."""
        return None

    def heartbeat(self, heads: dict[RoomId, Seq]) -> bytes | None:
        return None

    def farewell(self, reason: CloseReason, retry_after: float | None) -> bytes | None:
        """Goes out before a close of the server's own. *retry_after*: seconds."""
        return None

    def closing(self, reason: CloseReason) -> tuple[int, str]:
        return self.closes[reason]


def read_id(text: str) -> int:
    """The id that is written so in decimal digits, from 1 to 2^63 - 1; 0 for anything else."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 19
    return int(text) if is_number and int(text) <= MAX_ID else 0
