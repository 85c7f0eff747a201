"""Public sockets on two nodes: who says something is heard by who has come to the other one."""

import asyncio

import pytest

from driver_rooms import Public
from serving import Server


@pytest.fixture
def nodes(tmp_path, redis_url):
    """They share nothing but the backplane: there is nothing to store."""
    with Server(tmp_path / "one", REDIS_URL=redis_url) as one, Server(tmp_path / "two", REDIS_URL=redis_url) as two:
        yield one, two


async def test_what_is_said_on_one_node_is_heard_once_on_both(nodes):
    one, two = nodes
    ana, ben, cleo = await Public.open(one.url), await Public.open(one.url), await Public.open(two.url)

    async with asyncio.timeout(10):
        while not ben.texts() or not cleo.texts():  # as soon as the nodes hear each other
            await ana.say("anybody there?")
            await asyncio.sleep(0.05)
    await ana.say("from one")
    for other in (ben, cleo):
        frame = await other.frame("message", content="from one")
        assert frame["client_id"] == ana.client_id
    await cleo.say("from two")
    for other in (ana, ben):
        frame = await other.frame("message", content="from two")
        assert frame["client_id"] == cleo.client_id
    for client in (ana, ben, cleo):
        await client.ping()
    assert [client.texts().count("from one") for client in (ana, ben, cleo)] == [0, 1, 1]
    assert [client.texts().count("from two") for client in (ana, ben, cleo)] == [1, 1, 0]
    for client in (ana, ben, cleo):
        await client.close()
