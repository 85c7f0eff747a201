"""Ten thousand members, and a message that all of them like: what is asked of the database, and how much of it is
looked at, is what it is for a hundred of them."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, func, select

from crowd import EMOJI, fill
from scene import Scene, scene_on
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid
from tertulia.domain.ids import MessageId, RoomId, Seq
from tertulia.domain.models import REACTION_USERS, Actor
from tertulia.store import Reader, Work
from tertulia.store.tables import memberships

FEW, MANY = 100, 10_000
PAGE = 50

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Crowd(msgspec.Struct):
    """Ana founded the room and said everything in it; what they liked is the last."""

    room_id: RoomId
    message_id: MessageId
    ana: Actor
    people: list[Actor]
    newcomer: Actor


class Cost(msgspec.Struct):
    """Of one command: what was executed, and how much of the tables that looked at."""

    asked: list[tuple[str, Any]] = []
    written: list[tuple[str, Any]] = []
    """By the writer, which has a planner with settings of its own."""
    steps: int = 0
    """Of SQLite's machine: some for each row."""


class Ledger:
    """Watches all connections, of either engine; a SQLite one from its first statement by SQLAlchemy on."""

    def __init__(self) -> None:
        self.cost = Cost()

    async def of(self, scene: Scene, actor: Actor, command: Any) -> tuple[Cost, Any]:
        self.cost = Cost()
        result = await scene.do(actor, command)
        return self.cost, result

    def note(self, sql: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if not statement.startswith("EXPLAIN"):
            is_read = sql.get_execution_options().get("postgresql_readonly") or sql.dialect.name == "sqlite"
            (self.cost.asked if is_read else self.cost.written).append((statement, parameters))
        if sql.dialect.name == "sqlite":
            cursor.connection.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.cost.steps += 1
        return 0


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    event.listen(Engine, "before_cursor_execute", ledger.note)
    yield ledger
    event.remove(Engine, "before_cursor_execute", ledger.note)


async def crowd(scene: Scene, name: str, size: int) -> Crowd:
    ana = await scene.user(f"{name}-ana")
    room = await scene.room(ana)
    sent = await scene.say(ana, room, *["hola"] * (2 * PAGE))
    newcomer = await scene.user(f"{name}-new")

    def make(work: Work) -> list[Actor]:
        return fill(work, room.id, sent[-1].message_id, size)

    return Crowd(room.id, sent[-1].message_id, ana, await scene.store.write(make), newcomer)


@pytest.fixture
async def both(database_url: str) -> AsyncIterator[tuple[Scene, Crowd, Crowd]]:
    async with scene_on(database_url) as scene:
        yield scene, await crowd(scene, "few", FEW), await crowd(scene, "many", MANY)


def enter(one: Crowd) -> Any:
    return one.people[7], c.EnterRoom(room_id=one.room_id)


def join(one: Crowd) -> Any:
    return one.newcomer, c.EnterRoom(room_id=one.room_id)


def like(one: Crowd) -> Any:
    return one.ana, c.AddReaction(message_id=one.message_id, emoji=EMOJI)


def read_page(one: Crowd) -> Any:
    return one.people[7], c.ListMessages(room_id=one.room_id, limit=PAGE)


def read_reactions(one: Crowd) -> Any:
    return one.people[7], c.ListReactions(message_id=one.message_id, limit=PAGE)


def read_more_reactions(one: Crowd) -> Any:
    middle = Seq(len(one.people) * 3 // 2 + 2 * PAGE)
    return one.people[7], c.ListReactions(message_id=one.message_id, limit=PAGE // 2, cursor=middle)


def add(one: Crowd) -> Any:
    return one.people[30], c.AddReaction(message_id=one.message_id, emoji="🎉")


def add_again(one: Crowd) -> Any:
    return one.people[30], c.AddReaction(message_id=one.message_id, emoji=EMOJI)


def take_back_what_is_shown(one: Crowd) -> Any:
    return one.people[3], c.RemoveReaction(message_id=one.message_id, emoji=EMOJI)


def take_back_what_is_not_shown(one: Crowd) -> Any:
    return one.people[-1], c.ToggleReaction(message_id=one.message_id, emoji=EMOJI)


def give_again(one: Crowd) -> Any:
    return one.people[-1], c.ToggleReaction(message_id=one.message_id, emoji=EMOJI)


def call_everybody(one: Crowd) -> Any:
    return one.ana, c.SendMessage(room_id=one.room_id, content="@here, look")


def list_heads(one: Crowd) -> Any:
    return one.people[8], c.ListHeads()


def get_room(one: Crowd) -> Any:
    return one.people[8], c.GetRoom(room_id=one.room_id)


def list_rooms(one: Crowd) -> Any:
    return one.people[8], c.ListRooms(mine=True)


def list_members(one: Crowd) -> Any:
    return one.people[8], c.ListMembers(room_id=one.room_id, limit=PAGE)


def mark_read(one: Crowd) -> Any:
    return one.people[9], c.MarkReadTo(message_id=one.message_id)


def mark_the_end_read(one: Crowd) -> Any:
    return one.people[9], c.MarkRead(room_id=one.room_id, seq=Seq(2**62))


def pin(one: Crowd) -> Any:
    return one.ana, c.PinMessage(message_id=one.message_id)


def list_pins(one: Crowd) -> Any:
    return one.people[7], c.ListPins(room_id=one.room_id)


def edit(one: Crowd) -> Any:
    return one.ana, c.EditMessage(message_id=one.message_id, content="@here, hola")


DEEDS: tuple[Callable[[Crowd], Any], ...] = (
    enter,
    join,
    like,
    read_page,
    read_reactions,
    read_more_reactions,
    add,
    add_again,
    take_back_what_is_shown,
    take_back_what_is_not_shown,
    give_again,
    call_everybody,
    list_heads,
    get_room,
    list_rooms,
    list_members,
    mark_read,
    mark_the_end_read,
    pin,
    list_pins,
    edit,
)
"""In this order, in either crowd: each finds the tables as the one before has left them."""


async def test_what_is_done_in_a_crowd_costs_what_it_costs_among_few(
    both: tuple[Scene, Crowd, Crowd], ledger: Ledger
) -> None:
    scene, few, many = both
    costs = {}
    for deed in DEEDS:
        (in_few, first), (in_many, second) = [await ledger.of(scene, *deed(one)) for one in (few, many)]
        assert kinds(second) == kinds(first), deed.__name__
        assert texts(in_few) == texts(in_many), deed.__name__
        costs[deed.__name__] = [await looked_at(scene, one) for one in (in_few, in_many)]
    grown = {name: cost for name, cost in costs.items() if cost[1] > cost[0] + MANY // 100}
    assert grown == {}, costs

    [shown, *_] = (await scene.do(many.ana, c.GetMessage(message_id=many.message_id))).reactions
    assert (shown.count, len(shown.users)) == (MANY, REACTION_USERS)
    assert (await scene.do(many.people[8], c.GetRoom(room_id=many.room_id))).mention_count == 1
    rows = (await scene.everything())["mentions"]
    assert sorted(user_id for room_id, user_id, _ in rows if room_id == many.room_id) == [0, 0], "never one for each"


async def test_the_measure_tells_a_crowd_from_a_page_of_it(both: tuple[Scene, Crowd, Crowd], ledger: Ledger) -> None:
    scene, _, many = both
    counted = select(func.count()).where(memberships.c.room_id == many.room_id)
    ledger.cost = Cost()
    assert await scene.store.read(lambda reader: reader.sql.execute(counted).scalar_one()) == MANY + 1
    assert await looked_at(scene, ledger.cost) > MANY


async def looked_at(scene: Scene, cost: Cost) -> int:
    """In steps; on PostgreSQL, in the rows that the steps of its plans give to each other, which it tells when the
    statements are run once more: where they were run, but those that write in a transaction that comes to nothing."""
    if scene.store.dialect_name == "sqlite":
        return cost.steps
    written: list[int] = []

    def write(work: Work) -> None:
        written[:] = [explained(work, *asked) for asked in cost.written if not asked[0].startswith("INSERT")]
        raise Invalid("enough")

    with pytest.raises(Invalid, match="enough"):
        await scene.store.write(write)
    return sum(written) + sum(
        await scene.store.read(lambda reader: [explained(reader, *asked) for asked in cost.asked])
    )


def explained(reader: Reader, statement: str, parameters: Any) -> int:
    plan = reader.sql.exec_driver_sql("EXPLAIN (ANALYZE, FORMAT JSON) " + statement, parameters).scalar_one()
    return passed((msgspec.json.decode(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def texts(cost: Cost) -> list[str]:
    return [text for text, _ in [*cost.asked, *cost.written]]


def passed(node: dict[str, Any]) -> int:
    own = sum(node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter"))
    return int(own * node["Actual Loops"]) + sum(passed(child) for child in node.get("Plans", ()))


def kinds(result: Any) -> Any:
    """How much there is of it: as many items on a page, whoever they are."""
    if isinstance(result, c.Snapshot):
        return len(result.messages.items), len(result.pins)
    items = getattr(result, "items", None)
    return type(result), len(items) if isinstance(items, list) else None
