"""cafe's examples of spaces: the frames about what stands there, who is where, and what they do there."""

from typing import Any, NamedTuple


class Example(NamedTuple):
    """*data*: of the frame, as JSON has it."""

    summary: str
    data: Any


WHEN = "2026-11-21T09:18:35.000000Z"
SPACE = {
    "width": 800,
    "height": 600,
    "background": None,
    "speed": 400,
    "spawn_points": [{"x": 100, "y": 200}],
    "builders": "members",
    "earshot": 150,
    "areas": [
        {
            "id": 1,
            "name": "Phone booth",
            "x": 640,
            "y": 400,
            "width": 120,
            "height": 100,
            "is_quiet": False,
            "is_private": True,
            "capacity": 2,
            "is_lockable": True,
            "locked_by": None,
        }
    ],
}
CHAIR = {
    "id": 5,
    "room_id": 1,
    "type": "chair",
    "x": 260,
    "y": 240,
    "width": 30,
    "height": 30,
    "rotation": 0,
    "is_solid": False,
    "metadata": {"movable": True},
    "version": 3,
    "occupied_by": None,
    "created_by": None,
    "updated_at": WHEN,
}
BUBBLE = {"room_id": 1, "bubble_id": "b7Qm2x", "users": [3, 4], "talk_id": None}
_DONE = {"room_id": 1, "seq": 8, "user_id": 3, "username": "alice"}

REQUESTS: dict[str, Example] = {
    "update_position": Example(
        "Go there, as far as walls and speed allow. `direction`: a word, or degrees",
        {"room_id": 1, "x": 150, "y": 250, "direction": "right"},
    ),
    "use_tool": Example(
        "Do something with an object: move, rotate, sit, stand, paint, write, destroy, or any word; `params` belong to it",
        {"room_id": 1, "target_object_id": 5, "action": "move", "params": {"x": 300, "y": 260}},
    ),
    "place_object": Example(
        "Put something into the space, for those who may build there",
        {"room_id": 1, "type": "table", "x": 400, "y": 300, "width": 80, "height": 40, "is_solid": True},
    ),
    "update_object": Example(
        "Change an object; with the `version` that you know, only if it is still that one",
        {"object_id": 5, "rotation": 90, "version": 3},
    ),
    "remove_object": Example("Take an object away", {"object_id": 5, "version": 4}),
    "lock_area": Example(
        "Lock the area that you are in, so that nobody else comes in; or open it again",
        {"room_id": 1, "area_id": 1, "is_locked": True},
    ),
}
"""By event, from clients."""

ACKS: dict[str, Any] = {
    "update_position": {},
    "use_tool": {"seq": 8, "use_id": 2},
    "place_object": {"object_id": 17, "seq": 8},
    "update_object": {"object_id": 5, "seq": 9},
    "remove_object": {"object_id": 5, "seq": 10},
    "lock_area": {"area_id": 1, "locked_by": 3},
}
"""Data of the answer to each of these that bore an id."""

EVENTS: dict[str, Example] = {
    "object_placed": Example("There is a new object", _DONE | {"object": CHAIR, "created_at": WHEN}),
    "object_updated": Example(
        "An object has changed; this is how it is now", _DONE | {"object": CHAIR, "created_at": WHEN}
    ),
    "object_removed": Example("An object is gone", _DONE | {"object_id": 5, "created_at": WHEN}),
    "tool_used": Example(
        "Somebody did something with an object; `object` is how it is after that, null if it is gone",
        _DONE
        | {
            "use_id": 2,
            "target_object_id": 5,
            "action": "rotate",
            "params": {"rotation": 90},
            "object": CHAIR | {"rotation": 90, "version": 4},
            "created_at": WHEN,
        },
    ),
    "position_updated": Example(
        "Somebody is here now. If that is you, your last move ended here",
        {"room_id": 1, "user_id": 4, "x": 150, "y": 250, "direction": "left"},
    ),
    "bubble": Example(
        "These stand near each other and hear what they say nearby; without users: it is no more", BUBBLE
    ),
}
"""By event, from the server: what happens."""

MANNERS: dict[str, Example] = {
    "positions": Example(
        "Where people are now, as [user_id, x, y, direction], at `t` in milliseconds since 1970; `gone`: who is out of sight",
        {"room_id": 1, "t": 1795252715000, "moves": [[4, 150, 250, "left"], [5, 80.5, 90, None]], "gone": [6]},
    ),
}
"""By event, from the server, to clients of `tertulia.v1`."""
