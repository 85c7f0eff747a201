"""Sockets that hear all rooms of their users, on two nodes: rooms that come to be are heard from their first message on."""

import secrets

import pytest

from driver_direct import Direct, call
from drivers import sign_up
from servers import valkey
from serving import Server


@pytest.fixture
def bus():
    with valkey() as program:
        yield program


@pytest.fixture
def nodes(tmp_path, pg_url, bus):
    shared = {"DATABASE_URL": pg_url, "REDIS_URL": bus.url, "SECRET_KEY": secrets.token_urlsafe(48)}
    with Server(tmp_path / "one", **shared) as one, Server(tmp_path / "two", **shared) as two:
        yield one, two


@pytest.fixture
async def two_people(nodes):
    one, two = nodes
    ana, bea = await sign_up(one.url, "ana"), await sign_up(two.url, "bea")
    here, there = await Direct.open(ana), await Direct.open(bea)
    yield here, there
    await here.close()
    await there.close()


async def test_the_first_message_ever_to_somebody_on_the_other_node_arrives_and_is_delivered(two_people):
    here, there = two_people
    await here.tell(there.person, "hello")
    heard = await there.frame("message", content="hello")
    told = await here.frame("delivered")
    assert (told["message_id"], told["user_id"]) == (heard["id"], str(there.person.id))
    [message] = (await call(here.person, "GET", f"/messages/conversation/{there.person.id}", 200)).json()
    assert (message["status"], message["id"]) == ("delivered", heard["id"])


async def test_it_arrives_also_while_the_nodes_do_not_hear_each_other(two_people, bus):
    here, there = two_people
    await here.tell(there.person, "before")
    await there.frame("message", content="before")
    bus.kill()
    cleo = await sign_up(here.person.base, "cleo")
    await call(cleo, "POST", "/messages/", 201, json={"recipient_id": str(there.person.id), "content": "first"})
    await call(cleo, "POST", "/messages/", 201, json={"recipient_id": str(there.person.id), "content": "second"})
    await there.frame("message", content="second")
    from_cleo = [frame["content"] for frame in there.frames("message", sender_id=str(cleo.id))]
    assert from_cleo == ["first", "second"]
