"""The starter café: room 1 of a new database, public and furnished. Made once; archived, it does not come back."""

from typing import Any

from tertulia.domain.ids import STARTER_ROOM, ObjectId
from tertulia.domain.models import Area, Point, Room, Space, SpaceObject
from tertulia.domain.roles import RoomKind
from tertulia.store import Store, Work
from tertulia.store.meta import remember_once
from tertulia.store.objects import insert_objects
from tertulia.store.rooms import has_rooms, insert_room

Furniture = tuple[str, tuple[float, float, float, float], bool, dict[str, Any]]

# The floor, 800 by 600, as it is seen from above. Walkable: everything but the solid things.
#
#   wall 1 ───────── counter 14 ──── whiteboard 15 ──┐
#   │                                                │
#   │   (100, 200) spawn                             │
#   │      (150, 250)                      ┌ booth ─┐│
#   │            chair 5  table 6  chair 7 │12 11 13││
#   notice 17   ┌ quiet corner ──────────┐ └────────┘│
#   │           │chair 9  table 8  chair 10          │
#   └───────────┴────────────────────────┴ jukebox 16┘
QUIET_CORNER = Area(id=1, name="Quiet corner", x=240, y=432, width=224, height=96, is_quiet=True)
BOOTH = Area(id=2, name="Booth", x=536, y=276, width=224, height=96, is_private=True, capacity=4, is_lockable=True)
FLOOR = Space(
    width=800,
    height=600,
    background="floorboards",
    spawn_points=[Point(100, 200)],
    earshot=150,
    areas=[QUIET_CORNER, BOOTH],
)

WOOD = {"material": "wood", "color": "#8b5a2b"}
CLEAN: dict[str, Any] = {"strokes": 0, "cleared_use_id": 0, "text": ""}  # what the tools keep: see services/tools
SILENT: dict[str, Any] = {"playing": None, "queue": []}
EMPTY: dict[str, Any] = {"notes": [], "last_note_id": 0}
FURNITURE: tuple[Furniture, ...] = (  # in the order of their ids: the fifth is a movable chair
    ("wall", (0, 0, 800, 16), True, {"side": "north"}),
    ("wall", (0, 584, 800, 16), True, {"side": "south"}),
    ("wall", (0, 16, 16, 568), True, {"side": "west"}),
    ("wall", (784, 16, 16, 568), True, {"side": "east"}),
    ("chair", (256, 308, 32, 32), False, {"movable": True, **WOOD}),
    ("table", (304, 292, 96, 64), True, WOOD),
    ("chair", (416, 308, 32, 32), False, {"movable": True, **WOOD}),
    ("table", (304, 448, 96, 64), True, WOOD),
    ("chair", (256, 464, 32, 32), False, {"movable": True, **WOOD}),
    ("chair", (416, 464, 32, 32), False, {"movable": True, **WOOD}),
    ("table", (600, 292, 96, 64), True, WOOD),
    ("chair", (552, 308, 32, 32), False, {"movable": True, **WOOD}),
    ("chair", (712, 308, 32, 32), False, {"movable": True, **WOOD}),
    ("table", (320, 64, 224, 40), True, {"name": "Counter", **WOOD}),
    ("tool", (600, 16, 144, 24), False, {"tool": "whiteboard", "name": "Whiteboard", **CLEAN}),
    ("tool", (712, 520, 40, 48), True, {"tool": "jukebox", "name": "Jukebox", **SILENT}),
    ("tool", (16, 400, 24, 96), False, {"tool": "notice_board", "name": "Notice board", **EMPTY}),
)


async def open_starter_cafe(store: Store) -> None:
    """On a database that has never had a room. Nodes that start at once make one café."""
    await store.write(seed)


def seed(work: Work) -> None:
    if not remember_once(work, "starter_room", str(STARTER_ROOM)) or has_rooms(work):
        return
    room = Room(
        id=STARTER_ROOM,
        kind=RoomKind.CHANNEL,
        name="Café",
        description="Where everybody comes in. Take a chair!",
        space=FLOOR,
        created_at=work.now,
        updated_at=work.now,
    )
    insert_room(work, room)
    insert_objects(work, [_thing(work, ObjectId(number), *piece) for number, piece in enumerate(FURNITURE, start=1)])


def _thing(
    work: Work,
    object_id: ObjectId,
    kind: str,
    place: tuple[float, float, float, float],
    is_solid: bool,
    metadata: dict[str, Any],
) -> SpaceObject:
    x, y, width, height = place
    return SpaceObject(
        id=object_id,
        room_id=STARTER_ROOM,
        type=kind,
        x=x,
        y=y,
        width=width,
        height=height,
        is_solid=is_solid,
        metadata=metadata,
        updated_at=work.now,
    )
