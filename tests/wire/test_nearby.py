"""What is said near each other, or within an area: heard and read by who stood there, and by nobody else."""

import asyncio

import pytest

from drivers import Cafe, CafeV1, Simple, sign_up
from serving import Server
from walking import hall, put, sees, stand, there, walk

BOOTH = {"name": "Booth", "x": 600, "y": 0, "width": 200, "height": 200, "is_private": True}
QUIET = {"name": "Corner", "x": 600, "y": 600, "width": 200, "height": 200, "is_quiet": True}
SMALL = {"name": "Table", "x": 0, "y": 600, "width": 100, "height": 100, "capacity": 1}
LOCKABLE = {"name": "Room", "x": 300, "y": 600, "width": 100, "height": 100, "is_lockable": True}


async def three(people, driver=Cafe, **space):
    """Ana and Bea stand together, Cleo far away."""
    persons = [await people(name) for name in ("ana", "bea", "cleo")]
    room = await hall(*persons, **space)
    clients = [people.keep(await driver.connect(one)) for one in persons]
    for client, (x, y) in zip(clients, [(100, 100), (140, 100), (500, 300)], strict=True):
        await stand(client, room, x, y)
    for client in clients:
        for person in persons:
            await client.until(lambda c=client, p=person: p.id in {u["user_id"] for u in _known(c)})
    return room, *clients


def _known(client):
    return [*client.data("room_state")[-1]["users"], *client.data("user_joined")]


def texts(client):
    return [data["message"] for data in client.data("message_received")]


async def history(person, room):
    """The texts that they may read, in order; None where the room does not exist for them."""
    answer = await person.ask("GET", f"/rooms/{room}/messages")
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    return [one["content"] for one in reversed(answer.json()["items"])]


@pytest.mark.parametrize("driver", [Cafe, CafeV1])
async def test_what_is_said_nearby_is_heard_by_those_who_are_near_alone(people, driver):
    room, ana, bea, cleo = await three(people, driver)

    ack = await ana.ask("send_message", room_id=room, message="psst", nearby=True)
    talk = ack["talk_id"]
    heard = await bea.event("message_received", message="psst")
    assert (heard["room_id"], heard["user_id"], heard["message_id"]) == (talk, ana.person.id, ack["message_id"])
    await ana.event("message_received", message="psst")
    await cleo.say("hello, all")
    await cleo.event("message_received", message="hello, all")

    assert texts(cleo) == ["hello, all"]
    assert await history(bea.person, talk) == ["psst"]
    assert await history(cleo.person, talk) is None
    assert await history(cleo.person, room) == ["hello, all"]
    state = next(data for data in bea.data("room_state") if data["room_id"] == talk)
    assert (state["room"]["parent_id"], state["room"]["kind"]) == (room, "group")


async def test_one_reads_exactly_what_was_said_while_one_stood_there(people):
    room, ana, bea, cleo = await three(people)
    talk = (await ana.ask("send_message", room_id=room, message="one", nearby=True))["talk_id"]
    await bea.event("message_received", message="one")

    await walk(cleo, 120, 130)
    await sees(ana, cleo.person, 120, 130)
    await ana.ask("send_message", room_id=room, message="two", nearby=True)
    await cleo.event("message_received", message="two")
    await walk(bea, 900, 900)
    await sees(ana, bea.person, 900, 900)
    last = await ana.ask("send_message", room_id=room, message="three", nearby=True)
    await cleo.event("message_received", message="three")
    await bea.event("member_removed", user_id=bea.person.id)

    assert last["talk_id"] == talk
    assert await history(ana.person, talk) == ["one", "two", "three"]
    assert await history(bea.person, talk) == ["one", "two"]
    assert await history(cleo.person, talk) == ["two", "three"]
    assert "three" not in texts(bea)
    talks = (await bea.person.ask("GET", f"/rooms/{room}/talks", 200)).json()["items"]
    assert [one["id"] for one in talks] == [talk]


async def test_nobody_near_is_an_error_and_nothing_is_said(people):
    room, ana, _bea, cleo = await three(people)

    refused = await cleo.answer("send_message", room_id=room, message="anyone?", nearby=True)
    assert (refused["event"], refused["data"]["code"]) == ("error", "nobody_near")
    outside = people.keep(await Cafe.connect(await people("out")))
    await outside.person.ask("POST", f"/rooms/{room}/join", 200)
    refused = await outside.answer("send_message", room_id=room, message="anyone?", nearby=True)
    assert refused["data"]["code"] == "not_there"
    assert await history(ana.person, room) == []


async def test_the_same_nonce_after_walking_on_is_the_same_message(people):
    room, ana, _bea, cleo = await three(people)
    first = await ana.ask("send_message", room_id=room, message="once", nearby=True, nonce="n")

    await walk(ana, 480, 300)
    await sees(cleo, ana.person, 480, 300)
    again = await ana.ask("send_message", room_id=room, message="once", nearby=True, nonce="n")

    assert again == first | {"duplicate": True}
    await cleo.say("done")
    await cleo.event("message_received", message="done")
    assert texts(cleo) == ["done"]


async def test_those_who_stand_together_are_told_as_a_bubble_and_as_none_when_they_part(people):
    room, ana, bea, cleo = await three(people)

    formed = await cleo.event("bubble", users=sorted([ana.person.id, bea.person.id]))
    assert formed["room_id"] == room
    late = people.keep(await CafeV1.open(await people("late"), room))
    assert late.data("room_state")[-1]["bubbles"] == [
        {"room_id": room, "bubble_id": formed["bubble_id"], "users": formed["users"], "talk_id": None}
    ]
    await walk(bea, 900, 100)
    await cleo.event("bubble", bubble_id=formed["bubble_id"], users=[])


async def test_what_is_said_in_a_private_area_stays_there_whatever_it_is_said_by(people):
    room, ana, bea, cleo = await three(people, areas=[BOOTH])
    simple = people.keep(await Simple.open(ana.person, room))

    for client, x in ((ana, 650), (bea, 700)):
        await walk(client, x, 100)
        await sees(cleo, client.person, x, 100)
    await ana.ask("send_message", room_id=room, message="secret")
    heard = await bea.event("message_received", message="secret")
    talk = heard["room_id"]
    await bea.person.ask("POST", f"/rooms/{room}/messages", 201, json={"content": "by REST"})
    await simple.say("by another format")
    await bea.event("message_received", message="by another format")
    await cleo.say("outside")
    for client in (bea, cleo):
        await client.event("message_received", message="outside")

    assert talk != room
    assert texts(cleo) == ["outside"]
    assert await history(cleo.person, room) == ["outside"]
    assert await history(cleo.person, talk) is None
    assert await history(bea.person, talk) == ["secret", "by REST", "by another format"]

    await walk(bea, 500, 500)
    await sees(cleo, bea.person, 500, 500)
    await bea.event("member_removed", user_id=bea.person.id)
    await ana.ask("send_message", room_id=room, message="alone")
    await bea.say("back")
    await bea.event("message_received", message="back", room_id=room)
    assert "alone" not in texts(bea)
    assert await history(bea.person, talk) == ["secret", "by REST", "by another format"]


async def test_a_quiet_area_is_heard_inside_alone_and_may_be_read_by_all(people):
    room, ana, bea, cleo = await three(people, areas=[QUIET])
    for client, x in ((ana, 650), (bea, 700)):
        await walk(client, x, 700)
        await sees(cleo, client.person, x, 700)

    await bea.until(lambda: any(data["room"]["parent_id"] == room for data in bea.data("room_state")), "the talk")
    await ana.ask("typing", room_id=room)
    talk = (await ana.ask("send_message", room_id=room, message="quietly"))["talk_id"]
    await bea.event("user_typing", room_id=talk)
    await bea.event("message_received", message="quietly")
    await cleo.say("loud")
    await cleo.event("message_received", message="loud")

    assert texts(cleo) == ["loud"]
    assert not cleo.data("user_typing")
    assert await history(cleo.person, talk) == ["quietly"]


async def test_a_full_area_is_a_wall_and_says_why(people):
    room, ana, bea, _ = await three(people, areas=[SMALL])
    await walk(ana, 50, 650)
    await sees(bea, ana.person, 50, 650)

    await walk(bea, 50, 660)

    error = await bea.event("error", code="area_full")
    assert error["event"] == "update_position"
    await bea.event("position_updated", user_id=bea.person.id)
    found = (await there(ana.person, room))[bea.person.id]
    assert not (0 < found["x"] < 100 and 600 < found["y"] < 700)
    await walk(ana, 500, 500)
    await sees(bea, ana.person, 500, 500)

    async def comes_in():
        await walk(bea, 50, 660)
        return (await there(ana.person, room))[bea.person.id]["y"] == 660

    while not await comes_in():  # who was refused knocks again after a second
        pass


async def test_who_is_inside_locks_and_the_last_who_leaves_unlocks(people):
    room, ana, _bea, cleo = await three(people, areas=[LOCKABLE])
    area = (await ana.person.ask("GET", f"/rooms/{room}", 200)).json()["space"]["areas"][0]["id"]
    assert (await cleo.answer("lock_area", room_id=room, area_id=area, is_locked=True))["event"] == "error"
    await walk(ana, 350, 650)
    await sees(cleo, ana.person, 350, 650)

    await ana.ask("lock_area", room_id=room, area_id=area, is_locked=True)
    updated = await cleo.event("room_updated")
    assert updated["room"]["space"]["areas"][0]["locked_by"] == ana.person.id
    await walk(cleo, 350, 660)
    await cleo.event("error", code="area_locked")

    await walk(ana, 500, 500)
    await cleo.until(lambda: cleo.data("room_updated")[-1]["room"]["space"]["areas"][0]["locked_by"] is None)


async def test_who_is_in_a_booth_without_a_socket_speaks_into_it_after_a_restart_too(tmp_path):
    with Server(tmp_path) as server:
        ana, bea = [await sign_up(server.url, name) for name in ("ana", "bea")]
        room = await hall(ana, bea, areas=[BOOTH])
        await ana.ask("POST", "/room-users", 201, json={"room_id": room, "x": 590, "y": 100})
        await ana.ask("PATCH", f"/room-users/{room}", 200, json={"x": 650, "y": 100})
        talk = await until_found(lambda: talk_of(ana, room))

        server.kill()
        server.start()

        said = (await ana.ask("POST", f"/rooms/{room}/messages", 201, json={"content": "secret"})).json()
        assert said["room_id"] == talk
        assert await history(ana, talk) == ["secret"]
        assert await history(bea, room) == []


async def until_found(ask):
    """What is asked for again and again, until there is something."""
    while (found := await ask()) is None:
        await asyncio.sleep(0.05)
    return found


async def talk_of(person, room):
    talks = (await person.ask("GET", f"/rooms/{room}/talks", 200)).json()["items"]
    return talks[0]["id"] if talks else None


NEXT_DOOR = {"name": "Next door", "x": 800, "y": 0, "width": 200, "height": 200, "is_private": True}


async def test_who_looks_in_next_door_and_turns_back_is_still_in_the_booth_or_says_nothing(people):
    room, ana, bea, cleo = await three(people, areas=[BOOTH, NEXT_DOOR])
    for client, x in ((ana, 650), (bea, 700)):
        await walk(client, x, 100)
        await sees(cleo, client.person, x, 100)
    talk = (await ana.ask("send_message", room_id=room, message="one"))["talk_id"]

    for turn in range(12):
        await walk(ana, 850, 100)
        await walk(ana, 650 + turn, 100)
        said = await ana.answer("send_message", room_id=room, message=f"secret {turn}")
        assert said["event"] == "error" or said["data"]["talk_id"] == talk
    await sees(cleo, ana.person, 661, 100)
    while (said := await ana.answer("send_message", room_id=room, message="at last"))["event"] == "error":
        assert said["data"]["code"] == "not_there"
    assert said["data"]["talk_id"] == talk
    await cleo.say("done")
    await cleo.event("message_received", message="done")
    assert texts(cleo) == ["done"]


async def test_nobody_gets_into_a_locked_area_on_a_chair(people):
    room, ana, bea, cleo = await three(people, areas=[LOCKABLE | {"is_private": True}])
    inside = await put(ana.person, room, "chair", 340, 640, metadata={"movable": True})
    outside = await put(ana.person, room, "chair", 500, 300, metadata={"movable": True})
    area = (await ana.person.ask("GET", f"/rooms/{room}", 200)).json()["space"]["areas"][0]["id"]
    for client, x in ((ana, 350), (bea, 360)):
        await walk(client, x, 650)
        await sees(cleo, client.person, x, 650)
    await ana.until(lambda: any(data["room"]["parent_id"] == room for data in ana.data("room_state")))
    await ana.ask("lock_area", room_id=room, area_id=area, is_locked=True)
    dan = await people("dan")
    await dan.ask("POST", f"/rooms/{room}/join", 200)

    for thing, action, params in ((inside, "sit", {}), (inside, "move", {"x": 10, "y": 10})):
        body = {"room_id": room, "target_object_id": thing["id"], "action": action, "params": params}
        assert (await dan.ask("POST", "/tools", 403, json=body)).json()["code"] == "out_of_reach"
    await cleo.ask("use_tool", room_id=room, target_object_id=outside["id"], action="sit")
    ride = {"room_id": room, "target_object_id": outside["id"], "action": "move", "params": {"x": 350, "y": 660}}
    assert (await cleo.answer("use_tool", **ride))["data"]["code"] == "occupied"
    move = {"x": 350, "y": 660}
    await ana.person.ask("PATCH", f"/objects/{outside['id']}", 409, json=move)
    await ana.ask("send_message", room_id=room, message="secret", nearby=True)
    await bea.event("message_received", message="secret")
    await cleo.say("done")
    await cleo.event("message_received", message="done")
    assert texts(cleo) == ["done"]


async def test_who_sits_down_outside_is_not_in_the_booth_any_more(people):
    room, ana, bea, cleo = await three(people, areas=[BOOTH])
    chair = await put(ana.person, room, "chair", 300, 500)
    for client, x in ((ana, 650), (bea, 700)):
        await walk(client, x, 100)
        await sees(cleo, client.person, x, 100)
    await ana.ask("send_message", room_id=room, message="inside")
    await bea.event("message_received", message="inside")

    await bea.ask("use_tool", room_id=room, target_object_id=chair["id"], action="sit")
    await sees(cleo, bea.person, 316, 516)
    await bea.event("member_removed", user_id=bea.person.id)
    await ana.ask("send_message", room_id=room, message="secret")
    assert "talk_id" not in await bea.ask("send_message", room_id=room, message="hello, all")
    await cleo.event("message_received", message="hello, all")
    await bea.event("message_received", message="hello, all")
    assert "secret" not in texts(bea)


async def test_a_chair_within_an_area_is_out_of_reach_from_outside(people):
    room, ana, _bea, _ = await three(people, areas=[BOOTH])
    chair = await put(ana.person, room, "chair", 650, 50)

    refused = await ana.answer("use_tool", room_id=room, target_object_id=chair["id"], action="sit")

    assert refused["data"]["code"] == "out_of_reach"


async def test_one_comes_back_into_the_talk_that_one_was_in(people):
    room, ana, bea, cleo = await three(people, areas=[BOOTH])
    for client, x in ((ana, 650), (bea, 700)):
        await walk(client, x, 100)
        await sees(cleo, client.person, x, 100)
    talk = (await ana.ask("send_message", room_id=room, message="first"))["talk_id"]
    await bea.event("message_received", message="first")

    await bea.vanish()
    await ana.event("user_left", user_id=bea.person.id, room_id=room)
    await ana.ask("send_message", room_id=room, message="meanwhile")
    again = people.keep(await Cafe.open(bea.person, room))

    state = await again.until(lambda: next((d for d in again.data("room_state") if d["room_id"] == talk), None))
    assert [one["content"] for one in state["messages"]] == ["first", "meanwhile"]
    await ana.ask("send_message", room_id=room, message="then")
    await again.event("message_received", message="then")


async def test_who_is_kicked_hears_no_more_of_any_talk(people):
    room, ana, bea, _cleo = await three(people)
    talk = (await ana.ask("send_message", room_id=room, message="before", nearby=True))["talk_id"]
    await bea.event("message_received", message="before")

    await ana.person.ask("DELETE", f"/rooms/{room}/members/{bea.person.id}", 204)
    await bea.event("member_removed", user_id=bea.person.id, room_id=talk)
    assert (await bea.answer("send_message", room_id=talk, message="still?"))["event"] == "error"
    assert (await bea.answer("send_message", room_id=room, message="still?", nearby=True))["event"] == "error"
