"""rooms' sockets: golden frames in and out, and tables without a hole."""

import json
from datetime import UTC, datetime

import jsonschema_rs
import msgspec
import pytest
from msgspec import UNSET

from tertulia.dialects.rooms import RoomsDialect, RoomsPublicDialect
from tertulia.dialects.rooms.events import EVENTS
from tertulia.domain import commands as c
from tertulia.domain import errors as x
from tertulia.domain import events as e
from tertulia.domain.models import Membership, Message, Page, Room, User
from tertulia.domain.roles import LeaveReason, RoomKind, RoomRole, Status
from tertulia.protocol.dialect import CloseReason, Entered, Occupant, Request, Resume, Unreadable

ROOMS, PUBLIC = RoomsDialect(), RoomsPublicDialect()
BOTH = [ROOMS, PUBLIC]
AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
ROOM = Room(id=1, kind=RoomKind.CHANNEL, name="Café", created_at=AT, updated_at=AT)
ALICE = {"user_id": 3, "username": "alice"}
BOB = {"user_id": 4, "username": "bob"}


def payload(frame):
    assert frame[0] == 0x81
    return frame[4 if frame[1] == 126 else 2 :].decode()


def refused(text, room_id=None, dialect=ROOMS):
    with pytest.raises(Unreadable) as caught:
        dialect.decode(text, room_id)
    one = caught.value
    return payload(dialect.error(one.error, one.name, one.ref))


def error(message, code):
    return json.dumps({"type": "error", "message": message, "code": code}, ensure_ascii=False, separators=(",", ":"))


# ---- in


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"type":"message","room_id":2,"content":"Hello"}', c.SendMessage(room_id=2, content="Hello")),
        ('{"content":"a","room_id":2,"type":"mess\\u0061ge","x":{}}', c.SendMessage(room_id=2, content="a")),
        ('{"type":"message","room_id":2,"content":""}', c.SendMessage(room_id=2, content="")),
        ('{"type":"join_room","room_id":2}', c.EnterRoom(room_id=2)),
        ('{"type":"leave_room","room_id":2}', c.ExitRoom(room_id=2)),
        ('{"type":"typing","room_id":2}', c.Type(room_id=2)),
        ('{"type":"ping"}', c.Ping()),
    ],
)
def test_a_frame_is_read_as_its_command(text, command):
    expected = Request(command, json.loads(text)["type"], UNSET)
    assert ROOMS.decode(text, None) == expected
    assert ROOMS.decode(text, 2) == expected


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"type":"message","content":"Hello"}', c.SendMessage(room_id=2, content="Hello")),
        ('{"type":"message","room_id":null,"content":"Hello"}', c.SendMessage(room_id=2, content="Hello")),
        ('{"type":"join_room"}', c.EnterRoom(room_id=2)),
        ('{"type":"leave_room"}', c.ExitRoom(room_id=2)),
        ('{"type":"typing"}', c.Type(room_id=2)),
    ],
)
def test_on_a_socket_of_one_room_the_room_may_be_left_out_and_nowhere_else(text, command):
    assert ROOMS.decode(text, 2).command == command
    assert refused(text) == error("room_id is missing: this socket is of many rooms", "invalid")


@pytest.mark.parametrize("name", ["message", "join_room", "leave_room", "typing"])
def test_a_socket_of_one_room_is_of_no_other(name):
    text = json.dumps({"type": name, "room_id": 3, "content": "Hello"})
    assert refused(text, 2) == error("This socket is of room 2 alone", "invalid")


def test_a_room_left_out_is_no_malformed_frame():
    """Ten of these in a row would close the socket."""
    for text, room_id in (('{"type":"typing"}', None), ('{"type":"typing","room_id":3}', 2)):
        with pytest.raises(Unreadable) as caught:
            ROOMS.decode(text, room_id)
        assert not isinstance(caught.value.error, x.Malformed)


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("hello", "Invalid JSON format", "malformed"),
        ("", "Invalid JSON format", "malformed"),
        ('{"type":"ping"', "Invalid JSON format", "malformed"),
        ("[]", "Invalid JSON format", "malformed"),
        ("5", "Invalid JSON format", "malformed"),
        ('{"type":"message","content":"\\ud800"}', "Invalid JSON format", "malformed"),
        ("[" * 60000, "Invalid JSON format", "malformed"),
        ("{}", "Message type is missing", "malformed"),
        ('{"type":"dance"}', "Unknown message type: dance", "unknown_event"),
        ('{"type":"edit"}', "Unknown message type: edit", "unknown_event"),
        ('{"type":5}', "Unknown message type: 5", "unknown_event"),
        ('{"type":null}', "Unknown message type: null", "unknown_event"),
        ('{"type":"' + "é" * 100 + '"}', "Unknown message type: " + "é" * 64, "unknown_event"),
        ('{"type":"message"}', "Message content cannot be empty", "empty_message"),
        ('{"type":"message","content":null}', "Message content cannot be empty", "empty_message"),
        ('{"type":"message","content":5}', "Expected `str`, got `int` - at `$.content`", "malformed"),
        (b'{"type":"ping"}', "A text frame is due", "malformed"),
    ],
)
def test_what_makes_no_sense_is_answered_in_these_words(text, message, code):
    for dialect in BOTH:
        assert refused(text, dialect=dialect) == error(message, code)


@pytest.mark.parametrize("room_id", ["0", "-1", '"1"', "1.5", "true", str(2**63), "{}"])
def test_what_is_no_id_is_no_room(room_id):
    told = json.loads(refused(f'{{"type":"join_room","room_id":{room_id}}}'))
    assert told["code"] == "malformed"
    assert "room_id" in told["message"]


def test_a_nul_is_no_text():
    for dialect in BOTH:
        text = '{"type":"message","room_id":1,"content":"a\\u0000b"}'
        assert json.loads(refused(text, dialect=dialect))["code"] == "malformed"


# ---- out


def test_the_first_frame_says_who_one_is():
    user = User(id=3, username="alice", display_name="Alice", created_at=AT)
    assert ROOMS.greets
    (frame,) = ROOMS.replies(Request(c.Greet()), c.Welcome(session_id="Zk3v", user=user))
    assert payload(frame) == ('{"type":"connection_established","connection_id":"Zk3v","user_id":3,"username":"alice"}')
    assert ROOMS.replies(Request(c.Greet()), c.Welcome(session_id="Zk3v")) == []


def said(message_id, text, *, is_deleted=False):
    return Message(
        id=message_id,
        room_id=1,
        seq=message_id,
        **ALICE,
        content=text,
        is_deleted=is_deleted,
        is_edited=True,
        created_at=AT,
        updated_at=AT,
    )


def test_entering_is_answered_by_who_is_there_and_what_was_said_last():
    (opening,) = ROOMS.opening(1)
    assert opening.command == c.EnterRoom(room_id=1)
    assert ROOMS.opening(None) == []
    snapshot = c.Snapshot(
        room=ROOM,
        membership=Membership(room_id=1, **ALICE, joined_at=AT),
        epoch="e1",
        seq=9,
        messages=Page([said(7, "one"), said(8, "", is_deleted=True), said(9, "two")], 7),
        pins=[],
        objects=[],
    )
    users = [Occupant(**BOB, x=1, y=2), Occupant(**ALICE)]
    joined, history = ROOMS.replies(opening, Entered(snapshot=snapshot, users=users, result=Resume.FRESH))
    assert payload(joined) == (
        '{"type":"room_joined","room_id":1,"room_name":"Café",'
        '"users":[{"user_id":4,"username":"bob"},{"user_id":3,"username":"alice"}]}'
    )
    assert payload(history) == (
        '{"type":"message_history","room_id":1,"messages":['
        f'{{"id":7,"room_id":1,"user_id":3,"username":"alice","content":"one","timestamp":"{NOW}"}},'
        f'{{"id":9,"room_id":1,"user_id":3,"username":"alice","content":"two","timestamp":"{NOW}"}}]}}'
    )


def test_leaving_and_pings_are_answered_and_nothing_else_is():
    leave = ROOMS.decode('{"type":"leave_room","room_id":1}', None)
    assert [payload(frame) for frame in ROOMS.replies(leave, None)] == ['{"type":"room_left","room_id":1}']
    ping = ROOMS.decode('{"type":"ping"}', None)
    assert [payload(frame) for frame in ROOMS.replies(ping, AT)] == [f'{{"type":"pong","timestamp":"{NOW}"}}']
    send = ROOMS.decode('{"type":"message","room_id":1,"content":"hi"}', None)
    assert ROOMS.replies(send, c.SendResult(9, 7, AT)) == []
    assert ROOMS.replies(ROOMS.decode('{"type":"typing","room_id":1}', None), None) == []


REMOVED = e.MemberRemoved(room_id=1, seq=8, **ALICE, reason=LeaveReason.KICKED, by=4, created_at=AT)
TOLD = [
    (
        e.MessageSent(room_id=1, seq=7, message_id=9, **ALICE, content="hi", nonce="n", reply_to=8, created_at=AT),
        f'{{"type":"message","id":9,"room_id":1,"user_id":3,"username":"alice","content":"hi","timestamp":"{NOW}"}}',
    ),
    (
        e.UserJoined(room_id=1, **BOB, x=1, y=2, present=[3, 4]),
        '{"type":"user_joined","room_id":1,"user_id":4,"username":"bob"}',
    ),
    (
        e.UserLeft(room_id=1, **BOB, reason="left"),
        '{"type":"user_left","room_id":1,"user_id":4,"username":"bob"}',
    ),
    (
        e.UserLeft(room_id=1, **BOB, reason="removed"),
        '{"type":"user_left","room_id":1,"user_id":4,"username":"bob"}',
    ),
    (
        e.UserLeft(room_id=1, **BOB, reason="disconnected"),
        '{"type":"user_disconnected","room_id":1,"user_id":4,"username":"bob"}',
    ),
    (
        e.UserLeft(room_id=1, **BOB, reason="closed"),
        '{"type":"user_disconnected","room_id":1,"user_id":4,"username":"bob"}',
    ),
    (
        e.UserTyping(room_id=1, **BOB),
        '{"type":"user_typing","room_id":1,"user_id":4,"username":"bob"}',
    ),
    (e.RoomDeleted(room_id=1, seq=8, user_id=3, created_at=AT), '{"type":"room_left","room_id":1}'),
]


@pytest.mark.parametrize(("event", "frame"), TOLD)
def test_an_event_is_told_in_these_words_to_its_author_too(event, frame):
    for own in (True, False):
        assert payload(ROOMS.encode(event, own)) == frame
        assert PUBLIC.encode(event, own) is None


def test_only_who_is_removed_is_told_of_it():
    assert payload(ROOMS.encode(REMOVED, True)) == '{"type":"room_left","room_id":1}'
    assert ROOMS.encode(REMOVED, False) is None


def test_every_event_with_a_word_stands_above():
    assert {type(event) for event, _ in TOLD} | {e.MemberRemoved} == set(EVENTS)


@pytest.mark.parametrize(
    "event",
    [
        e.MessageEdited(room_id=1, seq=8, message_id=9, **ALICE, content="b", updated_at=AT),
        e.MessageDeleted(room_id=1, seq=8, message_id=9, **ALICE, updated_at=AT),
        e.ReactionAdded(room_id=1, seq=8, message_id=9, **BOB, emoji="👍", count=1, created_at=AT),
        e.MessagePinned(room_id=1, seq=8, message_id=9, **BOB, created_at=AT),
        e.MemberAdded(room_id=1, seq=8, **BOB, role=RoomRole.MEMBER, by=4, created_at=AT),
        e.RoomUpdated(room_id=1, seq=8, user_id=3, room=ROOM, created_at=AT),
        e.ReadUpdated(room_id=1, user_id=4, seq=8),
        e.PresenceUpdated(user_id=4, status=Status.AWAY, text="", last_seen_at=None),
    ],
)
def test_what_there_is_no_word_for_is_not_told(event):
    assert ROOMS.encode(event, True) is ROOMS.encode(event, False) is None


def test_refusals_are_1008_with_these_texts():
    assert {reason: ROOMS.closing(reason) for reason in CloseReason if ROOMS.closing(reason)[0] == 1008} == {
        CloseReason.MISSING_TOKEN: (1008, "Missing authentication token"),
        CloseReason.INVALID_TOKEN: (1008, "Invalid token"),
        CloseReason.NO_SUCH_ROOM: (1008, "Room not found"),
        CloseReason.NOT_A_MEMBER: (1008, "Not a member of this room"),
        CloseReason.FORBIDDEN: (1008, "Not allowed"),
        CloseReason.TOO_FAST: (1008, "Too many messages"),
        CloseReason.MALFORMED: (1008, "Too many malformed messages"),
        CloseReason.TOO_MANY_SOCKETS: (1008, "Too many sockets of this user"),
    }


def test_every_domain_error_can_be_told_with_its_code():
    made = {x.TooFast: (1.0,), x.Internal: ("e-1",)}
    for kind in x.every_error():
        for dialect in BOTH:
            told = json.loads(payload(dialect.error(kind(*made.get(kind, ())), "message", UNSET)))
            assert set(told) == {"type", "message", "code"}
            assert (told["type"], told["code"]) == ("error", kind.code)
            assert told["message"]


# ---- the public socket


def test_on_the_public_socket_there_are_no_rooms():
    request = PUBLIC.decode('{"type":"message","content":"hi","room_id":7}', None)
    assert request == Request(c.Shout(content="hi"), "message", UNSET)
    assert PUBLIC.decode('{"type":"ping"}', None).command == c.Ping()
    for name in ("join_room", "leave_room", "typing"):
        text = json.dumps({"type": name, "room_id": 1})
        assert refused(text, dialect=PUBLIC) == error(f"Unknown message type: {name}", "unknown_event")


def test_the_public_socket_says_who_said_what_and_when():
    (first,) = PUBLIC.replies(Request(c.Greet()), c.Welcome(session_id="Zk3v"))
    assert payload(first) == '{"type":"connection_established","client_id":"Zk3v"}'
    assert payload(PUBLIC.shouted("Zk3v", "hi", AT)) == (
        f'{{"type":"message","client_id":"Zk3v","content":"hi","timestamp":"{NOW}"}}'
    )
    ping = PUBLIC.decode('{"type":"ping"}', None)
    assert [payload(frame) for frame in PUBLIC.replies(ping, AT)] == [f'{{"type":"pong","timestamp":"{NOW}"}}']
    assert PUBLIC.replies(Request(c.Shout(content="hi")), None) == []


# ---- the catalogues

EXAMPLES = [(dialect, frame) for dialect in BOTH for frame in dialect.catalogue().receives]
SAYS = [(dialect, frame) for dialect in BOTH for frame in dialect.catalogue().sends]


@pytest.mark.parametrize(("dialect", "frame"), EXAMPLES, ids=lambda one: one.name)
def test_every_example_of_a_client_is_understood(dialect, frame):
    assert dialect.decode(json.dumps(frame.example), None).name == frame.name
    read = msgspec.json.decode(json.dumps(frame.example), type=frame.payload)
    assert msgspec.to_builtins(read) == frame.example


@pytest.mark.parametrize(("dialect", "frame"), [*SAYS, *EXAMPLES], ids=lambda one: one.name)
def test_every_example_is_of_its_type_whole_and_nothing_else(dialect, frame):
    read = msgspec.json.decode(json.dumps(frame.example), type=frame.payload)
    assert msgspec.to_builtins(read) == frame.example
    assert jsonschema_rs.is_valid(msgspec.json.schema(frame.payload), frame.example)
    assert frame.summary


def test_every_type_of_frame_has_a_word_and_each_word_one_type():
    for dialect in BOTH:
        for frames in (dialect.catalogue().receives, dialect.catalogue().sends):
            assert [frame.name for frame in frames] == [frame.payload.__struct_config__.tag for frame in frames]
            assert len({frame.name for frame in frames}) == len(frames)


def test_what_is_told_is_what_the_catalogue_says():
    payloads = {one.name: one.payload for one in ROOMS.catalogue().sends}
    for event, _ in TOLD:
        told = json.loads(payload(ROOMS.encode(event, False)))
        assert msgspec.to_builtins(msgspec.convert(told, payloads[told["type"]])) == told


def test_the_types_of_both_sockets_have_names_of_their_own():
    payloads = {frame.payload for _, frame in [*EXAMPLES, *SAYS]}
    _, schemas = msgspec.json.schema_components(list(payloads))
    assert all(name.startswith("Rooms") for name in schemas)
