"""A room with 10,000 members, and a message with 10,000 reactions: what it costs the server to let somebody in, to give
a page of it, and to take one more reaction. Beside it stands the same in a room with 100 of each.

The rooms are written straight into the database. Then real clients come, over sockets and REST, one request at a time.
"""

import asyncio
import contextlib
import http.client
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from benchmarks import product
from benchmarks.harness import (
    CLIENT_CORE,
    Figure,
    Plan,
    Results,
    Server,
    cpu_seconds_of_family,
    figures_table,
    number,
    say,
    scratch,
    table,
)
from crowd import EMOJI, fill
from scene import HandClock, Scene
from servers import postgres
from tertulia.domain import commands as c
from tertulia.domain.ids import MessageId, RoomId, SessionId, UserId
from tertulia.domain.models import Actor
from tertulia.domain.roles import UserRole
from tertulia.store import Store

MEMBERS, NEWCOMERS = 30, 30
"""Who come with a client. The rest of the crowd is there in the database alone."""
FEW, MANY = 100, 10_000
MESSAGES = 60
MOST_MS = 20.0
ENTER, JOIN, REACT = "enter, being a member", "enter, and become a member", "react, or take it back"
PAGES = {
    "page of 50 messages": "/api/v1/rooms/{room}/messages?limit=50",
    "page of 100 reactions": "/api/v1/messages/{message}/reactions?limit=100",
    "page of 100 members": "/api/v1/rooms/{room}/members?limit=100",
}
DEEDS = (ENTER, JOIN, *PAGES, REACT)


@dataclass(frozen=True)
class Place:
    """A room with so many members, and the message that all of them like."""

    size: int
    room_id: RoomId
    message_id: MessageId


def run(plan: Plan) -> tuple[str, list[Figure]]:
    results = Results()
    with scratch() as folder, postgres(shared_buffers="128MB") as database, _on_the_clients_core():
        os.sched_setaffinity(database.pid, {CLIENT_CORE})
        for name, url in {"SQLite": None, "PostgreSQL": database.url}.items():
            say(f"crowd: {name}, {MEMBERS + NEWCOMERS} accounts, and {MANY:,} more without a password")
            home = folder / name
            home.mkdir()
            prepared = product.prepare(home, users=MEMBERS + NEWCOMERS, database_url=url)
            places = asyncio.run(_make_rooms(url or f"sqlite:///{prepared.data}/tertulia.db"))
            for turn in range(plan.rounds):
                say(f"  round {turn + 1} of {plan.rounds}")
                with product.serve(prepared, home) as server:
                    for place in places:
                        asyncio.run(_Visit(name, place, server, prepared, database.pid, results).all_of(plan))
    return _report(results)


@contextlib.contextmanager
def _on_the_clients_core() -> Iterator[None]:
    """The clients are ours, and leave the server's core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CLIENT_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def _make_rooms(url: str) -> list[Place]:
    store = Store.open(url)
    await store.start(migrate=False)
    scene = Scene(store, HandClock())
    host, *members = [
        Actor(UserId(number), f"person{number - 1:04d}", UserRole.USER, SessionId(""))
        for number in range(1, MEMBERS + 1)
    ]
    places = []
    for size in (FEW, MANY):
        room = await scene.do(host, c.CreateRoom(name=f"A crowd of {size}"))
        for member in members:
            await scene.do(member, c.JoinRoom(room_id=room.id))
        sent = await scene.say(host, room, *(f"message {number}" for number in range(MESSAGES)))
        place = Place(size, room.id, sent[-1].message_id)
        await store.write(lambda work, place=place: len(fill(work, place.room_id, place.message_id, place.size)))
        places.append(place)
    await store.stop()
    return places


class _Client:
    """One socket: asks, and hears whatever comes."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._hearing = asyncio.create_task(self._hear())

    @classmethod
    async def open(cls, server: Server, token: str) -> Self:
        url = f"ws://127.0.0.1:{server.port}/api/v1/ws?token={token}"
        return cls(await connect(url, compression=None, max_size=None))

    async def ask(self, event: str, **data: object) -> dict[str, Any]:
        ref = next(self._ids)
        answer = self._answers[ref] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"event": event, "id": ref, "data": data}))
        frame = await asyncio.wait_for(answer, 30)
        if frame["event"] == "error":
            raise RuntimeError(f"{event}: {frame}")
        return frame

    async def close(self) -> None:
        await self._socket.close()
        await self._hearing

    async def _hear(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            answer = self._answers.pop(frame.get("id"), None)
            if answer is not None and not answer.done():
                answer.set_result(frame)


class _Visit:
    """Everything that is measured in one place, on one server."""

    def __init__(
        self, name: str, place: Place, server: Server, prepared: product.Prepared, database: int, results: Results
    ) -> None:
        self._name, self._place, self._server = name, place, server
        self._tokens, self._database, self._results = prepared.tokens, database, results

    async def all_of(self, plan: Plan) -> None:
        members, newcomers = self._tokens[:MEMBERS], self._tokens[MEMBERS : MEMBERS + NEWCOMERS]
        await self._enter(members[:1])  # what is made once is made now
        present = await self._enter(members)
        with self._measured(JOIN, len(newcomers)):
            present += [await self._entered(token) for token in newcomers]
        again = members * (2 if plan.quick else 10)
        with self._measured(ENTER, len(again)):
            present += [await self._entered(token) for token in again]
        for what, path in PAGES.items():
            self._read(what, path, 30 if plan.quick else 300)
        await self._react(present[0], 30 if plan.quick else 300)
        for client in present:
            await client.close()
        for token in newcomers:
            self._ask(token, "POST", f"/api/v1/rooms/{self._place.room_id}/leave")

    async def _enter(self, tokens: Sequence[str]) -> list[_Client]:
        return [await self._entered(token) for token in tokens]

    async def _entered(self, token: str) -> _Client:
        client = await _Client.open(self._server, token)
        await client.ask("join_room", room_id=self._place.room_id)
        return client

    async def _react(self, client: _Client, times: int) -> None:
        what = {"message_id": self._place.message_id, "emoji": EMOJI}
        with self._measured(REACT, 2 * times):
            for _ in range(times):
                await client.ask("add_reaction", **what)
                await client.ask("remove_reaction", **what)

    def _read(self, what: str, path: str, times: int) -> None:
        path = path.format(room=self._place.room_id, message=self._place.message_id)
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        with self._measured(what, times):
            for _ in range(times):
                self._ask(self._tokens[0], "GET", path, connection)
        connection.close()

    def _ask(self, token: str, method: str, path: str, connection: http.client.HTTPConnection | None = None) -> None:
        connection = connection or http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {body[:300]!r}")

    @contextlib.contextmanager
    def _measured(self, what: str, times: int) -> Iterator[None]:
        server, database = _cpu_ms(self._server.process.pid), cpu_seconds_of_family(self._database)
        yield
        key = (self._name, self._place.size, what)
        self._results.add(*key, value=(_cpu_ms(self._server.process.pid) - server) / times)
        self._results.add(*key, "database", value=(cpu_seconds_of_family(self._database) - database) * 1000 / times)


def _cpu_ms(pid: int) -> float:
    """Of all threads there are: finer than the clock's ticks."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def _report(results: Results) -> tuple[str, list[Figure]]:
    rows, figures = [], []
    for name, what in itertools.product(("SQLite", "PostgreSQL"), DEEDS):
        database = results.get(name, MANY, what, "database").spread(2) if name == "PostgreSQL" else "in it"
        few, many = (results.get(name, size, what) for size in (FEW, MANY))
        rows.append([name, what, few.spread(2), many.spread(2), f"at most {number(MOST_MS, 0)}", database])
        figures.append(Figure(f"{what}, {name}", MOST_MS, many.median, "ms"))
    columns = ["database", "what", f"CPU ms, crowd of {FEW:,}", f"CPU ms, crowd of {MANY:,}", "wanted", "database ms"]
    text = (
        "Server CPU in milliseconds for each: median (least..most of the rounds). Entering is with all of it: connecting,"
        " authenticating, the snapshot. All who have entered stay, and are told of the others and of each reaction."
    )
    return "\n\n".join([text, table(columns, rows), figures_table(figures)]), figures
