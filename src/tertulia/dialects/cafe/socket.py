"""cafe's socket: frames `{"event", "data", "id"?}` in JSON or MessagePack, with and without the manners of v1."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Union

import msgspec
from msgspec import UNSET, Raw, Struct, defstruct

from tertulia.dialects.cafe import answers, catalogue
from tertulia.dialects.cafe.answers import ACKS, Frame
from tertulia.dialects.cafe.events import EVENTS
from tertulia.dialects.cafe.operations import OPERATIONS, PING, ping
from tertulia.dialects.cafe.space_events import positions
from tertulia.domain import commands as c
from tertulia.domain.errors import Malformed, TertuliaError, TooFast, Unavailable, UnknownCommand
from tertulia.domain.events import Event, PositionUpdated
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import Message, Page
from tertulia.protocol.codec import JSON, MSGPACK, UNREADABLE, Codec, Once, explain
from tertulia.protocol.dialect import Catalogue, CloseReason, Dialect, Entered, Limits, Request, Resume, Unreadable

V1 = "tertulia.v1"
V1_MSGPACK = "tertulia.v1+msgpack"

MAX_REF = 256
"""Bytes that a client's `id` may take: it is kept until the answer, and sent back."""
MAX_NAME = 64
"""Characters of an unknown event's name that are repeated to the client."""

CLOSES: dict[CloseReason, tuple[int, str]] = {
    CloseReason.GOING_AWAY: (1001, "Server is going away"),
    CloseReason.RESTARTING: (1012, "Server is restarting"),
    CloseReason.OVERLOADED: (1013, "Server is overloaded, try again later"),
    CloseReason.SLOW_CONSUMER: (4008, "Reading too slowly, resume from the last seq"),
    CloseReason.SILENT: (4010, "Silent for two heartbeats"),
    CloseReason.TOO_FAST: (4029, "Too many frames"),
    CloseReason.FAULT: (1011, "Internal error"),
    CloseReason.BINARY: (1003, "This kind of frame is not understood here"),
    CloseReason.MALFORMED: (4400, "Too many malformed frames"),
    CloseReason.TOO_MANY_SOCKETS: (4409, "Too many sockets of this user"),
    CloseReason.MISSING_TOKEN: (4401, "Missing authentication token"),
    CloseReason.INVALID_TOKEN: (4401, "Invalid token"),
    CloseReason.FORBIDDEN: (4403, "Not allowed"),
    CloseReason.NOT_A_MEMBER: (4403, "Not a member of this room"),
    CloseReason.NO_SUCH_ROOM: (4404, "Room not found"),
}


class Envelope(Struct, frozen=True):
    """What a client sends. Of keys that come twice the last one counts."""

    event: str
    data: Raw = Raw()
    id: Raw = Raw()


ANY_FRAME: Any = Union[  # noqa: UP007 (of as many as there are)
    tuple(
        defstruct(
            f"{operation.__name__}Frame",
            [("data", operation), ("id", Raw, Raw())],
            tag_field="event",
            tag=event,
            frozen=True,
            gc=False,
        )
        for event, operation in OPERATIONS.items()
    )
]
"""What clients mostly send, read in one go."""


class Salvage(Struct, frozen=True):
    """What can be told of a frame that is no `Envelope`."""

    id: Raw = Raw()


class CafeDialect(Dialect):
    """One encoding of cafe. *speaks_v1*: greets, beats, says good-bye, tells many moves at once, and lists the rooms of
    who authenticates."""

    closes = CLOSES
    enters_talks = True

    def __init__(self, name: str, codec: Codec, limits: Limits, *, subprotocol: str | None) -> None:
        self.name, self.subprotocol, self.is_binary = name, subprotocol, codec.is_binary
        self.greets = self.heartbeats = self.batches_moves = self._speaks_v1 = subprotocol is not None
        self._codec, self._frame = codec, codec.frame
        self._interval, self._limits = limits.heartbeat_interval, answers.hello_limits(limits)
        self._users = Once(codec, answers.present)
        self._messages, self._objects = Once(codec, answers.listed), Once(codec, answers.placed)
        self._envelope, self._salvage = codec.decoder(Envelope), codec.decoder(Salvage)
        self._operations = {event: codec.decoder(operation) for event, operation in OPERATIONS.items()}
        self._any = codec.decoder(ANY_FRAME)
        self._replies: dict[type[Any], Callable[[Request, Any], list[Frame]]] = {
            c.Greet: self._hello,
            c.Authenticate: self._authenticated,
            c.EnterRoom: self._entered,
            c.ListMessages: self._listed,
            c.Ping: self._pong,
        }

    def catalogue(self) -> Catalogue:
        return catalogue.V1 if self._speaks_v1 else catalogue.PLAIN

    # ---- in

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        if isinstance(frame, str) is self.is_binary:
            raise Unreadable(Malformed("A binary frame is due" if self.is_binary else "A text frame is due"))
        try:
            known = self._any.decode(frame)
            command = known.data.to_command()
        except UNREADABLE:
            return self._decode_other(frame)
        return Request(command, known.__struct_config__.tag, self._ref(known.id) if known.id else UNSET)

    def _decode_other(self, frame: str | bytes) -> Request:
        """A ping; or what is wrong with it."""
        try:
            envelope = self._envelope.decode(frame)
        except UNREADABLE as error:
            raise self._unreadable(frame, explain(error)) from None
        name, ref = envelope.event, self._ref(envelope.id)
        operation = self._operations.get(name)
        if operation is None and name != PING:
            raise Unreadable(UnknownCommand(name[:MAX_NAME]), name[:MAX_NAME], ref)
        data = envelope.data or self._codec.empty
        try:
            command = ping(self._codec.check(data)) if operation is None else operation.decode(data).to_command()
        except UNREADABLE as error:
            raise Unreadable(Malformed(explain(error)), name, ref) from None
        return Request(command, name, ref)

    def _ref(self, raw: Raw) -> Any:
        """The client's label, as it was written; UNSET without one, which a null is too."""
        if not raw or raw == self._codec.null:
            return UNSET
        if len(raw) > MAX_REF:
            raise Unreadable(Malformed(f"id is longer than {MAX_REF} bytes"))
        try:
            return self._codec.check(raw)
        except UNREADABLE:
            raise Unreadable(Malformed("id cannot be sent back as it came")) from None

    def _unreadable(self, frame: str | bytes, why: str) -> Unreadable:
        """The refusal of a frame that is no envelope, with its id if that much could be read."""
        try:
            salvage = self._salvage.decode(frame)
        except UNREADABLE:
            return Unreadable(Malformed(why))
        return Unreadable(Malformed(why), ref=self._ref(salvage.id))

    # ---- out

    def encode(self, event: Event, own: bool) -> bytes | None:
        row = EVENTS.get(type(event))
        return None if row is None else self._frame(Frame(row.name, UNSET, row.data(event, own)))

    def move(self, event: PositionUpdated) -> Raw:
        return Raw(self._codec.encode((event.user_id, event.x, event.y, event.direction)))  # as `Moved` is

    def moves(self, room_id: RoomId, at: int, moves: Sequence[Raw], gone: Sequence[UserId]) -> bytes | None:
        if not self.batches_moves or not (moves or gone):
            return None
        return self._frame(Frame("positions", UNSET, positions(room_id, at, moves, gone)))

    def replies(self, request: Request, result: Any) -> list[bytes]:
        kind = type(request.command)
        if kind in self._replies:
            return [self._frame(frame) for frame in self._replies[kind](request, result)]
        if request.ref is UNSET:
            return []
        return [self._frame(Frame("ack", request.ref, ACKS[kind](request.command, result)))]

    def error(self, error: TertuliaError, name: str, ref: Any) -> bytes:
        wait = error.retry_after if isinstance(error, TooFast | Unavailable) else UNSET
        data = answers.Error(error.code, error.message, name or UNSET, wait)
        return self._frame(Frame("error", ref, data))

    def caught_up(self, room_id: RoomId, seq: Seq) -> bytes:
        return self._frame(Frame("caught_up", UNSET, answers.CaughtUp(room_id, seq)))

    def heartbeat(self, heads: dict[RoomId, Seq]) -> bytes | None:
        if not self._speaks_v1:
            return None
        return self._frame(
            Frame("heartbeat", UNSET, answers.Heartbeat({str(room): seq for room, seq in heads.items()}))
        )

    def farewell(self, reason: CloseReason, retry_after: float | None) -> bytes | None:
        if not self._speaks_v1:
            return None
        code, text = CLOSES[reason]
        return self._frame(Frame("bye", UNSET, answers.Bye(code, text, reason.resumable, retry_after)))

    # ---- answers that are more than an ack

    def _hello(self, request: Request, welcome: c.Welcome) -> list[Frame]:
        hello = answers.Hello(
            protocol=V1,
            session_id=welcome.session_id,
            user=answers.user_or_none(welcome.user),
            heartbeat_interval=self._interval,
            features=answers.FEATURES,
            limits=self._limits,
            rooms=UNSET if welcome.user is None else answers.heads(welcome.rooms),
        )
        return [Frame("hello", UNSET, hello)]

    def _authenticated(self, request: Request, welcome: c.Welcome) -> list[Frame]:
        rooms = answers.heads(welcome.rooms) if self._speaks_v1 else UNSET
        return _ack(request, answers.Authenticated(answers.user_or_none(welcome.user), welcome.expires_in, rooms))

    def _entered(self, request: Request, entered: Entered) -> list[Frame]:
        frames = _ack(request, answers.joined(entered))
        if entered.result is Resume.RESET:
            frames.append(Frame("reset", UNSET, answers.reset(entered)))
        snapshot = entered.snapshot
        users, messages = self._users(entered.users), self._messages(snapshot.messages)
        state = answers.room_state(entered, users, messages, self._objects(snapshot.objects))
        return [*frames, Frame("room_state", UNSET, state)]

    def _listed(self, request: Request, page: Page[Message]) -> list[Frame]:
        """Who gave no id still wants to see the messages: they come as an event of their own."""
        data = answers.messages(page)
        return _ack(request, data) or [Frame("messages", UNSET, data)]

    def _pong(self, request: Request, now: datetime) -> list[Frame]:
        assert isinstance(request.command, c.Ping)
        return [Frame("pong", request.ref, request.command.payload)]


def _ack(request: Request, data: Struct) -> list[Frame]:
    return [] if request.ref is UNSET else [Frame("ack", request.ref, data)]


def cafe_dialects(limits: Limits) -> tuple[CafeDialect, CafeDialect, CafeDialect]:
    """Plain, `tertulia.v1`, and that in MessagePack."""
    return (
        CafeDialect("cafe", JSON, limits, subprotocol=None),
        CafeDialect("cafe.v1", JSON, limits, subprotocol=V1),
        CafeDialect("cafe.v1+msgpack", MSGPACK, limits, subprotocol=V1_MSGPACK),
    )


def log_item(event: Event, own: bool) -> msgspec.Raw | None:
    """`{event, data}` as the sockets send it, in JSON: an item of a page of the log. None: not told in this dialect."""
    row = EVENTS.get(type(event))
    return None if row is None else Raw(JSON.encode(Frame(row.name, UNSET, row.data(event, own))))
