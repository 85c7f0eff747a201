"""simple's socket: golden frames in and out, and tables without a hole."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec import UNSET

from tertulia.dialects.simple import SimpleDialect
from tertulia.domain import commands as c
from tertulia.domain import errors as x
from tertulia.domain import events as e
from tertulia.domain.models import Membership, Message, Page, Room
from tertulia.domain.roles import RoomKind
from tertulia.protocol.dialect import CloseReason, Entered, Request, Resume, Unreadable

SIMPLE = SimpleDialect()
AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
ROOM = Room(id=1, kind=RoomKind.CHANNEL, name="Café", created_at=AT, updated_at=AT)


def payload(frame):
    assert frame[0] == 0x81
    return frame[4 if frame[1] == 126 else 2 :].decode()


def refused(text):
    with pytest.raises(Unreadable) as caught:
        SIMPLE.decode(text, 1)
    one = caught.value
    frame = json.loads(payload(SIMPLE.error(one.error, one.name, one.ref)))
    assert set(frame) == {"type", "message"}
    assert frame["type"] == "error"
    return frame["message"]


def said(message_id, text, *, is_deleted=False):
    return Message(
        id=message_id,
        room_id=1,
        seq=message_id,
        user_id=3,
        username="alice",
        content=text,
        is_deleted=is_deleted,
        created_at=AT,
    )


def told(message_id, text):
    return {
        "id": message_id,
        "content": text,
        "user_id": 3,
        "username": "alice",
        "room_id": 1,
        "created_at": NOW,
    }


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"type":"message","content":"Hello"}', c.SendMessage(room_id=1, content="Hello")),
        ('{"content":"Hello","type":"mess\\u0061ge","room_id":2}', c.SendMessage(room_id=1, content="Hello")),
        ('{"type":"fetch_messages","cursor":123,"limit":50}', c.ListMessages(room_id=1, cursor=123, limit=50)),
        ('{"type":"fetch_messages"}', c.ListMessages(room_id=1, cursor=None, limit=50)),
        ('{"type":"fetch_messages","cursor":null,"limit":null}', c.ListMessages(room_id=1, cursor=None, limit=50)),
    ],
)
def test_a_frame_is_read_as_its_command(text, command):
    assert SIMPLE.decode(text, 1).command == command


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"type":"message","content":""}', "Message content cannot be empty"),
        ('{"type":"message","content":null}', "Message content cannot be empty"),
        ('{"type":"message"}', "Message content cannot be empty"),
        ('{"type":"message","content":5}', "Message content must be text"),
        ('{"type":"message","content":"a\\u0000b"}', "Message content must be text"),
        ("hello", "Invalid JSON format"),
        ("", "Invalid JSON format"),
        ('{"type":"message"', "Invalid JSON format"),
        ("[]", "Invalid JSON format"),
        ("5", "Invalid JSON format"),
        ('{"type":"message","content":"\\ud800"}', "Invalid JSON format"),
        ("[" * 60000, "Invalid JSON format"),
        ('{"type":"dance"}', "Unknown message type: dance"),
        ('{"type":5}', "Unknown message type: 5"),
        ('{"type":null}', "Unknown message type: null"),
        ('{"type":"' + "é" * 100 + '"}', "Unknown message type: " + "é" * 64),
        ("{}", "Message type is missing"),
        ('{"type":"fetch_messages","cursor":"x"}', "Expected `int | null`, got `str` - at `$.cursor`"),
        ('{"type":"fetch_messages","limit":1001}', "Expected `int` <= 1000 - at `$.limit`"),
        (b'{"type":"message","content":"x"}', "A text frame is due"),
    ],
)
def test_what_makes_no_sense_is_answered_in_these_words(text, answer):
    assert refused(text) == answer


def test_a_socket_without_a_room_understands_nothing():
    with pytest.raises(Unreadable):
        SIMPLE.decode('{"type":"message","content":"x"}', None)
    assert SIMPLE.opening(None) == []


def test_connecting_is_entering_the_room_and_brings_its_history():
    (opening,) = SIMPLE.opening(1)
    assert opening.command == c.EnterRoom(room_id=1)
    snapshot = c.Snapshot(
        room=ROOM,
        membership=Membership(room_id=1, user_id=3, username="alice", joined_at=AT),
        epoch="e1",
        seq=9,
        messages=Page([said(7, "one"), said(8, "", is_deleted=True), said(9, "two")], 7),
        pins=[],
        objects=[],
    )
    (history,) = SIMPLE.replies(opening, Entered(snapshot=snapshot, users=[], result=Resume.FRESH))
    assert json.loads(payload(history)) == {
        "type": "messages_history",
        "data": {"messages": [told(9, "two"), told(7, "one")], "has_more": True, "next_cursor": 7},
    }


def test_fetched_messages_come_as_history_newest_first():
    request = SIMPLE.decode('{"type":"fetch_messages"}', 1)
    (history,) = SIMPLE.replies(request, Page([said(9, "two")]))
    assert payload(history) == (
        '{"type":"messages_history","data":{"messages":[{"id":9,"content":"two","user_id":3,"username":"alice",'
        f'"room_id":1,"created_at":"{NOW}"}}],"has_more":false,"next_cursor":null}}}}'
    )


def test_a_message_is_told_to_all_and_is_its_own_answer():
    event = e.MessageSent(
        room_id=1, seq=7, message_id=9, user_id=3, username="alice", content="hi", nonce="n", created_at=AT
    )
    for own in (True, False):
        assert payload(SIMPLE.encode(event, own)) == (
            '{"type":"message","data":{"id":9,"content":"hi","user_id":3,"username":"alice","room_id":1,'
            f'"created_at":"{NOW}"}}}}'
        )
    request = SIMPLE.decode('{"type":"message","content":"hi"}', 1)
    assert SIMPLE.replies(request, c.SendResult(9, 7, AT)) == []


def test_only_messages_have_a_word():
    assert SIMPLE.encode(e.MessageDeleted(room_id=1, seq=8, message_id=9, user_id=3, updated_at=AT), False) is None
    assert SIMPLE.encode(e.UserTyping(room_id=1, user_id=4, username="bob"), False) is None
    assert SIMPLE.caught_up(1, 9) is SIMPLE.heartbeat({1: 9}) is SIMPLE.farewell(CloseReason.RESTARTING, 1) is None


def test_refusals_are_1008_with_these_texts():
    assert {reason: SIMPLE.closing(reason) for reason in CloseReason if SIMPLE.closing(reason)[0] == 1008} == {
        CloseReason.MISSING_TOKEN: (1008, "Missing authentication token"),
        CloseReason.INVALID_TOKEN: (1008, "Invalid token"),
        CloseReason.NO_SUCH_ROOM: (1008, "Room not found"),
        CloseReason.NOT_A_MEMBER: (1008, "Not a member of this room"),
        CloseReason.FORBIDDEN: (1008, "Not allowed"),
        CloseReason.TOO_FAST: (1008, "Too many messages"),
        CloseReason.MALFORMED: (1008, "Too many malformed messages"),
        CloseReason.TOO_MANY_SOCKETS: (1008, "Too many sockets of this user"),
    }


def test_every_other_reason_to_close_has_a_code_of_its_own():
    assert SIMPLE.closing(CloseReason.SLOW_CONSUMER)[0] == 1013
    for reason in CloseReason:
        code, text = SIMPLE.closing(reason)
        assert 1000 < code < 1015
        assert text


def test_every_domain_error_can_be_told():
    made = {x.TooFast: (1.0,), x.Internal: ("e-1",)}
    for kind in x.every_error():
        assert json.loads(payload(SIMPLE.error(kind(*made.get(kind, ())), "message", UNSET)))["message"]


def test_an_empty_message_refused_by_the_core_has_the_same_words():
    frame = SIMPLE.error(x.EmptyMessage(), "message", UNSET)
    assert payload(frame) == '{"type":"error","message":"Message content cannot be empty"}'


def test_requests_carry_no_label():
    assert SIMPLE.decode('{"type":"message","content":"x","id":5}', 1) == Request(
        c.SendMessage(room_id=1, content="x"), "message", UNSET
    )


@pytest.mark.parametrize("frame", SIMPLE.catalogue().receives, ids=lambda frame: frame.name)
def test_every_example_of_a_client_is_understood(frame):
    assert SIMPLE.decode(json.dumps(frame.example), 1).name == frame.name
    read = msgspec.json.decode(json.dumps(frame.example), type=frame.payload)
    assert msgspec.to_builtins(read) == frame.example


@pytest.mark.parametrize("frame", SIMPLE.catalogue().sends, ids=lambda frame: frame.name)
def test_every_example_is_of_its_type_whole_and_nothing_else(frame):
    read = msgspec.json.decode(json.dumps(frame.example), type=frame.payload)
    assert msgspec.to_builtins(read) == frame.example
    assert frame.summary


def test_the_catalogue_describes_what_is_told_in_the_very_types():
    payloads = {one.name: one.payload for one in SIMPLE.catalogue().sends}
    event = e.MessageSent(room_id=1, seq=7, message_id=9, user_id=3, username="alice", content="hi", created_at=AT)
    request = SIMPLE.decode('{"type":"fetch_messages"}', 1)
    (history,) = SIMPLE.replies(request, Page([said(9, "two")]))
    for frame in (SIMPLE.encode(event, False), history, SIMPLE.error(x.EmptyMessage(), "message", UNSET)):
        told = json.loads(payload(frame))
        assert msgspec.to_builtins(msgspec.convert(told, payloads[told["type"]])) == told
