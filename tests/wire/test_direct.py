"""direct's socket, from outside: every frame and refusal of the contract, and clients of cafe in the same rooms."""

import asyncio
from datetime import UTC, datetime

import pytest
import websockets

from driver_direct import Direct, call
from drivers import Cafe, Client, Person, Simple

NOWHERE = 4_000_000_000
REFUSED = (1008, "Invalid token")


async def said(client: Direct, text: str) -> dict:
    """A message that was just sent to the client's room."""
    await client.say(text)
    return await client.frame("message", message=text)


async def between(ana: Person, bea: Person) -> int:
    """The direct room of the two, which cafe calls by its id."""
    return (await ana.ask("POST", "/rooms/direct", json={"user_id": bea.id})).json()["id"]


async def group(owner: Person, *others: Person) -> int:
    body = {"kind": "group", "name": "Us", "member_ids": [one.id for one in others]}
    return (await owner.ask("POST", "/rooms", 201, json=body)).json()["id"]


# ---- who may come in


async def refused(person: Person, path: str) -> tuple[int | None, str | None]:
    client = Client(person, await websockets.connect(person.socket_url(path)))
    closed = await client.closes()
    assert client.heard == []
    return closed


async def test_a_socket_is_for_its_own_user_alone(people):
    ana, bea = await people("ana"), await people("bea")
    for whose in (bea.id, NOWHERE, 0, "-1", "me", ana.name, "9" * 400, f"{ana.id}x"):
        assert await refused(ana, f"/ws/{whose}?token={ana.token}") == REFUSED, whose
    for query in ("", "?token=", "?token=nonsense", f"?token={ana.token}x", "?ticket=nonsense"):
        assert await refused(ana, f"/ws/{ana.id}{query}") == REFUSED, query


async def test_it_opens_by_header_query_ticket_and_subprotocol(people):
    ana = await people("ana")
    ticket = (await ana.ask("POST", "/auth/ws-ticket", 200)).json()["ticket"]
    for path, options in (
        (f"/ws/{ana.id}", {"additional_headers": ana.headers}),
        (f"/ws/{ana.id}/?token={ana.token}", {}),
        (f"/ws/{ana.id}?ticket={ticket}", {}),
        (f"/ws/{ana.id}", {"subprotocols": ["bearer", ana.token]}),
    ):
        client = people.keep(Direct(ana, await websockets.connect(ana.socket_url(path), **options), 1))
        assert (await client.ping())["timestamp"].endswith("Z")


async def test_auth_and_echo_are_no_users(people):
    ana = await people("ana")
    echo = await websockets.connect(ana.socket_url("/ws/echo"))
    await echo.send("hello")
    assert await echo.recv() == "hello"
    await echo.close()
    other = await websockets.connect(ana.socket_url(f"/ws/auth?token={ana.token}"))
    assert '"connection_established"' in await other.recv()
    await other.close()


# ---- messages


async def test_the_frames_of_the_contract_work_as_they_are_written(people):
    ana, bea = await people.join(Direct, "ana"), await people.join(Direct, "bea")
    now = datetime.now(UTC).isoformat()
    await ana.send({"message": "to room 1", "timestamp": now})
    message = await ana.frame("message", message="to room 1")
    await ana.send({"message": "to you", "timestamp": now, "recipient_id": str(bea.person.id)})
    chat_id = (await ana.frame("message", message="to you"))["chat_id"]
    for frame in (
        {"message": "to us", "timestamp": now, "chat_id": chat_id},
        {"message": "yes", "timestamp": now, "reply_to_message_id": message["id"]},
        {"type": "message", "message": "hello", "timestamp": now, "recipient_id": bea.person.id},
        {"type": "typing", "recipient_id": str(bea.person.id)},
        {"type": "typing", "chat_id": chat_id},
        {"type": "typing"},
        {"type": "read", "message_id": message["id"]},
        {"type": "status", "status": "away"},
    ):
        await ana.send(frame)
    await ana.ping()
    assert ana.frames("error") == []
    assert (await bea.frame("message", message="yes"))["quote"]["content"] == "to room 1"


async def test_a_socket_that_is_open_hears_the_first_message_of_a_new_direct_room(people):
    ana, bea, carla = [await people.join(Direct, name) for name in ("ana", "bea", "carla")]

    await ana.tell(bea.person, "hola")
    for client in (ana, bea):
        frame = dict(await client.frame("message", message="hola"))
        assert frame.pop("created_at").endswith("Z")
        assert int(frame.pop("id")) > 0
        assert int(frame.pop("chat_id")) > 1
        assert frame == {
            "type": "message",
            "sender_id": str(ana.person.id),
            "sender_username": ana.person.name,
            "recipient_id": str(bea.person.id),
            "content": "hola",
            "message": "hola",
            "message_type": "text",
            "attachments": [],
            "reply_to_message_id": None,
            "quote": None,
            "mentions": [],
            "mentions_here": False,
            "reactions": [],
            "status": "sent",
            "is_edited": False,
            "is_deleted": False,
            "updated_at": None,
            "delivered_at": None,
            "read_at": None,
        }
    await bea.tell(ana.person, "¿qué tal?")
    back = await ana.frame("message", message="¿qué tal?")
    assert back["recipient_id"] == str(ana.person.id)
    assert back["chat_id"] == ana.frames("message")[0]["chat_id"]
    await carla.ping()
    assert carla.frames("message") == []


async def test_two_who_write_to_each_other_at_once_have_one_room(people):
    ana, bea = await people.join(Direct, "ana"), await people.join(Direct, "bea")

    await asyncio.gather(ana.tell(bea.person, "from ana"), bea.tell(ana.person, "from bea"))

    rooms = {(await client.frame("message", message=f"from {name}"))["chat_id"]
             for client in (ana, bea) for name in ("ana", "bea")}  # fmt: skip
    assert len(rooms) == 1


async def test_all_devices_of_both_hear_it(people):
    ana, bea = await people("ana"), await people("bea")
    sockets = [people.keep(await Direct.open(person)) for person in (ana, ana, bea, bea)]

    await sockets[0].tell(bea, "everywhere")

    for client in sockets:
        assert len(await client.until(lambda client=client: client.frames("message", message="everywhere"))) == 1


async def test_room_1_is_shared_with_clients_of_cafe_and_simple(people):
    ana, bea, carla = (
        await people.join(Direct, "ana"),
        await people.join(Cafe, "bea"),
        await people.join(Simple, "carla"),
    )

    await ana.send({"message": "hello café"})
    for other in (bea, carla):
        heard = await other.hears("message", text="hello café")
        assert heard.user_id == ana.person.id
    frame = await ana.frame("message", message="hello café")
    assert (frame["id"], frame["chat_id"], frame["recipient_id"]) == (str(heard.message_id), "1", None)
    await bea.reply(heard.message_id, "hello ana")
    answer = await ana.frame("message", message="hello ana")
    assert answer["reply_to_message_id"] == frame["id"]
    assert answer["quote"] == {
        "message_id": frame["id"],
        "sender_id": str(ana.person.id),
        "sender_username": ana.person.name,
        "content": "hello café",
        "is_deleted": False,
    }
    await carla.say("hello both")
    await ana.frame("message", message="hello both", sender_username=carla.person.name)


async def test_a_direct_room_is_shared_with_a_client_of_cafe(people):
    ana, bea = await people.join(Direct, "ana"), await people("bea")
    room_id = await between(bea, ana.person)
    other = people.keep(await Cafe.open(bea, room_id))

    await ana.tell(bea, "psst")
    assert (await other.hears("message", text="psst")).user_id == ana.person.id
    await other.say("what?")
    frame = await ana.frame("message", message="what?")
    assert (frame["chat_id"], frame["recipient_id"]) == (str(room_id), str(ana.person.id))


async def test_a_room_that_one_joins_later_is_heard_until_one_leaves_it(people):
    owner, ana = await people("owner"), await people.join(Direct, "ana")
    room_id = await group(owner)
    speaker = people.keep(await Direct.open(owner, room_id))

    await speaker.say("before")
    await speaker.hear("before")
    await owner.ask("POST", f"/rooms/{room_id}/members", 201, json={"user_id": ana.person.id})
    await speaker.say("now")
    await ana.frame("message", message="now", chat_id=str(room_id))
    await owner.ask("DELETE", f"/rooms/{room_id}/members/{ana.person.id}", 204)
    await speaker.say("after")
    await speaker.hear("after")

    await ana.send({"message": "only to me", "chat_id": "1"})
    await ana.frame("message", message="only to me")
    assert [frame["message"] for frame in ana.frames("message", chat_id=str(room_id))] == ["now"]
    await ana.send({"message": "let me in", "chat_id": str(room_id)})
    assert (await ana.frame("error"))["code"] == "room_not_found"


async def test_a_nonce_makes_one_message_of_two_frames(people):
    ana, bea = await people.join(Direct, "ana"), await people.join(Direct, "bea")
    for _ in range(2):
        await ana.tell(bea.person, "once", nonce="n1")
    await ana.ping()
    await ana.tell(bea.person, "another", nonce="n1")
    assert (await ana.frame("error"))["code"] == "nonce_conflict"
    await ana.tell(bea.person, "last")
    await bea.frame("message", message="last")

    assert [frame.get("nonce") for frame in ana.frames("message", message="once")] == ["n1"]
    assert [frame.get("nonce") for frame in bea.frames("message", message="once")] == [None]


# ---- what becomes of messages


async def test_an_edit_and_a_deletion_are_told_to_all(people):
    ana, bea = await people.join(Direct, "ana"), await people.join(Direct, "bea")
    sent = await said(ana, "helo")

    await ana.edit(sent["id"], "hello")
    for client in (ana, bea):
        frame = dict(await client.frame("message_updated", id=sent["id"]))
        assert frame.pop("updated_at").endswith("Z")
        assert frame == {
            "type": "message_updated",
            "id": sent["id"],
            "message_id": sent["id"],
            "sender_id": str(ana.person.id),
            "sender_username": ana.person.name,
            "chat_id": "1",
            "content": "hello",
            "message": "hello",
            "mentions": [],
            "mentions_here": False,
            "is_edited": True,
        }
    await ana.delete(sent["id"])
    for client in (ana, bea):
        frame = dict(await client.frame("message_deleted", id=sent["id"]))
        assert frame.pop("updated_at").endswith("Z")
        assert frame == {
            "type": "message_deleted",
            "id": sent["id"],
            "message_id": sent["id"],
            "chat_id": "1",
            "user_id": str(ana.person.id),
            "username": ana.person.name,
            "is_deleted": True,
        }


async def test_a_reaction_is_told_when_it_is_given_and_when_it_is_taken_back(people):
    ana, bea = await people.join(Direct, "ana"), await people.join(Direct, "bea")
    sent = await said(ana, "like me")
    told = {"message_id": sent["id"], "emoji": "👍", "user_id": str(bea.person.id), "username": bea.person.name}

    await bea.react(sent["id"], "👍")
    for client in (ana, bea):
        assert (await client.frame("reaction", action="added", chat_id="1", **told))["count"] == 1
    await bea.react(sent["id"], "👍")
    await bea.unreact(sent["id"], "👍")
    for client in (ana, bea):
        assert (await client.frame("reaction", action="removed", chat_id="1", **told))["count"] == 0
        assert len(client.frames("reaction")) == 2


async def test_the_sender_sees_that_it_was_delivered_and_that_it_was_read(people):
    ana, bea = await people.join(Direct, "ana"), await people("bea")
    await ana.tell(bea, "are you there?")
    sent = await ana.frame("message", message="are you there?")

    async def status() -> tuple:
        one = (await call(ana.person, "GET", f"/messages/{sent['id']}", 200)).json()
        return one["status"], one["delivered_at"] is not None, one["read_at"] is not None

    assert await status() == ("sent", False, False)
    device = people.keep(await Direct.open(bea))
    await ana.tell(bea, "and now?")
    second = await ana.frame("message", message="and now?")
    mark = {"user_id": str(bea.id), "username": bea.name, "chat_id": sent["chat_id"], "message_id": second["id"]}
    assert (await ana.frame("delivered", **mark))["at"].endswith("Z")
    assert await status() == ("delivered", True, False)
    await device.send({"type": "read", "message_id": second["id"]})
    assert (await ana.frame("read", **mark))["at"].endswith("Z")
    assert await status() == ("read", True, True)


async def test_what_a_client_of_cafe_is_sent_was_delivered_too(people):
    ana, bea = await people.join(Direct, "ana"), await people("bea")
    room_id = await between(bea, ana.person)
    other = people.keep(await Cafe.open(bea, room_id))

    await ana.tell(bea, "psst")
    heard = await other.hears("message", text="psst")
    await ana.frame("delivered", message_id=str(heard.message_id), user_id=str(bea.id))
    await other.read_to(heard.message_id)
    await ana.frame("read", message_id=str(heard.message_id), user_id=str(bea.id))


async def test_a_read_mark_by_rest_is_told_as_well(people):
    ana, bea = await people.join(Direct, "ana"), await people("bea")
    await ana.tell(bea, "read me")
    sent = await ana.frame("message", message="read me")

    read = (await call(bea, "PATCH", f"/messages/{sent['id']}/read/", 200)).json()

    assert (read["id"], read["status"]) == (sent["id"], "read")
    await ana.frame("read", message_id=sent["id"], user_id=str(bea.id))


# ---- of the moment


async def test_typing_is_told_to_the_others_by_whatever_name_the_room_goes(people):
    ana, bea = await people.join(Direct, "ana"), await people.join(Direct, "bea")
    room_id = str(await between(ana.person, bea.person))
    me = {"user_id": str(ana.person.id), "username": ana.person.name}

    await ana.send({"type": "typing", "recipient_id": str(bea.person.id)})
    assert await bea.frame("typing", chat_id=room_id) == {"type": "typing", "chat_id": room_id, **me}
    await ana.send({"type": "typing"})
    await bea.frame("typing", chat_id="1", **me)
    await bea.send({"type": "typing", "chat_id": int(room_id)})
    await ana.frame("typing", chat_id=room_id, user_id=str(bea.person.id))
    await ana.ping()
    assert len(ana.frames("typing")) == 1


async def test_typing_to_whom_one_has_never_spoken_opens_no_room(people):
    ana, bea = await people.join(Direct, "ana"), await people.join(Direct, "bea")

    await ana.send({"type": "typing", "recipient_id": str(bea.person.id)})
    await ana.ping()
    await bea.ping()

    assert bea.frames("typing") == []
    assert ana.frames("error") == []


async def test_a_status_is_told_to_who_shares_a_room(people):
    ana, bea = await people.join(Direct, "ana"), await people.join(Direct, "bea")
    for status in ("away", "busy", "online"):
        await bea.send({"type": "status", "status": status})
        frame = await ana.frame("status", user_id=str(bea.person.id), status=status)
        assert (frame["username"], frame["is_online"]) == (bea.person.name, True)
        shown = (await call(ana.person, "GET", f"/users/{bea.person.id}", 200)).json()
        assert (shown["status"], shown["is_online"]) == (status, True)
    await bea.send({"type": "status", "status": "invisible"})
    frame = await ana.frame("status", user_id=str(bea.person.id), status="offline")
    assert not frame["is_online"]
    shown = (await call(ana.person, "GET", f"/users/{bea.person.id}", 200)).json()
    assert (shown["status"], shown["is_online"]) == ("offline", False)


# ---- refusals

WRONG = {
    "no text": ({"message": "  "}, "empty_message", "Message content cannot be empty"),
    "nothing at all": ({}, "empty_message", "Message content cannot be empty"),
    "too much text": ({"message": "m" * 4001}, "invalid", "The message is longer than 4000 characters"),
    "two targets": (
        {"message": "m", "chat_id": "1", "recipient_id": "1"}, "malformed", "Give recipient_id or chat_id, not both",
    ),
    "no such room": ({"message": "m", "chat_id": NOWHERE}, "room_not_found", "Room not found"),
    "no such user": ({"message": "m", "recipient_id": NOWHERE}, "user_not_found", "User not found"),
    "no id": ({"message": "m", "recipient_id": "bob"}, "malformed", 'recipient_id must be an id such as "3"'),
    "typing nowhere": ({"type": "typing", "chat_id": NOWHERE}, "not_a_member", "Join the room first"),
    "no such message": ({"type": "read", "message_id": NOWHERE}, "message_not_found", "Message not found"),
    "no message": ({"type": "read"}, "malformed", "Object missing required field `message_id`"),
    "no such status": ({"type": "status", "status": "fishing"}, "malformed", None),
    "files": (
        {"message": "m", "attachments": [{"id": "1"}]}, "malformed",
        "Files cannot be sent with a message yet: attachments must be empty",
    ),
    "no such type": ({"type": "dance"}, "unknown_event", "Unknown message type: dance"),
    "no object": ([], "malformed", "Invalid JSON format"),
}  # fmt: skip


@pytest.mark.parametrize(("frame", "code", "message"), WRONG.values(), ids=WRONG.keys())
async def test_what_is_refused_is_answered_and_the_socket_lives(people, frame, code, message):
    ana = await people.join(Direct, "ana")
    await ana.mumble(frame)
    error = await ana.frame("error")
    assert error["code"] == code or code is None
    assert error["message"] == message or message is None
    await said(ana, f"after {code}")


async def test_nobody_writes_to_themselves(people):
    ana = await people.join(Direct, "ana")
    await ana.tell(ana.person, "me")
    assert (await ana.frame("error"))["code"] == "invalid"


async def test_who_is_blocked_is_refused_and_what_was_said_stays(people):
    ana, bea = await people.join(Direct, "ana"), await people("bea")
    await ana.tell(bea, "before")
    await ana.frame("message", message="before")

    await bea.ask("PUT", f"/users/{ana.person.id}/block", 204)
    await ana.tell(bea, "after")

    error = await ana.frame("error")
    assert (error["code"], error["request"]) == ("blocked", "message")
    found = (await call(ana.person, "GET", f"/messages/conversation/{bea.id}", 200)).json()
    assert [one["content"] for one in found] == ["before"]


async def test_a_room_that_one_may_not_see_is_as_one_that_is_not_there(people):
    owner, ana = await people("owner"), await people.join(Direct, "ana")
    room_id = await group(owner)
    hidden = await said(people.keep(await Direct.open(owner, room_id)), "hidden")

    told = []
    for room, message in ((str(room_id), hidden["id"]), (str(NOWHERE), str(NOWHERE))):
        heard = len(ana.frames("error"))
        for frame in (
            {"message": "knock", "chat_id": room},
            {"message": "knock", "chat_id": room, "reply_to_message_id": message},
            {"message": "knock", "reply_to_message_id": message},
            {"type": "typing", "chat_id": room},
            {"type": "read", "message_id": message},
        ):
            await ana.send(frame)
        await ana.until(lambda due=heard + 5: len(ana.frames("error")) == due, "five refusals")
        told.append(ana.frames("error")[heard:])
    assert told[0] == told[1]
    assert ana.frames("message") == []


async def test_a_socket_ends_with_its_login(people):
    ana = await people("ana")
    client = await Direct.open(ana)

    await ana.ask("POST", "/auth/logout", 204)

    assert await client.closes() == REFUSED


async def test_what_was_said_while_one_was_away_is_there_to_be_read(people):
    ana, bea = await people.join(Direct, "ana"), await people("bea")
    lost = await Direct.open(bea)
    await lost.vanish()

    for text in ("one", "two"):
        await ana.tell(bea, text)
        await ana.frame("message", message=text)
    again = people.keep(await Direct.open(bea))

    found = (await call(bea, "GET", f"/messages/conversation/{ana.person.id}", 200)).json()
    assert [message["content"] for message in found] == ["two", "one"]
    await ana.tell(bea, "three")
    await again.frame("message", message="three")
