"""A page of 50 messages out of a room with 1,000,000, on both engines: runs pages.py and reads its tables."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import HERE, Figure, Plan, figures_table, say, scratch
from servers import postgres

MESSAGES = 1_000_000
MOST_MS = 2.0


def run(plan: Plan) -> tuple[str, list[Figure]]:
    count = MESSAGES // 10 if plan.quick else MESSAGES
    with scratch() as folder, postgres(shared_buffers="256MB", max_wal_size="4GB") as database:
        outputs = []
        for url in (f"sqlite:///{folder / 'pages.db'}", database.url):
            say(f"history: {url.partition(':')[0]}, {count:,} messages")
            outputs.append(_pages(url, count))
    figures = [figure for output in outputs for figure in _figures(output)]
    return "\n\n".join([*map(_fenced, outputs), figures_table(figures)]), figures


def _pages(url: str, count: int) -> str:
    command = [sys.executable, str(HERE / "pages.py"), url, "--messages", str(count)]
    environment = {"PYTHONPATH": str(HERE.parent / "src"), "PATH": str(Path(sys.executable).parent)}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def _figures(output: str) -> Iterator[Figure]:
    """Of each page in the first table of *output*: the median of its time in the database."""
    head = next(line for line in output.splitlines() if line.startswith("| "))
    engine, columns = head.split("|")[1].strip(), [cell.strip() for cell in head.split("|")]
    for line in output.partition(head)[2].partition("\n\n")[0].splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith("| page:"):
            yield Figure(f"{cells[1]}, {engine}", MOST_MS, float(cells[columns.index("median")]), "ms")


def _fenced(output: str) -> str:
    """The plans, which pages.py indents, as blocks of code."""
    lines: list[str] = []
    is_plan = False
    for line in output.strip().splitlines():
        starts, ends = line.startswith("    ") and not is_plan, is_plan and bool(line) and not line.startswith("    ")
        if starts:
            lines += ["", "```"]
        elif ends:
            lines += ["```", ""]
        is_plan = (is_plan or starts) and not ends
        if not is_plan or line.strip():
            lines.append(line.removeprefix("    ") if is_plan else line)
    return "\n".join([*lines, "```"] if is_plan else lines)
