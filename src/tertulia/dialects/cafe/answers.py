"""cafe, server to client: what answers a client's own events, and what the server says of itself."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from msgspec import UNSET, Raw, Struct, UnsetType

from tertulia.dialects.cafe import shapes, space_events
from tertulia.dialects.cafe.shapes import hundredths, moment
from tertulia.domain import commands as c
from tertulia.domain.clock import rfc3339
from tertulia.domain.models import Area, Direction, Occupant, Page, User
from tertulia.domain.models import Message as DomainMessage
from tertulia.domain.models import SpaceObject as DomainObject
from tertulia.protocol.dialect import Entered, Limits, Resume
from tertulia.protocol.fields import MAX_NONCE

R = TypeVar("R")
C = TypeVar("C", bound=c.Command[Any])


class Frame(Struct):
    """The envelope. *id*: of the frame that this answers, as the client wrote it; UNSET otherwise."""

    event: str
    id: Any
    data: Any


# ---- ack data


class Nothing(Struct, frozen=True):
    """`{}`: done, and there is no more to say."""


class Authenticated(Struct, frozen=True):
    """*expires_in*: seconds; *rooms*: only under `tertulia.v1`."""

    user: shapes.User | None
    expires_in: int | None
    rooms: list["Head"] | UnsetType = UNSET


class Joined(Struct, frozen=True):
    """*result*: fresh, resumed or reset."""

    room_id: int
    epoch: str
    seq: int
    result: str


class Left(Struct, frozen=True):
    room_id: int


class Sent(Struct, frozen=True):
    """*talk_id*: the room that it went to, if that is the talk of who stands near, or in the same area; *seq* is then
    that room's."""

    message_id: int
    seq: int
    created_at: str
    duplicate: bool
    talk_id: int | UnsetType = UNSET


class Logged(Struct, frozen=True):
    """*seq*: where the change stands in its room's log."""

    seq: int


class ObjectLogged(Struct, frozen=True):
    """*seq*: where the change stands in the room's log; where that ends, if there was nothing to change."""

    object_id: int
    seq: int


class Used(Struct, frozen=True):
    """*use_id*: in the tool log."""

    seq: int
    use_id: int


class Locked(Struct, frozen=True):
    """*locked_by*: null of an area that is open."""

    area_id: int
    locked_by: int | None


class Messages(Struct, frozen=True):
    """Newest first; *next_cursor* asks for older ones."""

    messages: list[shapes.Message]
    has_more: bool
    next_cursor: int | None


class EventsPage(Struct, frozen=True):
    """A piece of a room's log, over REST. *items*: `{event, data}`, already encoded; *seq*: of the last one."""

    epoch: str
    items: Sequence[Raw]
    seq: int
    has_more: bool


# ---- of a room that was joined


class RoomUser(Struct, frozen=True):
    """*direction*: a word, degrees, or null."""

    user_id: int
    username: str
    x: float | None
    y: float | None
    direction: Direction
    status: str


class RoomState(Struct, frozen=True, kw_only=True):
    """A room as it is at *seq*, and at *now*, the server's time. *pins*: ids of messages, the one pinned last first.
    *messages*: the last ones, oldest first, unless the log goes on from where the client was; *next_cursor* asks
    `fetch_messages` for older ones."""

    room_id: int
    room: shapes.Room
    users: Sequence[RoomUser]
    objects: Sequence[shapes.SpaceObject]
    bubbles: Sequence[space_events.Bubble]
    pins: Sequence[int]
    seq: int
    now: str | None
    messages: Sequence[shapes.Message] | UnsetType = UNSET
    has_more: bool | UnsetType = UNSET
    next_cursor: int | UnsetType | None = UNSET


class Reset(Struct, frozen=True):
    """The log does not reach back to what the client knows: the `room_state` that follows replaces it."""

    room_id: int
    epoch: str
    seq: int


class CaughtUp(Struct, frozen=True):
    room_id: int
    seq: int


# ---- errors, and what the server says of itself


class Error(Struct, frozen=True):
    """*event*: the name of the frame that is answered; *retry_after*: seconds until another try can succeed."""

    code: str
    message: str
    event: str | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET


class Head(Struct, frozen=True):
    room_id: int
    epoch: str
    seq: int
    read_seq: int
    unread: int
    mention_count: int


class HelloLimits(Struct, frozen=True, kw_only=True):
    """*frame*: bytes; *message* and *nonce*: characters; *page*: items."""

    frame: int
    message: int
    nonce: int
    page: int
    frames_per_second: float
    burst: int


class Hello(Struct, frozen=True, kw_only=True):
    """*rooms*: once it is known whose socket this is; else they come with the ack of `authenticate`."""

    protocol: str
    session_id: str
    user: shapes.User | None
    heartbeat_interval: float
    features: list[str]
    limits: HelloLimits
    rooms: list[Head] | UnsetType = UNSET


class Heartbeat(Struct, frozen=True):
    """*heads*: the last `seq` of rooms, by id."""

    heads: dict[str, int]


class Bye(Struct, frozen=True):
    """*reconnect*: whether to come back; *retry_after*: seconds to wait before that."""

    code: int
    reason: str
    reconnect: bool
    retry_after: float | None


FEATURES = [
    "resume",
    "nonce",
    "typing",
    "read",
    "delivered",
    "presence",
    "reactions",
    "replies",
    "mentions",
    "pins",
    "versions",
    "groups",
    "direct",
    "blocks",
    "avatars",
    "space",
    "positions",
    "objects",
    "plans",
    "seats",
    "tools",
    "areas",
    "nearby",
    "bubbles",
]
"""What a client may count on, in one word each."""


def hello_limits(limits: Limits) -> HelloLimits:
    return HelloLimits(
        frame=limits.frame,
        message=limits.message,
        nonce=MAX_NONCE,
        page=limits.page,
        frames_per_second=limits.frames_per_second,
        burst=limits.burst,
    )


def heads(rooms: list[c.RoomHead]) -> list[Head]:
    return [Head(one.room_id, one.epoch, one.seq, one.read_seq, one.unread, one.mention_count) for one in rooms]


def user_or_none(user: User | None) -> shapes.User | None:
    return None if user is None else shapes.own_user(user)


def joined(entered: Entered) -> Joined:
    snapshot = entered.snapshot
    return Joined(snapshot.room.id, snapshot.epoch, snapshot.seq, entered.result.value)


def listed(page: Page[DomainMessage]) -> list[shapes.Message]:
    return [shapes.message(one) for one in page.items]


def placed(objects: list[DomainObject]) -> list[shapes.SpaceObject]:
    return [shapes.space_object(one) for one in objects]


def present(users: list[Occupant]) -> list[RoomUser]:
    return [
        RoomUser(one.user_id, one.username, hundredths(one.x), hundredths(one.y), one.direction, one.status)
        for one in users
    ]


def room_state(entered: Entered, users: Raw, messages: Raw, objects: Raw) -> RoomState:
    """*users*, *messages* and *objects*: those of *entered*, encoded; many who enter now get the same. To the encoder
    they are what the fields say."""
    snapshot = entered.snapshot
    tells = entered.result is not Resume.RESUMED
    return RoomState(
        room_id=snapshot.room.id,
        room=shapes.room(snapshot.room),
        users=cast(list[RoomUser], users),
        objects=cast(list[shapes.SpaceObject], objects),
        bubbles=[space_events.bubble(one) for one in entered.bubbles],
        pins=snapshot.pins,
        seq=snapshot.seq,
        now=moment(entered.now),
        messages=cast(list[shapes.Message], messages) if tells else UNSET,
        has_more=snapshot.messages.has_more if tells else UNSET,
        next_cursor=snapshot.messages.next_cursor if tells else UNSET,
    )


def reset(entered: Entered) -> Reset:
    return Reset(entered.snapshot.room.id, entered.snapshot.epoch, entered.snapshot.seq)


def messages(page: Page[DomainMessage]) -> Messages:
    return Messages(listed(page), page.has_more, page.next_cursor)


def _sent(command: c.SendMessage, result: c.SendResult) -> Sent:
    talk_id = UNSET if result.talk_id is None else result.talk_id
    return Sent(result.message_id, result.seq, rfc3339(result.created_at), result.duplicate, talk_id)


def _edited(command: c.EditMessage, result: c.Edited) -> Logged:
    return Logged(result.seq)


def _logged(command: c.Command[Any], result: int) -> Logged:
    return Logged(result)


def _reacted(command: c.Command[Any], result: c.Reacted) -> Logged:
    return Logged(result.seq)


def _object_logged(command: c.Command[Any], result: c.ObjectChanged) -> ObjectLogged:
    return ObjectLogged(result.object_id, result.seq)


def _used(command: c.UseTool, result: c.ToolResult) -> Used:
    return Used(result.use.seq, result.use.id)


def _locked(command: c.LockArea, result: Area) -> Locked:
    return Locked(result.id, result.locked_by)


def _left(command: c.ExitRoom, result: None) -> Left:
    return Left(command.room_id)


def _done(command: c.Command[Any], result: object) -> Nothing:
    return Nothing()


def _answers(command: type[C], data: Callable[[C, R], Struct]) -> tuple[type[Any], Callable[[Any, Any], Struct]]:
    return command, data


ACKS: dict[type[Any], Callable[[Any, Any], Struct]] = dict(
    [
        _answers(c.SendMessage, _sent),
        _answers(c.EditMessage, _edited),
        _answers(c.DeleteMessage, _logged),
        _answers(c.AddReaction, _reacted),
        _answers(c.RemoveReaction, _reacted),
        _answers(c.PinMessage, _logged),
        _answers(c.UnpinMessage, _logged),
        _answers(c.ExitRoom, _left),
        _answers(c.Type, _done),
        _answers(c.MarkRead, _done),
        _answers(c.MarkDelivered, _done),
        _answers(c.SetStatus, _done),
        _answers(c.Move, _done),
        _answers(c.UseTool, _used),
        _answers(c.PlaceObject, _object_logged),
        _answers(c.UpdateObject, _object_logged),
        _answers(c.RemoveObject, _object_logged),
        _answers(c.LockArea, _locked),
    ]
)
"""The data of the ack to each command that has no other answer."""

OTHER_ACKS: dict[type[Any], type[Struct]] = {
    c.Authenticate: Authenticated,
    c.EnterRoom: Joined,
    c.ListMessages: Messages,
}
"""Of those for which an ack is not all of the answer, or needs to know more than the result."""
