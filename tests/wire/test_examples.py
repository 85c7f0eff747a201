"""The examples of the documents, as they stand there, between Python, Node.js and a shell's client, in one room."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivers import Cafe, Simple

ROOT = Path(__file__).parents[2]


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)


async def run(*command: str, stdin: str | None = None) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if stdin is not None:
        process.stdin.write(stdin.encode())
        await process.stdin.drain()
    return process


async def end(process: asyncio.subprocess.Process) -> tuple[str, str]:
    process.terminate()
    out, error = await process.communicate()
    return out.decode(), error.decode()


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/dialects/cafe.md",
        "docs/dialects/conversations.md",
        "docs/dialects/direct.md",
        "docs/dialects/rooms.md",
    ],
)
async def test_the_python_example_says_hello_to_everyone(server, people, document):
    ana, person = await people.join(Simple, "ana"), await people("pythonista")
    code = next(block for block in blocks(document, "python") if "Hello everyone!" in block)
    for placeholder, value in (("localhost:8000", f"127.0.0.1:{server.port}"), ("TOKEN", person.token)):
        code = code.replace(placeholder, value)
    code = code.replace('main("3"', f'main("{person.id}"')

    process = await run(sys.executable, "-u", "-c", code)

    await ana.hear("Hello everyone!")
    await ana.say("Hello yourself!")
    while "Hello yourself!" not in (line := (await process.stdout.readline()).decode()):
        assert line
    await end(process)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("README.md", "Hello from the other dialect!"),
        ("docs/dialects/conversations.md", "Hello everyone!"),
        ("docs/dialects/direct.md", "Hello everyone!"),
        ("docs/dialects/rooms.md", "Hello everyone!"),
    ],
)
async def test_the_javascript_example_says_hello_from_another_dialect(server, people, document, said):
    ana, person = await people.join(Cafe, "ana"), await people("noder")
    code = next(block for block in blocks(document, "js") if "WebSocket" in block)
    known = f"const token = {json.dumps(person.token)}, userId = {person.id};"
    code = f"{known}\n{code}".replace("localhost:8000", f"127.0.0.1:{server.port}")
    code += "\nsocket.onclose = () => process.exit();"
    has_one = subprocess.run(["node", "-e", "process.exit(+(typeof WebSocket === 'undefined'))"], check=False)

    flags = [] if has_one.returncode == 0 else ["--experimental-websocket"]  # Node.js 20 has it behind a flag
    process = await run("node", *flags, "-e", code)

    await ana.hear(said)
    await ana.say("Hello, Node!")
    while "Hello, Node!" not in (line := (await process.stdout.readline()).decode()):
        assert line
    await end(process)


async def test_a_client_for_a_shell_talks_too(server, people):
    """The interactive client of the `websockets` package, which nobody here wrote; websocat takes the same line."""
    ana, person = await people.join(Cafe, "ana"), await people("shell")
    line = re.search(r"websocat \"(ws://.*?)\"", (ROOT / "README.md").read_text(encoding="utf-8")).group(1)
    url = line.replace("localhost:8000", f"127.0.0.1:{server.port}").replace("$TOKEN", person.token)
    said = re.search(r"then type\s+`(.*?)`", (ROOT / "README.md").read_text(encoding="utf-8")).group(1)

    process = await run(sys.executable, "-u", "-m", "websockets", url, stdin=f"{said}\n")

    await ana.hear("Hello from a shell!")
    await end(process)


async def test_the_frames_of_the_contract_work_as_they_are_written(server, people):
    ana = people.keep(await Cafe.connect(await people("ana")))
    for frame in (
        {"event": "join_room", "data": {"room_id": 1, "x": 100, "y": 200}},
        {"event": "update_position", "data": {"room_id": 1, "x": 150, "y": 250}},
        {"event": "send_message", "data": {"room_id": 1, "message": "Hello everyone!"}},
        {"event": "use_tool", "data": {"room_id": 1, "target_object_id": 5, "action": "move"}},
    ):
        await ana.send(frame)

    await ana.hear("Hello everyone!")
    me = next(user for user in (await ana.event("room_state"))["users"] if user["user_id"] == ana.person.id)
    assert (me["x"], me["y"]) == (100, 200)
    chair = (await ana.event("tool_used", target_object_id=5))["object"]
    assert (chair["type"], chair["x"], chair["y"]) == ("chair", 150, 250)
