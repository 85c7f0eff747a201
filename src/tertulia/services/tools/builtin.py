"""The actions that all objects know: their parameters, and what they make of an object.

`sit` and `stand` change a seat, and who sits there: seats.py does them.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tertulia.domain.errors import Invalid
from tertulia.domain.models import Space, SpaceObject
from tertulia.services.spaces import fitted
from tertulia.services.tools.schemas import Schema
from tertulia.services.tools.use import Use

SEATING = frozenset({"sit", "stand"})
LONGEST_TEXT = 2000
"""Characters, that `write` leaves on an object."""


class BuiltIn(Struct, frozen=True):
    """*act*: the object as it is after that; None: it is gone."""

    schema: Schema
    act: Callable[[Use], SpaceObject | None]


def _one(name: str, schema: dict[str, Any]) -> Schema:
    """An action with one parameter, which it needs."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def move(use: Use) -> SpaceObject:
    """Where the user stands, if they do not say where."""
    if use.params.keys() & {"x", "y"}:
        x, y = use.params["x"], use.params["y"]
    elif use.place is not None:
        x, y = use.place.x, use.place.y
    else:
        raise Invalid("Say where to, or stand there: you are not in this space", field="params.x")
    return _fitting(replace(use.thing, x=x, y=y), use.space)


def rotate(use: Use) -> SpaceObject:
    return _fitting(replace(use.thing, rotation=use.params["rotation"]), use.space)


def destroy(use: Use) -> None:
    return None


def paint(use: Use) -> SpaceObject:
    return _noted(use, "color")


def write(use: Use) -> SpaceObject:
    return _noted(use, "text")


def _fitting(thing: SpaceObject, space: Space) -> SpaceObject:
    """On the floor. Raises Invalid for what is solid and would stand where people come in."""
    try:
        return fitted(thing, space)
    except Invalid as error:
        raise Invalid(error.message, field="params") from None


def _noted(use: Use, key: str) -> SpaceObject:
    return replace(use.thing, metadata={**use.thing.metadata, key: use.params[key]})


_PLACE: Schema = {
    "type": "object",
    "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
    "dependentRequired": {"x": ["y"], "y": ["x"]},
}
BUILT_IN: dict[str, BuiltIn | None] = {
    "move": BuiltIn(_PLACE, move),
    "rotate": BuiltIn(_one("rotation", {"type": "number"}), rotate),
    "destroy": BuiltIn(True, destroy),
    "paint": BuiltIn(_one("color", {"type": "string", "minLength": 1, "maxLength": 64}), paint),
    "write": BuiltIn(_one("text", {"type": "string", "maxLength": LONGEST_TEXT}), write),
    **dict.fromkeys(SEATING),
}
