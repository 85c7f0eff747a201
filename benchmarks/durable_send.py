"""Messages that are stored before they are acknowledged: acks per second, server CPU per ack, and a lone sender's wait.

Closed loop: each sender has its own socket and one message in flight. Beside the product runs the tutorial way: FastAPI,
pydantic, a SQLAlchemy `Session` and a transaction for each message; in a thread pool, and straight from the coroutine.
"""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import product
from benchmarks.harness import (
    CLIENT_CORE,
    SERVER_CORE,
    Figure,
    Plan,
    Results,
    Server,
    cpu_seconds_of_family,
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
from servers import free_port, postgres

USERS = 16
TEXT = 60
SENDERS = (1, 8, 64, 256)
TUTORIAL: dict[str, object] = {"publisher-path": "/send", "message": '{"id":%i,"room_id":1,"message":"%t"}'}


@dataclass(frozen=True)
class Variant:
    name: str
    database: str
    start: Callable[[Path], contextlib.AbstractContextManager[Server]]
    speaks: dict[str, object]


@contextlib.contextmanager
def tutorial(folder: Path, url: str | None, synchronous: str, style: str) -> Iterator[Server]:
    port = free_port()
    file = folder / f"tutorial-{port}.sqlite"
    environment = {
        "DATABASE_URL": url or f"sqlite:///{file}",
        "SQLITE_SYNCHRONOUS": synchronous,
        "TUTORIAL_STYLE": style,
    }
    command = uvicorn("benchmarks.yardsticks.tutorial_durable:app", port)
    with running(f"tutorial {style}", command, port, environment=environment, folder=folder) as server:
        yield server


def run(plan: Plan) -> tuple[str, list[Figure]]:
    results = Results()
    # Its own core would be best; beside the generator it takes nothing from the server under measurement.
    with scratch() as folder, postgres(fsync="on", full_page_writes="on", shared_buffers="128MB") as database:
        subprocess.run(
            ["taskset", "-a", "-c", "-p", str(CLIENT_CORE), str(database.pid)], check=True, capture_output=True
        )
        say(f"durable_send: registering {USERS} users, twice")
        found = list(_variants(folder, database.url))
        for turn in range(plan.rounds):
            say(f"durable_send: round {turn + 1} of {plan.rounds}")
            _bare_commit(folder / f"bare-{turn}.sqlite", results)
            for variant in found:
                say(f"  {variant.name}, {variant.database}")
                with variant.start(folder) as server:
                    for senders in SENDERS:
                        if not (plan.quick and senders in {8, 256}):
                            _measure(plan, variant, server, senders, database.pid, results)
    return _report(found, results, [senders for senders in SENDERS if not (plan.quick and senders in {8, 256})])


def _variants(folder: Path, postgres_url: str) -> Iterator[Variant]:
    on_sqlite = product.prepare(folder, users=USERS)
    yield _ours(on_sqlite, folder, "SQLite FULL", SQLITE_SYNCHRONOUS="FULL")
    yield _theirs("SQLite FULL", None, "FULL", "threadpool")
    yield _theirs("SQLite FULL", None, "FULL", "blocking")
    yield _ours(on_sqlite, folder, "SQLite NORMAL", SQLITE_SYNCHRONOUS="NORMAL")
    yield _theirs("SQLite NORMAL", None, "NORMAL", "threadpool")
    postgres_folder = folder / "postgres"
    postgres_folder.mkdir()
    on_postgres = product.prepare(postgres_folder, users=USERS, database_url=postgres_url)
    yield _ours(on_postgres, postgres_folder, "PostgreSQL")
    yield _theirs("PostgreSQL", postgres_url.replace("postgresql://", "postgresql+psycopg://"), "FULL", "threadpool")


def _ours(prepared: product.Prepared, folder: Path, database: str, **settings: str) -> Variant:
    speaks: dict[str, object] = {"publisher-paths": prepared.paths(folder), "message": product.SEND_AND_ACK}
    return Variant("product", database, lambda where: product.serve(prepared, where, **settings), speaks)


def _theirs(database: str, url: str | None, synchronous: str, style: str) -> Variant:
    name = "tutorial" if style == "threadpool" else f"tutorial, {style}"
    return Variant(name, database, lambda where: tutorial(where, url, synchronous, style), TUTORIAL)


def _measure(plan: Plan, variant: Variant, server: Server, senders: int, database: int, results: Results) -> None:
    options = {
        **variant.speaks,
        "subscribers": 0,
        "publishers": senders,
        "acks": True,
        "text-size": TEXT,
        "settle": 0.5,
    }
    before = cpu_seconds_of_family(database)
    result = measure(server, {**options, "seconds": plan.seconds})
    key = (variant.name, variant.database, senders)
    results.add(*key, "us", value=cpu_us(result, "acks"))
    results.add(*key, "rate", value=result["acks"] / result["load_seconds"])
    results.add(*key, "p50", value=result["latency"]["p50_ms"])
    results.add(*key, "p99", value=result["latency"]["p99_ms"])
    results.add("others", value=result["others"])
    results.add(*key, "database", value=(cpu_seconds_of_family(database) - before) / result["acks"] * 1e6)


def _bare_commit(path: Path, results: Results) -> None:
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "benchmarks.yardsticks.bare_commit"]
    done = subprocess.run([*command, str(path), "FULL", "2000"], check=True, capture_output=True, text=True)
    p50, p99 = map(float, done.stdout.split())
    results.add("bare", "p50", value=p50)
    results.add("bare", "p99", value=p99)


def _report(found: list[Variant], results: Results, counts: list[int]) -> tuple[str, list[Figure]]:
    rows = []
    for variant in found:
        for senders in counts:
            key = (variant.name, variant.database, senders)
            is_postgres = variant.database == "PostgreSQL"
            rows.append(
                [
                    variant.database,
                    variant.name,
                    str(senders),
                    number(results.median(*key, "rate"), 0),
                    results.get(*key, "us").spread(1),
                    number(results.median(*key, "database"), 1) if is_postgres else "in it",
                    f"{number(results.median(*key, 'p50'))} / {number(results.median(*key, 'p99'))}",
                ]
            )
    columns = ["database", "server", "senders", "acks/s", "server CPU us/ack", "database us/ack", "p50 / p99 ms"]
    bare = f"A bare SQLite commit (FULL) on this disk: p50 {number(results.median('bare', 'p50'), 3)} ms, "
    bare += f"p99 {number(results.median('bare', 'p99'), 3)} ms."
    figures = _figures(results)
    parts = [noise_note(results), table(columns, rows), bare, figures_table(figures)]
    return "\n\n".join(parts), figures


def _figures(results: Results) -> list[Figure]:
    def us(name: str) -> float:
        return results.median(name, "SQLite FULL", 64, "us")

    alone = ("product", "SQLite FULL", 1)
    added = results.median(*alone, "p50") - results.median("bare", "p50")
    return [
        Figure(
            "acks per CPU second, 64 senders, SQLite FULL, times the tutorial's",
            20,
            us("tutorial") / us("product"),
            "x",
            at_least=True,
        ),
        Figure(
            "the same, times the tutorial's that blocks its loop",
            20,
            us("tutorial, blocking") / us("product"),
            "x",
            at_least=True,
        ),
        Figure("a lone sender's ack, beyond a bare commit (medians)", 2, added, "ms"),
        Figure(
            "the same at the 99th percentile",
            2,
            results.median(*alone, "p99") - results.median("bare", "p99"),
            "ms",
        ),
    ]
