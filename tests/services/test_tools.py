"""Tools: who may do what with an object, what becomes of it, and the log of all that was done."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import (
    Invalid,
    Muted,
    NoSpace,
    NoSuchObject,
    NoSuchRoom,
    NotAMember,
    OutOfReach,
    RoleTooLow,
    TertuliaError,
    TooLarge,
)
from tertulia.domain.events import ToolUsed
from tertulia.domain.ids import ObjectId, ToolUseId
from tertulia.domain.models import Actor, Point, Room, SpaceObject
from tertulia.domain.roles import Builders, RoomRole, UserRole
from tertulia.services.tools import check_actions, schemas
from tertulia.services.tools.reach import distance
from tertulia.services.tools.schemas import check_against, compile_schema
from tertulia.store.objects import write_object
from tertulia.store.users import DELETED_NAME, blank_user

FLOOR = c.SpaceChange(width=800, height=600, spawn_points=[Point(100, 500)])
MODERATED = c.SpaceChange(width=800, height=600, builders=Builders.MODERATORS)
OPEN = c.SpaceChange(width=800, height=600, builders=Builders.EVERYONE)


def using(thing: SpaceObject, action: str, **params: Any) -> c.UseTool:
    return c.UseTool(room_id=thing.room_id, target_object_id=thing.id, action=action, params=params)


async def use(scene: Scene, who: Actor, thing: SpaceObject, action: str, **params: Any) -> SpaceObject:
    """The object as it is after that; and as the result says, so say the event, the log, and whoever looks."""
    result = await scene.do(who, using(thing, action, **params))
    event = scene.events[-1]
    assert isinstance(event, ToolUsed)
    assert (event.user_id, event.username, event.target_object_id) == (who.user_id, who.username, thing.id)
    assert (event.action, event.params, event.object) == (action, params, result.object)
    assert event == (await scene.log(thing.room_id))[-1]
    used = result.use
    assert (used.id, used.seq, used.action, used.params) == (event.use_id, event.seq, action, params)
    reader = who if who.role is not UserRole.ADMIN else None
    if reader is not None:
        listed = c.ListToolUses(room_id=thing.room_id, target_object_id=thing.id, limit=1)
        assert (await scene.do(reader, listed)).items == [used]
        if result.object is not None:
            assert await scene.do(reader, c.GetObject(object_id=thing.id)) == result.object
    return result.object  # type: ignore[no-any-return]


async def refuses(
    scene: Scene, error: type[TertuliaError], who: Actor, thing: SpaceObject, action: str, **params: Any
) -> Any:
    return await scene.refuses(error, who, using(thing, action, **params))


async def denied(scene: Scene, error: type[TertuliaError], who: Actor, command: Any) -> Any:
    """Like `refuses`, but that nothing is written is looked at once, by who asks many times."""
    with pytest.raises(error) as refusal:
        await scene.do(who, command)
    assert type(refusal.value) is error, f"{refusal.value!r} for {command}"
    return refusal.value


@pytest.fixture
async def ana(scene: Scene) -> Actor:
    return await scene.user("ana")


@pytest.fixture
async def room(scene: Scene, ana: Actor) -> Room:
    """Ana's."""
    return await scene.room(ana, space=FLOOR)


# ---- what all objects know


async def test_a_move_without_a_place_puts_it_where_one_stands(scene: Scene, ana: Actor, room: Room) -> None:
    chair = await scene.thing(ana, room, x=300, y=300)
    refusal = await refuses(scene, Invalid, ana, chair, "move")
    assert refusal.field == "params.x"
    scene.floors.put(room, ana, 123.45, 67.8)
    moved = await use(scene, ana, chair, "move")
    assert (moved.x, moved.y, moved.version, moved.updated_at > chair.updated_at) == (123.45, 67.8, 2, True)
    moved = await use(scene, ana, chair, "move", x=10, y=20.123)
    assert (moved.x, moved.y, moved.version) == (10, 20.12, 3)


async def test_what_is_moved_stays_on_the_floor(scene: Scene, ana: Actor, room: Room) -> None:
    table = await scene.thing(ana, room, "table", x=300, y=300, width=100, height=50)
    for (x, y), there in {(-5, 1e308): (0, 550), (2**62, -(2**62)): (700, 0), (1e9, -0.0): (700, 0)}.items():
        moved = await use(scene, ana, table, "move", x=x, y=y)
        assert (moved.x, moved.y) == there


async def test_nothing_solid_is_put_where_people_come_in(scene: Scene, ana: Actor, room: Room) -> None:
    table = await scene.thing(ana, room, "table", x=300, y=300, width=300, height=20)
    chair = await scene.thing(ana, room, x=300, y=100)
    refusal = await refuses(scene, Invalid, ana, table, "move", x=50, y=490)
    assert refusal.field == "params"
    scene.floors.put(room, ana, 90, 495)
    await refuses(scene, Invalid, ana, table, "move")
    moved = await use(scene, ana, table, "move", x=110, y=490)
    assert moved.x == 110
    upright = await use(scene, ana, table, "move", x=0, y=400)  # its middle below the spawn point, if it is turned
    assert upright.y == 400
    beside = await use(scene, ana, table, "move", x=0, y=470)
    assert beside.y == 470
    turned = await scene.thing(ana, room, "table", x=0, y=340, width=200, height=20)
    await use(scene, ana, turned, "move", x=0, y=450)
    await refuses(scene, Invalid, ana, turned, "rotate", rotation=90)
    await use(scene, ana, chair, "move", x=90, y=490)  # one can stand on what is not solid


async def test_it_is_turned(scene: Scene, ana: Actor, room: Room) -> None:
    chair = await scene.thing(ana, room)
    for rotation, there in ((90, 90), (-90, 270), (725.128, 5.13), (360, 0), (-0.001, 0), (1e300, 1e300 % 360)):
        assert (await use(scene, ana, chair, "rotate", rotation=rotation)).rotation == pytest.approx(there, abs=0.01)


async def test_it_is_painted_and_written_on(scene: Scene, ana: Actor, room: Room) -> None:
    sign = await scene.thing(ana, room, "sign", metadata={"material": "oak"})
    painted = await use(scene, ana, sign, "paint", color="#ff0000")
    assert painted.metadata == {"material": "oak", "color": "#ff0000"}
    written = await use(scene, ana, sign, "write", text="Olá\nmundo 👋")
    assert written.metadata == {"material": "oak", "color": "#ff0000", "text": "Olá\nmundo 👋"}
    assert (await use(scene, ana, sign, "write", text="")).metadata["text"] == ""


async def test_it_is_destroyed(scene: Scene, ana: Actor, room: Room) -> None:
    chair = await scene.thing(ana, room)
    assert await use(scene, ana, chair, "destroy") is None
    assert scene.events[-1].object is None
    await scene.refuses(NoSuchObject, ana, c.GetObject(object_id=chair.id))
    await refuses(scene, NoSuchObject, ana, chair, "destroy")
    [gone] = (await scene.do(ana, c.ListToolUses(room_id=room.id))).items
    assert (gone.action, gone.target_object_id) == ("destroy", chair.id)


async def test_what_changes_nothing_is_told_all_the_same(scene: Scene, ana: Actor, room: Room) -> None:
    chair = await scene.thing(ana, room, x=10, y=10)
    assert await use(scene, ana, chair, "move", x=10, y=10) == chair


async def test_each_change_is_the_next_version_and_one_event(scene: Scene, ana: Actor, room: Room) -> None:
    chair = await scene.thing(ana, room)
    await asyncio.gather(*(scene.do(ana, using(chair, "move", x=x, y=0)) for x in range(1, 11)))
    events = [event for event in await scene.log(room.id) if isinstance(event, ToolUsed)]
    assert [event.object.version for event in events if event.object is not None] == list(range(2, 12))
    assert len({event.use_id for event in events}) == 10


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("move", {"x": 1}, "params.y"),
    ("move", {"y": 1}, "params.x"),
    ("move", {"x": "1", "y": 1}, "params.x"),
    ("move", {"x": 1, "y": None}, "params.y"),
    ("move", {"x": True, "y": 1}, "params.x"),
    ("rotate", {}, "params.rotation"),
    ("rotate", {"rotation": "90"}, "params.rotation"),
    ("paint", {}, "params.color"),
    ("paint", {"color": ""}, "params.color"),
    ("paint", {"color": "x" * 65}, "params.color"),
    ("paint", {"color": ["red"]}, "params.color"),
    ("write", {"text": 1}, "params.text"),
    ("write", {"text": "x" * 2001}, "params.text"),
    ("wave", {"x": float("nan")}, "params"),
    ("wave", {"x": float("inf")}, "params"),
    ("wave", {"x": 10**400}, "params"),
    ("wave", {"x": "\0"}, "params"),
    ("wave", {"\0": 1}, "params"),
    ("wave", {"x": "\ud800"}, "params"),
    ("wave", {"x": b"bytes"}, "params"),
    ("wave", {"x": [[[[[[[[]]]]]]]]}, "params"),
    ("Wave", {}, "action"),
    ("", {}, "action"),
    ("wave now", {}, "action"),
    ("wave\n", {}, "action"),
    ("w" * 65, {}, "action"),
    ("9", {}, "action"),
]


async def test_what_is_wrong_is_named(scene: Scene, ana: Actor, room: Room) -> None:
    chair = await scene.thing(ana, room)
    before = await scene.everything()
    for action, params, field in WRONG:
        refusal = await denied(scene, Invalid, ana, using(chair, action, **params))
        assert (refusal.field, "\n" in refusal.message) == (field, False), action
    assert await scene.everything() == before


async def test_there_is_so_much_that_one_can_say_at_once(scene: Scene, ana: Actor, room: Room) -> None:
    chair = await scene.thing(ana, room)
    await use(scene, ana, chair, "sing", song="x" * (4096 - len('{"song":""}')))
    await refuses(scene, TooLarge, ana, chair, "sing", song="x" * (4097 - len('{"song":""}')))
    await use(scene, ana, chair, "a" * 64, deep=[[[[[[[1]]]]]]])
    full = await scene.thing(ana, room, metadata={"story": "x" * 8150})
    await refuses(scene, TooLarge, ana, full, "paint", color="c" * 60)


# ---- who may


async def test_strangers_and_wrong_rooms(scene: Scene, ana: Actor, room: Room) -> None:
    eve, root = await scene.user("eve"), await scene.user("root", UserRole.ADMIN)
    private = await scene.room(ana, is_private=True, space=FLOOR)
    bare = await scene.room(ana)
    chair, hidden = await scene.thing(ana, room), await scene.thing(ana, private)
    for who in (eve, root):
        await refuses(scene, NoSuchRoom, who, hidden, "wave")
    await refuses(scene, NotAMember, eve, chair, "wave")
    await refuses(scene, NotAMember, eve, chair, "move", x=1, y=1)
    await refuses(scene, NotAMember, root, chair, "wave")
    for room_id, object_id in ((room.id, hidden.id), (private.id, chair.id), (room.id, 4711)):
        wrong = c.UseTool(room_id=room_id, target_object_id=ObjectId(object_id), action="wave")
        await scene.refuses(NoSuchObject, ana, wrong)
    nowhere = c.UseTool(room_id=bare.id, target_object_id=chair.id, action="wave")
    await scene.refuses(NoSpace, ana, nowhere)
    await scene.refuses(NotAMember, eve, c.ListToolUses(room_id=room.id))
    await scene.refuses(NoSuchRoom, eve, c.ListToolUses(room_id=private.id))


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("move", {"x": 1, "y": 1}),
    ("rotate", {"rotation": 5}),
    ("paint", {"color": "red"}),
    ("write", {"text": "hi"}),
    ("destroy", {}),
]


async def test_builders_change_things(scene: Scene, ana: Actor) -> None:
    ben, mod = await scene.user("ben"), await scene.user("mod")
    root = await scene.user("root", UserRole.ADMIN)
    room = await scene.room(ana, ben, mod, space=MODERATED)
    await scene.promote(ana, room, mod)
    for who in (ana, mod, root):
        chair = await scene.thing(ana, room)
        for action, params in CHANGES:
            await denied(scene, RoleTooLow, ben, using(chair, action, **params))
            await use(scene, who, chair, action, **params)


async def test_everybody_changes_things_where_everybody_builds(scene: Scene, ana: Actor) -> None:
    ben, eve, bad = await scene.user("ben"), await scene.user("eve"), await scene.user("bad")
    room = await scene.room(ana, ben, bad, space=OPEN)
    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=bad.user_id, ban=True))
    for who in (ben, eve):
        chair = await scene.thing(ana, room)
        for action, params in CHANGES:
            with pytest.raises(TertuliaError):
                await scene.do(bad, using(chair, action, **params))
            await scene.do(who, using(chair, action, **params))
            assert scene.events[-1].username == who.username
    await refuses(scene, NotAMember, eve, await scene.thing(ana, room), "wave")


async def test_members_move_what_is_movable_and_write_on_signs(scene: Scene, ana: Actor) -> None:
    ben = await scene.user("ben")
    room = await scene.room(ana, ben, space=MODERATED)
    chair = await scene.thing(ana, room, metadata={"movable": True})
    await use(scene, ben, chair, "move", x=1, y=1)
    await use(scene, ben, chair, "rotate", rotation=10)
    for action, params in CHANGES[2:]:
        await denied(scene, RoleTooLow, ben, using(chair, action, **params))
    for kind in ("sign", "tool"):
        thing = await scene.thing(ana, room, kind, metadata={"movable": 1})
        await use(scene, ben, thing, "write", text="hi")
        for action, params in CHANGES:
            if action != "write":
                await denied(scene, RoleTooLow, ben, using(thing, action, **params))
        await use(scene, ben, thing, "wave")


async def test_who_is_muted_changes_nothing(scene: Scene, ana: Actor, room: Room) -> None:
    mod = await scene.user("mod")
    await scene.do(ana, c.AddMember(room_id=room.id, user_id=mod.user_id, role=RoomRole.MODERATOR))
    chair = await scene.thing(ana, room, metadata={"movable": True})
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=mod.user_id, muted_until=until))
    for action, params in [*CHANGES, ("wave", {})]:
        await denied(scene, Muted, mod, using(chair, action, **params))
    scene.clock.pass_(hours=2)
    await use(scene, mod, chair, "wave")


# ---- reach


async def test_some_things_have_to_be_within_reach(scene: Scene, ana: Actor, room: Room) -> None:
    bell = await scene.thing(ana, room, "bell", x=300, y=300, width=100, height=20, metadata={"reach": 40})
    await refuses(scene, OutOfReach, ana, bell, "ring")  # who is not there
    for x, y in ((260, 300), (440, 310), (350, 360), (425, 345), (350, 310)):
        scene.floors.put(room, ana, x, y)
        await use(scene, ana, bell, "ring")
    for x, y in ((259, 300), (350, 361), (430, 350), (700, 500)):
        scene.floors.put(room, ana, x, y)
        await refuses(scene, OutOfReach, ana, bell, "ring")


def test_how_far_it_is_to_something_that_is_turned() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    thing = SpaceObject(
        id=ObjectId(1), room_id=1, type="bar", x=0, y=40, width=100, height=20, rotation=90, updated_at=now
    )  # type: ignore[arg-type]
    assert distance(thing, 50, 0) == pytest.approx(0)  # it reaches from 0 to 100, upright
    assert distance(thing, 50, -10) == pytest.approx(10)
    assert distance(thing, 30, 50) == pytest.approx(10)
    assert distance(thing, 63, 104) == pytest.approx(5)
    slanted = SpaceObject(
        id=ObjectId(1), room_id=1, type="bar", x=0, y=40, width=100, height=20, rotation=30, updated_at=now
    )  # type: ignore[arg-type]
    assert distance(slanted, 50 + 43, 50 + 25) == pytest.approx(0), "clockwise, and y points down"
    assert distance(slanted, 50 + 43, 50 - 25) > 20


async def test_what_stands_in_a_gated_area_is_for_who_is_inside(scene: Scene, ana: Actor) -> None:
    booth = c.NewArea(x=400, y=0, width=200, height=200, is_quiet=True)
    carpet = c.NewArea(x=0, y=0, width=200, height=200)
    room = await scene.room(ana, space=c.SpaceChange(width=800, height=600, areas=[booth, carpet]))
    assert room.space is not None
    quiet, plain = room.space.areas
    inside, on_carpet = await scene.thing(ana, room, x=450, y=50), await scene.thing(ana, room, x=50, y=50)
    await refuses(scene, OutOfReach, ana, inside, "wave")  # nor for who is not in the space at all
    await scene.do(None, c.EnterArea(room_id=room.id, area_id=quiet.id, user_id=ana.user_id))
    await use(scene, ana, inside, "wave")  # they are there by another node
    await scene.do(None, c.LeaveArea(room_id=room.id, area_id=quiet.id, user_id=ana.user_id))
    scene.floors.put(room, ana, 410, 10)
    await refuses(scene, OutOfReach, ana, inside, "wave")
    await refuses(scene, OutOfReach, ana, inside, "destroy")
    await use(scene, ana, on_carpet, "wave")
    scene.floors.put(room, ana, 410, 10, plain.id)
    await refuses(scene, OutOfReach, ana, inside, "wave")
    scene.floors.put(room, ana, 410, 10, quiet.id)
    await use(scene, ana, inside, "wave")


# ---- declared and free actions


RING = {
    "type": "object",
    "properties": {"times": {"type": "integer", "minimum": 1, "maximum": 9}, "tune": {"$ref": "#/$defs/tune"}},
    "required": ["times"],
    "additionalProperties": False,
    "$defs": {"tune": {"enum": ["dong", "ding"]}},
}


async def test_what_is_declared_is_checked(scene: Scene, ana: Actor, room: Room) -> None:
    bell = await scene.thing(ana, room, "bell", metadata={"actions": {"ring": RING, "stop": True, "break": False}})
    assert await use(scene, ana, bell, "ring", times=3, tune="dong") == bell
    assert await use(scene, ana, bell, "stop", anything=[1]) == bell
    for params, field in (
        ({}, "params.times"),
        ({"times": 0}, "params.times"),
        ({"times": "1"}, "params.times"),
        ({"times": 1, "tune": "dang"}, "params.tune"),
        ({"times": 1, "how": "loud"}, "params.how"),
    ):
        refusal = await denied(scene, Invalid, ana, using(bell, "ring", **params))
        assert refusal.field == field
        assert field in refusal.message
    await refuses(scene, Invalid, ana, bell, "break")


async def test_whatever_else_is_told_unchanged(scene: Scene, ana: Actor, room: Room) -> None:
    bell = await scene.thing(ana, room, "bell", metadata={"actions": {"ring": RING}})
    odd = {"": None, "é": [1.5, -0.0, 2**63 - 1, {"a": {}}], "x": "👋\u2028", "actions": True}
    for action in ("wave", "x", "open.door-2_b"):
        assert await use(scene, ana, bell, action, **odd) == bell


UNDECLARABLE: list[tuple[Any, str]] = [
    ([], "metadata.actions"),
    ("ring", "metadata.actions"),
    (None, "metadata.actions"),
    ({f"a{number}": True for number in range(33)}, "metadata.actions"),
    ({"Ring": True}, "metadata.actions.Ring"),
    ({"": True}, "metadata.actions."),
    *[({name: True}, f"metadata.actions.{name}") for name in ("sit", "stand", "move", "write", "destroy")],
    ({"ring": 1}, "metadata.actions.ring"),
    ({"ring": None}, "metadata.actions.ring"),
    ({"ring": []}, "metadata.actions.ring"),
    ({"ring": {"type": "strin"}}, "metadata.actions.ring"),
    ({"ring": {"minimum": "x"}}, "metadata.actions.ring"),
    ({"ring": {"pattern": "("}}, "metadata.actions.ring"),
    ({"ring": {"properties": {"a": {"$ref": "#/$defs/b"}}}}, "metadata.actions.ring"),
]


async def test_what_can_not_be_declared(scene: Scene, ana: Actor, room: Room) -> None:
    bell = await scene.thing(ana, room, "bell")
    before = await scene.everything()
    for actions, field in UNDECLARABLE:
        placing = c.PlaceObject(room_id=room.id, type="bell", x=0, y=0, metadata={"actions": actions})
        assert (await denied(scene, Invalid, ana, placing)).field == field
        await denied(scene, Invalid, ana, c.UpdateObject(object_id=bell.id, metadata={"actions": actions}))
    assert await scene.everything() == before


async def test_what_was_placed_with_a_wrong_schema_is_refused_when_it_is_used(
    scene: Scene, ana: Actor, room: Room
) -> None:
    bell = await scene.thing(ana, room, "bell")
    wrong = msgspec.structs.replace(bell, metadata={"actions": {"ring": {"$ref": "http://example.org/x"}}})
    await scene.store.write(lambda work: write_object(work, wrong))
    refusal = await refuses(scene, Invalid, ana, bell, "ring")
    assert (refusal.field, "$ref" in refusal.message) == ("action", True)
    await scene.do(ana, using(bell, "wave"))
    await scene.store.write(lambda work: write_object(work, msgspec.structs.replace(bell, metadata={"actions": [1]})))
    await scene.do(ana, using(bell, "ring"))


# ---- hostile schemas


def doubling(levels: int) -> dict[str, Any]:
    """Each definition asks the next one twice."""
    defs: dict[str, Any] = {
        f"d{number}": {"anyOf": [{"$ref": f"#/$defs/d{number + 1}"}] * 2} for number in range(levels)
    }
    defs[f"d{levels}"] = {"type": "null"}
    return {"$ref": "#/$defs/d0", "$defs": defs}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "other.json"},
        {"$ref": "#"},
        {"items": {"$ref": "#"}},
        {"$ref": "#/properties/a", "properties": {"a": True}},
        {"$ref": "#/$defs/a%2Fb", "$defs": {"a/b": True}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}}},
        {"$ref": "#/$defs/a", "$defs": []},
        {"$dynamicRef": "#a", "$defs": {"a": {"$dynamicAnchor": "a"}}},
        {"$recursiveRef": "#"},
        {"$id": "http://127.0.0.1:1/"},
        {"properties": {"a": {"$id": "file:///etc/", "$ref": "passwd"}}},
        {"$anchor": "a"},
        {"$schema": "http://127.0.0.1:1/schema"},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"$vocabulary": {"http://127.0.0.1:1/": True}},
        {"const": {"$ref": "http://127.0.0.1:1/"}},
        {"unevaluatedProperties": False},
        {"allOf": [{"unevaluatedItems": False}]},
        {"pattern": "(?=a)b"},
        {"pattern": r"(a)\1"},
        {"pattern": "((a{1000}){1000}){1000}"},
        {"patternProperties": {"(a{1000}){1000}": True}},
        {"anyOf": [{"pattern": "a"}] * 9},
        {"patternProperties": {f"a{number}": True for number in range(9)}},
        {"enum": list(range(1001))},
        doubling(12),
        doubling(31),
        {"$defs": {f"d{number}": True for number in range(33)}},
        {"$ref": "#/$defs/d0", "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}]} for n in range(100)}},
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_no_schema_fetches_anything_or_takes_for_ever(schema: dict[str, Any]) -> None:
    begun = time.process_time()
    with pytest.raises(Invalid):
        check_actions({"actions": {"ring": schema}})
    with pytest.raises(Invalid):
        check_against(schema, {"a": 1})
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 4000 + "b"),
        ({"pattern": "(x+x+)+y"}, "x" * 4000),
        ({"pattern": "[ab]*a[ab]{800}c"}, "ab" * 2040),
        ({"anyOf": [{"pattern": f"[ab]*a[ab]{{{800 + n}}}c"} for n in range(8)]}, "ab" * 240),
        ({"items": {"anyOf": [{"minLength": 3, "maxLength": 9}] * 200}}, ["a"] * 700),
        ({"items": {"multipleOf": 5e-324}}, [1.7e308, 2**63 - 1, 0.1] * 100),
        ({"uniqueItems": True}, [{"a": n} for n in range(400)]),
        (doubling(5), 1),
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_what_is_allowed_is_quick(schema: dict[str, Any], value: Any) -> None:
    whole = {"properties": {"value": schema}, "$defs": schema.pop("$defs", {})}
    check_actions({"actions": {"ring": whole}})
    begun = time.process_time()
    with suppress(Invalid):
        check_against(whole, {"value": value})
    assert time.process_time() - begun < 1


def test_more_than_a_schema_can_be_asked_about_is_refused() -> None:
    many = {"properties": {"value": {"items": {"anyOf": [{"minLength": 3}] * 400}}}}
    check_against(many, {"value": ["abc"] * 100})
    with pytest.raises(Invalid) as refusal:
        check_against(many, {"value": ["abc"] * 700})
    assert refusal.value.field == "params"
    patterns = {"properties": {"value": {"allOf": [{"pattern": "a"}] * 8}}}
    check_against(patterns, {"value": "a" * 500})
    with pytest.raises(Invalid):
        check_against(patterns, {"value": "a" * 510})


def test_an_object_has_so_many_patterns() -> None:
    eight = {"allOf": [{"pattern": f"a{number}"} for number in range(8)]}
    check_actions({"actions": {"one": eight, "two": eight}})
    with pytest.raises(Invalid):
        check_actions({"actions": {"one": eight, "two": eight, "three": {"pattern": "a"}}})


def test_what_is_compiled_is_kept_and_only_so_much_of_it() -> None:
    schema = {"properties": {"a": {"type": "string"}}}
    assert compile_schema(schema) is compile_schema(dict(schema))
    for number in range(3 * schemas.COMPILED):
        compile_schema({"minimum": number})
    assert schemas._compile.cache_info().currsize == schemas.COMPILED


def test_a_property_may_have_any_name_that_is_no_keyword_here() -> None:
    schema = {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "integer"}, "$defs": True}}
    check_against(schema, {"pattern": "a", "$ref": 1})
    with pytest.raises(Invalid):
        check_against(schema, {"$ref": "a"})


async def test_a_reach_is_a_number(scene: Scene, ana: Actor, room: Room) -> None:
    for reach in ("5", -1, True, [], {}):
        placing = c.PlaceObject(room_id=room.id, type="bell", x=0, y=0, metadata={"reach": reach})
        assert (await denied(scene, Invalid, ana, placing)).field == "metadata.reach"


# ---- the log


async def test_the_log_is_read_page_by_page_and_sifted(scene: Scene, ana: Actor, room: Room) -> None:
    ben = await scene.user("ben")
    await scene.do(ana, c.AddMember(room_id=room.id, user_id=ben.user_id))
    chair, table = await scene.thing(ana, room), await scene.thing(ana, room, "table", x=200)
    other = await scene.thing(ana, await scene.room(ana, space=FLOOR))
    done = []
    for number in range(12):
        who, thing = (ana, ben)[number % 2], (chair, table)[number % 3 == 0]
        done.append((await scene.do(who, using(thing, "wave", number=number))).use)
        await scene.do(ana, using(other, "wave"))

    async def read(limit: int = 50, **sieve: Any) -> list[int]:
        found, cursor = [], None
        while True:
            page = await scene.do(ben, c.ListToolUses(room_id=room.id, cursor=cursor, limit=limit, **sieve))
            assert len(page.items) <= limit
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                assert all(use in done for use in found)
                return [use.params["number"] for use in found]

    assert await read() == await read(5) == await read(1) == list(range(11, -1, -1))
    assert await read(2, user_id=ben.user_id) == [11, 9, 7, 5, 3, 1]
    assert await read(3, target_object_id=table.id) == [9, 6, 3, 0]
    assert await read(user_id=ana.user_id, target_object_id=table.id) == [6, 0]
    assert await read(target_object_id=other.id) == []
    page = await scene.do(ben, c.ListToolUses(room_id=room.id, cursor=ToolUseId(done[3].id)))
    assert page.items == done[2::-1]
    await scene.refuses(Invalid, ben, c.ListToolUses(room_id=room.id, limit=0))


async def test_the_log_calls_people_as_they_are_called_now(scene: Scene, ana: Actor, room: Room) -> None:
    ben = await scene.user("ben")
    await scene.do(ana, c.AddMember(room_id=room.id, user_id=ben.user_id))
    chair = await scene.thing(ana, room)
    await use(scene, ben, chair, "wave")
    await scene.store.write(lambda work: blank_user(work, ben.user_id))
    [used] = (await scene.do(ana, c.ListToolUses(room_id=room.id))).items
    assert (used.user_id, used.username) == (ben.user_id, DELETED_NAME)
    assert (await scene.log(room.id))[-1].username == DELETED_NAME
    await use(scene, ana, chair, "sit")
