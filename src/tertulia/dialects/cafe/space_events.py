"""cafe, server to client: what happens in a room's space, and who is where."""

from collections.abc import Sequence
from typing import Any, cast

from msgspec import UNSET, Raw, Struct, UnsetType

from tertulia.dialects.cafe import shapes
from tertulia.domain import events as e
from tertulia.domain.clock import rfc3339
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Direction

# ---- in the log


class ObjectChanged(Struct, frozen=True, kw_only=True):
    """*user_id* is who did it; *object*: as it is now."""

    room_id: int
    seq: int
    user_id: int
    username: str
    object: shapes.SpaceObject
    created_at: str


class ObjectRemoved(Struct, frozen=True, kw_only=True):
    """*user_id* is who did it."""

    room_id: int
    seq: int
    user_id: int
    username: str
    object_id: int
    created_at: str


class ToolUsed(Struct, frozen=True, kw_only=True):
    """*use_id*: in the tool log. *object*: as it is after that, null if it is gone. Whatever a tool changes is told by
    this alone."""

    room_id: int
    seq: int
    use_id: int
    user_id: int
    username: str
    target_object_id: int
    action: str
    params: dict[str, Any]
    object: shapes.SpaceObject | None
    created_at: str


def object_changed(event: e.ObjectPlaced | e.ObjectUpdated, own: bool) -> ObjectChanged:
    return ObjectChanged(
        room_id=event.room_id,
        seq=event.seq,
        user_id=event.user_id,
        username=event.username,
        object=shapes.space_object(event.object),
        created_at=rfc3339(event.created_at),
    )


def object_removed(event: e.ObjectRemoved, own: bool) -> ObjectRemoved:
    return ObjectRemoved(
        room_id=event.room_id,
        seq=event.seq,
        user_id=event.user_id,
        username=event.username,
        object_id=event.object_id,
        created_at=rfc3339(event.created_at),
    )


def tool_used(event: e.ToolUsed, own: bool) -> ToolUsed:
    return ToolUsed(
        room_id=event.room_id,
        seq=event.seq,
        use_id=event.use_id,
        user_id=event.user_id,
        username=event.username,
        target_object_id=event.target_object_id,
        action=event.action,
        params=event.params,
        object=None if event.object is None else shapes.space_object(event.object),
        created_at=rfc3339(event.created_at),
    )


# ---- of the moment


class PositionUpdated(Struct, frozen=True):
    """Where somebody is now; to oneself, a correction. *direction*: a word, degrees, or null."""

    room_id: int
    user_id: int
    x: float
    y: float
    direction: Direction


class Moved(Struct, frozen=True, array_like=True):
    """`[user_id, x, y, direction]`: where somebody is now."""

    user_id: int
    x: float
    y: float
    direction: Direction


class Positions(Struct, frozen=True, kw_only=True):
    """*t*: milliseconds since 1970, by the server's clock. *gone*: ids of those whom one sees no longer; left out when
    there are none."""

    room_id: int
    t: int
    moves: Sequence[Moved]
    gone: Sequence[int] | UnsetType = UNSET


class Bubble(Struct, frozen=True):
    """People who stand near each other. *users*: their ids, none if it is no more. *talk_id*: the room of what was said
    in it, once something was."""

    room_id: int
    bubble_id: str
    users: Sequence[int]
    talk_id: int | None


def position_updated(event: e.PositionUpdated, own: bool) -> PositionUpdated:
    return PositionUpdated(event.room_id, event.user_id, event.x, event.y, event.direction)


def positions(room_id: RoomId, at: int, moves: Sequence[Raw], gone: Sequence[UserId]) -> Positions:
    """*moves*: encoded; to the encoder they are what the field says."""
    return Positions(room_id=room_id, t=at, moves=cast(Sequence[Moved], moves), gone=gone or UNSET)


def bubble(event: e.BubbleUpdated, own: bool = False) -> Bubble:
    return Bubble(event.room_id, event.bubble_id, event.user_ids, event.talk_id)
