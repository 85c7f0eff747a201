"""What a hub's connections hear, in the room's order, and each thing once."""

import asyncio
from time import monotonic

import pytest

from fanout_world import (
    NOW,
    ROOM,
    MemoryLog,
    Plain,
    World,
    added,
    deleted,
    edited,
    removed,
    room_deleted,
    sent,
    turns,
    until,
)
from tertulia.domain.events import SHOWN_OCCUPANTS, MemberAdded, MemberUpdated, RoomUpdated, UserTyping
from tertulia.domain.models import Room
from tertulia.domain.roles import RoomKind, RoomRole


@pytest.fixture
async def world():
    world = World()
    await world.hub.start()
    yield world
    await world.hub.stop()


async def small_ring(**settings):
    world = World(ring=4, **settings)
    await world.hub.start()
    return world


# ---- live


async def test_everybody_in_the_room_hears_a_commit_its_author_too(world):
    ana, ben, cleo = world.client(1), world.client(2), world.client(3)
    ana.enter()
    ben.enter()
    cleo.enter(2)
    world.say("hello", user_id=1)
    await turns()
    assert [one["content"] for one in ana.heard("message_sent")] == ["hello"]
    assert [one["content"] for one in ben.heard("message_sent")] == ["hello"]
    assert not cleo.heard("message_sent")


async def test_what_one_turn_of_the_loop_brings_goes_out_in_one_write(world):
    ana = world.client(1)
    ana.enter()
    await turns()
    for _ in range(50):
        world.say()
    await turns()
    assert ana.seqs() == list(range(1, 51))
    assert ana.socket.writes == 1


async def test_a_frame_is_built_once_for_all_of_a_dialect(world):
    one, other = Plain("one"), Plain("other")
    clients = [world.client(user, dialect=dialect) for user in range(1, 21) for dialect in (one, other)]
    for client in clients:
        client.enter()
    await turns()
    one.encoded = other.encoded = 0
    world.say()
    await turns()
    assert all(client.seqs() == [1] for client in clients)
    assert (one.encoded, other.encoded) == (1, 1)


async def test_an_author_sees_more_on_all_their_sockets_and_nobody_else_does(world):
    mine = [world.client(1), world.client(1), world.client(1, dialect=Plain("other"))]
    others = [world.client(2), world.client(3, dialect=Plain("other"))]
    for client in mine + others:
        client.enter()
    world.say("first")
    world.say("with a nonce", user_id=1, nonce="n1")
    world.say("last", user_id=2)
    await turns()
    assert [[one["own"] for one in client.heard("message_sent")] for client in mine] == [[False, True, False]] * 3
    assert [[one["own"] for one in client.heard("message_sent")] for client in others] == [[False] * 3] * 2


async def test_a_member_who_is_removed_is_told_so_as_themselves_and_nobody_else_is(world):
    ana, ben, bens_other = world.client(1), world.client(2), world.client(2, dialect=Plain("other"))
    slow = world.client(2, high=10)
    for client in (ana, ben, bens_other, slow):
        client.enter()
    slow.socket.stop_reading()
    world.say()
    await turns()
    world.commit(removed(2))
    await turns()
    slow.socket.read_on()
    assert [one["own"] for one in ana.heard("member_removed")] == [False]
    for client in (ben, bens_other, slow):
        assert [one["own"] for one in client.heard("member_removed")] == [True]


async def test_one_who_catches_up_to_their_removal_is_told_so_as_themselves(world):
    world.commit(sent(), removed(2))
    ben = world.client(2)
    ben.enter(backlog=True)
    await until(lambda: ben.removed_from)
    assert [one["own"] for one in ben.heard("member_removed")] == [True]


async def test_who_comes_and_who_goes_is_told_with_those_who_are_there(world):
    ana, ben, cleo = world.client(1), world.client(2), world.client(3)
    ana.enter()
    ben.enter()
    cleo.enter()
    await turns()
    assert [one["present"] for one in ana.heard("user_joined")] == [[1, 2], [1, 2, 3]]
    ben.exit()
    await turns()
    assert [one["present"] for one in ana.heard("user_left")] == [[1, 3]]


async def test_of_a_crowd_the_first_are_named(world):
    ana = world.client(1)
    ana.enter()
    for user_id in range(2, SHOWN_OCCUPANTS + 20):
        world.client(user_id).enter()
    await turns()
    assert ana.heard("user_joined")[-1]["present"] == list(range(1, SHOWN_OCCUPANTS + 1))


async def test_nobody_hears_twice_what_their_snapshot_covered(world):
    ana, ben = world.client(1), world.client(2)
    ana.enter()
    world.say()
    world.say()
    ben.enter(position=2)  # in the same turn, before anything was written
    world.say()
    await turns()
    assert ana.seqs() == [1, 2, 3]
    assert ben.seqs() == [3]


async def test_who_left_hears_what_came_before_and_nothing_after(world):
    ana = world.client(1)
    ana.enter()
    world.say()
    ana.exit()
    world.say()
    await turns()
    assert ana.seqs() == [1]
    assert not world.hub.is_in(ana.connection, ROOM)


async def test_a_snapshot_ahead_of_this_node_is_waited_for(world):
    ana, ben = world.client(1), world.client(2)
    ana.enter()
    await turns()
    events = world.commit(sent(), sent(), publish=False)  # by another node: not heard of here yet
    ben.enter(position=2)
    world.say()
    assert len(events) == 2
    await until(lambda: ana.seqs() == [1, 2, 3] and ben.seqs() == [3])


async def test_a_publish_that_is_lost_is_found_by_a_look_at_the_heads():
    world = World(look_every=0.02)
    await world.hub.start()
    ana = world.client(1)
    ana.enter()
    await turns()
    world.commit(sent(), sent(), publish=False)
    await until(lambda: ana.seqs() == [1, 2])
    await world.hub.stop()


async def test_a_hole_is_mended_although_the_store_is_down_for_a_while():
    world = World(look_every=0.02)
    await world.hub.start()
    ana = world.client(1)
    ana.enter()
    await turns()
    world.log.is_down = True
    world.commit(sent(), publish=False)
    world.say()
    await until(lambda: world.hub.counters.failed_reads > 2)
    assert not ana.seqs()
    world.log.is_down = False
    await until(lambda: ana.seqs() == [1, 2])
    await world.hub.stop()


async def test_what_was_committed_before_the_first_came_in_is_not_missed(world):
    world.commit(sent())
    ana = world.client(1)
    world.commit(sent())  # after the snapshot that ana has, before there is a feed
    ana.enter(position=1)
    await until(lambda: ana.seqs() == [2])


async def test_a_doubled_publish_is_heard_once(world):
    ana = world.client(1)
    ana.enter()
    event = world.say()
    world.hub._rooms.feed(ROOM, [event])
    await turns()
    world.hub._rooms.feed(ROOM, [event])
    await turns()
    assert ana.seqs() == [1]
    assert world.hub.counters.doubled == 2


# ---- resuming


@pytest.mark.parametrize("after", [0, 3, 250, 298, 300])
async def test_one_who_resumes_gets_all_after_their_place_then_is_live(after):
    world = await small_ring()
    keeper = world.client(9)
    keeper.enter()
    for _ in range(300):
        world.say()
        if len(world.log.rooms[ROOM]) % 7 == 0:
            await turns(1)
    await turns()
    ana = world.client(1)
    ana.enter(position=after, backlog=True)
    assert not ana.got, "what the session answers comes first"
    await until(lambda: ana.heard("caught_up"))
    world.say()
    await turns()
    assert ana.seqs() == list(range(after + 1, 302))
    kinds = [frame["type"] for frame in ana.got]
    assert kinds == ["message_sent"] * (300 - after) + ["caught_up", "message_sent"]
    assert ana.heard("caught_up")[0]["seq"] == 300
    await world.hub.stop()


async def test_one_may_resume_into_a_room_that_nobody_hears(world):
    world.commit(*[sent() for _ in range(250)])
    ana = world.client(1)
    ana.enter(position=20, backlog=True)
    await until(lambda: ana.heard("caught_up"))
    assert ana.seqs() == list(range(21, 251))


async def test_those_who_come_back_together_share_the_pages_they_read():
    world = await small_ring()
    keeper = world.client(999)
    keeper.enter()
    world.commit(*[sent() for _ in range(1000)])
    await turns()
    clients = [world.client(user) for user in range(1, 301)]
    for place, client in enumerate(clients):
        client.enter(position=place % 90, backlog=True)
    await until(lambda: all(client.heard("caught_up") for client in clients))
    assert all(client.seqs() == list(range(place % 90 + 1, 1001)) for place, client in enumerate(clients))
    assert world.log.reads < 15
    await world.hub.stop()


async def test_entering_again_goes_on_from_the_place_that_is_given(world):
    ana = world.client(1)
    ana.enter()
    world.say()
    world.say()
    await turns()
    ana.enter(position=1, backlog=True)
    await until(lambda: ana.heard("caught_up"))
    world.say()
    await turns()
    assert ana.seqs() == [1, 2, 2, 3]
    assert not ana.heard("user_joined")


async def test_a_log_that_reaches_back_no_further_ends_in_a_hang_up_not_in_silence():
    world = await small_ring()
    keeper = world.client(9)
    keeper.enter()
    world.commit(*[sent() for _ in range(300)])
    await turns()
    whole, world.log.rooms[ROOM] = world.log.rooms[ROOM], world.log.rooms[ROOM]

    async def read_log(wanted, limit):
        return {ROOM: ([event for event in whole if event.seq > max(wanted[0][1], 150)][:limit], 300)}

    world.log.read_log = read_log
    ana = world.client(1)
    ana.enter(position=20, backlog=True)
    await until(lambda: ana.socket.is_closed)
    assert not ana.seqs()
    await world.hub.stop()


# ---- slow sockets


async def test_a_socket_that_does_not_read_is_given_no_more_and_then_misses_nothing(world):
    slow, quick = world.client(1, high=2000), world.client(2)
    slow.enter()
    quick.enter()
    await turns()
    slow.socket.stop_reading()
    for _ in range(100):
        world.say("x" * 100)
        await turns(2)
    assert quick.seqs() == list(range(1, 101))
    assert slow.connection.paused_since is not None
    assert len(slow.socket._waiting) < 3000
    slow.socket.read_on()
    await until(lambda: len(slow.seqs()) == 100)
    world.say()
    await turns()
    assert slow.seqs() == quick.seqs() == list(range(1, 102))


async def test_a_socket_may_pause_and_resume_again_and_again_while_it_catches_up():
    world = await small_ring()
    slow, quick = world.client(1, high=3000), world.client(2)
    slow.enter()
    quick.enter()
    for _ in range(500):
        world.say("x" * 100)
        if len(world.log.rooms[ROOM]) % 3 == 0:
            slow.socket.stop_reading()
            await turns(1)
        if len(world.log.rooms[ROOM]) % 31 == 0:
            slow.socket.read_on()
            await turns(2)
    slow.socket.read_on()
    await until(lambda: len(slow.seqs()) >= 500 and len(quick.seqs()) >= 500)
    assert slow.seqs() == quick.seqs() == list(range(1, 501))
    assert world.hub.counters.lagging > 5
    await world.hub.stop()


async def test_a_socket_that_pauses_in_the_middle_of_a_flush_has_what_it_was_given(world):
    slow = world.client(1, high=10)  # pauses with each write
    others = [world.client(user) for user in range(2, 5)]
    for client in [*others[:1], slow, *others[1:]]:
        client.enter()
    await turns()
    slow.socket.stop_reading()
    world.say()
    world.say()
    await turns()
    world.say()
    await turns()
    slow.socket.read_on()
    await until(lambda: len(slow.seqs()) == 3)
    assert all(client.seqs() == [1, 2, 3] for client in [slow, *others])


async def test_a_jump_of_the_feed_loses_nothing_for_those_who_are_live(world):
    ana, ben = world.client(1), world.client(2)
    ana.enter()
    ben.enter()
    await turns()
    world.commit(*[sent() for _ in range(5000)], publish=False)
    world.say()
    await until(lambda: len(ana.seqs()) >= 5001 and len(ben.seqs()) >= 5001)
    world.say()
    await turns()
    assert ana.seqs() == ben.seqs() == list(range(1, 5003))
    assert world.hub.counters.jumped == 1


async def test_a_batch_larger_than_the_ring_reaches_those_who_are_live_without_the_log():
    world = await small_ring()
    ana = world.client(1)
    ana.enter()
    await turns()
    world.commit(*[sent() for _ in range(400)])
    await turns()
    assert ana.seqs() == list(range(1, 401))
    assert not world.log.reads
    await world.hub.stop()


# ---- rights follow the log


async def test_a_kicked_member_hears_of_it_and_nothing_more(world):
    ana, ben, bens_other = world.client(1), world.client(2), world.client(2)
    for client in (ana, ben, bens_other):
        client.enter()
    world.commit(sent(), removed(2), sent())  # in one batch
    world.say()
    await turns()
    assert ana.seqs() == [1, 2, 3, 4]
    assert ben.seqs() == bens_other.seqs() == [1, 2]
    assert not world.hub.is_in(ben.connection, ROOM)
    assert ben.removed_from == bens_other.removed_from == [ROOM]
    assert [left["reason"] for left in ana.heard("user_left")] == ["removed"]


async def test_membership_events_alone_end_a_subscription_at_their_place_in_the_log(world):
    ana, ben = world.client(1), world.client(2)
    ana.enter()
    ben.enter()
    about_ben = {"user_id": 2, "username": "user2", "role": RoomRole.MEMBER, "by": 1, "created_at": NOW}
    room = Room(id=ROOM, kind=RoomKind.CHANNEL, name="shut", is_private=True, created_at=NOW, updated_at=NOW)
    said = world.say(user_id=2)
    world.commit(
        edited(said, "bye"),
        deleted(said),
        MemberAdded(**about_ben),
        MemberUpdated(**about_ben),
        RoomUpdated(user_id=1, room=room, created_at=NOW),
        removed(3),
    )
    await turns()
    assert world.hub.is_in(ana.connection, ROOM)
    assert world.hub.is_in(ben.connection, ROOM)
    world.commit(removed(2), sent(user_id=1), room_deleted(), sent(user_id=1))
    await turns()
    assert ben.seqs() == list(range(1, 9))
    assert ana.seqs() == list(range(1, 11))
    assert not world.hub.is_in(ana.connection, ROOM)
    assert not world.hub.is_in(ben.connection, ROOM)


async def test_one_who_lags_when_kicked_gets_the_kick_and_none_of_the_rest(world):
    ana, ben = world.client(1), world.client(2, high=10)
    ana.enter()
    ben.enter()
    ben.socket.stop_reading()
    world.say()
    await turns()
    world.commit(sent(), removed(2), sent())
    await turns()
    ben.socket.read_on()
    await turns()
    assert ben.seqs() == [1, 3]
    assert ben.removed_from == [ROOM]


async def test_one_whose_socket_takes_no_more_than_the_kick_hears_nothing_after_it(world):
    ana, ben, cleo = world.client(1), world.client(2, high=10), world.client(3, high=10)
    for client in (ana, ben, cleo):
        client.enter()
    await turns()
    for client in (ben, cleo):
        client.socket.stop_reading()
    world.commit(removed(2))
    await turns()
    assert ben.connection.paused_since is not None
    assert ben.removed_from == [ROOM]
    world.commit(sent(), room_deleted())
    await turns()
    for client in (ben, cleo):
        client.socket.read_on()
    await turns()
    assert ben.seqs() == [1]
    assert cleo.seqs() == [1, 3]
    assert cleo.removed_from == [ROOM]


async def test_one_whose_socket_takes_no_more_than_the_rooms_end_is_told_so_once(world):
    ana = world.client(1, high=10)
    ana.enter()
    await turns()
    ana.socket.stop_reading()
    world.commit(room_deleted())
    await turns()
    ana.socket.read_on()
    await turns()
    assert ana.seqs() == [1]
    assert ana.removed_from == [ROOM]
    assert not world.hub.rooms


async def test_one_who_resumes_past_their_own_removal_stops_there():
    world = await small_ring()
    keeper = world.client(9)
    keeper.enter()
    world.commit(sent(), sent(), removed(2), *[sent() for _ in range(50)])
    await turns()
    ben = world.client(2)
    ben.enter(position=1, backlog=True)
    await until(lambda: ben.removed_from)
    await turns()
    assert ben.seqs() == [2, 3]
    assert not ben.heard("caught_up")
    await world.hub.stop()


async def test_one_who_was_let_in_again_is_not_put_out_by_the_old_removal(world):
    ana, ben = world.client(1), world.client(2)
    ana.enter()
    await turns()
    world.commit(removed(2), added(2), publish=False)
    ben.enter(position=2)  # a snapshot from the store, which is ahead of this node
    world.say()
    await until(lambda: ana.seqs() == [1, 2, 3])
    assert ben.seqs() == [3]
    assert not ben.removed_from


async def test_after_a_rooms_deletion_nobody_hears_it_and_nothing_of_it_is_kept(world):
    ana, ben = world.client(1), world.client(2, high=10)
    ana.enter()
    ben.enter()
    ben.socket.stop_reading()
    world.say()
    await turns()
    world.say()
    world.commit(room_deleted())
    await turns()
    ben.socket.read_on()
    await turns()
    assert ana.seqs() == [1, 2, 3]
    assert ben.seqs() == [1, 3]
    assert ana.removed_from == ben.removed_from == [ROOM]
    assert not world.hub.rooms
    assert not world.hub.occupants(ROOM)
    assert not ana.heard("user_left")


async def test_the_room_may_be_deleted_while_somebody_enters_it(world):
    keeper, ana = world.client(9), world.client(1)
    keeper.enter()
    world.say()
    world.commit(room_deleted())  # not written to anybody yet
    ana.enter(position=1)
    await until(lambda: ana.removed_from)
    assert ana.seqs() == [2]


# ---- deleted texts


async def test_nobody_resumes_into_a_deleted_text(world):
    keeper = world.client(9)
    keeper.enter()
    message = world.say("secret")
    world.commit(edited(message, "still secret"))
    await turns()
    world.commit(deleted(message))
    await turns()
    ana = world.client(1)
    ana.enter(position=0, backlog=True)
    await until(lambda: ana.heard("caught_up"))
    assert ana.seqs() == [1, 2, 3]
    assert "secret" not in str(ana.got)


async def test_pages_read_before_a_deletion_are_not_given_after_it():
    world = await small_ring()
    keeper = world.client(9)
    keeper.enter()
    message = world.say("secret")
    world.commit(*[sent() for _ in range(150)])
    await turns()
    ana, ben = world.client(1), world.client(2)
    ana.enter(position=0, backlog=True)
    await until(lambda: ana.heard("caught_up"))
    assert "secret" in str(ana.got)
    world.log.rooms[ROOM][0] = sent("").placed(ROOM, 1, message.message_id)  # as the store scrubs it
    world.commit(deleted(message))
    await turns()
    ben.enter(position=0, backlog=True)
    await until(lambda: ben.heard("caught_up"))
    assert ben.seqs() == list(range(1, 153))
    assert "secret" not in str(ben.got)
    await world.hub.stop()


# ---- of the moment


async def test_a_typing_notice_goes_to_all_but_the_typist(world):
    ana, ben = world.client(1), world.client(2)
    ana.enter()
    ben.enter()
    await turns()
    world.hub.announce(UserTyping(room_id=ROOM, user_id=1, username="user1"), skip=ana.connection)
    await turns()
    assert not ana.heard("user_typing")
    assert len(ben.heard("user_typing")) == 1


async def test_who_lags_is_spared_what_is_of_the_moment(world):
    ana, ben = world.client(1, high=10), world.client(2)
    ana.enter()
    ben.enter()
    await turns()
    ana.socket.stop_reading()
    world.say()
    await turns()
    world.hub.announce(UserTyping(room_id=ROOM, user_id=2, username="user2"))
    await turns()
    ana.socket.read_on()
    await turns()
    assert ana.seqs() == [1]
    assert not ana.heard("user_typing")


async def test_a_slow_log_holds_up_nobody_who_is_live():
    log = MemoryLog()
    world = World(log, ring=4)
    await world.hub.start()
    live, late = world.client(1), world.client(2)
    live.enter()
    world.commit(*[sent() for _ in range(20)])
    await until(lambda: len(live.seqs()) == 20)
    log.gate.clear()
    late.enter(position=0, backlog=True)
    world.say()
    await turns()
    assert len(live.seqs()) == 21
    assert not late.seqs()
    log.gate.set()
    await until(lambda: late.heard("caught_up"))
    assert late.seqs() == live.seqs()
    await world.hub.stop()


async def test_a_closed_socket_leaves_nothing_behind(world):
    ana = world.client(1)
    ana.enter()
    ana.enter(2)
    world.say()
    ana.socket.close()
    world.say()
    await turns()
    assert not world.hub.connections
    assert not world.hub.connections_of(1)
    assert not ana.connection.rooms
    ana.enter(3)
    assert not world.hub.is_in(ana.connection, 3)
    await asyncio.sleep(0)


# ---- resting


async def test_a_flush_that_joined_several_messages_earns_a_rest_and_one_that_did_not_earns_none():
    world = World(rest=3600.0)
    await world.hub.start()
    ana = world.client(1)
    ana.enter()
    world.say()
    await turns()
    after_one = world.hub._rooms._rests_until
    world.say()
    world.say()
    await turns()

    assert ana.seqs() == [1, 2, 3]
    assert after_one == 0.0 < world.hub._rooms._rests_until
    await world.hub.stop()


async def test_what_comes_during_the_rest_goes_out_together_after_it(world):
    ana = world.client(1)
    ana.enter()
    await turns()
    world.hub._rooms._rests_until = monotonic() + 3600
    world.say()
    await turns()
    world.say()
    await turns()
    before = ana.seqs()
    world.hub._rooms._flush()  # the rest is over

    assert before == []
    assert ana.seqs() == [1, 2]
