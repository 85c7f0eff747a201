"""Every pair of dialects: what one does, the other sees in its own words, or a listed gap says that it has none.

A driver's `cannot_say` and `cannot_hear` are the lists of gaps. Where the listener has no word, it must go on as if
nothing had been: the next message reaches it.
"""

import itertools
from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from dialects import DRIVERS, PAIRS
from drivers import Client, Heard, Person, sign_up
from serving import Server

_texts = itertools.count(1)
_people: dict[tuple[str, str], Person] = {}

KINDS = {
    "reply": "quote",
    "edit": "edited",
    "delete": "deleted",
    "react": "reacted",
    "unreact": "unreacted",
    "type": "typing",
    "read": "read",
    "join": "joined",
    "leave": "left",
}
"""What is heard of what is done."""


class Table:
    """Two people at one table, each with a client of a dialect. *a* does something; *b* sees it."""

    def __init__(self, room_id: int, a: Client, b: Client) -> None:
        self.room_id, self.a, self.b = room_id, a, b

    async def said(self, by: Client, text: str | None = None) -> Heard:
        """A message, as *by* hears it; and the other one has heard it, too."""
        text = text or f"message {next(_texts)}"
        await by.say(text)
        other = self.b if by is self.a else self.a
        heard = await by.hears("message", text=text)
        assert (await other.hears("message", text=text)).message_id == heard.message_id
        assert heard.user_id == by.person.id
        return heard

    async def sees(self, kind: str, **fields: object) -> Heard | None:
        """What *b* hears of it; or, where it has no word, that it still hears the next message."""
        if kind not in self.b.cannot_hear:
            return await self.b.hears(kind, **fields)
        text = f"after it {next(_texts)}"
        await self.b.say(text)
        await self.b.hear(text)
        assert kind not in {event.kind for event in self.b.events()}
        return None


async def person(server: Server, name: str) -> Person:
    if (server.url, name) not in _people:
        _people[server.url, name] = await sign_up(server.url, name)
    return _people[server.url, name]


@pytest_asyncio.fixture
async def at_table(server: Server):
    clients: list[Client] = []

    async def sit(first: type[Client], second: type[Client]) -> Table:
        ana, bea = await person(server, "ana"), await person(server, "bea")
        room = (await ana.ask("POST", "/rooms", 201, json={"name": "Table"})).json()
        await bea.ask("POST", f"/rooms/{room['id']}/join", 200)
        a, b = await first.open(ana, room["id"]), await second.open(bea, room["id"])
        clients.extend((a, b))
        table = Table(room["id"], a, b)
        await table.said(a)  # both hear the room from here on: what is of the moment goes to who is live alone
        return table

    yield sit
    for client in clients:
        await client.close()


async def say(table: Table) -> None:
    await table.said(table.a)
    await table.said(table.b)


async def reply(table: Table) -> None:
    question = await table.said(table.b, "the question\nand more of it")
    await table.a.reply(question.message_id, "the answer")
    heard = await table.b.hears("message", text="the answer")
    if "quote" not in table.b.cannot_hear:
        assert (heard.reply_to, heard.quote) == (question.message_id, "the question")


async def edit(table: Table) -> None:
    message = await table.said(table.a)
    await table.a.edit(message.message_id, "another text")
    await table.sees("edited", message_id=message.message_id, text="another text", user_id=table.a.person.id)


async def delete(table: Table) -> None:
    message = await table.said(table.a)
    await table.a.delete(message.message_id)
    await table.sees("deleted", message_id=message.message_id, user_id=table.a.person.id)


async def react(table: Table) -> None:
    message = await table.said(table.b)
    await table.a.react(message.message_id, "👍")
    await table.sees("reacted", message_id=message.message_id, emoji="👍", user_id=table.a.person.id)


async def unreact(table: Table) -> None:
    message = await table.said(table.b)
    await table.a.react(message.message_id, "🎉")
    await table.sees("reacted", emoji="🎉")
    await table.a.unreact(message.message_id, "🎉")
    await table.sees("unreacted", message_id=message.message_id, emoji="🎉", user_id=table.a.person.id)


async def type_(table: Table) -> None:
    await table.a.type()
    await table.sees("typing", user_id=table.a.person.id)
    await table.said(table.b)
    assert "typing" not in {event.kind for event in table.a.events()}, "nobody is told of their own typing"


async def read(table: Table) -> None:
    message = await table.said(table.b)
    await table.a.read_to(message.message_id)
    await table.sees("read", user_id=table.a.person.id)


async def join(table: Table) -> None:
    """A third one comes, with the dialect of the first."""
    third = await sign_up(table.a.person.base, f"carla{next(_texts)}")
    await third.ask("POST", f"/rooms/{table.room_id}/join", 200)
    client = await type(table.a).open(third, table.room_id)
    if type(table.a).dialect != "direct":  # which hears rooms, and is in none
        await table.sees("joined", user_id=third.id)
    await table.said(table.b)
    await client.close()


async def leave(table: Table) -> None:
    is_in = type(table.a).dialect != "direct"
    await table.a.leave()
    if is_in:
        await table.sees("left", user_id=table.a.person.id)
    await table.b.say("does anybody hear me?")
    await table.b.hear("does anybody hear me?")
    if not table.a.socket.close_code:
        assert "does anybody hear me?" not in table.a.texts()


async def resume(table: Table) -> None:
    """The line breaks; what was said meanwhile is there after coming back, in order, once."""
    await table.a.vanish()
    if type(table.a).dialect != "direct":
        await table.sees("left", user_id=table.a.person.id)
    meanwhile = [f"meanwhile {next(_texts)}" for _ in range(3)]
    for text in meanwhile:
        await table.b.say(text)
        await table.b.hear(text)
    again = await type(table.a).resume(table.a.person, table.room_id, table.a)
    try:
        assert [text for text in await again.missed() if text.startswith("meanwhile")] == meanwhile
        await table.b.say("good to have you back")
        await again.hear("good to have you back")
        await again.say("good to be back")
        await table.b.hear("good to be back")
    finally:
        await again.close()


DEEDS: dict[str, Callable[[Table], Awaitable[None]]] = {
    "say": say,
    "reply": reply,
    "edit": edit,
    "delete": delete,
    "react": react,
    "unreact": unreact,
    "type": type_,
    "read": read,
    "join": join,
    "leave": leave,
    "resume": resume,
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda driver: driver.dialect)
async def test_what_one_does_the_other_sees(at_table, first, second, deed):
    if deed in first.cannot_say:
        assert first.cannot_say[deed]  # why not
        return
    await DEEDS[deed](await at_table(first, second))


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.dialect)
def test_gaps_are_of_deeds_and_events_that_there_are(driver):
    kinds = set(KINDS.values()) | {"delivered"}

    assert set(driver.cannot_say) <= set(DEEDS)
    assert set(driver.cannot_hear) <= kinds
