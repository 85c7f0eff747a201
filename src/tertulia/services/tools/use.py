"""A use: who does what with which object, and all that decides what becomes of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import fields

from tertulia.domain.ids import ToolUseId
from tertulia.domain.models import Actor, Place, Space, SpaceObject
from tertulia.services.tools.schemas import Schema

S = TypeVar("S", bound=Struct)


class Use(Struct, frozen=True, kw_only=True):
    """*params* are checked against the action's schema. *place*: where the user stands, if they are in the space.
    *is_moderator*: of the room, or above. *last_use_id*: of this object, 0 if there is none. *most_bytes*: of JSON,
    for what a tool keeps."""

    thing: SpaceObject
    space: Space
    actor: Actor
    action: str
    params: dict[str, Any]
    now: datetime
    place: Place | None = None
    is_moderator: bool = False
    last_use_id: ToolUseId = ToolUseId(0)
    most_bytes: int = 0


class ShippedTool(Struct, Generic[S], frozen=True, kw_only=True):
    """A tool that the server understands. An object is one by its `metadata.tool`.

    *state*: what it keeps, a struct whose fields are keys of the object's metadata; all have defaults. Nobody writes
    there but the tool, save for the fields in *shared*. *act*: a pure function from the state before a use to that
    after it; it raises a TertuliaError to refuse.
    """

    name: str
    state: type[S]
    actions: Mapping[str, Schema]
    act: Callable[[S, Use], S]
    shared: frozenset[str] = frozenset()

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(field.encode_name for field in fields(self.state))
