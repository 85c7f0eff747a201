"""Clients that nobody here wrote: a shell's, a JavaScript engine's own, and OAuth2's password flow, on each dialect."""

import asyncio
import json
import shutil
import sys
from typing import Any

import httpx2
import pytest
from oauthlib.oauth2 import LegacyApplicationClient

from drivers import PASSWORD, Cafe

SOCKETS = {
    "cafe": ("/api/v1/ws", [{"event": "join_room", "data": {"room_id": 1}}], {"event": "send_message"}),
    "simple": ("/api/v1/ws/1", [], {"type": "message"}),
    "rooms, many": ("/ws/auth", [{"type": "join_room", "room_id": 1}], {"type": "message", "room_id": 1}),
    "rooms, one": ("/ws/room/1", [], {"type": "message"}),
    "conversations": ("/api/chat/ws/conv-1", [], {"type": "message"}),
    "direct": ("/ws/{user_id}", [], {"chat_id": 1}),
}
"""Path, what is said first, and a frame that says something, but for the text."""
LOGINS = ["/api/v1/auth/login", "/api/token", "/api/auth/login", "/users/login"]
HERSELF = ["/api/v1/auth/me", "/api/users/me/", "/api/auth/me", "/users/me"]
NODE = """
const [url, ...frames] = process.argv.slice(1);
const socket = new WebSocket(url);
socket.onopen = () => frames.forEach((frame) => socket.send(frame));
socket.onmessage = ({data}) => console.log(data);
socket.onclose = () => process.exit();
"""


def saying(frame: dict[str, Any], text: str) -> dict[str, Any]:
    if frame.get("event"):
        return {**frame, "data": {"room_id": 1, "message": text}}
    return {**frame, "message" if "chat_id" in frame else "content": text}


async def heard_by(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(10):
        while text not in (line := (await process.stdout.readline()).decode()):
            assert line, "the client is gone"


async def talks(process: asyncio.subprocess.Process, ana: Cafe, text: str) -> None:
    try:
        await ana.hear(text)
        await heard_by(process, text)  # its own message, too
        await ana.say(f"{text} yourself")
        await heard_by(process, f"{text} yourself")
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("dialect", SOCKETS)
async def test_a_client_for_a_shell_talks(people, dialect):
    ana, person = await people.join(Cafe, "ana"), await people("shell")
    path, first, frame = SOCKETS[dialect]
    url = person.socket_url(f"{path.format(user_id=person.id)}?token={person.token}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "websockets", url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    text = f"hello by hand in {dialect}"
    for one in (*first, saying(frame, text)):
        process.stdin.write(f"{json.dumps(one)}\n".encode())

    await talks(process, ana, text)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
@pytest.mark.parametrize("dialect", SOCKETS)
async def test_the_web_socket_of_a_browsers_console_talks(people, dialect):
    """Node.js has the browsers' WebSocket: no headers, so the token is in the address."""
    ana, person = await people.join(Cafe, "ana"), await people("console")
    path, first, frame = SOCKETS[dialect]
    url = person.socket_url(f"{path.format(user_id=person.id)}?token={person.token}")
    text = f"hello from a console in {dialect}"
    frames = [json.dumps(one) for one in (*first, saying(frame, text))]
    version = await asyncio.create_subprocess_exec("node", "-e", "new WebSocket", stderr=asyncio.subprocess.PIPE)
    _, error = await version.communicate()
    flags = ["--experimental-websocket"] if b"ReferenceError" in error else []  # Node.js 20 has it behind a flag
    process = await asyncio.create_subprocess_exec(
        "node", *flags, "-e", NODE, url, *frames, stdout=asyncio.subprocess.PIPE
    )

    await talks(process, ana, text)


@pytest.mark.parametrize("login", LOGINS)
async def test_the_password_flow_of_oauth2_logs_in_everywhere(server, people, login, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # on the loopback there is no TLS
    person = await people("flow")

    client = LegacyApplicationClient("a client that nobody registered")
    form = client.prepare_request_body(username=person.name, password=PASSWORD)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    async with httpx2.AsyncClient(base_url=server.url) as http:
        answer = await http.post(login, content=form, headers=headers)
        token = client.parse_request_body_response(answer.text)
        assert token["token_type"].lower() == "bearer"
        for herself in HERSELF:
            url, headers, _ = client.add_token(herself)
            answer = await http.get(url, headers=headers)
            assert (answer.status_code, answer.json()["username"]) == (200, person.name)
