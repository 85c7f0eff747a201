"""Reach: how far something is, and whether somebody gets at it."""

import math

from tertulia.domain.errors import OutOfReach
from tertulia.domain.models import Place, Space, SpaceObject


def need_reach(thing: SpaceObject, space: Space, place: Place | None) -> None:
    """*place*: where the user stands, if they are in the space. Raises OutOfReach."""
    reach = thing.metadata.get("reach")
    if isinstance(reach, int | float) and (place is None or distance(thing, place.x, place.y) > reach):
        raise OutOfReach
    if place is None:
        return
    x, y = _middle(thing)
    for area in space.areas:
        is_there = area.x <= x < area.x + area.width and area.y <= y < area.y + area.height
        if is_there and area.is_gated and place.area_id != area.id:
            raise OutOfReach


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
