"""cafe's catalogue: it describes the frames that are decoded and encoded, all of them, with examples that are true."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from tertulia.dialects.cafe import cafe_dialects, examples
from tertulia.dialects.cafe.answers import ACKS, OTHER_ACKS
from tertulia.dialects.cafe.events import EVENTS
from tertulia.dialects.cafe.guide import guide
from tertulia.dialects.cafe.operations import OPERATIONS
from tertulia.dialects.simple import SimpleDialect
from tertulia.domain import errors
from tertulia.protocol.codec import MSGPACK
from tertulia.protocol.dialect import Limits

LIMITS = Limits(frame=65536, message=4000, page=100, frames_per_second=20, burst=60, heartbeat_interval=25)
CAFE, V1, V1_MSGPACK = cafe_dialects(LIMITS)
RECEIVES, SENDS = V1.catalogue().receives, V1.catalogue().sends
EVERY = [*RECEIVES, *SENDS]


def named(frames):
    return [one.name for one in frames]


def read(frame):
    return msgspec.to_builtins(msgspec.json.decode(json.dumps(frame.example), type=frame.payload))


@pytest.mark.parametrize("frame", SENDS, ids=named(SENDS))
def test_every_example_is_of_its_type_whole_and_nothing_else(frame):
    assert read(frame) == frame.example
    assert frame.summary


@pytest.mark.parametrize("frame", RECEIVES, ids=named(RECEIVES))
def test_every_example_of_a_client_is_understood(frame):
    assert read(frame)["data"].items() >= frame.example["data"].items()
    assert frame.summary
    assert CAFE.decode(json.dumps(frame.example), None).name == frame.name
    assert V1_MSGPACK.decode(MSGPACK.encode(frame.example), None).name == frame.name


def test_there_is_a_frame_for_each_row_of_the_tables():
    assert named(RECEIVES) == [*OPERATIONS, "ping"]
    acks = [name for name in named(SENDS) if name.endswith(".ack")]
    assert acks == [f"{event}.ack" for event in OPERATIONS]
    assert {row.name for row in EVENTS.values()} < set(named(SENDS))
    assert not set(ACKS) & set(OTHER_ACKS)


def test_there_is_an_example_for_each_frame_and_none_besides():
    assert set(examples.REQUESTS) == set(named(RECEIVES))
    assert set(examples.ACKS) == set(OPERATIONS)
    answers = {name for name in named(SENDS) if not name.endswith(".ack")}
    assert {*examples.EVENTS, *examples.ANSWERS, *examples.MANNERS} == answers


def test_what_v1_adds_is_known_to_v1_alone():
    assert V1_MSGPACK.catalogue() is V1.catalogue()
    assert set(named(SENDS)) - set(named(CAFE.catalogue().sends)) == {"hello", "heartbeat", "bye", "positions"}
    assert CAFE.catalogue().receives == RECEIVES


def test_names_are_words_and_each_is_there_once():
    for frames in (RECEIVES, SENDS):
        assert len(set(named(frames))) == len(frames)
        assert all(re.fullmatch(r"[a-z_]+(\.ack)?", name) for name in named(frames))


def test_all_types_have_a_schema_side_by_side():
    simple = SimpleDialect().catalogue()
    frames = [*EVERY, *CAFE.catalogue().sends, *simple.receives, *simple.sends]
    types = list({id(one.payload): one.payload for one in frames}.values())
    _, schemas = msgspec.json.schema_components(types)
    assert {one.payload.__name__ for one in EVERY} <= set(schemas)


def test_the_error_of_the_example_is_one_that_there_is():
    codes = {error.code: error for error in errors.every_error()}
    told = examples.ANSWERS["error"].data
    assert told["message"] == codes[told["code"]].text


def documented(page):
    """The frames in the JSON examples of a page of the documentation."""
    text = (Path(__file__).parents[3] / "docs/dialects" / page).read_text(encoding="utf-8")
    for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
        rest = block.strip()
        while rest.startswith(('{"event"', '{"type": "m', '{"type": "e')):
            frame, end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:].strip()
            yield frame


def test_the_examples_in_the_documentation_are_true():
    simple = SimpleDialect().catalogue()
    for page, frames in (("cafe.md", EVERY), ("simple.md", [*simple.receives, *simple.sends])):
        told = list(documented(page))
        assert told
        for frame in told:
            kinds = [one.payload for one in frames if said_by(one.example) == said_by(frame)]
            assert any(fits(frame, kind) for kind in kinds), frame


def said_by(frame):
    return frame.get("event", frame.get("type"))


def fits(frame, kind):
    """Whether it is of that type, and has no field besides."""
    try:
        again = msgspec.to_builtins(msgspec.convert(frame, kind))
    except msgspec.ValidationError:
        return False
    return set(frame.get("data", frame)) <= set(again.get("data", again))


def test_the_guide_has_the_same_examples_and_names_the_full_description():
    told = guide("ws://x/api/v1/ws")
    assert [one.example for one in told.message_types.client_to_server] == [one.example for one in RECEIVES]
    assert [one.example for one in told.message_types.server_to_client] == [one.example for one in SENDS]
    assert told.asyncapi == "/asyncapi.json"
