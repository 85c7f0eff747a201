"""What a peer may send on a socket, what it must not, and what it hears then."""

import resource
from collections.abc import Iterator
from contextlib import suppress

import pytest

from loopback import KINDS, MASK, Site, closing, masked, serving, text
from servers import wait_until
from tertulia.transport.sockets.parser import FrameParser

BIG = 65_536
OWN = ["own", "own-asyncio"]


@pytest.fixture(scope="module", params=KINDS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(request.param) as site:
        yield site


@pytest.fixture(scope="module", params=OWN)
def own(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(request.param) as site:
        yield site


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, BIG])
@pytest.mark.parametrize("first", [0x81, 0x82])
def test_a_message_comes_back_as_it_was(site: Site, first: int, size: int) -> None:
    with site.peer() as peer:
        peer.open().send(masked(first, b"x" * size))
        assert peer.frame() == (first, b"x" * size)


def test_frames_may_come_byte_by_byte(site: Site) -> None:
    with site.peer() as peer:
        peer.open()
        for byte in masked(0x01, "ñ".encode()[:1]) + masked(0x89, b"p") + masked(0x80, "ñ".encode()[1:]):
            peer.send(bytes((byte,)))
        assert peer.frame() == (0x8A, b"p")
        assert peer.message() == "ñ"


FAULTS = pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\x81\x01x", 1002),
        (masked(0xC1, b"x"), 1002),
        (masked(0xA1, b"x"), 1002),
        (masked(0x83, b"x"), 1002),
        (masked(0x8B, b"x"), 1002),
        (masked(0x09, b"x"), 1002),
        (masked(0x89, b"x" * 126), 1002),
        (masked(0x80, b"x"), 1002),
        (masked(0x01, b"x") + masked(0x81, b"x"), 1002),
        (closing(999), 1002),
        (closing(1004), 1002),
        (closing(1005), 1002),
        (closing(1006), 1002),
        (closing(1015), 1002),
        (closing(5000), 1002),
        (masked(0x88, b"\x03"), 1002),
        (masked(0x81, b"\xff"), 1007),
        (masked(0x81, b"\xed\xa0\x80"), 1007),
        (masked(0x01, b"\xc3") + masked(0x80, b"\xc3"), 1007),
        (masked(0x88, b"\x03\xe8\xff"), 1007),
    ],
)


@FAULTS
def test_a_fault_is_answered_by_its_code_and_the_end(own: Site, frames: bytes, code: int) -> None:
    with own.peer() as peer:
        peer.open().send(text("good") + frames + text("never heard"))
        assert peer.message() == "good"
        assert peer.close_frame()[0] == code
        peer.send(closing(code))
        peer.ended()
    own.witness.wait("close")
    assert [one[:2] for one in own.witness.told] == [("open",), ("text", "good"), ("close", code)]


@FAULTS
def test_after_a_fault_any_server_tells_nothing_but_the_end(site: Site, frames: bytes, code: int) -> None:
    with site.peer() as peer:
        peer.open().send(frames + text("never heard"))
        assert peer.close_frame()[0] == code
        peer.send(closing(code))
        peer.ended()
    assert len(site.witness.wait("close")) == 1
    assert not site.witness.heard("text")


@pytest.mark.parametrize(
    "frames", [b"\x81\xfe\x00\x7d" + bytes(129), b"\x81\xff" + (65_535).to_bytes(8, "big") + bytes(4)]
)
def test_a_length_is_written_in_the_shortest_way(own: Site, frames: bytes) -> None:
    with own.peer() as peer:
        peer.open().send(frames)
        assert peer.close_frame()[0] == 1002
        peer.ended()


def test_bad_text_is_refused_at_the_fragment_that_is_bad(own: Site) -> None:
    with own.peer() as peer:
        peer.open().send(masked(0x01, b"good") + masked(0x00, b"\xff"))
        assert peer.close_frame()[0] == 1007
        peer.ended()


def test_a_fault_ends_in_good_order_though_the_peer_goes_on_sending(own: Site) -> None:
    with own.peer() as peer:
        peer.open().send(masked(0x83) + text("x" * 60_000) * 20)
        assert peer.close_frame()[0] == 1002
        assert peer.rest() == b""


@pytest.mark.parametrize(
    ("sent", "answer", "told"),
    [
        (closing(1000, "bye"), (1000, ""), ("close", 1000, "bye")),
        (closing(3000), (3000, ""), ("close", 3000, "")),
        (closing(4999, "ñ"), (4999, ""), ("close", 4999, "ñ")),
    ],
)
def test_a_close_is_answered_with_its_code_and_told(
    site: Site, sent: bytes, answer: tuple[int, str], told: tuple[str, int, str]
) -> None:
    with site.peer() as peer:
        peer.open().send(sent + text("too late"))
        assert peer.close_frame()[0] == answer[0]
        peer.ended()
    site.witness.wait("close")
    assert site.witness.told == [("open",), told]


def test_a_close_without_a_code_is_answered_without_one(site: Site) -> None:
    with site.peer() as peer:
        peer.open().send(masked(0x88))
        assert peer.close_frame() == (None, "")
        peer.ended()
    assert site.witness.wait("close") == [1005]


def test_a_ping_between_fragments_is_answered_first_and_a_pong_is_nothing(site: Site) -> None:
    with site.peer() as peer:
        peer.open().send(
            masked(0x01, b"one ") + masked(0x89, b"ping") + masked(0x8A) + masked(0x00) + masked(0x80, b"two")
        )
        assert peer.frame() == (0x8A, b"ping")
        assert peer.message() == "one two"


@pytest.mark.parametrize(
    ("frames", "what"),
    [
        pytest.param(b"\x82\xff" + (2**62).to_bytes(8, "big") + MASK, "message", id="announced"),
        pytest.param(b"\x82\xff" + (BIG + 1).to_bytes(8, "big") + MASK, "message", id="one-byte-more"),
        pytest.param(masked(0x02, bytes(40_000)) + masked(0x80, bytes(40_000)), "message", id="in-fragments"),
        pytest.param(masked(0x02) + masked(0x00) * 1024, "fragments", id="empty-fragments"),
        pytest.param(masked(0x02) + masked(0x00, b"x") * 1_000_000, "fragments", id="a-million-fragments"),
    ],
)
def test_what_is_too_big_is_refused_before_it_is_here(own: Site, frames: bytes, what: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with own.peer() as peer:
        peer.open()
        with suppress(ConnectionError):  # the server may have left before the last fragment
            peer.send(frames)
        assert peer.close_frame() == (1009, {"message": "message too big", "fragments": "too many fragments"}[what])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16_000


@pytest.mark.parametrize("kind", KINDS)
def test_one_byte_over_the_limit_closes_with_1009(kind: str) -> None:
    with serving(kind, max_message=100) as site, site.peer() as peer:
        peer.open().send(text("x" * 100))
        assert peer.message() == "x" * 100
        peer.send(text("x" * 101))
        assert peer.close_frame()[0] == 1009
        peer.send(closing(1009))
        peer.ended()


@pytest.mark.parametrize("kind", KINDS)
def test_an_endpoint_may_allow_more_than_the_server(kind: str) -> None:
    size = 4 * 1024 * 1024
    with serving(kind, max_message=16 * 1024 * 1024) as site, site.peer() as peer:
        fragments = [masked(0x02, bytes(64)), *[masked(0x00, bytes(64))] * (size // 64 - 2), masked(0x80, bytes(64))]
        peer.open().send(b"".join(fragments))
        assert peer.frame() == (0x82, bytes(size))


def test_a_message_of_the_common_size_may_have_1024_fragments(own: Site) -> None:
    with own.peer() as peer:
        peer.open().send(masked(0x02) + masked(0x00) * 1022 + masked(0x80, b"x"))
        assert peer.frame() == (0x82, b"x")


def test_nothing_is_kept_between_messages(own: Site) -> None:
    with own.peer() as peer:
        peer.open().send(text("x" * BIG) + masked(0x01, b"x" * 100) + masked(0x80, b"x") + text("last"))
        assert [len(peer.message()) for _ in range(3)] == [BIG, 101, 4]
        parser: FrameParser = own.witness.socket._parser
        wait_until(lambda: parser.unfinished is None, "the parser to be at rest")
        assert (parser._buffer, parser._message) == (None, None)
