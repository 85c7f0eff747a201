"""People talk: every pair of dialects, in one room, through a real server."""

import asyncio

import pytest

from dialects import DRIVERS, PAIRS
from drivers import Cafe, CafeV1, Simple

pytestmark = pytest.mark.parametrize("server", ["own", "asgi"], indirect=True, scope="module")


@pytest.mark.parametrize(("speaker", "listener"), PAIRS, ids=lambda driver: driver.dialect)
async def test_what_one_says_the_other_hears_in_its_own_words(people, speaker, listener):
    ana, bea = await people.join(speaker, "ana"), await people.join(listener, "bea")

    await ana.say("hola")
    await bea.hear("hola")
    await bea.say("¿qué tal?")
    await ana.hear("¿qué tal?")

    await ana.hear("hola")


async def test_many_messages_come_in_one_order_to_everybody(people):
    clients = [await people.join(driver, "many") for driver in DRIVERS]

    async def chatter(client, name):
        for n in range(10):
            await client.say(f"{name}-{n}")

    await asyncio.gather(*(chatter(client, index) for index, client in enumerate(clients)))
    due = 10 * len(clients)
    for client in clients:
        await client.until(lambda client=client: sum("-" in text for text in client.texts()) >= due, f"{due} messages")

    orders = {tuple(text for text in client.texts() if "-" in text) for client in clients}
    assert len(orders) == 1
    for index in range(len(clients)):
        own = [text for text in next(iter(orders)) if text.startswith(f"{index}-")]
        assert own == [f"{index}-{n}" for n in range(10)]


async def test_a_joiner_gets_the_room_as_it_is_and_others_hear_of_them_once(people):
    ana = await people.join(Cafe, "ana")
    bea_person = await people("bea")

    bea = people.keep(await Cafe.open(bea_person))
    again = people.keep(await CafeV1.open(bea_person))

    state = await bea.event("room_state")
    assert state["room"]["name"] == "Café"
    assert {ana.person.id, bea_person.id} <= {user["user_id"] for user in state["users"]}
    assert next(thing for thing in state["objects"] if thing["id"] == 5)["type"] == "chair"
    await ana.event("user_joined", user_id=bea_person.id)
    await again.close()
    await bea.close()
    await ana.event("user_left", user_id=bea_person.id)
    assert len([e for e in ana.data("user_joined") if e["user_id"] == bea_person.id]) == 1
    assert len([e for e in ana.data("user_left") if e["user_id"] == bea_person.id]) == 1


async def test_the_nonce_comes_back_to_its_sender_alone_and_is_good_for_one_message(people):
    ana, bea = await people.join(Cafe, "ana"), await people.join(Cafe, "bea")

    first = await ana.ask("send_message", room_id=1, message="once", nonce="n-1")
    second = await ana.ask("send_message", room_id=1, message="once", nonce="n-1")
    other = await ana.answer("send_message", room_id=1, message="twice", nonce="n-1")
    await ana.say("after")
    await bea.hear("after")

    assert first["duplicate"] is False
    assert second == {**first, "duplicate": True}
    assert other["data"]["code"] == "nonce_conflict"
    assert bea.texts().count("once") == 1
    assert (await ana.event("message_received", seq=first["seq"]))["nonce"] == "n-1"
    assert "nonce" not in await bea.event("message_received", seq=first["seq"])


async def test_edits_and_deletions_are_heard_and_a_deleted_text_is_nowhere(people):
    ana, bea = await people.join(Cafe, "ana"), await people.join(CafeV1, "bea")
    sent = await ana.ask("send_message", room_id=1, message="helo")

    edited = await ana.ask("edit_message", message_id=sent["message_id"], message="hello-secret")
    deleted = await ana.ask("delete_message", message_id=sent["message_id"])

    heard = await bea.event("message_edited", message_id=sent["message_id"])
    assert (heard["message"], heard["seq"]) == ("hello-secret", edited["seq"])
    assert (await bea.event("message_deleted", message_id=sent["message_id"]))["seq"] == deleted["seq"]
    log = await ana.person.ask("GET", f"/rooms/1/events?after={sent['seq'] - 1}&limit=100", 200)
    assert "helo" not in log.text
    assert "hello-secret" not in log.text
    late = await people.join(Cafe, "late")
    await late.join(1, after=sent["seq"] - 1, epoch=log.json()["epoch"])
    await late.event("caught_up")
    assert not {"helo", "hello-secret"} & set(late.texts())


async def test_typing_is_told_to_the_others_and_not_again_at_once(people):
    ana, bea = await people.join(Cafe, "ana"), await people.join(Cafe, "bea")

    for _ in range(5):
        await ana.ask("typing", room_id=1)
    await ana.say("typed")
    await bea.hear("typed")

    assert len([e for e in bea.data("user_typing") if e["user_id"] == ana.person.id]) == 1
    assert not [e for e in ana.data("user_typing") if e["user_id"] == ana.person.id]


async def test_reading_moves_forward_and_is_told_and_unread_counts_what_is_left(people):
    ana, bea = await people.join(Cafe, "ana"), await people.join(Cafe, "bea")
    room = (await ana.person.ask("POST", "/rooms", 201, json={"name": "Reading"})).json()
    for client in (ana, bea):
        await client.join(room["id"])
    sent = [await ana.ask("send_message", room_id=room["id"], message=str(n)) for n in range(3)]

    await bea.ask("mark_read", room_id=room["id"], seq=sent[1]["seq"])
    await bea.ask("mark_read", room_id=room["id"], seq=sent[0]["seq"])

    assert (await ana.event("read_updated", user_id=bea.person.id))["seq"] == sent[1]["seq"]
    mine = (await bea.person.ask("GET", f"/rooms/{room['id']}", 200)).json()
    assert mine["unread"] == 1


async def test_simple_clients_page_back_through_history(people):
    ana = await people.join(Simple, "ana")
    for n in range(3):
        await ana.say(f"page {n}")
    await ana.hear("page 2")

    await ana.send({"type": "fetch_messages", "limit": 2})
    first = (await ana.until(lambda: ana.frames("messages_history")[1:], "a page"))[0]["data"]
    await ana.send({"type": "fetch_messages", "limit": 2, "cursor": first["next_cursor"]})
    second = (await ana.until(lambda: ana.frames("messages_history")[2:], "a page"))[0]["data"]

    assert [message["content"] for message in first["messages"]] == ["page 2", "page 1"]
    assert first["has_more"] is True
    assert second["messages"][0]["content"] == "page 0"
    assert set(first["messages"][0]) == {"id", "content", "user_id", "username", "room_id", "created_at"}


async def test_an_answer_comes_to_each_request_in_its_order(people):
    ana = await people.join(Cafe, "ana")
    events = ["send_message", "fetch_messages", "send_message", "mark_read", "send_message", "ping"]
    data = {"room_id": 1, "message": "in order", "seq": 1}

    for ref, event in enumerate(events):
        await ana.send({"event": event, "data": data, "id": f"r{ref}"})
    await ana.until(lambda: any(frame.get("id") == "r5" for frame in ana.heard), "the last answer")

    answered = [frame["id"] for frame in ana.heard if str(frame.get("id")).startswith("r")]
    assert answered == [f"r{ref}" for ref in range(6)]
    page = next(frame for frame in ana.heard if frame.get("id") == "r1")["data"]
    assert any(message["seq"] for message in page["messages"])


async def test_whoever_comes_right_after_a_message_finds_it_in_the_history(people):
    ana = await people.join(Simple, "ana")
    for n in range(3):
        await ana.say(f"just said {n}")
        await ana.hear(f"just said {n}")
        late = await people.join(Simple, "late")
        history = (await late.frame("messages_history"))["data"]["messages"]
        assert history[0]["content"] == f"just said {n}"
