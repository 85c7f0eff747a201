"""conversations' socket: golden frames in and out, and tables without a hole."""

import json
from datetime import UTC, datetime

import jsonschema_rs
import msgspec
import pytest
from msgspec import UNSET

from tertulia.dialects.conversations import ConversationsDialect
from tertulia.dialects.conversations.events import EVENTS
from tertulia.dialects.conversations.operations import OPERATIONS
from tertulia.domain import commands as c
from tertulia.domain import errors as x
from tertulia.domain import events as e
from tertulia.domain.models import Membership, Occupant, Page, Quote, Room, SpaceObject
from tertulia.domain.roles import LeaveReason, RoomKind, RoomRole, Status
from tertulia.protocol.dialect import CloseReason, Entered, Request, Resume, Unreadable

CONVERSATIONS = ConversationsDialect()
AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
ROOM = Room(id=1, kind=RoomKind.CHANNEL, name="Café", created_at=AT, updated_at=AT)
CHAIR = SpaceObject(id=5, room_id=1, type="chair", x=10, y=20, updated_at=AT)
PLACE = {"room_id": 1, "seq": 7, "message_id": 9}
ALICE = {"user_id": 3, "username": "alice"}


def payload(frame):
    assert frame[0] == 0x81
    return frame[4 if frame[1] == 126 else 2 :].decode()


def refused(text):
    with pytest.raises(Unreadable) as caught:
        CONVERSATIONS.decode(text, 1)
    one = caught.value
    frame = json.loads(payload(CONVERSATIONS.error(one.error, one.name, one.ref)))
    assert frame.pop("type") == "error"
    return frame


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"type":"message","content":"Hello"}', c.SendMessage(room_id=1, content="Hello")),
        ('{"content":"Hello","type":"mess\\u0061ge","x":{}}', c.SendMessage(room_id=1, content="Hello")),
        ('{"type":"message","content":""}', c.SendMessage(room_id=1, content="")),
        ('{"type":"message","content":"a","reply_to":"msg-8"}', c.SendMessage(room_id=1, content="a", reply_to=8)),
        ('{"type":"message","content":"a","reply_to":"8"}', c.SendMessage(room_id=1, content="a", reply_to=8)),
        ('{"type":"message","content":"a","reply_to":8}', c.SendMessage(room_id=1, content="a", reply_to=8)),
        ('{"type":"message","content":"a","reply_to":null}', c.SendMessage(room_id=1, content="a")),
        ('{"type":"typing"}', c.Type(room_id=1)),
        (
            '{"type":"reaction","message_id":"msg-9","emoji":"👍"}',
            c.ToggleReaction(message_id=9, emoji="👍", room_id=1),
        ),
        ('{"type":"edit","message_id":9,"content":"b"}', c.EditMessage(message_id=9, content="b", room_id=1)),
        ('{"type":"delete","message_id":"9"}', c.DeleteMessage(message_id=9, room_id=1)),
        ('{"type":"presence","status":"online"}', c.SetStatus(status=Status.ONLINE)),
        ('{"type":"presence","status":"away"}', c.SetStatus(status=Status.AWAY)),
        ('{"type":"presence","status":"busy"}', c.SetStatus(status=Status.BUSY)),
        ('{"type":"presence","status":"offline"}', c.SetStatus(status=Status.OFFLINE)),
        ('{"type":"read","message_id":"msg-9"}', c.MarkReadTo(message_id=9, room_id=1)),
        ('{"type":"ping"}', c.Ping()),
    ],
)
def test_a_frame_is_read_as_its_command(text, command):
    request = CONVERSATIONS.decode(text, 1)
    assert request == Request(command, json.loads(text)["type"], UNSET)


@pytest.mark.parametrize(
    ("text", "content", "code", "name"),
    [
        ("hello", "Invalid JSON format", "malformed", None),
        ("", "Invalid JSON format", "malformed", None),
        ('{"type":"typing"', "Invalid JSON format", "malformed", None),
        ("[]", "Invalid JSON format", "malformed", None),
        ('{"type":"message","content":"\\ud800"}', "Invalid JSON format", "malformed", None),
        ("[" * 60000, "Invalid JSON format", "malformed", None),
        ("{}", "Message type is missing", "malformed", None),
        ('{"type":"dance"}', "Unknown message type: dance", "unknown_event", "dance"),
        ('{"type":5}', "Unknown message type: 5", "unknown_event", "5"),
        ('{"type":"' + "é" * 100 + '"}', "Unknown message type: " + "é" * 64, "unknown_event", "é" * 64),
        ('{"type":"message"}', "Object missing required field `content`", "malformed", "message"),
        ('{"type":"message","content":5}', "Expected `str`, got `int` - at `$.content`", "malformed", "message"),
        (
            '{"type":"message","content":"a","reply_to":"user-1"}',
            'reply_to must be an id such as "msg-1"',
            "malformed",
            "message",
        ),
        ('{"type":"read","message_id":"conv-1"}', 'message_id must be an id such as "msg-1"', "malformed", "read"),
        ('{"type":"read","message_id":0}', 'message_id must be an id such as "msg-1"', "malformed", "read"),
        (
            '{"type":"delete","message_id":true}',
            "Expected `int | str`, got `bool` - at `$.message_id`",
            "malformed",
            "delete",
        ),
        ('{"type":"presence","status":"invisible"}', "Invalid enum value 'invisible' - at `$.status`", "malformed", "presence"),
        (b'{"type":"typing"}', "A text frame is due", "malformed", None),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_answered_in_these_words(text, content, code, name):
    told = {"content": content, "code": code}
    assert refused(text) == (told if name is None else told | {"request": name})


def test_a_nul_is_no_text():
    assert refused('{"type":"message","content":"a\\u0000b"}')["code"] == "malformed"


def test_a_socket_without_a_conversation_understands_nothing():
    with pytest.raises(Unreadable):
        CONVERSATIONS.decode('{"type":"typing"}', None)
    assert CONVERSATIONS.opening(None) == []


def entered(*users):
    snapshot = c.Snapshot(
        room=ROOM,
        membership=Membership(room_id=1, user_id=3, username="alice", joined_at=AT),
        epoch="e1",
        seq=9,
        messages=Page([]),
        pins=[],
        objects=[],
    )
    return Entered(
        snapshot=snapshot, users=[Occupant(user_id=one, username=f"u{one}") for one in users], result=Resume.FRESH
    )


def test_connecting_enters_the_room_of_a_member_and_tells_who_is_there():
    (opening,) = CONVERSATIONS.opening(1)
    assert opening.command == c.EnterRoom(room_id=1, joins=False)

    (frame,) = CONVERSATIONS.replies(opening, entered(4, 3))

    assert payload(frame) == (
        '{"type":"system","content":"User alice joined the conversation","sender_id":"user-3",'
        '"active_users":["user-4","user-3"],"action":"joined"}'
    )


def test_of_a_crowd_the_first_five_hundred_are_named():
    (opening,) = CONVERSATIONS.opening(1)
    (frame,) = CONVERSATIONS.replies(opening, entered(*range(1, 1000)))
    assert len(json.loads(payload(frame))["active_users"]) == 500


def test_a_ping_is_answered_with_the_time():
    request = CONVERSATIONS.decode('{"type":"ping"}', 1)
    (frame,) = CONVERSATIONS.replies(request, AT)
    assert payload(frame) == f'{{"type":"pong","timestamp":"{NOW}"}}'


@pytest.mark.parametrize(
    ("request_frame", "result"),
    [
        ('{"type":"message","content":"hi"}', c.SendResult(9, 7, AT)),
        ('{"type":"typing"}', None),
        ('{"type":"delete","message_id":9}', 8),
        ('{"type":"read","message_id":9}', 8),
    ],
)
def test_what_is_done_has_no_answer_but_its_event(request_frame, result):
    assert CONVERSATIONS.replies(CONVERSATIONS.decode(request_frame, 1), result) == []


QUOTE = Quote(message_id=8, user_id=4, username="bob", text="Anybody here?")
GOLDEN = [
    (
        e.MessageSent(**PLACE, **ALICE, content="hi", nonce="n", created_at=AT),
        ('{"type":"message","content":"hi","sender_id":"user-3","sender_username":"alice","message_id":"msg-9",'
        f'"timestamp":"{NOW}","is_edited":false,"reply_to":null,"conversation_id":"conv-1","kind":"text",'
        '"quote":null,"mentions":[],"mentions_here":false}'),
    ),
    (
        e.MessageSent(
            **PLACE, **ALICE, content="@bob me", kind="note", reply_to=8, quote=QUOTE, mentions=[4], mentions_here=True,
            created_at=AT,
        ),
        ('{"type":"message","content":"@bob me","sender_id":"user-3","sender_username":"alice","message_id":"msg-9",'
        f'"timestamp":"{NOW}","is_edited":false,"reply_to":"msg-8","conversation_id":"conv-1","kind":"note",'
        '"quote":{"message_id":"msg-8","sender_id":"user-4","sender_username":"bob","content":"Anybody here?",'
        '"is_deleted":false},"mentions":["user-4"],"mentions_here":true}'),
    ),
    (
        e.MessageEdited(**PLACE, **ALICE, content="ho", updated_at=AT),
        ('{"type":"edit","message_id":"msg-9","content":"ho","sender_id":"user-3",'
        f'"timestamp":"{NOW}","is_edited":true,"mentions":[],"mentions_here":false}}'),
    ),
    (
        e.MessageDeleted(**PLACE, **ALICE, updated_at=AT),
        '{"type":"delete","message_id":"msg-9","sender_id":"user-3"}',
    ),
    (
        e.ReactionAdded(**PLACE, **ALICE, emoji="👍", count=2, created_at=AT),
        ('{"type":"reaction","message_id":"msg-9","emoji":"👍","action":"added","sender_id":"user-3",'
        '"sender_username":"alice","count":2}'),
    ),
    (
        e.ReactionRemoved(**PLACE, **ALICE, emoji="👍", count=1, created_at=AT),
        ('{"type":"reaction","message_id":"msg-9","emoji":"👍","action":"removed","sender_id":"user-3",'
        '"sender_username":"alice","count":1}'),
    ),
    (
        e.UserTyping(room_id=1, **ALICE),
        '{"type":"typing","sender_id":"user-3","sender_username":"alice"}',
    ),
    (
        e.PresenceUpdated(**ALICE, status=Status.AWAY, text="lunch", last_seen_at=AT, room_ids=[1]),
        '{"type":"presence","sender_id":"user-3","sender_username":"alice","status":"away"}',
    ),
    (
        e.PresenceUpdated(**ALICE, status=Status.INVISIBLE, text="", last_seen_at=None),
        '{"type":"presence","sender_id":"user-3","sender_username":"alice","status":"offline"}',
    ),
    (
        e.ReadUpdated(room_id=1, **ALICE, seq=8, message_id=9, at=AT),
        '{"type":"read","message_id":"msg-9","sender_id":"user-3"}',
    ),
    (
        e.UserJoined(room_id=1, **ALICE, x=1.0, y=2.0, present=[4, 3]),
        ('{"type":"system","content":"User alice joined the conversation","sender_id":"user-3",'
        '"active_users":["user-4","user-3"],"action":"joined"}'),
    ),
    (
        e.UserLeft(room_id=1, **ALICE, reason="disconnected", present=[4]),
        ('{"type":"system","content":"User alice left the conversation","sender_id":"user-3",'
        '"active_users":["user-4"],"action":"left"}'),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("event", "text"), GOLDEN)
def test_an_event_is_told_to_all_alike(event, text):
    assert [payload(CONVERSATIONS.encode(event, own)) for own in (True, False)] == [text, text]


def test_every_event_with_a_word_stands_above():
    assert {type(event) for event, _ in GOLDEN} == set(EVENTS)


WITHOUT_A_WORD = [
    e.ReadUpdated(room_id=1, **ALICE, seq=1),
    e.DeliveredUpdated(room_id=1, **ALICE, seq=8, message_id=9, at=AT),
    e.MessagePinned(**PLACE, **ALICE, created_at=AT),
    e.MessageUnpinned(**PLACE, **ALICE, created_at=AT),
    e.MemberAdded(room_id=1, seq=2, **ALICE, role=RoomRole.MEMBER, by=4, created_at=AT),
    e.MemberRemoved(room_id=1, seq=2, **ALICE, reason=LeaveReason.KICKED, by=4, created_at=AT),
    e.MemberUpdated(room_id=1, seq=2, **ALICE, role=RoomRole.OWNER, by=4, created_at=AT),
    e.RoomUpdated(room_id=1, seq=2, user_id=3, room=ROOM, created_at=AT),
    e.RoomDeleted(room_id=1, seq=2, user_id=3, created_at=AT),
    e.ObjectPlaced(room_id=1, seq=2, **ALICE, object=CHAIR, created_at=AT),
    e.ObjectUpdated(room_id=1, seq=2, **ALICE, object=CHAIR, created_at=AT),
    e.ObjectRemoved(room_id=1, seq=2, **ALICE, object_id=5, created_at=AT),
    e.ToolUsed(room_id=1, seq=2, **ALICE, use_id=1, target_object_id=5, action="sit", created_at=AT),
    e.PositionUpdated(room_id=1, user_id=3, x=1.0, y=2.0),
    e.BubbleUpdated(room_id=1, bubble_id="b1", user_ids=[3, 4]),
]


@pytest.mark.parametrize("event", WITHOUT_A_WORD, ids=lambda event: type(event).__name__)
def test_what_has_no_word_is_dropped(event):
    assert CONVERSATIONS.encode(event, False) is CONVERSATIONS.encode(event, True) is None


def test_every_event_has_a_word_or_none():
    known = set(EVENTS) | {type(event) for event in WITHOUT_A_WORD}
    assert known == {*e.DURABLE_EVENTS, *e.EPHEMERAL_EVENTS}
    assert CONVERSATIONS.caught_up(1, 9) is CONVERSATIONS.heartbeat({1: 9}) is None
    assert CONVERSATIONS.farewell(CloseReason.RESTARTING, 1) is None


def test_refusals_are_1008_and_do_not_tell_what_is_there():
    assert {reason: CONVERSATIONS.closing(reason) for reason in CloseReason if CONVERSATIONS.closing(reason)[0] == 1008} == {
        CloseReason.MISSING_TOKEN: (1008, "Invalid token"),
        CloseReason.INVALID_TOKEN: (1008, "Invalid token"),
        CloseReason.NO_SUCH_ROOM: (1008, "Not a member of this conversation"),
        CloseReason.NOT_A_MEMBER: (1008, "Not a member of this conversation"),
        CloseReason.FORBIDDEN: (1008, "Not allowed"),
        CloseReason.TOO_FAST: (1008, "Too many messages"),
        CloseReason.MALFORMED: (1008, "Too many malformed messages"),
        CloseReason.TOO_MANY_SOCKETS: (1008, "Too many sockets of this user"),
    }  # fmt: skip
    assert set(CONVERSATIONS.closes) == set(CloseReason)


@pytest.mark.parametrize("kind", x.every_error(), ids=lambda kind: kind.__name__)
def test_every_domain_error_can_be_told(kind):
    made = {x.TooFast: (1.5,), x.Internal: ("e-1",)}
    frame = json.loads(payload(CONVERSATIONS.error(kind(*made.get(kind, ())), "edit", UNSET)))
    assert frame["content"]
    assert frame["request"] == "edit"
    if issubclass(kind, x.NotAMember | x.NoSuchRoom | x.Banned):
        assert (frame["content"], frame["code"]) == ("Not a member of this conversation", "not_a_member")
    else:
        assert frame["code"] == kind.code


def test_who_is_too_fast_is_told_for_how_long_to_wait():
    frame = CONVERSATIONS.error(x.TooFast(1.5), "", UNSET)
    assert payload(frame) == '{"type":"error","content":"Too many requests","code":"rate_limited","retry_after":1.5}'


@pytest.mark.parametrize("side", ["receives", "sends"])
def test_the_catalogue_has_every_frame_once_with_an_example_that_fits(side):
    frames = getattr(CONVERSATIONS.catalogue(), side)
    names = [one.name for one in frames]
    types = {one.payload.__struct_config__.tag for one in frames}

    assert len(names) == len(set(names))
    assert set(names) == types
    if side == "receives":
        assert set(names) == set(OPERATIONS)
    for one in frames:
        schema = msgspec.json.schema(one.payload)
        jsonschema_rs.validator_for(schema).validate(one.example)
        assert isinstance(msgspec.convert(one.example, one.payload), one.payload)
        if side == "receives":
            assert CONVERSATIONS.decode(json.dumps(one.example), 1).name == one.name
