"""What stands in a space and what is done there, in cafe's words: by REST what sockets hear, on sockets what REST tells.

How people walk, who sees whom and who hears whom is told elsewhere.
"""

import json
import re
from pathlib import Path

import pytest

from drivers import Cafe, CafeMsgpack, CafeV1

ROOT = Path(__file__).parents[2]
SPACE = {"width": 400, "height": 300, "spawn_points": [{"x": 20, "y": 20}]}
BOOTH = {"name": "Booth", "x": 200, "y": 100, "width": 50, "height": 50, "is_private": True, "is_lockable": True}
EVERY = pytest.mark.parametrize("driver", [Cafe, CafeV1, CafeMsgpack], ids=lambda driver: driver.dialect)


async def room_of(people, *names, **space):
    """A room with a space, and these people in it, the first of them its owner."""
    owner, *others = [await people(name) for name in names]
    made = await owner.ask("POST", "/rooms", 201, json={"name": "Hall", "space": SPACE | space})
    for one in others:
        await one.ask("POST", f"/rooms/{made.json()['id']}/join", 200)
    return [made.json()["id"], owner, *others]


async def place(person, room, **thing):
    body = {"room_id": room, "type": "chair", "x": 100, "y": 100, **thing}
    return (await person.ask("POST", "/objects", 201, json=body)).json()


async def get(person, path):
    return (await person.ask("GET", path, 200)).json()


async def refused(person, method, path, status, **more):
    return (await person.ask(method, path, status, **more)).json()["code"]


# ---- the space itself


async def test_a_space_is_made_with_the_room_and_changed_later_and_all_are_told(people):
    room, ana, bea = await room_of(people, "ana", "bea", areas=[BOOTH], builders="moderators", background="grass")
    client = people.keep(await CafeV1.open(bea, room))
    space = (await get(bea, f"/rooms/{room}"))["space"]
    assert (await client.event("room_state"))["room"]["space"] == space
    area = {"id": 1, "is_quiet": False, "capacity": None, "locked_by": None, **BOOTH}
    assert space == {
        "width": 400,
        "height": 300,
        "background": "grass",
        "speed": 400,
        "spawn_points": [{"x": 20, "y": 20}],
        "builders": "moderators",
        "earshot": 150,
        "areas": [area],
    }

    change = {"speed": 0, "earshot": 80.5, "areas": [{**area, "name": "Box"}, {**BOOTH, "x": 0, "y": 250}]}
    changed = (await ana.ask("PATCH", f"/rooms/{room}", 200, json={"space": change})).json()["space"]

    boxes = [{**area, "name": "Box"}, {**area, "id": 2, "x": 0, "y": 250}]
    assert changed == space | {"speed": 0, "earshot": 80.5, "areas": boxes}
    assert (await client.event("room_updated"))["room"]["space"] == changed
    assert await refused(bea, "PATCH", f"/rooms/{room}", 403, json={"space": {"speed": 1}}) == "role_too_low"


IMPOSSIBLE_SPACES = {
    "space.width": {"width": 0},
    "space.speed": {"speed": -1},
    "space.earshot": {"earshot": 1e9},
    "space.spawn_points": {"spawn_points": []},
    "space.spawn_points.0.x": {"spawn_points": [{"x": 500, "y": 0}]},
    "space.areas.0": {"areas": [BOOTH | {"x": 380}]},
    "space.areas.1": {"areas": [BOOTH, BOOTH | {"x": 210}]},
    "space.areas.0.id": {"areas": [BOOTH | {"id": 9}]},
}
"""By the field that is to blame."""


async def test_a_space_that_cannot_be_is_invalid(people):
    room, ana = await room_of(people, "ana")

    for field, change in IMPOSSIBLE_SPACES.items():
        answer = (await ana.ask("PATCH", f"/rooms/{room}", 422, json={"space": change})).json()

        assert (answer["code"], answer["errors"][0]["loc"]) == ("invalid", ["body", field])
        made = await ana.ask("POST", "/rooms", 422, json={"name": "x", "space": SPACE | change})
        assert made.json()["code"] == "invalid", field


async def test_a_room_gets_its_space_later_and_has_none_before(people):
    ana = await people("ana")
    room = (await ana.ask("POST", "/rooms", 201, json={"name": "Plain"})).json()["id"]
    client = people.keep(await Cafe.open(ana, room))

    for method, path, body in (
        ("GET", f"/objects?room_id={room}", None),
        ("POST", "/objects", {"room_id": room, "type": "chair", "x": 1, "y": 1}),
        ("GET", f"/rooms/{room}/plan", None),
    ):
        assert await refused(ana, method, path, 404, json=body) == "no_space"
    here = (await client.event("room_state"))["users"]
    assert [(one["x"], one["y"]) for one in here] == [(None, None)]
    assert (await client.answer("update_position", room_id=room, x=1, y=1))["data"]["code"] == "no_space"

    await ana.ask("PATCH", f"/rooms/{room}", 422, json={"space": {"width": 100}})
    made = (await ana.ask("PATCH", f"/rooms/{room}", 200, json={"space": {"width": 100, "height": 60}})).json()
    assert made["space"]["spawn_points"] == [{"x": 50, "y": 30}]
    await place(ana, room, x=10, y=10)
    await client.ask("update_position", room_id=room, x=1, y=1)


async def test_nobody_stands_anywhere_in_a_room_without_a_space(people):
    ana, bea = await people("ana"), await people("bea")
    room = (await ana.ask("POST", "/rooms", 201, json={"name": "Plain"})).json()["id"]
    client = people.keep(await Cafe.open(ana, room))
    entered = (await bea.ask("POST", "/room-users", 201, json={"room_id": room, "x": 1e300, "y": 2})).json()
    assert (entered["x"], entered["y"]) == (None, None)
    await client.event("user_joined", user_id=bea.id, x=None, y=None)
    assert {(one["x"], one["y"]) for one in (await get(ana, f"/room-users?room_id={room}"))["items"]} == {(None, None)}


# ---- objects


@EVERY
async def test_objects_by_rest_are_heard_on_sockets(people, driver):
    room, ana, bea = await room_of(people, "ana", "bea")
    client = people.keep(await driver.open(ana, room))
    table = await place(bea, room, type="table", x=50.004, y=60, metadata={"name": "Ours", "legs": [1, 2.5, None]})

    heard = await client.event("object_placed")
    assert heard["object"] == table
    assert (heard["user_id"], heard["username"], heard["room_id"]) == (bea.id, bea.name, room)
    assert table == {
        "id": table["id"],
        "room_id": room,
        "type": "table",
        "x": 50,
        "y": 60,
        "width": 96,
        "height": 64,
        "rotation": 0,
        "is_solid": True,
        "metadata": {"name": "Ours", "legs": [1, 2.5, None]},
        "version": 1,
        "occupied_by": None,
        "created_by": bea.id,
        "updated_at": table["updated_at"],
    }

    path = f"/objects/{table['id']}"
    moved = (await bea.ask("PATCH", path, 200, json={"x": 10, "rotation": -90, "version": 1})).json()
    put = (await bea.ask("PUT", path, 200, json={"is_solid": False, "metadata": {}})).json()
    await bea.ask("DELETE", path, 204)

    updated = [one["object"] for one in client.data("object_updated")]
    assert updated[:1] in ([], [moved])
    gone = await client.event("object_removed", object_id=table["id"])
    assert [one["object"] for one in client.data("object_updated")] == [moved, put]
    assert (moved["x"], moved["rotation"], moved["version"]) == (10, 270, 2)
    assert put == moved | {"is_solid": False, "metadata": {}, "version": 3, "updated_at": put["updated_at"]}
    assert (gone["user_id"], gone["seq"]) == (bea.id, heard["seq"] + 3)
    assert await refused(bea, "GET", path, 404) == "object_not_found"


@EVERY
async def test_objects_on_sockets_are_seen_by_rest(people, driver):
    room, ana = await room_of(people, "ana")
    client = people.keep(await driver.open(ana, room))

    placed = await client.ask("place_object", room_id=room, type="sign", x=10, y=20, metadata={"text": "Hi"})
    object_id = placed["object_id"]
    moved = await client.ask("update_object", object_id=object_id, x=30.5, version=1)
    turned = await client.ask("update_object", id=object_id, rotation=45)
    same = await client.ask("update_object", object_id=object_id, rotation=45)

    assert [one["seq"] - placed["seq"] for one in (placed, moved, turned, same)] == [0, 1, 2, 2]
    assert {one["object_id"] for one in (placed, moved, turned, same)} == {object_id}
    found = await get(ana, f"/objects/{object_id}")
    assert (found["x"], found["rotation"], found["version"], found["metadata"]) == (30.5, 45, 3, {"text": "Hi"})
    assert (await get(ana, f"/objects?room_id={room}"))["items"] == [found]
    removed = await client.ask("remove_object", object_id=object_id, version=3)
    assert removed == {"object_id": object_id, "seq": placed["seq"] + 3}
    assert (await get(ana, f"/objects?room_id={room}"))["items"] == []
    # Without an id there is no ack, but everybody's event, one's own, too.
    await client.send({"event": "place_object", "data": {"room_id": room, "type": "sign", "x": 1, "y": 2}})
    assert (await client.event("object_placed", seq=placed["seq"] + 4))["object"]["x"] == 1


async def test_who_knows_an_older_version_changes_nothing(people):
    room, ana = await room_of(people, "ana")
    client = people.keep(await Cafe.open(ana, room))
    chair = await place(ana, room)
    path = f"/objects/{chair['id']}"
    changed = await ana.ask("PATCH", path, 200, json={"x": 10}, headers={"If-Match": '"1"'})
    assert changed.headers["etag"] == '"2"'
    assert (await ana.ask("GET", path, 200)).headers["etag"] == '"2"'

    for method, more in (
        ("PATCH", {"json": {"x": 20, "version": 1}}),
        ("PUT", {"json": {"x": 20}, "headers": {"If-Match": '"1"'}}),
        ("DELETE", {"params": {"version": 1}}),
        ("DELETE", {"headers": {"If-Match": '"3"'}}),
    ):
        assert await refused(ana, method, path, 409, **more) == "version_conflict"
    for event, data in (("update_object", {"x": 20}), ("remove_object", {})):
        answer = await client.answer(event, object_id=chair["id"], version=1, **data)
        assert answer["data"]["code"] == "version_conflict"
    assert await get(ana, path) == changed.json()
    await ana.ask("DELETE", path, 204, params={"version": 2})


@pytest.mark.parametrize("builders", ["everyone", "members", "moderators"])
async def test_builders_build_and_others_do_not(people, builders):
    room, ana, bea = await room_of(people, "ana", "bea", builders=builders)
    cleo = await people("cleo")
    sockets = [people.keep(await Cafe.open(one, room)) for one in (ana, bea)]
    sockets.append(people.keep(await Cafe.connect(cleo)))
    body = {"room_id": room, "type": "chair", "x": 1, "y": 1}
    chair = await place(ana, room)
    codes = {"everyone": [None] * 3, "members": [None, None, "not_a_member"]}
    expected = codes.get(builders, [None, "role_too_low", "not_a_member"])

    for one, client, code in zip((ana, bea, cleo), sockets, expected, strict=True):
        answers = [
            await one.ask("POST", "/objects", json=body),
            await one.ask("PATCH", f"/objects/{chair['id']}", json={"rotation": one.id}),
        ]
        assert [answer.is_success for answer in answers] == [code is None] * 2
        if code is not None:
            assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, code)] * 2
        for event, data in (("place_object", body), ("update_object", {"object_id": chair["id"], "rotation": 7})):
            answer = await client.answer(event, **data)
            assert answer["data"].get("code") == code
    at_last = await ana.ask("DELETE", f"/objects/{chair['id']}")
    assert at_last.status_code == 204


IMPOSSIBLE_THINGS = [
    ({"type": "Chair"}, 422, "invalid"),
    ({"type": ""}, 422, "invalid"),
    ({"width": -1}, 422, "invalid"),
    ({"width": 401}, 422, "invalid"),
    ({"is_solid": True, "x": 10, "y": 10}, 422, "invalid"),
    ({"metadata": {"text": "x" * 8192}}, 413, "too_large"),
    ({"metadata": {"a": [[[[[[[[1]]]]]]]]}}, 422, "invalid"),
    ({"metadata": {"n": 2**70}}, 422, "invalid"),
    ({"metadata": {"text": "\0"}}, 422, "invalid"),
    ({"metadata": {"reach": "far"}}, 422, "invalid"),
    ({"metadata": {"actions": {"ring": {"type": "bell"}}}}, 422, "invalid"),
]


async def test_what_cannot_stand_there_is_refused_by_both_doors_alike(people):
    room, ana = await room_of(people, "ana")
    client = people.keep(await Cafe.open(ana, room))
    good = await place(ana, room)

    for thing, status, code in IMPOSSIBLE_THINGS:
        body = {"room_id": room, "type": "chair", "x": 100, "y": 100, **thing}
        assert await refused(ana, "POST", "/objects", status, json=body) == code
        assert await refused(ana, "PATCH", f"/objects/{good['id']}", status, json=thing) == code
        for event, data in (("place_object", body), ("update_object", {"object_id": good["id"], **thing})):
            assert (await client.answer(event, **data))["data"]["code"] == code
    assert (await get(ana, f"/objects?room_id={room}"))["items"] == [good]


async def test_pages_of_objects_go_on_after_the_last_id(people):
    room, ana = await room_of(people, "ana")
    ids = [(await place(ana, room, x=number))["id"] for number in range(5)]

    first = await get(ana, f"/objects?room_id={room}&limit=3")
    rest = await get(ana, f"/objects?room_id={room}&limit=3&cursor={first['next_cursor']}")

    assert [one["id"] for one in first["items"] + rest["items"]] == ids
    assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)


async def test_the_log_has_what_happened_to_objects_and_a_socket_that_comes_back_hears_it(people):
    room, ana = await room_of(people, "ana")
    client = people.keep(await CafeV1.open(ana, room))
    ack = next(frame["data"] for frame in client.heard if frame["event"] == "ack")
    chair = await place(ana, room)
    await ana.ask("PATCH", f"/objects/{chair['id']}", 200, json={"x": 5})
    await ana.ask("POST", "/tools", 201, json={"room_id": room, "target_object_id": chair["id"], "action": "wave"})
    await ana.ask("DELETE", f"/objects/{chair['id']}", 204)
    await client.event("object_removed")

    late = people.keep(await CafeV1.connect(ana))
    await late.join(room, after=ack["seq"], epoch=ack["epoch"])
    await late.event("caught_up")

    names = ("object_placed", "object_updated", "tool_used", "object_removed")
    told = [frame for frame in client.heard if frame["event"] in names]
    assert [frame["event"] for frame in told] == list(names)
    assert [frame for frame in late.heard if frame["event"] in names] == told
    log = await get(ana, f"/rooms/{room}/events?after={ack['seq']}")
    assert log["items"] == told


# ---- floor plans


async def test_a_floor_plan_goes_from_room_to_room(people):
    room, ana, bea = await room_of(people, "ana", "bea", areas=[BOOTH], background="grass", speed=0)
    await place(ana, room, type="table", x=60, y=60, rotation=30)
    await place(ana, room, metadata={"movable": True})
    plan = await get(bea, f"/rooms/{room}/plan")
    other = (await ana.ask("POST", "/rooms", 201, json={"name": "Copy"})).json()["id"]
    client = people.keep(await Cafe.open(ana, other))

    made = (await ana.ask("PUT", f"/rooms/{other}/plan", 200, json=plan)).json()

    assert made == await get(ana, f"/rooms/{other}/plan")
    assert made["space"] == plan["space"] == (await client.event("room_updated"))["room"]["space"]
    of_its_own = {"id", "room_id", "created_by", "updated_at"}

    def bare(objects):
        return [{name: value for name, value in one.items() if name not in of_its_own} for one in objects]

    assert bare(made["objects"]) == bare(plan["objects"])
    assert {one["room_id"] for one in made["objects"]} == {other}
    await client.event("object_placed", object=made["objects"][1])
    assert await refused(bea, "PUT", f"/rooms/{room}/plan", 403, json=plan) == "role_too_low"


async def test_a_floor_plan_replaces_all_that_stood_there_or_nothing(people):
    room, ana = await room_of(people, "ana")
    chair = await place(ana, room)
    client = people.keep(await Cafe.open(ana, room))
    before = await get(ana, f"/rooms/{room}/plan")

    bad = {"space": {"speed": 7}, "objects": [{"type": "tree", "x": 1, "y": 1}, {"type": "Tree", "x": 1, "y": 1}]}
    answer = (await ana.ask("PUT", f"/rooms/{room}/plan", 422, json=bad)).json()
    assert answer["errors"][0]["loc"] == ["body", "objects.1.type"]
    assert await get(ana, f"/rooms/{room}/plan") == before

    await ana.ask("PUT", f"/rooms/{room}/plan", 200, json={"objects": []})
    await client.event("object_removed", object_id=chair["id"])
    assert (await get(ana, f"/rooms/{room}/plan")) == before | {"objects": []}


async def test_the_floor_plan_of_the_documentation_can_be_put(people):
    ana = await people("ana")
    room = (await ana.ask("POST", "/rooms", 201, json={"name": "Documented"})).json()["id"]
    page = (ROOT / "docs/dialects/cafe.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    plan = json.loads(next(block for block in blocks if '"objects": [' in block))

    made = (await ana.ask("PUT", f"/rooms/{room}/plan", 200, json=plan)).json()

    assert [one["type"] for one in made["objects"]] == [one["type"] for one in plan["objects"]]


# ---- tools


@EVERY
async def test_a_tool_used_by_rest_is_heard_on_sockets_with_the_object_as_it_is(people, driver):
    room, ana, bea = await room_of(people, "ana", "bea")
    client = people.keep(await driver.open(ana, room))
    chair = await place(ana, room)
    body = {"room_id": room, "target_object_id": chair["id"], "action": "paint", "params": {"color": "red"}}

    used = (await bea.ask("POST", "/tools", 201, json=body)).json()

    heard = await client.event("tool_used")
    assert used["object"] == heard["object"] == await get(ana, f"/objects/{chair['id']}")
    assert used["object"]["metadata"] == {"color": "red"}
    assert used == {
        "id": heard["use_id"],
        "room_id": room,
        "seq": heard["seq"],
        "user_id": bea.id,
        "username": bea.name,
        "target_object_id": chair["id"],
        "action": "paint",
        "params": {"color": "red"},
        "created_at": heard["created_at"],
        "object": heard["object"],
    }
    assert client.data("object_updated") == []
    gone = (await ana.ask("POST", "/tools", 201, json=body | {"action": "destroy", "params": None})).json()
    assert gone["object"] is (await client.event("tool_used", seq=gone["seq"]))["object"] is None
    assert await refused(ana, "GET", f"/objects/{chair['id']}", 404) == "object_not_found"


async def test_a_free_action_is_logged_and_told_unchanged(people):
    room, ana = await room_of(people, "ana")
    client = people.keep(await CafeMsgpack.open(ana, room))
    chair = await place(ana, room)
    params = {"to": "everybody", "how": [1, 2.5, {"deep": None}], "é": True}

    ack = await client.ask("use_tool", room_id=room, target_object_id=chair["id"], action="wave", params=params)

    heard = await client.event("tool_used", seq=ack["seq"])
    assert (heard["use_id"], heard["params"], heard["object"]) == (ack["use_id"], params, chair)
    (logged,) = (await get(ana, f"/tools?room_id={room}"))["items"]
    assert (logged["id"], logged["action"], logged["params"]) == (ack["use_id"], "wave", params)


async def test_the_tool_log_is_by_pages_and_by_who_and_what(people):
    room, ana, bea = await room_of(people, "ana", "bea")
    one, other = await place(ana, room), await place(ana, room, x=200)
    for who, thing, action in ((ana, one, "a"), (bea, one, "b"), (ana, other, "c"), (bea, other, "d")):
        body = {"room_id": room, "target_object_id": thing["id"], "action": action}
        await who.ask("POST", "/tools", 201, json=body)

    async def actions(query):
        page = await get(ana, f"/tools?room_id={room}{query}")
        return "".join(use["action"] for use in page["items"]), page["next_cursor"]

    assert await actions("") == ("dcba", None)
    assert (await actions(f"&user_id={bea.id}"))[0] == "db"
    assert (await actions(f"&target_object_id={one['id']}"))[0] == "ba"
    assert (await actions(f"&user_id={ana.id}&target_object_id={other['id']}"))[0] == "c"
    first, cursor = await actions("&limit=3")
    assert (first, await actions(f"&limit=3&cursor={cursor}")) == ("dcb", ("a", None))


IMPOSSIBLE_USES = [
    ({"action": ""}, 422, "invalid"),
    ({"action": "two words"}, 422, "invalid"),
    ({"action": "move", "params": {"x": 1}}, 422, "invalid"),
    ({"action": "move", "params": {"x": "here", "y": "there"}}, 422, "invalid"),
    ({"action": "rotate"}, 422, "invalid"),
    ({"action": "ring", "params": {"times": 0}}, 422, "invalid"),
    ({"action": "wave", "params": {"text": "x" * 9000}}, 413, "too_large"),
    ({"action": "wave", "params": {"n": 2**70}}, 422, "invalid"),
    ({"action": "sit", "target_object_id": 4_000_000_000}, 404, "object_not_found"),
    ({"action": "sit", "room_id": 1}, 404, "object_not_found"),
]


async def test_a_use_that_makes_no_sense_is_refused_by_both_doors_alike(people):
    room, ana = await room_of(people, "ana")
    client = people.keep(await Cafe.open(ana, room))
    schema = {"type": "object", "properties": {"times": {"type": "integer", "minimum": 1}}, "required": ["times"]}
    bell = await place(ana, room, type="bell", metadata={"actions": {"ring": schema}})

    for use, status, code in IMPOSSIBLE_USES:
        body = {"room_id": room, "target_object_id": bell["id"], **use}
        assert await refused(ana, "POST", "/tools", status, json=body) == code
        assert (await client.answer("use_tool", **body))["data"]["code"] == code
    assert (await get(ana, f"/tools?room_id={room}"))["items"] == []


async def test_the_tools_that_ship_keep_what_is_documented(people):
    room, ana, bea = await room_of(people, "ana", "bea")
    client = people.keep(await CafeV1.open(bea, room))
    kinds = ("jukebox", "whiteboard", "notice_board")
    things = {kind: (await place(ana, room, type="tool", metadata={"tool": kind}))["id"] for kind in kinds}

    async def use(kind, action, **params):
        body = {"room_id": room, "target_object_id": things[kind], "action": action, "params": params}
        used = (await bea.ask("POST", "/tools", 201, json=body)).json()
        assert (await client.event("tool_used", seq=used["seq"]))["object"] == used["object"]
        return used["object"]["metadata"]

    song = {"title": "La bohème", "url": "https://example.org/a.ogg", "duration": 180.5}
    box = await use("jukebox", "play", **song)
    assert box["playing"].items() >= {**song, "by": bea.id, "username": bea.name}.items()
    assert box["playing"]["started_at"].endswith("Z")
    assert [one["title"] for one in (await use("jukebox", "add", title="Next"))["queue"]] == ["Next"]
    assert (await use("jukebox", "skip"))["playing"]["title"] == "Next"
    assert (await use("jukebox", "stop"))["playing"] is None
    assert (await use("whiteboard", "draw", points=[[1, 2], [3, 4.5]], color="red", width=2))["strokes"] == 1
    log = (await get(ana, f"/tools?room_id={room}&target_object_id={things['whiteboard']}"))["items"]
    assert (await use("whiteboard", "clear"))["cleared_use_id"] == log[0]["id"]
    (note,) = (await use("notice_board", "post", text=" Closed on Monday "))["notes"]
    assert (note["text"], note["user_id"]) == ("Closed on Monday", bea.id)
    assert (await use("notice_board", "remove", note_id=note["id"]))["notes"] == []


# ---- being there by REST alone


async def test_who_enters_by_rest_is_in_the_room_until_they_leave(people):
    room, ana, bea = await room_of(people, "ana", "bea", speed=0)
    client = people.keep(await CafeV1.open(ana, room))
    assert await refused(bea, "PATCH", f"/room-users/{room}", 409, json={"x": 1, "y": 1}) == "not_there"

    entered = (await bea.ask("POST", "/room-users", 201, json={"room_id": room, "x": 50.001, "y": 60})).json()

    joined = await client.event("user_joined", user_id=bea.id)
    assert (joined["x"], joined["y"]) == (50, 60)
    assert entered == {
        "user_id": bea.id,
        "username": bea.name,
        "x": 50,
        "y": 60,
        "direction": None,
        "status": entered["status"],
        "last_seen": entered["last_seen"],
    }
    walked = (await bea.ask("PATCH", f"/room-users/{room}", 200, json={"x": 90, "y": 99, "direction": "up"})).json()
    assert (walked["x"], walked["y"], walked["direction"]) == (90, 99, "up")
    await client.until(lambda: [bea.id, 90, 99, "up"] in [m for d in client.data("positions") for m in d["moves"]])
    page = await get(ana, f"/room-users?room_id={room}")
    assert (page["has_more"], page["next_cursor"]) == (False, None)
    assert [(one["user_id"], one["x"], one["y"]) for one in page["items"] if one["user_id"] == bea.id] == [
        (bea.id, 90, 99)
    ]
    assert {one["user_id"] for one in page["items"]} == {ana.id, bea.id}

    await bea.ask("DELETE", f"/room-users/{room}", 204)
    await client.event("user_left", user_id=bea.id, reason="left")
    assert [one["user_id"] for one in (await get(ana, f"/room-users?room_id={room}"))["items"]] == [ana.id]
    await bea.ask("DELETE", f"/room-users/{room}", 204)
    assert await refused(bea, "PATCH", f"/room-users/{room}", 409, json={"x": 1, "y": 1}) == "not_there"


async def test_one_enters_a_public_room_as_one_would_by_a_socket(people):
    room, ana = await room_of(people, "ana")
    bea = await people("bea")
    assert await refused(bea, "GET", f"/room-users?room_id={room}", 403) == "not_a_member"
    assert await refused(bea, "PATCH", f"/room-users/{room}", 403, json={"x": 1, "y": 1}) == "not_a_member"

    entered = (await bea.ask("POST", "/room-users", 201, json={"room_id": room})).json()

    assert (entered["x"], entered["y"]) == (20, 20)
    assert bea.id in [one["user_id"] for one in (await get(ana, f"/rooms/{room}/members"))["items"]]
    await bea.ask("DELETE", f"/room-users/{room}", 204)


# ---- areas and what is said there


@EVERY
async def test_who_is_inside_locks_the_area_and_nobody_else_comes_in(people, driver):
    room, ana, bea = await room_of(people, "ana", "bea", speed=0, areas=[BOOTH])
    inside, outside = people.keep(await driver.open(ana, room)), people.keep(await Cafe.open(bea, room))
    lock = {"room_id": room, "area_id": 1, "is_locked": True}
    assert (await outside.answer("lock_area", **lock))["data"]["code"] == "not_there"
    assert (await outside.answer("lock_area", **lock | {"area_id": 9}))["data"]["code"] == "area_not_found"

    await inside.ask("update_position", room_id=room, x=210, y=110)
    await inside.until(lambda: len(inside.data("room_state")) == 2, "the talk")
    talk = inside.data("room_state")[-1]
    assert (talk["room"]["parent_id"], talk["room"]["area_id"], talk["room"]["kind"]) == (room, 1, "group")
    assert await inside.ask("lock_area", **lock) == {"area_id": 1, "locked_by": ana.id}

    assert (await outside.event("room_updated"))["room"]["space"]["areas"][0]["locked_by"] == ana.id
    assert (await ana.ask("PUT", f"/rooms/{room}/areas/1/lock", 200)).json()["locked_by"] == ana.id
    assert await refused(bea, "PUT", f"/rooms/{room}/areas/1/lock", 409) == "not_there"
    assert await refused(bea, "DELETE", f"/rooms/{room}/areas/1/lock", 403) == "role_too_low"
    await outside.ask("update_position", room_id=room, x=220, y=120)
    assert (await outside.event("error", event="update_position"))["code"] == "area_locked"
    await outside.event("position_updated", user_id=bea.id)
    await ana.ask("DELETE", f"/rooms/{room}/areas/1/lock", 204)
    await ana.ask("DELETE", f"/rooms/{room}/areas/1/lock", 204)
    assert (await get(bea, f"/rooms/{room}"))["space"]["areas"][0]["locked_by"] is None


async def test_what_is_said_in_a_private_area_goes_to_its_talk_by_socket_and_by_rest(people):
    room, ana, bea = await room_of(people, "ana", "bea", speed=0, areas=[BOOTH])
    client, other = people.keep(await Cafe.open(ana, room)), people.keep(await CafeV1.open(bea, room))
    await client.ask("update_position", room_id=room, x=210, y=110)
    await client.until(lambda: len(client.data("room_state")) == 2, "the talk")
    talk = client.data("room_state")[-1]["room_id"]

    ack = await client.ask("send_message", room_id=room, message="psst")
    sent = (await ana.ask("POST", f"/rooms/{room}/messages", 201, json={"content": "and this"})).json()

    assert ack["talk_id"] == sent["room_id"] == talk
    heard = await client.event("message_received", message="psst")
    assert (heard["room_id"], heard["seq"], heard["message_id"]) == (talk, ack["seq"], ack["message_id"])
    (listed,) = (await get(ana, f"/rooms/{room}/talks"))["items"]
    assert (listed["id"], listed["parent_id"], listed["area_id"]) == (talk, room, 1)
    assert (await get(bea, f"/rooms/{room}/talks"))["items"] == []
    for path in (f"/rooms/{talk}", f"/rooms/{talk}/messages", f"/rooms/{talk}/events", f"/rooms/{talk}/plan"):
        assert await refused(bea, "GET", path, 404) == "room_not_found"
    assert await refused(bea, "GET", f"/messages/{sent['id']}", 404) == "message_not_found"
    await other.answer("ping")
    assert "psst" not in str(other.heard)


async def test_to_speak_nearby_one_has_to_be_there_and_somebody_near(people):
    room, ana, bea = await room_of(people, "ana", "bea", speed=0, earshot=50)
    body = {"content": "hola", "nearby": True}
    assert await refused(ana, "POST", f"/rooms/{room}/messages", 409, json=body) == "not_there"
    first, second = people.keep(await Cafe.open(ana, room)), people.keep(await CafeV1.open(bea, room))
    await second.ask("update_position", room_id=room, x=390, y=290)
    await first.event("position_updated", user_id=bea.id)

    assert await refused(ana, "POST", f"/rooms/{room}/messages", 409, json=body) == "nobody_near"
    answer = await first.answer("send_message", room_id=room, message="hola", nearby=True)
    assert answer["data"]["code"] == "nobody_near"

    await second.ask("update_position", room_id=room, x=30, y=20)
    await first.event("position_updated", user_id=bea.id, x=30)
    ack = await first.ask("send_message", room_id=room, message="hola", nearby=True)
    heard = await second.event("message_received", message="hola")
    assert heard["room_id"] == ack["talk_id"]
    bubble = await second.event("bubble", talk_id=ack["talk_id"])
    assert (bubble["room_id"], sorted(bubble["users"])) == (room, sorted([ana.id, bea.id]))
    late = people.keep(await Cafe.open(bea, room))
    assert (await late.event("room_state", room_id=room))["bubbles"] == [bubble]
