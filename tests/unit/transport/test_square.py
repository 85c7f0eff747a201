"""The square: who says something is heard by the others, who does not read is not waited for, and nobody has it all."""

from datetime import UTC, datetime
from functools import partial
from time import monotonic

import pytest

from fanout_world import MemorySocket, turns, until
from tertulia.dialects.rooms import RoomsPublicDialect
from tertulia.fanout import Hub, LocalBackplane
from tertulia.fanout.backplane import Shout, Shouted, decoder, encoder
from tertulia.protocol.session import Pace
from tertulia.services.checks import check_message
from tertulia.transport.square import MOST_AT_ONCE, Square

AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
FAST = Pace(rate=100_000, burst=100_000)


class Visitor:
    """One socket in the square, in memory."""

    def __init__(self, square, **options):
        self.receiver, self.socket = square.receiver(), MemorySocket(**options)
        self.socket.receiver = self.receiver
        self.receiver.on_open(self.socket)

    def say(self, text):
        self.receiver.on_text(f'{{"type":"message","content":"{text}"}}')

    @property
    def id(self):
        return self.socket.got[0]["client_id"]

    def heard(self, kind="message"):
        return [frame for frame in self.socket.got if frame["type"] == kind]

    def texts(self):
        return [frame["content"] for frame in self.heard()]


class World:
    def __init__(self, pace=FAST, most=4000):
        self.told = []
        self.square = Square(
            RoomsPublicDialect(),
            pace=pace,
            clock=lambda: AT,
            check=partial(check_message, most=most),
            tell=lambda shouts: self.told.append(list(shouts)),
        )

    def visitors(self, count, **options):
        return [Visitor(self.square, **options) for _ in range(count)]


@pytest.fixture
def world():
    return World()


async def test_the_others_hear_it_and_who_said_it_does_not(world):
    ana, ben, cleo = world.visitors(3)
    ana.say("hello")
    await turns()
    for other in (ben, cleo):
        assert other.heard() == [{"type": "message", "client_id": ana.id, "content": "hello", "timestamp": NOW}]
    assert ana.heard() == []
    assert len({ana.id, ben.id, cleo.id}) == 3


async def test_what_one_turn_of_the_loop_brings_goes_out_in_one_write(world):
    ana, ben, cleo = world.visitors(3)
    for n in range(5):
        ana.say(f"a{n}")
        ben.say(f"b{n}")
    await turns()
    assert cleo.texts() == [f"{who}{n}" for n in range(5) for who in "ab"]
    assert ana.texts() == [f"b{n}" for n in range(5)]
    assert ben.texts() == [f"a{n}" for n in range(5)]
    assert cleo.socket.writes == 2, "with the greeting"


async def test_who_is_gone_hears_no_more_and_who_came_in_is_counted(world):
    ana, ben, cleo = world.visitors(3)
    assert len(world.square) == 3
    ben.socket.close()
    ana.say("hello")
    cleo.socket.close()  # before it went out
    await turns()
    assert ben.texts() == cleo.texts() == []
    assert len(world.square) == 1


async def test_a_ping_is_answered_with_the_time(world):
    (ana,) = world.visitors(1)
    ana.receiver.on_text('{"type":"ping"}')
    assert ana.socket.got[1:] == [{"type": "pong", "timestamp": NOW}]


async def test_who_does_not_read_misses_it_and_goes_on_afterwards(world):
    ana, slow, ben = Visitor(world.square), Visitor(world.square, high=1000), Visitor(world.square)
    slow.socket.stop_reading()
    for n in range(50):
        ana.say(f"{n} {'x' * 100}")
        await until(lambda n=n: len(ben.texts()) == n + 1)
    waiting = len(slow.socket._waiting)
    assert waiting < 1500, "not more than its socket took before it said so"
    slow.socket.read_on()
    missed = len(slow.texts())
    assert missed < 20
    ana.say("there again")
    await until(lambda: slow.texts()[-1] == "there again")
    assert len(slow.texts()) == missed + 1


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        ("", "empty_message", "Message content cannot be empty"),
        (" ", "empty_message", "Message content cannot be empty"),
        ("x" * 11, "invalid", "The message is longer than 10 characters"),
    ],
)
async def test_what_may_not_be_said_is_refused_and_told_nobody(content, code, text):
    world = World(most=10)
    ana, ben = world.visitors(2)
    ana.say(content)
    await turns()
    assert ana.heard("error") == [{"type": "error", "message": text, "code": code}]
    assert ben.texts() == []
    assert world.told == []


async def test_frames_that_make_no_sense_are_answered_and_ten_in_a_row_are_enough(world):
    (ana,) = world.visitors(1)
    ana.receiver.on_text('{"type":"join_room","room_id":1}')
    assert ana.socket.got[-1] == {
        "type": "error",
        "message": "Unknown message type: join_room",
        "code": "unknown_event",
    }
    for _ in range(10):
        ana.receiver.on_text("nonsense")
    assert ana.socket.got[-2] == {"type": "error", "message": "Invalid JSON format", "code": "malformed"}
    assert ana.socket.got[-1] == {"type": "close", "code": 1008, "reason": "Too many malformed messages"}
    assert len(world.square) == 0


async def test_a_binary_frame_is_not_understood(world):
    (ana,) = world.visitors(1)
    ana.receiver.on_binary(b"{}")
    assert ana.socket.got[-1]["code"] == 1003


async def test_who_goes_on_too_fast_is_closed():
    world = World(Pace(rate=0.001, burst=3))
    ana, ben = world.visitors(2)
    for n in range(6):
        ana.say(n)
    await turns()
    assert ben.texts() == ["0", "1", "2"]
    assert [one["code"] for one in ana.heard("error")] == ["rate_limited"] * 3
    assert ana.heard("close") == [{"type": "close", "code": 1008, "reason": "Too many messages"}]


async def test_too_much_at_once_is_refused_and_there_is_place_again_after_it(world):
    ana, ben = world.visitors(2)
    text = "x" * 4000
    for _ in range(40):
        ana.say(text)
    await turns()
    told = len(ben.texts())
    assert 0 < told * 4000 <= MOST_AT_ONCE
    assert [one["code"] for one in ana.heard("error")] == ["rate_limited"] * (40 - told)
    await until(lambda: ana.say("again") or "again" in ben.texts())


async def test_a_telling_is_followed_by_a_rest_in_which_more_comes_together(world):
    ana, ben = world.visitors(2)
    ana.say("first")
    await turns()
    world.square._rests_until = monotonic() + 0.5
    ana.say("second")
    await turns()
    assert ben.texts() == ["first"]
    ana.say("third")
    await until(lambda: "second" in ben.texts())
    assert ben.texts() == ["first", "second", "third"]
    assert ben.socket.writes == 3


@pytest.mark.parametrize(
    ("how", "code", "reason"),
    [
        ("on_shutdown", 1012, "Server is restarting"),
        ("on_stalled", 1013, "Reading too slowly"),
        ("on_silent", 1001, "No answer to pings"),
    ],
)
async def test_the_server_says_why_it_closes(world, how, code, reason):
    (ana,) = world.visitors(1)
    getattr(ana.receiver, how)()
    assert ana.heard("close") == [{"type": "close", "code": code, "reason": reason}]
    assert len(world.square) == 0
    getattr(ana.receiver, how)()  # it is closed already


# ---- several nodes


async def test_other_nodes_are_told_of_all_that_went_out_together(world):
    ana, _ = world.visitors(2)
    ana.say("one")
    ana.say("two")
    await turns()
    assert world.told == [[Shout(ana.id, "one", AT), Shout(ana.id, "two", AT)]]


async def test_what_was_said_on_another_node_is_heard_by_all_here_and_not_told_on(world):
    ana, ben = world.visitors(2)
    world.square.hear([Shout("far", "hola", AT)])
    await turns()
    for one in (ana, ben):
        assert one.heard() == [{"type": "message", "client_id": "far", "content": "hola", "timestamp": NOW}]
    assert world.told == []


async def test_too_much_from_another_node_is_dropped(world):
    (ana,) = world.visitors(1)
    world.square.hear([Shout("far", "x" * 4000, AT)] * 100)
    await turns()
    assert 0 < len(ana.texts()) * 4000 <= MOST_AT_ONCE


async def test_nobody_here_is_no_work(world):
    world.square.hear([Shout("far", "hola", AT)])
    assert world.square._frames == []


async def test_the_hub_carries_it_between_nodes_and_hands_it_on(world):
    said = []

    class Wire(LocalBackplane):
        def send(self, word, room_id=None):
            said.append(decoder.decode(encoder.encode(word)))

    hub = Hub(log=None, backplane=Wire())
    hub.on_shouts = world.square.hear
    (ana,) = world.visitors(1)
    hub.shout([Shout("near", "hola", AT)])
    assert said == [Shouted([Shout("near", "hola", AT)])]
    hub._hear("other", said[0])
    await turns()
    assert ana.texts() == ["hola"]
