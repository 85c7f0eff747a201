"""conversations, from outside: every frame, route and refusal of the contract, and a client of cafe in the same room."""

import asyncio

import httpx2
import pytest
import websockets

from driver_conversations import Conversations, call
from drivers import PASSWORD, PATIENCE, Cafe, Client, Person, sign_up

CHAT = "/chat/conversations"
NOWHERE = 4_000_000_000
STRANGER = (1008, "Not a member of this conversation")


def user(*people: Person) -> list[str]:
    return [f"user-{one.id}" for one in people]


async def group(owner: Person, *others: Person, **more) -> str:
    body = {"is_group": True, "participant_ids": user(*others), **more}
    return (await call(owner, "POST", CHAT, 201, json=body)).json()["id"]


async def direct(one: Person, other: Person) -> str:
    return (await call(one, "POST", CHAT, 201, json={"is_group": False, "participant_ids": user(other)})).json()["id"]


async def said(client: Conversations, text: str) -> str:
    """The id of a message that was just sent."""
    await client.say(text)
    return (await client.frame("message", content=text))["message_id"]


# ---- the socket


async def test_the_first_frame_tells_who_is_there_and_the_others_are_told_once(people):
    ana = await people.join(Conversations, "ana")
    person = await people("bea")

    bea = people.keep(await Conversations.open(person))
    again = people.keep(await Conversations.open(person))

    line = {"content": f"User {person.name} joined the conversation", "sender_id": f"user-{person.id}"}
    told = await ana.frame("system", **line)
    for client in (ana, bea, again):
        frame = client.frames("system", **line)[0]
        assert set(user(ana.person, person)) <= set(frame["active_users"])
    for client in (bea, again):
        assert client.heard[0] | {"active_users": []} == told | {"active_users": []}
    await again.close()
    await ana.say("still here?")
    await bea.hear("still here?")
    await bea.close()
    left = await ana.frame("system", content=f"User {person.name} left the conversation")
    assert left["sender_id"] == f"user-{person.id}"
    assert f"user-{person.id}" not in left["active_users"]
    assert f"user-{ana.person.id}" in left["active_users"]
    assert len(ana.frames("system", sender_id=f"user-{person.id}")) == 2


@pytest.mark.parametrize("path", ["conv-1", "1", "conv-1/"])
async def test_a_conversation_is_named_with_and_without_its_prefix(people, path):
    client = people.keep(await Conversations.connect(await people("ana"), path))
    assert (await client.frame("system"))["action"] == "joined"


async def test_room_1_is_conv_1_for_a_client_of_cafe_too(people):
    ana, bea = await people.join(Conversations, "ana"), await people.join(Cafe, "bea")
    name, person_id = ana.person.name, f"user-{ana.person.id}"

    sent = await said(ana, "hola")
    heard = await bea.hears("message", text="hola")
    assert f"msg-{heard.message_id}" == sent
    (frame,) = ana.frames("message", content="hola")
    assert frame.pop("timestamp").endswith("Z")
    assert frame == {
        "type": "message",
        "content": "hola",
        "sender_id": person_id,
        "sender_username": name,
        "message_id": sent,
        "is_edited": False,
        "reply_to": None,
        "conversation_id": "conv-1",
        "kind": "text",
        "quote": None,
        "mentions": [],
        "mentions_here": False,
    }

    await bea.reply(heard.message_id, "¿qué tal?")
    answer = await ana.frame("message", content="¿qué tal?")
    assert answer["reply_to"] == sent
    assert answer["quote"] == {
        "message_id": sent, "sender_id": person_id, "sender_username": name, "content": "hola", "is_deleted": False,
    }  # fmt: skip
    await ana.send({"type": "typing"})
    await bea.hears("typing", user_id=ana.person.id)
    await bea.type()
    await ana.frame("typing", sender_id=f"user-{bea.person.id}", sender_username=bea.person.name)


async def test_an_edit_and_a_deletion_are_told_to_all(people):
    ana, bea = await people.join(Conversations, "ana"), await people.join(Conversations, "bea")
    sent = await said(ana, "helo")

    await ana.send({"type": "edit", "message_id": sent, "content": "hello"})
    for client in (ana, bea):
        frame = await client.frame("edit", message_id=sent)
        assert frame.pop("timestamp").endswith("Z")
        assert frame == {
            "type": "edit",
            "message_id": sent,
            "content": "hello",
            "sender_id": f"user-{ana.person.id}",
            "is_edited": True,
            "mentions": [],
            "mentions_here": False,
        }
    await ana.send({"type": "delete", "message_id": sent.removeprefix("msg-")})
    for client in (ana, bea):
        gone = {"type": "delete", "message_id": sent, "sender_id": f"user-{ana.person.id}"}
        assert await client.frame("delete") == gone


async def test_a_reaction_given_again_is_taken_back(people):
    ana, bea = await people.join(Conversations, "ana"), await people.join(Conversations, "bea")
    sent = await said(ana, "like me")
    told = {"message_id": sent, "emoji": "👍", "sender_id": f"user-{bea.person.id}", "sender_username": bea.person.name}

    for action, count in (("added", 1), ("removed", 0), ("added", 1)):
        await bea.send({"type": "reaction", "message_id": int(sent.removeprefix("msg-")), "emoji": "👍"})
        await bea.until(lambda action=action: bea.frames("reaction")[-1:] == bea.frames("reaction", action=action)[-1:])
        frame = await ana.frame("reaction", action=action, **told)
        assert frame["count"] == count
    await bea.until(lambda: len(bea.frames("reaction")) == 3)
    (message,) = [one for one in await listed(ana.person, "conv-1") if one["id"] == sent]
    assert message["reactions"] == [{"emoji": "👍", "count": 1, "users": user(bea.person)}]


async def listed(person: Person, conversation: str, **query) -> list[dict]:
    return (await call(person, "GET", f"{CHAT}/{conversation}/messages", 200, params=query)).json()


async def test_presence_and_reading_are_told_to_those_who_share_a_conversation(people):
    ana, bea = await people.join(Conversations, "ana"), await people.join(Conversations, "bea")
    me = {"sender_id": f"user-{bea.person.id}"}
    sent = await said(ana, "read this")

    for status in ("away", "busy", "offline", "online"):
        await bea.send({"type": "presence", "status": status})
        await ana.frame("presence", status=status, sender_username=bea.person.name, **me)
    await bea.send({"type": "read", "message_id": sent})
    assert await ana.frame("read", **me) == {"type": "read", "message_id": sent, **me}


async def test_a_ping_has_a_pong(people):
    ana = await people.join(Conversations, "ana")
    await ana.send({"type": "ping"})
    assert (await ana.frame("pong"))["timestamp"].endswith("Z")


async def test_the_frames_of_the_contract_work_as_they_are_written(people):
    ana = await people.join(Conversations, "ana")
    sent = await said(ana, "first")
    for frame in (
        {"type": "message", "content": "second", "reply_to": sent},
        {"type": "typing"},
        {"type": "reaction", "message_id": sent, "emoji": "🎉"},
        {"type": "edit", "message_id": sent, "content": "1st"},
        {"type": "delete", "message_id": sent},
        {"type": "presence", "status": "away"},
        {"type": "read", "message_id": sent},
        {"type": "ping"},
    ):
        await ana.send(frame)
    await ana.frame("pong")
    assert ana.frames("error") == []


REFUSED = {
    "no text": ({"type": "message", "content": "  "}, "empty_message", "Message content cannot be empty"),
    "too much text": ({"type": "message", "content": "m" * 4001}, "invalid", "The message is longer than 4000 characters"),
    "no such message": ({"type": "edit", "message_id": NOWHERE, "content": "x"}, "message_not_found", "Message not found"),
    "a user's id": ({"type": "delete", "message_id": "user-1"}, "malformed", 'message_id must be an id such as "msg-1"'),
    "no emoji": ({"type": "reaction", "message_id": 1}, "malformed", "Object missing required field `emoji`"),
    "no such type": ({"type": "dance"}, "unknown_event", "Unknown message type: dance"),
    "no type": ({}, "malformed", "Message type is missing"),
    "no object": ([], "malformed", "Invalid JSON format"),
}  # fmt: skip


@pytest.mark.parametrize(("frame", "code", "content"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_is_answered_and_the_socket_lives(people, frame, code, content):
    ana = await people.join(Conversations, "ana")
    await ana.mumble(frame)
    await ana.frame("error", code=code, content=content)
    await said(ana, f"after {code}")


async def test_messages_of_other_conversations_are_not_there(people):
    ana, bea = await people("ana"), await people("bea")
    here, there = [people.keep(await Conversations.open(ana, int((await group(ana))[5:]))) for _ in range(2)]
    sent = await said(there, "elsewhere")
    hidden = await said(people.keep(await Conversations.open(bea, int((await group(bea))[5:]))), "hidden")

    told = {}
    for which in (sent, hidden, f"msg-{NOWHERE}"):
        heard = len(here.heard)
        for frame in (
            {"type": "edit", "content": "x"},
            {"type": "delete"},
            {"type": "reaction", "emoji": "x"},
            {"type": "read"},
        ):
            await here.send({**frame, "message_id": which})
        await here.send({"type": "message", "content": "x", "reply_to": which})
        await here.until(lambda due=heard + 5: len(here.heard) == due, "five answers")
        told[which] = here.heard[heard:]
    assert told[sent] == told[hidden] == told[f"msg-{NOWHERE}"]
    assert {frame["type"] for frame in told[sent]} == {"error"}
    assert {frame["code"] for frame in told[sent]} == {"message_not_found", "invalid"}


# ---- refusals of sockets


async def refused(person: Person, path: str) -> tuple[int | None, str | None]:
    client = Client(person, await websockets.connect(person.socket_url(f"/api/chat/ws/{path}")))
    closed = await client.closes()
    assert client.heard == []
    return closed


async def test_a_bad_token_opens_no_conversation(people):
    ana = await people("ana")
    for query in ("", "?token=", "?token=nonsense", f"?token={ana.token}x"):
        for path in ("conv-1", f"conv-{NOWHERE}"):
            assert await refused(ana, f"{path}{query}") == (1008, "Invalid token")


async def test_who_is_no_member_cannot_tell_what_is_there(people):
    ana, bea, kicked, banned = [await people(name) for name in ("ana", "bea", "kicked", "banned")]
    private = await group(ana, kicked, banned)
    public = (await ana.ask("POST", "/rooms", 201, json={"name": "Open"})).json()["id"]
    await banned.ask("POST", f"/rooms/{public}/join", 200)
    await call(ana, "DELETE", f"{CHAT}/{private}/participants/user-{kicked.id}", 204)
    for room_id in (private[5:], public):
        await ana.ask("DELETE", f"/rooms/{room_id}/members/{banned.id}?ban=true", 204)

    for person in (bea, kicked, banned):
        for path in (private, f"conv-{public}", str(public), f"conv-{NOWHERE}", "user-1", "conv-0", "x", "9" * 400):
            assert await refused(person, f"{path}?token={person.token}") == STRANGER, path


@pytest.mark.parametrize("how", ["kick", "leave", "close"])
async def test_a_socket_ends_with_the_membership(people, how):
    ana, bea = await people("ana"), await people("bea")
    ours = await group(ana, bea)
    client = await Conversations.open(bea, int(ours[5:]))
    if how == "close":
        await call(ana, "DELETE", f"{CHAT}/{ours}", 204)
    else:
        await call(bea if how == "leave" else ana, "DELETE", f"{CHAT}/{ours}/participants/user-{bea.id}", 204)
    assert await client.closes() == STRANGER
    assert (await call(bea, "GET", f"{CHAT}/{ours}", 403)).json()["detail"] == STRANGER[1]


# ---- REST: accounts


async def test_an_account_made_here_is_one_everywhere(server):
    account = {"username": "conny", "password": PASSWORD, "email": "conny@example.org", "display_name": "Conny"}
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        made = await http.post("/api/auth/register", json=account)
        assert made.status_code == 201
        mine = made.json()
        assert mine.pop("created_at").endswith("Z")
        assert mine == {
            "id": f"user-{mine['id'][5:]}",
            "username": "conny",
            "email": "conny@example.org",
            "display_name": "Conny",
            "avatar_url": None,
            "bio": "",
            "status": mine["status"],
            "is_active": True,
        }
        assert (await http.post("/api/auth/register/", json=account)).json()["code"] == "name_taken"
        by_json = await http.post("/api/auth/login", json={"username": "conny", "password": PASSWORD})
        by_form = await http.post("/api/auth/login", data={"username": "conny@example.org", "password": PASSWORD})
        by_cafe = await http.post("/api/v1/auth/login", json={"username": "conny", "password": PASSWORD})
        wrong = await http.post("/api/auth/login", json={"username": "conny", "password": "wrong"})
        nobody = await http.get("/api/auth/me")

        assert {"access_token", "token_type"} <= set(by_json.json())
        assert by_json.json()["token_type"] == "bearer"
        for login in (by_json, by_form, by_cafe):
            headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
            me = await http.get("/api/auth/me", headers=headers)
            assert (me.status_code, me.json()["id"]) == (200, made.json()["id"])
            assert (await http.get("/api/v1/auth/me", headers=headers)).json()["id"] == int(mine["id"][5:])
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "Incorrect username or password")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")


# ---- REST: conversations


async def test_two_people_have_one_conversation_whoever_opens_it(people):
    ana, bea = await people("ana"), await people("bea")
    opened = await asyncio.gather(*(direct(*pair) for pair in ((ana, bea), (bea, ana), (ana, bea))))
    assert len(set(opened)) == 1

    found = (await call(bea, "GET", f"{CHAT}/{opened[0]}/", 200)).json()
    assert {found.pop(name)[-1] for name in ("created_at", "updated_at")} == {"Z"}
    assert found == {
        "id": opened[0],
        "name": None,
        "description": None,
        "is_group": False,
        "owner_id": None,
        "participant_ids": user(ana, bea),
        "participant_count": 2,
        "last_message": None,
        "unread_count": 0,
        "mention_count": 0,
    }
    refused = await call(ana, "DELETE", f"{CHAT}/{opened[0]}", 403)
    assert refused.json()["detail"] == "A direct conversation is of its two participants, for ever"
    for body in ({"user_id": "user-1"}, {"participant_ids": [1]}):
        assert (await call(ana, "POST", f"{CHAT}/{opened[0]}/participants", json=body)).status_code in (403, 404)
    await call(ana, "DELETE", f"{CHAT}/{opened[0]}/participants/{ana.id}", 403)


async def test_in_a_direct_conversation_a_message_says_when_it_was_read(people):
    ana, bea = await people("ana"), await people("bea")
    ours = await direct(ana, bea)
    mine, hers = [people.keep(await Conversations.open(one, int(ours[5:]))) for one in (ana, bea)]
    sent = await said(mine, "read this")
    await hers.send({"type": "read", "message_id": sent})
    await mine.frame("read", message_id=sent, sender_id=f"user-{bea.id}")

    (message,) = await listed(ana, ours)

    assert message["delivered_at"] <= message["read_at"]
    assert (await call(bea, "GET", f"{CHAT}/{ours}", 200)).json()["unread_count"] == 0


async def test_a_conversation_that_is_no_group_is_of_two(people):
    ana, bea, carla = [await people(name) for name in ("ana", "bea", "carla")]
    for others in ([], user(ana), user(bea, carla)):
        answer = await call(ana, "POST", CHAT, 422, json={"is_group": False, "participant_ids": others})
        assert "exactly one other participant" in answer.json()["detail"]
    await call(ana, "POST", CHAT, 404, json={"is_group": False, "participant_ids": [NOWHERE]})
    await call(ana, "POST", CHAT, 404, json={"is_group": True, "participant_ids": [*user(bea), f"user-{NOWHERE}"]})
    await call(ana, "POST", CHAT, 422, json={"is_group": True, "participant_ids": ["conv-1"]})


async def test_a_group_is_made_changed_joined_left_and_closed(people):
    ana, bea, carla, dora = [await people(name) for name in ("ana", "bea", "carla", "dora")]
    ours = await group(ana, bea, ana, name="Book club", description="We read")
    path = f"{CHAT}/{ours}"

    made = (await call(bea, "GET", f"{CHAT}/{ours[5:]}", 200)).json()
    assert (made["name"], made["description"], made["is_group"]) == ("Book club", "We read", True)
    assert (made["owner_id"], made["participant_ids"]) == (f"user-{ana.id}", user(ana, bea))

    changed = (await call(ana, "PATCH", path, 200, json={"name": "Film club", "description": None})).json()
    assert (changed["name"], changed["description"], changed["participant_ids"]) == ("Film club", None, user(ana, bea))
    assert (await call(bea, "PATCH", path, 403, json={"name": "Mine"})).json()["code"] == "role_too_low"

    added = (await call(ana, "POST", f"{path}/participants", 201, json={"user_id": f"user-{carla.id}"})).json()
    assert (added["participant_count"], added["participant_ids"]) == (3, user(ana, bea, carla))
    again = await call(ana, "POST", f"{path}/participants", 409, json={"participant_id": carla.id})
    assert again.json()["code"] == "already_member"
    several = {"participant_ids": [carla.id, f"user-{dora.id}"]}
    assert (await call(ana, "POST", f"{path}/participants", 201, json=several)).json()["participant_count"] == 4
    await call(ana, "POST", f"{path}/participants", 404, json={"user_id": NOWHERE})
    await call(bea, "POST", f"{path}/participants", 403, json={"user_id": NOWHERE})

    await call(bea, "DELETE", f"{path}/participants/user-{carla.id}", 403)
    await call(ana, "DELETE", f"{path}/participants/user-{carla.id}", 204)
    await call(ana, "DELETE", f"{path}/participants/user-{carla.id}", 404)
    await call(dora, "DELETE", f"{path}/participants/{dora.id}", 204)
    assert (await call(ana, "GET", path, 200)).json()["participant_ids"] == user(ana, bea)

    await call(bea, "DELETE", path, 403)
    await call(ana, "DELETE", path, 204)
    await call(ana, "GET", path, 403)


async def test_a_group_needs_no_name(people):
    ana = await people("ana")
    nameless = (await call(ana, "GET", f"{CHAT}/{await group(ana)}", 200)).json()
    assert (nameless["name"], nameless["description"]) == (None, None)
    named = (await call(ana, "PATCH", f"{CHAT}/{nameless['id']}", 200, json={"name": "Us"})).json()
    again = (await call(ana, "PATCH", f"{CHAT}/{nameless['id']}", 200, json={"name": None})).json()
    assert (named["name"], again["name"]) == ("Us", None)


async def test_who_has_blocked_somebody_is_not_drawn_into_a_conversation_with_them(people):
    ana, bea = await people("ana"), await people("bea")
    ours = await group(ana)
    before = await direct(ana, bea)
    await call(bea, "POST", f"{CHAT}/{before}/messages", 201, json={"content": "hi"})
    await bea.ask("PUT", f"/users/{ana.id}/block", 204)

    for path, body in (
        (CHAT, {"is_group": True, "participant_ids": user(bea)}),
        (f"{CHAT}/{ours}/participants", {"user_id": bea.id}),
        (f"{CHAT}/{before}/messages", {"content": "hello?"}),
    ):
        assert (await call(ana, "POST", path, 403, json=body)).json()["code"] == "blocked"
    assert await direct(ana, bea) == before  # and reading stays
    assert [one["content"] for one in await listed(ana, before)] == ["hi"]


async def test_ones_own_conversations_come_most_recent_first(people):
    ana, bea = await people("ana"), await people("bea")
    one, two, pair = await group(ana, bea, name="one"), await group(ana, bea, name="two"), await direct(ana, bea)
    for conversation in (two, pair, one):
        content = f"@{ana.name} in {conversation}"
        await call(bea, "POST", f"{CHAT}/{conversation}/messages", 201, json={"content": content})
    await call(ana, "POST", f"{CHAT}/{two}/messages", 201, json={"content": "seen"})

    mine = (await call(ana, "GET", CHAT, 200)).json()

    assert [each["id"] for each in mine][:3] == [two, one, pair]
    assert {each["id"] for each in mine} == {one, two, pair, "conv-1"}
    assert [each["last_message"]["content"] for each in mine[:2]] == ["seen", f"@{ana.name} in {one}"]
    assert (mine[1]["unread_count"], mine[1]["mention_count"]) == (1, 1)
    assert mine[0] == (await call(ana, "GET", f"{CHAT}/{two}", 200)).json()
    page = (await call(ana, "GET", f"{CHAT}?limit=2&skip=1", 200)).json()
    assert [each["id"] for each in page] == [one, pair]
    assert (await call(ana, "GET", f"{CHAT}?limit=101")).status_code == 422


async def test_messages_are_paged_back_oldest_first(people):
    ana, bea = await people("ana"), await people("bea")
    ours = await group(ana, bea)
    path = f"{CHAT}/{ours}/messages"
    sent = [(await call(ana, "POST", path, 201, json={"content": f"n{n}"})).json() for n in range(5)]
    answer = (await call(bea, "POST", path, 201, json={"content": "yes", "reply_to": sent[4]["id"]})).json()

    assert sent[0] == {
        "id": sent[0]["id"],
        "conversation_id": ours,
        "sender_id": f"user-{ana.id}",
        "sender_username": ana.name,
        "content": "n0",
        "kind": "text",
        "is_edited": False,
        "is_deleted": False,
        "reply_to": None,
        "quote": None,
        "mentions": [],
        "mentions_here": False,
        "reactions": [],
        "delivered_at": None,
        "read_at": None,
        "created_at": sent[0]["created_at"],
        "updated_at": None,
    }
    assert (answer["reply_to"], answer["quote"]["content"]) == (sent[4]["id"], "n4")
    assert [one["content"] for one in await listed(bea, ours)] == ["n0", "n1", "n2", "n3", "n4", "yes"]
    page = await listed(bea, ours, limit=2, before=sent[4]["id"])
    assert [one["content"] for one in page] == ["n2", "n3"]
    rest = await listed(bea, ours[5:], before=page[0]["id"][4:])
    assert [one["content"] for one in rest] == ["n0", "n1"]
    assert await listed(bea, ours, before=sent[0]["id"]) == []
    assert (await call(bea, "GET", f"{path}?before=user-1")).status_code == 422
    assert (await call(bea, "POST", path, json={"content": " "})).json()["detail"] == "Message content cannot be empty"


ROUTES = [
    ("GET", "", None),
    ("PATCH", "", {"name": "mine"}),
    ("DELETE", "", None),
    ("POST", "/participants", {"user_id": 1}),
    ("DELETE", "/participants/user-1", None),
    ("DELETE", "/participants/{me}", None),
    ("GET", "/messages", None),
    ("GET", "/messages?before=msg-1&limit=5", None),
    ("POST", "/messages", {"content": "knock", "reply_to": "msg-1"}),
]


async def test_every_route_tells_strangers_the_same_whatever_is_there(server, people):
    ana, kicked, banned, never = [await people(name) for name in ("ana", "kicked", "banned", "never")]
    root = await people("root")
    server.run("create-admin", root.name, ADMIN_PASSWORD=PASSWORD)
    root = await sign_up(root.base, root.name)
    private = await group(ana, kicked, banned)
    public = f"conv-{(await ana.ask('POST', '/rooms', 201, json={'name': 'Open'})).json()['id']}"
    await kicked.ask("POST", f"/rooms/{public[5:]}/join", 200)
    await call(ana, "DELETE", f"{CHAT}/{public}/participants/{kicked.id}", 204)
    for who, ban in ((kicked, ""), (banned, "?ban=true")):
        await ana.ask("DELETE", f"/rooms/{private[5:]}/members/{who.id}{ban}", 204)

    for who in (root, kicked, banned, never):
        for method, rest, body in ROUTES:
            given = {} if body is None else {"json": body}
            paths = [f"{CHAT}/{one}{rest.format(me=who.id)}" for one in (private, public, f"conv-{NOWHERE}")]
            answers = [await call(who, method, path, **given) for path in paths]
            assert len({(one.status_code, one.content) for one in answers}) == 1, (who.name, method, rest)
            assert (answers[0].status_code, answers[0].json()["detail"]) == (403, STRANGER[1])
    for one in (private, public):
        await call(ana, "GET", f"{CHAT}/{one}", 200)


def test_no_route_is_missing_above(server):
    paths = httpx2.get(f"{server.url}/openapi.json").json()["paths"]
    one = f"/api{CHAT}/{{conversation_id}}"
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods if path.startswith(one)}
    tried = {(method, one + rest.partition("?")[0]) for method, rest, _ in ROUTES}
    named = {(method, path.replace("{me}", "{user_id}").replace("user-1", "{user_id}")) for method, path in tried}
    assert routes == named


async def test_the_api_description_names_no_schema_by_its_module(server):
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        schemas = (await http.get("/openapi.json")).json()["components"]["schemas"]
    assert [name for name in schemas if name.startswith("tertulia__")] == []
