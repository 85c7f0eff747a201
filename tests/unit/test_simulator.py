"""The simulator: how its people walk and what they do, what they hear, and what is made of it in figures."""

import asyncio
import itertools
import math

import msgspec
import pytest

from tertulia.dialects.cafe import catalogue
from tertulia.dialects.cafe.socket import cafe_dialects
from tertulia.domain import commands as c
from tertulia.protocol.dialect import Limits
from tertulia.simulator import Unusable, as_json, options_from, wire
from tertulia.simulator.accounts import Refused
from tertulia.simulator.crowd import Crowd, Member
from tertulia.simulator.figures import Counts, Delays, Figures
from tertulia.simulator.floor import Floor
from tertulia.simulator.options import Address
from tertulia.simulator.person import FASTEST, SLOWEST, WORDS, Person, deed
from tertulia.simulator.report import Reading, Subject, report
from tertulia.simulator.rest import why
from tertulia.simulator.sockets import LOST, ClientSocket, frame, upgrade
from tertulia.simulator.table import line, rows
from tertulia.simulator.ways import Ways
from tertulia.simulator.wire import Area, Fact, Listener, Present, Room, RoomState, Space, Thing
from tertulia.transport.sockets.parser import FrameParser

TABLE = Thing(id=1, type="table", x=300, y=100, width=100, height=400, is_solid=True)
CHAIR = Thing(id=5, type="chair", x=600, y=300, width=30, height=30)
OTHER_CHAIR = Thing(id=6, type="chair", x=100, y=300, width=30, height=30)
BOARD = Thing(id=7, type="tool", x=500, y=20, width=60, height=20, metadata={"tool": "whiteboard"})
STEP = 0.05


def state(*things, seq=1, areas=(), speed=400.0, users=()):
    space = Space(width=800, height=600, speed=speed, earshot=150, areas=list(areas))
    return RoomState(room_id=1, room=Room(space=space), seq=seq, objects=list(things), users=list(users))


def floor(*things, **how):
    known = Floor("seed")
    known.take(state(*things, **how))
    return known


# ---- ways


def along(place, corners):
    """Places on the way, a unit apart."""
    for corner in corners:
        far = max(1, math.ceil(math.dist(place, corner)))
        for step in range(1, far + 1):
            yield tuple(a + (b - a) * step / far for a, b in zip(place, corner, strict=True))
        place = corner


def is_in(thing, place):
    turn = math.radians(-thing.rotation)
    x, y = place[0] - thing.middle[0], place[1] - thing.middle[1]
    x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
    return abs(x) < thing.width / 2 and abs(y) < thing.height / 2


def test_a_way_is_straight_where_nothing_stands():
    assert Ways(800, 600, [TABLE]).route(100, 50, 700, 50) == [(700, 50)]


@pytest.mark.parametrize("rotation", [0, 30, 45, 90, 200])
def test_a_way_leads_round_what_is_solid(rotation):
    table = msgspec.structs.replace(TABLE, rotation=rotation)
    corners = Ways(800, 600, [table]).route(60, 300, 700, 310)
    assert corners[-1] == (700, 310)
    assert len(corners) > 1
    assert not [place for place in along((60, 300), corners) if is_in(table, place)]


def test_where_no_way_leads_it_is_tried_straight():
    wall = Thing(id=1, type="wall", x=390, y=0, width=20, height=600, is_solid=True)
    assert Ways(800, 600, [wall]).route(100, 300, 700, 300) == [(700, 300)]


def test_who_stands_within_the_elbow_room_of_a_table_gets_away():
    corners = Ways(800, 600, [TABLE]).route(299, 300, 700, 300)
    assert len(corners) > 1
    assert not [place for place in along((299, 300), corners) if is_in(TABLE, place)]


def test_a_goal_on_a_solid_thing_becomes_the_nearest_free_place():
    ways = Ways(800, 600, [TABLE])
    x, y = ways.settle(310, 300)
    assert ways.is_free(x, y)
    assert 270 < x < 300
    assert abs(y - 300) < 20


def test_an_area_that_lets_people_in_one_by_one_is_crossed_by_nobody():
    area = Area(id=9, x=300, y=100, width=200, height=400, is_private=True)
    ways = Ways(800, 600, [], [area])
    assert not [place for place in along((100, 300), ways.route(100, 300, 700, 300)) if area.holds(*place)]
    assert ways.route(100, 300, 400, 300) == [(400, 300)]  # but who wants in goes in
    assert ways.route(400, 300, 700, 300) == [(700, 300)]  # and out


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (10, 3), (100_000, 50), (50_000, 50_000)])
def test_floors_of_all_sizes_have_ways(size):
    ways = Ways(*size, [])
    assert ways.route(0, 0, *size) == [size]
    assert len(ways._is_blocked) < 30_000


# ---- the floor


def test_an_event_that_all_tell_of_counts_once():
    known = floor(CHAIR, seq=3)
    taken = msgspec.structs.replace(CHAIR, occupied_by=8)
    known.apply(Fact(room_id=1, seq=4, target_object_id=5, object=taken))
    assert known.is_taken(CHAIR)
    known.apply(Fact(room_id=1, seq=5, target_object_id=5, object=CHAIR))
    known.apply(Fact(room_id=1, seq=4, target_object_id=5, object=taken))
    assert not known.is_taken(CHAIR)


def test_what_is_removed_is_no_seat_and_no_obstacle_any_more():
    known = floor(CHAIR, TABLE)
    assert not known.ways.is_free(350, 300)
    known.apply(Fact(room_id=1, seq=2, object_id=1))
    known.apply(Fact(room_id=1, seq=3, target_object_id=5))
    assert known.ways.is_free(350, 300)
    assert known.is_taken(CHAIR)


def test_a_snapshot_replaces_what_is_older_and_another_log_everything():
    known = floor(CHAIR, seq=9)
    known.take(state(seq=8))
    assert not known.is_taken(CHAIR)
    known.take(state(seq=8), is_reset=True)
    assert known.is_taken(CHAIR)


def test_a_room_that_is_changed_has_another_floor():
    known = floor(seq=1)
    known.apply(Fact(room_id=1, seq=2, room=Room(space=Space(width=50, height=40))))
    assert (known.ways.width, known.ways.height) == (50, 40)


# ---- people


class Hands:
    """A body that notes what is done with it."""

    def __init__(self):
        self.moves, self.uses, self.said, self.walks = [], [], [], 0
        self.neighbour = None

    def move(self, x, y, direction):
        self.moves.append((x, y, direction))

    def use(self, thing_id, action, params):
        self.uses.append((thing_id, action, params))

    def say(self, text, *, nearby):
        self.said.append((text, nearby))

    def set_out(self):
        self.walks += 1

    def near(self, reach):
        return self.neighbour


class Life:
    """One person on a floor, and a clock."""

    def __init__(self, *things, seed="1", talk=0.0, restless=False, at=(100, 200), **how):
        self.hands, self.now = Hands(), 1000.0
        self.floor = floor(*things, **how)
        self.person = Person(seed, self.floor, self.hands, talk=talk, restless=restless)
        self.person.arrive(*at, self.now)

    def go_on(self, seconds):
        for _ in range(round(seconds / STEP)):
            self.step()

    def step(self, elapsed=STEP):
        self.now += elapsed
        self.person.step(self.now)

    def go_on_until(self, is_so, *, within=600):
        for _ in range(round(within / STEP)):
            if is_so():
                return
            self.step()
        raise AssertionError(f"not within {within} s")

    def take_the_chair(self):
        """Somebody else does."""
        taken = msgspec.structs.replace(CHAIR, occupied_by=8)
        self.floor.apply(Fact(room_id=1, seq=2, target_object_id=CHAIR.id, object=taken))

    def go_and_sit(self):
        self.go_on_until(lambda: self.hands.uses)
        assert self.hands.uses.pop() == (CHAIR.id, "sit", {})


def lengths(moves):
    return [math.dist(one[:2], other[:2]) for one, other in itertools.pairwise(moves)]


def test_people_walk_at_human_speed_and_round_what_is_solid():
    life = Life(TABLE, CHAIR, BOARD)
    life.go_on(300)
    assert len(life.hands.moves) > 500
    assert max(lengths(life.hands.moves)) <= FASTEST * STEP + 0.02
    assert not [move for move in life.hands.moves if is_in(TABLE, move)]
    assert all((x, y) == (round(x, 2), round(y, 2)) for x, y, _ in life.hands.moves)
    assert all(0 <= direction < 360 for _, _, direction in life.hands.moves)


def test_people_say_where_they_are_only_while_they_walk():
    life = Life(CHAIR)
    life.go_on(120)
    moves = life.hands.moves
    assert 0 < len(moves) < 120 / STEP * 0.9
    assert all(one[:2] != other[:2] for one, other in itertools.pairwise(moves))


def test_people_keep_below_the_rooms_limit():
    life = Life(speed=20)
    life.go_on(120)
    assert 0 < max(lengths(life.hands.moves)) <= 20 * STEP
    assert SLOWEST > 20


def test_a_room_without_a_limit_makes_nobody_run():
    life = Life(speed=0)
    life.go_on(60)
    assert 0 < max(lengths(life.hands.moves)) <= FASTEST * STEP + 0.02


def test_who_was_held_up_does_not_leap():
    life = Life(restless=True)
    life.go_on_until(lambda: life.hands.moves)
    before = life.hands.moves[-1]
    life.step(60)
    assert math.dist(before[:2], (life.person.x, life.person.y)) <= FASTEST * 0.5


def test_the_same_seed_lives_the_same_life():
    one, same, other = Life(CHAIR, BOARD, talk=10), Life(CHAIR, BOARD, talk=10), Life(CHAIR, BOARD, talk=10, seed="2")
    for life in (one, same, other):
        life.go_on(120)
    assert one.hands.moves == same.hands.moves
    assert one.hands.said == same.hands.said
    assert one.hands.moves != other.hands.moves


def test_who_is_not_there_does_nothing():
    life = Life(talk=60)
    life.person.leave()
    life.go_on(60)
    assert (life.hands.moves, life.hands.said) == ([], [])


def test_people_walk_to_a_chair_sit_a_while_and_stand_up():
    life = Life(CHAIR)
    life.go_and_sit()
    assert (life.person.x, life.person.y) == CHAIR.middle
    life.person.answered("sit", None, life.now)
    moved = len(life.hands.moves)
    began = life.now
    life.go_on_until(lambda: life.hands.uses, within=60)
    assert life.hands.uses == [(CHAIR.id, "stand", {})]
    assert life.now - began > 5
    assert len(life.hands.moves) == moved
    life.go_on_until(lambda: len(life.hands.moves) > moved)


def test_who_finds_the_chair_taken_goes_elsewhere():
    life = Life(CHAIR)
    life.go_and_sit()
    life.take_the_chair()
    life.person.answered("sit", "occupied", life.now)
    moved = len(life.hands.moves)
    life.go_on_until(lambda: len(life.hands.moves) > moved, within=10)
    assert not life.hands.uses


def test_who_sees_that_the_chair_is_taken_does_not_ask():
    life = Life(CHAIR)
    life.go_on_until(lambda: life.person._thing is not None)
    life.take_the_chair()
    life.go_on_until(lambda: life.person._thing is None)
    assert not life.hands.uses


def test_an_answer_that_never_comes_is_not_waited_for():
    life = Life(CHAIR)
    life.go_and_sit()
    life.take_the_chair()
    moved = len(life.hands.moves)
    life.go_on_until(lambda: len(life.hands.moves) > moved, within=15)


def test_nobody_wants_a_chair_that_is_taken():
    life = Life(msgspec.structs.replace(CHAIR, occupied_by=3))
    life.go_on(120)
    assert not life.hands.uses


def test_people_use_tools_in_their_own_words():
    life = Life(BOARD)
    life.go_on_until(lambda: life.hands.uses)
    thing_id, action, params = life.hands.uses[0]
    assert (thing_id, action) == (BOARD.id, "write")
    assert params["text"] in WORDS


@pytest.mark.parametrize(
    ("metadata", "done"),
    [
        ({"tool": "jukebox"}, "play"),
        ({"tool": "notice_board"}, "post"),
        ({}, "look"),
        ({"actions": {"ring": {"type": "object"}}}, "ring"),
        ({"actions": {"ring": True}}, "ring"),
        ({"actions": {"set": {"type": "object", "required": ["to"]}}}, None),
    ],
)
def test_what_is_done_with_a_tool_is_what_it_takes(metadata, done):
    thing = Thing(id=1, type="tool", x=0, y=0, metadata=metadata)
    found = deed(thing, Life().person._chance)
    assert (found and found[0]) == done


def test_who_is_corrected_stands_a_moment_and_goes_on_from_there():
    life = Life(restless=True)
    life.go_on_until(lambda: life.hands.moves)
    assert life.person.corrected(50, 60, life.now)
    said = len(life.hands.moves)
    life.go_on(0.3)
    assert len(life.hands.moves) == said
    life.go_on_until(lambda: len(life.hands.moves) > said, within=2)
    assert math.dist(life.hands.moves[said][:2], (50, 60)) <= FASTEST * STEP + 0.02


def test_who_is_stopped_again_and_again_goes_elsewhere():
    life = Life(restless=True, at=(400, 300))
    goals = set()
    for _ in range(40):
        life.go_on_until(lambda: life.hands.moves)
        goals.add(life.person._goal)
        life.person.corrected(100, 200, life.now)
        life.hands.moves.clear()
    assert len(goals) > 3


def test_a_correction_to_where_one_is_is_none():
    life = Life()
    assert not life.person.corrected(100.5, 200, life.now)


def test_people_talk_as_often_as_they_are_told_and_to_who_is_near():
    life = Life(talk=6)
    life.go_on(600)
    assert 30 < len(life.hands.said) < 100
    assert not [one for one in life.hands.said if one[1]]
    life.hands.said.clear()
    life.hands.neighbour = (110, 200)
    life.go_on(600)
    assert {nearby for _, nearby in life.hands.said} == {True, False}


def test_the_restless_neither_pause_nor_sit():
    life = Life(CHAIR, BOARD, restless=True)
    life.go_on_until(lambda: life.hands.moves)
    life.hands.moves.clear()
    life.go_on(120)
    assert len(life.hands.moves) > 120 / STEP * 0.9
    assert not life.hands.uses


# ---- who sees whom


def member(crowd, user_id, x, y):
    person = Person(str(user_id), floor(), Hands(), talk=0)
    one = Member(person)
    one.user_id = user_id
    crowd.add(one)
    person.arrive(x, y, 0.0)
    return one


def test_whoever_is_nearest_watches_a_walker_and_is_found_by_reach():
    crowd = Crowd("1")
    walker, near, far = member(crowd, 1, 0, 0), member(crowd, 2, 30, 40), member(crowd, 3, 300, 0)
    assert crowd.nearest(walker, 50) is near
    assert crowd.nearest(walker, 49) is None
    crowd.watch(walker)
    walker.trail.add(1.0, 2.0)
    assert near.watches[1].seen(5.0, 5.0) is None
    assert near.watches[1].seen(1.0, 2.0) >= 0
    assert near.watches[1].seen(1.0, 2.0) is None  # once
    near.person.leave()
    crowd.watch(walker)
    assert (near.watches, list(far.watches)) == ({}, [1])
    crowd.forget(walker)
    assert far.watches == {}


def test_a_trail_forgets_what_nobody_saw():
    crowd = Crowd("1")
    walker = member(crowd, 1, 0, 0)
    for place in range(200):
        walker.trail.add(place, 0)
    assert walker.trail.seen(0, 0) is None
    assert walker.trail.seen(199, 0) is not None


# ---- figures


def test_quantiles_are_exact_to_two_percent():
    delays = Delays()
    assert delays.quantile(0.5) is None
    for number in range(1, 1001):
        delays.add(number / 1000)
    assert delays.quantile(0.5) == pytest.approx(0.5, rel=0.02)
    assert delays.quantile(0.99) == pytest.approx(0.99, rel=0.02)
    assert delays.quantile(1) == pytest.approx(1, rel=0.02)
    late = Delays()
    late.add(0.0)
    late.add(-1.0)
    delays.take(late)
    assert (delays.count, late.count) == (1002, 0)
    assert delays.quantile(0) < 0.001


def test_a_report_tells_of_the_time_between_two_readings():
    figures = Figures()
    figures.came()
    before = Reading(10.0, 1.0, Counts(moves=100, messages=5), [0, 50, 10], [0, 0, 0])
    figures.move_delay.recent.add(0.1)
    after = Reading(20.0, 3.5, Counts(moves=300, messages=6, shown=4, seen=3), [100, 70, 1010], [10, 30, 20])
    first = report(Subject("u", 1, 3), figures, before, after, recent=True)
    assert (first.moves_per_second, first.heard_per_viewer, first.bytes_per_viewer) == (20, 10, 2)
    assert (first.counts.messages, first.messages_per_second, first.seen, first.cpu) == (1, 0.1, 0.75, 0.25)
    assert first.move_delay.p50 == pytest.approx(100, rel=0.02)
    figures.move_delay.recent.add(0.3)
    assert report(Subject("u", 1, 3), figures, before, after, recent=True).move_delay.count == 1
    assert report(Subject("u", 1, 3), figures, before, after, recent=False).move_delay.count == 2


def test_refusals_that_happen_to_people_are_no_errors():
    figures = Figures()
    for code in ("occupied", "internal", "occupied", "nobody_near"):
        figures.refused(code)
    assert figures.errors == {"internal": 1}
    assert figures.refusals == {"occupied": 2, "nobody_near": 1}


def test_a_report_can_be_read_by_people_and_by_programs():
    figures = Figures()
    figures.refused("internal")
    figures.ack_delay.recent.add(0.002)
    reading = Reading(0.0, 0.0, Counts(), [0], [0])
    found = report(
        Subject("http://h", 1, 1), figures, reading, Reading(1.0, 0.1, Counts(moves=20), [4], [9]), recent=False
    )
    assert "20 moves/s" in line(found, phase="in")
    assert "internal 1" in line(found, phase="in")
    assert ("moves sent", "20/s") in rows(found)
    read = msgspec.json.decode(as_json(found))
    assert read["errors"] == {"internal": 1}
    assert read["move_delay"] == {"p50": None, "p99": None, "count": 0}


# ---- the wire


DIALECT = cafe_dialects(Limits(frame=1, message=1, page=1, frames_per_second=1, burst=1, heartbeat_interval=1))[1]


@pytest.mark.parametrize(
    ("said", "command"),
    [
        (wire.update_position(1, 3.25, 4.0, 90), c.Move(room_id=1, x=3.25, y=4.0, direction=90)),
        (wire.say("join_room", {"room_id": 1}, 1), c.EnterRoom(room_id=1)),
        (wire.say("leave_room", {"room_id": 1}), c.ExitRoom(room_id=1)),
        (wire.say("authenticate", {"token": "t"}, 2), c.Authenticate(token="t")),
        (
            wire.say("use_tool", {"room_id": 1, "target_object_id": 5, "action": "sit", "params": {}}, 3),
            c.UseTool(room_id=1, target_object_id=5, action="sit"),
        ),
        (
            wire.say("send_message", {"room_id": 1, "message": "Hi", "nonce": "n", "nearby": True}, 4),
            c.SendMessage(room_id=1, content="Hi", nonce="n", nearby=True),
        ),
    ],
)
def test_the_server_understands_what_is_said(said, command):
    assert DIALECT.decode(said.decode(), None).command == command


TOLD = {one.name: one.example for one in catalogue.V1.sends}


def test_the_server_knows_all_that_is_listened_to():
    assert set(wire.KINDS) - {"ack"} <= set(TOLD)


@pytest.mark.parametrize("name", [name for name in TOLD if name.removesuffix(".ack") != name or name in wire.KINDS])
def test_what_the_server_says_is_understood(name):
    heard = Listener().read(msgspec.json.encode(TOLD[name]))
    assert [one.event for one in heard] == ["ack" if name.endswith(".ack") else name]


def test_several_events_may_come_in_one_frame_and_unknown_ones_are_no_matter():
    listener = Listener()
    positions = {"event": "positions", "data": {"room_id": 1, "t": 5, "moves": [[7, 1, 2.5, None, "new"]], "gone": [8]}}
    error = {"event": "error", "id": 3, "data": {"code": "occupied", "message": "Somebody sits there"}}
    payload = msgspec.json.encode([positions, {"event": "not_known", "data": 5}, error])
    first, second = listener.read(payload)
    assert [(move.user_id, move.x, move.y) for move in first.data.moves] == [(7, 1.0, 2.5)]
    assert (second.ref, second.data.code) == (3, "occupied")
    assert listener.read(bytes(payload)) is listener.read(bytes(payload))  # decoded once for all who hear it


@pytest.mark.parametrize("payload", [b"", b"{", b"5", b"\xff", b'{"event":"positions","data":{"moves":5}}', b"[1]"])
def test_what_cannot_be_read_says_so(payload):
    with pytest.raises(wire.UNREADABLE):
        Listener().read(payload)


class Wire(asyncio.Transport):
    """What is written to it."""

    def __init__(self):
        super().__init__()
        self.written, self.is_closed, self.is_cut = b"", False, False

    def write(self, data):
        self.written += data

    def close(self):
        self.is_closed = True

    def abort(self):
        self.is_cut = True


class Ear:
    """A server's, which reads what clients send."""

    def __init__(self):
        self.heard = []

    def on_text(self, text):
        self.heard.append(text)

    def on_binary(self, data):
        self.heard.append(data)

    def on_ping(self, payload):
        self.heard.append(("ping", payload))

    def on_peer_close(self, code, reason):
        self.heard.append(("close", code))


def understood(written):
    ear = Ear()
    FrameParser(2**20).feed(written, ear)
    return ear.heard


@pytest.fixture
async def connected():
    """A socket after its handshake, its transport, and what it heard."""
    heard = []
    socket, transport = ClientSocket(b"GET /\r\n\r\n", b"expected", heard.append), Wire()
    socket.connection_made(transport)
    socket.data_received(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-")
    socket.data_received(b"Accept: expected\r\n\r\n\x81\x02at")
    await socket.opened
    transport.written = b""
    return socket, transport, heard


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_frames_are_masked_as_the_server_wants_them(size):
    assert understood(frame(0x81, b"x" * size)) == ["x" * size]
    assert frame(0x81, b"x" * 9)[6:] != b"x" * 9


async def test_messages_are_heard_however_they_are_cut(connected):
    socket, _, heard = connected
    stream = b"\x81\x01b" + b"\x81\x7e\x01\x00" + b"c" * 256 + b"\x81\x7f" + (70_000).to_bytes(8, "big") + b"d" * 70_000
    stream += b"\x01\x01e\x89\x00\x80\x01f"  # in fragments, with a ping between
    for at in range(0, len(stream), 7):
        socket.data_received(stream[at : at + 7])
    assert heard == [b"at", b"b", b"c" * 256, b"d" * 70_000, b"ef"]
    assert socket.bytes_in > len(stream)


async def test_a_ping_is_answered_and_a_close_too(connected):
    socket, transport, _ = connected
    socket.data_received(b"\x89\x02hi\x88\x06\x03\xf4bye!")
    assert transport.written.endswith(transport.written[-8:])
    pong, close = transport.written[:8], transport.written[8:]
    assert pong[:2] == b"\x8a\x82"
    assert understood(close) == [("close", 1012)]
    assert transport.is_closed
    socket.connection_lost(None)
    assert await socket.closed == (1012, "bye!")


async def test_who_closes_waits_for_the_servers_close(connected):
    socket, transport, _ = connected
    socket.close()
    socket.send(b"too late")
    assert understood(transport.written) == [("close", 1000)]
    socket.data_received(b"\x88\x02\x03\xe8")
    assert transport.is_closed
    socket.connection_lost(None)
    assert await socket.closed == (1000, "")


async def test_a_connection_that_is_lost_is_told_so(connected):
    socket, _, _ = connected
    socket.connection_lost(ConnectionResetError())
    assert await socket.closed == (LOST, "")
    socket.send(b"nobody hears it")


@pytest.mark.parametrize("stream", [b"\x81\x81abcda", b"\x80\x01a", b"\x91\x01a", b"\x01\x01a\x01\x01b"])
async def test_a_server_that_breaks_the_rules_is_left(connected, stream):
    socket, transport, _ = connected
    socket.data_received(stream)
    assert transport.is_cut


async def test_a_handshake_that_is_refused_says_when_to_come_again():
    socket = ClientSocket(b"", b"expected", print)
    socket.connection_made(Wire())
    socket.data_received(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n")
    with pytest.raises(Refused) as refused:
        await socket.opened
    assert (refused.value.code, refused.value.retry_after) == ("http_503", 5.0)


async def test_another_answer_to_the_key_is_no_handshake():
    socket = ClientSocket(b"", b"expected", print)
    socket.connection_made(Wire())
    socket.data_received(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: other\r\n\r\n")
    with pytest.raises(Refused):
        await socket.opened


# ---- options


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", Address("127.0.0.1", 8000, is_tls=False)),
        ("http://localhost:8000/", Address("localhost", 8000, is_tls=False)),
        ("https://chat.example.org", Address("chat.example.org", 443, is_tls=True)),
        ("ws://h/chat/", Address("h", 80, is_tls=False, prefix="/chat")),
        ("wss://[::1]:81", Address("::1", 81, is_tls=True)),
    ],
)
def test_an_address_says_where_the_server_is(url, address):
    assert Address.parse(url) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "url", ["", "foo", "localhost:8000", "http://", "ftp://h", "http://h:0", "http://h:99999", "http://["]
)
def test_an_address_that_is_none_is_refused_in_a_line(url):
    with pytest.raises(Unusable) as refused:
        Address.parse(url)
    assert "--url" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_prefix_in_the_address_goes_before_every_path():
    request = upgrade(Address("h", 80, is_tls=False, prefix="/chat"), "/api/v1/ws", "t", "tertulia.v1", b"key")
    assert request.startswith(b"GET /chat/api/v1/ws HTTP/1.1\r\nHost: h:80\r\n")
    assert b"t" not in request.split(b"\r\n")[0].replace(b"chat", b"").replace(b"GET", b"").replace(b"HTTP", b"")


def options(**how):
    return options_from("http://h", users=1, room_id=1, seed="1", **how)


def test_a_chosen_prefix_needs_a_password_and_numbers_are_numbers():
    with pytest.raises(Unusable, match="--password"):
        options(prefix="crowd", password=None)
    with pytest.raises(Unusable, match="--rate"):
        options(prefix=None, password=None, rate=math.nan)


def test_names_of_chance_are_thrown_away_and_chosen_ones_kept():
    by_chance, other = options(prefix=None, password=None), options(prefix=None, password=None)
    assert by_chance.removes_accounts
    assert by_chance.prefix != other.prefix
    chosen, again = (options(prefix="crowd", password="secret") for _ in range(2))
    assert not chosen.removes_accounts
    assert chosen.username(3) == "crowd-3"
    assert chosen.password_of("crowd-3") == again.password_of("crowd-3") != chosen.password_of("crowd-4")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] …"),
            "connection refused",
        ),
        (OSError("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"), "wrong version number"),
        (ConnectionResetError(), "the connection is lost"),
    ],
)
def test_why_there_is_no_connection_is_told_in_a_few_words(error, words):
    assert why(error) == words


def test_somebody_in_a_room_may_have_no_place():
    assert msgspec.json.decode(b'{"user_id":1,"x":null,"y":null}', type=Present) == Present(1)
