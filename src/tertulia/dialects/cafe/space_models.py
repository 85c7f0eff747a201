"""cafe's REST bodies of spaces: what they are, what stands there, who is there, and what they do."""

from typing import Annotated, Any

from pydantic import Field, PlainSerializer, Strict

from tertulia.dialects.cafe.shapes import hundredths
from tertulia.domain import commands as c
from tertulia.domain.ids import RoomId
from tertulia.domain.models import Point as DomainPoint
from tertulia.domain.roles import Builders
from tertulia.protocol.fields import Coordinate, DirectionField, Id, Text
from tertulia.rest.bodies import Body, Shape, Time, left_out

Told = Annotated[float, PlainSerializer(hundredths, return_type=float)]
"""A coordinate of somebody who walks."""

# ---- the space itself


class PointIn(Body):
    x: Coordinate
    y: Coordinate


class AreaIn(Body):
    """*id*: of an area that is there already, to change it; left out for a new one. The rules are as in `Area`."""

    id: Id | None = None
    name: Text = ""
    x: Coordinate
    y: Coordinate
    width: Coordinate
    height: Coordinate
    is_quiet: bool = False
    is_private: bool = False
    capacity: Id | None = None
    is_lockable: bool = False


class SpaceChange(Body):
    """What is left out stays as it is. A room without a space gets one, and needs *width* and *height*. *areas*: all of
    them; those that are not in the list are no more."""

    width: Coordinate = left_out(examples=[800])
    height: Coordinate = left_out(examples=[600])
    background: Text | None = left_out()
    speed: Coordinate = left_out()
    spawn_points: list[PointIn] = left_out()
    builders: Annotated[Builders, Strict(strict=False)] = left_out()
    earshot: Coordinate = left_out()
    areas: list[AreaIn] = left_out()

    def to_command(self) -> c.SpaceChange:
        given = self.given()
        if "spawn_points" in given:
            given["spawn_points"] = [DomainPoint(**point) for point in given["spawn_points"]]
        if "areas" in given:
            given["areas"] = [c.NewArea(**area) for area in given["areas"]]
        return c.SpaceChange(**given)


class NewSpace(SpaceChange):
    width: Coordinate = Field(examples=[800])
    height: Coordinate = Field(examples=[600])


class Point(Shape):
    x: float
    y: float


class Area(Shape):
    """A part of the floor that has rules. *is_quiet*: what is said inside is heard only there; *is_private*: and read
    only by who was inside when it was said. *capacity*: the most people. *is_lockable*: who is inside may lock it.
    *locked_by*: who has done so."""

    id: int
    name: str
    x: float
    y: float
    width: float
    height: float
    is_quiet: bool
    is_private: bool
    capacity: int | None
    is_lockable: bool
    locked_by: int | None


class Space(Shape):
    """In units; (0, 0) is the upper left corner. *speed*: units a second, 0 for no limit. *builders*: who may change
    what stands there. *earshot*: how far apart those may be who talk to each other nearby."""

    width: float
    height: float
    background: str | None
    speed: float
    spawn_points: list[Point]
    builders: Builders
    earshot: float
    areas: list[Area]


# ---- what stands there


class ThingIn(Body):
    """An object to be. What is left out, or null, is as such things mostly are: a chair is small, a wall is solid.
    *rotation*: degrees, clockwise, about its middle."""

    type: Text = Field(examples=["chair"])
    x: Coordinate = Field(examples=[300])
    y: Coordinate = Field(examples=[260])
    width: Coordinate | None = None
    height: Coordinate | None = None
    rotation: Coordinate = 0.0
    is_solid: bool | None = None
    metadata: dict[Text, Any] = Field(default={}, examples=[{"movable": True}])


class NewObject(ThingIn):
    room_id: Id = Field(examples=[1])


class ObjectChange(Body):
    """What is left out stays as it is. *version*: the one that is known; if it is another by now, nothing is done."""

    type: Text = left_out()
    x: Coordinate = left_out(examples=[300])
    y: Coordinate = left_out(examples=[260])
    width: Coordinate = left_out()
    height: Coordinate = left_out()
    rotation: Coordinate = left_out()
    is_solid: bool = left_out()
    metadata: dict[Text, Any] = left_out()
    version: Id | None = None


class SpaceObject(Shape):
    """(x, y) is its upper left corner; *rotation*: degrees, clockwise, about its middle. *version* goes up by one with
    each change. *occupied_by*: who sits on it."""

    id: int
    room_id: int
    type: str
    x: float
    y: float
    width: float
    height: float
    rotation: float
    is_solid: bool
    metadata: dict[str, Any]
    version: int
    occupied_by: int | None
    created_by: int | None
    updated_at: Time


class NewFloorPlan(Body):
    """As it is given by GET; what says who, when and which version is passed over, and so are the ids of objects.
    *space*: what is left out stays as it is. *objects*: all that is to stand there."""

    space: SpaceChange = left_out()
    objects: list[ThingIn]

    def to_command(self, room_id: RoomId) -> c.ReplaceFloorPlan:
        space = self.space.to_command() if "space" in self.model_fields_set else c.SpaceChange()
        return c.ReplaceFloorPlan(
            room_id=room_id, space=space, objects=[c.NewObject(**one.given()) for one in self.objects]
        )


class FloorPlan(Shape):
    space: Space
    objects: list[SpaceObject]


# ---- who is there


class Entrance(Body):
    """*x*, *y*: where one would like to stand; else one comes in where people do."""

    room_id: Id = Field(examples=[1])
    x: Coordinate | None = Field(default=None, examples=[100])
    y: Coordinate | None = Field(default=None, examples=[200])


class Step(Body):
    """*direction*: where one looks, a word of at most 16 characters, or degrees."""

    x: Coordinate = Field(examples=[150])
    y: Coordinate = Field(examples=[250])
    direction: DirectionField = None


class RoomUser(Shape):
    """*last_seen*: when they last moved, or were heard of. *x* and *y* are null where there is no space."""

    user_id: int
    username: str
    x: Told | None
    y: Told | None
    direction: str | float | None
    status: str
    last_seen: Time | None


# ---- what they do


class NewToolUse(Body):
    """*action*: move, rotate, sit, stand, destroy, paint, write, what the object declares, or any word; *params*: what
    belongs to it."""

    room_id: Id = Field(examples=[1])
    target_object_id: Id = Field(examples=[5])
    action: Text = Field(examples=["move"])
    params: dict[Text, Any] | None = Field(default=None, examples=[{"x": 300, "y": 260}])


class ToolUse(Shape):
    """An entry of the tool log; *seq* is where the room's log has it."""

    id: int
    room_id: int
    seq: int
    user_id: int
    username: str
    target_object_id: int
    action: str
    params: dict[str, Any]
    created_at: Time


class NewestToolUse(ToolUse):
    """*object*: as it is after that; null if it is gone."""

    object: SpaceObject | None
