"""Commands of spaces: moving about, furniture, tools, areas, and what is said there."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from tertulia.domain.commands.command import Command, PageCommand
from tertulia.domain.ids import ObjectId, RoomId, Seq, ToolUseId, UserId
from tertulia.domain.models import (
    Area,
    Direction,
    FloorPlan,
    Occupant,
    Page,
    Place,
    Point,
    Room,
    Seat,
    SpaceObject,
    Stay,
    ToolUse,
)
from tertulia.domain.roles import Builders

# ---- being there


class Move(Command[None], frozen=True, kw_only=True):
    """Go there, as far as walls and speed allow. Said without an answer, many times a second."""

    room_id: RoomId
    x: float
    y: float
    direction: Direction = None


class EnterSpace(Command[Occupant], frozen=True, kw_only=True):
    """Be in a room without a socket, until one leaves it or is not heard of for a while. Who is there already walks."""

    room_id: RoomId
    x: float | None = None
    y: float | None = None


class WalkTo(Command[Occupant], frozen=True, kw_only=True):
    """The same as `Move`, with an answer: where one is now. Raises NotThere."""

    room_id: RoomId
    x: float
    y: float
    direction: Direction = None


class LeaveSpace(Command[None], frozen=True, kw_only=True):
    """Be in it no longer. Sockets that put one there hear the room on."""

    room_id: RoomId


class ListOccupants(Command[list[Occupant]], frozen=True, kw_only=True):
    """Who is in the room now."""

    room_id: RoomId


# ---- objects


class ObjectChanged(Struct, frozen=True):
    """*seq*: where the room's log has it; where it ended, if nothing changed. *object* None: it is gone."""

    object_id: ObjectId
    seq: Seq
    object: SpaceObject | None = None


class PlaceObject(Command[ObjectChanged], frozen=True, kw_only=True):
    """For builders. What is left out (None) is as such things mostly are."""

    room_id: RoomId
    type: str
    x: float
    y: float
    width: float | None = None
    height: float | None = None
    rotation: float = 0.0
    is_solid: bool | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class UpdateObject(Command[ObjectChanged], frozen=True, kw_only=True):
    """For builders. *version*: the one that is known; VersionConflict if it is another by now."""

    object_id: ObjectId
    version: int | None = None
    type: str | UnsetType = UNSET
    x: float | UnsetType = UNSET
    y: float | UnsetType = UNSET
    width: float | UnsetType = UNSET
    height: float | UnsetType = UNSET
    rotation: float | UnsetType = UNSET
    is_solid: bool | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class RemoveObject(Command[ObjectChanged], frozen=True, kw_only=True):
    object_id: ObjectId
    version: int | None = None


class GetObject(Command[SpaceObject], frozen=True, kw_only=True):
    object_id: ObjectId


class ListObjects(PageCommand[Page[SpaceObject]], frozen=True, kw_only=True):
    """By id, ascending. *cursor*: the last id of the page before."""

    room_id: RoomId
    cursor: ObjectId | None = None


class GetFloorPlan(Command[FloorPlan], frozen=True, kw_only=True):
    room_id: RoomId


class NewObject(Struct, frozen=True, kw_only=True):
    """An object of a plan. The fields are `PlaceObject`'s."""

    type: str
    x: float
    y: float
    width: float | None = None
    height: float | None = None
    rotation: float = 0.0
    is_solid: bool | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class NewArea(Struct, frozen=True, kw_only=True):
    """*id*: of an area that is there already, to change it; None for a new one."""

    id: int | None = None
    name: str = ""
    x: float
    y: float
    width: float
    height: float
    is_quiet: bool = False
    is_private: bool = False
    capacity: int | None = None
    is_lockable: bool = False


class SpaceChange(Struct, frozen=True, kw_only=True):
    """What is left out stays as it is; of a room without a space it makes one, and needs *width* and *height*.
    *areas*: all of them; those that are not in the list are no more."""

    width: float | UnsetType = UNSET
    height: float | UnsetType = UNSET
    background: str | UnsetType | None = UNSET
    speed: float | UnsetType = UNSET
    spawn_points: list[Point] | UnsetType = UNSET
    builders: Builders | UnsetType = UNSET
    earshot: float | UnsetType = UNSET
    areas: list[NewArea] | UnsetType = UNSET


class ReplaceFloorPlan(Command[FloorPlan], frozen=True, kw_only=True):
    """For moderators and up: everything that stands there is removed, and *objects* are placed, in one unit."""

    room_id: RoomId
    space: SpaceChange
    objects: list[NewObject]


# ---- tools


class ToolResult(Struct, frozen=True):
    use: ToolUse
    object: SpaceObject | None


class UseTool(Command[ToolResult], frozen=True, kw_only=True):
    """Do something with an object. Raises NoSuchObject, Occupied, Invalid for *params* that the object does not take."""

    room_id: RoomId
    target_object_id: ObjectId
    action: str
    params: dict[str, Any] = field(default_factory=dict)


class ListToolUses(PageCommand[Page[ToolUse]], frozen=True, kw_only=True):
    """The tool log, newest first. *cursor*: what is older than it."""

    room_id: RoomId
    user_id: UserId | None = None
    target_object_id: ObjectId | None = None
    cursor: ToolUseId | None = None


# ---- areas and talks


class LockArea(Command[Area], frozen=True, kw_only=True):
    """Lock an area that one is in, or unlock it."""

    room_id: RoomId
    area_id: int
    is_locked: bool


class ListTalks(PageCommand[Page[Room]], frozen=True, kw_only=True):
    """The talks of a room that one is or was in, the newest first; quiet areas' too. *cursor*: the last room id of the
    page before."""

    room_id: RoomId
    cursor: RoomId | None = None


# ---- asked by the server itself


class EnterArea(Command[Stay], frozen=True, kw_only=True):
    """Somebody stands at the border of a gated area and wants in. Harmless when they are in. Raises NoSuchArea,
    AreaLocked, AreaFull, NotAMember."""

    room_id: RoomId
    area_id: int
    user_id: UserId


class LeaveArea(Command[None], frozen=True, kw_only=True):
    """They have gone out; *area_id* None: of whichever areas of the room they are in. Harmless when they are not in."""

    room_id: RoomId
    area_id: int | None
    user_id: UserId


class Gather(Command[None], frozen=True, kw_only=True):
    """Those are in the bubble's talk now, and nobody else."""

    talk_id: RoomId
    user_ids: list[UserId]


class FreeSeat(Command[None], frozen=True, kw_only=True):
    """Somebody gets up from wherever they sit in the room: they walked away, or their lease is over. Harmless when
    they do not sit."""

    room_id: RoomId
    user_id: UserId


class Leases(Struct, frozen=True):
    """All that is held by being there: open stays and taken seats."""

    stays: list[Stay]
    seats: list[Seat]


class ListLeases(Command[Leases], frozen=True, kw_only=True):
    """*room_id*: of this room's space alone."""

    room_id: RoomId | None = None


class KeepPlaces(Command[None], frozen=True, kw_only=True):
    """Remember where people stand, for a restart, and no longer where those stood who *left*."""

    places: list[Place]
    left: list[tuple[RoomId, UserId]] = field(default_factory=list)


class OpenedFloor(Struct, frozen=True):
    """A space as the store knows it at `room.last_seq`. *places*: where people stood lately; *stays*: who is in which
    of its talks; *talkers*: who was ever in one."""

    room: Room
    objects: list[SpaceObject]
    places: list[Place]
    stays: list[Stay]
    talkers: list[UserId]


class OpenFloor(Command[OpenedFloor | None], frozen=True, kw_only=True):
    """What a node needs to know of a room's space before anybody walks there. None: the room has no space, or is no
    more. *kept*: seconds that a place is good for."""

    room_id: RoomId
    kept: float = 600.0
