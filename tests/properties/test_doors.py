"""Whoever stands in an area has been let in by the store, or says nothing; and when all is settled, both agree.

People walk, knock, turn back, sit down, vanish and come back, while what their steps ask of the store is on its way there,
done there, or on its way back. The store is a model of what `services/talks.py` does: to be let into one area ends being
in another; an area may be full or locked.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fanout_world import NOW, ROOM
from tertulia.domain.commands import OpenedFloor
from tertulia.domain.errors import AreaFull, NotThere, Unavailable
from tertulia.domain.events import ObjectUpdated
from tertulia.domain.models import Area, Point, Room, Space, SpaceObject
from tertulia.domain.roles import RoomKind
from tertulia.fanout.counters import Counters
from tertulia.fanout.space import LiveSpace

USERS = (1, 2, 3)
LEFT, RIGHT, SMALL = 1, 2, 3
AREAS = [
    Area(id=LEFT, name="Left", x=400.0, y=300.0, width=100.0, height=100.0, is_private=True),
    Area(id=RIGHT, name="Right", x=500.0, y=300.0, width=100.0, height=100.0, is_quiet=True),
    Area(id=SMALL, name="Small", x=100.0, y=300.0, width=50.0, height=50.0, capacity=1),
]
CHAIRS = {1: (300.0, 100.0), 2: (434.0, 334.0), 3: (534.0, 334.0)}
SPOTS = [(390.0, 350.0), (450.0, 350.0), (499.99, 350.0), (550.0, 350.0), (620.0, 350.0), (125.0, 325.0), (90.0, 325.0)]

person = st.sampled_from(USERS)
spot = st.sampled_from(SPOTS)


def chair(number, occupied_by=None):
    x, y = CHAIRS[number]
    return SpaceObject(
        id=number,
        room_id=ROOM,
        type="chair",
        x=x,
        y=y,
        width=32.0,
        height=32.0,
        occupied_by=occupied_by,
        updated_at=NOW,
    )


class DoorsMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.asks = []  # on their way to the store
        self.answers = []  # on their way back
        self.stays = {}  # who is in which area, as the store has it
        self.seq = 0
        self.seats = {}
        floor = Space(width=800.0, height=600.0, speed=0.0, spawn_points=[Point(10.0, 10.0)], areas=AREAS)
        room = Room(id=ROOM, kind=RoomKind.CHANNEL, name="Hall", space=floor, created_at=NOW, updated_at=NOW)
        opened = OpenedFloor(room=room, objects=[chair(n) for n in CHAIRS], places=[], stays=[], talkers=list(USERS))
        self.space = LiveSpace(
            opened, self, Counters(), is_own=lambda room_id, user_id: True, wake=lambda space: None, lease=30.0
        )
        for user in USERS:
            self.come(user)

    # ---- what the space asks (`Asks`)

    def enter_area(self, room_id, user_id, wait):
        self.asks.append(("enter", user_id, None))

    def leave_area(self, room_id, area_id, user_id):
        self.asks.append(("leave", user_id, area_id))

    def free_seat(self, room_id, user_id):
        self.asks.append(("free", user_id, None))

    # ---- what people do

    @rule(user=person)
    def come(self, user):
        body = self.space.arrive(user, None, None)
        self.space.appear(user, body.x, body.y)

    @rule(user=person, at=spot)
    def walk(self, user, at):
        body = self.space.bodies[user]
        if body.is_here:
            body.refused = None  # as if a second had passed
            self.space.walk(body, *at, None, None)

    @rule(user=person)
    def vanish(self, user):
        self.space.vanish(user, for_good=False)

    @rule(user=person, number=st.sampled_from(sorted(CHAIRS)))
    def sit(self, user, number):
        """As the store lets them: nobody through a door, and nobody where somebody sits."""
        body = self.space.bodies[user]
        gate = self.space.floor.gate_at(*(place + 16.0 for place in CHAIRS[number]))
        if body.is_here and number not in self.seats and (gate is None or gate.id == body.area_id):
            self.free(user)
            self.seats[number] = user
            self.tell(number)

    # ---- what the store does

    @precondition(lambda self: self.asks)
    @rule(which=st.integers(0, 5), is_away=st.booleans())
    def reach_the_store(self, which, is_away):
        """Not always in order: a question at a door may wait."""
        kind, user, area = self.asks.pop(which % len(self.asks) if self.asks[0][0] == "enter" else 0)
        if kind == "free":
            self.free(user)
        elif kind == "leave":
            if area in {None, self.stays.get(user)}:
                self.stays.pop(user, None)
        elif (wanted := self.space.wants(user)) is not None:
            if is_away:
                self.answers.append((user, wanted, Unavailable()))
            elif wanted == SMALL and SMALL in [area for one, area in self.stays.items() if one != user]:
                self.answers.append((user, wanted, AreaFull()))
            else:
                self.stays[user] = wanted
                self.answers.append((user, wanted, None))

    @precondition(lambda self: self.answers)
    @rule()
    def come_back(self):
        user, area, refusal = self.answers.pop(0)
        if refusal is None:
            self.space.admitted(user, area, 70 + area)
        else:
            self.space.refused(user, area, refusal)

    def free(self, user):
        for number in [number for number, one in self.seats.items() if one == user]:
            del self.seats[number]
            self.tell(number)

    def tell(self, number):
        self.seq += 1
        changed = ObjectUpdated(
            user_id=1, username="ana", object=chair(number, self.seats.get(number)), created_at=NOW
        ).placed(ROOM, self.seq)
        self.space.apply([changed])

    # ---- what must hold

    @invariant()
    def check(self):
        """Always: what somebody says in an area that keeps it goes there, or nowhere; and nobody near hears through its
        border."""
        if not hasattr(self, "space"):
            return
        people = self.space.people()
        for user, body in self.space.bodies.items():
            here = self.space.floor.enclosure_at(body.x, body.y)
            if not body.is_here:
                continue
            try:
                voice, _ = self.space.voice(user, nearby=False)
            except NotThere:
                assert people[user].enclosure < 0
                continue
            assert (voice.area_id or 0) == here
            assert people[user].enclosure == here

    def settle(self):
        self.drain()
        self.look()
        self.drain()
        for user, body in self.space.bodies.items():
            if body.is_here:
                gate = self.space.floor.gate_at(body.x, body.y)
                assert (gate and gate.id) == body.area_id == self.stays.get(user)
                assert not body.is_asking
                assert body.asks_for is None
        assert list(self.stays.values()).count(SMALL) <= 1

    def drain(self):
        for _ in range(200):
            if not (self.asks or self.answers):
                break
            if self.answers:
                self.come_back()
            else:
                self.reach_the_store(0, is_away=False)
            self.check()
        assert not self.asks, "it never comes to rest"

    def look(self):
        """As the steward does every few seconds, for what could not be stored when it happened."""
        for user, body in self.space.bodies.items():
            if body.is_here and body.area_id != self.stays.get(user):
                self.stays.pop(user, None)
                if body.area_id is not None:
                    self.space.ask_again(body, body.area_id)

    def teardown(self):
        if hasattr(self, "space"):
            self.settle()


DoorsMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestDoors = DoorsMachine.TestCase
