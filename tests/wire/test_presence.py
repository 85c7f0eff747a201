"""Presence, from outside: who is seen to be there, by whom, and when that changes."""

import asyncio

import pytest

from drivers import Cafe, CafeV1, Client, Person, Simple, sign_up
from serving import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), PRESENCE_HOLD="0.3") as running:
        yield running


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A server that holds back for longer than any machine needs to open a socket."""
    with Server(tmp_path_factory.mktemp("patient"), PRESENCE_HOLD="5") as running:
        yield running


@pytest.fixture
async def watcher(people):
    return await people.join(Cafe, "watcher")


def told(client: Client, person: Person) -> list[str]:
    """The statuses that were told of somebody."""
    return [data["status"] for data in client.data("presence_updated") if data["user_id"] == person.id]


async def hears(client: Client, person: Person, *statuses: str) -> None:
    """These have been told of somebody, and no others."""
    await client.until(lambda: len(told(client, person)) >= len(statuses), f"{statuses} of {person.name}")
    assert told(client, person) == list(statuses)


async def fence(people, watcher: Client) -> None:
    """Somebody else comes and goes: whatever was to be told before that has been told."""
    other = await people.join(Cafe, "fence")
    await hears(watcher, other.person, "online")
    await other.close()
    await hears(watcher, other.person, "online", "offline")


async def seen(by: Person, person: Person) -> dict:
    return (await by.ask("GET", f"/users/{person.id}", 200)).json()


async def choose(person: Person, status: str, **more) -> dict:
    return (await person.ask("PATCH", "/users/me/status", 200, json={"status": status, **more})).json()


async def test_who_comes_and_goes_is_told_to_those_who_share_a_room(people, watcher):
    ana = await people("ana")
    assert (await seen(watcher.person, ana))["status"] == "offline"
    client = people.keep(await Cafe.connect(ana))
    await client.answer("ping")
    assert (await seen(watcher.person, ana))["status"] == "online"
    await hears(watcher, ana, "online")

    before = (await seen(watcher.person, ana))["last_seen_at"]
    await client.close()
    await hears(watcher, ana, "online", "offline")
    gone = watcher.data("presence_updated")[-1]
    after = await seen(watcher.person, ana)
    assert after["status"] == "offline"
    assert before < after["last_seen_at"] == gone["last_seen_at"]
    assert gone["username"] == ana.name


async def test_a_stranger_to_all_their_rooms_hears_nothing_of_them(people, watcher):
    owner = await people("owner")
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Ours", "is_private": True})).json()["id"]
    hermit = people.keep(await Cafe.open(owner, room))
    ana = await people.join(Cafe, "ana")
    await hears(watcher, ana.person, "online")
    await choose(ana.person, "busy")
    await hears(watcher, ana.person, "online", "busy")
    await hermit.answer("ping")
    assert told(hermit, ana.person) == []


@pytest.mark.parametrize("driver", [Cafe, CafeV1, Simple])
async def test_one_is_there_with_any_socket_until_the_last_one_is_closed(people, watcher, driver):
    ana = await people("ana")
    first = people.keep(await driver.open(ana))
    second = people.keep(await Cafe.open(ana))
    await hears(watcher, ana, "online")
    await first.close()
    third = people.keep(await driver.open(ana))
    await second.vanish()
    await fence(people, watcher)
    assert told(watcher, ana) == ["online"]
    assert (await seen(watcher.person, ana))["status"] == "online"
    await third.close()
    await hears(watcher, ana, "online", "offline")


async def test_a_reload_is_no_event(people, patient):
    people.base = patient.url
    watcher = await people.join(Cafe, "watcher")
    clients = [people.keep(await driver.open(await people("ana"))) for driver in (Cafe, CafeV1, Simple)]
    for client in clients:
        await hears(watcher, client.person, "online")
    for client in clients:
        await client.vanish()
        assert (await seen(watcher.person, client.person))["status"] == "online"
        people.keep(await type(client).open(client.person))
    await fence(people, watcher)
    for client in clients:
        assert told(watcher, client.person) == ["online"]


async def test_the_invisible_are_nowhere_to_be_seen(people, watcher):
    ana = await people("ana")
    assert (await choose(ana, "invisible"))["status"] == "invisible"
    last_seen = (await seen(watcher.person, ana))["last_seen_at"]
    client = people.keep(await Cafe.open(ana))
    assert (await ana.ask("GET", "/users/me", 200)).json()["status"] == "invisible"
    assert (await seen(watcher.person, ana))["status"] == "offline"
    newcomer = await people.join(Cafe, "newcomer")
    state = await newcomer.event("room_state")
    statuses = {user["user_id"]: user["status"] for user in state["users"]}
    assert (statuses[ana.id], statuses[watcher.person.id], statuses[newcomer.person.id]) == (
        "offline", "online", "online",
    )  # fmt: skip
    page = (await watcher.person.ask("GET", f"/users?q={ana.name}", 200)).json()
    assert [user["status"] for user in page["items"]] == ["offline"]
    await client.close()
    await ana.ask("POST", "/auth/ws-ticket", 200)
    await fence(people, watcher)
    assert told(watcher, ana) == []
    assert (await seen(watcher.person, ana))["last_seen_at"] == last_seen


async def test_to_hide_looks_like_going_and_to_show_oneself_like_coming(people, watcher):
    ana = await people("ana")
    client = people.keep(await Cafe.open(ana))
    await hears(watcher, ana, "online")
    await client.ask("set_presence", status="invisible")
    await hears(watcher, ana, "online", "offline")
    hidden = await seen(watcher.person, ana)
    assert hidden["status"] == "offline"
    assert hidden["last_seen_at"] == watcher.data("presence_updated")[-1]["last_seen_at"]
    await client.ask("set_presence", status="online")
    await hears(watcher, ana, "online", "offline", "online")
    await client.ask("set_presence", status="offline")
    await client.close()
    await fence(people, watcher)
    assert told(watcher, ana) == ["online", "offline", "online", "offline"]


async def test_a_status_is_told_at_once_to_others_and_to_ones_own_sockets(people, watcher):
    ana = await people("ana")
    first, second = people.keep(await Cafe.open(ana)), people.keep(await CafeV1.connect(ana))
    await hears(watcher, ana, "online")
    await first.ask("set_presence", status="away", text="Lunch")
    for client in (watcher, first, second):
        event = await client.event("presence_updated", user_id=ana.id, status="away")
        assert (event["text"], event["username"]) == ("Lunch", ana.name)
    assert (await seen(watcher.person, ana))["status_text"] == "Lunch"
    newcomer = await people.join(Cafe, "newcomer")
    state = await newcomer.event("room_state")
    assert {user["user_id"]: user["status"] for user in state["users"]}[ana.id] == "away"


async def test_a_status_set_without_a_socket_is_shown_when_one_comes(people, watcher):
    ana = await people("ana")
    user = await choose(ana, "busy", text="Writing")
    assert (user["status"], user["status_text"]) == ("busy", "Writing")
    await hears(watcher, ana, "offline")
    assert watcher.data("presence_updated")[-1]["text"] == "Writing"
    assert (await seen(watcher.person, ana))["status"] == "offline"
    people.keep(await Cafe.connect(ana))
    await hears(watcher, ana, "offline", "busy")
    assert (await seen(watcher.person, ana))["status"] == "busy"


async def test_a_status_chosen_last_time_is_the_one_that_one_comes_back_with(people, watcher):
    ana = await people("ana")
    client = people.keep(await Cafe.open(ana))
    await hears(watcher, ana, "online")
    await client.ask("set_presence", status="busy")
    await client.close()
    await hears(watcher, ana, "online", "busy", "offline")
    people.keep(await Cafe.open(ana))
    await hears(watcher, ana, "online", "busy", "offline", "busy")


async def test_who_is_deleted_goes_without_a_word_of_their_status(people, watcher):
    ana = await people("ana")
    client = people.keep(await Cafe.open(ana))
    await hears(watcher, ana, "online")
    await ana.ask("DELETE", "/users/me", 204)
    assert (await client.closes())[0] == 4401
    await fence(people, watcher)
    assert told(watcher, ana) == ["online"]


async def test_all_who_were_there_were_seen_last_when_the_server_stopped(tmp_path):
    with Server(tmp_path / "node", PRESENCE_HOLD="60", SHUTDOWN_SPREAD="0") as node:
        ana, ben, cleo = [await sign_up(node.url, name) for name in ("ana", "ben", "cleo")]
        before = {person.id: (await seen(cleo, person))["last_seen_at"] for person in (ana, ben)}
        await choose(ben, "invisible")
        clients = [await Cafe.open(person) for person in (ana, ben)]
        leaving = await Cafe.open(cleo)
        await leaving.close()
        await asyncio.to_thread(node.terminate)
        for client in clients:
            await client.closes()
        node.start()
        assert (await seen(cleo, ana))["last_seen_at"] > before[ana.id]
        assert (await seen(cleo, ben))["last_seen_at"] == before[ben.id]
