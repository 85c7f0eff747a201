"""500 people who walk about in one room and watch each other: what it costs the server, how late one is told, how much.

The floor is 4,000 by 4,000 units, with some hundred things in the way and areas with rules. Everybody sends 20 moves a
second. They walk spread over the floor, then all in one spot, then they stand still. Beside it runs the space of a
tutorial, which sends each move on to everybody at once.
"""

import asyncio
import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from accounts_world import CHEAP, PASSWORD, SECRET
from benchmarks import product
from benchmarks.harness import (
    Figure,
    Plan,
    Results,
    Samples,
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
from scene import HandClock, Scene
from servers import free_port
from tertulia.domain import commands as c
from tertulia.domain.clock import utc_now
from tertulia.domain.ids import RoomId, SessionId
from tertulia.domain.models import Actor
from tertulia.domain.roles import UserRole
from tertulia.services.accounts import Accounts
from tertulia.services.passwords import Passwords
from tertulia.services.tokens import Tokens
from tertulia.store import Store

PEOPLE, MOVES_A_SECOND, SPEED = 500, 20, 150
RATE = PEOPLE * MOVES_A_SECOND
TUTORIAL_RATE = 60  # in all: about half of what it can bear
TALKERS, MESSAGES_A_SECOND = 4, 10  # of each talker one in 400 ms
SIDE, CELL = 4000, 250
SPOT = (1825, 1825, 100, 100)  # the middle of a cell in which nothing stands

MOVE = '{"event":"update_position","data":{"room_id":ROOM,"x":%x,"y":%y,"direction":"%d"}}'
WARM_UP = 5
"""Seconds of walking before it counts: of who has come, all are told after three that they are online, and who stood
together while they waited for the others has to part first."""
SPEAKS = {
    "header": "Sec-WebSocket-Protocol: tertulia.v1",
    "join": '{"event":"join_room","data":{"room_id":ROOM,"x":%x,"y":%y}}',
    "say": '{"event":"send_message","data":{"room_id":ROOM,"message":"%t"}}',
    "answer": '{"event":"ping","data":{}}',
}
AS_IT_COMES = {"FRAME_RATE": "20", "FRAME_BURST": "60", "SOCKETS_PER_USER": "10", "SECRET_KEY": SECRET}

KINDS: Sequence[tuple[str, dict[str, Any]]] = (
    ("quiet", {"is_quiet": True}),
    ("private", {"is_private": True}),
    ("small", {"capacity": 4}),
    ("lockable", {"is_lockable": True}),
    ("open", {}),
)
THINGS: Sequence[tuple[str, int, int, int]] = (  # type, width, height, rotation
    ("table", 120, 80, 0),
    ("wall", 150, 10, 0),
    ("wall", 10, 150, 0),
    ("table", 80, 80, 45),
    ("shelf", 40, 40, 0),
    ("wall", 120, 10, 30),
)


@dataclass(frozen=True)
class Space:
    """The room, in a data folder with everybody's account; *people* and *avoid*: files for the generator."""

    prepared: product.Prepared
    room_id: RoomId
    people: Path
    avoid: Path

    def speaks(self, region: Sequence[int]) -> dict[str, object]:
        frames = {**SPEAKS, "move": MOVE}
        return {
            **{name: frame.replace("ROOM", str(self.room_id)) for name, frame in frames.items()},
            "people": self.people,
            "avoid": self.avoid,
            "region": " ".join(map(str, region)),
            "rate": RATE,
            "step": SPEED / MOVES_A_SECOND,
            "warm": WARM_UP,
        }


def run(plan: Plan) -> tuple[str, list[Figure]]:
    results = Results()
    with scratch() as folder:
        say(f"positions: {PEOPLE} accounts and a furnished floor")
        space = _prepare(folder)
        for turn in range(plan.rounds):
            say(f"positions: round {turn + 1} of {plan.rounds}")
            _spread(plan, space, folder, results)
            _in_one_spot(plan, space, folder, results)
            _tutorial(plan, folder, results)
    return _report(results)


# The room


def _prepare(folder: Path) -> Space:
    data = product.prepare(folder, users=0).data
    tokens, room_id, blocks = asyncio.run(_furnish(f"sqlite:///{data}/tertulia.db"))
    people, avoid = folder / "people", folder / "avoid"
    lines = [f"/api/v1/ws?token={token}\t{user_id}" for user_id, token in tokens]
    people.write_text("\n".join(lines) + "\n")
    avoid.write_text("".join(f"{x:.2f} {y:.2f} {width:.2f} {height:.2f}\n" for x, y, width, height in blocks))
    return Space(product.Prepared(data, None, [token for _, token in tokens]), room_id, people, avoid)


async def _furnish(url: str) -> tuple[list[tuple[int, str]], RoomId, list[tuple[float, float, float, float]]]:
    """User ids with access tokens, the room, and the rectangles to keep clear of."""
    store = Store.open(url)
    await store.start(migrate=False)
    # Hashes that cost next to nothing: with Argon2 as it should be this alone took a minute.
    maker = Tokens(SECRET, access_lifetime=timedelta(hours=10))
    accounts = Accounts(store, Passwords(**CHEAP), maker, clock=utc_now)
    tokens, actors = [], []
    for index in range(PEOPLE):
        name = f"walker{index:03d}"
        user = await accounts.register(c.Register(username=name, password=PASSWORD), None)
        login = await accounts.login(c.Login(username=name, password=PASSWORD), None)
        tokens.append((int(user.id), login.access_token))
        actors.append(Actor(user.id, name, UserRole.USER, SessionId("")))
    scene = Scene(store, HandClock())
    floor = c.SpaceChange(width=SIDE, height=SIDE, areas=_areas())
    room = await scene.do(actors[0], c.CreateRoom(name="A large floor", space=floor))
    things = _things()
    await scene.do(actors[0], c.ReplaceFloorPlan(room_id=room.id, space=c.SpaceChange(), objects=things))
    for actor in actors[1:]:
        await scene.do(actor, c.JoinRoom(room_id=room.id))
    await store.stop()
    rules = [(area.x, area.y, area.width, area.height) for area in _areas() if area.name != "open"]
    return tokens, room.id, [_bounds(thing) for thing in things] + rules


def _cells() -> Iterator[tuple[int, float, float]]:
    """The number and the middle of each cell of the floor, but for that of the spot."""
    across = SIDE // CELL
    for index in range(across * across):
        x, y = (index % across + 0.5) * CELL, (index // across + 0.5) * CELL
        if not (x - CELL / 2 <= SPOT[0] < x + CELL / 2 and y - CELL / 2 <= SPOT[1] < y + CELL / 2):
            yield index, x, y


def _areas() -> list[c.NewArea]:
    """In every 13th cell one: 20, four of each kind or so."""
    places = [(x, y) for index, x, y in _cells() if index % 13 == 6]
    return [
        c.NewArea(name=KINDS[n % len(KINDS)][0], x=x - 80, y=y - 80, width=160, height=160, **KINDS[n % len(KINDS)][1])
        for n, (x, y) in enumerate(places)
    ]


def _things() -> list[c.NewObject]:
    """In every other cell one that is solid."""
    return [
        c.NewObject(
            type=kind, x=x - width / 2, y=y - height / 2, width=width, height=height, rotation=turned, is_solid=True
        )
        for index, x, y in _cells()
        if index % 13 != 6
        for kind, width, height, turned in [THINGS[index % len(THINGS)]]
    ]


def _bounds(thing: c.NewObject) -> tuple[float, float, float, float]:
    """The upright rectangle around it, however it is turned."""
    width, height, angle = thing.width or 0.0, thing.height or 0.0, math.radians(thing.rotation)
    across = width * abs(math.cos(angle)) + height * abs(math.sin(angle))
    down = width * abs(math.sin(angle)) + height * abs(math.cos(angle))
    return thing.x + width / 2 - across / 2, thing.y + height / 2 - down / 2, across, down


# What is measured


def _spread(plan: Plan, space: Space, folder: Path, results: Results) -> None:
    idle = 2 if plan.quick else 10
    with product.serve(space.prepared, folder, **AS_IT_COMES) as server:
        options = {**space.speaks((10, 10, SIDE - 20, SIDE - 20)), "settle": 3, "idle": idle}
        result = _walk(plan, server, options)
    _keep("spread", result, results)
    results.add("idle", value=result["idle_cpu_s"] / idle)
    results.add("rss", value=result["rss_kib"] / 1024)


def _in_one_spot(plan: Plan, space: Space, folder: Path, results: Results) -> None:
    with product.serve(space.prepared, folder, **AS_IT_COMES) as server:
        options = {**space.speaks(SPOT), "talkers": TALKERS, "say-rate": MESSAGES_A_SECOND}
        result = _walk(plan, server, options)
    _keep("spot", result, results)
    results.add("spot", "chat50", value=result["chat"]["p50_ms"])
    results.add("spot", "chat99", value=result["chat"]["p99_ms"])
    results.add("wrong", value=result["problems"]["unheard"])


def _tutorial(plan: Plan, folder: Path, results: Results) -> None:
    people = folder / "tutorial-people"
    people.write_text("".join(f"/ws/{user_id}\t{user_id}\n" for user_id in range(1, PEOPLE + 1)))
    options = {
        "people": people,
        "ready": "",
        "move": MOVE.replace("ROOM", "1"),
        "region": f"0 0 {SIDE} {SIDE}",
        "rate": TUTORIAL_RATE,
        "step": SPEED / MOVES_A_SECOND,
    }
    with _tutorial_server(folder) as server:
        result = _walk(plan, server, options)
    _keep("tutorial", result, results)


@contextlib.contextmanager
def _tutorial_server(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = uvicorn("benchmarks.yardsticks.tutorial_positions:app", port)
    with running("tutorial", command, port, folder=folder) as server:
        yield server


def _walk(plan: Plan, server: Server, options: Mapping[str, object]) -> dict[str, Any]:
    seconds = 2 * plan.seconds if plan.quick else 3 * plan.seconds
    return measure(server, {**options, "seconds": seconds}, program="walkers")


def _keep(scene: str, result: Mapping[str, Any], results: Results) -> None:
    seconds, viewers = result["load_seconds"], result["sockets"]
    values = {
        "user": result["user_s"] / seconds,
        "system": result["system_s"] / seconds,
        "us": cpu_us(result, "moves"),
        "rate": result["moves"] / seconds,
        "p50": result["delay"]["p50_ms"],
        "p99": result["delay"]["p99_ms"],
        "reached": result["reached"] / max(result["watched"], 1),
        "frames": result["frames"] / seconds / viewers,
        "told": result["told"] / seconds / viewers,
        "kb": result["bytes"] / seconds / viewers / 1000,
        "kb_most": result["bytes_most"] / seconds / 1000,
        "corrected": result["corrections"] / max(result["moves"], 1) * 1000,
        "age50": result["age"]["p50_ms"],
        "age99": result["age"]["p99_ms"],
    }
    for name, value in values.items():
        results.add(scene, name, value=value)
    results.add(scene, "core", value=values["user"] + values["system"])
    results.add("others", value=result["others"])
    if scene != "tutorial":
        results.add("generator", value=result["generator_core"])
        results.add("lateness", value=result["lateness"]["p99_ms"])
        problems = result["problems"]
        results.add("wrong", value=sum(problems[name] for name in ("errors", "closed", "unreadable", "held_back")))


# What is told


def _report(results: Results) -> tuple[str, list[Figure]]:
    figures = _figures(results)
    told = (
        f"{PEOPLE} people with `tertulia.v1`, {MOVES_A_SECOND} moves a second each ({RATE:,} in all), on a floor of"
        f" {SIDE:,} x {SIDE:,} units with {len(_things())} solid things and {len(_areas())} areas, at {SPEED} units a"
        f" second. Medians (least..most of the rounds). {noise_note(results)} The generator took"
        f" {results.median('generator'):.0%} of its own core, and sent 99 of 100 moves within"
        f" {results.median('lateness'):.1f} ms of their time."
    )
    words = (
        "**Product.** *Delay*: from sending a move until the viewer who stood nearest has been told that very place; of"
        " two moves within one tick only the later one is told. *Age*: the same for whatever anybody is told."
    )
    still = (
        f"**Still**: all {PEOPLE} present, nobody moves: {results.get('idle').spread(3)} of a core. The process held"
        f" {results.median('rss'):.0f} MiB."
    )
    beside = f"**Beside it, a tutorial's space**, at {TUTORIAL_RATE} moves a second in all, which it can bear."
    tables = _product_table(results), _tutorial_table(results), figures_table(figures)
    parts = [told, words, tables[0], still, beside, *tables[1:]]
    return "\n\n".join(parts), figures


def _product_table(results: Results) -> str:
    def row(what: str, name: str, digits: int, scale: float = 1) -> list[str]:
        cells = []
        for scene in ("spread", "spot"):
            values = results.get(scene, name).values
            cells.append(Samples([value * scale for value in values]).spread(digits))
        return [what, *cells]

    rows = [
        row("moves a second", "rate", 0),
        row("server's core, %", "core", 1, 100),
        row("of it user, %", "user", 1, 100),
        row("CPU us a move", "us", 1),
        row("delay p50, ms", "p50", 1),
        row("delay p99, ms", "p99", 1),
        row("moves told to the nearest viewer, %", "reached", 1, 100),
        row("age p50, ms", "age50", 1),
        row("age p99, ms", "age99", 1),
        row("frames a second and viewer", "frames", 1),
        row("moves a second and viewer", "told", 1),
        row("moves a second, mover and viewer", "told", 3, 1 / (PEOPLE - 1)),
        row("kB a second and viewer, frame headers included", "kb", 2),
        row("kB a second, who gets most", "kb_most", 2),
        row("corrections per 1,000 moves", "corrected", 2),
        ["chat p50, ms", "-", results.get("spot", "chat50").spread(1)],
        ["chat p99, ms", "-", results.get("spot", "chat99").spread(1)],
    ]
    return table(["", "spread over the floor", f"within {SPOT[2]} x {SPOT[3]} units"], rows)


def _tutorial_table(results: Results) -> str:
    ours, theirs = _cores("spread", results), _cores("tutorial", results)
    scale = RATE / TUTORIAL_RATE
    rows = [
        [
            "product",
            f"{RATE:,}",
            results.get("spread", "us").spread(1),
            f"{number(results.median('spread', 'p50'), 1)} / {number(results.median('spread', 'p99'), 1)}",
            number(ours, 3),
            number(results.median("spread", "kb"), 1),
            "1",
        ],
        [
            "tutorial",
            f"{TUTORIAL_RATE}",
            results.get("tutorial", "us").spread(0),
            f"{number(results.median('tutorial', 'p50'), 1)} / {number(results.median('tutorial', 'p99'), 1)}",
            f"{number(theirs, 1)} (scaled)",
            f"{number(results.median('tutorial', 'kb') * scale, 0)} (scaled)",
            f"{theirs / ours:.0f}",
        ],
    ]
    columns = [
        "server",
        "moves/s",
        "CPU us a move",
        "delay p50 / p99 ms",
        f"cores for {RATE:,} moves/s",
        "kB/s a viewer",
    ]
    return table([*columns, "CPU, of the product's"], rows)


def _cores(scene: str, results: Results) -> float:
    """What `RATE` moves a second take."""
    return results.median(scene, "us") * RATE / 1e6


def _figures(results: Results) -> list[Figure]:
    spread = {name: results.median("spread", name) for name in ("p99", "kb", "corrected")}
    ours, theirs = _cores("spread", results), _cores("tutorial", results)
    return [
        Figure(f"server's core, {PEOPLE} spread over the floor", 30, ours * 100, "%"),
        Figure("from a move to its nearest viewer, p99", 100, spread["p99"], "ms"),
        Figure("told to each viewer a second", 12, spread["kb"], "kB"),
        Figure("moves corrected that were right, of 1,000", 1, spread["corrected"]),
        Figure(f"chat among {PEOPLE} in one spot, p99", 250, results.median("spot", "chat99"), "ms"),
        Figure(f"server's core while {PEOPLE} stand still", 1, results.median("idle") * 100, "%"),
        Figure("the tutorial's CPU, of the product's", 200, theirs / ours, at_least=True),
        Figure(
            "messages unheard, sockets closed, frames refused or not understood", 0, sum(results.get("wrong").values)
        ),
    ]
