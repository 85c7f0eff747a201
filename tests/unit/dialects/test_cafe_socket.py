"""cafe's socket: golden frames in and out, and tables without a hole."""

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest
from msgspec import UNSET, Raw

from tertulia.dialects.cafe import cafe_dialects
from tertulia.dialects.cafe.answers import ACKS
from tertulia.dialects.cafe.events import EVENTS
from tertulia.dialects.cafe.operations import OPERATIONS
from tertulia.dialects.cafe.socket import log_item
from tertulia.domain import commands as c
from tertulia.domain import errors as x
from tertulia.domain import events as e
from tertulia.domain.models import (
    Area,
    Membership,
    Message,
    Occupant,
    Page,
    Point,
    Quote,
    Reaction,
    Room,
    Space,
    SpaceObject,
    ToolUse,
    User,
)
from tertulia.domain.roles import LeaveReason, RoomKind, RoomRole, Status
from tertulia.protocol.dialect import CloseReason, Entered, Limits, Request, Resume, Unreadable

LIMITS = Limits(frame=65536, message=4000, page=100, frames_per_second=20, burst=60, heartbeat_interval=25)
CAFE, V1, V1_MSGPACK = cafe_dialects(LIMITS)
AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"

ALICE = User(
    id=3, username="alice", email="alice@example.org", display_name="Alice", status=Status.ONLINE, created_at=AT
)
ROOM = Room(
    id=1,
    kind=RoomKind.CHANNEL,
    name="Café",
    space=Space(
        width=800,
        height=600,
        spawn_points=[Point(100, 200)],
        areas=[Area(id=1, name="Booth", x=0, y=0, width=50, height=40.5, is_private=True, capacity=2)],
    ),
    member_count=2,
    last_seq=7,
    unread=1,
    mention_count=1,
    created_at=AT,
    updated_at=AT,
)
MESSAGE = Message(id=9, room_id=1, seq=7, user_id=3, username="alice", content="hi", created_at=AT)
CHAIR = SpaceObject(
    id=5,
    room_id=1,
    type="chair",
    x=10,
    y=20.5,
    width=30,
    height=30,
    rotation=90,
    metadata={"movable": True, "notes": [1, None]},
    version=3,
    occupied_by=4,
    created_by=3,
    updated_at=AT,
)
CHAIR_TEXT = (
    '{"id":5,"room_id":1,"type":"chair","x":10,"y":20.5,"width":30,"height":30,"rotation":90,"is_solid":false,'
    '"metadata":{"movable":true,"notes":[1,null]},"version":3,"occupied_by":4,"created_by":3,'
    f'"updated_at":"{NOW}"}}'
)
USE = ToolUse(
    id=2,
    room_id=1,
    seq=8,
    user_id=3,
    username="alice",
    target_object_id=5,
    action="sit",
    params={},
    created_at=AT,
)
SAID = e.MessageSent(
    room_id=1, seq=7, message_id=9, user_id=3, username="alice", content="Hello everyone!", nonce="n-1", created_at=AT
)


def payload(frame):
    """What a text frame of the server carries."""
    assert frame[0] == 0x81
    start = {126: 4, 127: 10}.get(frame[1], 2)
    return frame[start:].decode()


def read(frame):
    """What a text frame says, which the catalogue must know."""
    told = json.loads(payload(frame))
    assert is_described(told), told
    return told


def is_described(told):
    """Whether a type of the catalogue has all of it, and no more."""
    return any(
        again(one.payload, told) == told for one in V1.catalogue().sends if one.example["event"] == told["event"]
    )


def again(kind, told):
    try:
        return msgspec.to_builtins(msgspec.convert(told, kind))
    except msgspec.ValidationError:
        return None


def unpack(frame):
    assert frame[0] == 0x82
    start = {126: 4, 127: 10}.get(frame[1], 2)
    return msgspec.msgpack.decode(frame[start:])


def request(text):
    return CAFE.decode(text, None)


def refusal(frame, dialect=CAFE):
    with pytest.raises(Unreadable) as caught:
        dialect.decode(frame, None)
    return caught.value


# ---- client to server

ROWS = [
    ('{"event":"authenticate","data":{"token":"abc"}}', c.Authenticate(token="abc")),
    ('{"event":"join_room","data":{"room_id":1,"x":100,"y":200}}', c.EnterRoom(room_id=1, x=100.0, y=200.0)),
    ('{"event":"join_room","data":{"room_id":1}}', c.EnterRoom(room_id=1)),
    (
        '{"event":"join_room","data":{"room_id":1,"after":0,"epoch":"e1","x":null}}',
        c.EnterRoom(room_id=1, after=0, epoch="e1"),
    ),
    ('{"event":"leave_room","data":{"room_id":1}}', c.ExitRoom(room_id=1)),
    (
        '{"event":"send_message","data":{"room_id":1,"message":"Hello everyone!"}}',
        c.SendMessage(room_id=1, content="Hello everyone!"),
    ),
    (
        '{"event":"send_message","data":{"room_id":1,"message":"\\ud83d\\ude00","reply_to":4,"nonce":"n-1","nearby":true}}',
        c.SendMessage(room_id=1, content="😀", reply_to=4, nonce="n-1", nearby=True),
    ),
    ('{"event":"send_message","data":{"room_id":1,"message":""}}', c.SendMessage(room_id=1, content="")),
    (
        '{"event":"send_message","data":{"room_id":1,"message":"hi","kind":"image"}}',
        c.SendMessage(room_id=1, content="hi", kind="image"),
    ),
    ('{"event":"edit_message","data":{"message_id":9,"message":"Hi!"}}', c.EditMessage(message_id=9, content="Hi!")),
    ('{"event":"delete_message","data":{"message_id":9}}', c.DeleteMessage(message_id=9)),
    (
        '{"event":"add_reaction","data":{"message_id":9,"emoji":"\\ud83d\\udc4d"}}',
        c.AddReaction(message_id=9, emoji="👍"),
    ),
    (
        '{"event":"remove_reaction","data":{"message_id":9,"emoji":":cup:"}}',
        c.RemoveReaction(message_id=9, emoji=":cup:"),
    ),
    ('{"event":"pin_message","data":{"message_id":9}}', c.PinMessage(message_id=9)),
    ('{"event":"unpin_message","data":{"message_id":9}}', c.UnpinMessage(message_id=9)),
    ('{"event":"fetch_messages","data":{"room_id":1}}', c.ListMessages(room_id=1, cursor=None, limit=50)),
    (
        '{"event":"fetch_messages","data":{"room_id":1,"cursor":123,"limit":100}}',
        c.ListMessages(room_id=1, cursor=123, limit=100),
    ),
    ('{"event":"typing","data":{"room_id":1}}', c.Type(room_id=1)),
    ('{"event":"mark_read","data":{"room_id":1,"seq":7}}', c.MarkRead(room_id=1, seq=7)),
    ('{"event":"mark_delivered","data":{"room_id":1,"seq":7}}', c.MarkDelivered(room_id=1, seq=7)),
    ('{"event":"set_presence","data":{"status":"away"}}', c.SetStatus(status=Status.AWAY)),
    (
        '{"event":"set_presence","data":{"status":"busy","text":"lunch"}}',
        c.SetStatus(status=Status.BUSY, text="lunch"),
    ),
    ('{"event":"update_position","data":{"room_id":1,"x":150,"y":250}}', c.Move(room_id=1, x=150.0, y=250.0)),
    (
        '{"event":"update_position","data":{"room_id":1,"x":-0.5,"y":1e300,"direction":"left"}}',
        c.Move(room_id=1, x=-0.5, y=1e300, direction="left"),
    ),
    (
        '{"event":"update_position","data":{"room_id":1,"x":1,"y":2,"direction":90}}',
        c.Move(room_id=1, x=1.0, y=2.0, direction=90.0),
    ),
    (
        '{"event":"update_position","data":{"room_id":1,"x":1,"y":2,"direction":null}}',
        c.Move(room_id=1, x=1.0, y=2.0),
    ),
    (
        '{"event":"use_tool","data":{"room_id":1,"target_object_id":5,"action":"move"}}',
        c.UseTool(room_id=1, target_object_id=5, action="move"),
    ),
    (
        '{"event":"use_tool","data":{"room_id":1,"target_object_id":5,"action":"paint","params":{"color":"#fff","n":[1]}}}',
        c.UseTool(room_id=1, target_object_id=5, action="paint", params={"color": "#fff", "n": [1]}),
    ),
    (
        '{"event":"use_tool","data":{"room_id":1,"target_object_id":5,"action":"sit","params":null}}',
        c.UseTool(room_id=1, target_object_id=5, action="sit"),
    ),
    (
        '{"event":"place_object","data":{"room_id":1,"type":"chair","x":10,"y":20.5}}',
        c.PlaceObject(room_id=1, type="chair", x=10.0, y=20.5),
    ),
    (
        (
            '{"event":"place_object","data":{"room_id":1,"type":"wall","x":0,"y":0,"width":100,"height":8,"rotation":45,'
            '"is_solid":true,"metadata":{"a":{"b":1}}}}'
        ),
        c.PlaceObject(
            room_id=1, type="wall", x=0, y=0, width=100, height=8, rotation=45, is_solid=True, metadata={"a": {"b": 1}}
        ),
    ),
    (
        '{"event":"update_object","data":{"object_id":5,"x":1,"y":2.5,"version":3}}',
        c.UpdateObject(object_id=5, x=1.0, y=2.5, version=3),
    ),
    (
        (
            '{"event":"update_object","data":{"id":5,"type":"table","width":1,"height":2,"rotation":3,"is_solid":false,'
            '"metadata":{}}}'
        ),
        c.UpdateObject(object_id=5, type="table", width=1, height=2, rotation=3, is_solid=False, metadata={}),
    ),
    ('{"event":"update_object","data":{"object_id":5,"id":6}}', c.UpdateObject(object_id=5)),
    ('{"event":"remove_object","data":{"object_id":5}}', c.RemoveObject(object_id=5)),
    ('{"event":"remove_object","data":{"id":5,"version":3}}', c.RemoveObject(object_id=5, version=3)),
    (
        '{"event":"lock_area","data":{"room_id":1,"area_id":2,"is_locked":true}}',
        c.LockArea(room_id=1, area_id=2, is_locked=True),
    ),
    ('{"event":"ping","data":{"t":1.50}}', c.Ping(payload=Raw(b'{"t":1.50}'))),
    ('{"event":"ping"}', c.Ping(payload=Raw(b"{}"))),
    ('{"event":"ping","data":"x"}', c.Ping(payload=Raw(b'"x"'))),
]


@pytest.mark.parametrize(("text", "command"), ROWS)
def test_a_frame_is_read_as_its_command(text, command):
    found = request(text)
    assert found.command == command
    assert found.name == json.loads(text)["event"]
    assert found.ref is UNSET


@pytest.mark.parametrize(("text", "command"), ROWS)
def test_messagepack_says_the_same_as_json(text, command):
    packed = msgspec.msgpack.encode(json.loads(text))
    found = V1_MSGPACK.decode(packed, None).command
    if isinstance(command, c.Ping):
        assert msgspec.msgpack.decode(found.payload) == json.loads(bytes(command.payload))
    else:
        assert found == command


def test_every_event_a_client_may_send_stands_in_the_examples():
    assert {json.loads(text)["event"] for text, _ in ROWS} == {*OPERATIONS, "ping"}


def test_every_command_that_can_be_sent_has_one_answer():
    for _, command in ROWS:
        assert (type(command) in ACKS) != (type(command) in CAFE._replies)


def test_unknown_fields_are_ignored():
    assert request('{"event":"typing","data":{"room_id":1,"more":[{}]},"also":1}').command == c.Type(room_id=1)


def test_of_keys_that_come_twice_the_last_counts():
    assert request('{"event":"x","event":"typing","data":{"room_id":1,"room_id":2}}').command == c.Type(room_id=2)
    assert request('{"event":"typing","data":{"room_id":1},"event":"leave_room"}').command == c.ExitRoom(room_id=1)
    assert type(request('{"event":"typing","data":{"room_id":1},"event":"ping"}').command) is c.Ping
    assert refusal('{"event":"typing","data":{"room_id":1},"event":"fly"}').name == "fly"


@pytest.mark.parametrize("label", ["7", '"a-1"', "null", "[1,{}]", '{"a":1}', "true", "1.50", "1e999", "1" + "0" * 100])
def test_an_id_of_any_type_comes_back_as_it_was_written(label):
    found = request(f'{{"event":"typing","data":{{"room_id":1}},"id":{label}}}')
    replies = CAFE.replies(found, None)
    if label == "null":
        assert not replies
    else:
        assert [payload(one) for one in replies] == [f'{{"event":"ack","id":{label},"data":{{}}}}']


def test_an_id_may_take_256_bytes_and_no_more():
    fits, exceeds = "a" * 254, "a" * 255
    assert bytes(request(f'{{"event":"ping","id":"{fits}"}}').ref) == f'"{fits}"'.encode()
    error = refusal(f'{{"event":"ping","id":"{exceeds}"}}')
    assert error.ref is UNSET
    assert payload(CAFE.error(error.error, error.name, error.ref)) == (
        '{"event":"error","data":{"code":"malformed","message":"id is longer than 256 bytes"}}'
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "5",
        '"ping"',
        "{}",
        '{"event":null}',
        '{"event":"ping"} {}',
        '{"event":"ping","data":NaN}',
        '{"event":"ping","data":"\\ud800"}',
        '{"event":"ping","data":"\\ud800\\ud800"}',
        '{"event":"\ud800"}',
        '{"event":"ping","data":' + "[" * 60000 + "]" * 60000 + "}",
        '{"event":"ping","id":' + "[" * 60000,
        '{"event":"join_room"}',
        '{"event":"join_room","data":null}',
        '{"event":"join_room","data":[]}',
        '{"event":"join_room","data":{"room_id":"1"}}',
        '{"event":"join_room","data":{"room_id":0}}',
        '{"event":"join_room","data":{"room_id":-1}}',
        '{"event":"join_room","data":{"room_id":1.5}}',
        '{"event":"join_room","data":{"room_id":true}}',
        '{"event":"join_room","data":{"room_id":9223372036854775808}}',
        '{"event":"join_room","data":{"room_id":1' + "0" * 5000 + "}}",
        '{"event":"join_room","data":{"room_id":1,"x":1e999,"y":0}}',
        '{"event":"join_room","data":{"room_id":1,"x":' + "9" * 400 + ',"y":0}}',
        '{"event":"join_room","data":{"room_id":1,"x":Infinity,"y":0}}',
        '{"event":"join_room","data":{"room_id":1,"after":-1}}',
        '{"event":"send_message","data":{"room_id":1,"message":5}}',
        '{"event":"send_message","data":{"room_id":1,"message":"a\\u0000b"}}',
        '{"event":"send_message","data":{"room_id":1,"message":"x","nonce":""}}',
        '{"event":"send_message","data":{"room_id":1,"message":"x","nonce":"' + "n" * 65 + '"}}',
        '{"event":"fetch_messages","data":{"room_id":1,"limit":0}}',
        '{"event":"fetch_messages","data":{"room_id":1,"limit":1001}}',
        '{"event":"send_message","data":{"room_id":1,"message":"x","kind":null}}',
        '{"event":"add_reaction","data":{"message_id":9}}',
        '{"event":"add_reaction","data":{"message_id":9,"emoji":"\\u0000"}}',
        '{"event":"add_reaction","data":{"message_id":9,"emoji":"\\ud83d"}}',
        '{"event":"pin_message","data":{"message_id":"9"}}',
        '{"event":"mark_delivered","data":{"room_id":1,"seq":-1}}',
        '{"event":"set_presence","data":{"status":"gone"}}',
        '{"event":"send_message","data":{"room_id":1,"message":"x","nearby":"yes"}}',
        '{"event":"update_position","data":{"room_id":1,"x":1}}',
        '{"event":"update_position","data":{"room_id":1,"x":1,"y":null}}',
        '{"event":"update_position","data":{"room_id":1,"x":1,"y":"2"}}',
        '{"event":"update_position","data":{"room_id":1,"x":1,"y":true}}',
        '{"event":"update_position","data":{"room_id":1,"x":NaN,"y":0}}',
        '{"event":"update_position","data":{"room_id":1,"x":0,"y":-Infinity}}',
        '{"event":"update_position","data":{"room_id":1,"x":0,"y":-1e999}}',
        '{"event":"update_position","data":{"room_id":1,"x":0,"y":' + "9" * 400 + "}}",
        '{"event":"update_position","data":{"room_id":1,"x":0,"y":0,"direction":"seventeen letters"}}',
        '{"event":"update_position","data":{"room_id":1,"x":0,"y":0,"direction":"a\\u0000"}}',
        '{"event":"update_position","data":{"room_id":1,"x":0,"y":0,"direction":"\\ud800"}}',
        '{"event":"update_position","data":{"room_id":1,"x":0,"y":0,"direction":1e999}}',
        '{"event":"update_position","data":{"room_id":1,"x":0,"y":0,"direction":[0,1]}}',
        '{"event":"use_tool","data":{"room_id":1,"target_object_id":5}}',
        '{"event":"use_tool","data":{"room_id":1,"target_object_id":0,"action":"sit"}}',
        '{"event":"use_tool","data":{"room_id":1,"target_object_id":5,"action":"a\\u0000"}}',
        '{"event":"use_tool","data":{"room_id":1,"target_object_id":5,"action":"sit","params":[]}}',
        '{"event":"use_tool","data":{"room_id":1,"target_object_id":5,"action":"sit","params":{"a":' + "[" * 60000,
        '{"event":"place_object","data":{"room_id":1,"x":1,"y":2}}',
        '{"event":"place_object","data":{"room_id":1,"type":"chair","x":1,"y":2,"width":"wide"}}',
        '{"event":"place_object","data":{"room_id":1,"type":"chair","x":1,"y":2,"is_solid":1}}',
        '{"event":"place_object","data":{"room_id":1,"type":"chair","x":1,"y":2,"metadata":[]}}',
        '{"event":"place_object","data":{"room_id":1,"type":"chair","x":1,"y":2,"metadata":null}}',
        '{"event":"place_object","data":{"room_id":1,"type":"chair","x":1,"y":2,"metadata":{"\\ud800":1}}}',
        '{"event":"update_object","data":{"x":1}}',
        '{"event":"update_object","data":{"object_id":null}}',
        '{"event":"update_object","data":{"object_id":5,"x":null}}',
        '{"event":"update_object","data":{"object_id":5,"version":0}}',
        '{"event":"remove_object","data":{}}',
        '{"event":"remove_object","data":{"object_id":"5"}}',
        '{"event":"lock_area","data":{"room_id":1,"area_id":1}}',
        '{"event":"lock_area","data":{"room_id":1,"area_id":1,"is_locked":1}}',
        b'{"event":"ping"}',
    ],
)
def test_what_makes_no_sense_is_malformed(text):
    error = refusal(text)
    assert type(error.error) is x.Malformed
    assert read(CAFE.error(error.error, error.name, error.ref))["data"]["code"] == "malformed"


def packed(event, data=b"\x80", label=b""):
    key = msgspec.msgpack.encode
    more = key("id") + label if label else b""
    return bytes([0x83 if label else 0x82]) + key("event") + event + key("data") + data + more


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x93\x01\x02\x03",
        b"\x81\x01\x02",  # a key that is no string
        packed(b"\xc4\x04ping"),  # binary where a string is due
        packed(b"\xa4\xff\xff\xff\xff"),
        packed(b"\xa4ping", b"\xa3\xed\xa0\x80"),  # a surrogate
        packed(b"\xa4ping", b"\x81\x81\x01\x02\x03"),  # a map as a key
        packed(b"\xa4ping", b"\xd6\xff\xff"),  # a timestamp, cut off
        packed(b"\xa4ping", b"\x91" * 60000 + b"\x01"),
        packed(b"\xa4ping", b"\x05") + b"\x05",
        packed(b"\xa4ping", label=b"\xa3\xed\xa0\x80"),
        packed(b"\xa4ping", label=b"\xdd\xff\xff\xff\xff"),
        packed(b"\xa9join_room", b"\x81\xa7room_id\xcf" + b"\xff" * 8),
        packed(b"\xa9join_room", b"\x82\xa7room_id\x01\xa1x\xcb\x7f\xf8" + b"\0" * 6),  # NaN
        packed(b"\xa9join_room", b"\x82\xa7room_id\x01\xa1x\xcb\x7f\xf0" + b"\0" * 6),  # infinity
        packed(b"\xafupdate_position", b"\x83\xa7room_id\x01\xa1x\x01\xa1y\xcb\x7f\xf8" + b"\0" * 6),  # NaN
        packed(b"\xa8use_tool", b"\x81\xa6params\x81\x01\x02"),  # a key that is no string
        packed(b"\xa9join_room", b"\x81\xc4\x07room_id\x01"),
        packed(b"\xa9join_room", b"\x81\xa7room_id\xd4\x05\x01"),  # an extension type
        '{"event":"ping"}',
    ],
)
def test_messagepack_that_makes_no_sense_is_malformed(data):
    error = refusal(data, V1_MSGPACK)
    assert type(error.error) is x.Malformed
    assert unpack(V1_MSGPACK.error(error.error, error.name, error.ref))["data"]["code"] == "malformed"


@pytest.mark.parametrize("label", [7, "a", [1], {"a": 1}, 1.5, True, b"raw", {1: 2}, msgspec.msgpack.Ext(5, b"x")])
def test_a_messagepack_id_of_any_type_comes_back(label):
    frame = packed(b"\xa4ping", label=msgspec.msgpack.encode(label))
    found = V1_MSGPACK.decode(frame, None)
    (pong,) = V1_MSGPACK.replies(found, found.command.payload)
    assert unpack(pong) == {"event": "pong", "id": label, "data": {}}


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"join_room","data":{"room_id":"x"},"id":7}',
        '{"event":"join_room","data":5,"id":7}',
        '{"event":"join_room","id":7}',
        '{"event":5,"id":7}',
        '{"id":7}',
        '{"event":"fly","id":7}',
    ],
)
def test_an_error_bears_the_id_if_it_could_be_read(text):
    error = refusal(text)
    assert read(CAFE.error(error.error, error.name, error.ref))["id"] == 7


def test_the_error_names_the_field_but_never_repeats_what_was_sent():
    error = refusal('{"event":"authenticate","data":{"token":12345}}')
    assert payload(CAFE.error(error.error, error.name, error.ref)) == (
        '{"event":"error","data":{"code":"malformed","message":"Expected `str`, got `int` - at `$.token`",'
        '"event":"authenticate"}}'
    )


def test_an_object_has_to_be_named():
    error = refusal('{"event":"update_object","data":{"x":1}}')
    assert read(CAFE.error(error.error, error.name, error.ref))["data"]["message"] == (
        "Object missing required field `object_id`"
    )


def test_unknown_events_are_told_so():
    error = refusal('{"event":"fly","data":{}}')
    assert payload(CAFE.error(error.error, error.name, error.ref)) == (
        '{"event":"error","data":{"code":"unknown_event","message":"Unknown event: fly","event":"fly"}}'
    )


# ---- answers


def test_a_sent_message_is_acknowledged():
    found = request('{"event":"send_message","data":{"room_id":1,"message":"hi"},"id":"m1"}')
    (ack,) = CAFE.replies(found, c.SendResult(9, 7, AT, True))
    assert payload(ack) == (
        f'{{"event":"ack","id":"m1","data":{{"message_id":9,"seq":7,"created_at":"{NOW}","duplicate":true}}}}'
    )


def test_what_was_said_in_a_talk_is_acknowledged_with_that_room():
    found = request('{"event":"send_message","data":{"room_id":1,"message":"hi","nearby":true},"id":"m1"}')
    (ack,) = CAFE.replies(found, c.SendResult(9, 2, AT, talk_id=12))
    assert read(ack)["data"] == {"message_id": 9, "seq": 2, "created_at": NOW, "duplicate": False, "talk_id": 12}


def test_without_an_id_there_is_no_ack():
    found = request('{"event":"send_message","data":{"room_id":1,"message":"hi"}}')
    assert CAFE.replies(found, c.SendResult(9, 7, AT)) == []


@pytest.mark.parametrize(
    ("event", "data", "result", "ack"),
    [
        ("edit_message", {"message_id": 9, "message": "hi"}, c.Edited(MESSAGE, 8), {"seq": 8}),
        ("delete_message", {"message_id": 9}, 8, {"seq": 8}),
        ("add_reaction", {"message_id": 9, "emoji": "+1"}, c.Reacted(MESSAGE, 8, True, 1), {"seq": 8}),
        ("remove_reaction", {"message_id": 9, "emoji": "+1"}, c.Reacted(MESSAGE, 9, False, 0), {"seq": 9}),
        ("pin_message", {"message_id": 9}, 8, {"seq": 8}),
        ("unpin_message", {"message_id": 9}, 9, {"seq": 9}),
        ("leave_room", {"room_id": 1}, None, {"room_id": 1}),
        ("typing", {"room_id": 1}, None, {}),
        ("mark_read", {"room_id": 1, "seq": 7}, 7, {}),
        ("mark_delivered", {"room_id": 1, "seq": 7}, 7, {}),
        ("set_presence", {"status": "away"}, ALICE, {}),
        ("update_position", {"room_id": 1, "x": 1, "y": 2}, None, {}),
        (
            "use_tool",
            {"room_id": 1, "target_object_id": 5, "action": "sit"},
            c.ToolResult(USE, CHAIR),
            {"seq": 8, "use_id": 2},
        ),
        (
            "place_object",
            {"room_id": 1, "type": "chair", "x": 1, "y": 2},
            c.ObjectChanged(5, 8, CHAIR),
            {"object_id": 5, "seq": 8},
        ),
        ("update_object", {"object_id": 5}, c.ObjectChanged(5, 8, CHAIR), {"object_id": 5, "seq": 8}),
        ("remove_object", {"object_id": 5}, c.ObjectChanged(5, 9), {"object_id": 5, "seq": 9}),
        (
            "lock_area",
            {"room_id": 1, "area_id": 1, "is_locked": True},
            Area(id=1, x=0, y=0, width=50, height=40, is_lockable=True, locked_by=3),
            {"area_id": 1, "locked_by": 3},
        ),
    ],
)
def test_acks_have_the_data_of_the_table(event, data, result, ack):
    found = request(json.dumps({"event": event, "data": data, "id": 1}))
    assert [read(one) for one in CAFE.replies(found, result)] == [{"event": "ack", "id": 1, "data": ack}]


LISTED = {
    "room_id": 1,
    "seq": 7,
    "id": 9,
    "user_id": 3,
    "username": "alice",
    "content": "hi",
    "kind": "text",
    "reply_to": None,
    "quote": None,
    "mentions": [],
    "mentions_here": False,
    "attachments": [],
    "reactions": [],
    "recipient_id": None,
    "delivered_at": None,
    "read_at": None,
    "is_edited": False,
    "is_deleted": False,
    "created_at": NOW,
    "updated_at": None,
}


def test_a_message_in_a_list_tells_what_it_answers_whom_it_names_and_what_became_of_it():
    message = msgspec.structs.replace(
        MESSAGE,
        reply_to=4,
        quote=Quote(message_id=4, user_id=5, username="bob", text="", is_deleted=True),
        mentions=[4, 5],
        mentions_here=True,
        reactions=[Reaction(emoji="👍", count=21, users=[4, 5])],
        recipient_id=4,
        delivered_at=AT,
        read_at=AT,
    )
    (ack,) = CAFE.replies(request('{"event":"fetch_messages","data":{"room_id":1},"id":1}'), Page([message]))
    assert read(ack)["data"]["messages"] == [
        LISTED
        | {
            "reply_to": 4,
            "quote": {"message_id": 4, "user_id": 5, "username": "bob", "text": "", "is_deleted": True},
            "mentions": [4, 5],
            "mentions_here": True,
            "reactions": [{"emoji": "👍", "count": 21, "users": [4, 5]}],
            "recipient_id": 4,
            "delivered_at": NOW,
            "read_at": NOW,
        }
    ]


def test_fetched_messages_come_in_the_ack_or_without_an_id_in_an_event_of_their_own():
    data = {"messages": [LISTED], "has_more": True, "next_cursor": 9}
    asked = '{"event":"fetch_messages","data":{"room_id":1}'
    (ack,) = CAFE.replies(request(asked + ',"id":1}'), Page([MESSAGE], 9))
    assert read(ack) == {"event": "ack", "id": 1, "data": data}
    (event,) = CAFE.replies(request(asked + "}"), Page([MESSAGE], 9))
    assert read(event) == {"event": "messages", "data": data}


def test_a_pong_brings_back_the_same_data():
    found = request('{"event":"ping","data":{"t": 1.50},"id":2}')
    (pong,) = CAFE.replies(found, found.command.payload)
    assert payload(pong) == '{"event":"pong","id":2,"data":{"t": 1.50}}'


def entered(result):
    snapshot = c.Snapshot(
        room=ROOM,
        membership=Membership(room_id=1, user_id=3, username="alice", role=RoomRole.MEMBER, joined_at=AT),
        epoch="e1",
        seq=7,
        messages=Page([MESSAGE], 9),
        pins=[9, 4],
        objects=[CHAIR],
    )
    return Entered(
        snapshot=snapshot,
        users=[
            Occupant(user_id=3, username="alice", x=100.0, y=199.9999, direction="left"),
            Occupant(user_id=4, username="bob", status="away"),
        ],
        result=result,
        bubbles=[e.BubbleUpdated(room_id=1, bubble_id="b1", user_ids=[3, 4], talk_id=12)],
        now=AT,
    )


ROOM_DATA = {
    "id": 1,
    "kind": "channel",
    "name": "Café",
    "description": "",
    "owner_id": None,
    "is_private": False,
    "settings": {},
    "space": {
        "width": 800,
        "height": 600,
        "background": None,
        "speed": 400,
        "spawn_points": [{"x": 100, "y": 200}],
        "builders": "members",
        "earshot": 150,
        "areas": [
            {
                "id": 1,
                "name": "Booth",
                "x": 0,
                "y": 0,
                "width": 50,
                "height": 40.5,
                "is_quiet": False,
                "is_private": True,
                "capacity": 2,
                "is_lockable": False,
                "locked_by": None,
            }
        ],
    },
    "parent_id": None,
    "area_id": None,
    "member_count": 2,
    "last_seq": 7,
    "unread": 1,
    "mention_count": 1,
    "created_at": NOW,
    "updated_at": NOW,
}
STATE = {
    "room_id": 1,
    "room": ROOM_DATA,
    "users": [
        {"user_id": 3, "username": "alice", "x": 100, "y": 200, "direction": "left", "status": "online"},
        {"user_id": 4, "username": "bob", "x": None, "y": None, "direction": None, "status": "away"},
    ],
    "objects": [json.loads(CHAIR_TEXT)],
    "bubbles": [{"room_id": 1, "bubble_id": "b1", "users": [3, 4], "talk_id": 12}],
    "pins": [9, 4],
    "seq": 7,
    "now": NOW,
}
HISTORY = {"messages": [LISTED], "has_more": True, "next_cursor": 9}


def join(result, label=',"id":1'):
    found = request(f'{{"event":"join_room","data":{{"room_id":1}}{label}}}')
    return [read(one) for one in CAFE.replies(found, entered(result))]


def test_a_fresh_join_gives_the_room_and_its_last_messages():
    assert join(Resume.FRESH) == [
        {"event": "ack", "id": 1, "data": {"room_id": 1, "epoch": "e1", "seq": 7, "result": "fresh"}},
        {"event": "room_state", "data": STATE | HISTORY},
    ]
    assert join(Resume.FRESH, label="") == [{"event": "room_state", "data": STATE | HISTORY}]


def test_a_resumed_join_leaves_the_messages_to_the_log():
    assert join(Resume.RESUMED) == [
        {"event": "ack", "id": 1, "data": {"room_id": 1, "epoch": "e1", "seq": 7, "result": "resumed"}},
        {"event": "room_state", "data": STATE},
    ]


def test_a_reset_is_told_before_the_room_state_that_replaces_all():
    assert join(Resume.RESET) == [
        {"event": "ack", "id": 1, "data": {"room_id": 1, "epoch": "e1", "seq": 7, "result": "reset"}},
        {"event": "reset", "data": {"room_id": 1, "epoch": "e1", "seq": 7}},
        {"event": "room_state", "data": STATE | HISTORY},
    ]


def test_the_end_of_the_backlog_is_told():
    assert payload(CAFE.caught_up(1, 9)) == '{"event":"caught_up","data":{"room_id":1,"seq":9}}'


USER_DATA = {
    "id": 3,
    "username": "alice",
    "email": "alice@example.org",
    "display_name": "Alice",
    "avatar_url": None,
    "bio": "",
    "role": "user",
    "status": "online",
    "status_text": "",
    "last_seen_at": None,
    "created_at": NOW,
}
WELCOME = c.Welcome(
    session_id="s1",
    user=ALICE,
    expires_in=1800,
    rooms=[c.RoomHead(room_id=1, epoch="e1", seq=7, read_seq=6, unread=2, mention_count=1)],
)
HEADS = [{"room_id": 1, "epoch": "e1", "seq": 7, "read_seq": 6, "unread": 2, "mention_count": 1}]


def test_who_authenticates_is_told_who_they_are_and_under_v1_their_rooms():
    found = request('{"event":"authenticate","data":{"token":"t"},"id":1}')
    (plain,), (v1,) = CAFE.replies(found, WELCOME), V1.replies(found, WELCOME)
    assert read(plain) == {"event": "ack", "id": 1, "data": {"user": USER_DATA, "expires_in": 1800}}
    assert read(v1)["data"] == {"user": USER_DATA, "expires_in": 1800, "rooms": HEADS}


HELLO = {
    "protocol": "tertulia.v1",
    "session_id": "s1",
    "user": USER_DATA,
    "heartbeat_interval": 25,
    "features": [
        *("resume", "nonce", "typing", "read", "delivered", "presence", "reactions", "replies", "mentions", "pins"),
        *("versions", "groups", "direct", "blocks", "avatars", "space", "positions", "objects", "plans", "seats"),
        *("tools", "areas", "nearby", "bubbles"),
    ],
    "limits": {"frame": 65536, "message": 4000, "nonce": 64, "page": 100, "frames_per_second": 20, "burst": 60},
    "rooms": HEADS,
}


def test_v1_says_hello_in_both_encodings():
    greet = Request(c.Greet())
    (text,), (binary,) = V1.replies(greet, WELCOME), V1_MSGPACK.replies(greet, WELCOME)
    assert read(text) == unpack(binary) == {"event": "hello", "data": HELLO}


def test_a_hello_to_a_stranger_has_no_rooms():
    (hello,) = V1.replies(Request(c.Greet()), c.Welcome(session_id="s1"))
    data = read(hello)["data"]
    assert data["user"] is None
    assert "rooms" not in data


def test_v1_beats_and_says_good_bye_and_plain_cafe_does_neither():
    assert payload(V1.heartbeat({1: 7, 12: 3})) == '{"event":"heartbeat","data":{"heads":{"1":7,"12":3}}}'
    assert payload(V1.farewell(CloseReason.RESTARTING, 2.5)) == (
        '{"event":"bye","data":{"code":1012,"reason":"Server is restarting","reconnect":true,"retry_after":2.5}}'
    )
    assert payload(V1.farewell(CloseReason.INVALID_TOKEN, None)) == (
        '{"event":"bye","data":{"code":4401,"reason":"Invalid token","reconnect":false,"retry_after":null}}'
    )
    assert CAFE.heartbeat({1: 7}) is CAFE.farewell(CloseReason.RESTARTING, 1) is None
    assert (CAFE.greets, CAFE.heartbeats, V1.greets, V1.heartbeats) == (False, False, True, True)
    assert CAFE.opening(None) == V1.opening(None) == []


# ---- events

EVENT_ROWS = [
    (
        SAID,
        (
            '{"event":"message_received","data":{"room_id":1,"seq":7,"message_id":9,"user_id":3,"username":"alice",'
            '"message":"Hello everyone!","kind":"text","reply_to":null,"quote":null,"mentions":[],"mentions_here":false,'
            f'"attachments":[],"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.MessageSent(
            room_id=1,
            seq=8,
            message_id=10,
            user_id=4,
            username="bob",
            content="@alice @here",
            kind="image",
            reply_to=9,
            quote=Quote(message_id=9, user_id=3, username="alice", text="Hello everyone!"),
            mentions=[3],
            mentions_here=True,
            recipient_id=3,
            created_at=AT,
        ),
        (
            '{"event":"message_received","data":{"room_id":1,"seq":8,"message_id":10,"user_id":4,"username":"bob",'
            '"message":"@alice @here","kind":"image","reply_to":9,"quote":{"message_id":9,"user_id":3,"username":"alice",'
            '"text":"Hello everyone!","is_deleted":false},"mentions":[3],"mentions_here":true,'
            f'"attachments":[],"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.MessageEdited(
            room_id=1,
            seq=8,
            message_id=9,
            user_id=3,
            username="alice",
            content="Hi!",
            mentions=[4],
            mentions_here=True,
            updated_at=AT,
        ),
        (
            '{"event":"message_edited","data":{"room_id":1,"seq":8,"message_id":9,"user_id":3,"username":"alice",'
            f'"message":"Hi!","mentions":[4],"mentions_here":true,"updated_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.MessageDeleted(room_id=1, seq=9, message_id=9, user_id=3, username="alice", updated_at=AT),
        (
            '{"event":"message_deleted","data":{"room_id":1,"seq":9,"message_id":9,"user_id":3,"username":"alice",'
            f'"updated_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.ReactionAdded(room_id=1, seq=8, message_id=9, user_id=4, username="bob", emoji="👍", count=2, created_at=AT),
        (
            '{"event":"reaction_added","data":{"room_id":1,"seq":8,"message_id":9,"user_id":4,"username":"bob",'
            f'"emoji":"👍","count":2,"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.ReactionRemoved(
            room_id=1, seq=9, message_id=9, user_id=4, username="bob", emoji="👍", count=1, created_at=AT
        ),
        (
            '{"event":"reaction_removed","data":{"room_id":1,"seq":9,"message_id":9,"user_id":4,"username":"bob",'
            f'"emoji":"👍","count":1,"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.MessagePinned(room_id=1, seq=8, message_id=9, user_id=4, username="bob", created_at=AT),
        (
            '{"event":"message_pinned","data":{"room_id":1,"seq":8,"message_id":9,"user_id":4,"username":"bob",'
            f'"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.MessageUnpinned(room_id=1, seq=9, message_id=9, user_id=4, username="bob", created_at=AT),
        (
            '{"event":"message_unpinned","data":{"room_id":1,"seq":9,"message_id":9,"user_id":4,"username":"bob",'
            f'"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.MemberAdded(room_id=1, seq=2, user_id=4, username="bob", role=RoomRole.MEMBER, by=3, created_at=AT),
        (
            '{"event":"member_added","data":{"room_id":1,"seq":2,"user_id":4,"username":"bob","role":"member","by":3,'
            f'"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.MemberRemoved(room_id=1, seq=3, user_id=4, username="bob", reason=LeaveReason.KICKED, by=3, created_at=AT),
        (
            '{"event":"member_removed","data":{"room_id":1,"seq":3,"user_id":4,"username":"bob","reason":"kicked","by":3,'
            f'"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.MemberUpdated(
            room_id=1,
            seq=4,
            user_id=4,
            username="bob",
            role=RoomRole.MODERATOR,
            muted_until=AT + timedelta(hours=1),
            by=3,
            created_at=AT,
        ),
        (
            '{"event":"member_updated","data":{"room_id":1,"seq":4,"user_id":4,"username":"bob","role":"moderator",'
            f'"muted_until":"2026-11-21T10:18:35.000000Z","by":3,"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.RoomUpdated(room_id=1, seq=5, user_id=3, room=ROOM, created_at=AT),
        (
            '{"event":"room_updated","data":{"room_id":1,"seq":5,"user_id":3,"room":{"id":1,"kind":"channel","name":"Café",'
            '"description":"","owner_id":null,"is_private":false,"settings":{},"space":{"width":800,"height":600,'
            '"background":null,"speed":400.0,"spawn_points":[{"x":100,"y":200}],"builders":"members","earshot":150.0,'
            '"areas":[{"id":1,"name":"Booth","x":0,"y":0,"width":50,"height":40.5,"is_quiet":false,"is_private":true,'
            '"capacity":2,"is_lockable":false,"locked_by":null}]},"parent_id":null,"area_id":null,"member_count":2,'
            f'"created_at":"{NOW}","updated_at":"{NOW}"}},"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.RoomDeleted(room_id=1, seq=6, user_id=3, created_at=AT),
        f'{{"event":"room_deleted","data":{{"room_id":1,"seq":6,"user_id":3,"created_at":"{NOW}"}}}}',
    ),
    (
        e.UserJoined(room_id=1, user_id=4, username="bob", x=100.0, y=200.49999),
        '{"event":"user_joined","data":{"room_id":1,"user_id":4,"username":"bob","x":100.0,"y":200.5}}',
    ),
    (
        e.UserLeft(room_id=1, user_id=4, username="bob", reason="disconnected"),
        '{"event":"user_left","data":{"room_id":1,"user_id":4,"username":"bob","reason":"disconnected"}}',
    ),
    (
        e.UserTyping(room_id=1, user_id=4, username="bob"),
        '{"event":"user_typing","data":{"room_id":1,"user_id":4,"username":"bob"}}',
    ),
    (
        e.ReadUpdated(room_id=1, user_id=4, username="bob", seq=7, message_id=9, at=AT),
        (
            '{"event":"read_updated","data":{"room_id":1,"user_id":4,"username":"bob","seq":7,"message_id":9,'
            f'"at":"{NOW}"}}}}'
        ),
    ),
    (
        e.DeliveredUpdated(room_id=1, user_id=4, username="bob", seq=7),
        (
            '{"event":"delivered_updated","data":{"room_id":1,"user_id":4,"username":"bob","seq":7,"message_id":null,'
            '"at":null}}'
        ),
    ),
    (
        e.PresenceUpdated(
            user_id=4, username="bob", status=Status.AWAY, text="lunch", last_seen_at=AT, room_ids=[1, 2]
        ),
        (
            '{"event":"presence_updated","data":{"user_id":4,"username":"bob","status":"away","text":"lunch",'
            f'"last_seen_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.ObjectPlaced(room_id=1, seq=8, user_id=3, username="alice", object=CHAIR, created_at=AT),
        (
            '{"event":"object_placed","data":{"room_id":1,"seq":8,"user_id":3,"username":"alice",'
            f'"object":{CHAIR_TEXT},"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.ObjectUpdated(room_id=1, seq=9, user_id=3, username="alice", object=CHAIR, created_at=AT),
        (
            '{"event":"object_updated","data":{"room_id":1,"seq":9,"user_id":3,"username":"alice",'
            f'"object":{CHAIR_TEXT},"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.ObjectRemoved(room_id=1, seq=10, user_id=3, username="alice", object_id=5, created_at=AT),
        (
            '{"event":"object_removed","data":{"room_id":1,"seq":10,"user_id":3,"username":"alice","object_id":5,'
            f'"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.ToolUsed(
            room_id=1,
            seq=8,
            user_id=3,
            username="alice",
            use_id=2,
            target_object_id=5,
            action="rotate",
            params={"rotation": 90},
            object=CHAIR,
            created_at=AT,
        ),
        (
            '{"event":"tool_used","data":{"room_id":1,"seq":8,"use_id":2,"user_id":3,"username":"alice",'
            '"target_object_id":5,"action":"rotate","params":{"rotation":90},'
            f'"object":{CHAIR_TEXT},"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.ToolUsed(
            room_id=1,
            seq=9,
            user_id=3,
            username="alice",
            use_id=3,
            target_object_id=5,
            action="destroy",
            created_at=AT,
        ),
        (
            '{"event":"tool_used","data":{"room_id":1,"seq":9,"use_id":3,"user_id":3,"username":"alice",'
            f'"target_object_id":5,"action":"destroy","params":{{}},"object":null,"created_at":"{NOW}"}}}}'
        ),
    ),
    (
        e.PositionUpdated(room_id=1, user_id=4, x=150.0, y=250.25, direction="left"),
        '{"event":"position_updated","data":{"room_id":1,"user_id":4,"x":150.0,"y":250.25,"direction":"left"}}',
    ),
    (
        e.PositionUpdated(room_id=1, user_id=4, x=150.0, y=250.25),
        '{"event":"position_updated","data":{"room_id":1,"user_id":4,"x":150.0,"y":250.25,"direction":null}}',
    ),
    (
        e.BubbleUpdated(room_id=1, bubble_id="b1", user_ids=[3, 4], talk_id=12),
        '{"event":"bubble","data":{"room_id":1,"bubble_id":"b1","users":[3,4],"talk_id":12}}',
    ),
    (
        e.BubbleUpdated(room_id=1, bubble_id="b1", user_ids=[]),
        '{"event":"bubble","data":{"room_id":1,"bubble_id":"b1","users":[],"talk_id":null}}',
    ),
]


@pytest.mark.parametrize(("event", "golden"), EVENT_ROWS)
def test_an_event_is_told_in_these_words(event, golden):
    assert payload(CAFE.encode(event, False)) == golden
    assert payload(V1.encode(event, False)) == golden
    assert unpack(V1_MSGPACK.encode(event, False)) == json.loads(golden)


def test_every_event_of_the_domain_has_a_word_and_an_example():
    every = {*get_args(e.DurableEvent), *get_args(e.EphemeralEvent)}
    assert set(EVENTS) == every == {type(event) for event, _ in EVENT_ROWS}


def test_the_nonce_goes_to_the_sender_alone():
    own, others = read(CAFE.encode(SAID, True))["data"], read(CAFE.encode(SAID, False))["data"]
    assert own == others | {"nonce": "n-1"}


def test_an_event_without_a_word_is_dropped():
    assert CAFE.encode(e.UserChanged(user_id=3), False) is None
    assert log_item(e.UserChanged(user_id=3), False) is None


@pytest.mark.parametrize(("event", "golden"), EVENT_ROWS)
def test_the_catalogue_describes_an_event_as_it_is_told(event, golden):
    assert is_described(json.loads(golden))


@pytest.mark.parametrize(("event", "golden"), EVENT_ROWS)
def test_the_log_says_it_as_the_socket_does(event, golden):
    assert bytes(log_item(event, False)).decode() == golden


MOVES = [
    e.PositionUpdated(room_id=1, user_id=4, x=150.0, y=250.25, direction="left"),
    e.PositionUpdated(room_id=1, user_id=5, x=0.5, y=0.0, direction=90.0),
    e.PositionUpdated(room_id=1, user_id=6, x=1.0, y=2.0),
]
MOVED = '[[4,150.0,250.25,"left"],[5,0.5,0.0,90.0],[6,1.0,2.0,null]]'


@pytest.mark.parametrize(
    ("moves", "gone", "data"),
    [
        (MOVES, [], f'{{"room_id":1,"t":1795252715000,"moves":{MOVED}}}'),
        (MOVES, [7, 8], f'{{"room_id":1,"t":1795252715000,"moves":{MOVED},"gone":[7,8]}}'),
        ([], [7], '{"room_id":1,"t":1795252715000,"moves":[],"gone":[7]}'),
    ],
)
def test_v1_tells_many_moves_in_one_frame(moves, gone, data):
    golden = f'{{"event":"positions","data":{data}}}'
    assert payload(V1.moves(1, 1795252715000, [V1.move(one) for one in moves], gone)) == golden
    packed = V1_MSGPACK.moves(1, 1795252715000, [V1_MSGPACK.move(one) for one in moves], gone)
    assert unpack(packed) == json.loads(golden)
    assert is_described(json.loads(golden))


def test_where_nobody_moved_nothing_is_told_and_plain_cafe_tells_each_by_itself():
    assert V1.moves(1, 1795252715000, [], []) is None
    assert CAFE.moves(1, 1795252715000, [CAFE.move(one) for one in MOVES], [7]) is None
    assert (CAFE.batches_moves, V1.batches_moves, V1_MSGPACK.batches_moves) == (False, True, True)
    assert all(one.enters_talks for one in (CAFE, V1, V1_MSGPACK))


# ---- errors and closes


def test_errors_that_pass_tell_when_to_try_again():
    assert payload(CAFE.error(x.TooFast(1.5), "typing", UNSET)) == (
        '{"event":"error","data":{"code":"rate_limited","message":"Too many requests","event":"typing","retry_after":1.5}}'
    )
    assert read(CAFE.error(x.Unavailable(), "", 5))["data"]["retry_after"] == 1.0


def test_every_domain_error_can_be_told():
    made = {x.TooFast: (1.0,), x.Internal: ("e-1",)}
    for kind in x.every_error():
        data = read(V1.error(kind(*made.get(kind, ())), "typing", UNSET))["data"]
        assert data["code"] == kind.code
        assert data["message"]


def test_every_reason_to_close_has_a_code():
    codes = {reason: CAFE.closing(reason)[0] for reason in CloseReason}
    assert codes == {
        CloseReason.GOING_AWAY: 1001,
        CloseReason.RESTARTING: 1012,
        CloseReason.OVERLOADED: 1013,
        CloseReason.SLOW_CONSUMER: 4008,
        CloseReason.SILENT: 4010,
        CloseReason.TOO_FAST: 4029,
        CloseReason.FAULT: 1011,
        CloseReason.BINARY: 1003,
        CloseReason.MALFORMED: 4400,
        CloseReason.TOO_MANY_SOCKETS: 4409,
        CloseReason.MISSING_TOKEN: 4401,
        CloseReason.INVALID_TOKEN: 4401,
        CloseReason.FORBIDDEN: 4403,
        CloseReason.NOT_A_MEMBER: 4403,
        CloseReason.NO_SUCH_ROOM: 4404,
    }


def test_codes_of_40xx_say_come_back_and_44xx_change_something_first():
    for reason in CloseReason:
        code, _ = CAFE.closing(reason)
        if code >= 4000:
            assert reason.resumable is (code < 4400)
