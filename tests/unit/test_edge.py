"""Who may call from another origin, how large a body may be, and where a socket says who it is."""

from urllib.parse import unquote

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from tertulia.protocol.socket import Upgrade
from tertulia.transport import problems
from tertulia.transport.credentials import Credential, Kind, credential_of
from tertulia.transport.edge import AnySlash, BodyLimit, Origins


@pytest.mark.parametrize(
    ("origin", "host", "is_admitted"),
    [
        (None, "chat.example", True),
        ("https://chat.example", "chat.example", True),
        ("https://chat.example", "chat.example:443", True),
        ("https://CHAT.example", "chat.EXAMPLE", True),
        ("http://chat.example", "chat.example", True),
        ("https://chat.example:8443", "chat.example", False),
        ("https://evil.example", "chat.example", False),
        ("https://chat.example.evil.example", "chat.example", False),
        ("http://localhost:5173", "127.0.0.1:8000", True),
        ("http://[::1]:5173", "localhost:8000", True),
        ("http://localhost:5173", "chat.example", False),
        ("https://friend.example", "chat.example", True),
        ("https://friend.example:444", "chat.example", False),
        ("null", "chat.example", False),
        ("", "chat.example", False),
        ("file://", "127.0.0.1", False),
        ("https://chat.example:notaport", "chat.example", False),
        ("https://[", "chat.example", False),
        ("https://chat.example", None, False),
    ],
)
def test_an_origin_is_admitted_if_it_is_ours_or_allowed(origin, host, is_admitted):
    assert Origins(["https://friend.example/"]).admit(origin, host) is is_admitted


def test_a_star_admits_every_origin():
    assert Origins(["*"]).admit("https://evil.example", "chat.example")


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        (b"/rooms", "/rooms"),
        (b"/rooms/", "/rooms"),
        (b"/rooms///", "/rooms"),
        (b"/", "/"),
        (b"//", "/"),
        (b"/words/a%2F", "/words/a/"),
        (b"/words/a%2F/", "/words/a/"),
        (b"/words/%2F", "/words//"),
        (b"/words/%C3%A9/", "/words/é"),
    ],
)
async def test_a_slash_at_the_end_is_none_unless_it_belongs_to_a_name(written, asked):
    assert await passed_on(unquote(written.decode()), raw_path=written) == asked


async def test_where_a_server_does_not_tell_how_a_path_was_written_it_ends_in_no_slash():
    assert await passed_on("/rooms//", raw_path=None) == await passed_on("/rooms/") == "/rooms"


async def passed_on(path, **scope):
    paths = []

    async def app(scope, receive, send):
        paths.append(scope["path"])

    await AnySlash(app)({"type": "http", "path": path, **scope}, None, None)
    return paths.pop()


def upgrade(query=None, **headers):
    lists = {name.replace("_", "-"): value if isinstance(value, list) else [value] for name, value in headers.items()}
    return Upgrade("/api/v1/ws", query or {}, lists, None, "ws")


@pytest.mark.parametrize(
    ("request_", "credential"),
    [
        (upgrade(), None),
        (upgrade(authorization="Bearer abc"), Credential(Kind.TOKEN, "abc")),
        (upgrade(authorization="bearer abc"), Credential(Kind.TOKEN, "abc")),
        (upgrade(authorization="Basic abc"), None),
        (upgrade({"token": ["abc"]}), Credential(Kind.TOKEN, "abc")),
        (upgrade({"ticket": ["abc"]}), Credential(Kind.TICKET, "abc")),
        (upgrade({"ticket": ["t"], "token": ["abc"]}), Credential(Kind.TOKEN, "abc")),
        (upgrade({"token": ["q"]}, authorization="Bearer h"), Credential(Kind.TOKEN, "h")),
        (upgrade(sec_websocket_protocol="bearer, abc"), Credential(Kind.TOKEN, "abc")),
        (upgrade(sec_websocket_protocol=["tertulia.v1", "bearer,abc"]), Credential(Kind.TOKEN, "abc")),
        (upgrade(sec_websocket_protocol="bearer"), None),
        (upgrade({"token": [""]}), None),
    ],
)
def test_a_credential_is_looked_for_in_the_order_of_the_contract(request_, credential):
    assert credential_of(request_) == credential


@pytest.mark.parametrize("tells_length", [True, False])
@pytest.mark.parametrize(("path", "most"), [("/", 100), ("/pictures", 1000)])
def test_a_body_over_the_limit_is_a_problem_whether_or_not_its_length_was_told(tells_length, path, most):
    app = FastAPI()
    problems.install(app)

    @app.post("/")
    @app.post("/pictures")
    async def take(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(BodyLimit, most=100, larger={"/pictures": 1000})
    client = TestClient(app)

    def send(size):
        body = b"x" * size
        return client.post(path, content=body if tells_length else iter([body]))

    assert send(most).json() == most
    answer = send(most + 1)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "too_large"
    assert answer.json()["detail"] == f"The body is larger than {most} bytes"
