"""Reach: how far something is, and whether somebody gets at it."""

import math

from tertulia.domain.errors import Occupied, OutOfReach
from tertulia.domain.models import Place, Space, SpaceObject


def need_reach(thing: SpaceObject, space: Space, place: Place | None, inside: int | None) -> None:
    """*place*: where the user stands, if they are in the space; *inside*: the gated area that they have been let into.
    Raises OutOfReach."""
    reach = thing.metadata.get("reach")
    if isinstance(reach, int | float) and (place is None or distance(thing, place.x, place.y) > reach):
        raise OutOfReach
    if gate_of(thing, space) not in {None, inside}:
        raise OutOfReach


def need_no_door(thing: SpaceObject, after: SpaceObject | None, space: Space) -> None:
    """Nobody is carried through a door by what they sit on. Raises Occupied."""
    if after is not None and after.occupied_by is not None and gate_of(after, space) != gate_of(thing, space):
        raise Occupied("Somebody sits there, and is not carried into an area or out of it")


def gate_of(thing: SpaceObject, space: Space) -> int | None:
    """The gated area that it stands in."""
    x, y = _middle(thing)
    for area in space.areas:
        if area.is_gated and area.x < x < area.x + area.width and area.y < y < area.y + area.height:
            return area.id
    return None


def distance(thing: SpaceObject, x: float, y: float) -> float:
    """Units, to the nearest point of *thing*; 0 within it."""
    middle_x, middle_y = _middle(thing)
    # Turned back, it stands straight. y points down, and so this turns counter-clockwise, as one sees it.
    angle = math.radians(-thing.rotation)
    away_x, away_y = x - middle_x, y - middle_y
    across = away_x * math.cos(angle) - away_y * math.sin(angle)
    along = away_x * math.sin(angle) + away_y * math.cos(angle)
    return math.hypot(max(abs(across) - thing.width / 2, 0), max(abs(along) - thing.height / 2, 0))


def _middle(thing: SpaceObject) -> tuple[float, float]:
    return thing.x + thing.width / 2, thing.y + thing.height / 2
