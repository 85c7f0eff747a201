"""The Autobahn test suite against our echo: prints a table, and exits with 1 if a case failed."""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITE = "autobahntestsuite==25.10.1"
SECTIONS = ("1", "2", "3", "4", "5", "6", "7", "9", "10", "12", "13")
FAILURES = ("FAILED", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT")
COLUMNS = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", *FAILURES)


def suite(venv: Path, python: str) -> Path:
    """The suite's program, in a virtualenv of Python 2.7 that is made if it is not there."""
    program = venv / "bin" / "wstest"
    if not program.exists():
        tools = venv.with_name(venv.name + "-tools")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--target", tools, "virtualenv<20.16"], check=True)
        subprocess.run(
            [python, "-m", "virtualenv", "--quiet", venv], check=True, env=os.environ | {"PYTHONPATH": tools}
        )
        subprocess.run([venv / "bin" / "pip", "install", "--quiet", SUITE], check=True)
        shutil.rmtree(tools)
    return program


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def server(directory: Path) -> Iterator[str]:
    """Tertulia on an empty data directory; yields the address of its echo."""
    port = free_port()
    settings = {"ECHO_UNLIMITED": "true", "PORT": str(port), "DATA_DIR": str(directory / "data")}
    program = Path(sys.executable).with_name("tertulia")
    running = subprocess.Popen([program, "serve"], env=os.environ | settings, cwd=directory)
    try:
        wait_for(port, running)
        yield f"ws://127.0.0.1:{port}/ws/echo"
    finally:
        running.terminate()
        running.wait(30)


def wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if running.poll() is not None:
            sys.exit(f"the server ended with {running.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("the server does not listen")


def run(program: Path, url: str, sections: list[str], reports: Path) -> dict[str, dict[str, str]]:
    """The outcome of each case, by its number."""
    spec = reports / "spec.json"
    agent = {"agent": "tertulia", "url": url}
    cases = [f"{section}.*" for section in sections]
    spec.write_text(json.dumps({"outdir": str(reports), "servers": [agent], "cases": cases, "exclude-cases": []}))
    subprocess.run([program, "-m", "fuzzingclient", "-s", spec], check=True, stdout=subprocess.DEVNULL)
    return json.loads((reports / "index.json").read_text())["tertulia"]


def by_number(case: str) -> list[int]:
    return [int(part) for part in case.split(".")]


def show(outcomes: dict[str, dict[str, str]]) -> list[str]:
    """Print the table. The cases that failed, in the messages or in the closing."""
    counts: dict[int, Counter[str]] = {}
    failed = []
    for case in sorted(outcomes, key=by_number):
        behaviours = {outcomes[case]["behavior"], outcomes[case]["behaviorClose"]}
        worst = max(behaviours, key=COLUMNS.index)
        counts.setdefault(by_number(case)[0], Counter())[worst] += 1
        if worst in FAILURES:
            failed.append(f"{case}: {outcomes[case]}")
    print("section |", " | ".join(column.lower() for column in COLUMNS))
    for section, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        print(f"{section:>7} |", " | ".join(f"{count[column]:>{len(column)}}" for column in COLUMNS))
    return failed


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sections", nargs="*", default=SECTIONS, help="all but 8 and 11, which are empty")
    arguments.add_argument("--url", help="an echo that runs already, instead of a server of our own")
    arguments.add_argument("--python", default="python2.7", help="a Python 2.7 with pip")
    arguments.add_argument("--venv", type=Path, default=Path.home() / ".cache" / "tertulia-autobahn")
    arguments.add_argument("--reports", type=Path, help="keep the suite's own pages here")
    given = arguments.parse_args()
    program = suite(given.venv, given.python)
    with tempfile.TemporaryDirectory() as scratch:
        reports = (given.reports or Path(scratch) / "reports").absolute()
        reports.mkdir(parents=True, exist_ok=True)
        if given.url:
            outcomes = run(program, given.url, given.sections, reports)
        else:
            with server(Path(scratch)) as url:
                outcomes = run(program, url, given.sections, reports)
    failed = show(outcomes)
    print(*failed, sep="\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
