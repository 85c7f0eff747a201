"""direct's socket: golden frames in and out, and tables without a hole."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec import UNSET

from tertulia.dialects.cafe import cafe_dialects
from tertulia.dialects.conversations import ConversationsDialect
from tertulia.dialects.direct import DirectDialect
from tertulia.dialects.direct.events import EVENTS
from tertulia.dialects.direct.operations import OPERATIONS
from tertulia.dialects.rooms import RoomsDialect, RoomsPublicDialect
from tertulia.dialects.simple import SimpleDialect
from tertulia.domain import commands as c
from tertulia.domain import errors as x
from tertulia.domain import events as e
from tertulia.domain.ids import MAX_ID
from tertulia.domain.models import Quote
from tertulia.domain.roles import LeaveReason, RoomRole, Status
from tertulia.protocol.dialect import CloseReason, Limits, Request, Unreadable

DIRECT = DirectDialect()
AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
SENDS = DIRECT.catalogue().sends
RECEIVES = DIRECT.catalogue().receives
QUOTE = Quote(message_id=8, user_id=4, username="bob", text="Who?")
SENT = e.MessageSent(room_id=2, seq=7, message_id=9, user_id=3, username="alice", content="hi", created_at=AT)


def payload(frame):
    assert frame[0] == 0x81
    return frame[4 if frame[1] == 126 else 2 :].decode()


def told(event, *, own=False):
    return payload(DIRECT.encode(event, own))


def refused(text):
    with pytest.raises(Unreadable) as caught:
        DIRECT.decode(text, None)
    one = caught.value
    frame = json.loads(payload(DIRECT.error(one.error, one.name, one.ref)))
    assert frame.pop("type") == "error"
    return frame


def direct(user_id, content, **more):
    return c.SendDirect(user_id=user_id, content=content, **more)


def said(room_id, content, **more):
    return c.SendMessage(room_id=room_id, content=content, **more)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"message":"Hello","recipient_id":"4"}', direct(4, "Hello")),
        ('{"message":"Hello","recipient_id":4}', direct(4, "Hello")),
        ('{"message":"Hello","timestamp":"2026-11-21T09:18:35Z","recipient_id":4,"chat_id":null}', direct(4, "Hello")),
        ('{"message":"Hello","timestamp":1795252715.5}', said(1, "Hello")),
        ('{"message":"Hello"}', said(1, "Hello")),
        ('{"type":"message","message":"Hello","chat_id":"7"}', said(7, "Hello")),
        ('{"type":null,"content":"Hello","chat_id":7}', said(7, "Hello")),
        ('{"message":"this","content":"that"}', said(1, "this")),
        ('{"message":"","content":"that"}', said(1, "that")),
        ('{"message":"Hello","reply_to_message_id":"8"}', said(1, "Hello", reply_to=8)),
        ('{"message":"Hello","reply_to_message_id":8,"recipient_id":4}', direct(4, "Hello", reply_to=8)),
        ('{"message":"Hello","message_type":"image","nonce":"n1"}', said(1, "Hello", kind="image", nonce="n1")),
        ('{"message":"Hello","attachments":[],"from":"me"}', said(1, "Hello")),
        ('{"type":"typing"}', c.Type(room_id=1)),
        ('{"type":"typing","chat_id":"7"}', c.Type(room_id=7)),
        ('{"type":"typing","recipient_id":"4"}', c.Type(user_id=4)),
        ('{"type":"read","message_id":"9"}', c.MarkReadTo(message_id=9)),
        ('{"type":"read","message_id":9223372036854775807}', c.MarkReadTo(message_id=MAX_ID)),
        ('{"type":"status","status":"away"}', c.SetStatus(status=Status.AWAY)),
        ('{"type":"status","status":"invisible"}', c.SetStatus(status=Status.INVISIBLE)),
        ('{"type":"ping"}', c.Ping()),
    ],
)
def test_a_frame_is_read_as_its_command(text, command):
    assert DIRECT.decode(text, None).command == command


@pytest.mark.parametrize(
    ("text", "message", "code", "request_type"),
    [
        ('{"message":""}', "Message content cannot be empty", "empty_message", "message"),
        ('{"message":" \\n","recipient_id":4}', "Message content cannot be empty", "empty_message", "message"),
        ("{}", "Message content cannot be empty", "empty_message", "message"),
        (
            '{"message":"x","recipient_id":4,"chat_id":1}',
            "Give recipient_id or chat_id, not both",
            "malformed",
            "message",
        ),
        (
            '{"type":"typing","recipient_id":4,"chat_id":1}',
            "Give recipient_id or chat_id, not both",
            "malformed",
            "typing",
        ),
        ('{"message":"x","recipient_id":"bob"}', 'recipient_id must be an id such as "3"', "malformed", "message"),
        ('{"message":"x","chat_id":0}', 'chat_id must be an id such as "3"', "malformed", "message"),
        ('{"message":"x","chat_id":"-1"}', 'chat_id must be an id such as "3"', "malformed", "message"),
        ('{"message":"x","chat_id":9223372036854775808}', 'chat_id must be an id such as "3"', "malformed", "message"),
        (
            '{"message":"x","chat_id":true}',
            "Expected `int | str | null`, got `bool` - at `$.chat_id`",
            "malformed",
            "message",
        ),
        (
            '{"message":"x","reply_to_message_id":"x"}',
            'reply_to_message_id must be an id such as "3"',
            "malformed",
            "message",
        ),
        (
            '{"message":"x","attachments":[1]}',
            "Files cannot be sent with a message yet: attachments must be empty",
            "malformed",
            "message",
        ),
        ('{"message":5}', "Expected `str | null`, got `int` - at `$.message`", "malformed", "message"),
        ('{"type":"read"}', "Object missing required field `message_id`", "malformed", "read"),
        ('{"type":"status","status":"fishing"}', "Invalid enum value 'fishing' - at `$.status`", "malformed", "status"),
        ('{"type":"dance"}', "Unknown message type: dance", "unknown_event", "dance"),
        ('{"type":5}', "Unknown message type: 5", "unknown_event", "5"),
        ('{"type":"' + "é" * 100 + '"}', "Unknown message type: " + "é" * 64, "unknown_event", "é" * 64),
    ],
)
def test_what_makes_no_sense_is_answered_in_these_words(text, message, code, request_type):
    assert refused(text) == {"message": message, "code": code, "request": request_type}


@pytest.mark.parametrize("text", ["hello", "", "[]", "5", '{"message"', '{"message":"\\ud800"', "[" * 60000])
def test_what_is_no_json_object_is_said_to_be_so(text):
    assert refused(text) == {"message": "Invalid JSON format", "code": "malformed"}


def test_binary_frames_are_not_understood():
    assert refused(b'{"message":"x"}') == {"message": "A text frame is due", "code": "malformed"}


def test_to_open_the_socket_is_to_hear_all_rooms_without_a_word():
    (opening,) = DIRECT.opening(None)

    assert opening == Request(c.Listen())
    assert DIRECT.replies(opening, []) == []


def test_a_message_is_told_whole_with_its_text_twice():
    assert told(SENT) == (
        '{"type":"message","id":"9","sender_id":"3","sender_username":"alice","chat_id":"2","recipient_id":null,'
        '"content":"hi","message":"hi","message_type":"text","attachments":[],"reply_to_message_id":null,"quote":null,'
        '"mentions":[],"mentions_here":false,"reactions":[],"status":"sent","is_edited":false,"is_deleted":false,'
        f'"created_at":"{NOW}","updated_at":null,"delivered_at":null,"read_at":null}}'
    )


def test_a_message_to_somebody_names_them_and_what_it_answers():
    event = msgspec.structs.replace(
        SENT, recipient_id=4, kind="image", reply_to=8, quote=QUOTE, mentions=[4], mentions_here=True
    )
    frame = json.loads(told(event))

    assert (frame["recipient_id"], frame["message_type"], frame["reply_to_message_id"]) == ("4", "image", "8")
    assert frame["quote"] == {
        "message_id": "8", "sender_id": "4", "sender_username": "bob", "content": "Who?", "is_deleted": False,
    }  # fmt: skip
    assert (frame["mentions"], frame["mentions_here"]) == (["4"], True)


def test_a_nonce_is_told_to_its_sender_alone():
    event = msgspec.structs.replace(SENT, nonce="n1")

    assert json.loads(told(event, own=True))["nonce"] == "n1"
    assert told(event) == told(SENT, own=True)


MARK = {"room_id": 2, "user_id": 4, "username": "bob", "seq": 7}
GOLDEN = [
    (
        e.MessageEdited(
            room_id=2, seq=8, message_id=9, user_id=3, username="alice", content="ho", mentions=[4], updated_at=AT
        ),
        (
            '{"type":"message_updated","id":"9","message_id":"9","sender_id":"3","sender_username":"alice","chat_id":"2",'
            f'"content":"ho","message":"ho","mentions":["4"],"mentions_here":false,"is_edited":true,"updated_at":"{NOW}"}}'
        ),
    ),
    (
        e.MessageDeleted(room_id=2, seq=8, message_id=9, user_id=5, username="mod", updated_at=AT),
        (
            '{"type":"message_deleted","id":"9","message_id":"9","chat_id":"2","user_id":"5","username":"mod",'
            f'"is_deleted":true,"updated_at":"{NOW}"}}'
        ),
    ),
    (
        e.ReactionAdded(room_id=2, seq=8, message_id=9, user_id=4, username="bob", emoji="👍", count=2, created_at=AT),
        (
            '{"type":"reaction","message_id":"9","emoji":"👍","action":"added","user_id":"4","username":"bob","count":2,'
            f'"chat_id":"2","created_at":"{NOW}"}}'
        ),
    ),
    (
        e.ReactionRemoved(
            room_id=2, seq=8, message_id=9, user_id=4, username="bob", emoji="👍", count=0, created_at=AT
        ),
        (
            '{"type":"reaction","message_id":"9","emoji":"👍","action":"removed","user_id":"4","username":"bob","count":0,'
            f'"chat_id":"2","created_at":"{NOW}"}}'
        ),
    ),
    (
        e.UserTyping(room_id=2, user_id=4, username="bob"),
        '{"type":"typing","user_id":"4","username":"bob","chat_id":"2"}',
    ),
    (
        e.ReadUpdated(**MARK, message_id=9, at=AT),
        f'{{"type":"read","message_id":"9","user_id":"4","username":"bob","chat_id":"2","at":"{NOW}"}}',
    ),
    (
        e.DeliveredUpdated(**MARK, message_id=9, at=AT),
        f'{{"type":"delivered","message_id":"9","user_id":"4","username":"bob","chat_id":"2","at":"{NOW}"}}',
    ),
    (
        e.PresenceUpdated(user_id=4, username="bob", status=Status.BUSY, text="deep work", last_seen_at=AT),
        f'{{"type":"status","user_id":"4","username":"bob","status":"busy","is_online":true,"last_seen":"{NOW}"}}',
    ),
    (
        e.PresenceUpdated(user_id=4, username="bob", status=Status.OFFLINE, text="", last_seen_at=None),
        '{"type":"status","user_id":"4","username":"bob","status":"offline","is_online":false,"last_seen":null}',
    ),
]


@pytest.mark.parametrize(("event", "text"), GOLDEN, ids=lambda value: type(value).__name__)
def test_what_happens_is_told_in_these_frames_whoever_did_it(event, text):
    assert told(event) == told(event, own=True) == text


@pytest.mark.parametrize("event", [e.ReadUpdated(**MARK), e.DeliveredUpdated(**MARK)])
def test_a_mark_before_the_first_message_has_no_word(event):
    assert DIRECT.encode(event, False) is None


def test_who_is_in_a_room_and_what_becomes_of_it_have_no_word():
    no_word = [
        e.UserJoined(room_id=1, user_id=4, username="bob"),
        e.UserLeft(room_id=1, user_id=4, username="bob", reason="left"),
        e.MemberAdded(room_id=1, seq=9, user_id=4, username="bob", role=RoomRole.MEMBER, by=4, created_at=AT),
        e.MemberRemoved(room_id=1, seq=9, user_id=4, username="bob", reason=LeaveReason.LEFT, by=4, created_at=AT),
        e.RoomDeleted(room_id=1, seq=9, user_id=4, created_at=AT),
    ]
    assert [DIRECT.encode(event, own) for event in no_word for own in (True, False)] == [None] * 10
    assert DIRECT.caught_up(1, 9) is DIRECT.heartbeat({1: 9}) is DIRECT.farewell(CloseReason.RESTARTING, 1) is None


def test_a_message_has_no_answer_but_itself_and_a_ping_has_a_pong():
    request = DIRECT.decode('{"message":"hi"}', None)
    assert DIRECT.replies(request, c.SendResult(9, 7, AT)) == []
    (pong,) = DIRECT.replies(DIRECT.decode('{"type":"ping"}', None), AT)
    assert payload(pong) == f'{{"type":"pong","timestamp":"{NOW}"}}'


def test_every_refusal_closes_with_1008_and_a_bad_or_missing_token_with_one_text():
    assert {DIRECT.closing(reason) for reason in (CloseReason.MISSING_TOKEN, CloseReason.INVALID_TOKEN)} == {
        (1008, "Invalid token")
    }
    for reason in CloseReason:
        code, text = DIRECT.closing(reason)
        assert 1000 < code < 1015
        assert text


def test_every_domain_error_can_be_told_with_its_code():
    made = {x.TooFast: (1.5,), x.Internal: ("e-1",)}
    for kind in x.every_error():
        frame = json.loads(payload(DIRECT.error(kind(*made.get(kind, ())), "message", UNSET)))
        assert (frame["code"], frame["request"]) == (kind.code, "message")
        assert frame["message"]
    frame = json.loads(payload(DIRECT.error(x.TooFast(1.5), "", UNSET)))
    assert frame == {"type": "error", "message": "Too many requests", "code": "rate_limited", "retry_after": 1.5}


def test_what_the_core_refuses_is_called_by_this_dialects_names():
    frame = json.loads(payload(DIRECT.error(x.Invalid("kind must be a word", field="kind"), "message", UNSET)))
    assert frame["message"] == "message_type must be a word"
    frame = json.loads(payload(DIRECT.error(x.EmptyMessage(), "message", UNSET)))
    assert frame["message"] == "Message content cannot be empty"


def test_there_is_a_frame_for_each_row_of_the_tables_and_each_is_there_once():
    assert [one.name for one in RECEIVES] == list(OPERATIONS)
    assert {one.payload for one in RECEIVES} == set(OPERATIONS.values())
    names = [one.name for one in SENDS]
    assert len(set(names)) == len(names)
    assert set(EVENTS) == {type(event) for event, _ in GOLDEN} | {e.MessageSent}


@pytest.mark.parametrize("frame", RECEIVES, ids=lambda frame: frame.name)
def test_every_example_of_a_client_is_understood(frame):
    assert DIRECT.decode(json.dumps(frame.example), None).name == frame.name
    read = msgspec.json.decode(json.dumps(frame.example), type=frame.payload)
    assert msgspec.to_builtins(read) == frame.example
    assert frame.summary


@pytest.mark.parametrize("frame", SENDS, ids=lambda frame: frame.name)
def test_every_example_is_of_its_type_whole_and_nothing_else(frame):
    read = msgspec.json.decode(json.dumps(frame.example), type=frame.payload)
    assert msgspec.to_builtins(read) == frame.example
    assert frame.summary


def test_the_catalogue_describes_what_is_told_in_the_very_types():
    payloads = {one.name: one.payload for one in SENDS}
    frames = [told(event) for event, _ in GOLDEN]
    reply = msgspec.structs.replace(SENT, quote=QUOTE, reply_to=8, nonce="n")
    frames += [told(reply, own=True), payload(DIRECT.error(x.TooFast(1), "message", UNSET))]
    for text in frames:
        frame = json.loads(text)
        assert msgspec.to_builtins(msgspec.convert(frame, payloads[frame["type"]])) == frame


def test_its_types_have_names_that_no_other_dialect_has():
    limits = Limits(frame=65536, message=4000, page=100, frames_per_second=20, burst=60, heartbeat_interval=25)
    others = [SimpleDialect(), ConversationsDialect(), RoomsDialect(), RoomsPublicDialect(), *cafe_dialects(limits)]
    catalogues = [dialect.catalogue() for dialect in (DIRECT, *others)]
    types = {id(one.payload): one.payload for each in catalogues for one in (*each.receives, *each.sends)}

    _, schemas = msgspec.json.schema_components(list(types.values()))

    assert not any("direct" in name for name in schemas)  # by its module: two have one name
    assert {one.payload.__name__ for one in (*SENDS, *RECEIVES)} <= set(schemas)
