"""Two nodes over a Valkey that works, dies, freezes and comes back. The log is in memory, and is the truth."""

import asyncio

import pytest

from fanout_world import ROOM, MemoryLog, World, removed, sent, turns, until
from servers import Program, valkey
from tertulia.domain.events import SessionsEnded, UserTyping
from tertulia.fanout import RedisBackplane
from tertulia.fanout.backplane import Happened, Heads, encoder
from tertulia.store import Committed

NEVER = 10_000.0


class Cluster:
    """Nodes that share a log, and hear of each other over *url*."""

    def __init__(self, url):
        self.url, self.log, self.nodes = url, MemoryLog(), []

    async def node(self, *, silence=0.4, **settings):
        world = World(self.log, RedisBackplane(self.url, silence=silence), **settings)
        await world.hub.start()
        self.nodes.append(world)
        await until(lambda: world.hub.backplane.is_up, "the backplane is up")
        return world

    async def pair(self, **settings):
        return await self.node(**settings), await self.node(**settings)

    async def stop(self):
        for node in self.nodes:
            await node.hub.stop()


@pytest.fixture
async def cluster(redis_url):
    cluster = Cluster(redis_url)
    yield cluster
    await cluster.stop()


@pytest.fixture
async def fragile():
    """A Valkey of one's own, to be ill-treated, and a cluster on it."""
    with valkey() as server:
        cluster = Cluster(server.url)
        yield server, cluster
        await cluster.stop()


async def followed(*nodes):
    """Until the server has confirmed that these nodes hear the room: what it does with a first word for it."""
    for node in nodes:
        before = node.hub.backplane.heard
        other = next(other for other in nodes if other is not node)

        def is_heard(node=node, other=other, before=before):
            other.hub.announce(UserTyping(room_id=ROOM, user_id=77, username="prober"))
            return node.hub.backplane.heard > before

        await until(is_heard, "the room is followed")


def entered(node, user_id):
    client = node.client(user_id)
    client.enter(position=len(node.log.rooms.get(ROOM, ())))
    return client


# ---- all well


async def test_what_one_node_commits_the_other_hears_without_a_look_at_the_log(cluster):
    here, there = await cluster.pair(look_every=NEVER)
    ana, ben = entered(here, 1), entered(there, 2)
    await followed(here, there)
    reads = cluster.log.reads
    for _ in range(100):
        here.say()
        there.say()
        await turns(2)
    await until(lambda: len(ana.seqs()) == len(ben.seqs()) == 200)
    assert ana.seqs() == ben.seqs() == list(range(1, 201))
    assert cluster.log.reads - reads < 10


async def test_a_kick_on_one_node_ends_the_hearing_on_the_other(cluster):
    here, there = await cluster.pair()
    ana, ben = entered(here, 1), entered(there, 2)
    await followed(here, there)
    here.commit(sent(), removed(2), sent())
    await until(lambda: len(ana.seqs()) == 3 and ben.removed_from)
    assert ben.seqs() == [1, 2]


async def test_typing_and_notices_reach_the_other_node_once(cluster):
    here, there = await cluster.pair()
    ana, ben = entered(here, 1), entered(there, 2)
    await followed(here, there)
    ben.got.clear()
    notices = []
    here.hub.on_notice = there.hub.on_notice = notices.append
    here.hub.announce(UserTyping(room_id=ROOM, user_id=1, username="user1"), skip=ana.connection)
    here.hub.publish(Committed(notices=[SessionsEnded(session_ids=["x"])]))
    await until(lambda: len(notices) == 2 and any(one["user_id"] == 1 for one in ben.heard("user_typing")))
    await turns(50)
    assert len(notices) == 2
    assert not [one for one in ana.heard("user_typing") if one["user_id"] == 1]


async def test_a_word_of_another_version_is_passed_over(cluster):
    node = await cluster.node()
    backplane = node.hub.backplane
    backplane._take(b"deadbeef" + b"\xff\x00nonsense")
    backplane._take(b"deadbeef" + encoder.encode(["in_the_future", 1, 2]))
    backplane._take(b"")
    assert backplane.unreadable == 3
    assert backplane.is_up


async def test_a_room_that_is_forgotten_is_followed_no_longer(cluster, valkey_server):
    import redis

    node = await cluster.node(linger=0.0)
    ana = entered(node, 1)
    channel = f"tertulia:room:{ROOM}"
    with redis.Redis.from_url(valkey_server.url, decode_responses=True) as client:
        await until(lambda: dict(client.pubsub_numsub(channel))[channel] == 1)
        ana.exit()
        node.hub.sweep()
        node.hub.sweep()
        await until(lambda: dict(client.pubsub_numsub(channel))[channel] == 0)


# ---- the server is ill


async def test_nothing_is_lost_while_the_server_is_dead_or_after(fragile: tuple[Program, Cluster]):
    server, cluster = fragile
    here, there = await cluster.pair(look_every=0.3, look_every_deaf=0.02)
    ana, ben = entered(here, 1), entered(there, 2)
    await followed(here, there)
    for number in range(60):
        here.say()
        there.say()
        if number == 20:
            server.kill()
        if number == 40:
            await until(lambda: len(ana.seqs()) == len(ben.seqs()) == 82, "heard although the server is dead")
            assert not here.hub.backplane.is_up
            server.start()
        await asyncio.sleep(0.01)
    await until(lambda: len(ana.seqs()) == len(ben.seqs()) == 120)
    assert ana.seqs() == ben.seqs() == list(range(1, 121))
    await until(lambda: here.hub.backplane.is_up and there.hub.backplane.is_up)
    await followed(here, there)


async def test_a_frozen_server_is_noticed(fragile: tuple[Program, Cluster]):
    server, cluster = fragile
    here, there = await cluster.pair(look_every=NEVER, look_every_deaf=0.02)
    ana, ben = entered(here, 1), entered(there, 2)
    await followed(here, there)
    server.freeze()
    here.say()
    await until(lambda: not there.hub.backplane.is_up, "the silence is noticed")
    await until(lambda: ben.seqs() == ana.seqs() == [1])
    server.thaw()
    await until(lambda: there.hub.backplane.is_up and here.hub.backplane.is_up)
    here.say()
    await until(lambda: ben.seqs() == ana.seqs() == [1, 2])


async def test_a_node_starts_without_its_server():
    with valkey() as server:
        server.kill()
        cluster = Cluster(server.url)
        node = World(cluster.log, RedisBackplane(server.url, silence=0.4), look_every=NEVER, look_every_deaf=0.02)
        await node.hub.start()
        ana = entered(node, 1)
        node.say()
        node.commit(sent(), publish=False)
        await until(lambda: ana.seqs() == [1, 2])
        server.start()
        await until(lambda: node.hub.backplane.is_up)
        await node.hub.stop()


async def test_of_what_could_not_be_said_the_others_are_told_the_heads(redis_url):
    heard = []
    here, there = RedisBackplane(redis_url), RedisBackplane(redis_url)
    for seq in range(1, 5_010):
        here.send(Happened([sent().placed(ROOM, seq, seq)]), ROOM)
    await there.start(lambda node, word: heard.append(word), lambda room_ids: None)
    await until(lambda: there.is_up)
    await here.start(lambda node, word: None, lambda room_ids: None)
    await until(lambda: heard)
    assert heard == [Heads({ROOM: 5_009})]
    assert here.dropped == 9
    await here.stop()
    await there.stop()


async def test_words_that_were_under_way_when_the_server_died_are_told_as_heads_later(fragile: tuple[Program, Cluster]):
    server, cluster = fragile
    backplane = (await cluster.node()).hub.backplane
    server.kill()
    backplane.send(Happened([sent().placed(ROOM, 7, 7)]), ROOM)
    await until(lambda: backplane.dropped)
    await until(lambda: backplane._unsaid == {ROOM: 7} or backplane._waiting)
    server.start()
    await until(lambda: backplane._all_said.is_set() and not backplane._unsaid)


async def test_what_can_not_be_said_is_dropped_and_not_kept_without_bound():
    backplane = RedisBackplane("redis://127.0.0.1:1/0")
    for number in range(6_000):
        backplane.send(Happened([sent().placed(ROOM, number + 1, 1)]), ROOM)
    assert len(backplane._waiting) == 5_000
    assert backplane.dropped == 1_000
    assert backplane._unsaid == {ROOM: 6_000}


# ---- who is in a room, on all nodes


def names(node):
    return sorted(one.username for one in node.hub.occupants(ROOM))


async def test_a_room_is_one_room_on_two_nodes(cluster):
    here, there = await cluster.pair()
    ana, ben = entered(here, 1), entered(there, 2)
    await until(lambda: names(here) == names(there) == ["user1", "user2"])
    await until(lambda: len(ana.heard("user_joined")) == 1)
    ben.exit()
    await until(lambda: names(here) == ["user1"] and ana.heard("user_left"))
    assert [one["reason"] for one in ana.heard("user_left")] == ["left"]


async def test_a_user_on_two_nodes_arrives_once_and_leaves_with_the_last_socket(cluster):
    here, there = await cluster.pair()
    watcher, first = entered(here, 9), entered(here, 1)
    await until(lambda: names(there) == ["user1", "user9"])
    second = entered(there, 1)
    await until(lambda: here.hub._occupancy._rooms[ROOM][1].nodes)
    first.exit()
    await until(lambda: not there.hub._occupancy._rooms[ROOM][1].nodes)
    assert len(watcher.heard("user_joined")) == 1
    assert not watcher.heard("user_left")
    second.exit()
    await until(lambda: watcher.heard("user_left"))
    assert names(here) == names(there) == ["user9"]


async def test_a_node_that_starts_later_learns_who_is_there(cluster):
    here = await cluster.node()
    entered(here, 1)
    there = await cluster.node()
    await until(lambda: names(there) == ["user1"])


async def test_a_node_that_died_takes_its_users_with_it(cluster):
    here, there = await cluster.pair()
    ana = entered(here, 1)
    entered(there, 2)
    await until(lambda: names(here) == ["user1", "user2"])
    await there.hub.backplane.stop()
    for peer in here.hub._occupancy._peers.values():
        peer.heard_at -= 100
    here.hub.sweep()
    here.hub.sweep()
    await until(lambda: ana.heard("user_left"))
    assert [(one["user_id"], one["reason"]) for one in ana.heard("user_left")] == [(2, "disconnected")]


async def test_who_came_and_went_while_the_server_was_dead_is_known_afterwards(fragile: tuple[Program, Cluster]):
    server, cluster = fragile
    here, there = await cluster.pair()
    ana, ben, cleo = entered(here, 1), entered(there, 2), entered(there, 3)
    await until(lambda: names(here) == ["user1", "user2", "user3"])
    server.kill()
    await until(lambda: not here.hub.backplane.is_up)
    ben.exit()
    entered(there, 4)
    server.start()
    await until(lambda: names(here) == names(there) == ["user1", "user3", "user4"])
    assert [one["user_id"] for one in ana.heard("user_left")] == [2]
    assert not cleo.socket.is_closed
