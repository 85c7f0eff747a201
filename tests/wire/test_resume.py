"""Coming back: fresh, resumed or reset, and nothing missing and nothing twice."""

import pytest

from drivers import Cafe, CafeMsgpack, CafeV1

pytestmark = pytest.mark.parametrize("server", ["own", "asgi"], indirect=True, scope="module")


@pytest.fixture(params=[Cafe, CafeV1, CafeMsgpack], ids=lambda driver: driver.dialect)
def driver(request):
    return request.param


@pytest.fixture
async def room(people):
    owner = people.keep(await Cafe.connect(await people("owner")))
    made = (await owner.person.ask("POST", "/rooms", 201, json={"name": "Log"})).json()
    ack = await owner.join(made["id"])
    return owner, made["id"], ack["epoch"]


async def test_a_first_join_is_fresh_and_brings_the_last_fifty_messages_oldest_first(people, room, driver):
    owner, room_id, _ = room
    for n in range(55):
        await owner.person.ask("POST", f"/rooms/{room_id}/messages", 201, json={"content": str(n)})
    ana = people.keep(await driver.connect(await people("ana")))

    ack = await ana.join(room_id)

    state = await ana.event("room_state")
    assert ack["result"] == "fresh"
    assert [message["content"] for message in state["messages"]] == [str(n) for n in range(5, 55)]
    assert ack["seq"] == state["seq"]


async def test_a_client_that_was_away_gets_what_it_missed_once_in_order_and_then_goes_live(people, room, driver):
    owner, room_id, epoch = room
    person = await people("ana")
    ana = await driver.connect(person)
    await ana.join(room_id)
    first = await owner.ask("send_message", room_id=room_id, message="heard")
    await ana.hear("heard")
    await ana.vanish()
    for n in range(3):
        await owner.person.ask("POST", f"/rooms/{room_id}/messages", 201, json={"content": f"missed {n}"})
    for n in range(3):
        await owner.ask("send_message", room_id=room_id, message=f"missed too {n}")

    back = people.keep(await driver.connect(person))
    ack = await back.join(room_id, after=first["seq"], epoch=epoch)
    caught_up = await back.event("caught_up")
    await owner.ask("send_message", room_id=room_id, message="live")
    await back.hear("live")

    assert ack["result"] == "resumed"
    assert caught_up["seq"] == ack["seq"]
    seqs = [frame["data"]["seq"] for frame in back.heard if frame["event"] in ("message_received", "member_added")]
    assert seqs == list(range(first["seq"] + 1, first["seq"] + 1 + len(seqs)))
    assert back.texts() == [*(f"missed {n}" for n in range(3)), *(f"missed too {n}" for n in range(3)), "live"]


@pytest.mark.parametrize("claim", [{"after": 10**6}, {"after": 1, "epoch": "another"}], ids=["beyond", "other epoch"])
async def test_a_client_that_knows_another_log_is_told_to_start_over(people, room, driver, claim):
    owner, room_id, epoch = room
    await owner.ask("send_message", room_id=room_id, message="there")
    ana = people.keep(await driver.connect(await people("ana")))

    ack = await ana.join(room_id, **claim)

    await ana.event("caught_up")
    names = [frame["event"] for frame in ana.heard]
    assert ack["result"] == "reset"
    assert names.index("reset") < names.index("room_state") < names.index("caught_up")
    assert (await ana.event("reset")) == {"room_id": room_id, "epoch": epoch, "seq": ack["seq"]}
    assert [message["content"] for message in (await ana.event("room_state"))["messages"]] == ["there"]


async def test_joining_again_on_the_same_socket_doubles_nothing(people, room, driver):
    owner, room_id, _ = room
    ana = people.keep(await driver.connect(await people("ana")))
    for _ in range(3):
        await ana.join(room_id)

    await owner.ask("send_message", room_id=room_id, message="once")
    await owner.ask("send_message", room_id=room_id, message="last")
    await ana.hear("last")

    assert ana.texts() == ["once", "last"]


async def test_the_pages_of_the_log_are_what_the_sockets_heard(people, room):
    owner, room_id, epoch = room
    sent = await owner.ask("send_message", room_id=room_id, message="one")
    await owner.ask("edit_message", message_id=sent["message_id"], message="two")
    await owner.person.ask("PATCH", f"/rooms/{room_id}", 200, json={"name": "Diary"})
    await owner.event("room_updated")

    first = (await owner.person.ask("GET", f"/rooms/{room_id}/events?after=0&limit=2", 200)).json()
    rest = (await owner.person.ask("GET", f"/rooms/{room_id}/events?after={first['seq']}&limit=100", 200)).json()

    assert (first["epoch"], first["has_more"], rest["has_more"]) == (epoch, True, False)
    items = first["items"] + rest["items"]
    assert [item["data"]["seq"] for item in items] == list(range(1, len(items) + 1))
    heard = [frame for frame in owner.heard if "seq" in frame["data"] and frame["event"] in {i["event"] for i in items}]
    told = [frame for frame in items if frame["data"]["seq"] > 1]
    first_of_all = next(frame for frame in told if frame["event"] == "message_received")
    assert first_of_all["data"]["message"] == "two"  # the log is told as it is now: what was taken back is not told
    first_of_all["data"]["message"] = "one"
    assert told == heard


async def test_a_page_of_a_log_that_ends_before_what_the_client_knows_says_so(people, room):
    owner, room_id, _ = room
    head = (await owner.person.ask("GET", f"/rooms/{room_id}", 200)).json()["last_seq"]

    page = (await owner.person.ask("GET", f"/rooms/{room_id}/events?after={head + 100}", 200)).json()

    assert (page["items"], page["seq"], page["has_more"]) == ([], head, False)


async def test_a_left_room_is_silent_and_membership_stays(people, room, driver):
    owner, room_id, _ = room
    ana = people.keep(await driver.connect(await people("ana")))
    await ana.join(room_id)

    await ana.ask("leave_room", room_id=room_id)
    await owner.ask("send_message", room_id=room_id, message="unheard")
    assert (await ana.answer("ping"))["event"] == "pong"

    assert ana.texts() == []
    assert (await ana.person.ask("GET", f"/rooms/{room_id}/messages", 200)).json()["items"][0]["content"] == "unheard"
