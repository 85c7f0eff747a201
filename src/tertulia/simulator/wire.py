"""What is said on the socket: the native dialect as `tertulia.v1`, as much of it as the simulator uses."""

from typing import Any

import msgspec
from msgspec import Raw, Struct, field

SUBPROTOCOL = "tertulia.v1"
PATH = "/api/v1/ws"
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
MOST_REMEMBERED = 256
"""Frames that are remembered decoded: who see the same get the same bytes."""

# ---- heard


class Area(Struct, frozen=True):
    """A part of a floor. What has rules of any kind lets people in one by one."""

    id: int
    x: float
    y: float
    width: float
    height: float
    is_quiet: bool = False
    is_private: bool = False
    capacity: int | None = None
    is_lockable: bool = False

    @property
    def is_gated(self) -> bool:
        return self.is_quiet or self.is_private or self.is_lockable or self.capacity is not None

    def holds(self, x: float, y: float) -> bool:
        return self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height


class Space(Struct, frozen=True):
    """In units. *speed*: units a second, 0 for no limit; *earshot*: how far one is heard nearby."""

    width: float
    height: float
    speed: float = 0.0
    earshot: float = 150.0
    areas: list[Area] = []


class Thing(Struct, frozen=True):
    """What stands on a floor. (x, y): its upper left corner; *rotation*: degrees, clockwise, about its middle."""

    id: int
    type: str
    x: float
    y: float
    width: float = 0.0
    height: float = 0.0
    rotation: float = 0.0
    is_solid: bool = False
    metadata: dict[str, Any] = {}
    occupied_by: int | None = None

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def is_seat(self) -> bool:
        return self.type == "chair" or self.metadata.get("seat") is True


class Room(Struct, frozen=True):
    space: Space | None = None


class Present(Struct, frozen=True):
    """Somebody in a room."""

    user_id: int
    x: float | None = None
    y: float | None = None


class RoomState(Struct, frozen=True):
    room_id: int
    room: Room
    seq: int
    users: list[Present] = []
    objects: list[Thing] = []


class Me(Struct, frozen=True):
    id: int


class Hello(Struct, frozen=True):
    user: Me
    heartbeat_interval: float = 25.0


class Heartbeat(Struct, frozen=True):
    heads: dict[str, int] = {}


class Bye(Struct, frozen=True):
    reconnect: bool = True
    retry_after: float | None = None


class Ack(Struct, frozen=True):
    """The answer to anything: of each kind some of the fields are there."""

    seq: int = 0
    epoch: str = ""
    result: str = ""
    duplicate: bool = False
    talk_id: int | None = None


class Error(Struct, frozen=True):
    code: str = "error"
    message: str = ""
    event: str = ""
    retry_after: float | None = None


class Move(Struct, frozen=True, array_like=True, gc=False):
    """Somebody's new place; the direction, and what else there may be, is left unread."""

    user_id: int
    x: float
    y: float


class Positions(Struct, frozen=True):
    room_id: int
    moves: list[Move] = []


class Placed(Struct, frozen=True):
    """Where one person is now: a correction, when it is told to themselves."""

    room_id: int
    user_id: int
    x: float
    y: float


class Fact(Struct, frozen=True):
    """An event of the room's log, of whichever kind. *object*: as it is from now on."""

    room_id: int
    seq: int
    object: Thing | None = None
    object_id: int | None = None
    target_object_id: int | None = None
    room: Room | None = None


class Pong(Struct, frozen=True):
    """The answer to a ping."""


KINDS: dict[str, type[Struct]] = {
    "positions": Positions,
    "position_updated": Placed,
    "message_received": Fact,
    "ack": Ack,
    "error": Error,
    "room_state": RoomState,
    "hello": Hello,
    "heartbeat": Heartbeat,
    "bye": Bye,
    "pong": Pong,
    **dict.fromkeys(
        [
            *("message_edited", "message_deleted", "message_pinned", "message_unpinned"),
            *("reaction_added", "reaction_removed", "room_updated", "room_deleted"),
            *("member_added", "member_removed", "member_updated"),
            *("object_placed", "object_updated", "object_removed", "tool_used"),
        ],
        Fact,
    ),
}
"""The data of each event that matters; others are ignored."""


class Heard(Struct, frozen=True):
    """*ref*: the id of the frame that this answers, 0 for none."""

    event: str
    ref: int
    data: Any


class _Envelope(Struct, frozen=True):
    event: str
    data: Raw = Raw(b"{}")
    id: int | None = None


class Listener:
    """Understands frames. Shared by all users: the same bytes are decoded once, however many of them hear it."""

    def __init__(self) -> None:
        self._one, self._many = msgspec.json.Decoder(_Envelope), msgspec.json.Decoder(list[_Envelope])
        self._data = {event: msgspec.json.Decoder(kind) for event, kind in KINDS.items()}
        self._known: dict[bytes, list[Heard]] = {}

    def read(self, payload: bytes) -> list[Heard]:
        """What *payload* says, without what does not matter. Raises what `UNREADABLE` says."""
        known = self._known.get(payload)
        if known is not None:
            return known
        envelopes = self._many.decode(payload) if payload.startswith(b"[") else [self._one.decode(payload)]
        heard = [
            Heard(one.event, one.id or 0, decoder.decode(one.data))
            for one in envelopes
            if (decoder := self._data.get(one.event)) is not None
        ]
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[payload] = heard
        return heard


# ---- said


class _Frame(Struct, frozen=True, omit_defaults=True):
    event: str
    data: dict[str, Any] = field(default_factory=dict)
    id: int = 0


_encode = msgspec.json.Encoder().encode


def say(event: str, data: dict[str, Any], ref: int = 0) -> bytes:
    """A frame; without a *ref* there is no answer."""
    return _encode(_Frame(event, data, ref))


def update_position(room_id: int, x: float, y: float, direction: int) -> bytes:
    """The same, for what is said many times a second. The coordinates are rounded to hundredths already."""
    return (
        f'{{"event":"update_position","data":{{"room_id":{room_id},"x":{x},"y":{y},"direction":{direction}}}}}'.encode()
    )
