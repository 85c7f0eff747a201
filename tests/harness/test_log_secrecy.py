"""A real server's whole log, at its most talkative, after every way of saying who one is."""

import contextlib
import json
import urllib.error
import urllib.request

import pytest
import websockets
from websockets.asyncio.client import connect

from serving import Server

PASSWORD = "Correct-Horse-Battery-7"


def post(url, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return json.load(refused)


async def try_socket(address, *, first=None, **options):
    """Refused or not: the log is what matters."""
    with contextlib.suppress(websockets.WebSocketException):
        async with connect(address, **options) as socket:
            if first is not None:
                await socket.send(first)
            await socket.send("no frame at all")
            await socket.recv()


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_token_ticket_or_password_reaches_the_log(tmp_path, log_format):
    with Server(tmp_path, DEBUG="true", LOG_LEVEL="DEBUG", LOG_FORMAT=log_format) as server:
        auth = f"{server.url}/api/v1/auth"
        post(f"{auth}/register", {"username": "ada", "password": PASSWORD})
        post(f"{auth}/register?password={PASSWORD}", b'{"password": "' + PASSWORD.encode())  # torn
        post(
            f"{auth}/login",
            f"username=ada&password={PASSWORD}".encode(),
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )
        tokens = post(f"{auth}/login", {"username": "ada", "password": PASSWORD})
        token = tokens["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        ticket = post(f"{auth}/ws-ticket", {}, **bearer)["ticket"]
        post(f"{auth}/refresh?refresh_token={tokens['refresh_token']}", {"refresh_token": tokens["refresh_token"]})
        post(f"{auth}/logout?access_token={token[:-1]}", {}, Authorization=f"Bearer {token[:-1]}")
        for path in ("/api/v1/ws", "/api/v1/ws/1", "/nowhere"):
            address = server.ws_url + path
            await try_socket(f"{address}?token={token}")
            await try_socket(f"{address}?ticket={ticket}")
            await try_socket(address, additional_headers=bearer)
            await try_socket(address, subprotocols=["bearer", token])
            await try_socket(address, first=json.dumps({"event": "authenticate", "data": {"token": token}}))
            await try_socket(f"{address}?token={token[:-1]}")
        log = server.log()
    assert "Listening on" in log
    for secret in (
        PASSWORD,
        token[:-1],
        ticket,
        tokens["refresh_token"],
        (tmp_path / "data/secret_key").read_text().strip(),
    ):
        assert secret not in log
    if log_format == "json":
        for line in log.splitlines():
            json.loads(line)
