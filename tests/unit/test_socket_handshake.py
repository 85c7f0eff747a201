"""The way from an HTTP request to a socket, with every fault that uvicorn's own has on it."""

import gc
from collections.abc import Iterator

import pytest

from loopback import KEY, KINDS, Site, Witness, masked, serving, text, upgrade
from servers import wait_until
from tertulia.transport.sockets import HttpProtocol


@pytest.fixture(scope="module", params=["own", "own-asyncio"])
def own(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(request.param) as site:
        yield site


@pytest.fixture(scope="module", params=KINDS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(request.param) as site:
        yield site


def test_frames_behind_the_upgrade_in_the_same_segment_arrive_in_order(site: Site) -> None:
    with site.peer() as peer:
        peer.send(upgrade() + b"".join(text(str(n)) for n in range(2000)))
        assert peer.response().status == 101
        assert [peer.message() for _ in range(2000)] == [str(n) for n in range(2000)]


def test_an_upgrade_behind_a_request_that_is_still_answered_ends_the_connection(site: Site) -> None:
    with site.peer() as peer:
        peer.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade())
        assert peer.rest() == b""


def test_an_upgrade_behind_a_request_that_was_answered_works(site: Site) -> None:
    with site.peer() as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert peer.response().status == 200
        assert peer.exactly(2) == b"ok"
        peer.open().send(text("hola"))
        assert peer.message() == "hola"


@pytest.mark.parametrize("body", [{"Content_Length": "5"}, {"Transfer_Encoding": "chunked"}])
def test_an_upgrade_with_a_body_is_refused_before_the_body_came(site: Site, body: dict[str, str]) -> None:
    with site.peer() as peer:
        peer.send(upgrade(**body))
        assert peer.response().status == 400


@pytest.mark.parametrize(
    ("request_head", "status", "header"),
    [
        (upgrade(method="POST"), 405, ("allow", ["GET"])),
        (upgrade(Sec_WebSocket_Version="8"), 426, ("sec-websocket-version", ["13"])),
        (upgrade(without="Sec-WebSocket-Version"), 426, ("upgrade", ["websocket"])),
        (upgrade(without="Host"), 400, ("connection", ["close"])),
        (upgrade(without="Sec-WebSocket-Key"), 400, ("connection", ["close"])),
        (upgrade(Sec_WebSocket_Key="c2hvcnQ="), 400, ("connection", ["close"])),
        (upgrade(Sec_WebSocket_Key="!"), 400, ("connection", ["close"])),
        (upgrade("/nowhere"), 404, ("connection", ["close"])),
        (upgrade("/forbidden"), 403, ("connection", ["close"])),
        (upgrade("/raises"), 500, ("connection", ["close"])),
    ],
)
def test_what_is_no_handshake_gets_its_status_and_the_end(
    own: Site, request_head: bytes, status: int, header: tuple[str, list[str]]
) -> None:
    with own.peer() as peer:
        peer.send(request_head)
        response = peer.response()
        assert response.status == status
        assert response.headers[header[0]] == header[1]
        assert len(peer.rest()) == int(response.headers["content-length"][0])


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/forbidden", 403), ("/raises", 500)])
def test_a_refusal_has_the_same_status_on_any_server_that_can_say_it(site: Site, path: str, status: int) -> None:
    with site.peer() as peer:
        peer.send(upgrade(path))
        assert peer.response().status == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "keep-alive, Upgrade"},  # Firefox
        {"Connection": "upgrade", "Upgrade": "WebSocket"},
        {"Cookie": "c=" + 6_000 * "x"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"},
    ],
    ids=["firefox", "case", "cookie", "deflate"],
)
def test_what_browsers_send_is_accepted(site: Site, headers: dict[str, str]) -> None:
    with site.peer() as peer:
        peer.send(upgrade(**headers))
        response = peer.response()
        assert response.status == 101
        assert response.headers["sec-websocket-accept"] == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]  # RFC 6455 §1.3
        assert "sec-websocket-extensions" not in response.headers


def test_cookies_may_be_very_long(own: Site) -> None:
    with own.peer() as peer:
        peer.open(Cookie="c=" + 30_000 * "x")


def test_a_head_may_come_byte_by_byte(site: Site) -> None:
    with site.peer() as peer:
        for byte in upgrade():
            peer.send(bytes((byte,)))
        assert peer.response().status == 101


def test_the_upgrade_tells_path_query_and_headers(site: Site) -> None:
    with site.peer() as peer:
        peer.open(
            path="/ws?token=abc%20d&after=3&after=4&empty=", Origin="http://localhost:5173", Authorization="Bearer t"
        )
        seen = site.upgrades[-1]
    assert seen.path == "/ws"
    assert seen.query == {"token": ["abc d"], "after": ["3", "4"], "empty": [""]}
    assert (seen.header("origin"), seen.header("authorization")) == ("http://localhost:5173", "Bearer t")
    assert seen.client is not None
    assert seen.client[0] == "127.0.0.1"
    assert seen.scheme == "ws"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("trusted", "client", "scheme"), [("127.0.0.1", "203.0.113.9", "wss"), ("10.0.0.1", "127.0.0.1", "ws")]
)
def test_only_a_trusted_proxy_is_believed(kind: str, trusted: str, client: str, scheme: str) -> None:
    with serving(kind, forwarded_allow_ips=trusted) as site, site.peer() as peer:
        peer.open(X_Forwarded_For="203.0.113.9, 127.0.0.1", X_Forwarded_Proto="https")
        assert site.upgrades[-1].client is not None
        assert (site.upgrades[-1].client[0], site.upgrades[-1].scheme) == (client, scheme)


@pytest.mark.parametrize("kind", KINDS)
def test_the_chosen_subprotocol_is_in_the_answer_once(kind: str) -> None:
    with serving(kind, subprotocol="chat.v1") as site, site.peer() as peer:
        peer.send(upgrade(Sec_WebSocket_Protocol="other, chat.v1,chat.v2"))
        assert peer.response().headers["sec-websocket-protocol"] == ["chat.v1"]
        assert site.upgrades[-1].subprotocols() == ["other", "chat.v1", "chat.v2"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_server_says_503_until_a_socket_is_gone(kind: str) -> None:
    with serving(kind, limits={"max_sockets": 1}) as site, site.peer() as first:
        first.open()
        with site.peer() as second:
            second.send(upgrade())
            assert second.response().status == 503
        first.reset()
        wait_until(lambda: len(site.sockets) == 0, "the socket to be gone")
        with site.peer() as third:
            third.open()


class Unwelcoming(Witness):
    def on_open(self, socket) -> None:
        super().on_open(socket)
        socket.close(4401, "no token")


@pytest.mark.parametrize("kind", KINDS)
def test_a_socket_closed_as_it_opens_brings_code_and_reason_to_the_peer(kind: str) -> None:
    with serving(kind, Unwelcoming) as site, site.peer() as peer:
        peer.send(upgrade() + text("unheard"))
        assert peer.response().status == 101
        assert peer.close_frame() == (4401, "no token")
        site.witness.wait("close")
        assert site.witness.told == [("open",), ("close", 4401, "no token")]


def test_the_http_object_is_gone_without_a_garbage_collection(own: Site) -> None:
    gc.collect()
    gc.disable()
    try:
        before = sum(type(one) is HttpProtocol for one in gc.get_objects())
        with own.peer() as peer:
            peer.open().send(text("hola"))
            assert peer.message() == "hola"
            assert sum(type(one) is HttpProtocol for one in gc.get_objects()) == before
    finally:
        gc.enable()


def test_no_token_of_a_socket_reaches_a_log(own: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with own.peer() as peer:
        peer.open(path="/ws?token=secret").send(masked(0x83, b"secret"))
        assert peer.close_frame()[0] == 1002
    assert "secret" not in caplog.text
    assert KEY not in caplog.text
