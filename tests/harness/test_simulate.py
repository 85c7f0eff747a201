"""`tertulia simulate` against a real server: who comes in, what they do there, and what a person is told."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx2
import pytest

from serving import Server
from tertulia.simulator import Failure, options_from
from tertulia.simulator.figures import Counts
from tertulia.simulator.run import Run

pytestmark = pytest.mark.timeout(150)  # the server may be slow to start, and does so three times


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("simulated"), SQLITE_SYNCHRONOUS="NORMAL", SHUTDOWN_SPREAD=0.5) as server:
        yield server


def options(server, **how):
    how = {"users": 3, "room_id": 1, "prefix": None, "password": None, "seed": "1", **how}
    return options_from(server.url, **how)


def command(*arguments):
    return [sys.executable, "-m", "tertulia", "simulate", *arguments]


def simulate(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=50, check=False)


LIMIT = 40
"""Seconds, of which a machine that does nothing else needs three."""


class Watcher:
    """Looks on, and stops the run when *is_enough* of the sums so far and the last report."""

    every = 0.1

    def __init__(self, is_enough):
        self._is_enough, self._sums, self.run = is_enough, Counts(), None
        self.reports = []

    def update(self, report, *, phase):
        self.reports.append(report)
        for name in Counts.__struct_fields__:
            setattr(self._sums, name, getattr(self._sums, name) + getattr(report.counts, name))
        if phase == "in" and self._is_enough(self._sums, report):
            self.run.stop()


async def run_until(is_enough, options, limit=LIMIT):
    watcher = Watcher(is_enough)
    watcher.run = Run(options, watcher)
    async with asyncio.timeout(limit):
        return await watcher.run.run(), watcher


@contextmanager
def somebody(server, name):
    """A REST client of somebody's who looks what is there."""
    with httpx2.Client(base_url=f"{server.url}/api/v1", timeout=20) as http:
        who = {"username": name, "password": "a long enough passphrase"}
        http.post("/auth/register", json=who).raise_for_status()
        token = http.post("/auth/login", json=who).raise_for_status().json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield http


def names(http):
    return {user["username"] for user in http.get("/users", params={"limit": 100}).json()["items"]}


@pytest.mark.slow
async def test_twenty_people_walk_sit_use_things_talk_and_are_heard(server):
    def is_enough(sums, report):
        wanted = sums.sits, sums.tools, sums.acked, sums.messages_heard, sums.seen, sums.nearby
        return all(wanted) and report.connected == 20

    final, _ = await run_until(is_enough, options(server, users=20, talk=10))
    assert (final.connected, final.most_connected) == (20, 20)
    assert (final.errors, final.closes) == ({}, {})
    assert (final.counts.gaps, final.counts.repeats, final.counts.unreadable) == (0, 0, 0)
    assert final.counts.moves > 0
    assert final.heard_per_viewer > 0
    assert final.bytes_per_viewer > 0
    assert 0 < final.move_delay.p50 < 1000
    assert 0 < final.ack_delay.p50 < 1000
    assert server.log().count("Traceback") == 0
    with somebody(server, "onlooker") as http:
        assert names(http) == {"onlooker"}  # names of chance are gone afterwards


async def test_a_chosen_crowd_comes_again_with_the_same_password(server):
    def come(password):
        chosen = options(server, users=2, prefix="regulars", password=password)
        return run_until(lambda _, report: report.connected == 2, chosen)

    for _ in range(2):
        final, _ = await come("one and the same")
        assert final.connected == 2
    with pytest.raises(Failure, match=r"^regulars-1 is there with another password"):
        await come("another")


@pytest.mark.slow
async def test_a_server_that_is_killed_finds_all_back_where_they_were(server):
    """Nothing is missing and nothing comes twice: all resume from the last event they heard."""
    killed = []

    def is_enough(sums, report):
        if not killed and sums.acked > 3:
            killed.append(server.pid)
            server.kill()
            server.start()
        return killed and sums.resumed == 5 and report.connected == 5 and report.counts.acked

    final, _ = await run_until(is_enough, options(server, users=5, talk=60), 2 * LIMIT)
    assert (final.connected, final.counts.reconnects, final.counts.resumed) == (5, 5, 5)
    assert (final.counts.gaps, final.counts.repeats, final.counts.reset) == (0, 0, 0)
    assert final.closes == {"1006": 5}


async def test_a_room_that_cannot_be_walked_in_is_told_in_a_line(server):
    with somebody(server, "host") as http:
        flat = http.post("/rooms", json={"name": "A list"}).json()["id"]
        with pytest.raises(Failure, match=rf"^room {flat} has no space to walk about in \(--room\)$"):
            await run_until(bool, options(server, room_id=flat))
        with pytest.raises(Failure, match=r"^room 999 is not there, or not for sim-\w+-1 to see \(--room\)$"):
            await run_until(bool, options(server, room_id=999))
        assert not [name for name in names(http) if name.startswith("sim-")]


async def test_what_is_no_server_of_ours_is_told_so(server):
    elsewhere = options_from(f"{server.url}/docs", users=1, room_id=1, seed="", prefix=None, password=None)
    with pytest.raises(Failure, match=r"is no Tertulia server: it says 404$"):
        await run_until(bool, elsewhere)


def test_one_json_object_is_printed_and_all_else_goes_elsewhere(server):
    done = simulate("--users", "3", "--url", server.url, "--duration", "0.5", "--talk", "60", "--report", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["connected"], report["errors"]) == (3, {})
    assert report["seconds"] == pytest.approx(0.5, abs=1)


def test_ctrl_c_ends_in_good_order(server):
    running = subprocess.Popen(
        command("--users", "3", "--url", server.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with running:
        assert re.match(r"in: 3 of 3 connected; \d+ moves/s", running.stdout.readline())
        running.send_signal(signal.SIGINT)
        rest, errors = running.communicate(timeout=20)
    assert (running.returncode, errors) == (0, "")
    assert re.search(r"users connected .* 3 of 3", rest)


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--url", "foo"], 2, "--url 'foo' should be the address of a server, such as http://127.0.0.1:8000"),
        (["--url", "http://127.0.0.1:1"], 1, "cannot reach http://127.0.0.1:1: connection refused"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, code, line):
    done = simulate(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"tertulia: {line}\n")


@pytest.mark.slow
async def test_a_server_that_restarts_is_come_back_to_when_it_says(server):
    """The last test: from then on the server registers nobody, which the next run is told in a line."""
    stopping = []
    server._popen["env"]["REGISTRATION"] = "closed"

    def is_enough(sums, report):
        if not stopping:
            stopping.append(threading.Thread(target=server.terminate))  # it waits for our answers
            stopping[0].start()
        elif not stopping[0].is_alive() and server._process is None:
            server.start()
        return sums.resumed == 3 and report.connected == 3

    final, _ = await run_until(is_enough, options(server), 2 * LIMIT)
    assert final.counts.reconnects == 3
    assert final.closes == {"1012 Server is restarting": 3}
    with pytest.raises(Failure, match=r"^http://\S+ registers nobody, and has no sim-\w+-1 with this password$"):
        await run_until(bool, options(server))
