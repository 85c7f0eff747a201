"""cafe's catalogue: every frame there is, made of the tables that decode and encode them, with an example of each."""

from collections.abc import Callable, Iterator
from inspect import get_annotations
from typing import Any, Literal

from msgspec import UNSET, Struct, defstruct

from tertulia.dialects.cafe import answers, examples
from tertulia.dialects.cafe.answers import ACKS, OTHER_ACKS
from tertulia.dialects.cafe.events import EVENTS
from tertulia.dialects.cafe.operations import OPERATIONS, PING, Operation
from tertulia.dialects.cafe.space_events import Positions
from tertulia.dialects.cafe.space_examples import Example
from tertulia.protocol.dialect import Catalogue, FrameType

Field = tuple[str, Any] | tuple[str, Any, Any]
MAY_HAVE_AN_ID: Field = ("id", Any, UNSET)
HAS_AN_ID: Field = ("id", Any)
EXAMPLE_ID = 1

ANSWERS: dict[str, Any] = {
    "room_state": answers.RoomState,
    "reset": answers.Reset,
    "caught_up": answers.CaughtUp,
    "messages": answers.Messages,
    "pong": Any,
    "error": answers.Error,
}
MANNERS: dict[str, Any] = {
    "hello": answers.Hello,
    "heartbeat": answers.Heartbeat,
    "bye": answers.Bye,
    "positions": Positions,
}
"""By event: the type of its data."""


def _envelope(name: str, event: str, *fields: Field) -> type[Struct]:
    """The type of a whole frame. *name*: unique among all dialects' types."""
    words = "".join(word.title() for word in name.replace(".", "_").split("_"))
    return defstruct(f"Cafe{words}Frame", [("event", Literal[event]), *fields], module=__name__, kw_only=True)


def _result_of(function: Callable[..., Any]) -> Any:
    return get_annotations(function)["return"]


def _requests() -> Iterator[FrameType]:
    types: dict[str, Field] = {event: ("data", operation) for event, operation in OPERATIONS.items()}
    for event, data in (types | {PING: ("data", Any, UNSET)}).items():
        yield FrameType(
            name=event,
            payload=_envelope(event, event, data, MAY_HAVE_AN_ID),
            summary=examples.REQUESTS[event].summary,
            example={"event": event, "data": examples.REQUESTS[event].data},
        )


def _ack_of(operation: type[Operation]) -> Any:
    command = _result_of(operation.to_command)
    return OTHER_ACKS[command] if command in OTHER_ACKS else _result_of(ACKS[command])


def _acks() -> Iterator[FrameType]:
    for event, operation in OPERATIONS.items():
        name = f"{event}.ack"
        yield FrameType(
            name=name,
            payload=_envelope(name, "ack", HAS_AN_ID, ("data", _ack_of(operation))),
            summary=f"The answer to {event} with an id",
            example={"event": "ack", "id": EXAMPLE_ID, "data": examples.ACKS[event]},
        )


def _told(types: dict[str, Any], told: dict[str, Example], *answering: str) -> Iterator[FrameType]:
    """*answering*: those that bear the id of the frame they answer, if it had one."""
    for event, data in types.items():
        fields: list[Field] = [MAY_HAVE_AN_ID] if event in answering else []
        yield FrameType(
            name=event,
            payload=_envelope(event, event, *fields, ("data", data)),
            summary=told[event].summary,
            example={"event": event, "data": told[event].data},
        )


_OF_EVENTS = {row.name: _result_of(row.data) for row in EVENTS.values()}
PLAIN = Catalogue(
    receives=[*_requests()],
    sends=[
        *_told(_OF_EVENTS, examples.EVENTS),
        *_told(ANSWERS, examples.ANSWERS, "pong", "error"),
        *_acks(),
    ],
)
V1 = Catalogue(receives=PLAIN.receives, sends=[*_told(MANNERS, examples.MANNERS), *PLAIN.sends])
