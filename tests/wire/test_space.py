"""The space: who walks where, as the server decides it and all others see it."""

import asyncio

import pytest

from drivers import Cafe, CafeMsgpack, CafeV1
from walking import hall, place_of, put, sees, stand, there, walk

DIALECTS = pytest.mark.parametrize("driver", [Cafe, CafeV1, CafeMsgpack])


async def two(people, driver=Cafe, **space):
    """A hall with Ana, who owns it, at (100, 200) and Bea at (150, 250)."""
    ana, bea = await people("ana"), await people("bea")
    room = await hall(ana, bea, **space)
    clients = [people.keep(await driver.connect(one)) for one in (ana, bea)]
    await stand(clients[0], room, 100, 200)
    await stand(clients[1], room, 150, 250)
    return room, *clients


@DIALECTS
async def test_who_moves_is_seen_by_the_other(people, driver):
    _, ana, bea = await two(people, driver)

    await walk(ana, 160.5, 240.25, direction="left")

    await sees(bea, ana.person, 160.5, 240.25)
    moves = [one for data in bea.data("positions") for one in data["moves"]]
    told = bea.data("position_updated") or [{"direction": move[3]} for move in moves]
    assert told[-1]["direction"] == "left"


async def test_who_joins_sees_where_everybody_is_and_which_way_they_look(people):
    room, ana, bea = await two(people)
    await walk(bea, 300, 300, direction=90)
    await sees(ana, bea.person, 300, 300)

    cleo = people.keep(await CafeV1.connect(await people("cleo")))
    await stand(cleo, room, 10, 10)

    state = cleo.data("room_state")[-1]
    users = {one["user_id"]: (one["x"], one["y"], one["direction"]) for one in state["users"]}
    assert users == {
        ana.person.id: (100, 200, None),
        bea.person.id: (300, 300, 90),
        cleo.person.id: (10, 10, None),
    }
    assert await ana.event("user_joined", user_id=cleo.person.id, x=10, y=10)


@DIALECTS
async def test_a_walker_stops_at_the_wall_and_is_told_so_and_so_is_the_other(people, driver):
    room, ana, bea = await two(people, driver)
    await put(ana.person, room, "wall", 300, 0, width=16, height=1000)
    await bea.event("object_placed")

    await walk(ana, 500, 200)

    await sees(ana, ana.person, 300, 200)
    await sees(bea, ana.person, 300, 200)
    await ana.event("position_updated", user_id=ana.person.id, x=300)
    assert ana.data("position_updated")[-1] | {"direction": None} == {
        "room_id": room,
        "user_id": ana.person.id,
        "x": 300,
        "y": 200,
        "direction": None,
    }


async def test_where_one_may_not_walk_is_beyond_the_floor_too(people):
    _, ana, bea = await two(people)

    await walk(ana, -1e300, 99999)

    await sees(bea, ana.person, 0, 1000)
    await sees(ana, ana.person, 0, 1000)


async def test_who_runs_faster_than_the_room_allows_is_corrected(people):
    _, ana, bea = await two(people, speed=1)  # a budget of 200 units, and hardly any more of it

    await walk(ana, 100, 900)

    await ana.event("position_updated", user_id=ana.person.id)
    x, y = place_of(ana, ana.person)
    assert (x, 400) == (100, pytest.approx(y, abs=1))
    await bea.until(lambda: place_of(bea, ana.person) == (x, y))


async def test_a_move_with_an_id_is_acknowledged_and_one_from_outside_is_refused(people):
    room, ana, _ = await two(people)
    outside = people.keep(await Cafe.connect(await people("out")))

    assert await ana.ask("update_position", room_id=room, x=101, y=200) == {}
    answer = await outside.answer("update_position", room_id=room, x=1, y=1)
    assert (answer["event"], answer["data"]["code"]) == ("error", "not_there")
    plain = (await ana.person.ask("POST", "/rooms", 201, json={"name": "No floor"})).json()["id"]
    await ana.join(plain)
    answer = await ana.answer("update_position", room_id=plain, x=1, y=1)
    assert answer["data"]["code"] == "no_space"


async def test_of_more_moves_than_one_may_send_the_last_one_counts(people):
    _, ana, bea = await two(people)

    for step in range(1000):
        await walk(ana, 100 + step / 10, 200)

    await sees(bea, ana.person, 199.9, 200)
    assert not ana.data("error")


async def test_ones_own_steps_do_not_come_back_to_a_plain_client_but_to_ones_other_devices(people):
    room, ana, bea = await two(people)
    phone = people.keep(await Cafe.open(ana.person, room))

    await walk(ana, 111, 222)

    await sees(bea, ana.person, 111, 222)
    await sees(phone, ana.person, 111, 222)
    assert not ana.data("position_updated")


async def test_a_place_survives_a_reconnect(people):
    room, ana, bea = await two(people)
    await walk(ana, 321, 123)
    await sees(bea, ana.person, 321, 123)

    await ana.vanish()
    await bea.event("user_left", user_id=ana.person.id, reason="disconnected")
    again = people.keep(await Cafe.open(ana.person, room))

    await bea.until(lambda: len(bea.data("user_joined")) == 1)
    assert bea.data("user_joined")[-1].items() >= {"x": 321, "y": 123}.items()
    assert place_of(again, ana.person) == (321, 123)


async def test_coming_back_is_no_way_to_be_somewhere_else(people):
    room, ana, bea = await two(people, speed=1)
    await ana.vanish()
    await bea.event("user_left", user_id=ana.person.id)

    again = people.keep(await Cafe.connect(ana.person))
    await stand(again, room, 100, 900)

    _, y = place_of(again, ana.person)
    assert y == pytest.approx(400, abs=1)


async def test_who_left_deliberately_comes_in_where_they_wish_but_in_no_wall(people):
    room, ana, bea = await two(people)
    await put(ana.person, room, "table", 500, 500, width=100, height=100)
    await ana.leave()
    await bea.event("user_left", user_id=ana.person.id, reason="left")

    await stand(ana, room, 510, 550)

    await bea.event("user_joined", user_id=ana.person.id)
    assert place_of(bea, ana.person) == (500, 550)


async def test_something_solid_that_is_put_on_somebody_moves_them_out_and_they_are_told(people):
    room, ana, bea = await two(people)

    await put(bea.person, room, "wall", 90, 150, width=400, height=60)

    await ana.event("position_updated", user_id=ana.person.id)
    x, y = place_of(ana, ana.person)
    assert not (90 < x < 490 and 150 < y < 210)
    await sees(bea, ana.person, x, y)
    assert (await there(bea.person, room))[ana.person.id]["x"] == x


async def test_a_floor_that_shrinks_takes_those_with_it_who_stood_outside(people):
    room, ana, bea = await two(people)
    await walk(bea, 900, 900)
    await sees(ana, bea.person, 900, 900)

    await ana.person.ask("PATCH", f"/rooms/{room}", 200, json={"space": {"width": 500, "height": 400}})

    await bea.event("position_updated", user_id=bea.person.id)
    assert place_of(bea, bea.person) == (500, 400)
    await sees(ana, bea.person, 500, 400)


async def test_a_room_that_gets_a_space_has_everybody_stand_somewhere(people):
    ana, bea = await people("ana"), await people("bea")
    room = (await ana.ask("POST", "/rooms", 201, json={"name": "Flat"})).json()["id"]
    await bea.ask("POST", f"/rooms/{room}/join", 200)
    clients = [people.keep(await Cafe.open(one, room)) for one in (ana, bea)]

    await ana.ask("PATCH", f"/rooms/{room}", 200, json={"space": {"width": 400, "height": 400}})
    await walk(clients[0], 210, 220)

    await sees(clients[1], ana, 210, 220)


async def test_who_is_far_away_on_a_large_floor_is_told_later_and_beyond_the_view_gone(people):
    _, ana, bea = await two(people, CafeV1, width=5000, height=5000)

    await walk(ana, 900, 200)
    await sees(bea, ana.person, 900, 200)
    await walk(ana, 4900, 4900)
    await bea.until(lambda: any(ana.person.id in data.get("gone", ()) for data in bea.data("positions")))
    await walk(ana, 180, 200)

    await sees(bea, ana.person, 180, 200)


async def test_somebody_is_in_a_space_without_a_socket(people):
    room, ana, bea = await two(people)
    cleo = await people("cleo")

    entered = (await cleo.ask("POST", "/room-users", 201, json={"room_id": room, "x": 400, "y": 300})).json()
    assert entered.items() >= {"user_id": cleo.id, "username": cleo.name, "x": 400, "y": 300}.items()
    await ana.event("user_joined", user_id=cleo.id, x=400, y=300)
    walked = (await cleo.ask("PATCH", f"/room-users/{room}", 200, json={"x": 410, "y": 310})).json()
    assert (walked["x"], walked["y"]) == (410, 310)
    await sees(bea, cleo, 410, 310)
    found = await there(cleo, room)
    assert set(found) == {ana.person.id, bea.person.id, cleo.id}
    assert found[cleo.id]["last_seen"].endswith("Z")

    await cleo.ask("DELETE", f"/room-users/{room}", 204)
    await ana.event("user_left", user_id=cleo.id, reason="left")
    assert set(await there(ana.person, room)) == {ana.person.id, bea.person.id}
    assert (await cleo.ask("PATCH", f"/room-users/{room}", 409, json={"x": 1, "y": 1})).json()["code"] == "not_there"


async def test_leaving_by_rest_takes_ones_sockets_off_the_floor_and_they_hear_on(people):
    room, ana, bea = await two(people)

    await ana.person.ask("DELETE", f"/room-users/{room}", 204)

    await bea.event("user_left", user_id=ana.person.id)
    await bea.say("still there?")
    await ana.event("message_received", message="still there?")
    assert (await ana.answer("update_position", room_id=room, x=1, y=1))["data"]["code"] == "not_there"
    await stand(ana, room, 5, 5)
    await bea.event("user_joined", user_id=ana.person.id, x=5, y=5)


async def test_one_sits_and_the_other_is_told_occupied(people):
    room, ana, bea = await two(people)
    chair = await put(ana.person, room, "chair", 400, 400)

    await ana.ask("use_tool", room_id=room, target_object_id=chair["id"], action="sit")
    used = await bea.event("tool_used", action="sit")
    assert used["object"]["occupied_by"] == ana.person.id
    await sees(bea, ana.person, 416, 416)
    refused = await bea.answer("use_tool", room_id=room, target_object_id=chair["id"], action="sit")
    assert (refused["event"], refused["data"]["code"]) == ("error", "occupied")

    await ana.ask("use_tool", room_id=room, target_object_id=chair["id"], action="stand")
    await bea.ask("use_tool", room_id=room, target_object_id=chair["id"], action="sit")


async def test_who_walks_away_gets_up_and_who_only_turns_does_not(people):
    room, ana, bea = await two(people)
    chair = await put(ana.person, room, "chair", 400, 400)
    await ana.ask("use_tool", room_id=room, target_object_id=chair["id"], action="sit")
    await sees(ana, ana.person, 416, 416)

    await walk(ana, 416, 416, direction="up")
    await ana.person.ask("GET", f"/objects/{chair['id']}", 200)
    assert (await ana.person.ask("GET", f"/objects/{chair['id']}")).json()["occupied_by"] == ana.person.id
    await walk(ana, 450, 450)

    stood = await bea.event("tool_used", action="stand")
    assert (stood["user_id"], stood["object"]["occupied_by"]) == (ana.person.id, None)
    await sees(bea, ana.person, 450, 450)


async def test_who_leaves_frees_the_seat_at_once(people):
    room, ana, bea = await two(people)
    chair = await put(ana.person, room, "chair", 400, 400)
    await ana.ask("use_tool", room_id=room, target_object_id=chair["id"], action="sit")

    await ana.leave()

    await bea.event("tool_used", action="stand", user_id=ana.person.id)
    await bea.ask("use_tool", room_id=room, target_object_id=chair["id"], action="sit")


async def test_a_chair_that_is_moved_takes_along_who_sits_on_it(people):
    room, ana, bea = await two(people)
    chair = await put(ana.person, room, "chair", 400, 400)
    await ana.ask("use_tool", room_id=room, target_object_id=chair["id"], action="sit")

    await bea.person.ask("PATCH", f"/objects/{chair['id']}", 200, json={"x": 500, "y": 600})

    await sees(bea, ana.person, 516, 616)


async def test_the_examples_of_the_starter_cafe_work(people):
    ana, bea = people.keep(await Cafe.connect(await people("ana"))), people.keep(await CafeV1.open(await people("bea")))

    await ana.send({"event": "join_room", "data": {"room_id": 1, "x": 100, "y": 200}})
    await bea.event("user_joined", user_id=ana.person.id, x=100, y=200)
    await ana.send({"event": "update_position", "data": {"room_id": 1, "x": 150, "y": 250}})
    await sees(bea, ana.person, 150, 250)
    await ana.send({"event": "use_tool", "data": {"room_id": 1, "target_object_id": 5, "action": "move"}})
    used = await bea.event("tool_used", target_object_id=5)
    assert (used["object"]["x"], used["object"]["y"]) == (150, 250)


async def test_a_client_that_reads_nothing_for_a_while_sees_all_as_it_is_when_it_reads_again(people):
    room, ana, bea = await two(people, CafeV1)
    slow = people.keep(await CafeV1.open(await people("slow"), room, max_queue=1))
    await bea.event("user_joined", user_id=slow.person.id)
    slow.socket.transport.pause_reading()

    async def chatter():
        for step in range(60):
            await walk(ana, 100 + step, 200)
            await bea.say("x" * 3900)
            await asyncio.sleep(0)

    await chatter()
    await sees(bea, ana.person, 159, 200)
    slow.socket.transport.resume_reading()
    await sees(slow, ana.person, 159, 200)
