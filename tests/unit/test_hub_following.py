"""Connections that hear all rooms of their users without being in them, and those that they join later."""

import pytest
from msgspec.structs import replace

from fanout_world import ROOM, MemoryLog, World, added, removed, room_deleted, sent, turns, until
from tertulia.domain.errors import Unavailable
from tertulia.domain.events import UserTyping
from tertulia.fanout import LocalBackplane
from tertulia.fanout.following import MOST_ENDED, Following
from tertulia.store import Committed

OTHER = 2


@pytest.fixture
async def world():
    world = World()
    await world.hub.start()
    yield world
    await world.hub.stop()


class Air(LocalBackplane):
    """Carries words to all others on it, unless it is *deaf* to them."""

    def __init__(self, others):
        super().__init__()
        self._others = others
        self.hear = None
        self.is_deaf = False
        others.append(self)

    async def start(self, hear, look):
        self.hear = hear

    def send(self, word, room_id=None):
        for other in self._others:
            if other is not self and other.hear and not other.is_deaf:
                other.hear(self.node, word)


@pytest.fixture
async def nodes():
    log, others = MemoryLog(), []
    one, two = (World(log, Air(others), look_every=0.02, look_every_deaf=0.02) for _ in range(2))
    await one.hub.start()
    await two.hub.start()
    yield one, two
    await one.hub.stop()
    await two.hub.stop()


# ---- rooms that there are


async def test_who_listens_hears_all_their_rooms_from_their_ends_on_and_is_in_none(world):
    ben = world.client(2)
    ben.enter()
    world.say("before")
    world.say("before", room_id=OTHER)
    await turns()
    ana = world.client(1)
    ana.listen((ROOM, 1), (OTHER, 1))
    world.say("after")
    world.say("after", room_id=OTHER)
    world.say("elsewhere", room_id=3)
    await turns()
    assert (ana.seqs(ROOM), ana.seqs(OTHER), ana.seqs(3)) == ([2], [2], [])
    assert [one.user_id for one in world.hub.occupants(ROOM)] == [2]
    assert not ben.heard("user_joined")
    ana.socket.close()
    await turns()
    assert not ben.heard("user_left")


async def test_what_is_said_while_one_is_told_of_their_rooms_is_not_missed(world):
    keeper, ana = world.client(9), world.client(1)
    keeper.enter()
    world.hub.follow(ana.connection)
    for _ in range(3):
        world.say()
    await turns()
    ana.listen((ROOM, 1))
    assert not ana.got, "what the session answers comes first"
    await until(lambda: ana.seqs() == [2, 3])


async def test_to_listen_again_changes_nothing(world):
    ana = world.client(1)
    ana.listen((ROOM, 0))
    world.say()
    await turns()
    ana.listen((ROOM, 0), (OTHER, 0))
    world.say()
    world.say(room_id=OTHER)
    await turns()
    assert (ana.seqs(), ana.seqs(OTHER)) == ([1, 2], [1])


async def test_hundreds_of_rooms_are_begun_a_few_at_a_time_and_nothing_is_missed(world):
    ana = world.client(1)
    rooms = range(1, 501)
    ana.listen(*((room_id, 0) for room_id in rooms))
    assert 0 < len(ana.connection.rooms) < 100
    assert all(world.hub.is_in(ana.connection, room_id) for room_id in rooms)
    for room_id in rooms:
        world.say(room_id=room_id)
    await until(lambda: all(ana.seqs(room_id) == [1] for room_id in rooms))


async def test_who_goes_while_their_rooms_are_begun_leaves_nothing_behind(world):
    ana = world.client(1)
    ana.listen(*((room_id, 0) for room_id in range(1, 501)))
    ana.socket.close()
    await turns()
    assert not ana.connection.rooms
    world.hub.follow(ana.connection)
    ana.listen((ROOM, 0))
    world.join(1, OTHER)
    assert not ana.connection.rooms


# ---- being in a room as well


async def test_who_listens_may_be_in_a_room_too_and_hears_on_when_they_leave_it(world):
    ana, ben = world.client(1), world.client(2)
    ben.enter()
    ana.listen((ROOM, 0), (OTHER, 0))
    ana.exit()
    ana.enter()
    ana.enter()
    world.say()
    await turns()
    ana.exit()
    ana.exit()
    world.say()
    await turns()
    assert ana.seqs() == [1, 2]
    assert [one["user_id"] for one in ben.heard("user_joined")] == [1]
    assert [(one["user_id"], one["reason"]) for one in ben.heard("user_left")] == [(1, "left")]
    ana.enter()
    await turns()
    ana.socket.close()
    await turns()
    assert [len(ben.heard(kind)) for kind in ("user_joined", "user_left")] == [2, 2]


async def test_one_who_is_in_a_room_goes_on_being_in_it_when_they_begin_to_listen(world):
    ana, ben = world.client(1), world.client(2)
    ben.enter()
    ana.enter()
    world.say()
    await turns()
    ana.listen((ROOM, 1))
    world.say()
    await turns()
    assert ana.seqs() == [1, 2]
    assert {one.user_id for one in world.hub.occupants(ROOM)} == {1, 2}


async def test_another_socket_of_theirs_is_in_the_room_or_not_by_itself(world):
    listener, socket, ben = world.client(1), world.client(1), world.client(2)
    ben.enter()
    listener.listen((ROOM, 0))
    socket.enter()
    await turns()
    socket.exit()
    await turns()
    assert [len(ben.heard(kind)) for kind in ("user_joined", "user_left")] == [1, 1]
    assert not world.hub.is_in(socket.connection, ROOM)


async def test_what_is_of_the_moment_is_heard_by_who_listens(world):
    ana, ben = world.client(1), world.client(2)
    ana.listen((ROOM, 0))
    world.hub.announce(UserTyping(room_id=ROOM, user_id=2, username="user2"))
    ben.enter()
    await turns()
    assert [one["user_id"] for one in ana.heard("user_typing")] == [2]
    assert [one["present"] for one in ana.heard("user_joined")] == [[2]]


# ---- rooms that come to be


async def test_a_room_that_one_becomes_a_member_of_is_heard_at_once_and_nothing_is_read_for_it(world):
    ana = world.client(1)
    ana.listen((ROOM, 0))
    world.commit(added(9), room_id=OTHER)
    world.join(1, OTHER, sent("first"))
    world.say("second", room_id=OTHER)
    await turns()
    assert ana.seqs(OTHER) == [2, 3, 4]
    assert not world.log.reads
    assert not world.hub.occupants(OTHER)


async def test_many_who_come_into_a_new_room_together_hear_it_each_from_their_own_place(world):
    people = [world.client(user_id) for user_id in range(1, 11)]
    for client in people:
        client.listen()
    placed = [world.log.append(added(user_id)) for user_id in range(1, 11)]
    notices = [replace(world.join(99, 3), user_id=one.user_id, room_id=ROOM, seq=one.seq) for one in placed]
    world.hub.publish(Committed(events=placed, notices=notices))
    world.say()
    await until(lambda: all(client.seqs() and client.seqs()[-1] == 11 for client in people))
    for user_id, client in enumerate(people, 1):
        assert client.seqs() == list(range(user_id, 12))
    assert not world.log.reads


async def test_a_room_that_others_hear_already_is_heard_from_where_one_came(world):
    ana, ben = world.client(1), world.client(2)
    ben.enter()
    ana.listen()
    for _ in range(3):
        world.say()
    await turns()
    world.say()
    world.join(1)
    world.say()
    await turns()
    assert ana.seqs() == [5, 6]
    assert ben.seqs() == [1, 2, 3, 4, 5, 6]


async def test_a_membership_that_begins_before_one_knows_their_rooms_is_kept_for_then(world):
    ana = world.client(1)
    world.hub.follow(ana.connection)
    world.join(1)
    world.join(1, OTHER)
    world.say()
    await turns()
    assert not ana.got
    ana.listen((OTHER, 1))
    await until(lambda: ana.seqs() == [1, 2])
    assert ana.seqs(OTHER) == []
    assert set(ana.connection.rooms) == {ROOM, OTHER}


async def test_who_does_not_listen_hears_nothing_of_what_they_have_not_entered(world):
    ana = world.client(1)
    world.join(1)
    world.say()
    await turns()
    assert not ana.got


async def test_who_lags_when_they_come_into_a_room_hears_all_of_it_later(world):
    ana = world.client(1, high=10)
    ana.listen((ROOM, 0))
    ana.socket.stop_reading()
    world.say()
    await turns()
    world.join(1, OTHER)
    world.say(room_id=OTHER)
    await turns()
    assert not ana.got
    ana.socket.read_on()
    await until(lambda: ana.seqs(OTHER) == [1, 2])
    assert ana.seqs() == [1]


# ---- rooms that end


async def test_who_is_removed_from_a_room_hears_no_more_of_it_and_the_others_on(world):
    ana = world.client(1)
    ana.listen((ROOM, 0), (OTHER, 0))
    world.leave(1)
    world.commit(sent(), sent(), room_deleted(), room_id=OTHER)
    world.say()
    world.join(1, 3)
    await turns()
    assert (ana.seqs(), ana.seqs(OTHER), ana.seqs(3)) == ([1], [1, 2, 3], [1])
    assert ana.removed_from == [ROOM, OTHER]
    assert not ana.socket.is_closed
    assert ana.heard("member_removed")[0]["own"]


async def test_who_comes_back_hears_the_room_again_from_there_on(world):
    ana = world.client(1)
    ana.listen((ROOM, 0))
    world.leave(1)
    await turns()
    world.say()
    world.join(1)
    world.say()
    await turns()
    assert ana.seqs() == [1, 3, 4]


async def test_who_is_removed_and_let_in_again_in_one_commit_hears_the_room_on(world):
    ana, ben = world.client(1), world.client(2)
    ben.enter()
    ana.listen((ROOM, 0))
    ana.enter()
    await turns()
    notice = replace(world.join(1, 3), room_id=ROOM, seq=4)
    placed = [world.log.append(event) for event in (sent(), removed(1), sent(), added(1), sent())]
    world.hub.publish(Committed(events=placed, notices=[notice]))
    await turns()
    world.say()
    await turns()
    assert ana.seqs() == [1, 2, 4, 5, 6]
    assert ben.seqs() == [1, 2, 3, 4, 5, 6]
    assert [one["reason"] for one in ben.heard("user_left")] == ["removed"]
    assert [one.user_id for one in world.hub.occupants(ROOM)] == [2]


async def test_a_notice_that_comes_late_brings_nothing_back(world):
    ana = world.client(1)
    ana.listen((ROOM, 0))
    notice = world.join(1, OTHER)
    await turns()
    world.leave(1, OTHER)
    await turns()
    world.hub.publish(Committed(notices=[notice]))
    world.say(room_id=OTHER)
    await turns()
    assert ana.seqs(OTHER) == [1, 2]


async def test_a_notice_that_comes_twice_changes_nothing(world):
    ana = world.client(1)
    ana.listen((ROOM, 0))
    notice = world.join(1, OTHER)
    for _ in range(3):
        world.say(room_id=OTHER)
        world.hub.publish(Committed(notices=[notice]))
        await turns()
    assert ana.seqs(OTHER) == [1, 2, 3, 4]


# ---- other nodes, and what is lost between them


async def test_a_room_joined_on_one_node_is_heard_on_all_the_others(nodes):
    one, two = nodes
    ana = two.client(1)
    ana.listen()
    one.join(1)
    one.say("first")
    one.say("second")
    await until(lambda: ana.seqs() == [1, 2, 3])


async def test_a_notice_that_is_lost_is_found_by_looking_and_nothing_is_missed(nodes):
    one, two = nodes
    ana = two.client(1)
    ana.listen()
    two.hub.backplane.is_deaf = True
    one.join(1)
    one.say("first")
    one.say("second")
    await until(lambda: ana.seqs() == [1, 2, 3])
    one.say("third")
    await until(lambda: ana.seqs() == [1, 2, 3, 4])


async def test_looks_go_on_after_one_that_failed(nodes):
    one, two = nodes
    ana = two.client(1)
    ana.listen()
    two.hub.backplane.is_deaf = True
    one.log.is_down = True
    one.join(1)
    with pytest.raises(Unavailable):
        await one.log.joined_since(None)
    await turns()
    assert not ana.got
    one.log.is_down = False
    await until(lambda: ana.seqs() == [1])


# ---- what has come to somebody


@pytest.fixture
def delivered(world):
    told = []
    world.hub.on_delivered = lambda connection, room_id, seq: told.append((connection.user_id, room_id, seq))
    return told


def to(user_id, by=1):
    return replace(sent(user_id=by), recipient_id=user_id)


async def test_that_a_direct_message_was_written_is_told_once_for_all_of_one_turn(world, delivered):
    ana, ben, bens_other = world.client(1), world.client(2), world.client(2)
    for client in (ana, ben, bens_other):
        client.listen((ROOM, 0))
    world.commit(to(2), to(2), to(1, by=2), to(2), sent())
    world.say()
    await turns()
    assert sorted(delivered) == [(1, ROOM, 3), (2, ROOM, 4)]
    assert ana.seqs() == ben.seqs() == bens_other.seqs() == [1, 2, 3, 4, 5, 6]


async def test_what_is_written_to_nobody_is_delivered_to_nobody(world, delivered):
    ana, ben = world.client(1), world.client(2, high=10)
    ana.enter()
    world.commit(to(2))
    await turns()
    ben.enter(position=1)
    ben.socket.stop_reading()
    world.commit(to(2))
    await turns()
    assert delivered == [(2, ROOM, 2)], "it paused only while it was given this"
    world.commit(to(2))
    await turns()
    assert delivered == [(2, ROOM, 2)]
    ben.socket.read_on()
    await turns()
    assert delivered == [(2, ROOM, 2), (2, ROOM, 3)]


async def test_what_one_catches_up_with_is_delivered_too(world, delivered):
    world.commit(*[to(2) for _ in range(3)], *[to(1, by=2) for _ in range(3)])
    ben = world.client(2)
    ben.enter(backlog=True)
    await until(lambda: ben.heard("caught_up"))
    assert delivered == [(2, ROOM, 3)]


async def test_of_a_room_that_is_not_direct_nobody_is_told(world, delivered):
    clients = [world.client(user_id) for user_id in (1, 2)]
    for client in clients:
        client.enter(backlog=True)
    world.commit(sent(), sent(user_id=2))
    await turns()
    assert clients[1].seqs() == [1, 2]
    assert not delivered


def test_a_connection_that_hears_many_rooms_end_remembers_the_last_of_them():
    following = Following(None, connections_of=None, hear=None, clock=None, look_every=1.0)
    connection = object()
    following.follow(connection)
    for room_id in range(1, 2 * MOST_ENDED):
        following.ended(connection, room_id, 5)
    kept = following._followers[connection].ended
    assert list(kept) == list(range(MOST_ENDED, 2 * MOST_ENDED))
