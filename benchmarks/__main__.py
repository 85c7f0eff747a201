"""`python -m benchmarks [--quick] [NAME …]`: run the benchmarks and write their tables into docs/performance.md.

A quick run only prints its tables.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # tests/servers.py knows how to start a PostgreSQL

from benchmarks import crowd, durable_send, fanout, history, positions  # noqa: E402
from benchmarks.harness import NotHere, Plan, generator, machine, say  # noqa: E402
from benchmarks.report import write_section  # noqa: E402

BENCHMARKS = {
    "fanout": fanout.run,
    "durable_send": durable_send.run,
    "history": history.run,
    "crowd": crowd.run,
    "positions": positions.run,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; only print the tables")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; none: all of them")
    given = parser.parse_args(arguments)
    quick, names = given.quick, given.names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    try:
        generator()
    except NotHere as reason:
        say(str(reason))
        return 1
    missed = 0
    for name in names:
        text, figures = BENCHMARKS[name](Plan.of(quick=quick))
        text = f"Measured on {machine()}.\n\n{text}"
        print(f"\n## {name}\n\n{text}\n", flush=True)
        if not quick:
            write_section(ROOT / "docs/performance.md", name, text)
        missed += sum(not figure.reached for figure in figures)
    if missed:
        say(f"{missed} figures were not reached")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
