"""Peers that read too slowly, are silent, vanish or stay for ever; receivers that pause, fail and say goodbye."""

import resource
import threading
import time

import pytest

from loopback import KINDS, Peer, Site, Witness, closing, masked, serving, text, upgrade
from servers import wait_until
from tertulia.protocol.frames import binary_frame, text_frame

own = pytest.mark.parametrize("kind", ["own", "own-asyncio"])
both = pytest.mark.parametrize("kind", KINDS)
SECOND = {"stalled_after": 0.5, "close_wait": 0.5}


class Eager(Witness):
    """Once started, writes numbered frames as long as it is not told to pause, until all are written."""

    FRAMES = 150

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def start(self) -> None:
        while self.written < self.FRAMES and self.told[-1] != ("pause",):
            self.socket.write(binary_frame(self.written.to_bytes(4, "big") + bytes(60_000)))
            self.written += 1

    def on_resume(self) -> None:
        super().on_resume()
        self.start()


def start(site: Site) -> None:
    site.call(site.witness.start)
    site.witness.wait("pause")


def read_all(peer: Peer) -> list[str]:
    """All that an Eager writes, in order; the messages that came between."""
    texts, n = [], 0
    while n < Eager.FRAMES:
        first, payload = peer.frame()
        if first == 0x81:
            texts.append(payload.decode())
        else:
            assert payload == n.to_bytes(4, "big") + bytes(60_000)
            n += 1
    return texts


def messages_while_paused(witness: Witness) -> list[str]:
    paused, messages = False, []
    for what, *more in witness.told:
        paused = what == "pause" or (paused and what != "resume")
        if paused and what == "text":
            messages += more
    return messages


@both
def test_a_peer_that_never_reads_costs_no_memory_and_gets_everything_when_it_does(kind: str) -> None:
    with serving(kind, Eager) as site, site.peer(receive_buffer=8192) as peer:
        peer.open()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start(site)
        assert site.witness.written < 100
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
        read_all(peer)
        site.witness.wait("resume", len(site.witness.heard("pause")))


def send_for_ever(peer: Peer, data: bytes) -> None:
    """Up to 200 MB, which is more than any kernel takes."""
    for _ in range(200_000_000 // len(data)):
        peer.send(data)


@own
def test_who_reads_no_pongs_is_read_no_more(kind: str) -> None:
    with serving(kind) as site, site.peer(receive_buffer=8192) as peer:
        peer.open()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peer.sock.settimeout(0.5)
        flood = masked(0x89, bytes(125)) * 1000
        with pytest.raises(TimeoutError):
            send_for_ever(peer, flood)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


@both
def test_a_peer_that_does_not_read_is_not_heard_either(kind: str) -> None:
    with serving(kind, Eager) as site, site.peer(receive_buffer=8192) as peer:
        peer.open()
        start(site)
        peer.send(text("one") + text("two"))
        texts = read_all(peer)
        while len(texts) < 2:
            texts.append(peer.message())
        assert texts == ["one", "two"]
        assert messages_while_paused(site.witness) == []


class Shy(Witness):
    """Reads nothing until it is told to."""

    def on_open(self, socket) -> None:
        super().on_open(socket)
        socket.pause_reading()


@both
def test_what_came_with_the_upgrade_waits_until_the_receiver_reads(kind: str) -> None:
    with serving(kind, Shy) as site, site.peer() as peer:
        peer.send(upgrade() + b"".join(text(str(n)) for n in range(100)))
        assert peer.response().status == 101
        site.witness.wait("open")
        site.call(site.witness.socket.write, text_frame(b"written while paused"))
        assert peer.message() == "written while paused"
        assert site.witness.told == [("open",)]
        site.call(site.witness.socket.resume_reading)
        assert [peer.message() for _ in range(100)] == [str(n) for n in range(100)]


class Sipping(Witness):
    """Pauses after each message."""

    def on_text(self, text: str) -> None:
        super().on_text(text)
        self.socket.pause_reading()


@both
def test_a_pause_in_the_midst_of_many_messages_holds_the_very_next(kind: str) -> None:
    with serving(kind, Sipping) as site, site.peer() as peer:
        peer.open().send(b"".join(text(str(n)) for n in range(20)))
        for n in range(20):
            assert peer.message() == str(n)
            site.call(lambda: None)
            assert len(site.witness.heard("text")) == n + 1
            site.call(site.witness.socket.resume_reading)


class ShyAndEager(Eager, Shy):
    pass


@both
def test_a_peer_that_reads_again_is_not_heard_while_the_receiver_pauses(kind: str) -> None:
    with serving(kind, ShyAndEager) as site, site.peer(receive_buffer=8192) as peer:
        peer.open()
        start(site)
        peer.send(text("hola"))
        read_all(peer)
        site.witness.wait("resume", len(site.witness.heard("pause")))
        site.call(lambda: None)
        assert not site.witness.heard("text")
        site.call(site.witness.socket.resume_reading)
        assert peer.message() == "hola"


@both
def test_a_receiver_that_resumes_does_not_hear_a_peer_that_does_not_read(kind: str) -> None:
    with serving(kind, Eager) as site, site.peer(receive_buffer=8192) as peer:
        peer.open()
        start(site)
        site.call(site.witness.socket.pause_reading)
        peer.send(text("hola"))
        site.call(site.witness.socket.resume_reading)
        texts = read_all(peer)
        assert texts or peer.message() == "hola"
        assert messages_while_paused(site.witness) == []


@own
def test_a_close_while_reading_is_paused_still_hears_the_peer_s(kind: str) -> None:
    with serving(kind, Shy) as site, site.peer() as peer:
        peer.open().send(text("unread") + closing(1000))
        site.call(site.witness.socket.close, 4000, "enough")
        assert peer.close_frame() == (4000, "enough")
        peer.ended()
        wait_until(lambda: len(site.sockets) == 0, "the socket to be gone")
    assert site.witness.told == [("open",), ("close", 4000, "enough")]


class Tactful(Eager):
    """Ends every socket in its own words."""

    def on_shutdown(self) -> None:
        self.socket.write(text_frame(b"bye"))
        self.socket.close(4012, "come back")

    def on_stalled(self) -> None:
        self.socket.close(4008, "too slow")

    def on_silent(self) -> None:
        self.socket.close(4010, "silent")


@both
@pytest.mark.parametrize(("receiver", "code"), [(Eager, 1013), (Tactful, 4008)])
def test_a_peer_that_reads_nothing_for_too_long_is_closed(kind: str, receiver: type[Eager], code: int) -> None:
    with serving(kind, receiver, SECOND) as site, site.peer(receive_buffer=8192) as peer:
        peer.open()
        start(site)
        assert site.witness.wait("close") == [code]
        wait_until(lambda: len(site.sockets) == 0, "the connection to be dropped")


@both
def test_a_stalled_peer_that_reads_again_learns_why_it_was_closed(kind: str) -> None:
    with (
        serving(kind, Tactful, {"stalled_after": 0.3, "close_wait": 10.0}) as site,
        site.peer(receive_buffer=8192) as peer,
    ):
        peer.open()
        start(site)
        site.witness.wait("close")
        for _ in range(site.witness.written):
            assert peer.frame()[0] == 0x82
        assert peer.close_frame() == (4008, "too slow")


@own
@pytest.mark.parametrize(("receiver", "code"), [(Witness, 1011), (Tactful, 4010)])
def test_a_silent_peer_is_pinged_and_then_closed(kind: str, receiver: type[Witness], code: int) -> None:
    limits = {"ping_after": 0.2, "silent_after": 0.5}
    with serving(kind, receiver, limits) as site, site.peer() as peer:
        peer.open()
        assert peer.frame() == (0x89, b"")
        assert peer.frame() == (0x89, b"")
        assert peer.close_frame()[0] == code


@own
def test_pongs_keep_a_silent_peer(kind: str) -> None:
    with serving(kind, limits={"ping_after": 0.1, "silent_after": 0.8}) as site, site.peer() as peer:
        peer.open()
        for _ in range(10):
            assert peer.frame() == (0x89, b"")
            peer.send(masked(0x8A))
        assert not site.witness.heard("close")


@own
@pytest.mark.parametrize("half", [text("x" * 300)[:200], masked(0x01, b"x"), b"\x81"], ids=["frame", "message", "head"])
def test_a_message_that_is_never_finished_ends_the_socket(kind: str, half: bytes) -> None:
    with serving(kind, limits={"unfinished_after": 0.3, "slowest_rate": 10_000}) as site, site.peer() as peer:
        peer.open().send(half)
        if half[0] == 1:
            peer.send(masked(0x89))  # a ping is no progress
            assert peer.frame()[0] == 0x8A
        assert peer.close_frame() == (1008, "unfinished message")
        peer.ended()


@own
def test_finished_messages_may_each_come_in_halves(kind: str) -> None:
    with serving(kind, limits={"unfinished_after": 0.8}) as site, site.peer() as peer:
        peer.open()
        until, frame = time.monotonic() + 1.5, text("x" * 300)
        peer.send(frame[:200])
        while time.monotonic() < until:
            peer.send(frame[200:] + frame[:200])
            assert peer.message() == "x" * 300


class Failing(Witness):
    def on_text(self, text: str) -> None:
        raise RuntimeError("on purpose")

    def on_close(self, code: int, reason: str) -> None:
        super().on_close(code, reason)
        raise RuntimeError("on purpose, again")


@both
def test_a_receiver_that_fails_costs_its_own_socket_alone(kind: str) -> None:
    with serving(kind, Failing) as site, site.peer() as peer, site.peer() as other:
        peer.open()
        other.open()
        peer.send(text("hola"))
        assert peer.close_frame()[0] == 1011
        other.send(masked(0x82, b"still here"))
        assert other.frame() == (0x82, b"still here")
    assert [len(one.wait("close")) for one in site.witnesses] == [1, 1]


class FailingAtOnce(Witness):
    def on_open(self, socket) -> None:
        super().on_open(socket)
        raise RuntimeError("on purpose")


@both
def test_a_receiver_that_fails_as_it_opens_is_closed_with_1011(kind: str) -> None:
    with serving(kind, FailingAtOnce) as site, site.peer() as peer:
        assert peer.open().close_frame()[0] == 1011


@both
def test_after_on_close_nothing_is_written_and_nothing_fails(kind: str) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.open()
        socket = site.witness.socket
        site.call(socket.close, 4000, "enough")
        site.call(socket.write, text_frame(b"too late"))
        site.call(socket.close, 4001)
        assert peer.close_frame() == (4000, "enough")
        peer.send(text("unheard") + closing(4000))
        peer.ended()
        wait_until(lambda: len(site.sockets) == 0, "the socket to be gone")
        for call in (socket.close, socket.abort, socket.pause_reading, socket.resume_reading):
            site.call(call)
        site.call(socket.write, text_frame(b"too late"))
    assert site.witness.told == [("open",), ("close", 4000, "enough")]


@both
def test_a_peer_that_ignores_our_close_is_dropped(kind: str) -> None:
    with serving(kind, limits={"close_wait": 0.2}) as site, site.peer() as peer:
        peer.open()
        site.call(site.witness.socket.close)
        assert peer.close_frame()[0] == 1000
        if kind == "asgi":  # whether the connection is dropped is the ASGI server's business
            wait_until(lambda: len(site.sockets) == 0, "the socket to be gone")
        else:
            peer.ended()


@own
def test_abort_drops_the_connection_without_a_word(kind: str) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.open()
        site.call(site.witness.socket.abort)
        assert peer.rest() == b""
        assert site.witness.told == [("open",), ("close", 1006, "")]


@both
def test_an_aborted_socket_is_told_as_lost_at_once(kind: str) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.open()
        site.call(site.witness.socket.abort)
        assert site.witness.told == [("open",), ("close", 1006, "")]
        wait_until(lambda: len(site.sockets) == 0, "the socket to be gone")


@both
@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_lost_peer_is_told_once(kind: str, how: str, caplog: pytest.LogCaptureFixture) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.open()
        getattr(peer, how)()
        assert len(site.witness.wait("close")) == 1
        wait_until(lambda: len(site.sockets) == 0, "the socket to be gone")
        site.call(site.witness.socket.write, text_frame(b"too late"))
        assert site.witness.told[1:] == [("close", 1006 if kind != "asgi" else site.witness.told[1][1], "")]
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


@both
def test_a_reset_in_the_midst_of_writes_is_told_once(kind: str) -> None:
    with serving(kind, Eager) as site, site.peer(receive_buffer=8192) as peer:
        peer.open()
        start(site)
        peer.reset()
        assert len(site.witness.wait("close")) == 1


@both
def test_a_stopping_server_says_1012_to_everybody_and_waits_for_nobody_for_ever(kind: str) -> None:
    with (
        serving(kind, Eager, {"close_wait": 0.5}) as site,
        site.peer() as polite,
        site.peer(receive_buffer=8192) as deaf,
    ):
        deaf.open()
        if kind != "asgi":
            start(site)  # stuck with a full pipe
        polite.open()
        site.server.should_exit = True
        assert polite.close_frame()[0] == 1012
        polite.send(closing(1012))
        polite.ended()
        if kind == "asgi":
            deaf.close()
    assert {one.heard("close")[0] for one in site.witnesses} <= {1012, 1006, 1005}


@own
def test_a_receiver_may_say_goodbye_itself(kind: str) -> None:
    with serving(kind, Tactful) as site, site.peer() as peer:
        peer.open()
        site.server.should_exit = True
        assert peer.message() == "bye"
        assert peer.close_frame() == (4012, "come back")
        peer.send(closing(4012))
        peer.ended()


@both
def test_writes_of_several_frames_at_once_arrive_as_several_messages(kind: str) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.open()
        frames = text_frame(b"one") + binary_frame(bytes(70_000)) + text_frame(b"x" * 200)
        site.call(site.witness.socket.write, frames)
        assert [peer.frame()[0], peer.frame()[1], peer.message()] == [0x81, bytes(70_000), "x" * 200]


@both
def test_sockets_that_come_and_go_leave_nothing(kind: str) -> None:
    with serving(kind) as site:
        for _ in range(10):
            peers = [site.peer().open() for _ in range(20)]
            for n, peer in enumerate(peers):
                peer.send(text(str(n)))
            assert [peer.message() for peer in peers] == [str(n) for n in range(20)]
            for peer in peers:
                peer.close()
        wait_until(lambda: len(site.sockets) == 0, "all sockets to be gone")
        assert threading.active_count() < 20
