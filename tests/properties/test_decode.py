"""Decoding is total: whatever bytes come, in any dialect, the answer is a command or Malformed, and can be sent."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertulia.dialects.cafe import cafe_dialects
from tertulia.dialects.cafe.operations import OPERATIONS
from tertulia.dialects.conversations import ConversationsDialect
from tertulia.dialects.direct import DirectDialect
from tertulia.dialects.rooms import RoomsDialect, RoomsPublicDialect
from tertulia.dialects.simple import SimpleDialect
from tertulia.domain.commands import Command, Ping
from tertulia.domain.errors import Invalid, Malformed
from tertulia.protocol.dialect import Limits, Request, Unreadable

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LIMITS = Limits(frame=65536, message=4000, page=100, frames_per_second=20, burst=60, heartbeat_interval=25)
CAFE, _, PACKED = cafe_dialects(LIMITS)
SIMPLE = SimpleDialect()
TYPED = [
    ConversationsDialect(),
    DirectDialect(),
    RoomsDialect(),
    RoomsPublicDialect(),
]
"""Those whose frames are `{"type": …}` with fields, as their catalogues say."""

numbers = st.integers() | st.floats() | st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**400, 1e308])
texts = st.text(st.characters(exclude_categories=[])) | st.sampled_from(["\0", "\ud800", "x" * 300])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
FIELDS = sorted({field for operation in OPERATIONS.values() for field in operation.__struct_fields__})
data = st.dictionaries(st.sampled_from(FIELDS), values | st.integers(1, 9), max_size=6)
cafe_frames = st.fixed_dictionaries(
    {"event": st.sampled_from([*OPERATIONS, "ping", "fly"])}, optional={"data": data | values, "id": values}
)
simple_frames = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["message", "fetch_messages"]) | values,
        "content": values,
        "cursor": values,
        "limit": values,
    },
)


def typed_frames(dialect):
    """Frames of the right type with values of any: right, nearly right and wrong ones."""
    receives = dialect.catalogue().receives
    fields = sorted({field for one in receives for field in one.payload.__struct_fields__} - {"type"})
    nearly = values | st.sampled_from(["msg-9", "9", 9, "user-9", "conv-1", "msg-0", "online", "hi"])
    return st.fixed_dictionaries(
        {"type": st.sampled_from([one.name for one in receives]) | values},
        optional=dict.fromkeys(fields, nearly),
    )


def packable(value):
    """*value* as far as MessagePack can say it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-(2**63), min(value, 2**64 - 1))
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, list):
        return [packable(item) for item in value]
    if isinstance(value, dict):
        return {packable(key): packable(item) for key, item in value.items()}
    return value


@st.composite
def mutated(draw, frames):
    """Bytes of a valid frame, with some of them changed, cut out or put in."""
    raw = bytearray(draw(frames))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(raw)


def decode(dialect, frame):
    """Decodes *frame*, and answers it, which must work as well."""
    try:
        request = dialect.decode(frame, 1)
    except Unreadable as unreadable:
        answer = dialect.error(unreadable.error, unreadable.name, unreadable.ref)
        is_expected = isinstance(unreadable.error, Malformed | Invalid)
    else:
        is_expected = isinstance(request, Request) and isinstance(request.command, Command)
        answer = dialect.error(Malformed(), request.name, request.ref)
        if isinstance(request.command, Ping):
            answer = dialect.replies(request, NOW)[0]
    assert is_expected
    body = answer[{126: 4, 127: 10}.get(answer[1], 2) :]
    if dialect.is_binary:
        msgspec.msgpack.decode(body)
    else:
        json.loads(body)


@given(texts | values.map(json.dumps))
def test_any_text_is_a_command_or_malformed(text):
    for dialect in (CAFE, SIMPLE, PACKED, *TYPED):
        decode(dialect, text)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_command_or_malformed(raw):
    for dialect in (PACKED, CAFE, SIMPLE, *TYPED):
        decode(dialect, raw)


@given(cafe_frames, st.booleans())
def test_any_values_in_a_cafe_frame_are_a_command_or_malformed(frame, ascii_only):
    decode(CAFE, json.dumps(frame, ensure_ascii=ascii_only))
    decode(PACKED, msgspec.msgpack.encode(packable(frame)))


@given(simple_frames, st.booleans())
def test_any_values_in_a_simple_frame_are_a_command_or_malformed(frame, ascii_only):
    decode(SIMPLE, json.dumps(frame, ensure_ascii=ascii_only))


@pytest.mark.parametrize("dialect", TYPED, ids=lambda dialect: dialect.name)
@given(st.data())
def test_any_values_in_a_typed_frame_are_a_command_or_malformed(dialect, data):
    frames = typed_frames(dialect)
    decode(dialect, json.dumps(data.draw(frames)))
    raw = data.draw(mutated(frames.map(lambda frame: json.dumps(frame, ensure_ascii=False).encode(errors="replace"))))
    decode(dialect, raw.decode("utf-8", "surrogateescape"))


@given(mutated((cafe_frames | simple_frames).map(lambda frame: json.dumps(frame).encode())))
def test_a_frame_damaged_on_its_way_is_a_command_or_malformed(raw):
    text = raw.decode("utf-8", "surrogateescape")
    decode(CAFE, text)
    decode(SIMPLE, text)


@settings(max_examples=300)
@given(mutated(cafe_frames.map(lambda frame: msgspec.msgpack.encode(packable(frame)))))
def test_messagepack_damaged_on_its_way_is_a_command_or_malformed(raw):
    decode(PACKED, raw)
