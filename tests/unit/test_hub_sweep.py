"""What a hub does with time, and with sockets that should be no more."""

from datetime import UTC, datetime, timedelta

import pytest

from fanout_world import ROOM, Plain, World, sent, turns
from tertulia.domain.events import PresenceUpdated, SessionsEnded
from tertulia.domain.roles import Status
from tertulia.store import Committed

BEATING = Plain("beating", heartbeats=True)


class Time:
    """A clock that stands still until it is told."""

    def __init__(self):
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
async def world(clock):
    world = World(clock=clock, heartbeat_interval=2.0, slow_consumer_timeout=10.0, sockets_per_user=3, linger=0.0)
    await world.hub.start()
    yield world
    await world.hub.stop()


def seconds_pass(world, seconds=1):
    for _ in range(seconds):
        world.hub._sweep._began_at -= 1
        world.hub.sweep()


def close_of(client):
    assert client.socket.is_closed
    closes = client.heard("close")
    return closes[0]["reason"] if closes else None


# ---- heartbeats


async def test_a_heartbeat_names_the_heads_of_the_rooms_that_changed(world):
    ana = world.client(1, dialect=BEATING)
    for room in (1, 2, 3):
        ana.enter(room)
    await turns()
    seconds_pass(world, 2)
    world.say(room_id=1)
    world.commit(sent(), sent(), room_id=3)
    await turns()
    ana.got.clear()
    seconds_pass(world, 2)
    seconds_pass(world, 2)
    assert [beat["heads"] for beat in ana.heard("heartbeat")] == [{"1": 1, "3": 2}, {}]


async def test_heartbeats_are_spread_over_the_interval(world):
    clients = [world.client(user, dialect=BEATING) for user in range(1, 21)]
    seconds_pass(world)
    assert sum(len(client.heard("heartbeat")) for client in clients) == 10
    seconds_pass(world)
    assert all(len(client.heard("heartbeat")) == 1 for client in clients)


async def test_who_is_silent_for_two_intervals_is_closed_and_who_speaks_is_not(world):
    silent, speaking, other_dialect = (
        world.client(1, dialect=BEATING),
        world.client(2, dialect=BEATING),
        world.client(3),
    )
    for client in (silent, other_dialect):
        client.connection.last_heard -= 5
    seconds_pass(world, 2)
    assert close_of(silent) == "silent"
    assert silent.heard("bye")[0]["reason"] == "silent"
    assert not speaking.socket.is_closed
    assert not other_dialect.socket.is_closed


async def test_when_it_was_the_server_that_slept_nobody_is_closed_for_it(world):
    ana = world.client(1, dialect=BEATING)
    ana.connection.last_heard -= 100
    world.hub._sweep._turned_at -= 100
    seconds_pass(world, 2)
    assert not ana.socket.is_closed
    assert ana.heard("heartbeat")


# ---- ends


async def test_a_token_that_expires_closes_its_socket_and_a_renewed_one_does_not(world, clock):
    ana = world.client(1, expires_at=clock.now + timedelta(minutes=1))
    ben = world.client(2, expires_at=clock.now + timedelta(minutes=1))
    seconds_pass(world)
    assert not ana.socket.is_closed
    ben.connection.expires_at = clock.now + timedelta(hours=1)
    clock.now += timedelta(minutes=1)
    seconds_pass(world)
    assert close_of(ana) == "invalid_token"
    assert not ben.socket.is_closed


async def test_an_ended_session_closes_its_sockets_at_once(world):
    ana, anas_other, ben = world.client(1, session="a"), world.client(1, session="b"), world.client(2, session="c")
    told = []
    world.hub.on_notice = lambda notice: (told.append(notice), world.hub.end_sessions(notice.session_ids))
    world.hub.publish(Committed(notices=[SessionsEnded(session_ids=["a"])]))
    assert close_of(ana) == "invalid_token"
    assert told == [SessionsEnded(session_ids=["a"])]
    assert not anas_other.socket.is_closed
    assert not ben.socket.is_closed


async def test_who_reads_nothing_for_too_long_is_closed(world):
    slow, quick = world.client(1, high=10), world.client(2)
    slow.enter()
    quick.enter()
    slow.socket.stop_reading()
    world.say()
    await turns()
    seconds_pass(world, 2)
    assert not slow.socket.is_closed
    slow.connection.paused_since -= 11
    seconds_pass(world)
    assert slow.socket.is_closed
    assert world.hub.counters.slow_closed == 1
    assert not world.hub.is_in(slow.connection, ROOM)
    assert [left["reason"] for left in (await heard(quick, "user_left"))] == ["disconnected"]


async def heard(client, kind):
    await turns()
    return client.heard(kind)


async def test_one_socket_too_many_closes_the_one_that_was_silent_longest(world):
    clients = [world.client(1) for _ in range(3)]
    clients[1].connection.last_heard -= 10
    newest = world.client(1)
    assert [client.socket.is_closed for client in clients] == [False, True, False]
    assert close_of(clients[1]) == "too_many_sockets"
    assert not newest.socket.is_closed
    assert len(world.hub.connections_of(1)) == 3


async def test_a_room_that_nobody_hears_is_forgotten_after_a_while(world):
    ana = world.client(1)
    ana.enter()
    seconds_pass(world, 3)
    assert list(world.hub.rooms) == [ROOM]
    ana.exit()
    seconds_pass(world, 2)
    assert not world.hub.rooms
    world.say()
    ana.enter(position=1)
    world.say()
    await turns()
    assert ana.seqs() == [2]


# ---- who is in a room


async def test_others_are_told_of_a_users_first_socket_and_of_the_last(world):
    watcher, first, second = world.client(9), world.client(1), world.client(1)
    watcher.enter()
    await turns()
    first.enter(x=1.0, y=2.0)
    second.enter(x=3.0, y=4.0)
    await turns()
    assert [(one["user_id"], one["x"]) for one in watcher.heard("user_joined")] == [(1, 1.0)]
    assert not first.heard("user_joined")
    assert {(one.user_id, one.x) for one in world.hub.occupants(ROOM)} == {(9, None), (1, 3.0)}
    first.exit()
    await turns()
    assert not watcher.heard("user_left")
    second.socket.close()
    await turns()
    assert [(one["user_id"], one["reason"]) for one in watcher.heard("user_left")] == [(1, "disconnected")]
    assert [one.user_id for one in world.hub.occupants(ROOM)] == [9]


async def test_one_may_hear_a_room_without_being_in_it(world):
    watcher, ana = world.client(9), world.client(1)
    watcher.enter()
    ana.enter(is_present=False)
    world.say()
    ana.exit()
    await turns()
    assert ana.seqs() == [1]
    assert not watcher.heard("user_joined")
    assert not watcher.heard("user_left")


async def test_presence_is_told_once_to_each_who_shares_a_room_and_to_oneself(world):
    ana, ben, cleo, dan = (world.client(user) for user in (1, 2, 3, 4))
    for room in (1, 2):
        ana.enter(room)
        ben.enter(room)
    cleo.enter(2)
    dan.enter(3)
    await turns()
    world.hub.announce(PresenceUpdated(user_id=1, status=Status.AWAY, text="", last_seen_at=None, room_ids=[1, 2, 4]))
    assert [len(client.heard("presence_updated")) for client in (ana, ben, cleo, dan)] == [1, 1, 1, 0]
