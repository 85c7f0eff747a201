"""The product under measurement: the whole of it, as `tertulia serve` starts it, with accounts made through its REST API.

Only what would stop a load generator is raised: frames a second for a socket, and sockets for a user. The rest is as it
comes: the log, authentication, SQLite with synchronous=FULL.
"""

import contextlib
import json
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Server, running
from servers import free_port

SETTINGS = {
    "HOST": "127.0.0.1",
    "FRAME_RATE": "1000000",
    "FRAME_BURST": "1000000",
    "SOCKETS_PER_USER": "10000",
    "ACCESS_TOKEN_EXPIRE_MINUTES": "600",
}
# Room 1 is the starter café, where everybody is a member.
JOIN = '{"event":"join_room","data":{"room_id":1}}'
REJOIN = '{"event":"join_room","data":{"room_id":1,"after":%s}}'
JOINED = '"room_state"'
SEND = '{"event":"send_message","data":{"room_id":1,"message":"%t"}}'
SEND_AND_ACK = '{"event":"send_message","id":%i,"data":{"room_id":1,"message":"%t","nonce":"%r-%i"}}'
DELIVERY = '"message_received"'

SPEAKS = {
    "cafe": ("/api/v1/ws", JOIN, JOINED),
    "simple": ("/api/v1/ws/1", "", '"messages_history"'),
    "rooms": ("/ws/room/1", "", '"message_history"'),
    "conversations": ("/api/chat/ws/conv-1", "", '"system"'),
    "direct": ("/ws/{user_id}", '{"type":"ping"}', '"pong"'),
}
"""A socket in room 1: its path, what it says first, and what tells that it is in."""


@dataclass(frozen=True)
class Prepared:
    """A data folder (and perhaps a database) with accounts in it; each run starts from a copy."""

    data: Path
    database_url: str | None
    tokens: Sequence[str]
    """Of the users 1, 2, 3, …"""

    def paths(self, folder: Path, dialects: Sequence[str] = ("cafe",)) -> Path:
        """A file of socket paths, one for each user, in these dialects by turns."""
        file = folder / f"paths-{'-'.join(dialects)}"
        lines = []
        for number, token in enumerate(self.tokens):
            path, first, ready = SPEAKS[dialects[number % len(dialects)]]
            lines.append(f"{path.format(user_id=number + 1)}?token={token}\t{first}\t{ready}\n")
        file.write_text("".join(lines))
        return file


def command() -> list[str]:
    return [str(Path(sys.executable).with_name("tertulia")), "serve"]


def prepare(folder: Path, *, users: int, database_url: str | None = None) -> Prepared:
    """Register *users* accounts and log them in (two Argon2 hashes each)."""
    data = folder / "prepared"
    with _serving("product", data, folder, database_url, {}) as server:
        tokens = [_register(server.port, f"person{number:04d}") for number in range(users)]
    return Prepared(data, database_url, tokens)


@contextlib.contextmanager
def serve(prepared: Prepared, folder: Path, *, name: str = "product", **settings: str) -> Iterator[Server]:
    data = folder / f"data-{time.monotonic_ns()}"
    shutil.copytree(prepared.data, data)
    with _serving(name, data, folder, prepared.database_url, settings) as server:
        yield server
    shutil.rmtree(data)


@contextlib.contextmanager
def _serving(
    name: str, data: Path, folder: Path, database_url: str | None, settings: Mapping[str, str]
) -> Iterator[Server]:
    port = free_port()
    environment = {
        **SETTINGS,
        "PORT": str(port),
        "DATA_DIR": str(data),
        "DATABASE_URL": database_url or f"sqlite:///{data}/tertulia.db",
        "MIGRATE_ON_START": "true",
        **settings,
    }
    with running(name, command(), port, environment=environment, folder=folder) as server:
        _wait_until_ready(server)
        yield server


def _wait_until_ready(server: Server) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if urllib.request.urlopen(f"http://127.0.0.1:{server.port}/health/ready", timeout=5).status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{server.name} is not ready:\n{server.log.read_text(errors='replace')[-3000:]}")


def _register(port: int, username: str) -> str:
    account = {"username": username, "password": f"a long password of {username}"}
    _post(port, "/api/v1/auth/register", account)
    token: str = _post(port, "/api/v1/auth/login", account)["access_token"]
    return token


def _post(port: int, path: str, body: Mapping[str, object]) -> Any:
    """POST, and again after the time that a 429 names."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise RuntimeError(f"{path}: {error.code} {error.read()[:500]!r}") from error
            time.sleep(float(error.headers.get("Retry-After", "1")))
