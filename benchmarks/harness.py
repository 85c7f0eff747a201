"""Servers on one core, the load generator on another, rounds that interleave, and medians."""

import contextlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
SERVER_CORE, CLIENT_CORE = 0, 1
START_SECONDS = 60.0


class NotHere(Exception):
    """Something that a yardstick or the generator needs is not on this machine."""


@dataclass(frozen=True)
class Plan:
    """How long and how often to measure."""

    quick: bool
    rounds: int
    seconds: float  # of load for each figure

    @classmethod
    def of(cls, *, quick: bool) -> "Plan":
        return cls(quick=True, rounds=1, seconds=1.0) if quick else cls(quick=False, rounds=3, seconds=3.0)


@dataclass
class Server:
    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path


@dataclass
class Samples:
    """Values of one figure, one a round."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values else float("nan")

    def spread(self, digits: int) -> str:
        """The median, and from where to where the rounds went."""
        if not self.values:
            return "-"
        if len(self.values) == 1:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} ({min(self.values):.{digits}f}..{max(self.values):.{digits}f})"


class Results:
    """Samples by any key: (variant, subscribers, in flight, figure), say."""

    def __init__(self) -> None:
        self._samples: dict[tuple[Any, ...], Samples] = {}

    def add(self, *key: Any, value: float) -> None:
        self._samples.setdefault(key, Samples()).values.append(value)

    def get(self, *key: Any) -> Samples:
        return self._samples.get(key, Samples())

    def median(self, *key: Any) -> float:
        return self.get(*key).median


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    """What ran this: processor, kernel, Python. No names of hosts or people."""
    model = "unknown processor"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    versions = [f"Linux {platform.release().split('-')[0]}", f"CPython {platform.python_version()}"]
    if node := shutil.which("node"):
        versions.append("Node.js " + _first_line([node, "--version"]).lstrip("v"))
    return f"{datetime.now(UTC):%Y-%m-%d}; {model}, {os.cpu_count()} cores; {', '.join(versions)}"


def _first_line(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.partition("\n")[0].strip()


# The generator


def generator(name: str = "wsload") -> Path:
    """The path of a compiled generator; compiles it when it is missing or older than its source."""
    source, program = HERE / f"{name}.c", CACHE / name
    newest = max(file.stat().st_mtime for file in (source, HERE / "ws.h"))
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NotHere("the load generator is written in C: install a compiler (on Debian: apt install gcc libc6-dev)")
    CACHE.mkdir(exist_ok=True)
    subprocess.run([compiler, "-O2", "-o", program, source, "-lm"], check=True)
    return program


def measure(
    server: Server, options: Mapping[str, object], *, program: str = "wsload", timeout: float = 300.0
) -> dict[str, Any]:
    """Run a generator against *server*; *options* as in its source, a list for one that may be repeated."""
    command = [str(generator(program)), "--port", str(server.port), "--cpu", str(CLIENT_CORE)]
    command += ["--pid", str(server.process.pid)]
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            command += [f"--{name}"] if one is True else [f"--{name}", str(one)]
    began, busy, ours = time.monotonic(), _busy_seconds(SERVER_CORE), cpu_seconds(server.process.pid)
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        log = server.log.read_text(errors="replace")[-3000:]
        raise RuntimeError(f"{server.name}: {done.stderr.strip()}\n{log}")
    result: dict[str, Any] = json.loads(done.stdout)
    others = _busy_seconds(SERVER_CORE) - busy - (cpu_seconds(server.process.pid) - ours)
    result["others"] = max(0.0, others / (time.monotonic() - began))
    problems = {name: value for name, value in result["problems"].items() if value}
    if problems:
        say(f"  ! {server.name}: {problems}")
    return result


def cpu_us(result: Mapping[str, Any], each: str) -> float:
    """Server CPU of the load, in microseconds for each of *each* ("deliveries", "acks")."""
    count = result[each]
    return (result["user_s"] + result["system_s"]) / count * 1e6 if count else float("nan")


# Servers


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for data, on the disk that holds the project (a RAM disk would flatter every commit)."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as folder:
        yield Path(folder)


@contextlib.contextmanager
def running(
    name: str, command: Sequence[str], port: int, *, environment: Mapping[str, str] | None = None, folder: Path
) -> Iterator[Server]:
    """*command* on the servers' core, from the time that its port answers until the end of the block."""
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *command],
            env={**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE.parent / 'src'}", **(environment or {})},
            cwd=folder,  # where no .env lies
            stdout=output,
            stderr=output,
        )
    server = Server(name, port, process, log)
    try:
        _wait_until_open(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_open(server: Server) -> None:
    import socket

    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise RuntimeError(f"{server.name} ended at once:\n{server.log.read_text(errors='replace')[-3000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{server.name} did not listen:\n{server.log.read_text(errors='replace')[-3000:]}")


def uvicorn(application: str, port: int) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", "--log-level", "warning", "--no-access-log", "--backlog", "4096"]
    return [*command, "--port", str(port), application]


def cpu_seconds(pid: int, *, ended_children: bool = False) -> float:
    """CPU time of a process; *ended_children*: with that of those of its children that have ended."""
    with contextlib.suppress(OSError):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in after_name[11 : 15 if ended_children else 13]) / os.sysconf("SC_CLK_TCK")
    return 0.0


def cpu_seconds_of_family(pid: int) -> float:
    """CPU time of a process and all its children: a PostgreSQL server with its backends."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid, ended_children=True) + sum(cpu_seconds(int(child)) for child in children)


def _busy_seconds(core: int) -> float:
    """What a core has worked since the machine started, for whomever (proc_stat(5)); time stolen from it included."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, line.split()[1:])
            return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0


def noise_note(results: "Results") -> str:
    """How quiet the machine was: latencies mean little when others want the same core."""
    others = results.get("others").values
    note = f"Other programs took {statistics.median(others):.0%} of the servers' core meanwhile (at most {max(others):.0%})."
    return note if max(others) < 0.1 else f"{note} Latencies, then, are worse than they would be alone."


# Tables


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "|".join(" --- " for _ in columns) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def number(value: float, digits: int = 2) -> str:
    return "-" if value != value else f"{value:,.{digits}f}"  # noqa: PLR0124 — not a number


@dataclass(frozen=True)
class Figure:
    """One of the figures to reach: *got* is to be at most *wanted* (or at least, by *at_least*)."""

    what: str
    wanted: float
    got: float
    unit: str = ""
    at_least: bool = False
    note: str = ""

    @property
    def reached(self) -> bool:
        return self.got >= self.wanted if self.at_least else self.got <= self.wanted

    def row(self) -> list[str]:
        unit = f" {self.unit}" if self.unit else ""
        bound = "at least" if self.at_least else "at most"
        verdict = "reached" if self.reached else "**not reached**"
        got = f"{self.got:.3g}{unit}" + (f" ({self.note})" if self.note else "")
        return [self.what, f"{bound} {self.wanted:.3g}{unit}", got, verdict]


def figures_table(figures: Sequence[Figure]) -> str:
    return table(["figure", "wanted", "measured", ""], [figure.row() for figure in figures])


Variant = Callable[[Path], contextlib.AbstractContextManager[Server]]
