"""The whiteboard: what is drawn on it is its tool log since it was last wiped, so that no event grows with it.

Its metadata has `strokes`, how many there are, and `cleared_use_id`: all `draw` in its tool log with a greater id than
that are on the board.
"""

from msgspec import Struct
from msgspec.structs import replace

from tertulia.domain.errors import TooMany
from tertulia.domain.ids import ToolUseId
from tertulia.services.tools.schemas import Schema
from tertulia.services.tools.use import ShippedTool, Use

MOST_STROKES = 10_000
MOST_POINTS = 500
"""Of one stroke; who draws longer draws another."""


class Whiteboard(Struct, frozen=True):
    """*text*: what the action `write`, which all objects know, has left."""

    strokes: int = 0
    cleared_use_id: ToolUseId = ToolUseId(0)
    text: str = ""


_COORDINATE = {"type": "number", "minimum": -100_000, "maximum": 100_000}
ACTIONS: dict[str, Schema] = {
    "draw": {
        "type": "object",
        "properties": {
            "points": {  # in units, from the board's upper left corner
                "type": "array",
                "items": {"type": "array", "prefixItems": [_COORDINATE] * 2, "items": False, "minItems": 2},
                "minItems": 1,
                "maxItems": MOST_POINTS,
            },
            "color": {"type": "string", "minLength": 1, "maxLength": 64},
            "width": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
        },
        "required": ["points"],
    },
    "clear": True,
}


def act(board: Whiteboard, use: Use) -> Whiteboard:
    if use.action == "clear":
        return Whiteboard(cleared_use_id=use.last_use_id)
    if board.strokes >= MOST_STROKES:
        raise TooMany("The whiteboard is full: clear it first")
    return replace(board, strokes=board.strokes + 1)


WHITEBOARD = ShippedTool(
    name="whiteboard", state=Whiteboard, actions=ACTIONS, act=act, shared=frozenset({"text"})
)  # fmt: skip
