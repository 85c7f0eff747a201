"""The starter café: there on a new database, once, and fit to walk about in."""

import asyncio

import msgspec
from msgspec.structs import replace

from scene import Scene, scene_on
from tertulia.domain import commands as c
from tertulia.domain.geometry import entry, rectangle
from tertulia.domain.ids import STARTER_ROOM
from tertulia.domain.models import Point
from tertulia.domain.roles import UserRole
from tertulia.services.starter import FURNITURE, open_starter_cafe
from tertulia.store import Store


async def test_a_new_database_has_a_furnished_public_cafe(scene: Scene) -> None:
    await open_starter_cafe(scene.store)
    ana = await scene.user("ana")
    cafe = await scene.do(ana, c.EnterRoom(room_id=STARTER_ROOM))
    assert (cafe.room.id, cafe.room.name, cafe.room.is_private, cafe.room.owner_id) == (1, "Café", False, None)
    assert cafe.room.space is not None
    assert (cafe.room.space.width, cafe.room.space.height, cafe.room.space.speed) == (800, 600, 400)
    assert [thing.id for thing in cafe.objects] == list(range(1, len(FURNITURE) + 1))
    chair = cafe.objects[4]
    assert (chair.id, chair.type, chair.is_solid, chair.metadata["movable"]) == (5, "chair", False, True)
    assert {"wall", "table", "chair", "tool"} == {thing.type for thing in cafe.objects}
    tools = {thing.metadata["tool"] for thing in cafe.objects if thing.type == "tool"}
    assert tools == {"whiteboard", "jukebox", "notice_board"}
    assert not any(thing.is_solid for thing in cafe.objects if thing.type == "chair")


async def test_nothing_solid_is_near_where_one_walks_and_all_stands_in_the_room(scene: Scene) -> None:
    await open_starter_cafe(scene.store)
    cafe = await scene.do(await scene.user("ana"), c.EnterRoom(room_id=STARTER_ROOM))
    for thing in cafe.objects:
        assert 0 <= thing.x <= thing.x + thing.width <= 800
        assert 0 <= thing.y <= thing.y + thing.height <= 600
        for x, y in ((100, 200), (150, 250)):
            away_x = max(thing.x - x, x - thing.x - thing.width)
            away_y = max(thing.y - y, y - thing.y - thing.height)
            assert not thing.is_solid or max(away_x, away_y) >= 50, thing


async def test_the_way_from_the_door_to_the_chair_is_free_and_leads_through_no_gate(scene: Scene) -> None:
    await open_starter_cafe(scene.store)
    cafe = await scene.do(await scene.user("ana"), c.EnterRoom(room_id=STARTER_ROOM))
    space, chair = cafe.room.space, cafe.objects[4]
    stops = [(100, 200), (150, 250), (chair.x + chair.width / 2, chair.y + chair.height / 2)]
    assert space.spawn_points == [Point(*stops[0])]
    in_the_way = [area for area in space.areas if area.is_gated] + [one for one in cafe.objects if one.is_solid]
    for begins, ends in ((stops[0], stops[1]), (stops[1], stops[2]), (stops[0], stops[2])):
        for one in in_the_way:
            assert entry(rectangle(one.x, one.y, one.width, one.height), *begins, *ends, 10) is None, one


async def test_the_cafe_has_a_quiet_corner_and_a_booth_with_a_table_and_chairs_each(scene: Scene) -> None:
    await open_starter_cafe(scene.store)
    cafe = await scene.do(await scene.user("ana"), c.EnterRoom(room_id=STARTER_ROOM))
    quiet, booth = cafe.room.space.areas
    assert (quiet.is_quiet, quiet.is_private, booth.is_private, booth.is_lockable, booth.capacity) == (
        True,
        False,
        True,
        True,
        4,
    )
    for area, ids in ((quiet, [8, 9, 10]), (booth, [11, 12, 13])):
        inside = [
            one.id
            for one in cafe.objects
            if area.x <= one.x <= one.x + one.width <= area.x + area.width
            and area.y <= one.y <= one.y + one.height <= area.y + area.height
        ]
        assert inside == ids


async def test_the_cafe_is_a_floor_as_anybody_could_make_it(scene: Scene) -> None:
    await open_starter_cafe(scene.store)
    ana = await scene.user("ana")
    plan = await scene.do(admin(ana), c.GetFloorPlan(room_id=STARTER_ROOM))
    kept = msgspec.json.decode(msgspec.json.encode(plan))
    space, things = msgspec.convert(kept["space"], c.SpaceChange), msgspec.convert(kept["objects"], list[c.NewObject])
    room = await scene.room(ana)
    made = await scene.do(ana, c.ReplaceFloorPlan(room_id=room.id, space=space, objects=things))
    assert made.space == plan.space
    own = {"id": 0, "room_id": 0, "created_by": None, "updated_at": room.created_at}
    assert [replace(one, **own) for one in made.objects] == [replace(one, **own) for one in plan.objects]


async def test_the_cafe_is_made_once(scene: Scene) -> None:
    await open_starter_cafe(scene.store)
    ana = await scene.user("ana")
    before = await scene.everything()
    await open_starter_cafe(scene.store)
    assert await scene.everything() == before
    await scene.store.write(
        lambda work: scene.rooms.archive_room(c.ArchiveRoom(room_id=STARTER_ROOM), admin(ana), work)
    )
    await open_starter_cafe(scene.store)
    assert (await scene.do(ana, c.ListRooms())).items == []


async def test_rooms_and_objects_made_later_get_the_next_ids(scene: Scene) -> None:
    from tertulia.store.tables import objects

    await open_starter_cafe(scene.store)
    ana = await scene.user("ana")
    assert (await scene.room(ana)).id == 2
    new = objects.insert().values(room_id=1, type="chair", x=1, y=1, width=1, height=1, updated_at=scene.clock())
    placed = await scene.store.write(lambda work: work.sql.execute(new.returning(objects.c.id)).scalar_one())
    assert placed == len(FURNITURE) + 1


async def test_a_database_with_rooms_gets_no_cafe(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    await open_starter_cafe(scene.store)
    assert (await scene.do(ana, c.ListRooms())).items == [room]


async def test_nodes_that_start_at_once_make_one_cafe(database_url: str) -> None:
    async with scene_on(database_url) as scene:
        other = Store.open(database_url)
        await other.start(migrate=False)
        try:
            await asyncio.gather(*(open_starter_cafe(store) for store in (scene.store, other) for _ in range(3)))
        finally:
            await other.stop()
        ana = await scene.user("ana")
        assert len((await scene.do(ana, c.ListRooms())).items) == 1
        assert len((await scene.do(ana, c.EnterRoom(room_id=STARTER_ROOM))).objects) == len(FURNITURE)


def admin(actor):
    return replace(actor, role=UserRole.ADMIN)
