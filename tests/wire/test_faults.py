"""A disk that is full, a database that is locked or gone, a reader that does not read: refused, never lost, recovered."""

import asyncio
import contextlib
import resource
import signal
import sqlite3
from pathlib import Path

import httpx2
import pytest

from drivers import Cafe, CafeV1, Simple, sign_up
from servers import postgres
from serving import Server

OFTEN = {"FRAME_RATE": "100000", "FRAME_BURST": "100000"}


async def until_sent(client, text, nonce):
    """Send again and again, with one nonce, until it is acknowledged; the codes of the refusals before that."""
    codes = []
    while (answer := await client.answer("send_message", room_id=1, message=text, nonce=nonce))["event"] == "error":
        codes.append(answer["data"]["code"])
        await asyncio.sleep(0.05)
    return answer["data"], codes


async def ready(server):
    async with httpx2.AsyncClient() as http:
        return (await http.get(f"{server.url}/health/ready", timeout=20)).status_code


async def test_a_full_disk_refuses_writes_and_nothing_acknowledged_is_lost(tmp_path):
    with Server(tmp_path, **OFTEN) as server:
        ana, bea = await Cafe.open(await sign_up(server.url, "ana")), await Cafe.open(await sign_up(server.url, "bea"))
        await ana.ask("send_message", room_id=1, message="before", nonce="0")
        database = tmp_path / "data" / "tertulia.db"
        limit = max(database.stat().st_size, (tmp_path / "data" / "tertulia.db-wal").stat().st_size)
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, hard))

        acked, refused = {}, None
        for n in range(2000):
            answer = await ana.answer("send_message", room_id=1, message="x" * 3000 + str(n), nonce=f"n{n}")
            if answer["event"] == "error":
                refused = answer["data"]
                break
            acked[answer["data"]["seq"]] = "x" * 3000 + str(n)
        by_rest = await ana.person.ask("POST", "/rooms/1/messages", json={"content": "y" * 3000})
        page = await ana.person.ask("GET", "/rooms/1/messages", 200)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))
        sent, _ = await until_sent(ana, "after", "after")
        await bea.hear("after")

        assert refused["code"] == "unavailable"
        assert by_rest.status_code == 503
        assert int(by_rest.headers["retry-after"]) >= 1
        assert page.json()["items"]
        heard = {data["seq"]: data["message"] for data in bea.data("message_received")}
        assert acked.items() <= heard.items()
        assert sorted(heard) == list(range(min(heard), max(heard) + 1))
        assert max(heard) == sent["seq"]
        await ana.close()
        await bea.close()


async def test_a_locked_database_refuses_writes_and_goes_on_by_itself(tmp_path):
    with Server(tmp_path, **OFTEN) as server:
        ana = await Cafe.open(await sign_up(server.url, "ana"))
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "tertulia.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = await ana.answer("send_message", room_id=1, message="locked out", nonce="1")
            is_ready = await ready(server)
            assert (await ana.answer("ping"))["event"] == "pong"
            other.execute("ROLLBACK")

        sent, _ = await until_sent(ana, "let in", "1")

        assert refused["data"]["code"] == "unavailable"
        assert is_ready == 503
        assert await ready(server) == 200
        await ana.hear("let in")
        assert sent["duplicate"] is False
        await ana.close()


@pytest.mark.timeout(120)
async def test_a_postgresql_that_is_killed_is_waited_for_and_nothing_is_doubled(tmp_path):
    with postgres() as database:
        settings = {"DATABASE_URL": database.url, "MIGRATE_ON_START": "true", **OFTEN}
        with Server(tmp_path, **settings) as server:
            ana = await CafeV1.open(await sign_up(server.url, "ana"))
            await ana.ask("send_message", room_id=1, message="before", nonce="before")
            database.kill()
            assert await ready(server) == 503
            reading = await ana.person.ask("GET", "/rooms/1/messages")
            database.start()
            for n in range(20):
                await until_sent(ana, f"m{n}", f"n{n}")
            await ana.hear("m19")

            assert reading.status_code == 503
            assert ana.texts() == ["before", *(f"m{n}" for n in range(20))]
            assert await ready(server) == 200
            await ana.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("driver", [Cafe, Simple], ids=lambda driver: driver.dialect)
async def test_who_does_not_read_costs_the_others_nothing_and_catches_up_when_they_do(tmp_path, driver):
    with Server(tmp_path, **OFTEN, WRITE_HIGH_WATER="16384", SLOW_CONSUMER_TIMEOUT="60") as server:
        ana, bea = await Cafe.open(await sign_up(server.url, "ana")), await Cafe.open(await sign_up(server.url, "bea"))
        deaf = await driver.open(await sign_up(server.url, "deaf"))
        deaf.socket.transport.pause_reading()
        before = resident(server.pid)

        for n in range(4000):  # 16 MB: more than the kernel keeps for one socket
            await ana.ask("send_message", room_id=1, message=f"{n:04d}" + "x" * 3900)
        await bea.until(lambda: len(bea.texts()) >= 4000, "all of it")
        grown = resident(server.pid) - before
        deaf.socket.transport.resume_reading()
        await deaf.until(lambda: len(deaf.texts()) >= 4000, "all of it, too")

        assert [text[:4] for text in deaf.texts()] == [f"{n:04d}" for n in range(4000)]
        assert grown < 16 * 2**20, "what the deaf one did not read was kept in memory"
        for client in (ana, bea, deaf):
            await client.close()


async def test_who_does_not_read_for_too_long_is_closed_and_may_resume(tmp_path):
    with Server(tmp_path, **OFTEN, WRITE_HIGH_WATER="16384", SLOW_CONSUMER_TIMEOUT="1") as server:
        ana, person = await Cafe.open(await sign_up(server.url, "ana")), await sign_up(server.url, "deaf")
        deaf = await Cafe.open(person)
        ack = next(frame for frame in deaf.heard if frame["event"] == "ack")["data"]
        deaf.socket.transport.pause_reading()
        sent = 0
        while "slow_closed_total 0" in (await scrape(server)):
            for _ in range(100):
                await ana.ask("send_message", room_id=1, message=f"{sent:05d}" + "x" * 3900)
                sent += 1
        deaf.socket.transport.resume_reading()
        await deaf.closes()

        back = await Cafe.connect(person)
        await back.join(1, after=deaf.data("message_received")[-1]["seq"], epoch=ack["epoch"])
        await back.event("caught_up")

        texts = [text[:5] for text in deaf.texts() + back.texts()]
        assert texts == [f"{n:05d}" for n in range(sent)]
        await ana.close()
        await back.close()


async def test_a_server_that_is_told_to_stop_says_good_bye_and_loses_nothing(tmp_path):
    with Server(tmp_path, **OFTEN) as server:
        ana, bea = (
            await CafeV1.open(await sign_up(server.url, "ana")),
            await Simple.open(await sign_up(server.url, "bea")),
        )
        acked = []

        async def talk():
            while True:
                answer = await ana.answer("send_message", room_id=1, message=f"m{len(acked)}", nonce=f"n{len(acked)}")
                if answer["event"] == "error":
                    return
                acked.append(answer["data"]["seq"])

        talking = asyncio.create_task(talk())
        await bea.until(lambda: len(bea.texts()) > 50, "some talk")
        code = await asyncio.to_thread(server.terminate)
        await asyncio.gather(talking, return_exceptions=True)

        assert code in (0, -signal.SIGTERM)  # uvicorn ends as it was asked to, once all is done
        assert await bea.closes() == (1012, "Server is restarting")
        assert (await ana.closes())[0] == 1012
        bye = ana.data("bye")[0]
        assert (bye["code"], bye["reconnect"]) == (1012, True)
        assert 0 <= bye["retry_after"] <= 5
        server.start()
        again = await Cafe.connect(ana.person)
        await again.join(1, after=0)
        await again.event("caught_up")
        heard = {data["seq"] for data in again.data("message_received")}
        assert set(acked) <= heard
        await again.close()


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


async def scrape(server) -> str:
    async with httpx2.AsyncClient() as http:
        return (await http.get(f"{server.url}/metrics")).text
