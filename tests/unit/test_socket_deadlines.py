"""Requests that are never finished, or are far too big: uvicorn alone would hold every one of them for ever."""

import time

import pytest

from loopback import serving, text, upgrade
from servers import wait_until

own = pytest.mark.parametrize("kind", ["own", "own-asyncio"])
SHORT = {"head_after": 0.3, "idle_after": 0.3, "body_after": 0.3, "slowest_rate": 10_000}
POST = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


@own
def test_a_connection_that_says_nothing_is_closed_without_a_word(kind: str) -> None:
    with serving(kind, limits=SHORT) as site, site.peer() as peer:
        assert peer.rest() == b""


@own
@pytest.mark.parametrize(
    "half",
    [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n", upgrade()[:-2], upgrade()[:60]],
    ids=["byte", "head", "newline", "upgrade", "half-upgrade"],
)
def test_a_head_that_is_never_finished_is_answered_408(kind: str, half: bytes) -> None:
    with serving(kind, limits=SHORT) as site, site.peer() as peer:
        peer.send(half)
        assert peer.response().status == 408
        peer.rest()


@own
def test_a_head_that_drips_is_not_waited_for_either(kind: str) -> None:
    with serving(kind, limits=SHORT) as site, site.peer() as peer:
        peer.sock.settimeout(0.05)
        peer.send(b"GET / HTTP/1.1\r\n")
        answer = b""
        for _ in range(200):
            peer.send(b"X: y\r\n")
            try:
                answer = peer.sock.recv(100)
                break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


@own
def test_the_second_request_has_a_deadline_too(kind: str) -> None:
    with serving(kind, limits=SHORT) as site, site.peer() as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert peer.response().status == 200
        assert peer.exactly(2) == b"ok"
        peer.send(b"GET / HT")
        assert peer.response().status == 408
        peer.rest()


@own
def test_a_body_that_stops_is_answered_408(kind: str) -> None:
    with serving(kind, limits=SHORT) as site, site.peer() as peer:
        peer.send(POST + bytes(2_000))
        assert peer.response().status == 408
        peer.rest()
        assert site.body_length is None


@own
def test_what_came_of_a_body_earns_no_time_for_a_rest_that_does_not_come(kind: str) -> None:
    with serving(kind, limits=SHORT) as site, site.peer() as peer:
        started = time.monotonic()
        peer.send(POST + b"x" * 99_999)
        assert peer.response().status == 408
        assert time.monotonic() - started < 5  # at the slowest rate the bytes would have taken ten


@own
def test_a_body_that_earns_its_time_is_taken(kind: str) -> None:
    with serving(kind, limits={"body_after": 1.0, "slowest_rate": 50_000}) as site, site.peer() as peer:
        peer.send(POST)
        for _ in range(10):
            peer.send(bytes(10_000))
            time.sleep(0.15)  # in all, more than a body has that does not come
        assert peer.response().status == 200
        assert site.body_length == 100_000


@own
def test_a_slow_answer_is_no_fault_of_the_peer(kind: str) -> None:
    with serving(kind, limits=SHORT) as site, site.peer() as peer:
        peer.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP")  # half of another one waits behind it
        until = time.monotonic() + 1
        wait_until(lambda: time.monotonic() > until, "more than the deadline")
        site.go.set()
        assert peer.response().status == 200


@own
def test_a_socket_has_no_deadline_for_its_next_frame(kind: str) -> None:
    with serving(kind, limits=SHORT) as site, site.peer() as peer:
        peer.open()
        until = time.monotonic() + 1
        wait_until(lambda: time.monotonic() > until, "more than the deadline")
        peer.send(text("hola"))
        assert peer.message() == "hola"


@own
@pytest.mark.parametrize("endless", [b"X-Long: " + bytes(1).replace(b"\0", b"x") * 1000, b"X: y\r\n" * 100])
def test_a_head_without_end_is_answered_431(kind: str, endless: bytes) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.send(b"GET / HTTP/1.1\r\n")
        sent = 0
        try:
            while sent < 50_000_000:
                sent += peer.sock.send(endless)
        except ConnectionError:
            pass
        assert sent < 50_000_000


@own
def test_trailers_without_end_are_cut_off(kind: str) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.send(b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
        sent = 0
        try:
            while sent < 50_000_000:
                sent += peer.sock.send(b"X: y\r\n" * 100)
        except ConnectionError:
            pass
        assert sent < 50_000_000


@own
def test_a_chunked_body_of_tiny_chunks_is_taken(kind: str) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.send(b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
        assert peer.response().status == 200
        assert site.body_length == 100_000


@own
def test_hundreds_of_requests_at_once_are_not_queued(kind: str) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        assert peer.rest() == b""


@own
def test_a_few_requests_at_once_are_answered_in_order(kind: str) -> None:
    with serving(kind) as site, site.peer() as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        for _ in range(20):
            assert peer.response().status == 200
            assert peer.exactly(2) == b"ok"


@own
def test_the_sweep_rests_when_nobody_is_there(kind: str) -> None:
    with serving(kind) as site:
        with site.peer() as peer:
            peer.open()
            assert site.sockets.sweep._timer is not None
        wait_until(lambda: site.sockets.sweep._timer is None, "the timer to be gone")
