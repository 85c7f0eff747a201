"""Whoever stands in an area has been let in by the store, or says nothing; and when all is settled, both agree.

People walk, knock, turn back, sit down, vanish and come back, while what their steps ask of the store is on its way there,
done there, or on its way back. The store is a model of what `services/talks.py` does: to be let into one area ends being
in another; an area may be full or locked.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import structs

from fanout_world import NOW, ROOM
from tertulia.domain.commands import OpenedFloor
from tertulia.domain.errors import AreaFull, NotThere, Unavailable
from tertulia.domain.events import ObjectPlaced, ObjectRemoved, ObjectUpdated, RoomUpdated
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
        self.room = Room(id=ROOM, kind=RoomKind.CHANNEL, name="Hall", space=floor, created_at=NOW, updated_at=NOW)
        opened = OpenedFloor(
            room=self.room, objects=[chair(n) for n in CHAIRS], places=[], stays=[], talkers=list(USERS)
        )
        self.space = LiveSpace(
            opened, self, Counters(), is_own=lambda room_id, user_id: True, wake=lambda space: None, lease=30.0
        )
        for user in USERS:
            self.walk(user, SPOTS[0], 0)

    # ---- what the space asks (`Asks`)

    def enter_area(self, room_id, user_id, wait):
        self.asks.append(("enter", user_id, None))

    def leave_area(self, room_id, area_id, user_id):
        self.asks.append(("leave", user_id, area_id))

    def free_seat(self, room_id, user_id):
        self.asks.append(("free", user_id, None))

    # ---- what people do

    @rule(user=person, at=spot, goes_on=st.integers(0, 4))
    def walk(self, user, at, goes_on):
        """Or come back first, if they are gone."""
        body = self.space.bodies.get(user)
        if body is None or not body.is_here:
            body = self.space.arrive(user, None, None)
            self.space.appear(user, body.x, body.y)
        body.refused = None  # as if a second had passed
        self.space.walk(body, *at, None, None)
        self.go_on(goes_on)

    @rule(user=person, goes_on=st.integers(0, 2))
    def vanish(self, user, goes_on):
        self.space.vanish(user, for_good=False)
        self.go_on(goes_on)

    @rule(user=person, number=st.sampled_from(sorted(CHAIRS)))
    def sit(self, user, number):
        """As the store lets them: nobody through a door, and nobody where somebody sits."""
        body = self.space.bodies[user]
        gate = self.space.floor.gate_at(*(place + 16.0 for place in CHAIRS[number]))
        if body.is_here and number not in self.seats and (gate is None or gate.id == body.area_id):
            self.free(user)
            self.seats[number] = user
            self.tell(number)

    @rule(at=st.sampled_from([SPOTS[1], SPOTS[3], SPOTS[5]]), goes_on=st.integers(0, 3))
    def furnish(self, at, goes_on):
        """Something solid is put over who stands there, or taken away again."""
        number = 10 + SPOTS.index(at)
        self.seq += 1
        said = {"user_id": 1, "username": "ana", "created_at": NOW}
        if number in self.space.floor.objects:
            event = ObjectRemoved(object_id=number, **said)
        else:
            x, y = at[0] - 40.0, at[1] - 40.0
            table = SpaceObject(
                id=number, room_id=ROOM, type="table", x=x, y=y, width=80.0, height=80.0, is_solid=True, updated_at=NOW
            )
            event = ObjectPlaced(object=table, **said)
        self.space.apply([event.placed(ROOM, self.seq)])
        self.go_on(goes_on)

    @rule(area=st.sampled_from([LEFT, RIGHT, SMALL]), goes_on=st.integers(0, 3))
    def regulate(self, area, goes_on):
        """The rules of an area are others; the store ends the stays in what is no area of that kind any more."""
        areas = [
            structs.replace(one, is_private=not one.is_private, capacity=one.capacity or 5) if one.id == area else one
            for one in self.space.floor.space.areas
        ]
        for user in [user for user, one in self.stays.items() if one == area]:
            del self.stays[user]
        self.seq += 1
        room = structs.replace(self.room, space=structs.replace(self.room.space, areas=areas))
        event = RoomUpdated(user_id=1, room=room, created_at=NOW)
        self.space.apply([event.placed(ROOM, self.seq)])
        self.go_on(goes_on)

    # ---- what the store does

    @rule(which=st.integers(0, 5), is_away=st.booleans(), goes_on=st.integers(0, 3))
    def reach_the_store(self, which, is_away, goes_on):
        """Not always in order: a question at a door may wait."""
        if self.asks:
            waits = self.asks[0][0] == "enter"
            self.do(*self.asks.pop(which % len(self.asks) if waits else 0), is_away=is_away)
        self.go_on(goes_on)

    def go_on(self, times):
        """So many things are done that are under way."""
        for _ in range(times):
            if self.answers:
                self.come_back()
            elif self.asks:
                self.do(*self.asks.pop(0), is_away=False)

    def do(self, kind, user, area, *, is_away):
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
            self.go_on(1)
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
