"""A session's state machine, fed by hand: what a frame means, depending on what came before it."""

from types import SimpleNamespace

import pytest
from msgspec import UNSET, structs

from tertulia.domain.commands import Authenticate, Move, Ping, SendMessage, Type
from tertulia.domain.errors import Malformed, MissingToken, TooFast, UnknownCommand
from tertulia.domain.ids import RoomId
from tertulia.protocol.dialect import CloseReason, Request, Unreadable
from tertulia.protocol.session import Allowance, HangUp, Pace, Refuse, Session
from tertulia.transport.session import MOST_WAITING, Lobby, SocketSession

SEND = Request(SendMessage(room_id=RoomId(1), content="hola"), "send_message", 7)
FRAMES = {
    "send": SEND,
    "ping": Request(Ping(), "ping"),
    "authenticate": Request(Authenticate(token="t"), "authenticate"),
    "typing": Request(Type(room_id=RoomId(1)), "typing"),
    "typing with an id": Request(Type(room_id=RoomId(1)), "typing", 8),
}


class Words:
    """As much of a dialect as a session asks for: one word is one frame."""

    is_binary = False

    def decode(self, frame, room_id):
        if frame in FRAMES:
            return FRAMES[frame]
        raise Unreadable(UnknownCommand(frame) if frame == "dance" else Malformed(), frame, UNSET)


@pytest.fixture
def session():
    session = Session(Words(), None, Pace(rate=20, burst=60), now=0.0)
    session.is_ready = True
    return session


def test_a_frame_that_is_understood_is_a_request(session):
    assert session.receive("send", 0.0) == SEND


def test_before_it_is_ready_a_session_takes_nothing_but_authenticate_and_ping(session):
    session.is_ready = False

    refused = session.receive("send", 0.0)

    assert isinstance(refused, Refuse)
    assert isinstance(refused.error, MissingToken)
    assert (refused.name, refused.ref) == ("send_message", 7)
    assert session.receive("authenticate", 0.0) == FRAMES["authenticate"]
    assert session.receive("ping", 0.0) == FRAMES["ping"]
    assert isinstance(session.receive("typing", 0.0), Refuse)


def test_a_frame_of_the_other_kind_ends_the_session(session):
    assert session.receive(b"send", 0.0) == HangUp(CloseReason.BINARY)


def test_the_tenth_malformed_frame_in_a_row_ends_the_session(session):
    answers = [session.receive("%%%", 0.0) for _ in range(10)]

    assert all(isinstance(answer, Refuse) for answer in answers[:9])
    assert isinstance(answers[9], HangUp)
    assert answers[9].reason is CloseReason.MALFORMED


def test_a_good_frame_in_between_starts_the_count_of_malformed_ones_again(session):
    answers = [session.receive("ping" if n % 10 == 9 else "%%%", n * 1.0) for n in range(50)]

    assert not any(isinstance(answer, HangUp) for answer in answers)


def test_unknown_events_are_no_malformed_frames_for_a_client_may_be_newer_than_the_server(session):
    answers = [session.receive("dance", n * 1.0) for n in range(30)]

    assert all(isinstance(answer, Refuse) for answer in answers)


def test_a_burst_is_let_through_and_the_frame_after_it_is_told_when_to_come_again(session):
    assert all(session.receive("send", 0.0) == SEND for _ in range(60))

    refused = session.receive("send", 0.0)

    assert isinstance(refused, Refuse)
    assert isinstance(refused.error, TooFast)
    assert refused.error.retry_after == pytest.approx(0.05)
    assert refused.ref == 7
    assert session.receive("send", 0.06) == SEND


def test_twenty_frames_a_second_are_never_refused(session):
    assert all(session.receive("send", n / 20) == SEND for n in range(1000))


def test_who_does_not_slow_down_after_as_many_warnings_as_a_burst_is_hung_up_on(session):
    answers = [session.receive("send", 0.0) for _ in range(120)]

    assert isinstance(answers[118], Refuse)
    assert isinstance(answers[119], HangUp)
    assert answers[119].reason is CloseReason.TOO_FAST
    assert answers[119].retry_after == pytest.approx(3.0)


def test_warnings_are_forgotten_once_the_client_has_rested(session):
    for start in (0.0, 10.0, 20.0):
        answers = [session.receive("send", start) for _ in range(100)]
        assert not any(isinstance(answer, HangUp) for answer in answers)


def test_malformed_frames_cost_as_much_as_good_ones(session):
    answers = [session.receive("dance", 0.0) for _ in range(61)]

    assert isinstance(answers[60], Refuse)
    assert isinstance(answers[60].error, TooFast)


def test_typing_has_an_allowance_of_its_own_and_is_dropped_without_a_word(session):
    answers = [session.receive("typing", 0.0) for _ in range(500)]

    assert answers[:180] == [FRAMES["typing"]] * 180
    assert set(answers[180:]) == {None}
    assert session.receive("send", 0.0) == SEND


def test_typing_that_bears_an_id_is_answered_when_it_is_dropped_too(session):
    answers = [session.receive("typing with an id", 0.0) for _ in range(181)]

    assert isinstance(answers[180], Refuse)
    assert isinstance(answers[180].error, TooFast)
    assert answers[180].ref == 8


def test_an_allowance_never_grows_beyond_its_burst():
    allowance = Allowance(burst=3, now=0.0)

    spent = [allowance.spend(rate=1, burst=3, now=1000.0) for _ in range(4)]

    assert spent[:3] == [0.0, 0.0, 0.0]
    assert spent[3] == pytest.approx(1.0)


class Quiet:
    """A socket that is asked to be read no further, or on."""

    def __init__(self):
        self.is_read = True

    def pause_reading(self):
        self.is_read = False

    def resume_reading(self):
        self.is_read = True


@pytest.fixture
def busy():
    """A socket's session that waits for an answer of the store."""
    lobby = Lobby(executor=None, authenticator=None, hub=None, pace=Pace(rate=20, burst=60), clock=None)
    session = SocketSession(lobby, Words(), None)
    session._socket, session._posted = Quiet(), 1
    there = SimpleNamespace(is_present=True)
    session._connection = SimpleNamespace(
        rooms={1: there, 2: there, 3: SimpleNamespace(is_present=False)}, last_heard=0.0
    )
    return session


@pytest.fixture
async def walked(busy):
    """Where it walks; it has moves for two rooms that are to be done later."""
    walked = []
    spaces = SimpleNamespace(walk=lambda connection, room, x, y, direction: walked.append(x) or True)
    busy._lobby = structs.replace(busy._lobby, hub=SimpleNamespace(spaces=spaces))
    for move in (step(1, 1.0), step(2, 2.0)):
        busy._move_later(move, move.command, 60.0)
    return walked


def step(room_id, x):
    return Request(Move(room_id=RoomId(room_id), x=x, y=1.0), "update_position")


async def test_a_move_that_is_done_later_waits_for_the_command_before_it(busy):
    busy._task, move = object(), step(1, 1.0)
    busy._move_later(move, move.command, 60.0)
    busy._take_late()
    assert list(busy._backlog) == [move]


async def test_of_the_moves_that_are_done_later_the_last_in_each_room_counts(busy):
    busy._task, moves = object(), [step(1, 1.0), step(2, 2.0), step(3, 3.0), step(1, 4.0), step(7, 5.0)]
    for move in moves:
        busy._move_later(move, move.command, 60.0)
    del busy._connection.rooms[2]  # which one leaves
    for _ in range(5):
        busy._take_late()
    assert list(busy._backlog) == [moves[3]]


async def test_a_move_that_is_done_at_once_is_not_undone_by_an_older_one(busy, walked):
    newer = step(1, 3.0)
    busy._do(newer)
    for _ in range(3):
        busy._take_late()
    assert walked == [3.0, 2.0]


async def test_a_move_that_waits_is_done_before_what_came_after_it(busy, walked):
    busy._do(FRAMES["ping"])
    assert walked == [1.0, 2.0]
    assert list(busy._backlog) == [FRAMES["ping"]]


def test_a_socket_is_read_no_further_also_if_what_it_sent_was_put_back(busy):
    busy._session.is_ready = True
    busy._task = object()
    for _ in range(MOST_WAITING):
        busy.on_text("typing")
    assert not busy._socket.is_read
    busy._task = None
    busy._next()  # the first is taken, and put back until the post is answered
    busy.on_text("typing")
    assert not busy._socket.is_read
