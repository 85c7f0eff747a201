"""docs/howto/write-a-dialect.md, followed from start to end: the page's own code becomes a dialect that others meet."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/howto/write-a-dialect.md"
STEP = re.compile(r"^`(?P<path>[\w/.]+)`:\n\n```(?P<language>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which somebody has done what the page says."""
    tree = tmp_path_factory.mktemp("howto")
    for name in ("src", "tests", "docs"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tree)
    steps = list(STEP.finditer(PAGE.read_text(encoding="utf-8")))
    assert [step["path"] for step in steps if step["language"] == "diff"] == [
        "src/tertulia/app.py",
        "tests/wire/dialects.py",
    ]
    for step in steps:
        path = tree / step["path"]
        if step["language"] == "diff":
            path.write_text(changed(path.read_text(encoding="utf-8"), step["text"]), encoding="utf-8")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(step["text"], encoding="utf-8")
    return tree


def changed(text: str, diff: str) -> str:
    """Each run of `-` lines becomes the `+` lines after it."""
    for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", diff, re.MULTILINE):
        before, after = (re.sub(r"^.", "", part, flags=re.MULTILINE).rstrip("\n") for part in (old, new))
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def run(tree: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PYTEST_ADDOPTS": ""}
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_XDIST")}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_the_new_dialect_meets_the_others(tree):
    told = run(tree, "pytest", "-q", "-p", "no:cacheprovider", "tests/wire/test_pairs.py", "-k", "lines")

    assert int(re.search(r"(\d+) passed", told)[1]) >= 100


def test_the_code_of_the_page_is_as_tidy_as_ours(tree):
    written = ["src/tertulia/dialects/lines", "src/tertulia/app.py", "tests/wire/driver_lines.py"]

    run(tree, "ruff", "check", *written)
    run(tree, "mypy", "src/tertulia/dialects/lines")
