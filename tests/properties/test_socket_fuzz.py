"""Our parser against websockets': whatever frames come, however they are cut, both hear the same and answer alike.

Two differences are intended. A Close in the midst of a fragmented message is answered with its own code (theirs: 1002).
Bad text in a fragment is refused there and then (theirs: at the end of the message).
"""

import codecs
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import OPEN, Protocol, Side

from loopback import closing, masked
from tertulia.protocol.frames import split_frames
from tertulia.transport.sockets.parser import FrameParser, Violation

MOST = 66_000

sizes = st.integers(0, 20) | st.sampled_from([124, 125, 126, 127, 300])
words = st.text(max_size=20).map(str.encode)
scraps = st.binary(max_size=8) | st.sampled_from([b"\xc3", b"\xa9", b"\xf0\x9f", b"\x98\x80", b"\xed\xa0\x80", b"\xff"])
good = st.one_of(
    st.builds(masked, st.just(0x81), words),
    st.builds(masked, st.just(0x82), sizes.map(bytes)),
    st.builds(masked, st.sampled_from([0x01, 0x02]), words | scraps),
    st.builds(masked, st.sampled_from([0x00, 0x80]), words | scraps),
    st.builds(masked, st.sampled_from([0x89, 0x8A]), st.binary(max_size=125)),
)
big = st.builds(masked, st.just(0x82), st.sampled_from([65_535, 65_536, MOST, MOST + 1]).map(bytes))
bad = st.one_of(
    st.builds(masked, st.integers(0, 255), scraps),
    st.builds(masked, st.just(0x81), scraps),
    st.builds(masked, st.sampled_from([0x88, 0x89, 0x8A]), sizes.map(bytes)),
    st.builds(closing, st.integers(0, 5001) | st.sampled_from([1000, 1001, 1005, 1006, 1011, 1014, 1015, 3000, 4999])),
    st.builds(masked, st.just(0x88), scraps),
    st.builds(lambda first, payload: bytes((first, len(payload))) + payload, st.integers(0, 255), words),
)
streams = st.lists(good | good | good | bad | big, max_size=12).map(b"".join)
cuts = st.lists(st.integers(0, 2**20), max_size=8)


class Ours:
    """The sink: what the parser gave, as a list of facts, the last of which ends it."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, object]] = []
        self.parser = FrameParser(MOST)

    def on_text(self, text: str) -> None:
        self.facts.append(("text", text))

    def on_binary(self, data: bytes) -> None:
        self.facts.append(("binary", data))

    def on_ping(self, payload: bytes) -> None:
        self.facts.append(("ping", payload))

    def on_peer_close(self, code: int, reason: str) -> None:
        self.facts.append(("closed", code))
        self.parser.is_held = True

    def hear(self, chunk: bytes) -> bool:
        try:
            self.parser.feed(chunk, self)
        except Violation as violation:
            self.facts.append(("failed", violation.code))
        return self.facts[-1:] == [] or self.facts[-1][0] not in {"failed", "closed"}


def ours(chunks: list[bytes]) -> list[tuple[str, object]]:
    sink = Ours()
    for chunk in chunks:
        if not sink.hear(chunk):
            break
    return sink.facts


def theirs(stream: bytes) -> list[tuple[str, object]]:
    protocol = Protocol(Side.SERVER, state=OPEN, max_size=MOST)
    protocol.receive_data(stream)
    facts: list[tuple[str, object]] = []
    opcode, parts, decoder = Opcode.CONT, b"", codecs.getincrementaldecoder("utf-8")()
    for frame in protocol.events_received():
        if frame.opcode is Opcode.PING:
            facts.append(("ping", bytes(frame.data)))
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            if frame.opcode is not Opcode.CONT:
                opcode, parts, decoder = frame.opcode, b"", codecs.getincrementaldecoder("utf-8")()
            parts += frame.data
            if opcode is Opcode.TEXT:
                try:
                    decoder.decode(frame.data, frame.fin)
                except UnicodeDecodeError:  # the intended difference: here, not at the end
                    return [*facts, ("failed", 1007)]
            if frame.fin:
                facts.append(("text", parts.decode()) if opcode is Opcode.TEXT else ("binary", parts))
    if protocol.close_rcvd:  # the other one: also if they fail it for having come among fragments
        facts.append(("closed", int(protocol.close_rcvd.code)))
    elif protocol.close_sent:
        facts.append(("failed", int(protocol.close_sent.code)))
    return facts


def chunks_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    return [stream[a:b] for a, b in pairwise(places)]


@given(streams, cuts)
@settings(max_examples=300, deadline=None)
@example(masked(0x01, b"\xc3") + masked(0x89) + masked(0x80, b"\xa9") + closing(1000), [1, 2, 3, 9])
@example(masked(0x02, b"x") + closing(4000), [])
@example(masked(0x01, b"\xff") + masked(0x89) + masked(0x80), [])
@example(masked(0x82, bytes(MOST)) + masked(0x82, bytes(MOST + 1)), [70_000])
def test_two_parsers_hear_the_same(stream: bytes, cuts: list[int]) -> None:
    assert ours(chunks_of(stream, cuts)) == theirs(stream)


@given(st.binary(max_size=300), cuts)
@settings(max_examples=200, deadline=None)
def test_any_bytes_at_all_are_heard_or_refused(stream: bytes, cuts: list[int]) -> None:
    ours(chunks_of(stream, cuts))


@given(streams, cuts)
@settings(max_examples=100, deadline=None)
def test_a_held_parser_gives_nothing_and_loses_nothing(stream: bytes, cuts: list[int]) -> None:
    class Sipping(Ours):
        def on_text(self, text: str) -> None:
            super().on_text(text)
            self.parser.is_held = True

    sink = Sipping()
    goes_on = True
    for chunk in chunks_of(stream, cuts):
        goes_on = goes_on and sink.hear(chunk)
    while goes_on and sink.parser.is_held:
        before = len([kind for kind, _ in sink.facts if kind == "text"])
        sink.parser.is_held = False
        goes_on = sink.hear(b"")
        assert len([kind for kind, _ in sink.facts if kind == "text"]) <= before + 1
    assert sink.facts == ours([stream])


@given(st.lists(st.tuples(st.sampled_from([0x81, 0x82, 0x88, 0x89]), sizes | st.sampled_from([65_535, 65_536]))))
@settings(max_examples=50, deadline=None)
def test_joined_frames_of_ours_can_be_told_apart(frames: list[tuple[int, int]]) -> None:
    from tertulia.protocol.frames import _frame

    assert list(split_frames(b"".join(_frame(first, bytes(size)) for first, size in frames))) == [
        (first, bytes(size)) for first, size in frames
    ]
