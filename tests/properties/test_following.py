"""Who listens hears each of their memberships whole, whatever becomes of the notices of it, and nothing else.

On the node where somebody is let in and put out, nothing is lost; on the other one, notices are lost, late, doubled
and out of order, and a look at the memberships of now finds what was lost. Sockets pause in between, and rooms are
entered and left again. What is heard is in order, and each event once.

Each of these changes was tried, and fails here: a notice of a room that is heard forgotten, or heard anew · no memory
of where a membership ended · a room that was ended and began again in one commit not heard on, or from where it once
was to be · a room heard after the place where its membership began · a look that finds nothing · a socket that pauses
while it is told of its removal taken for one that was not told.
"""

import asyncio

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_world import ROOM, MemoryLog, World, added, removed, sent, turns
from tertulia.domain.events import MembershipBegan
from tertulia.fanout import LocalBackplane
from tertulia.store import Committed

ME, OTHER = 1, 2
FATES = st.sampled_from(["told", "told", "lost", "late", "doubled"])
STEPS = st.one_of(
    st.tuples(st.just("join"), FATES),
    st.tuples(st.just("leave")),
    st.tuples(st.just("leave and join"), FATES),
    st.tuples(st.just("say"), st.integers(1, 3)),
    st.tuples(st.just("turn"), st.integers(1, 6)),
    st.tuples(st.just("look")),
    st.tuples(st.just("late ones come")),
    st.tuples(st.sampled_from(["pause", "read on", "enter", "exit", "listen again"])),
)


class Nodes:
    """Two of them on one log. What is committed is committed on the first one; the second hears of the events, and of
    notices as fate has it."""

    def __init__(self):
        self.log = MemoryLog()
        quiet = {"look_every": 3600.0, "look_every_deaf": 3600.0}
        self.one, self.two = (World(self.log, LocalBackplane(), **quiet) for _ in range(2))
        self.late = []
        self.memberships = []
        """[Where it began, where it ended or 0, whether it was heard live]. Who lags when they are put out is told that,
        and nothing of what was said before it."""
        self.is_member = False
        self.skipped = {}  # client → what a snapshot has covered
        self.has_paused = False

    async def start(self):
        self.keepers = []
        for node in (self.one, self.two):
            await node.hub.start()
            self.keepers.append(node.client(OTHER))
            self.keepers[-1].enter()
        self.clients = [self.one.client(ME, high=200), self.two.client(ME, high=200)]
        for client in self.clients:
            client.listen()
            self.skipped[client] = set()

    async def stop(self):
        await self.one.hub.stop()
        await self.two.hub.stop()

    def commit(self, *events, fate="told"):
        placed = [self.log.append(event) for event in events]
        notices = []
        for event in placed:
            if event.__struct_config__.tag == "member_added":
                notices.append(MembershipBegan(user_id=ME, room_id=ROOM, seq=event.seq))
                self.memberships.append([event.seq, 0, False])
            elif event.__struct_config__.tag == "member_removed":
                self.memberships[-1][1] = event.seq
                self.log.joined.clear()
        if notices:
            self.log.joined[ME, ROOM] = notices[-1]
        self.one.hub.publish(Committed(events=placed, notices=notices))
        there = {"told": notices, "doubled": notices * 2}.get(fate, [])
        self.late += notices if fate in {"late", "doubled"} else []
        self.two.hub.publish(Committed(events=placed, notices=there))

    async def do(self, what, more=None):
        self.has_paused |= what == "pause"
        match what:
            case "join" if not self.is_member:
                self.is_member = True
                self.commit(sent(), added(ME), sent(), fate=more)
            case "leave" if self.is_member:
                self.is_member = False
                self.commit(removed(ME), sent())
            case "leave and join" if self.is_member:
                self.commit(removed(ME), sent(), added(ME), fate=more)
            case "say":
                self.commit(*[sent("x" * 50)] * more)
            case "turn":
                await turns(more)
                if self.is_member and more > 4 and not self.has_paused:
                    self.memberships[-1][2] = True
            case "look":
                await self.two.hub._following._look(None)
            case "late ones come":
                late, self.late = self.late[::-1], []
                self.two.hub.publish(Committed(notices=late))
            case _:
                for client in self.clients:
                    self.of_a_client(client, what)

    def of_a_client(self, client, what):
        if what == "pause":
            client.socket.stop_reading()
        elif what == "read on":
            client.socket.read_on()
        elif what == "exit":
            client.exit()
        elif what == "listen again":
            seq = len(self.log.rooms.get(ROOM, ()))
            client.listen(*[(ROOM, seq)] if self.is_member else [])
            if self.is_member and not set(client.seqs()) & {seq}:
                self.skipped[client] |= set(range(1, seq + 1))  # it may not have been heard so far: then from here on
        elif what == "enter" and self.is_member:
            seq = len(self.log.rooms[ROOM])
            client.enter(position=seq)
            self.skipped[client] |= set(range(1, seq + 1))

    def check(self, client, *, is_here):
        heard, skipped = client.seqs(), self.skipped[client]
        assert heard == sorted(set(heard)), "in order, each once"
        last = len(self.log.rooms.get(ROOM, ()))
        allowed = set()
        for began, ended, is_settled in self.memberships:
            whole = range(began, (ended or last) + 1)
            allowed |= set(whole)
            known = [seq for seq in whole if seq != ended and seq in skipped.union(heard)]
            if not ended or (is_here and is_settled):
                assert known == [seq for seq in whole if seq != ended], "a membership is heard whole"
            assert known == list(range(began, began + len(known))), "or up to where it lagged when it ended"
            assert not (ended and set(whole) & set(heard)) or ended in skipped.union(heard), "and that it is over"
        assert set(heard) <= allowed, "and nothing else"


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
@example(steps=[("join", "doubled"), ("turn", 6), ("leave",), ("turn", 6)])
@example(steps=[("join", "told"), ("turn", 6), ("leave and join", "told"), ("turn", 6)])
@example(steps=[("join", "told"), ("leave",), ("join", "told"), ("enter",), ("leave",)])
@example(steps=[("join", "told"), ("turn", 6), ("say", 1), ("pause",), ("leave",), ("turn", 1)])
def test_each_membership_is_heard_whole_and_nothing_else(steps):
    async def run():
        nodes = Nodes()
        await nodes.start()
        for step in steps:
            await nodes.do(*step)
        await nodes.do("late ones come")
        await nodes.do("read on")
        await turns(30)
        await nodes.do("look")
        await nodes.do("say", 1)
        await turns(60)
        nodes.check(nodes.clients[0], is_here=True)
        nodes.check(nodes.clients[1], is_here=False)
        for keeper in nodes.keepers:
            assert keeper.seqs() == list(range(1, len(nodes.log.rooms[ROOM]) + 1))
        await nodes.stop()

    asyncio.run(run())
