"""Seats: one person each, whoever comes at once; freed by standing up, by sitting elsewhere, and by the server."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, Muted, NoSuchObject, NoSuchRoom, NotAMember, Occupied, OutOfReach
from tertulia.domain.events import ToolUsed
from tertulia.domain.models import Actor, Room, Seat, SpaceObject
from tertulia.domain.roles import Builders, UserRole
from tertulia.store import Store
from tertulia.store.tools import list_seats

FLOOR = c.SpaceChange(width=800, height=600)


async def use(scene: Scene, who: Actor, thing: SpaceObject, action: str, **params: Any) -> c.ToolResult:
    command = c.UseTool(room_id=thing.room_id, target_object_id=thing.id, action=action, params=params)
    result: c.ToolResult = await scene.do(who, command)
    return result


def sitting(thing: SpaceObject) -> c.UseTool:
    return c.UseTool(room_id=thing.room_id, target_object_id=thing.id, action="sit")


async def sitters(scene: Scene, room: Room) -> dict[int, int]:
    """Who sits where, the same by all ways that it is read by."""
    seats = await scene.store.read(lambda reader: list_seats(reader, room.id))
    leases = await scene.do(None, c.ListLeases(room_id=room.id))
    assert leases.seats == seats
    everything = await scene.store.read(list_seats)
    assert [seat for seat in everything if seat.room_id == room.id] == seats
    by_object = {seat.object_id: seat.user_id for seat in seats}
    for thing in (await scene.do(await scene.user(f"looks{len(scene.heard)}"), c.ListObjects(room_id=room.id))).items:
        assert thing.occupied_by == by_object.get(thing.id)
    return by_object


def told(scene: Scene) -> list[tuple[str, int, str, int | None]]:
    events = [event for event in scene.events if isinstance(event, ToolUsed)]
    return [
        (one.username, one.target_object_id, one.action, one.object.occupied_by if one.object is not None else None)
        for one in events
    ]


@pytest.fixture
async def everyone(scene: Scene) -> tuple[Actor, Actor, Room]:
    """In a room where strangers look about, too."""
    ana, ben = await scene.user("ana"), await scene.user("ben")
    space = c.SpaceChange(width=800, height=600, builders=Builders.EVERYONE)
    return ana, ben, await scene.room(ana, ben, space=space)


async def test_the_second_one_finds_it_occupied(scene: Scene, everyone: tuple[Actor, Actor, Room]) -> None:
    ana, ben, room = everyone
    chair = await scene.thing(ana, room)
    sat = await use(scene, ana, chair, "sit")
    assert sat.object is not None
    assert (sat.object.occupied_by, sat.object.version) == (ana.user_id, chair.version + 1)
    assert (sat.use.action, sat.use.seq) == ("sit", scene.events[-1].seq)
    await scene.refuses(Occupied, ben, sitting(chair))
    assert await sitters(scene, room) == {chair.id: ana.user_id}
    await use(scene, ana, chair, "stand")
    assert await sitters(scene, room) == {}
    await use(scene, ben, chair, "sit")
    assert told(scene) == [
        ("ana", chair.id, "sit", ana.user_id),
        ("ana", chair.id, "stand", None),
        ("ben", chair.id, "sit", ben.user_id),
    ]


async def attempt(scene: Scene, store: Store, chair: SpaceObject, who: Actor) -> Actor | None:
    """Whoever sits there after that, if it is *who*."""
    try:
        result = await store.write(lambda work: scene.tools.use_tool(sitting(chair), who, work))
    except Occupied:
        return None
    assert result.object is not None
    assert result.object.occupied_by == who.user_id
    return who


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_two_at_once_for_one_chair_a_thousand_times_and_one_of_them_sits(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, space=FLOOR)
    chair = await scene.thing(ana, room)
    times = 1000 if scene.store.dialect_name == "sqlite" else 100

    async def race(number: int) -> None:
        """Both go for it in one turn of the loop, and whoever got it is freed right after them."""
        people = (ana, ben) if number % 3 else (ben, ana)
        frees = (scene.do(None, c.FreeSeat(room_id=room.id, user_id=who.user_id)) for who in people)
        tries = (attempt(scene, scene.store, chair, who) for who in people)
        first, second, *_ = await asyncio.gather(*tries, *frees)
        assert (first is None) != (second is None), "one of them, and only one"

    for first in range(0, times, 50):  # one race right behind the other
        await asyncio.gather(*map(race, range(first, first + 50)))
    uses = [event.action for event in await scene.log(room.id) if isinstance(event, ToolUsed)]
    assert uses == ["sit", "stand"] * times


async def test_two_at_once_for_one_chair_on_two_nodes_and_one_of_them_sits(scene: Scene, database_url: str) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, space=FLOOR)
    chair = await scene.thing(ana, room)
    other = Store.open(database_url, clock=scene.clock)
    await other.start(migrate=False)
    try:
        for number in range(25):
            people = (ana, ben) if number % 2 else (ben, ana)
            stores = (scene.store, other)
            sat = await asyncio.gather(*(attempt(scene, *one) for one in zip(stores, [chair] * 2, people, strict=True)))
            [winner] = [who for who in sat if who is not None]
            seats = await scene.store.read(lambda reader: list_seats(reader, room.id))
            assert seats == [Seat(room_id=room.id, object_id=chair.id, user_id=winner.user_id)]
            await scene.do(None, c.FreeSeat(room_id=room.id, user_id=winner.user_id))
    finally:
        await other.stop()


async def test_a_crowd_at_once_for_one_chair_and_one_sits(scene: Scene) -> None:
    ana = await scene.user("ana")
    crowd = [await scene.user(f"user{number}") for number in range(20)]
    room = await scene.room(ana, *crowd, space=FLOOR)
    chair = await scene.thing(ana, room)
    outcomes = await asyncio.gather(*(scene.do(who, sitting(chair)) for who in crowd), return_exceptions=True)
    assert Counter(type(outcome) for outcome in outcomes) == {Occupied: 19, c.ToolResult: 1}


async def test_sitting_where_one_sits_changes_nothing(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana, space=FLOOR)
    chair = await scene.thing(ana, room)
    first = await use(scene, ana, chair, "sit")
    await scene.say(ana, room, "hello")
    before, heard = await scene.everything(), len(scene.heard)
    again = await use(scene, ana, chair, "sit")
    assert (await scene.everything(), len(scene.heard)) == (before, heard)
    assert again.object == first.object
    assert (again.use.id, again.use.action, again.use.seq) == (0, "sit", scene.events[-1].seq)


async def test_who_sits_elsewhere_gets_up_first(scene: Scene, everyone: tuple[Actor, Actor, Room]) -> None:
    ana, ben, room = everyone
    chair, bench, taken = [await scene.thing(ana, room, x=x) for x in (0, 100, 200)]
    await use(scene, ana, chair, "sit")
    await use(scene, ben, taken, "sit")
    await scene.refuses(Occupied, ana, sitting(taken))  # and stays where they are
    sat = await use(scene, ana, bench, "sit", with_coffee=True)
    assert await sitters(scene, room) == {bench.id: ana.user_id, taken.id: ben.user_id}
    assert sat.use.target_object_id == bench.id
    up, down = scene.events[-2:]
    assert (up.target_object_id, up.action, up.params, up.object.occupied_by) == (chair.id, "stand", {}, None)
    assert (down.target_object_id, down.action, down.params) == (bench.id, "sit", {"with_coffee": True})
    assert len({up.use_id, down.use_id}) == 2
    uses = await scene.do(ana, c.ListToolUses(room_id=room.id, user_id=ana.user_id))
    assert [(one.action, one.target_object_id, one.seq) for one in uses.items] == [
        ("sit", bench.id, down.seq),
        ("stand", chair.id, up.seq),
        ("sit", chair.id, up.seq - 2),
    ]


async def test_one_sits_in_one_room_and_in_another_too(scene: Scene) -> None:
    ana = await scene.user("ana")
    rooms = [await scene.room(ana, space=FLOOR) for _ in range(2)]
    chairs = [await scene.thing(ana, room) for room in rooms]
    for chair in chairs:
        await use(scene, ana, chair, "sit")
    seats = await scene.store.read(list_seats)
    assert [(seat.room_id, seat.object_id) for seat in seats] == [(chair.room_id, chair.id) for chair in chairs]


async def test_one_stands_up_from_whatever_one_points_at(scene: Scene, everyone: tuple[Actor, Actor, Room]) -> None:
    ana, ben, room = everyone
    chair, table = await scene.thing(ana, room), await scene.thing(ana, room, "table", x=200)
    await use(scene, ben, chair, "sit")
    await use(scene, ana, chair, "stand")  # who does not sit: nobody gets up
    assert await sitters(scene, room) == {chair.id: ben.user_id}
    up = await use(scene, ben, table, "stand")
    assert (up.use.target_object_id, up.use.seq) == (chair.id, scene.events[-1].seq)
    before, heard = await scene.everything(), len(scene.heard)
    again = await use(scene, ben, table, "stand")
    assert (again.use.id, again.use.target_object_id, again.use.seq) == (0, table.id, up.use.seq)
    assert (await scene.everything(), len(scene.heard)) == (before, heard)


async def test_one_sits_on_chairs_and_on_what_says_that_it_is_a_seat(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana, space=FLOOR)
    sofa = await scene.thing(ana, room, "sofa", metadata={"seat": True})
    await use(scene, ana, sofa, "sit")
    for kind, metadata in (("table", {}), ("sofa", {"seat": False}), ("sofa", {"seat": 1}), ("rug", {"seat": "yes"})):
        thing = await scene.thing(ana, room, kind, x=500, metadata=metadata)
        refusal = await scene.refuses(Invalid, ana, sitting(thing))
        assert refusal.field == "target_object_id"  # type: ignore[attr-defined]


async def test_who_is_muted_may_sit_and_stand(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, space=FLOOR)
    chair = await scene.thing(ana, room)
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until))
    await use(scene, ben, chair, "sit")
    await use(scene, ben, chair, "stand")
    for action, params in (("wave", {}), ("move", {"x": 1, "y": 1}), ("paint", {"color": "red"}), ("write", {})):
        command = c.UseTool(room_id=room.id, target_object_id=chair.id, action=action, params=params)
        await scene.refuses(Muted, ben, command)


async def test_only_members_sit(scene: Scene, everyone: tuple[Actor, Actor, Room]) -> None:
    ana, ben, room = everyone
    eve, root = await scene.user("eve"), await scene.user("root", UserRole.ADMIN)
    chair = await scene.thing(ana, room)
    private = await scene.room(ana, is_private=True, space=FLOOR)
    hidden = await scene.thing(ana, private)
    for who in (eve, root):
        await scene.refuses(NotAMember, who, sitting(chair))
        await scene.refuses(NoSuchRoom, who, sitting(hidden))
    elsewhere = c.UseTool(room_id=room.id, target_object_id=hidden.id, action="sit")
    await scene.refuses(NoSuchObject, ben, elsewhere)


async def test_nobody_sits_where_they_do_not_reach(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    booth = c.NewArea(x=400, y=0, width=200, height=200, is_private=True)
    room = await scene.room(ana, ben, space=c.SpaceChange(width=800, height=600, areas=[booth]))
    assert room.space is not None
    area_id = room.space.areas[0].id
    inside, far = await scene.thing(ana, room, x=450, y=50), await scene.thing(ana, room, metadata={"reach": 50})
    scene.floors.put(room, ben, 300, 300)
    await scene.refuses(OutOfReach, ben, sitting(inside))
    await scene.refuses(OutOfReach, ben, sitting(far))
    scene.floors.put(room, ben, 410, 10, area_id)
    await use(scene, ben, inside, "sit")
    scene.floors.put(room, ben, 60, 60)
    await use(scene, ben, inside, "stand")  # one gets up wherever one is
    await use(scene, ben, far, "sit")


# ---- by the server


async def test_the_server_frees_a_seat(scene: Scene, everyone: tuple[Actor, Actor, Room]) -> None:
    ana, ben, room = everyone
    chair, other = [await scene.thing(ana, room, x=x) for x in (0, 100)]
    await use(scene, ana, chair, "sit")
    await use(scene, ben, other, "sit")
    await scene.do(None, c.FreeSeat(room_id=room.id, user_id=ana.user_id))
    assert await sitters(scene, room) == {other.id: ben.user_id}
    freed = scene.events[-1]
    assert isinstance(freed, ToolUsed)
    assert (freed.user_id, freed.username, freed.action) == (ana.user_id, "ana", "stand")
    assert freed.object == (await scene.do(ana, c.GetObject(object_id=chair.id)))
    [newest] = (await scene.do(ana, c.ListToolUses(room_id=room.id, limit=1))).items
    assert (newest.id, newest.seq, newest.username) == (freed.use_id, freed.seq, "ana")


async def test_freeing_is_harmless_where_nobody_sits(scene: Scene) -> None:
    ana = await scene.user("ana")
    room, other, gone = [await scene.room(ana, space=FLOOR) for _ in range(3)]
    await use(scene, ana, await scene.thing(ana, other), "sit")
    await use(scene, ana, await scene.thing(ana, gone), "sit")
    await scene.do(ana, c.ArchiveRoom(room_id=gone.id))
    before, heard = await scene.everything(), len(scene.heard)
    for room_id, user_id in ((room.id, ana.user_id), (room.id, 4711), (4711, ana.user_id), (gone.id, ana.user_id)):
        await scene.do(None, c.FreeSeat(room_id=room_id, user_id=user_id))
    assert (await scene.everything(), len(scene.heard)) == (before, heard)
    assert [seat.room_id for seat in await scene.store.read(list_seats)] == [other.id], "an archived room has none"


async def test_who_is_no_member_any_more_is_freed(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, space=FLOOR)
    chair = await scene.thing(ana, room)
    await use(scene, ben, chair, "sit")
    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=ben.user_id))
    await scene.do(None, c.FreeSeat(room_id=room.id, user_id=ben.user_id))
    assert (await scene.do(ana, c.GetObject(object_id=chair.id))).occupied_by is None


async def test_a_seat_that_is_destroyed_is_nobodys(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, space=FLOOR)
    chair = await scene.thing(ana, room)
    await use(scene, ben, chair, "sit")
    await use(scene, ana, chair, "destroy")
    assert await scene.store.read(list_seats) == []
    await scene.refuses(NoSuchObject, ben, sitting(chair))


async def test_a_seat_that_is_moved_keeps_who_sits_there(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, space=FLOOR)
    chair = await scene.thing(ana, room)
    await use(scene, ben, chair, "sit")
    moved = await use(scene, ana, chair, "move", x=300, y=300)
    assert moved.object is not None
    assert (moved.object.occupied_by, moved.object.x) == (ben.user_id, 300)
