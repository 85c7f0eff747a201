"""Two nodes on one PostgreSQL and one Valkey: one room for all, whichever node one is on, and whatever is killed."""

import asyncio
import secrets

import pytest

from drivers import Cafe, CafeV1, Simple, sign_up
from servers import valkey
from serving import Server

OFTEN = {"FRAME_RATE": "100000", "FRAME_BURST": "100000"}


@pytest.fixture
def bus():
    with valkey() as program:
        yield program


@pytest.fixture
def nodes(tmp_path, pg_url, bus):
    shared = {"DATABASE_URL": pg_url, "REDIS_URL": bus.url, "SECRET_KEY": secrets.token_urlsafe(48), **OFTEN}
    with Server(tmp_path / "one", **shared) as one, Server(tmp_path / "two", **shared) as two:
        yield one, two


@pytest.fixture
async def clients():
    kept = []
    yield kept
    for client in kept:
        await client.close()


async def at(node, person):
    """The same person, on that node."""
    person.base = node.url
    return person


async def test_what_is_said_on_one_node_is_heard_on_the_other_in_any_dialect(nodes, clients):
    one, two = nodes
    ana, bea = await sign_up(one.url, "ana"), await sign_up(two.url, "bea")
    clients += [await Cafe.open(ana), await Simple.open(bea)]
    here, there = clients

    await here.say("from one")
    await there.hear("from one")
    await there.say("from two")
    await here.hear("from two")

    await here.event("user_joined", user_id=bea.id)
    late = await CafeV1.open(await at(two, ana))
    clients.append(late)
    state = await late.event("room_state")
    assert {ana.id, bea.id} <= {user["user_id"] for user in state["users"]}


async def test_a_log_out_on_one_node_closes_the_socket_on_the_other(nodes):
    one, two = nodes
    ana = await sign_up(one.url, "ana")
    client = await Cafe.open(await at(two, ana))
    ana.base = one.url

    await ana.ask("POST", "/auth/logout", 204)

    assert (await client.closes())[0] == 4401


async def test_a_kick_on_one_node_silences_the_other(nodes, clients):
    one, two = nodes
    owner, guest = await sign_up(one.url, "owner"), await sign_up(two.url, "guest")
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Shared"})).json()["id"]
    clients += [await Cafe.open(owner, room), await Cafe.open(guest, room)]
    await clients[0].say("before")
    await clients[1].hear("before")

    await owner.ask("DELETE", f"/rooms/{room}/members/{guest.id}", 204)
    await clients[0].ask("send_message", room_id=room, message="after")
    await clients[1].event("member_removed", user_id=guest.id)

    assert (await clients[1].answer("ping"))["event"] == "pong"
    assert "after" not in clients[1].texts()


async def test_one_resumes_on_the_other_node(nodes, clients):
    one, two = nodes
    ana, bea = await sign_up(one.url, "ana"), await sign_up(two.url, "bea")
    here, there = await Cafe.open(ana), await Cafe.open(bea)
    clients.append(there)
    await here.say("heard")
    await here.hear("heard")
    last = (await here.event("message_received", message="heard"))["seq"]
    epoch = next(frame for frame in here.heard if frame["event"] == "ack")["data"]["epoch"]
    await here.vanish()
    for n in range(5):
        await there.ask("send_message", room_id=1, message=f"missed {n}")

    again = await Cafe.connect(await at(two, ana))
    clients.append(again)
    ack = await again.join(1, after=last, epoch=epoch)
    await again.event("caught_up")

    assert ack["result"] == "resumed"
    assert again.texts() == [f"missed {n}" for n in range(5)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_nothing_is_lost_or_doubled_while_valkey_is_away(nodes, bus, clients, fault):
    one, two = nodes
    ana, bea = await sign_up(one.url, "ana"), await sign_up(two.url, "bea")
    clients += [await Cafe.open(ana), await CafeV1.open(bea)]
    said = 0

    async def talk(count: int) -> None:
        nonlocal said
        for _ in range(count):
            for client in clients:
                await client.ask("send_message", room_id=1, message=f"m{said}", nonce=f"n{said}")
                said += 1

    await talk(20)
    getattr(bus, fault)()
    await talk(50)
    for client in clients:
        await client.until(lambda client=client: len(client.texts()) >= said, "all that was said")
    bus.start() if fault == "kill" else bus.thaw()
    await talk(20)
    for client in clients:
        await client.until(lambda client=client: len(client.texts()) >= said, "all that was said")

    for client in clients:
        seqs = [data["seq"] for data in client.data("message_received", "member_added")]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert client.texts() == [f"m{n}" for n in range(said)]


@pytest.mark.timeout(120)
async def test_a_node_that_is_killed_takes_nothing_with_it(nodes, clients):
    one, two = nodes
    ana, bea = await sign_up(one.url, "ana"), await sign_up(two.url, "bea")
    here, there = await Cafe.open(ana), await Cafe.open(bea)
    clients.append(there)
    acked = {}

    async def talk() -> None:
        for n in range(10_000):
            acked[f"m{n}"] = (await here.ask("send_message", room_id=1, message=f"m{n}", nonce=f"n{n}"))["seq"]

    talking = asyncio.create_task(talk())
    await there.until(lambda: len(there.texts()) > 100, "a hundred messages")
    one.kill()
    await asyncio.gather(talking, return_exceptions=True)
    last = f"m{len(acked)}"
    again = await Cafe.connect(await at(two, ana))
    clients.append(again)
    answer = await again.ask("send_message", room_id=1, message=last, nonce=f"n{len(acked)}")
    await there.hear(last)

    heard = {data["message"]: data["seq"] for data in there.data("message_received")}
    assert acked.items() <= heard.items()
    assert heard[last] == answer["seq"]
    assert there.texts() == [f"m{n}" for n in range(len(acked) + 1)]
