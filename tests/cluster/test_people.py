"""People on two nodes: who is there, what they chose and whom they have blocked is one thing, whichever node one asks."""

import secrets

import pytest

from drivers import Cafe, Simple, sign_up
from serving import Server


@pytest.fixture
def nodes(tmp_path, pg_url, redis_url):
    shared = {
        "DATABASE_URL": pg_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PRESENCE_HOLD": "1",
    }
    with Server(tmp_path / "one", **shared) as one, Server(tmp_path / "two", **shared) as two:
        yield one, two


@pytest.fixture
async def clients():
    kept = []
    yield kept
    for client in kept:
        await client.close()


async def seen(by, person):
    return (await by.ask("GET", f"/users/{person.id}", 200)).json()["status"]


async def test_people_are_the_same_on_both_nodes(nodes, clients):
    one, two = nodes
    ana, bea, cleo = await sign_up(one.url, "ana"), await sign_up(two.url, "bea"), await sign_up(one.url, "cleo")
    there, third = await Cafe.open(bea), await Cafe.open(cleo)
    clients += [there, third]
    here = await Simple.open(ana)
    await there.event("presence_updated", user_id=ana.id, status="online")
    assert await seen(bea, ana) == await seen(cleo, ana) == "online"

    ana.base = two.url  # without a socket there
    await ana.ask("PATCH", "/users/me/status", 200, json={"status": "busy", "text": "Talk"})
    for client in (there, third):
        event = await client.event("presence_updated", user_id=ana.id, status="busy")
        assert event["text"] == "Talk"
    late = await Cafe.open(bea)
    clients.append(late)
    state = await late.event("room_state")
    assert {user["user_id"]: user["status"] for user in state["users"]}[ana.id] == "busy"

    await here.close()
    for client in (there, third):
        await client.event("presence_updated", user_id=ana.id, status="offline")
    assert await seen(bea, ana) == await seen(cleo, ana) == "offline"


async def test_a_block_made_on_one_node_holds_for_sockets_on_the_other(nodes, clients):
    one, two = nodes
    ana, bea, cleo = await sign_up(one.url, "ana"), await sign_up(two.url, "bea"), await sign_up(one.url, "cleo")
    blocker = await Cafe.open(bea)
    clients += [blocker, await Cafe.open(ana), await Cafe.open(cleo)]
    for client in clients:
        await client.say(f"from {client.person.name}")
    for client in clients:
        for other in clients:
            await client.hear(f"from {other.person.name}")  # all hear each other
    bea.base = one.url
    await bea.ask("PUT", f"/users/{ana.id}/block", 204)
    await clients[1].say("after the block")
    await blocker.hear("after the block")

    await clients[1].type()
    typed = []
    while not typed:  # until it is known whom she has blocked, she sees nobody typing
        other = await Cafe.open(cleo)
        clients.append(other)
        await other.type()
        await other.say(f"fence {len(clients)}")
        await blocker.hear(f"fence {len(clients)}")
        typed = [event.user_id for event in blocker.events() if event.kind == "typing"]
    assert typed == [cleo.id]
