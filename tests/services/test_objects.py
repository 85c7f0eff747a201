"""Objects: placed, changed and removed by those who may build; whole floor plans."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace

from kinds import of_kind
from scene import Scene, scene_on
from tertulia.domain import commands as c
from tertulia.domain.errors import (
    Banned,
    Invalid,
    Muted,
    NoSpace,
    NoSuchObject,
    NoSuchRoom,
    NotAMember,
    RoleTooLow,
    TertuliaError,
    TooLarge,
    TooMany,
    VersionConflict,
)
from tertulia.domain.events import ObjectPlaced, ObjectRemoved, ObjectUpdated, RoomUpdated
from tertulia.domain.ids import ObjectId, RoomId
from tertulia.domain.models import Actor, FloorPlan, Point, Room, SpaceObject
from tertulia.domain.roles import Builders, RoomKind, UserRole
from tertulia.services.objects import Objects
from tertulia.store import Store
from tertulia.store.objects import write_object

FLOOR = c.SpaceChange(width=800, height=600)


async def floor(scene: Scene, owner: Actor, *others: Actor, is_private: bool = False, **space: Any) -> Room:
    change = c.SpaceChange(**{"width": 800, "height": 600, **space})
    return await scene.room(owner, *others, is_private=is_private, space=change)


async def standing_there(scene: Scene, actor: Actor, room: Room) -> list[SpaceObject]:
    """By each way of asking."""
    listed = (await scene.do(actor, c.ListObjects(room_id=room.id, limit=1000))).items
    entered = await scene.do(actor, c.EnterRoom(room_id=room.id))
    plan = await scene.do(actor, c.GetFloorPlan(room_id=room.id))
    assert listed == entered.objects == plan.objects
    for thing in listed:
        assert await scene.do(actor, c.GetObject(object_id=thing.id)) == thing
    return list(listed)


def is_at(thing: SpaceObject) -> tuple[float, float, float, float, float]:
    return thing.x, thing.y, thing.width, thing.height, thing.rotation


# ---- placing


async def test_what_is_placed_stands_there_and_all_are_told(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await floor(scene, ana, ben)
    command = c.PlaceObject(
        room_id=room.id,
        type="sofa-bed_2",
        x=10.128,
        y=20,
        width=100,
        height=40.5,
        rotation=-90,
        is_solid=True,
        metadata={"color": "red", "deep": [{"is": [None, 1.5, True]}]},
    )
    placed = await scene.do(ben, command)
    thing = placed.object
    assert thing == SpaceObject(
        id=placed.object_id,
        room_id=room.id,
        type="sofa-bed_2",
        x=10.13,
        y=20,
        width=100,
        height=40.5,
        rotation=270,
        is_solid=True,
        metadata={"color": "red", "deep": [{"is": [None, 1.5, True]}]},
        version=1,
        created_by=ben.user_id,
        updated_at=thing.updated_at,
    )
    assert await standing_there(scene, ana, room) == [thing]
    told = (await scene.log(room.id))[-1]
    assert told == ObjectPlaced(
        room_id=room.id,
        seq=placed.seq,
        user_id=ben.user_id,
        username="ben",
        object=thing,
        created_at=thing.updated_at,
    )
    assert scene.events[-1] == told


async def test_what_is_left_out_is_as_such_things_mostly_are(scene: Scene) -> None:
    ana = await scene.user("ana")
    room, small = await floor(scene, ana), await floor(scene, ana, width=20, height=10)
    for kind, width, height, is_solid in (
        ("wall", 64, 16, True),
        ("table", 96, 64, True),
        ("chair", 32, 32, False),
        ("tool", 40, 40, False),
        ("door", 48, 16, False),
        ("sign", 32, 32, False),
        ("aquarium", 32, 32, False),
    ):
        thing = await scene.thing(ana, room, kind)
        assert (*is_at(thing), thing.is_solid, thing.version) == (0, 0, width, height, 0, is_solid, 1)
        other = await scene.thing(ana, room, kind, width=5, height=0, is_solid=not is_solid)
        assert (other.width, other.height, other.is_solid) == (5, 0, not is_solid)
        assert is_at(await scene.thing(ana, small, kind, x=5, is_solid=False)) == (0, 0, 20, 10, 0)


async def test_what_would_lie_outside_is_moved_into_the_floor(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    for x, y, rotation, expected in (
        (-5, 1e300, 0, (0, 568, 0)),
        (790, -0.001, 360, (768, 0, 0)),
        (768, 568, 725.5, (768, 568, 5.5)),
        (0.1 + 0.2, 0, -0.001, (0.3, 0, 0)),
        (10**300, -(10**300), 1e300, (768, 0, round(1e300 % 360, 2))),
    ):
        thing = await scene.thing(ana, room, x=x, y=y, rotation=rotation)
        assert (thing.x, thing.y, thing.rotation) == expected


NAN, INF = float("nan"), float("inf")
DEEP: Any = {}
for _ in range(8):
    DEEP = {"a": DEEP}
IMPOSSIBLE = [
    ("type", {"type": ""}),
    ("type", {"type": "Chair"}),
    ("type", {"type": "a b"}),
    ("type", {"type": "9"}),
    ("type", {"type": "x" * 33}),
    ("type", {"type": "chair\n"}),
    ("x", {"x": NAN}),
    ("x", {"x": 10**400}),
    ("y", {"y": -INF}),
    ("width", {"width": -1}),
    ("width", {"width": 800.01}),
    ("height", {"height": NAN}),
    ("height", {"height": 601}),
    ("rotation", {"rotation": INF}),
    ("metadata", {"metadata": DEEP}),
    ("metadata", {"metadata": {"a": NAN}}),
    ("metadata", {"metadata": {"a": 2**64}}),
    ("metadata", {"metadata": {"a": "\ud800"}}),
    ("metadata.reach", {"metadata": {"reach": -1}}),
    ("metadata.actions", {"metadata": {"actions": 1}}),
]


async def test_impossible_things_are_refused_by_the_name_of_what_is_wrong(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    chair = await scene.thing(ana, room)
    before, heard = await scene.everything(), len(scene.heard)
    for field, values in IMPOSSIBLE:
        whole = {"type": "chair", "x": 1, "y": 1, **values}
        objects = [c.NewObject(type="chair", x=1, y=1), c.NewObject(**whole)]
        for command, at in (
            (c.PlaceObject(room_id=room.id, **whole), ""),
            (c.UpdateObject(object_id=chair.id, **values), ""),
            (c.ReplaceFloorPlan(room_id=room.id, space=FLOOR, objects=objects), "objects.1."),
        ):
            with pytest.raises(Invalid) as refusal:
                await scene.do(ana, command)
            assert refusal.value.field == f"{at}{field}"
            assert refusal.value.message.startswith(at)
            assert field in refusal.value.message
    assert (await scene.everything(), len(scene.heard)) == (before, heard)


async def test_metadata_has_a_limit(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    most = {"a": "x" * (8192 - len('{"a":""}'))}
    thing = await scene.thing(ana, room, metadata=most)
    assert thing.metadata == most
    over = {"ab": most["a"]}
    await scene.refuses(TooLarge, ana, c.PlaceObject(room_id=room.id, type="sign", x=0, y=0, metadata=over))
    await scene.refuses(TooLarge, ana, c.UpdateObject(object_id=thing.id, metadata=over))
    plan = c.ReplaceFloorPlan(room_id=room.id, space=FLOOR, objects=[c.NewObject(type="sign", x=0, y=0, metadata=over)])
    assert "objects.0.metadata" in str(await scene.refuses(TooLarge, ana, plan))


async def test_nothing_solid_covers_a_spawn_point(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana, spawn_points=[Point(10, 10), Point(400, 300)])
    refused = await scene.refuses(Invalid, ana, c.PlaceObject(room_id=room.id, type="table", x=390, y=290))
    assert (refused.field, "spawn point" in refused.message) == ("x", True)
    beside = await scene.thing(ana, room, "wall", x=350, y=240, width=100, height=20)
    await scene.refuses(Invalid, ana, c.UpdateObject(object_id=beside.id, rotation=90, y=270))
    await scene.refuses(Invalid, ana, c.UpdateObject(object_id=beside.id, height=100))
    rug = await scene.thing(ana, room, "rug", x=390, y=290)
    await scene.refuses(Invalid, ana, c.UpdateObject(object_id=rug.id, is_solid=True))
    edge = await scene.thing(ana, room, "table", x=400.01, y=300)
    assert edge.is_solid
    objects = [c.NewObject(type="chair", x=1, y=1), c.NewObject(type="table", x=0, y=0)]
    refused = await scene.refuses(Invalid, ana, c.ReplaceFloorPlan(room_id=room.id, space=FLOOR, objects=objects))
    assert (refused.field, refused.message.startswith("objects.1 ")) == ("objects.1.x", True)


async def test_a_room_has_so_many_objects_and_no_more(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    few = Objects(most_objects=2)
    first, _ = [await scene.thing(ana, room) for _ in range(2)]
    command = c.PlaceObject(room_id=room.id, type="chair", x=0, y=0)
    with pytest.raises(TooMany):
        await scene.store.write(lambda work: few.place(command, ana, work))
    plan = c.ReplaceFloorPlan(room_id=room.id, space=FLOOR, objects=[c.NewObject(type="chair", x=0, y=0)] * 3)
    with pytest.raises(TooMany):
        await scene.store.write(lambda work: few.replace_plan(plan, ana, work))
    await scene.do(ana, c.RemoveObject(object_id=first.id))
    await scene.store.write(lambda work: few.place(command, ana, work))
    other = await floor(scene, ana)
    assert (await scene.store.write(lambda work: few.place(replace(command, room_id=other.id), ana, work))).object


# ---- changing and removing


async def test_each_field_can_be_changed_alone(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await floor(scene, ana, ben)
    thing = await scene.thing(ana, room, "sign", x=10, y=10, metadata={"a": 1})
    for number, (name, value) in enumerate(
        [
            ("type", "poster"),
            ("x", 50.0),
            ("y", 60.0),
            ("width", 20.0),
            ("height", 10.0),
            ("rotation", 45.0),
            ("is_solid", True),
            ("metadata", {"b": [2]}),
        ],
        start=2,
    ):
        changed = await scene.do(ben, c.UpdateObject(object_id=thing.id, **{name: value}))
        expected = replace(thing, **{name: value}, version=number, updated_at=changed.object.updated_at)
        assert changed.object == expected
        assert changed.object.updated_at > thing.updated_at
        thing = expected
        told = (await scene.log(room.id))[-1]
        assert isinstance(told, ObjectUpdated)
        assert (told.seq, told.user_id, told.username, told.object) == (changed.seq, ben.user_id, "ben", thing)
    assert thing.created_by == ana.user_id
    assert await standing_there(scene, ana, room) == [thing]


async def test_what_grows_or_moves_stays_within_the_floor(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    thing = await scene.thing(ana, room, x=700, y=0)
    moved = await scene.do(ana, c.UpdateObject(object_id=thing.id, x=4000, y=-1))
    assert is_at(moved.object) == (768, 0, 32, 32, 0)
    grown = await scene.do(ana, c.UpdateObject(object_id=thing.id, width=800))
    assert is_at(grown.object) == (0, 0, 800, 32, 0)


async def test_a_change_to_what_a_thing_is_already_is_no_event(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    thing = await scene.thing(ana, room, x=10, y=10, metadata={"a": 1, "b": 2})
    [said] = await scene.say(ana, room, "moves the head")
    before, heard = await scene.everything(), len(scene.heard)
    for values in ({}, {"x": 10.001}, {"rotation": 720}, {"metadata": {"b": 2, "a": 1}}, {"version": 1, "y": 10}):
        assert await scene.do(ana, c.UpdateObject(object_id=thing.id, **values)) == c.ObjectChanged(
            thing.id, said.seq, thing
        )
    assert await scene.everything() == before
    assert len(scene.heard) == heard
    changed = await scene.do(ana, c.UpdateObject(object_id=thing.id, metadata={"a": True, "b": 2}))
    assert (changed.object.version, changed.object.metadata["a"]) == (2, True)


async def test_who_knows_another_version_changes_nothing(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    thing = await scene.thing(ana, room)
    assert (await scene.do(ana, c.UpdateObject(object_id=thing.id, version=1, x=5))).object.version == 2
    for version in (0, 1, 3, -1, 2**70):
        await scene.refuses(VersionConflict, ana, c.UpdateObject(object_id=thing.id, version=version, x=6))
        await scene.refuses(VersionConflict, ana, c.UpdateObject(object_id=thing.id, version=version, x=5))
        await scene.refuses(VersionConflict, ana, c.RemoveObject(object_id=thing.id, version=version))
    assert (await scene.do(ana, c.UpdateObject(object_id=thing.id, x=7))).object.version == 3
    assert (await scene.do(ana, c.RemoveObject(object_id=thing.id, version=3))).object is None


async def test_of_many_changes_to_one_version_one_wins(database_url: str) -> None:
    async with scene_on(database_url) as scene:
        other = Store.open(database_url)
        await other.start(migrate=False)
        try:
            ana = await scene.user("ana")
            room = await floor(scene, ana)
            thing = await scene.thing(ana, room)

            async def change(number: int) -> c.ObjectChanged | TertuliaError:
                command = c.UpdateObject(object_id=thing.id, version=1, x=float(number + 1))
                store = (scene.store, other)[number % 2]
                try:
                    return await store.write(lambda work: scene.objects.update(command, ana, work))
                except TertuliaError as error:
                    return error

            outcomes = await asyncio.gather(*(change(number) for number in range(40)))
        finally:
            await other.stop()
        [won] = [one for one in outcomes if isinstance(one, c.ObjectChanged)]
        assert {type(one) for one in outcomes if one is not won} == {VersionConflict}
        assert [type(event) for event in await scene.log(room.id)].count(ObjectUpdated) == 1
        assert await standing_there(scene, ana, room) == [won.object]


async def test_what_is_removed_is_gone_and_its_id_too(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await floor(scene, ana, ben)
    first, second = await scene.thing(ana, room), await scene.thing(ana, room)
    gone = await scene.do(ben, c.RemoveObject(object_id=second.id))
    told = (await scene.log(room.id))[-1]
    assert isinstance(told, ObjectRemoved)
    assert (told.object_id, told.username, told.seq) == (second.id, "ben", gone.seq)
    assert gone == c.ObjectChanged(second.id, told.seq)
    assert await standing_there(scene, ana, room) == [first]
    for command in (c.GetObject, c.UpdateObject, c.RemoveObject):
        await scene.refuses(NoSuchObject, ana, command(object_id=second.id))
    assert (await scene.thing(ana, room)).id > second.id


async def test_who_sits_keeps_the_seat_while_it_is_one(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    chair = await scene.thing(ana, room)
    sits = replace(chair, occupied_by=ana.user_id)
    await scene.store.write(lambda work: write_object(work, sits))
    moved = await scene.do(ana, c.UpdateObject(object_id=chair.id, x=50))
    assert moved.object.occupied_by == ana.user_id
    stool = await scene.do(ana, c.UpdateObject(object_id=chair.id, type="stool", metadata={"seat": True}))
    assert stool.object.occupied_by == ana.user_id
    plain = await scene.do(ana, c.UpdateObject(object_id=chair.id, metadata={"seat": False}))
    assert plain.object.occupied_by is None
    assert (await standing_there(scene, ana, room))[0].occupied_by is None


async def test_a_list_has_pages_by_id(scene: Scene) -> None:
    ana = await scene.user("ana")
    room, other = await floor(scene, ana), await floor(scene, ana)
    things = []
    for _ in range(5):
        things.append(await scene.thing(ana, room))
        await scene.thing(ana, other)
    first = await scene.do(ana, c.ListObjects(room_id=room.id, limit=3))
    assert (first.items, first.next_cursor) == (things[:3], things[2].id)
    rest = await scene.do(ana, c.ListObjects(room_id=room.id, limit=3, cursor=first.next_cursor))
    assert (rest.items, rest.has_more) == (things[3:], False)
    await scene.refuses(Invalid, ana, c.ListObjects(room_id=room.id, limit=0))


# ---- who may


def building(room: Room, thing: SpaceObject) -> list[Any]:
    return [
        c.PlaceObject(room_id=room.id, type="chair", x=0, y=0),
        c.UpdateObject(object_id=thing.id, x=99),
        c.RemoveObject(object_id=thing.id),
    ]


async def may_build(scene: Scene, actor: Actor, room: Room, thing: SpaceObject) -> None:
    """Each, once: the last is done to a thing of their own."""
    place, update, _ = building(room, thing)
    placed = await scene.do(actor, place)
    await scene.do(actor, update)
    await scene.do(actor, c.RemoveObject(object_id=placed.object_id))


async def may_not(scene: Scene, error: type[TertuliaError], actor: Actor, room: Room, thing: SpaceObject) -> None:
    head = (await scene.log(room.id))[-1]
    for command in building(room, thing):
        await says_no(scene, error, actor, command)
    assert (await scene.log(room.id))[-1] == head


async def says_no(scene: Scene, error: type[TertuliaError], actor: Actor, command: Any) -> str:
    """Not looking at what is written, which takes its time."""
    with pytest.raises(error) as refusal:
        await scene.do(actor, command)
    assert type(refusal.value) is error
    return str(refusal.value)


@pytest.mark.parametrize("builders", list(Builders))
async def test_who_builds_is_for_the_space_to_say(scene: Scene, builders: Builders) -> None:
    ana, ben, eve, root = [await scene.user(name) for name in ("ana", "ben", "eve", "root")]
    root = replace(root, role=UserRole.ADMIN)
    room = await floor(scene, ana, ben, builders=builders)
    thing = await scene.thing(ana, room)

    await may_build(scene, ana, room, thing)
    await may_build(scene, root, room, thing)
    if builders is Builders.MODERATORS:
        await may_not(scene, RoleTooLow, ben, room, thing)
        await scene.promote(ana, room, ben)
    await may_build(scene, ben, room, thing)
    reading = [c.GetObject(object_id=thing.id), c.ListObjects(room_id=room.id), c.GetFloorPlan(room_id=room.id)]
    if builders is Builders.EVERYONE:
        await may_build(scene, eve, room, thing)
        for command in reading:
            await scene.do(eve, command)
    else:
        await may_not(scene, NotAMember, eve, room, thing)
        for command in reading:
            await says_no(scene, NotAMember, eve, command)


@pytest.mark.parametrize("builders", [Builders.EVERYONE, Builders.MEMBERS])
async def test_the_muted_and_the_expelled_build_nowhere(scene: Scene, builders: Builders) -> None:
    ana, ben, cleo = [await scene.user(name) for name in ("ana", "ben", "cleo")]
    room = await floor(scene, ana, ben, cleo, builders=builders)
    thing = await scene.thing(ana, room)
    stranger = None if builders is Builders.EVERYONE else NotAMember
    mute = c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=scene.clock() + timedelta(hours=1))
    await scene.do(ana, mute)
    await may_not(scene, Muted, ben, room, thing)
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    await may_not(scene, stranger or Muted, ben, room, thing)
    scene.clock.pass_(hours=2)
    if stranger is None:
        await may_build(scene, ben, room, thing)

    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=cleo.user_id))
    await may_not(scene, NotAMember, cleo, room, thing)
    await scene.do(cleo, c.JoinRoom(room_id=room.id))
    await may_build(scene, cleo, room, thing)
    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=cleo.user_id, ban=True))
    await may_not(scene, stranger or Banned, cleo, room, thing)


def everything_about(room_id: RoomId, object_id: ObjectId) -> list[tuple[type[TertuliaError], Any]]:
    """With what there is not, to who may not see."""
    return [
        (NoSuchRoom, c.PlaceObject(room_id=room_id, type="chair", x=0, y=0)),
        (NoSuchObject, c.UpdateObject(object_id=object_id, x=99)),
        (NoSuchObject, c.RemoveObject(object_id=object_id)),
        (NoSuchObject, c.GetObject(object_id=object_id)),
        (NoSuchRoom, c.ListObjects(room_id=room_id)),
        (NoSuchRoom, c.GetFloorPlan(room_id=room_id)),
        (NoSuchRoom, c.ReplaceFloorPlan(room_id=room_id, space=FLOOR, objects=[])),
    ]


@pytest.mark.parametrize("builders", [Builders.EVERYONE, Builders.MEMBERS])
async def test_what_stands_where_a_stranger_may_not_see_does_not_exist(scene: Scene, builders: Builders) -> None:
    ana, eve = await scene.user("ana"), await scene.user("eve")
    root = await scene.user("root", UserRole.ADMIN)
    private = await floor(scene, ana, is_private=True, builders=builders)
    archived = await floor(scene, ana, eve, builders=builders)
    secret, over = await scene.thing(ana, private), await scene.thing(ana, archived)
    await scene.do(ana, c.ArchiveRoom(room_id=archived.id))
    nothing = everything_about(RoomId(4711), ObjectId(4711))
    hidden, gone = everything_about(private.id, secret.id), everything_about(archived.id, over.id)
    before = await scene.everything()
    for who in (eve, root):
        for (missing, of_nothing), (_, of_hidden), (_, of_gone) in zip(nothing, hidden, gone, strict=True):
            said = {await says_no(scene, missing, who, command) for command in (of_nothing, of_hidden, of_gone)}
            assert len(said) == 1
    assert await scene.everything() == before


async def test_in_a_room_without_a_space_nothing_stands(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    for kind in RoomKind:
        room = await of_kind(scene, kind, ana, ben)
        for error, command in everything_about(room.id, ObjectId(4711)):
            if error is NoSuchRoom and not isinstance(command, c.ReplaceFloorPlan):
                await says_no(scene, NoSpace, ana, command)
        assert (await scene.do(ana, c.EnterRoom(room_id=room.id))).objects == []


# ---- floor plans


def to_replace(plan: FloorPlan, room: Room) -> c.ReplaceFloorPlan:
    """What a client makes of one that it has kept as JSON."""
    kept = msgspec.json.decode(msgspec.json.encode(plan))
    space = msgspec.convert(kept["space"], c.SpaceChange)
    return c.ReplaceFloorPlan(room_id=room.id, space=space, objects=msgspec.convert(kept["objects"], list[c.NewObject]))


def bare(plan: FloorPlan) -> list[Any]:
    """What can be carried elsewhere."""
    own = {"id", "room_id", "version", "occupied_by", "created_by", "updated_at"}
    things = [{name: value for name, value in asdict(one).items() if name not in own} for one in plan.objects]
    areas = [replace(area, id=0, locked_by=None) for area in plan.space.areas]
    return [replace(plan.space, areas=areas), things]


async def furnished(scene: Scene, ana: Actor) -> Room:
    """A floor with something of everything."""
    room = await floor(
        scene,
        ana,
        width=640.5,
        background="grass",
        speed=123.45,
        spawn_points=[Point(1, 1), Point(600, 590.25)],
        builders=Builders.EVERYONE,
        earshot=77,
        areas=[
            c.NewArea(x=300, y=0, width=10, height=10),
            c.NewArea(name="Booth", x=100, y=100, width=90.1, height=80, is_private=True, capacity=3, is_lockable=True),
            c.NewArea(name="Quiet", x=190.1, y=100, width=100, height=100, is_quiet=True),
        ],
    )
    await scene.do(ana, c.UpdateRoom(room_id=room.id, space=c.SpaceChange(areas=areas_but_the_first(room))))
    await scene.thing(ana, room, "wall", x=0, y=300, width=640.5, height=12.34, rotation=1.5)
    chair = await scene.thing(
        ana, room, x=120, y=110, metadata={"movable": True, "name": "Stool", "n": [1, {"a": None}]}
    )
    await scene.thing(ana, room, "tool", x=500, y=500, is_solid=True)
    await scene.do(ana, c.UpdateObject(object_id=chair.id, x=121))
    await scene.store.write(lambda work: write_object(work, replace(chair, occupied_by=ana.user_id)))
    return await scene.do(ana, c.GetRoom(room_id=room.id))


def areas_but_the_first(room: Room) -> list[c.NewArea]:
    assert room.space is not None
    shared = c.NewArea.__struct_fields__
    return [c.NewArea(**{name: getattr(area, name) for name in shared}) for area in room.space.areas[1:]]


async def test_a_plan_that_is_carried_elsewhere_makes_the_same_floor(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await furnished(scene, ana)
    plan = await scene.do(ana, c.GetFloorPlan(room_id=room.id))
    assert [area.id for area in plan.space.areas] == [2, 3]
    another = await floor(scene, ana, width=50, height=50, areas=[c.NewArea(x=0, y=0, width=5, height=5)])
    await scene.thing(ana, another, "sign")
    for target, ids in ((await scene.room(ana), [1, 2]), (another, [2, 3]), (room, [2, 3])):
        made = await scene.do(ana, to_replace(plan, target))
        assert bare(made) == bare(plan)
        assert await scene.do(ana, c.GetFloorPlan(room_id=target.id)) == made
        assert await standing_there(scene, ana, target) == made.objects
        assert {one.version for one in made.objects} == {1}
        assert {one.occupied_by for one in made.objects} == {None}
        assert [area.id for area in made.space.areas] == ids


async def test_a_plan_is_told_piece_by_piece_in_one_unit(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await floor(scene, ana, ben)
    old = [await scene.thing(ana, room) for _ in range(2)]
    await scene.promote(ana, room, ben)
    plan = c.ReplaceFloorPlan(
        room_id=room.id,
        space=c.SpaceChange(background="moss"),
        objects=[c.NewObject(type=kind, x=0, y=0) for kind in ("table", "chair", "sign")],
    )
    made = await scene.do(ben, plan)
    told = scene.heard[-1].events
    assert [type(event) for event in told] == [RoomUpdated, *[ObjectRemoved] * 2, *[ObjectPlaced] * 3]
    assert told == (await scene.log(room.id))[-6:]
    assert told[0].room.space == made.space
    assert [event.object_id for event in told[1:3]] == [one.id for one in old]
    assert [event.object for event in told[3:]] == made.objects
    assert {event.username for event in told[1:]} == {"ben"}
    assert [one.type for one in made.objects] == ["table", "chair", "sign"]

    await scene.do(ben, replace(plan, objects=[]))
    assert [type(event) for event in scene.heard[-1].events] == [ObjectRemoved] * 3
    heard = len(scene.heard)
    empty = await scene.do(ben, replace(plan, objects=[]))
    assert (empty, len(scene.heard)) == (FloorPlan(space=made.space, objects=[]), heard)


async def test_a_plan_is_for_moderators_who_are_heard(scene: Scene) -> None:
    ana, ben, eve = [await scene.user(name) for name in ("ana", "ben", "eve")]
    room = await floor(scene, ana, ben, builders=Builders.EVERYONE)
    plan = c.ReplaceFloorPlan(room_id=room.id, space=c.SpaceChange(), objects=[])
    await scene.refuses(RoleTooLow, ben, plan)
    await scene.refuses(NotAMember, eve, plan)
    await scene.promote(ana, room, ben)
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until))
    await scene.refuses(Muted, ben, plan)


async def test_a_plan_with_a_flaw_changes_nothing(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    await scene.thing(ana, room)
    chair = c.NewObject(type="chair", x=0, y=0)
    for field, space, objects in (
        ("space.width", c.SpaceChange(width=0), [chair]),
        (
            "space.spawn_points.0",
            c.SpaceChange(
                areas=[c.NewArea(x=300, y=200, width=200, height=200, is_quiet=True)], spawn_points=[Point(400, 300)]
            ),
            [],
        ),
        ("objects.0.x", c.SpaceChange(), [c.NewObject(type="table", x=380, y=280), chair]),
        ("objects.1.height", c.SpaceChange(width=64, height=64), [chair, c.NewObject(type="x", x=0, y=0, height=65)]),
    ):
        refused = await scene.refuses(Invalid, ana, c.ReplaceFloorPlan(room_id=room.id, space=space, objects=objects))
        assert refused.field == field
    group = await of_kind(scene, RoomKind.GROUP, ana)
    await scene.refuses(Invalid, ana, c.ReplaceFloorPlan(room_id=group.id, space=FLOOR, objects=[]))


async def test_a_plan_of_a_thousand_things_is_replaced_at_once(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)
    things = [c.NewObject(type=f"sign-{number}", x=number % 700, y=number // 2) for number in range(1000)]
    plan = c.ReplaceFloorPlan(room_id=room.id, space=FLOOR, objects=things)
    for _ in range(2):
        made = await scene.do(ana, plan)
        assert [one.type for one in made.objects] == [one.type for one in things]
        assert [one.id for one in made.objects] == sorted(one.id for one in made.objects)
        assert (await scene.do(ana, c.GetFloorPlan(room_id=room.id))) == made
    await scene.refuses(TooMany, ana, c.PlaceObject(room_id=room.id, type="sign", x=0, y=0))
    await scene.log(room.id)


async def test_a_plan_has_no_more_patterns_than_can_be_compiled_while_others_wait(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await floor(scene, ana)

    def bells(count: int) -> c.ReplaceFloorPlan:
        """Two patterns each, of another one's."""
        actions = [{"ring": {"patternProperties": {f"^a{n}$": True, f"^b{n}$": True}}} for n in range(count)]
        things = [c.NewObject(type="bell", x=0, y=0, metadata={"actions": one}) for one in actions]
        return c.ReplaceFloorPlan(room_id=room.id, space=FLOOR, objects=things)

    assert len((await scene.do(ana, bells(500))).objects) == 500
    await scene.refuses(TooMany, ana, bells(501))


async def test_the_log_tells_of_who_has_deleted_their_account_by_no_name(scene: Scene) -> None:
    from tertulia.store.users import DELETED_NAME, blank_user

    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await floor(scene, ana, ben)
    thing, other = await scene.thing(ben, room), await scene.thing(ben, room)
    await scene.do(ben, c.UpdateObject(object_id=thing.id, x=5))
    await scene.do(ben, c.RemoveObject(object_id=other.id))
    await scene.store.write(lambda work: blank_user(work, ben.user_id))
    names = [event.username for event in (await scene.log(room.id))[2:]]
    assert names == [DELETED_NAME] * 4
    assert (await standing_there(scene, ana, room))[0].created_by == ben.user_id
