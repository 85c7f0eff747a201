"""kill -9 under load: what was acknowledged is there, once, in order, and clients go on from where they were."""

import asyncio
import itertools
import random

import pytest
import websockets

from drivers import PATIENCE, Cafe, sign_up
from serving import Server

WRITERS = 6
KILLS = 3
OFTEN = {"FRAME_RATE": "100000", "FRAME_BURST": "100000"}


class Writer:
    """Sends numbered messages one after another, each with a nonce, again and again until it is acknowledged."""

    def __init__(self, person, room_id):
        self.person, self.room_id = person, room_id
        self.acked: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        numbers = itertools.count()
        nonce = f"{self.person.name}-{next(numbers)}"
        while not stop.is_set():
            try:
                client = await Cafe.connect(self.person)
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.02)
                continue
            try:
                while not stop.is_set():
                    ack = await client.ask("send_message", room_id=self.room_id, message=nonce, nonce=nonce)
                    self.acked[nonce] = ack["seq"]
                    nonce = f"{self.person.name}-{next(numbers)}"
            except (AssertionError, websockets.ConnectionClosed):
                continue  # the same nonce again
            finally:
                await client.vanish()


class Reader:
    """Hears a room, and resumes from its last seq whenever it loses the server."""

    def __init__(self, person, room_id):
        self.person, self.room_id = person, room_id
        self.heard: list[tuple[int, str]] = []
        self.results: list[str] = []

    @property
    def last(self) -> int:
        return self.heard[-1][0] if self.heard else 0

    async def run(self, stop: asyncio.Event) -> None:
        epoch = None
        while not stop.is_set():
            try:
                client = await Cafe.connect(self.person)
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.02)
                continue
            try:
                ack = await client.join(self.room_id, after=self.last, **({"epoch": epoch} if epoch else {}))
                self.results.append(ack["result"])
                epoch = ack["epoch"]
                await self._listen(client, stop)
            except (AssertionError, websockets.ConnectionClosed):
                continue
            finally:
                await client.vanish()

    async def _listen(self, client: Cafe, stop: asyncio.Event) -> None:
        taken = 0
        while not stop.is_set() and not client._listener.done():
            for frame in client.heard[taken:]:
                if "seq" in frame["data"] and frame["event"] in ("message_received", "member_added"):
                    self.heard.append((frame["data"]["seq"], frame["data"].get("message", "")))
            taken = len(client.heard)
            await asyncio.sleep(0.01)


async def until(is_so, seconds: float = 6 * PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.02)


@pytest.fixture(params=["sqlite", "postgresql"])
def crashing(request, tmp_path):
    database = {} if request.param == "sqlite" else {"DATABASE_URL": request.getfixturevalue("pg_url")}
    with Server(tmp_path, **OFTEN, **database) as server:
        yield server


@pytest.mark.timeout(240)
async def test_nothing_acknowledged_is_lost_or_doubled_or_out_of_order_when_the_server_is_killed(crashing):
    server = crashing
    people = [await sign_up(server.url, f"user{n}") for n in range(WRITERS + 2)]
    room = (await people[0].ask("POST", "/rooms", 201, json={"name": "Crash"})).json()["id"]
    for person in people[1:]:
        await person.ask("POST", f"/rooms/{room}/join", 200)
    stop_writing, stop_reading = asyncio.Event(), asyncio.Event()
    writers = [Writer(person, room) for person in people[:WRITERS]]
    readers = [Reader(person, room) for person in people[WRITERS:]]
    writing = [asyncio.create_task(writer.run(stop_writing)) for writer in writers]
    reading = [asyncio.create_task(reader.run(stop_reading)) for reader in readers]

    def acks() -> int:
        return sum(len(writer.acked) for writer in writers)

    for _ in range(KILLS):
        enough = acks() + random.randint(60, 200)
        await until(lambda enough=enough: acks() >= enough)
        server.kill()
        server.start()
    enough = acks() + 60
    await until(lambda: acks() >= enough)
    stop_writing.set()
    await asyncio.gather(*writing)
    head = (await people[0].ask("GET", f"/rooms/{room}", 200)).json()["last_seq"]
    await until(lambda: all(reader.last >= head for reader in readers))
    stop_reading.set()
    await asyncio.gather(*reading)

    for reader in readers:
        assert [seq for seq, _ in reader.heard] == list(range(1, head + 1))
        place = {text: seq for seq, text in reader.heard if text}
        assert len(place) == len([text for _, text in reader.heard if text]), "a message was doubled"
        for writer in writers:
            assert writer.acked.items() <= place.items(), "an acknowledged message is not where its ack said"
            own = [text for _, text in reader.heard if text.startswith(f"{writer.person.name}-")]
            assert own == [f"{writer.person.name}-{n}" for n in range(len(own))]
        assert set(reader.results) <= {"resumed"}
