"""Spaces: made with a room, changed later; which floors and areas there can be, and where one comes in."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from kinds import of_kind
from scene import HandFloors, Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, NotAMember, RoleTooLow
from tertulia.domain.events import MemberRemoved, RoomUpdated
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor, Area, Occupant, Point, Room, Space
from tertulia.domain.roles import Builders, RoomKind
from tertulia.services.spaces import make_space
from tertulia.services.walks import Walks
from tertulia.store import Work
from tertulia.store.members import get_member
from tertulia.store.rooms import update_room
from tertulia.store.talks import begin_stays, make_talk

FLOOR = c.SpaceChange(width=800, height=600)


def area(x: float = 0, y: float = 0, width: float = 100, height: float = 100, **more: Any) -> c.NewArea:
    return c.NewArea(x=x, y=y, width=width, height=height, **more)


def floor(**values: Any) -> c.SpaceChange:
    return c.SpaceChange(**{"width": 800, "height": 600, **values})


async def change(scene: Scene, actor: Actor, room: Room, **values: Any) -> Space:
    changed = await scene.do(actor, c.UpdateRoom(room_id=room.id, space=c.SpaceChange(**values)))
    space: Space = changed.space
    return space


async def refused(scene: Scene, actor: Actor, room: Room, field: str, **values: Any) -> str:
    """What is said of it."""
    error = await scene.refuses(Invalid, actor, c.UpdateRoom(room_id=room.id, space=c.SpaceChange(**values)))
    assert isinstance(error, Invalid)
    assert (error.field, field in error.message or field == "space") == (field, True)
    return error.message


async def test_a_space_is_entered_in_its_middle(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana, space=floor(background="grass"))
    assert room.space == Space(
        width=800,
        height=600,
        background="grass",
        speed=400,
        spawn_points=[Point(400, 300)],
        builders=Builders.MEMBERS,
        earshot=150,
        areas=[],
    )


async def test_a_space_is_what_was_asked_for_to_hundredths_of_a_unit(scene: Scene) -> None:
    ana = await scene.user("ana")
    asked = c.SpaceChange(
        width=640.004,
        height=480.125,
        background="tiles",
        speed=0,
        spawn_points=[Point(10, 20.456), Point(-0.0, 0)],
        builders=Builders.MODERATORS,
        earshot=10,
        areas=[
            area(100, 100, 50.501, 50, name=" Booth ", is_private=True, capacity=4, is_lockable=True),
            area(200, 100, name="Reading", is_quiet=True),
            area(300, 100),
        ],
    )
    room = await scene.room(ana, space=asked)
    assert room.space == Space(
        width=640.0,
        height=480.12,
        background="tiles",
        speed=0,
        spawn_points=[Point(10, 20.46), Point(0, 0)],
        builders=Builders.MODERATORS,
        earshot=10,
        areas=[
            Area(
                id=1,
                name="Booth",
                x=100,
                y=100,
                width=50.5,
                height=50,
                is_private=True,
                capacity=4,
                is_lockable=True,
            ),
            Area(id=2, name="Reading", x=200, y=100, width=100, height=100, is_quiet=True),
            Area(id=3, x=300, y=100, width=100, height=100),
        ],
    )
    assert str(room.space.spawn_points[1]) == "Point(x=0.0, y=0.0)"
    assert (await scene.do(ana, c.EnterRoom(room_id=room.id))).room.space == room.space


async def test_moderators_change_a_space_and_all_are_told(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, space=FLOOR)
    await scene.refuses(RoleTooLow, ben, c.UpdateRoom(room_id=room.id, space=c.SpaceChange(speed=1)))
    stranger = await scene.user("eve")
    await scene.refuses(NotAMember, stranger, c.UpdateRoom(room_id=room.id, space=c.SpaceChange(speed=1)))
    await scene.promote(ana, room, ben)

    space = await change(scene, ben, room, speed=100, background="sand", areas=[area(capacity=1)])

    assert (space.width, space.height, space.speed, space.background) == (800, 600, 100, "sand")
    assert space.spawn_points == [Point(400, 300)]
    told = (await scene.log(room.id))[-1]
    assert isinstance(told, RoomUpdated)
    assert (told.user_id, told.room.space) == (ben.user_id, space)
    assert (await change(scene, ben, room, background=None)).background is None
    assert (await change(scene, ben, room, areas=[])).areas == []


async def test_a_change_to_what_a_space_is_already_is_no_event(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana, space=floor(areas=[area(name="A", capacity=2)]))
    heard = len(scene.heard)
    assert await change(scene, ana, room) == room.space
    same = {"width": 800.001, "spawn_points": [Point(400, 300)], "areas": [area(id=1, name="A", capacity=2)]}
    assert await change(scene, ana, room, **same) == room.space
    assert len(scene.heard) == heard


async def test_a_room_gets_a_space_later(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    assert "missing" in await refused(scene, ana, room, "space.height", width=100)
    assert "missing" in await refused(scene, ana, room, "space.width", speed=100)
    space = await change(scene, ana, room, width=100, height=50)
    assert (space.width, space.height, space.spawn_points) == (100, 50, [Point(50, 25)])


@pytest.mark.parametrize("kind", [RoomKind.GROUP, RoomKind.DIRECT])
async def test_only_channels_have_a_space(scene: Scene, kind: RoomKind) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await of_kind(scene, kind, ana, ben)
    command = c.UpdateRoom(room_id=room.id, space=FLOOR)
    error = await scene.refuses(Invalid if kind is RoomKind.GROUP else RoleTooLow, ana, command)
    assert kind is RoomKind.DIRECT or "channel" in str(error)


NOW = datetime(2026, 11, 21, tzinfo=UTC)
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("space.width", {"width": 0.5}),
        ("space.width", {"width": NAN}),
        ("space.width", {"width": 10**400}),
        ("space.height", {"height": INF}),
        ("space.height", {"height": 100_001}),
        ("space.speed", {"speed": -1}),
        ("space.speed", {"speed": 10_001}),
        ("space.earshot", {"earshot": 9}),
        ("space.earshot", {"earshot": 2001}),
        ("space.background", {"background": "\0"}),
        ("space.background", {"background": "x" * 2001}),
        ("space.spawn_points", {"spawn_points": []}),
        ("space.spawn_points", {"spawn_points": [Point(1, 1)] * 51}),
        ("space.spawn_points.1.x", {"spawn_points": [Point(1, 1), Point(801, 1)]}),
        ("space.spawn_points.0.y", {"spawn_points": [Point(1, -1)]}),
        ("space.spawn_points.0.y", {"spawn_points": [Point(1, NAN)]}),
        ("space.areas", {"areas": [area(i * 10, 0, 5, 5) for i in range(65)]}),
        ("space.areas.0.name", {"areas": [area(name="x" * 101)]}),
        ("space.areas.0.name", {"areas": [area(name="two\nlines")]}),
        ("space.areas.0.width", {"areas": [area(width=0.9)]}),
        ("space.areas.0.height", {"areas": [area(height=NAN)]}),
        ("space.areas.0.x", {"areas": [area(x=-1)]}),
        ("space.areas.0.y", {"areas": [area(y=INF)]}),
        ("space.areas.1", {"areas": [area(), area(701, 0)]}),
        ("space.areas.1", {"areas": [area(0, 0), area(99, 99)]}),
        ("space.areas.2", {"areas": [area(0, 0), area(200, 0), area(0, 0, 300, 600)]}),
        ("space.areas.0.capacity", {"areas": [area(capacity=0)]}),
        ("space.areas.0.capacity", {"areas": [area(capacity=10_001)]}),
        ("space.areas.0.id", {"areas": [area(id=2)]}),
        ("space.areas.1.id", {"areas": [area(id=1), area(200, 0, id=1)]}),
        ("space.spawn_points.0", {"spawn_points": [Point(50, 50)], "areas": [area(is_quiet=True)]}),
        ("space.spawn_points.0", {"spawn_points": [Point(100, 50)], "areas": [area(capacity=1)]}),
    ],
)
def test_an_impossible_space_is_refused_by_the_name_of_what_is_wrong(field: str, values: dict[str, Any]) -> None:
    room = Room(id=RoomId(1), kind=RoomKind.CHANNEL, name="", created_at=NOW, updated_at=NOW)
    with_a_space = replace(room, space=make_space(room, floor(areas=[area()])))
    for was, change in ((None, floor(**values)), (room, floor(**values)), (with_a_space, c.SpaceChange(**values))):
        if was is with_a_space or field != "space.areas.1.id":
            with pytest.raises(Invalid) as refusal:
                make_space(was, change)
            assert refusal.value.field == field
            assert field in refusal.value.message


async def test_a_space_that_can_not_be_changes_nothing(scene: Scene) -> None:
    ana = await scene.user("ana")
    await scene.refuses(Invalid, ana, c.CreateRoom(name="Room", space=floor(width=0)))
    room = await scene.room(ana, space=FLOOR)
    await refused(scene, ana, room, "space.areas.1", areas=[area(), area()])


async def test_areas_may_touch_and_reach_the_edges(scene: Scene) -> None:
    """Though 0.1 + 0.2 is more than 0.3 in a computer's sums."""
    ana = await scene.user("ana")
    touching = [area(0, 0, 10.1, 10), area(10.1, 0, 20.2, 10), area(30.3, 0, 69.9, 10)]
    room = await scene.room(ana, space=c.SpaceChange(width=100.2, height=20, areas=touching))
    assert room.space is not None
    assert len(room.space.areas) == 3


async def test_one_comes_in_beside_an_area_that_covers_the_middle(scene: Scene) -> None:
    ana = await scene.user("ana")

    async def entrance(*areas: c.NewArea) -> Point:
        room = await scene.room(ana, space=floor(areas=list(areas)))
        assert room.space is not None
        [point] = room.space.spawn_points
        return point

    assert await entrance(area(300, 200, 300, 150)) == Point(400, 300), "nobody has to be let in there"
    assert await entrance(area(300, 200, 300, 150, is_quiet=True)) == Point(400, 351)
    split = [area(300, 200, 300, 150, capacity=1), area(0, 350, 800, 250, is_lockable=True)]
    assert await entrance(*split) == Point(400, 199)
    nowhere = floor(areas=[area(0, 0, 800, 600, is_private=True)])
    error = await scene.refuses(Invalid, ana, c.CreateRoom(name="Room", space=nowhere))
    assert error.field == "space.spawn_points"


async def test_an_entrance_that_nobody_chose_gives_way_and_a_chosen_one_does_not(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana, space=FLOOR)
    assert (await change(scene, ana, room, width=1000)).spawn_points == [Point(400, 300)], "there is no need"
    room = await scene.room(ana, space=FLOOR)
    assert (await change(scene, ana, room, width=300)).spawn_points == [Point(150, 300)]
    booth = area(110, 200, 100, 200, is_private=True)
    assert (await change(scene, ana, room, areas=[booth])).spawn_points == [Point(109, 300)]

    chosen = await scene.room(ana, space=floor(spawn_points=[Point(10, 10), Point(700, 500)]))
    await refused(scene, ana, chosen, "space.spawn_points.1.x", width=300)
    await refused(scene, ana, chosen, "space.spawn_points.0", areas=[area(capacity=3)])
    assert (await change(scene, ana, chosen, width=300, spawn_points=[Point(10, 10)])).width == 300


async def test_what_stands_there_keeps_a_floor_from_shrinking(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana, space=FLOOR)
    here = await scene.thing(ana, room, x=10, y=10)
    away = [await scene.thing(ana, room, x=500, y=i) for i in range(12)]
    said = await refused(scene, ana, room, "space", width=520)
    assert f"{away[0].id}, {away[1].id}" in said
    assert "and 2 more" in said
    assert str(here.id) not in said.split(": ")[1].split(", ")
    assert (await change(scene, ana, room, width=532)).width == 532


async def test_one_does_not_come_in_inside_of_a_wall(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana, space=FLOOR)
    wall = await scene.thing(ana, room, "wall", x=100, y=100, width=100, height=20, rotation=90)
    await scene.thing(ana, room, "chair", x=300, y=100)
    said = await refused(scene, ana, room, "space.spawn_points.1", spawn_points=[Point(0, 0), Point(150, 70)])
    assert f"object {wall.id}" in said
    fine = [Point(110, 110), Point(316, 116), Point(100, 110)]
    assert (await change(scene, ana, room, spawn_points=fine)).spawn_points == fine
    await scene.thing(ana, room, "wall", x=200, y=280, width=100, height=40)
    await refused(scene, ana, room, "space.spawn_points.0", spawn_points=[Point(200, 300)])


async def test_a_new_area_gets_an_id_that_none_ever_had(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana, space=floor(areas=[area(), area(200, 0)]))

    async def ids(*areas: c.NewArea) -> list[int]:
        return [one.id for one in (await change(scene, ana, room, areas=list(areas))).areas]

    assert await ids(area(200, 0, id=2), area(0, 0, id=1), area(0, 200)) == [2, 1, 3]
    assert await ids() == []
    assert await ids(area()) == [4]
    await refused(scene, ana, room, "space.areas.0.id", areas=[area(id=3)])
    await change(scene, ana, room, speed=1)
    assert await ids(area(300, 300), area(id=4)) == [5, 4]


async def test_an_area_stays_locked_while_it_stays_what_it_is(scene: Scene) -> None:
    ana = await scene.user("ana")
    booths = [area(i * 100, 0, 50, 50, name=f"{i}", is_private=True, is_lockable=True) for i in range(4)]
    room = await scene.room(ana, space=floor(areas=booths))
    assert room.space is not None
    await scene.store.write(lambda work: lock_all(room, ana.user_id, work))

    def keep(number: int, **values: Any) -> c.NewArea:
        return c.NewArea(
            **{
                "id": number + 1,
                "x": number * 100,
                "y": 0,
                "width": 50,
                "height": 50,
                "is_private": True,
                "is_lockable": True,
                **values,
            }
        )

    areas = [keep(0, name="New", width=60), keep(1, is_lockable=False), keep(2, is_private=False), keep(3, capacity=2)]
    space = await change(scene, ana, room, areas=areas)
    assert [one.locked_by for one in space.areas] == [ana.user_id, None, None, ana.user_id]


async def test_who_is_in_an_area_is_put_out_when_its_rules_change(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    before = [area(i * 100, 0, 50, 50, is_private=True, is_lockable=i == 5) for i in range(7)]
    room = await scene.room(ana, ben, space=floor(areas=before))
    assert room.space is not None
    talks = await scene.store.write(lambda work: everywhere(room, ben, work))
    kept = [c.NewArea(id=i + 1, x=i * 100, y=0, width=50, height=50, is_private=True) for i in range(7)]
    after = [
        kept[0],
        replace(kept[1], name="New", x=110, width=20, capacity=1),
        replace(kept[2], is_private=False),
        replace(kept[3], is_quiet=True),
        replace(kept[4], is_private=False, capacity=3),
        kept[5],
    ]
    heard = len(scene.heard)
    await change(scene, ana, room, areas=after)

    told = [event for committed in scene.heard[heard:] for event in committed.events]
    gone = [event for event in told if isinstance(event, MemberRemoved)]
    assert [(event.room_id, event.user_id) for event in gone] == [(talks[i], ben.user_id) for i in (2, 3, 4, 6)]
    assert len({id(committed) for committed in scene.heard[heard:]}) == 1
    assert [event.room_id for event in told if isinstance(event, RoomUpdated)] == [room.id]


def everywhere(room: Room, actor: Actor, work: Work) -> list[RoomId]:
    """In the talk of each area: their ids."""
    assert room.space is not None
    talks = [make_talk(work, room.id, area=one) for one in room.space.areas]
    for one in talks:
        begin_stays(work, one, [get_member(work, room.id, actor.user_id)])
    return [one.id for one in talks]


def lock_all(room: Room, user_id: UserId, work: Work) -> None:
    assert room.space is not None
    locked = [replace(one, locked_by=user_id) for one in room.space.areas]
    update_room(work, replace(room, space=replace(room.space, areas=locked)), user_id)


# ---- being there without a socket


async def test_who_is_kicked_while_they_come_in_is_not_there(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, space=FLOOR)
    left = []

    class Doorway(HandFloors):
        async def enter(self, room: Room, actor: Actor, x: float | None, y: float | None) -> Occupant:
            if actor == ben:
                await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=ben.user_id))
            return await super().enter(room, actor, x, y)

        def leave(self, room_id: RoomId, actor: Actor) -> None:
            left.append((room_id, actor))

    walks = Walks(scene.store, Doorway())
    assert (await walks.enter(c.EnterSpace(room_id=room.id), ana)).user_id == ana.user_id
    with pytest.raises(NotAMember):
        await walks.enter(c.EnterSpace(room_id=room.id), ben)
    assert left == [(room.id, ben)]
