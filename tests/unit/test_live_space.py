"""A live space: whose body is where, and what its steps ask of the store."""

import asyncio
import math

import msgspec
import pytest

from fanout_world import NOW, ROOM, MemorySocket, Plain, World, sent, until
from tertulia.domain.commands import OpenedFloor
from tertulia.domain.errors import AreaFull, NobodyNear, NotThere, Unavailable
from tertulia.domain.events import BubbleUpdated, ObjectPlaced, RoomUpdated
from tertulia.domain.models import Area, Place, Point, Room, Seat, Space, SpaceObject, Voice
from tertulia.domain.roles import RoomKind
from tertulia.fanout.backplane import Passed, Whereabouts
from tertulia.fanout.counters import Counters
from tertulia.fanout.holdings import Holdings
from tertulia.fanout.space import ASK_EVERY, LiveSpace

ANA = 1
BOOTH, TALK = 7, 70


class Asked(list):
    """What a space asks of the store, as a test answers it."""

    opened = None

    async def open_floor(self, room_id):
        """As the store has it when it is asked; what comes in the meantime does not change that."""
        opened = self.opened
        await asyncio.sleep(0.01)
        if opened is None:
            raise Unavailable
        return opened

    waits = ()

    def enter_area(self, room_id, user_id, wait):
        self.append(("enter", self.space.bodies[user_id].asks_for, user_id))
        self.waits = (*self.waits, wait)

    def leave_area(self, room_id, area_id, user_id):
        self.append(("leave", area_id, user_id))

    def free_seat(self, room_id, user_id):
        self.append(("free", user_id))

    def gather(self, talk_id, user_ids): ...


class Socket:
    """A connection of somebody, as far as a space knows it."""

    def __init__(self, user_id):
        self.user_id, self.dialect, self.paused_since = user_id, single_moves(), None
        self._to = MemorySocket()
        self.write = self._to.write


def single_moves():
    dialect = Plain()
    dialect.batches_moves = False
    return dialect


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def space(asked):
    """With a booth at 400, 300 that one has to be let into; all who are in it are in it by this node."""
    asked.space = LiveSpace(
        opened_floor(), asked, Counters(), is_own=lambda room_id, user_id: True, wake=lambda space: None, lease=30.0
    )
    return asked.space


def opened_floor(*things, last_seq=0, areas=None):
    booth = Area(id=BOOTH, name="Booth", x=400.0, y=300.0, width=100.0, height=100.0, is_private=True)
    areas = [booth] if areas is None else areas
    floor = Space(width=800.0, height=600.0, speed=0.0, spawn_points=[Point(100.0, 200.0)], areas=areas)
    room = Room(
        id=ROOM, kind=RoomKind.CHANNEL, name="Hall", space=floor, last_seq=last_seq, created_at=NOW, updated_at=NOW
    )
    return OpenedFloor(room=room, objects=list(things), places=[], stays=[], talkers=[])


def come(space, x, y, user_id=ANA):
    body = space.arrive(user_id, x, y)
    space.appear(user_id, body.x, body.y)
    return body


def test_who_is_lost_at_a_door_knocks_again_when_they_are_back(space, asked):
    ana = come(space, 390, 350)
    space.walk(ana, 450, 350, None, None)
    space.vanish(ANA, for_good=False)
    space.admitted(ANA, BOOTH, TALK)
    assert asked == [("enter", BOOTH, ANA), ("leave", BOOTH, ANA)]

    come(space, None, None)
    space.walk(ana, 450, 350, None, None)
    assert asked[2:] == [("enter", BOOTH, ANA)]
    space.admitted(ANA, BOOTH, TALK)
    assert (ana.x, ana.y, ana.area_id) == (450, 350, BOOTH)


def test_when_a_door_is_locked_those_inside_do_not_ask_again_whether_they_may_be_there(space, asked):
    ana = come(space, 390, 350)
    space.walk(ana, 450, 350, None, None)
    space.admitted(ANA, BOOTH, TALK)
    del asked[:]

    space.apply([floor_with(space, seq=1, locked_by=ANA)])
    assert (asked, space.floor.find_area(BOOTH).locked_by) == ([], ANA)
    space.apply([floor_with(space, seq=2, capacity=1)])
    assert asked == [("enter", BOOTH, ANA)]


def floor_with(space, seq, **of_booth):
    """The booth is like that now."""
    [booth] = space.floor.space.areas
    changed = msgspec.structs.replace(space.floor.space, areas=[msgspec.structs.replace(booth, **of_booth)])
    room = msgspec.structs.replace(opened_floor().room, space=changed)
    return RoomUpdated(user_id=ANA, room=room, created_at=NOW).placed(ROOM, seq)


def test_who_was_there_before_the_space_stands_on_its_floor_and_in_no_area(space):
    space.appear(ANA, 5000, 5000)
    space.appear(2, 450, 350)
    ana, ben = space.bodies[ANA], space.bodies[2]
    assert (ana.x, ana.y) == (800, 600)
    assert space.floor.gate_at(ben.x, ben.y) is None


def test_who_is_stopped_while_their_socket_takes_nothing_is_told_when_it_does(space):
    ana, socket = come(space, 800, 100), Socket(ANA)
    space.sights.watch(socket)
    space.sights.tick(0)
    told = []
    socket.write = told.append
    socket.paused_since = 1.0
    space.walk(ana, 900, 100, None, socket)
    space.sights.tick(0)
    assert (told, space.sights.is_settled) == ([], True)

    socket.paused_since = None
    space.sights.resume(socket)
    while not space.sights.is_settled:
        space.sights.tick(0)
    assert b'"x":800' in b"".join(told)


def test_who_goes_in_and_out_all_the_time_waits_at_the_door(space, asked):
    ana = come(space, 390, 350)
    for _ in range(3):
        space.walk(ana, 450, 350, None, None)
        space.admitted(ANA, BOOTH, TALK)
        space.walk(ana, 390, 350, None, None)
    assert asked == [("enter", BOOTH, ANA), ("leave", BOOTH, ANA)] * 3
    assert asked.waits[0] == 0
    assert [round(wait, 1) for wait in asked.waits[1:]] == [ASK_EVERY, 2 * ASK_EVERY]


def test_who_walks_on_while_they_wait_at_a_door_does_not_go_in(space, asked):
    ana = come(space, 390, 350)
    space.walk(ana, 450, 350, None, None)
    space.walk(ana, 200, 350, None, None)
    space.admitted(ANA, BOOTH, TALK)
    assert (ana.x, ana.y, ana.area_id) == (200, 350, None)
    assert asked == [("enter", BOOTH, ANA), ("leave", BOOTH, ANA)]


def test_there_is_one_question_at_a_time_whatever_doors_one_knocks_at(asked):
    doors = [
        Area(id=n, name=f"{n}", x=400.0, y=20.0 * n, width=100.0, height=20.0, is_private=True) for n in range(1, 21)
    ]
    space = asked.space = LiveSpace(
        opened_floor(areas=doors), asked, Counters(), is_own=lambda *one: True, wake=lambda space: None, lease=30.0
    )
    ana = come(space, 390, 30)
    for turn in range(100):
        space.walk(ana, 390, 30 + 20 * (turn % 20), None, None)
        space.walk(ana, 450, 30 + 20 * (turn % 20), None, None)
    assert asked == [("enter", 1, ANA)]
    assert space.wants(ANA) == 20
    space.admitted(ANA, 20, TALK)
    assert (ana.area_id, ana.y) == (20, 410)
    space.walk(ana, 390, 410, None, None)
    space.walk(ana, 450, 410, None, None)
    assert asked[-1] == ("enter", 20, ANA)
    assert asked.waits[-1] <= ASK_EVERY
    space.walk(ana, 100, 410, None, None)
    assert space.wants(ANA) is None


def test_who_was_let_in_next_door_and_has_turned_back_asks_to_be_where_they_are(asked):
    booths = [
        Area(id=n, name=f"{n}", x=x, y=300.0, width=100.0, height=100.0, is_private=True)
        for n, x in ((1, 400), (2, 500))
    ]
    space = asked.space = LiveSpace(
        opened_floor(areas=booths), asked, Counters(), is_own=lambda *one: True, wake=lambda space: None, lease=30.0
    )
    ana = come(space, 390, 350)
    space.walk(ana, 450, 350, None, None)
    space.admitted(ANA, 1, TALK)
    del asked[:]
    space.walk(ana, 550, 350, None, None)
    assert space.wants(ANA) == 2  # from now on the store does it
    space.walk(ana, 450, 350, None, None)
    space.admitted(ANA, 2, 71)
    assert asked == [("enter", 2, ANA), ("leave", 2, ANA), ("enter", 1, ANA)]
    assert space.voice(ANA, nearby=False) == (Voice(area_id=1), [])  # where the store knows nothing of her, as yet
    space.refused(ANA, 1, AreaFull())
    assert ana.area_id is None
    assert space.floor.gate_at(ana.x, ana.y) is None


def test_who_stands_where_they_were_not_let_in_yet_says_nothing_and_is_near_nobody(asked):
    space = asked.space = LiveSpace(
        opened_floor(areas=[]), asked, Counters(), is_own=lambda *one: True, wake=lambda space: None, lease=30.0
    )
    for user_id, x in ((ANA, 450), (2, 390)):
        come(space, x, 350, user_id=user_id)
    [booth] = opened_floor().room.space.areas
    floor = msgspec.structs.replace(space.floor.space, areas=[booth])
    room = msgspec.structs.replace(opened_floor().room, space=floor)
    space.apply([RoomUpdated(user_id=2, room=room, created_at=NOW).placed(ROOM, 1)])
    assert asked == [("enter", BOOTH, ANA)]
    with pytest.raises(NotThere):
        space.voice(ANA, nearby=False)
    with pytest.raises(NobodyNear):
        space.voice(2, nearby=True)
    assert space.find_area_talk(ANA) == (True, None)
    space.admitted(ANA, BOOTH, TALK)
    assert space.voice(ANA, nearby=False) == (Voice(area_id=BOOTH), [])
    assert space.find_area_talk(ANA) == (True, TALK)


def in_the_booth(space, asked, user_id=ANA, x=450, y=350):
    body = come(space, 390, 350, user_id=user_id)
    space.walk(body, x, y, None, None)
    space.admitted(user_id, BOOTH, TALK)
    assert (body.x, body.y, body.area_id) == (x, y, BOOTH)
    del asked[:]
    return body


def table(number, x, y):
    thing = SpaceObject(
        id=number, room_id=ROOM, type="table", x=x, y=y, width=60.0, height=60.0, is_solid=True, updated_at=NOW
    )
    return ObjectPlaced(user_id=ANA, username="ana", object=thing, created_at=NOW)


def test_who_is_moved_out_of_an_area_by_furniture_is_not_in_it_any_more(space, asked):
    ana = in_the_booth(space, asked, x=403)
    space.apply([table(9, 398, 320).placed(ROOM, 1)])
    assert ana.x < 400
    assert (asked, ana.area_id) == ([("leave", BOOTH, ANA)], None)
    assert space.voice(ANA, nearby=False) == (None, [])


def test_who_is_given_a_seat_elsewhere_while_they_are_away_is_not_in_the_area_any_more(space, asked):
    ana = in_the_booth(space, asked)
    space.vanish(ANA, for_good=False)
    chair = SpaceObject(id=5, room_id=ROOM, type="chair", x=100.0, y=100.0, width=30.0, height=30.0, updated_at=NOW)
    sat = msgspec.structs.replace(chair, occupied_by=ANA)
    space.apply([ObjectPlaced(user_id=ANA, username="ana", object=sat, created_at=NOW).placed(ROOM, 1)])
    assert ((ana.x, ana.y), ana.area_id) == ((115, 115), None)
    assert asked == [("leave", BOOTH, ANA)]


def test_whose_lease_is_over_leaves_their_talks_when_they_are_back(space, asked):
    ana = in_the_booth(space, asked)
    space.stays.begin(ANA, TALK)
    space.vanish(ANA, for_good=False)
    ana.gone_at -= 31.0
    space.forget_old(ana.gone_at + 31.0, 600.0)
    come(space, None, None)
    assert asked[0] == ("leave", None, ANA)
    assert space.floor.gate_at(ana.x, ana.y) is None


def test_who_was_away_when_an_area_changed_asks_anew(space, asked):
    ana = in_the_booth(space, asked)
    space.vanish(ANA, for_good=False)
    space.apply([floor_with(space, seq=1, capacity=1)])
    assert ana.area_id is None
    come(space, None, None)
    assert space.floor.gate_at(ana.x, ana.y) is None


def test_who_is_back_asks_whether_they_are_still_where_they_were(space, asked):
    in_the_booth(space, asked)
    space.vanish(ANA, for_good=False)
    come(space, None, None)
    assert asked == [("enter", BOOTH, ANA)]
    space.refused(ANA, BOOTH, Unavailable())
    assert space.bodies[ANA].area_id == BOOTH  # as far as anybody knows
    space.ask_again(space.bodies[ANA], BOOTH)
    space.refused(ANA, BOOTH, AreaFull())
    assert space.floor.gate_at(space.bodies[ANA].x, space.bodies[ANA].y) is None


def test_who_waits_at_a_door_while_something_is_put_over_them_gets_out_of_it(space, asked):
    ana = come(space, 390, 350)
    space.walk(ana, 450, 350, None, None)
    space.apply([table(9, 370, 320).placed(ROOM, 1)])
    space.refused(ANA, BOOTH, AreaFull())
    assert space.floor.is_free(ana.x, ana.y)
    space.walk(ana, 300, 450, None, None)
    assert (ana.x, ana.y) == (300, 450)


def test_who_sits_down_while_they_wait_at_a_door_stays_where_they_sit(space, asked):
    ana = come(space, 390, 350)
    space.walk(ana, 450, 350, None, None)
    chair = SpaceObject(id=5, room_id=ROOM, type="chair", x=100.0, y=100.0, width=30.0, height=30.0, updated_at=NOW)
    sat = msgspec.structs.replace(chair, occupied_by=ANA)
    space.apply([ObjectPlaced(user_id=ANA, username="ana", object=sat, created_at=NOW).placed(ROOM, 1)])
    space.admitted(ANA, BOOTH, TALK)
    assert (ana.x, ana.y, ana.seat, ana.area_id) == (115, 115, 5, None)
    assert asked[-1] == ("leave", BOOTH, ANA)


def test_nobody_talks_to_who_was_there_before_a_restart():
    opened = opened_floor()
    opened.places.append(Place(room_id=ROOM, user_id=2, x=110.0, y=200.0))
    space = LiveSpace(
        opened, Asked(), Counters(), is_own=lambda room_id, user_id: True, wake=lambda space: None, lease=30.0
    )
    come(space, 100, 200)
    with pytest.raises(NobodyNear):
        space.voice(ANA, nearby=True)
    come(space, None, None, user_id=2)
    assert space.voice(ANA, nearby=True)[0].hearers == [ANA, 2]


def test_who_is_refused_where_they_are_is_put_out_whatever_they_wanted_meanwhile(space, asked):
    ana = in_the_booth(space, asked)
    space.ask_again(ana, BOOTH)
    ana.asks_for = None  # they thought better of it
    space.refused(ANA, BOOTH, AreaFull())
    assert space.floor.gate_at(ana.x, ana.y) is None


def test_who_is_on_another_node_by_now_may_ask_here_again(asked):
    own = {ANA}
    space = asked.space = LiveSpace(
        opened_floor(), asked, Counters(), is_own=lambda room, user: user in own, wake=lambda space: None, lease=30.0
    )
    ana = come(space, 390, 350)
    space.walk(ana, 450, 350, None, None)
    own.clear()
    space.admitted(ANA, BOOTH, TALK)
    own.add(ANA)
    space.walk(ana, 450, 350, None, None)
    assert asked == [("enter", BOOTH, ANA)] * 2


def test_the_place_of_who_leaves_is_forgotten_unless_they_are_back(space):
    come(space, 100, 100)
    come(space, 100, 100, user_id=2)
    come(space, 100, 100, user_id=3)
    for user_id in (ANA, 2):
        space.vanish(user_id, for_good=True)
    space.vanish(3, for_good=False)
    come(space, 120, 100, user_id=2)
    assert space.take_unkept() == [(ROOM, ANA)]
    assert space.take_unkept() == []


def test_of_talks_those_have_begun_that_the_store_knew_twice(space):
    space.stays.begin(ANA, TALK)
    assert space.stays.compare({(TALK, ANA), (71, ANA)}) == set()
    assert space.stays.compare({(TALK, ANA), (71, ANA), (72, 2)}) == {(71, ANA)}
    space.stays.begin(ANA, 71)
    assert space.stays.compare({(TALK, ANA), (71, ANA)}) == set()


def test_of_talks_those_are_forgotten_that_the_store_does_not_know_twice(space):
    space.stays.begin(ANA, TALK)
    space.stays.begin(ANA, 71)
    space.stays.compare({(71, ANA)})
    space.stays.begin(ANA, TALK)  # they had just come back
    space.stays.compare({(71, ANA)})
    assert space.stays.talks == {ANA: {TALK, 71}}
    space.stays.compare({(71, ANA)})
    assert space.stays.talks == {ANA: {71}}
    space.stays.compare(())
    space.stays.compare(())
    assert space.stays.talks == {}


async def test_a_floor_that_missed_something_is_read_until_it_is_known_whatever_is_said_meanwhile(asked):
    world = World()
    spaces, asked.opened = world.hub.spaces, opened_floor()
    spaces.asks = asked
    await world.hub.start()
    space = await spaces.open(ROOM)

    asked.opened = None
    spaces.jumped(ROOM)
    await asyncio.sleep(0)
    wall = SpaceObject(id=1, room_id=ROOM, type="wall", x=200.0, y=200.0, is_solid=True, updated_at=NOW)
    spaces.witness(ROOM, [sent().placed(ROOM, 9, 9)])
    asked.opened = opened_floor(wall, last_seq=8)
    await until(lambda: space.floor.objects)
    assert space.floor.seq == 9
    await world.hub.stop()


async def test_a_node_that_opens_a_space_is_told_who_stands_together_there(asked, monkeypatch):
    world = World()
    spaces, asked.opened, said = world.hub.spaces, opened_floor(), []
    spaces.asks = asked
    await world.hub.start()
    space = await spaces.open(ROOM)
    bubble = BubbleUpdated(room_id=ROOM, bubble_id="b", user_ids=[ANA, 2], talk_id=TALK)
    spaces.hear_bubble(bubble)
    monkeypatch.setattr(spaces, "_say", lambda word, room_id: said.append(word))
    spaces.hear(Whereabouts(ROOM))
    assert said == [Passed(bubble)]
    assert space.bubbles.list() == [bubble]
    await world.hub.stop()


async def test_who_got_up_while_the_store_was_away_is_known(asked):
    world = World()
    chair = SpaceObject(
        id=1, room_id=ROOM, type="chair", x=200.0, y=200.0, is_solid=False, occupied_by=ANA, updated_at=NOW
    )
    spaces, asked.opened = world.hub.spaces, opened_floor(chair)
    spaces.asks = asked
    await world.hub.start()
    space, ana = await spaces.open(ROOM), world.client(ANA, dialect=single_moves())
    ana.enter(x=300.0, y=300.0)
    seat = Seat(room_id=ROOM, object_id=1, user_id=ANA)
    holdings = Holdings(spaces._spaces, world.hub._occupancy, settled=-1.0)
    assert not holdings.has_risen(seat)
    space.walk(space.bodies[ANA], 300, 300, None, None)
    assert asked == [("free", ANA)]
    assert holdings.has_risen(seat)
    chair = msgspec.structs.replace(chair, occupied_by=None)
    space.reopen(opened_floor(chair), space.lose_track())
    assert not holdings.has_risen(seat)
    await world.hub.stop()


async def test_the_store_is_to_say_where_that_goes_what_somebody_says_who_may_be_there_by_another_node():
    world = World()
    occupancy = world.hub._occupancy
    occupancy._put(ROOM, 2, "ben", None, None, None).nodes |= {"another"}
    await world.hub.start()
    world.client(ANA, dialect=single_moves()).enter()
    assert world.hub.spaces.voice(ROOM, 2, nearby=False) == Voice(is_elsewhere=True)
    assert world.hub.spaces.voice(ROOM, ANA, nearby=False) is None
    assert world.hub.spaces.voice(ROOM, 3, nearby=False) == Voice(is_elsewhere=True)  # by one that ended just now
    occupancy.lost_at = -math.inf
    assert world.hub.spaces.voice(ROOM, 3, nearby=False) is None
    await world.hub.stop()
