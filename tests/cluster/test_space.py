"""One space on two nodes: people see each other wherever they are connected, and no seat or area is taken twice."""

import asyncio
import secrets

import pytest

from drivers import Cafe, CafeV1, sign_up
from servers import valkey
from serving import Server
from walking import hall, place_of, put, sees, stand, there, walk


@pytest.fixture
def bus():
    with valkey() as program:
        yield program


@pytest.fixture
def nodes(tmp_path, pg_url, bus):
    shared = {"DATABASE_URL": pg_url, "REDIS_URL": bus.url, "SECRET_KEY": secrets.token_urlsafe(48), "SPACE_LEASE": "2"}
    with Server(tmp_path / "one", **shared) as one, Server(tmp_path / "two", **shared) as two:
        yield one, two


@pytest.fixture
async def clients():
    kept = []
    yield kept
    for client in kept:
        await client.close()


BOOTH = {"name": "Booth", "x": 600, "y": 0, "width": 200, "height": 200, "is_private": True, "capacity": 2}


async def two_people(nodes, clients, **space):
    ana, bea = [await sign_up(node.url, name) for node, name in zip(nodes, ("ana", "bea"), strict=True)]
    room = await hall(ana, bea, **space)
    clients += [await CafeV1.connect(ana), await Cafe.connect(bea)]
    for client, x in zip(clients, (100, 140), strict=True):
        await stand(client, room, x, 100)
    await clients[0].event("user_joined", user_id=bea.id)
    await clients[1].until(lambda: ana.id in {u["user_id"] for u in _known(clients[1])})
    return room, *clients


def _known(client):
    return [*client.data("room_state")[-1]["users"], *client.data("user_joined")]


async def test_steps_on_one_node_are_seen_on_the_other_and_walls_stand_on_both(nodes, clients):
    room, ana, bea = await two_people(nodes, clients)
    await walk(ana, 200, 300, direction="left")
    await sees(bea, ana.person, 200, 300)
    await put(ana.person, room, "wall", 300, 0, width=16, height=1000)
    await bea.event("object_placed")

    await walk(bea, 900, 100)

    await sees(bea, bea.person, 300, 100)
    await sees(ana, bea.person, 300, 100)
    assert (await there(ana.person, room))[bea.person.id]["x"] == 300


async def test_who_comes_to_the_second_node_later_is_shown_where_all_have_walked(nodes, clients):
    one, two = nodes
    ana = await sign_up(one.url, "ana")
    room = await hall(ana)
    clients.append(await Cafe.connect(ana))
    await stand(clients[0], room, 100, 100)
    await walk(clients[0], 777, 333)

    late = await sign_up(two.url, "late")
    clients.append(await Cafe.connect(late))
    await stand(clients[1], room, 10, 10)

    await sees(clients[1], ana, 777, 333)
    again = Cafe.connect(await _at(two, ana))
    clients.append(await again)
    await clients[-1].join(room)
    assert place_of(_in(clients[-1], room), ana) == (777, 333)


async def _at(node, person):
    person.base = node.url
    return person


def _in(client, room):
    client.room_id = room
    return client


async def test_of_two_nodes_one_seats_somebody_and_the_seat_of_a_killed_node_is_free_after_the_lease(nodes, clients):
    room, ana, bea = await two_people(nodes, clients)
    chair = (await put(ana.person, room, "chair", 400, 400))["id"]
    answers = await asyncio.gather(
        *(client.answer("use_tool", room_id=room, target_object_id=chair, action="sit") for client in (ana, bea))
    )
    assert sorted(answer["event"] for answer in answers) == ["ack", "error"]
    if answers[1]["event"] == "ack":
        await bea.ask("use_tool", room_id=room, target_object_id=chair, action="stand")
        await ana.ask("use_tool", room_id=room, target_object_id=chair, action="sit")

    nodes[0].kill()

    await bea.event("user_left", user_id=ana.person.id)
    while bea.data("tool_used")[-1]["object"]["occupied_by"] == ana.person.id:
        await bea.until(lambda: bea.data("tool_used")[-1]["action"] == "stand")
    assert (await bea.answer("use_tool", room_id=room, target_object_id=chair, action="sit"))["event"] == "ack"


async def test_those_who_stand_together_on_two_nodes_talk_nearby_and_within_areas(nodes, clients):
    room, ana, bea = await two_people(nodes, clients, areas=[BOOTH])
    formed = await ana.event("bubble", users=sorted([ana.person.id, bea.person.id]))
    assert await bea.event("bubble", bubble_id=formed["bubble_id"])

    first = await bea.ask("send_message", room_id=room, message="psst", nearby=True)
    await ana.event("message_received", message="psst", room_id=first["talk_id"])
    second = await ana.ask("send_message", room_id=room, message="yes?", nearby=True)
    assert second["talk_id"] == first["talk_id"]

    for client, other, x in ((ana, bea, 650), (bea, ana, 700)):
        await walk(client, x, 100)
        await sees(other, client.person, x, 100)
    inside = await ana.ask("send_message", room_id=room, message="secret")
    await bea.event("message_received", message="secret", room_id=inside["talk_id"])


async def test_one_talks_nearby_by_rest_on_a_node_where_nobody_is_in_the_space(nodes, clients):
    one, two = nodes
    ana, bea, cleo = [await sign_up(one.url, name) for name in ("ana", "bea", "cleo")]
    room = await hall(ana, bea, cleo)
    clients += [await Cafe.connect(person) for person in (ana, bea, cleo)]
    for client, x in zip(clients, (50, 90, 900), strict=True):
        await stand(client, room, x, 50)
    await walk(clients[0], 500, 500)
    await walk(clients[1], 540, 500)
    for client in clients:
        for person, x in ((ana, 500), (bea, 540)):
            if person is not client.person:
                await sees(client, person, x, 500)
    elsewhere = await _at(two, ana)
    while len(await there(elsewhere, room)) < 3:  # the nodes tell each other who is where
        await asyncio.sleep(0.05)

    said = {"content": "psst", "nearby": True}
    sent = (await elsewhere.ask("POST", f"/rooms/{room}/messages", 201, json=said)).json()

    assert sent["room_id"] != room
    await clients[1].event("message_received", message="psst", room_id=sent["room_id"])
    await clients[2].say("done")
    await clients[2].event("message_received", message="done")
    assert [data["message"] for data in clients[2].data("message_received")] == ["done"]
