"""Who is there, as two nodes see it over a real Valkey: whichever node one is on, and whatever becomes of that node."""

import asyncio

import pytest

from fanout_world import MemoryLog, MemoryPeople, World, until
from tertulia.domain.events import BlocksChanged, PresenceUpdated, UserTyping
from tertulia.domain.roles import Status
from tertulia.fanout import RedisBackplane, occupancy
from tertulia.store import Committed

ANA, BEN, CLEO, DAN = 1, 2, 3, 4
HOLD = 0.8
"""Seconds; longer than a word between nodes takes on a busy machine."""


class Cluster:
    def __init__(self, url):
        self.url, self.log = url, MemoryLog()
        self.people = MemoryPeople({user: [1] for user in (ANA, BEN, CLEO, DAN)})
        self.nodes = []

    async def node(self):
        backplane = RedisBackplane(self.url, silence=0.4)
        node = World(self.log, backplane, people=self.people, presence_hold=HOLD)
        node.hub.on_notice = lambda notice: node.hub.blocks_changed(notice.user_id)
        await node.hub.start()
        self.nodes.append(node)
        await until(lambda: backplane.is_up, "the backplane is up")
        return node


@pytest.fixture
async def cluster(redis_url):
    cluster = Cluster(redis_url)
    yield cluster
    for node in cluster.nodes:
        await node.hub.stop()


@pytest.fixture
async def pair(cluster):
    return await cluster.node(), await cluster.node()


def entered(node, user_id, **options):
    client = node.client(user_id, **options)
    client.enter(1)
    return client


def told(client, user_id=ANA):
    return [frame["status"] for frame in client.heard("presence_updated") if frame["user_id"] == user_id]


def go(client):
    client.connection.socket.abort()


async def later(*watchers, node, user_id=DAN):
    """Somebody else comes and goes: what was due before that has been told."""
    other = node.client(user_id)
    for expected in ("online", "offline"):
        for watcher in watchers:
            await until(lambda w=watcher, e=expected: told(w, user_id)[-1:] == [e], f"{user_id} {expected}")
        go(other)


async def test_who_comes_and_goes_on_one_node_is_told_on_both_once(pair):
    here, there = pair
    ben, cleo = entered(here, BEN), entered(there, CLEO)
    ana = here.client(ANA)
    for watcher in (ben, cleo):
        await until(lambda w=watcher: told(w) == ["online"])
    assert there.hub.is_there(ANA)
    go(ana)
    for watcher in (ben, cleo):
        await until(lambda w=watcher: told(w) == ["online", "offline"])
    await later(ben, cleo, node=here)
    assert told(ben) == told(cleo) == ["online", "offline"]


async def test_moving_to_the_other_node_and_a_second_socket_there_are_no_event(pair):
    here, there = pair
    ben, cleo = entered(here, BEN), entered(there, CLEO)
    ana = here.client(ANA)
    for watcher in (ben, cleo):
        await until(lambda w=watcher: told(w) == ["online"])
    go(ana)
    moved = there.client(ANA)
    second = here.client(ANA)
    go(moved)
    await later(ben, cleo, node=there)
    assert told(ben) == told(cleo) == ["online"]
    go(second)
    await until(lambda: told(ben) == told(cleo) == ["online", "offline"])


async def test_what_one_chooses_on_either_node_is_shown_on_both(pair, cluster):
    here, there = pair
    ben, cleo = entered(here, BEN), entered(there, CLEO)
    entered(here, ANA)
    await until(lambda: told(ben) == told(cleo) == ["online"])
    for node, status in ((there, Status.BUSY), (here, Status.AWAY)):
        cluster.people.choose(ANA, status)
        node.hub.announce(PresenceUpdated(user_id=ANA, status=status.shown, text="", last_seen_at=None, room_ids=[1]))
        for watcher, at in ((ben, here), (cleo, there)):
            await until(lambda w=watcher, s=status: told(w)[-1:] == [s.value])
            assert at.hub.find_occupant(1, ANA).status == status.value
    third = await cluster.node()
    await until(lambda: third.hub.find_occupant(1, ANA) is not None)
    assert {one.user_id: one.status for one in third.hub.occupants(1)} == {ANA: "away", BEN: "online", CLEO: "online"}


async def test_the_invisible_are_so_on_all_nodes(pair, cluster):
    here, there = pair
    cluster.people.choose(ANA, Status.INVISIBLE)
    cleo = entered(there, CLEO)
    ana = entered(here, ANA, status=Status.INVISIBLE)
    await until(lambda: there.hub.find_occupant(1, ANA) is not None)
    assert there.hub.find_occupant(1, ANA).status == "offline"
    await later(cleo, node=here)
    go(ana)
    await later(cleo, node=here)
    assert told(cleo) == []
    assert ANA not in cluster.people.last_seen


async def test_who_was_on_a_node_that_is_lost_is_gone_and_noted(pair, cluster, monkeypatch):
    monkeypatch.setattr(occupancy, "SILENCE", 2.5)
    here, there = pair
    cleo = entered(there, CLEO)
    here.client(ANA)
    await until(lambda: told(cleo) == ["online"])
    await here.hub.backplane.stop()
    await until(lambda: told(cleo) == ["online", "offline"])
    assert ANA in cluster.people.last_seen


async def test_a_block_holds_on_the_other_node(pair, cluster):
    here, there = pair
    ana, cleo = entered(here, ANA), entered(there, CLEO)
    ben = entered(there, BEN)
    await until(lambda: here.hub.find_occupant(1, BEN) and there.hub.find_occupant(1, ANA))
    cluster.people.blocked[BEN] = {ANA}
    here.hub.publish(Committed(notices=[BlocksChanged(user_id=BEN)]))
    await until(lambda: BEN in there.hub._wishes.averse_to(ANA) and BEN not in there.hub._wishes.averse_to(CLEO))

    def typed(client):
        return [frame["user_id"] for frame in client.heard("user_typing")]

    for user_id in (ANA, CLEO):
        while user_id not in typed(cleo):  # until the other node is known to follow the room
            here.hub.announce(UserTyping(room_id=1, user_id=user_id, username="x"))
            await asyncio.sleep(0.01)
    await until(lambda: CLEO in typed(ben))
    assert ANA not in typed(ben)
    assert ANA in typed(ana)
