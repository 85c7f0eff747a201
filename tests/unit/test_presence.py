"""Presence: what is held back, what is told in the end, and what is noted of who goes."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from fanout_world import MemoryPeople, World, turns, until
from tertulia.domain.events import PresenceUpdated, UserTyping
from tertulia.domain.roles import Status
from tertulia.fanout.presence import AT_ONCE, Gone, Hold
from tertulia.fanout.wishes import WishList

ANA, BEN, CLEO = 1, 2, 3
NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOLD = 0.05


class Held:
    """A `Hold` of three seconds, and what it said when."""

    def __init__(self):
        self.hold = Hold(3.0)

    def come(self, now, user_id=ANA):
        self.hold.come(user_id, now)

    def go(self, now, user_id=ANA):
        self.hold.go(user_id, now, NOW + timedelta(seconds=now), is_ours=True)

    def told(self, now):
        """What is told of whom at that moment: True for a coming, the moment for a going."""
        found = [(user_id, self.hold.settle(user_id, now)) for user_id in self.hold.due(now)]
        return [
            (user_id, (one.at - NOW).total_seconds() if isinstance(one, Gone) else one)
            for user_id, one in found
            if one is not False
        ]


@pytest.fixture
def held():
    return Held()


# ---- what is held


def test_a_coming_is_told_when_it_has_lasted(held):
    held.come(0)
    assert held.hold.next_due() == 3
    assert held.told(2.9) == []
    assert held.told(3) == [(ANA, True)]
    assert held.told(9) == []
    assert held.hold.next_due() is None


def test_a_going_is_told_when_it_has_lasted_with_the_moment_it_began(held):
    held.go(10)
    assert held.told(12.9) == []
    assert held.told(20) == [(ANA, 10)]
    assert held.told(30) == []


def test_who_is_back_in_time_was_never_away(held):
    held.go(10)
    held.come(12.9)
    assert held.hold.next_due() is None
    assert held.told(30) == []


def test_who_comes_and_goes_at_once_is_told_to_be_gone(held):
    """Somebody may have seen them meanwhile."""
    held.come(0)
    held.go(1)
    assert held.told(3) == []
    assert held.told(4) == [(ANA, 1)]
    assert held.told(9) == []


def test_a_connection_that_breaks_again_and_again_is_told_once(held):
    held.come(0)
    for moment in (1, 2):
        held.go(moment)
        held.come(moment + 0.5)
    assert held.told(3) == [(ANA, True)]
    assert held.told(9) == []


def test_what_everybody_was_told_just_now_is_not_told_again(held):
    held.come(0)
    held.hold.tell(ANA)
    assert held.told(9) == []


def test_what_was_looked_up_before_somebody_changed_is_old(held):
    held.go(0)
    assert held.hold.due(3) == [ANA]
    held.hold.tell(ANA)
    assert held.hold.settle(ANA, 3) is False
    assert held.told(3) == [(ANA, 0)]


def test_who_comes_back_while_they_are_looked_up_was_never_away(held):
    held.go(0)
    assert held.hold.due(3) == [ANA]
    held.come(3.1)
    assert held.hold.settle(ANA, 3.2) is False
    assert held.told(9) == []


def test_a_crowd_is_looked_up_piece_by_piece(held):
    crowd = range(1, AT_ONCE + 11)
    for user_id in crowd:
        held.come(0, user_id)
    held.go(1, 1)
    first = held.told(3)
    assert len(first) == AT_ONCE
    assert [user_id for user_id, _ in first + held.told(3)] == list(crowd[1:])
    assert held.told(4) == [(1, 1)]


# ---- on a node


@pytest.fixture
def people():
    return MemoryPeople({ANA: [1], BEN: [1], CLEO: [2]})


@pytest.fixture
def world(people):
    return World(people=people, presence_hold=HOLD)


def told(client, user_id=ANA):
    return [frame["status"] for frame in client.heard("presence_updated") if frame["user_id"] == user_id]


def choose(world, people, user_id, status, text=""):
    """As SetStatus does."""
    people.choose(user_id, status)
    world.hub.announce(
        PresenceUpdated(user_id=user_id, status=status.shown, text=text, last_seen_at=None, room_ids=[1])
    )


async def test_those_in_a_shared_room_are_told_who_comes_and_goes(world, people):
    ben, cleo = world.client(BEN), world.client(CLEO)
    ben.enter(1)
    cleo.enter(2)
    ana = world.client(ANA)
    assert world.hub.is_there(ANA)
    assert told(ben) == []
    await until(lambda: told(ben) == ["online"])

    ana.connection.socket.abort()
    assert world.hub.is_there(ANA)
    await until(lambda: told(ben) == ["online", "offline"])
    assert not world.hub.is_there(ANA)
    assert told(cleo) == []
    assert list(people.last_seen) == [ANA]


async def test_a_second_socket_and_a_reload_are_no_event(world, people):
    ben, ana = world.client(BEN), world.client(ANA)
    ben.enter(1)
    await until(lambda: told(ben) == ["online"])

    second = world.client(ANA)
    ana.connection.socket.abort()
    second.connection.socket.abort()
    world.client(ANA)
    cleo = world.client(CLEO)
    people.rooms[CLEO] = [1]
    await until(lambda: told(ben, CLEO) == ["online"])  # and so whatever was due before has been told
    cleo.connection.socket.abort()
    await until(lambda: told(ben, CLEO) == ["online", "offline"])
    assert told(ben) == ["online"]
    assert ANA not in people.last_seen


async def test_of_a_crowd_that_comes_at_once_all_are_told_together(world, people):
    crowd = range(10, 60)
    people.rooms |= {user_id: [1, 3] for user_id in crowd}
    ben = world.client(BEN)
    for room in (1, 3):
        ben.enter(room)
    await until(lambda: told(ben, BEN) == ["online"])
    written = []
    write, ben.connection.write = ben.connection.write, lambda data: [written.append(data), write(data)]
    clients = [world.client(user_id) for user_id in crowd]
    await until(lambda: told(ben, crowd[-1]) == ["online"])
    assert [told(ben, user_id) for user_id in crowd] == [["online"]] * len(crowd)
    assert len(written) < 5  # one, unless this machine is very busy
    assert told(clients[0], crowd[0]) == ["online"]
    assert told(clients[0], crowd[1]) == []


async def test_the_invisible_come_and_go_unseen(world, people):
    people.choose(ANA, Status.INVISIBLE)
    ben, ana = world.client(BEN), world.client(ANA, status=Status.INVISIBLE)
    ben.enter(1)
    ana.enter(1)
    await turns()
    assert {one.username: one.status for one in world.hub.occupants(1)} == {"user1": "offline", "user2": "online"}
    cleo = world.client(CLEO)
    people.rooms[CLEO] = [1]
    await until(lambda: told(ben, CLEO) == ["online"])
    ana.connection.socket.abort()
    cleo.connection.socket.abort()
    await until(lambda: told(ben, CLEO) == ["online", "offline"])
    assert told(ben) == []
    assert list(people.last_seen) == [CLEO]


async def test_what_one_chooses_is_told_at_once_and_once(world, people):
    ben, ana = world.client(BEN), world.client(ANA)
    ben.enter(1)
    ana.enter(1)
    choose(world, people, ANA, Status.AWAY)
    assert told(ben) == ["away"]
    assert world.hub.find_occupant(1, ANA).status == "away"
    choose(world, people, ANA, Status.INVISIBLE)
    assert told(ben) == ["away", "offline"]
    assert world.hub.occupants(1)[-1].status == "offline"
    choose(world, people, ANA, Status.BUSY)
    cleo = world.client(CLEO)
    people.rooms[CLEO] = [1]
    await until(lambda: told(ben, CLEO) == ["online"])
    assert told(ben) == told(ana) == ["away", "offline", "busy"]
    cleo.connection.socket.abort()


async def test_whatever_one_chooses_who_is_not_there_is_offline(world, people):
    ben = world.client(BEN)
    ben.enter(1)
    choose(world, people, ANA, Status.BUSY, "lunch")
    (frame,) = ben.heard("presence_updated")
    assert (frame["status"], frame["text"]) == ("offline", "lunch")

    ana = world.client(ANA, status=Status.BUSY)
    await until(lambda: told(ben) == ["offline", "busy"])
    ana.connection.socket.abort()


async def test_a_status_that_changed_elsewhere_is_found_out(world, people):
    """The word of another node was lost."""
    ana = world.client(ANA)
    ana.enter(1)
    people.choose(ANA, Status.BUSY)
    world.hub._look(None)
    await until(lambda: world.hub.find_occupant(1, ANA).status == "busy")


async def test_a_status_that_changed_while_somebody_connected_is_found_out(world, people):
    """Their token was looked up just before."""
    choose(world, people, ANA, Status.AWAY)
    ana = world.client(ANA, status=Status.ONLINE)
    ana.enter(1)
    await until(lambda: world.hub.find_occupant(1, ANA).status == "away")


async def test_a_store_that_is_away_delays_and_loses_nothing(world, people, caplog):
    ben = world.client(BEN)
    ben.enter(1)
    await until(lambda: told(ben, BEN) == ["online"])
    people.is_down = True
    ana = world.client(ANA)
    people.blocked[BEN] = {ANA}
    world.hub.blocks_changed(BEN)
    reads = people.reads
    await until(lambda: people.reads >= reads + 2)
    people.is_down = False
    await until(lambda: told(ben) == ["online"])
    await until(lambda: set(world.hub._wishes.averse_to(ANA)) == {BEN} and not world.hub._wishes.averse_to(CLEO))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    ana.connection.socket.abort()


async def test_all_who_go_with_the_node_are_noted(world, people):
    people.choose(CLEO, Status.INVISIBLE)
    ana, _ben, _cleo = world.client(ANA), world.client(BEN), world.client(CLEO, status=Status.INVISIBLE)
    ana.connection.socket.abort()
    await world.hub._wishes.stop()
    await world.hub._presence.stop(world.hub._users.keys())
    assert sorted(people.last_seen) == [ANA, BEN]


# ---- typing


def typing(client):
    return [frame["user_id"] for frame in client.heard("user_typing")]


def types(world, user_id, room_id=1):
    world.hub.announce(UserTyping(room_id=room_id, user_id=user_id, username=f"user{user_id}"))


async def test_who_has_blocked_somebody_does_not_see_them_typing(world, people):
    ben, cleo = world.client(BEN, blocked=[ANA]), world.client(CLEO)
    for client in (ben, cleo):
        client.enter(1)
    for user_id in (ANA, CLEO, BEN):
        types(world, user_id)
    await until(lambda: len(typing(cleo)) == 3)
    assert typing(ben) == [CLEO, BEN]
    assert people.reads == 0

    people.blocked[BEN] = {CLEO}
    world.hub.blocks_changed(BEN)
    await until(lambda: set(world.hub._wishes.averse_to(CLEO)) == {BEN} and not world.hub._wishes.averse_to(ANA))
    types(world, ANA)
    types(world, CLEO)
    await until(lambda: len(typing(cleo)) == 5)
    assert typing(ben) == [CLEO, BEN, ANA]


async def test_until_it_is_known_whom_they_have_blocked_they_see_nobody_typing(world, people):
    people.gate.clear()
    ben, cleo = world.client(BEN), world.client(CLEO)
    for client in (ben, cleo):
        client.enter(1)
    people.blocked[BEN] = {ANA}
    world.hub.blocks_changed(BEN)
    types(world, ANA)
    types(world, CLEO)
    await until(lambda: len(typing(cleo)) == 2)
    people.gate.set()
    await until(lambda: not world.hub._wishes.averse_to(CLEO))
    types(world, CLEO)
    await until(lambda: typing(ben) == [CLEO])


async def test_an_answer_that_was_overtaken_by_a_change_does_not_count(world, people):
    people.gate.clear()
    world.client(BEN)
    world.hub.blocks_changed(BEN)
    await until(lambda: people.reads == 1)
    people.blocked[BEN] = {ANA}
    world.hub.blocks_changed(BEN)
    people.gate.set()
    await until(lambda: not world.hub._wishes.averse_to(CLEO))
    assert set(world.hub._wishes.averse_to(ANA)) == {BEN}


async def test_a_block_while_somebody_connects_is_found_out(world, people):
    """Their token was looked up just before."""
    people.blocked[BEN] = {ANA}
    world.hub.blocks_changed(BEN)
    world.client(BEN)
    await until(lambda: set(world.hub._wishes.averse_to(ANA)) == {BEN})


async def test_who_goes_leaves_no_wishes_behind(world, people):
    people.gate.clear()
    ben = world.client(BEN, blocked=[ANA, CLEO])
    wishes = world.hub._wishes
    assert set(wishes.averse_to(CLEO)) == {BEN}
    people.blocked[BEN] = {ANA}
    world.hub.blocks_changed(BEN)
    await turns()
    ben.connection.socket.abort()
    people.gate.set()
    await until(lambda: wishes._task is None)
    kept = (wishes._blocked, wishes._blockers, wishes._here, wishes._wanted, wishes._asked, wishes._unknown)
    assert not any(kept)
    world.hub.blocks_changed(BEN)
    assert wishes._task is None


def test_what_changed_long_ago_is_forgotten():
    now = [0.0]
    wishes = WishList(None, found=lambda user_id, status: None, now=lambda: now[0])
    for user_id in range(100):
        now[0] += 1
        wishes.note(user_id)
        wishes.note(0)
    assert list(wishes._changed_at) == [*range(89, 100), 0]
