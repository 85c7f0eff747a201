"""docs/howto/write-a-tool.md, followed: its bell is rung in a café, and its poll becomes a tool that ships."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivers import Cafe

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/write-a-tool.md").read_text(encoding="utf-8")
STEP = re.compile(r"^`(?P<path>[\w/.]+)`:\n\n```(?P<language>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


async def test_the_bell_is_rung(server, people):
    [placing] = re.findall(r"```sh\n(curl .*?)```", PAGE, re.DOTALL)
    [ringing] = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    body = json.loads(re.search(r"-d '(.*)'", placing, re.DOTALL)[1])
    ana, ben = await people.join(Cafe, "ana"), await people.join(Cafe, "ben")

    bell = (await ana.person.ask("POST", "/objects", 201, json=body)).json()
    assert bell["metadata"] == body["metadata"]
    used = {**ringing["data"], "target_object_id": bell["id"]}
    refused = (await ben.person.ask("POST", "/tools", 403, json=used)).json()
    assert refused["code"] == "out_of_reach"  # from where people come in
    near = {"room_id": 1, "x": body["x"] - 50, "y": body["y"] + 50}
    for person in (ana.person, ben.person):
        await person.ask("POST", "/room-users", json=near)
    first = (await ben.person.ask("POST", "/tools", 201, json=used)).json()
    assert first["params"] == {"times": 2}
    refused = (await ben.person.ask("POST", "/tools", 422, json={**used, "params": {"times": 4}})).json()
    assert refused["code"] == "invalid"
    assert "params.times" in refused["detail"]
    listed = await ana.person.ask("GET", f"/tools?room_id=1&target_object_id={bell['id']}", 200)
    assert [use["id"] for use in listed.json()["items"]] == [first["id"]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which somebody has done what the page says."""
    tree = tmp_path_factory.mktemp("howto_tools")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    for step in STEP.finditer(PAGE):
        path = tree / step["path"]
        text = path.read_text(encoding="utf-8") if step["language"] == "diff" else ""
        path.write_text(changed(text, step["text"]) if text else step["text"], encoding="utf-8")
    return tree


def changed(text: str, diff: str) -> str:
    """Each run of `-` lines becomes the `+` lines after it."""
    for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", diff, re.MULTILINE):
        before, after = (re.sub(r"^.", "", part, flags=re.MULTILINE) for part in (old, new))
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


def test_the_poll_is_a_tool(tree):
    paths = [step["path"] for step in STEP.finditer(PAGE)]
    assert len(paths) == 3

    told = run(tree, "pytest", "-q", "-p", "no:cacheprovider", "-k", "sqlite", paths[-1])

    assert "1 passed" in told
    run(tree, "ruff", "check", *paths)
    run(tree, "ruff", "format", "--check", *paths)
