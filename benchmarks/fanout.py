"""One message to many sockets: server CPU, latency, memory, and what readers who stop reading do to the others.

Beside the product run the same jobs on a chat room of FastAPI's tutorial and on Node.js `ws`, which have no accounts, no
storage and no limits. In the product each message is committed (SQLite, synchronous=FULL) before anybody sees it.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import product
from benchmarks.harness import (
    CACHE,
    HERE,
    Figure,
    NotHere,
    Plan,
    Results,
    Server,
    cpu_us,
    figures_table,
    measure,
    noise_note,
    number,
    running,
    say,
    scratch,
    table,
    uvicorn,
)
from servers import free_port

USERS = 100
TEXT = 60
IDLE_SOCKETS = 3000
PACES = (50, 500)
STALL_SUBSCRIBERS, STALL_TEXT, STALL_PACE = 200, 3700, 300
PATIENCES = (30, 2)  # the default; and one that is over before they read again
WINDOWS = {1: 1, 16: 4}  # messages in flight: publishers
FIVE = tuple(product.SPEAKS)
# The event that the yardsticks pass on is the product's, field by field, so that frames are of one size.
EVENT = (
    '{"event":"message_received","data":{"room_id":1,"seq":1,"message_id":%i,"user_id":1,"username":"person0001",'
    '"message":"%t","kind":"text","reply_to":null,"attachments":[],"created_at":"2026-01-01T00:00:00.000000Z"}}'
)
ROOM_OF_OTHERS = {"path": "/subscribe", "publisher-path": "/publish", "message": EVENT.replace('"seq":1,', '"sq":1,')}


class Variant:
    """A server to measure, and how the generator talks to it."""

    def __init__(
        self,
        name: str,
        start: Callable[[Path], contextlib.AbstractContextManager[Server]],
        speaks: Mapping[str, object],
    ) -> None:
        self.name, self.start, self.speaks = name, start, speaks

    def measure(self, server: Server, **options: object) -> dict[str, Any]:
        return measure(server, {**self.speaks, **{name.replace("_", "-"): value for name, value in options.items()}})


@contextlib.contextmanager
def tutorial(folder: Path) -> Iterator[Server]:
    port = free_port()
    with running("tutorial", uvicorn("benchmarks.yardsticks.tutorial_fanout:app", port), port, folder=folder) as server:
        yield server


@contextlib.contextmanager
def node(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = ["node", str(HERE / "yardsticks/node_ws.mjs"), str(port), str(node_package())]
    with running("Node.js ws", command, port, folder=folder) as server:
        yield server


def node_package() -> Path:
    """The folder of the npm package `ws`, installed on the first call."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotHere("node and npm are not here")
    home = CACHE / "node"
    if not (home / "node_modules/ws").exists():
        home.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", "--silent", "ws"]
        try:
            subprocess.run(install, check=True, capture_output=True, timeout=120)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise NotHere("npm could not install ws") from error
    return home / "node_modules/ws"


def variants(prepared: product.Prepared, folder: Path) -> tuple[list[Variant], list[str]]:
    """What there is to measure on this machine, and what is left out."""
    others = {**ROOM_OF_OTHERS, "text-size": TEXT}
    found = [
        Variant("product", lambda where: product.serve(prepared, where), _speaks(prepared, folder)),
        Variant("tutorial", tutorial, others),
    ]
    try:
        node_package()
    except NotHere as reason:
        return found, [f"Node.js `ws` was left out: {reason}."]
    return [*found, Variant("Node.js ws", node, others)], []


def _speaks(prepared: product.Prepared, folder: Path) -> dict[str, object]:
    return {
        "paths": prepared.paths(folder),
        "first": product.JOIN,
        "ready": product.JOINED,
        "delivery": product.DELIVERY,
        "message": product.SEND,
        "text-size": TEXT,
    }


def run(plan: Plan) -> tuple[str, list[Figure]]:
    results = Results()
    with scratch() as folder:
        say(f"fanout: registering {USERS} users")
        prepared = product.prepare(folder, users=USERS)
        found, left_out = variants(prepared, folder)
        for turn in range(plan.rounds):
            for variant in found:
                say(f"fanout: round {turn + 1} of {plan.rounds}, {variant.name}")
                _saturate(plan, variant, folder, results)
                _pace(plan, variant, folder, results, is_first=turn == 0)
                _idle(plan, variant, folder, results)
        for turn in range(plan.rounds):
            say(f"fanout: round {turn + 1} of {plan.rounds}, five dialects")
            for dialects in (FIVE, *((dialect,) for dialect in FIVE)):
                _mix(plan, prepared, folder, results, dialects)
        say("fanout: readers who stop reading")
        for turn in range(plan.rounds):
            for patience in PATIENCES[: 1 if turn else None]:
                _stall(plan, prepared, folder, results, patience=patience)
    return _report([variant.name for variant in found], left_out, results)


def _saturate(plan: Plan, variant: Variant, folder: Path, results: Results) -> None:
    with variant.start(folder) as server:
        for subscribers in (10, 100, 1000):
            for in_flight, publishers in WINDOWS.items():
                result = variant.measure(
                    server,
                    subscribers=subscribers,
                    publishers=publishers,
                    in_flight=in_flight,
                    seconds=plan.seconds,
                    settle=0.5,
                )
                key = (variant.name, subscribers, in_flight)
                results.add(*key, "us", value=cpu_us(result, "deliveries"))
                results.add(*key, "user", value=result["user_s"] / max(result["deliveries"], 1) * 1e6)
                results.add(*key, "rate", value=result["deliveries"] / result["load_seconds"])
                _add_latency(results, key, result)
                results.add(variant.name, "bytes", value=result["delivery_bytes"])


def _mix(plan: Plan, prepared: product.Prepared, folder: Path, results: Results, dialects: tuple[str, ...]) -> None:
    """1,000 subscribers that speak these dialects by turns; the publishers speak cafe."""
    with product.serve(prepared, folder) as server:
        for in_flight, publishers in WINDOWS.items():
            options = {
                "paths": prepared.paths(folder, dialects),
                "publisher-paths": prepared.paths(folder),
                "message": product.SEND,
                "text-size": TEXT,
                "subscribers": 1000,
                "publishers": publishers,
                "in-flight": in_flight,
                "seconds": plan.seconds,
                "settle": 0.5,
            }
            result = measure(server, options)
            key = ("mix", dialects, in_flight)
            results.add(*key, "us", value=cpu_us(result, "deliveries"))
            results.add(*key, "bytes", value=result["delivery_bytes"])
            _add_latency(results, key, result)


def _pace(plan: Plan, variant: Variant, folder: Path, results: Results, *, is_first: bool) -> None:
    for pace in PACES:
        is_ours = variant.name == "product"
        if not is_ours and pace == max(PACES) and not is_first:
            continue  # it falls behind: once is enough to see it
        seconds = 2 * plan.seconds if is_ours else min(plan.seconds, 1.0 if pace == max(PACES) else 3.0)
        with variant.start(folder) as server:
            result = variant.measure(server, subscribers=1000, publishers=4, rate=pace, seconds=seconds, settle=1)
        key = (variant.name, "pace", pace)
        results.add(*key, "us", value=cpu_us(result, "deliveries"))
        results.add(*key, "core", value=(result["user_s"] + result["system_s"]) / result["load_seconds"])
        _add_latency(results, key, result)


def _idle(plan: Plan, variant: Variant, folder: Path, results: Results) -> None:
    """Memory and CPU of sockets that do nothing, on a server that has had some traffic (and a page of history) already."""
    with variant.start(folder) as server:
        variant.measure(server, subscribers=50, publishers=1, messages=60)
        result = variant.measure(server, subscribers=IDLE_SOCKETS, publishers=0, messages=0, settle=2)
    grown = result["rss_idle_kib"] - result["rss_start_kib"]
    results.add(variant.name, "idle", "kib", value=grown / IDLE_SOCKETS)
    results.add(variant.name, "idle", "open_us", value=result["open_cpu_s"] / IDLE_SOCKETS * 1e6)


def _stall(plan: Plan, prepared: product.Prepared, folder: Path, results: Results, *, patience: float) -> None:
    """Every tenth subscriber stops reading, in the middle of a paced run; later each reads on, or comes back and resumes.

    *patience*: the server's, in seconds, with those who are behind.
    """
    calm, jammed = (2, 6) if plan.quick else (5, 10)  # seconds; the kernel alone takes 4 MiB of each, unread
    with product.serve(prepared, folder, SLOW_CONSUMER_TIMEOUT=str(patience)) as server:
        options = {
            **_speaks(prepared, folder),
            "subscribers": STALL_SUBSCRIBERS,
            "publishers": 4,
            "rate": STALL_PACE,
            "messages": (calm + jammed) * STALL_PACE,
            "text-size": STALL_TEXT,
            "stall": STALL_SUBSCRIBERS // 10,
            "stall-after": calm * STALL_PACE,
            "stall-rcvbuf": 65536,
            "resume": True,
            "rejoin": product.REJOIN,
            "patience": 60,
            "settle": 1,
        }
        result = measure(server, options)
    key = ("stall", patience)
    results.add(*key, "before", value=result["latency"]["p99_ms"])
    results.add(*key, "after", value=result["latency_stalled"]["p99_ms"])
    results.add(*key, "kib", value=(result["rss_peak_kib"] - result["rss_stall_kib"]) / result["stalled"])
    results.add(*key, "catching_up_mib", value=(result["rss_catching_up_kib"] - result["rss_stall_kib"]) / 1024)
    for name in ("stalled", "stalled_incomplete", "came_back", "caught_up_seconds"):
        results.add(*key, name, value=result[name])
    problems = result["problems"]
    results.add(*key, "wrong", value=problems["gaps"] + problems["repeats"] + problems["incomplete"])
    results.add(*key, "sent_mib", value=jammed * STALL_PACE * STALL_TEXT / 2**20)


def _add_latency(results: Results, key: tuple[Any, ...], result: Mapping[str, Any]) -> None:
    results.add(*key, "p50", value=result["latency"]["p50_ms"])
    results.add(*key, "p99", value=result["latency"]["p99_ms"])
    results.add(*key, "others", value=result["others"])
    results.add("others", value=result["others"])


def _report(names: list[str], left_out: list[str], results: Results) -> tuple[str, list[Figure]]:
    parts = [
        "Server CPU per delivery in microseconds: median (least..most of the rounds). Latency from sending to receiving."
    ]
    parts.append(
        "Frame size: " + ", ".join(f"{name} {results.median(name, 'bytes'):.0f} bytes" for name in names) + "."
    )
    parts += [*left_out, noise_note(results)]
    for in_flight, publishers in WINDOWS.items():
        if in_flight == 1:
            parts.append("**One message at a time**, from one publisher: nothing to join.")
        else:
            parts.append(f"**{in_flight} messages in flight**, from {publishers} publishers: saturated.")
        parts.append(_saturated_table(names, in_flight, results))
    parts.append("**Five dialects** in one room: 1,000 subscribers, from the same publishers.")
    parts.append(_mixed_table(results))
    parts.append("**Paced**, 1,000 subscribers, 4 publishers. Latency counts from the scheduled time.")
    parts.append(_paced_table(names, results))
    parts.append(
        f"**Idle**: {IDLE_SOCKETS:,} sockets; the product's are authenticated, have joined the room and have got its "
        "`room_state` with the last 50 messages; the others are accepted."
    )
    parts.append(_idle_table(names, results))
    parts.append(
        f"**Readers who stop reading**: every tenth of {STALL_SUBSCRIBERS}, {STALL_PACE} messages a second of "
        f"{STALL_TEXT:,} characters; {results.median('stall', PATIENCES[0], 'sent_mib'):.1f} MiB are meant for each meanwhile."
    )
    parts.append(_stalled_table(results))
    figures = _figures(results)
    parts.append(figures_table(figures))
    return "\n\n".join(parts), figures


def _saturated_table(names: list[str], in_flight: int, results: Results) -> str:
    rows = []
    for subscribers in (10, 100, 1000):
        theirs = results.median("tutorial", subscribers, in_flight, "us")
        for name in names:
            key = (name, subscribers, in_flight)
            rows.append(
                [
                    f"{subscribers:,}",
                    name,
                    results.get(*key, "us").spread(2),
                    number(results.median(*key, "user")),
                    number(results.median(*key, "rate"), 0),
                    f"{number(results.median(*key, 'p50'))} / {number(results.median(*key, 'p99'))}",
                    number(theirs / results.median(*key, "us"), 1) + "x",
                ]
            )
    columns = [
        "subscribers",
        "server",
        "CPU us/delivery",
        "of it user",
        "deliveries/s",
        "p50 / p99 ms",
        "tutorial / this",
    ]
    return table(columns, rows)


def _mixed_table(results: Results) -> str:
    rows = []
    for in_flight in WINDOWS:
        cafe = results.median("mix", ("cafe",), in_flight, "us")
        for dialects in (FIVE, *((dialect,) for dialect in FIVE)):
            key = ("mix", dialects, in_flight)
            rows.append(
                [
                    f"{in_flight}",
                    "all five, 200 each" if dialects == FIVE else dialects[0],
                    f"{results.median(*key, 'bytes'):.0f}",
                    results.get(*key, "us").spread(2),
                    number(results.median(*key, "us") / cafe),
                    f"{number(results.median(*key, 'p50'))} / {number(results.median(*key, 'p99'))}",
                ]
            )
    return table(["in flight", "dialect", "bytes a frame", "CPU us/delivery", "of cafe's", "p50 / p99 ms"], rows)


def _paced_table(names: list[str], results: Results) -> str:
    rows = []
    for pace in PACES:
        for name in names:
            key = (name, "pace", pace)
            p99 = results.median(*key, "p99")
            latency = f"{number(results.median(*key, 'p50'))} / {number(p99)}"
            rows.append(
                [
                    f"{pace}",
                    name,
                    results.get(*key, "us").spread(2),
                    number(results.median(*key, "core")),
                    latency + (" (falls behind)" if p99 > 500 else ""),
                    f"{results.median(*key, 'others'):.0%}",
                ]
            )
    return table(["messages/s", "server", "CPU us/delivery", "core", "p50 / p99 ms", "others' share of the core"], rows)


def _idle_table(names: list[str], results: Results) -> str:
    rows = [
        [name, results.get(name, "idle", "kib").spread(1), results.get(name, "idle", "open_us").spread(0)]
        for name in names
    ]
    return table(["server", "KiB a socket", "CPU us to connect (and join)"], rows)


def _stalled_table(results: Results) -> str:
    def cells(patience: float) -> list[str]:
        def of(name: str) -> float:
            return results.median("stall", patience, name)

        return [
            f"{number(of('before'))} / {number(of('after'))} ms",
            f"{number(of('kib'), 0)} KiB",
            f"{number(of('catching_up_mib'), 0)} MiB",
            f"{of('came_back'):.0f} of {of('stalled'):.0f}",
            f"{number(of('caught_up_seconds'))} s",
            f"{of('stalled_incomplete'):.0f}",
            f"{of('wrong'):.0f}",
        ]

    names = [
        "p99 of the others, before / meanwhile",
        "memory taken meanwhile, for each who stopped",
        "memory taken while all of them catch up, together",
        "closed for being too slow; came back and resumed",
        "time until the last had caught up",
        "incomplete after that",
        "gaps, repeats and losses of anybody",
    ]
    columns = ["", *(f"closed after {patience:g} s behind" for patience in PATIENCES)]
    return table(columns, [list(row) for row in zip(names, *(cells(patience) for patience in PATIENCES), strict=True)])


def _figures(results: Results) -> list[Figure]:
    def us(name: str, in_flight: int) -> float:
        return results.median(name, 1000, in_flight, "us")

    one, sixteen = us("product", 1) / us("tutorial", 1), us("product", 16) / us("tutorial", 16)
    wrong = sum(
        results.median("stall", patience, what) for patience in PATIENCES for what in ("wrong", "stalled_incomplete")
    )
    mixed = [results.median("mix", FIVE, n, "us") / results.median("mix", ("cafe",), n, "us") for n in WINDOWS]
    before, after = (results.median("stall", PATIENCES[0], when) for when in ("before", "after"))
    return [
        Figure("CPU per delivery to 1,000, one at a time, of the tutorial's", 0.65, one),
        Figure(
            "CPU per delivery to 1,000, 16 in flight, of the tutorial's", 1 / 15, sixteen, note=f"1/{1 / sixteen:.1f}"
        ),
        Figure("CPU per delivery over five dialects, of one dialect's, one at a time", 1.15, mixed[0]),
        Figure("CPU per delivery over five dialects, of one dialect's, 16 in flight", 1.15, mixed[1]),
        Figure("p99 at 500 messages/s to 1,000 sockets", 50, results.median("product", "pace", 500, "p99"), "ms"),
        Figure(
            "memory of an idle socket, authenticated and joined", 10, results.median("product", "idle", "kib"), "KiB"
        ),
        Figure("CPU to connect, authenticate and join", 500, results.median("product", "idle", "open_us"), "us"),
        Figure("p99 of the others while a tenth does not read, of what it was", 1.5, after / before),
        Figure(
            "memory for each who does not read (high-water mark: 64 KiB)",
            256,
            results.median("stall", PATIENCES[0], "kib"),
            "KiB",
        ),
        Figure("readers left incomplete, gaps, repeats", 0, wrong),
    ]
