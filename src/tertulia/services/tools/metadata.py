"""An object's metadata: what of it means something to the server, and what of it is a tool's own."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tertulia.domain.errors import Invalid
from tertulia.services.tools import schemas
from tertulia.services.tools.builtin import BUILT_IN
from tertulia.services.tools.shipped import SHIPPED, Shipped
from tertulia.services.tools.use import S, ShippedTool

Metadata = Mapping[str, Any]

MOST_ACTIONS = 32
"""That one object declares."""
MOST_PATTERNS = 2 * schemas.MOST_PATTERNS
"""Of one object, in all its schemas: to compile one takes up to a millisecond."""

_ACTION = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


def check_action(name: str, field: str = "action") -> str:
    """Raises Invalid."""
    if not _ACTION.fullmatch(name):
        raise Invalid(
            "An action is a word of at most 64 small letters, digits, dots, dashes and underscores, a letter first",
            field=field,
        )
    return name


def find_tool(metadata: Metadata, shipped: Shipped = SHIPPED) -> ShippedTool[Any] | None:
    """The tool that ships which such an object is."""
    name = metadata.get("tool")
    return shipped.get(name) if isinstance(name, str) else None


def check_actions(metadata: Metadata, shipped: Shipped = SHIPPED) -> None:
    """The actions that an object declares, each with its JSON Schema: {"actions": {"ring": {…}}}. Raises Invalid."""
    actions, of_all = metadata.get("actions", {}), "metadata.actions"
    if not isinstance(actions, dict):
        raise Invalid(f"{of_all} must be an object: a JSON Schema for each action", field=of_all)
    if len(actions) > MOST_ACTIONS:
        raise Invalid(f"{of_all}: an object declares at most {MOST_ACTIONS}", field=of_all)
    tool = find_tool(metadata, shipped)
    patterns = 0
    for name, schema in actions.items():
        field = f"{of_all}.{name[:64]}"
        check_action(name, field)
        if name in BUILT_IN or (tool is not None and name in tool.actions):
            raise Invalid(f"{field} means something already", field=field)
        try:
            patterns += schemas.compile_schema(schema).weight.patterns
        except Invalid as error:
            raise Invalid(f"{field}: {error.message}", field=field) from None
        if patterns > MOST_PATTERNS:
            raise Invalid(f"{of_all} have more than {MOST_PATTERNS} patterns", field=of_all)


def count_patterns(metadata: Metadata) -> int:
    """In the schemas of all actions that an object declares, which have been looked at."""
    actions = metadata.get("actions", {})
    return sum(schemas.compile_schema(schema).weight.patterns for schema in actions.values())


def check_reach(metadata: Metadata) -> None:
    """Raises Invalid."""
    reach = metadata.get("reach")
    if reach is not None and (isinstance(reach, bool) or not isinstance(reach, int | float) or reach < 0):
        raise Invalid("metadata.reach is a number of units, or null", field="metadata.reach")


def keep_state(metadata: Metadata, before: Metadata | None, shipped: Shipped = SHIPPED) -> dict[str, Any]:
    """*metadata* as somebody wrote it, with what a tool keeps there as it was *before*; None: a new object, whose tool
    begins anew. Nobody forges notes, and nobody who changes a jukebox's name stops the music."""
    tool = find_tool(metadata, shipped)
    if tool is None:
        return dict(metadata)
    own = tool.keys - tool.shared
    at_first = write_state(tool.state())
    kept = before if before is not None and find_tool(before, shipped) is tool else at_first
    return {
        **at_first,
        **{key: value for key, value in metadata.items() if key not in own},
        **{key: value for key, value in kept.items() if key in own},
    }


def take_metadata(metadata: Metadata, before: Metadata | None = None, shipped: Shipped = SHIPPED) -> dict[str, Any]:
    """What an object gets that somebody places or changes, whose metadata was *before*. Expects plain JSON. Raises
    Invalid."""
    check_actions(metadata, shipped)
    check_reach(metadata)
    return keep_state(metadata, before, shipped)


def read_state(metadata: Metadata, tool: ShippedTool[S]) -> S:
    """What the tool keeps; as at first, if something else stands there: it was none when that was written."""
    kept = {key: metadata[key] for key in tool.keys if key in metadata}
    try:
        return msgspec.convert(kept, tool.state)
    except msgspec.ValidationError:
        return tool.state()


def write_state(state: Struct) -> dict[str, Any]:
    """As plain JSON."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(state))
    return written


def size_besides(metadata: Metadata, tool: ShippedTool[Any]) -> int:
    """Bytes of JSON that are not the tool's."""
    return len(msgspec.json.encode({key: value for key, value in metadata.items() if key not in tool.keys}))
