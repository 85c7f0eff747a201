"""House rules that neither linter nor types can say. Each message is the way to mend it."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/tertulia"
MODULES = sorted(SOURCE.rglob("*.py"))
BANNED_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "base", "misc", "stuff"}
LINES = 500  # most stay below 400
FUNCTION_LINES = 60
HOSTS = re.compile(
    r"pypi\.org|pythonhosted|registry\.npmjs|npmjs\.(?:org|com)|index-url|crates\.io|proxy\.golang|jsdelivr|unpkg|cdnjs"
    r"|googleapis|gstatic",
    re.IGNORECASE,
)
PLACES = re.compile(r"(?<![\w.{])/(?:root|home|work|Users|opt/\w+)/[\w.-]+")


def where(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}:{line}" if line else str(path.relative_to(ROOT))


@lru_cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(kind: type | tuple[type, ...], *, outside: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.AST]]:
    """All of *kind* in the source, with their places."""
    for path in MODULES:
        if str(path.relative_to(SOURCE)) not in outside:
            for node in ast.walk(parsed(path)):
                if isinstance(node, kind):
                    yield where(path, getattr(node, "lineno", 0)), node


def calls(*, outside: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Each call in the source as written: (place, `datetime.now`)."""
    for place, node in nodes(ast.Call, outside=outside):
        yield place, ast.unparse(node.func)


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a checkout")
    return [path for name in listing.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        if path != Path(__file__):
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_time_comes_from_the_injected_clock():
    banned = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.time|time_ns)$")
    found = [f"{place} {call}" for place, call in calls(outside=("domain/clock.py",)) if banned.search(call)]
    assert not found, "take a Clock by the constructor (domain/clock.py); for durations time.monotonic"


def test_modules_are_named_by_what_they_do():
    found = [where(path) for path in MODULES if {path.stem, path.parent.name} & BANNED_NAMES]
    assert not found, "name the module by its one promise"


def test_every_module_begins_with_its_promise():
    found = [where(path) for path in MODULES if "versions" not in path.parts and not ast.get_docstring(parsed(path))]
    assert not found, "one line that says the module's stage or promise"


def test_the_hub_never_awaits_a_socket():
    written = re.compile(r"\b(?:socket|connection|write|send|receiver)\b", re.IGNORECASE)
    waits = [
        place
        for place, node in nodes(ast.Await)
        if place.startswith("src/tertulia/fanout/")
        and "redis.py" not in place  # whose sockets are Redis's
        and written.search(ast.unparse(node))
    ]
    assert waits == [], "Write without waiting: `socket.write(frames)` takes them, and says by `on_pause` to stop"


def test_nothing_is_printed():
    found = [place for place, call in calls() if call in ("print", "pprint", "breakpoint")]
    assert not found, "use logging; in cli.py typer.echo"


def test_files_are_short():
    found = {where(path): size for path in MODULES if (size := len(path.read_text().splitlines())) > LINES}
    assert not found, f"more than {LINES} lines: which part can be named by itself?"


def test_functions_fit_a_screen():
    found = [
        f"{place} {node.name}"
        for place, node in nodes((ast.FunctionDef, ast.AsyncFunctionDef))
        if node.end_lineno - node.lineno >= FUNCTION_LINES and "migrations/versions" not in place
    ]
    assert not found, f"more than {FUNCTION_LINES} lines: name its parts"


def test_there_is_no_state_of_the_whole_process():
    found = [place for place, _ in nodes(ast.Global)]
    assert not found, "collaborators come by the constructor"


def test_an_exception_to_a_rule_names_the_rule():
    bare = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!:\s*[A-Z]))")
    found = [
        where(path, number)
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if bare.search(line)
    ]
    assert not found, "say which: # type: ignore[code], # noqa: CODE"


def test_no_test_replaces_our_own_code():
    banned = re.compile(r"unittest\.mock|from unittest import mock|\bMagicMock\b|monkeypatch\.setattr\([\"']?tertulia")
    found = [
        where(path)
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and banned.search(path.read_text())
    ]
    assert not found, "use the real one: databases and servers start in a second (tests/servers.py)"


def test_no_tracked_file_names_a_package_host():
    found = [
        f"{where(path)} {match.group()}"
        for path, text in texts()
        for match in HOSTS.finditer(text)
        if path.name != "package.json"
    ]
    assert not found, "a lock holds versions and hashes; pages load from this server alone"


def test_no_tracked_file_names_a_place_on_one_machine():
    found = [f"{where(path)} {match.group()}" for path, text in texts() for match in PLACES.finditer(text)]
    assert not found, "say it relative to the checkout"


def test_every_direct_dependency_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *(one for group in project["dependency-groups"].values() for one in group),
    ]
    names = [re.split(r"[\[<>=;! ]", one)[0] for one in wanted]
    rows = [
        line
        for line in (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    explained = {name.strip() for row in rows for name in row.split("|")[1].split(",")}
    assert set(names) == explained - {"package", "---"}, "each direct dependency has a line, and only these"


def test_decisions_are_numbered_without_gaps():
    decisions = sorted(path.name for path in (ROOT / "docs/decisions").glob("*.md"))
    numbers = [name[:4] for name in decisions]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)], "decisions are numbered without gaps"


def test_links_between_documents_lead_somewhere():
    found = [
        f"{where(path)} → {target}"
        for path, text in texts()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert not found, "mend the link"
