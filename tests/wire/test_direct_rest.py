"""direct's REST, from outside: every route of the contract, and what strangers are told."""

import asyncio

import httpx2
import pytest
import websockets

from driver_direct import Direct, call
from drivers import PASSWORD, PATIENCE, Cafe, Person, sign_up
from serving import Server

NOWHERE = 4_000_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("direct"), PRESENCE_HOLD="0.1") as running:
        yield running


async def say(person: Person, content: str, **target: object) -> dict:
    """Into room 1, if nothing else is said."""
    body = {"content": content} | (target or {"chat_id": "1"})
    return (await call(person, "POST", "/messages/", 201, json=body)).json()


async def texts(person: Person, path: str) -> list[str]:
    return [one["content"] for one in (await call(person, "GET", path, 200)).json()]


# ---- users


async def test_an_account_made_here_is_one_everywhere(server):
    account = {"username": "dora", "email": "dora@example.org", "password": PASSWORD, "display_name": "Dora"}
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        made = await http.post("/users/register", json=account)
        assert made.status_code == 201, made.text
        mine = made.json()
        assert mine.pop("created_at").endswith("Z")
        number = int(mine["id"])
        assert mine == {
            "id": str(number),
            "username": "dora",
            "email": "dora@example.org",
            "display_name": "Dora",
            "avatar_url": None,
            "bio": "",
            "status": mine["status"],
            "is_online": mine["is_online"],
            "last_seen": None,
        }
        assert (await http.post("/users/register/", json=account)).json()["code"] == "name_taken"
        same_address = await http.post("/users/register", json=account | {"username": "other"})
        assert (same_address.status_code, same_address.json()["code"]) == (409, "email_taken")

        by_name = await http.post("/users/login", json={"username": "dora", "password": PASSWORD})
        by_address = await http.post("/users/login/", json={"username": "dora@example.org", "password": PASSWORD})
        by_email = await http.post("/users/login", json={"email": "dora@example.org", "password": PASSWORD})
        by_form = await http.post("/users/login", data={"username": "dora", "password": PASSWORD})
        by_cafe = await http.post("/api/v1/auth/login", json={"username": "dora", "password": PASSWORD})
        by_rooms = await http.post("/api/token", data={"username": "dora", "password": PASSWORD})
        wrong = await http.post("/users/login", json={"username": "dora", "password": "wrong"})
        nobody = await http.get("/users/me")

        for login in (by_name, by_address, by_email, by_form):
            assert {"access_token", "token_type", "user"} <= set(login.json())
            assert (login.json()["token_type"], login.json()["user"]["id"]) == ("bearer", mine["id"])
        for login in (by_name, by_form, by_cafe, by_rooms):
            headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
            me = (await http.get("/users/me/", headers=headers)).json()
            assert (me["id"], me["email"]) == (mine["id"], "dora@example.org")
            assert (await http.get("/api/v1/auth/me", headers=headers)).json()["id"] == number
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "Incorrect username or password")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_profile_is_changed_field_by_field(people):
    ana = await people("ana")
    address = f"{ana.name}@example.org"
    changes = {"display_name": "Ana A.", "bio": "Tea, please", "email": address, "avatar_url": "/x", "username": "x"}

    me = (await call(ana, "PUT", "/users/me", 200, json=changes)).json()

    assert (me["display_name"], me["bio"], me["email"]) == ("Ana A.", "Tea, please", address)
    assert (me["avatar_url"], me["username"]) == (None, ana.name)
    again = (await call(ana, "PUT", "/users/me/", 200, json={"bio": ""})).json()
    assert (again["display_name"], again["bio"], again["email"]) == ("Ana A.", "", address)
    assert (await call(ana, "PUT", "/users/me", 200, json={"email": None})).json()["email"] is None
    await call(ana, "PUT", "/users/me", 200, json=again | {"email": address})
    bea = await people("bea")
    assert (await call(bea, "PUT", "/users/me", 409, json={"email": address})).json()["code"] == "email_taken"
    assert "email" not in (await call(bea, "GET", f"/users/{ana.id}", 200)).json()


async def test_a_status_is_set_in_the_body_or_in_the_query(people):
    ana = await people("ana")
    assert (await call(ana, "PATCH", "/users/me/status", 200, json={"status": "away"})).json()["status"] == "away"
    assert (await call(ana, "PATCH", "/users/me/status/?status=busy", 200)).json()["status"] == "busy"
    beside_an_empty_body = {"params": {"status": "online"}, "json": {}}  # as clients send that always have a body
    assert (await call(ana, "PATCH", "/users/me/status", 200, **beside_an_empty_body)).json()["status"] == "online"
    for more in ({"json": {"status": "fishing"}}, {"params": {"status": "fishing"}}, {}, {"json": {}}):
        await call(ana, "PATCH", "/users/me/status", 422, **more)


async def test_users_are_listed_by_id_and_found_by_part_of_a_name(people):
    ana, bea, carla = [await people(name) for name in ("userana", "userbea", "usercarla")]
    everybody = (await call(ana, "GET", "/users/?limit=100", 200)).json()
    ids = [int(one["id"]) for one in everybody]
    assert ids == sorted(ids)
    assert [one["username"] for one in everybody if "email" in one] == [ana.name]

    at = ids.index(ana.id)
    page = (await call(ana, "GET", f"/users?skip={at}&limit=2", 200)).json()
    assert [one["username"] for one in page] == [ana.name, bea.name]
    assert (await call(ana, "GET", "/users?skip=9999", 200)).json() == []
    await call(ana, "PUT", "/users/me", 200, json={"display_name": "Zoë the Great"})
    for q, found in ((carla.name, [carla.name]), ("ZOË", [ana.name]), ("user", [ana.name, bea.name, carla.name])):
        answer = await call(bea, "GET", "/users/search/", 200, params={"q": q})
        assert [one["username"] for one in answer.json()] == found
    answer = await call(bea, "GET", "/users/search", 200, params={"q": "user", "skip": 1, "limit": 1})
    assert [one["username"] for one in answer.json()] == [bea.name]
    await call(bea, "GET", "/users/search?q=", 200)
    await call(ana, "GET", "/users?limit=101", 422)


async def test_who_is_connected_is_online(people):
    ana, bea = await people("ana"), await people("bea")
    assert not (await call(ana, "GET", f"/users/{bea.id}", 200)).json()["is_online"]
    watcher, client = people.keep(await Direct.open(ana)), people.keep(await Direct.open(bea))
    await watcher.frame("status", user_id=str(bea.id), is_online=True)
    assert (await call(ana, "GET", f"/users/{bea.id}", 200)).json()["is_online"]
    await client.close()
    await watcher.frame("status", user_id=str(bea.id), is_online=False)
    gone = (await call(ana, "GET", f"/users/{bea.id}", 200)).json()
    assert (gone["is_online"], gone["status"], gone["last_seen"][-1]) == (False, "offline", "Z")


async def test_an_account_that_is_deleted_leaves_what_was_said(people):
    ana, bea = await people("ana"), await people("bea")
    await say(ana, "remember me", recipient_id=bea.id)
    client = await Direct.open(ana)

    await call(ana, "DELETE", "/users/me", 204)

    assert await client.closes() == (1008, "Invalid token")
    await call(ana, "GET", "/users/me", 401)
    again = await websockets.connect(ana.socket_url(f"/ws/{ana.id}?token={ana.token}"))
    with pytest.raises(websockets.ConnectionClosed):
        await again.recv()
    assert (again.close_code, again.close_reason) == (1008, "Invalid token")
    (message,) = (await call(bea, "GET", f"/messages/conversation/{ana.id}", 200)).json()
    assert (message["content"], message["sender_id"]) == ("remember me", str(ana.id))
    assert message["sender_username"] == "deleted user"
    gone, nobody = [await call(bea, "GET", f"/users/{one}") for one in (ana.id, NOWHERE)]
    assert (gone.status_code, gone.text) == (404, nobody.text)
    for other in (ana.id, NOWHERE):
        answer = await call(bea, "POST", "/messages", 404, json={"recipient_id": other, "content": "hello?"})
        assert answer.json()["detail"] == "User not found"


# ---- messages


async def test_a_message_to_somebody_opens_the_room_of_the_two(people):
    ana, bea = await people("ana"), await people("bea")

    sent = await say(ana, "hola", recipient_id=str(bea.id))
    assert sent.pop("created_at").endswith("Z")
    assert sent == {
        "id": sent["id"],
        "sender_id": str(ana.id),
        "sender_username": ana.name,
        "chat_id": sent["chat_id"],
        "recipient_id": str(bea.id),
        "content": "hola",
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
    back = await say(bea, "¿qué?", recipient_id=ana.id, reply_to_message_id=sent["id"], message_type="question")
    assert (back["chat_id"], back["recipient_id"]) == (sent["chat_id"], str(ana.id))
    assert (back["reply_to_message_id"], back["quote"]["content"]) == (sent["id"], "hola")
    assert back["message_type"] == "question"
    by_room = await say(ana, "por el cuarto", chat_id=sent["chat_id"])
    assert by_room["recipient_id"] == str(bea.id)
    room = (await ana.ask("GET", f"/rooms/{sent['chat_id']}", 200)).json()
    assert (room["kind"], room["member_count"]) == ("direct", 2)


async def test_many_first_messages_at_once_open_one_room(people):
    ana, bea = await people("ana"), await people("bea")

    sent = await asyncio.gather(
        *(say(one, f"{n}", recipient_id=other.id) for n in range(5) for one, other in ((ana, bea), (bea, ana)))
    )

    assert len({one["chat_id"] for one in sent}) == 1
    assert len(await texts(ana, f"/messages/conversation/{bea.id}")) == 10


async def test_messages_are_listed_newest_first(people):
    ana, bea, carla = await people("ana"), await people("bea"), await people("carla")
    sent = [
        await say(one, f"n{n}", recipient_id=other.id) for n, (one, other) in enumerate([(ana, bea), (bea, ana)] * 3)
    ]
    chat_id = sent[0]["chat_id"]
    everything = ["n5", "n4", "n3", "n2", "n1", "n0"]

    for path in (
        f"/messages/?chat_id={chat_id}",
        f"/messages?recipient_id={bea.id}",
        f"/messages/conversation/{bea.id}/",
        f"/messages/chat/{chat_id}",
    ):
        assert await texts(ana, path) == everything
        more = "&" if "?" in path else "?"
        assert await texts(ana, f"{path}{more}skip=1&limit=2") == ["n4", "n3"]
        assert await texts(ana, f"{path}{more}skip=6") == []
    for path in (f"/messages/conversation/{ana.id}", f"/messages/chat/{chat_id}"):
        assert await texts(bea, f"{path}?before={sent[2]['id']}") == ["n1", "n0"]

    await say(carla, "elsewhere", recipient_id=ana.id)
    mine = await texts(ana, "/messages/")
    assert mine[:7] == ["elsewhere", *everything]
    assert (await texts(ana, "/messages?skip=1&limit=2")) == everything[:2]
    assert await texts(carla, "/messages?limit=1") == ["elsewhere"]
    assert not set(everything) & set(await texts(carla, "/messages"))


async def test_who_has_never_talked_has_an_empty_conversation(people):
    ana, bea = await people("ana"), await people("bea")
    assert await texts(ana, f"/messages/conversation/{bea.id}") == []
    assert await texts(ana, f"/messages?recipient_id={bea.id}") == []
    for path in (f"/messages/conversation/{NOWHERE}", f"/messages?recipient_id={NOWHERE}"):
        assert (await call(ana, "GET", path, 404)).json()["detail"] == "User not found"
    rooms = (await ana.ask("GET", "/rooms?mine=true", 200)).json()["items"]
    assert [room["id"] for room in rooms] == [1]


async def test_a_message_is_seen_edited_and_deleted(people):
    ana, bea = await people("ana"), await people("bea")
    sent = await say(ana, "helo", recipient_id=bea.id)
    path = f"/messages/{sent['id']}"

    assert (await call(bea, "GET", f"{path}/", 200)).json()["content"] == "helo"
    edited = (await call(ana, "PUT", path, 200, json={"content": "hello"})).json()
    assert (edited["content"], edited["is_edited"], edited["updated_at"][-1]) == ("hello", True, "Z")
    refused = await call(bea, "PUT", path, 403, json={"content": "mine"})
    assert refused.json()["detail"] == "Only its author edits a message"
    assert (await call(bea, "DELETE", path, 403)).json()["detail"] == "Only its author or a moderator deletes a message"
    await call(ana, "DELETE", path, 204)
    await call(ana, "DELETE", path, 204)
    gone = (await call(bea, "GET", path, 200)).json()
    assert (gone["content"], gone["is_deleted"]) == ("", True)
    assert (await call(ana, "PUT", path, 404, json={"content": "again"})).json()["code"] == "message_not_found"


async def test_a_moderator_deletes_what_others_said(people):
    owner, guest = await people("owner"), await people("guest")
    group = {"kind": "group", "member_ids": [guest.id]}
    room_id = (await owner.ask("POST", "/rooms", 201, json=group)).json()["id"]
    sent = await say(guest, "rude", chat_id=room_id)
    await call(owner, "DELETE", f"/messages/{sent['id']}", 204)
    assert await texts(guest, f"/messages/chat/{room_id}") == [""]


async def test_reactions_are_given_and_taken_back_by_query_or_body(people):
    ana, bea = await people("ana"), await people("bea")
    sent = await say(ana, "like me", recipient_id=bea.id)
    path = f"/messages/{sent['id']}/reactions"

    await call(bea, "POST", path, 200, params={"emoji": "👍"})
    both = (await call(ana, "POST", f"{path}/", 200, json={"emoji": "👍"})).json()
    assert both["reactions"] == [{"emoji": "👍", "count": 2, "users": [str(bea.id), str(ana.id)]}]
    again = (await call(ana, "POST", path, 200, params={"emoji": "👍"}, json={})).json()
    assert again["reactions"] == both["reactions"]
    one = (await call(ana, "DELETE", path, 200, params={"emoji": "👍"})).json()
    assert one["reactions"] == [{"emoji": "👍", "count": 1, "users": [str(bea.id)]}]
    assert (await call(bea, "DELETE", path, 200, json={"emoji": "👍"})).json()["reactions"] == []
    for more in ({}, {"json": {}}, {"params": {"emoji": "two words"}}, {"json": {"emoji": ""}}):
        await call(bea, "POST", path, 422, **more)


async def test_a_message_says_whether_it_was_delivered_and_read(people):
    ana, bea = await people("ana"), await people("bea")
    first, second = [await say(ana, text, recipient_id=bea.id) for text in ("first", "second")]

    async def statuses() -> list[str]:
        return [one["status"] for one in (await call(ana, "GET", f"/messages/conversation/{bea.id}", 200)).json()]

    assert await statuses() == ["sent", "sent"]
    read = (await call(bea, "PATCH", f"/messages/{first['id']}/read", 200)).json()
    assert read["status"] == "read"
    assert read["delivered_at"] <= read["read_at"]
    assert await statuses() == ["sent", "read"]
    await call(bea, "PATCH", f"/messages/{second['id']}/read", 200)
    await call(bea, "PATCH", f"/messages/{first['id']}/read", 200)
    assert await statuses() == ["read", "read"]
    in_the_cafe = await say(ana, "to all")
    assert (await call(bea, "PATCH", f"/messages/{in_the_cafe['id']}/read", 200)).json()["status"] == "sent"


async def test_clients_of_cafe_see_what_is_done_by_rest(people):
    ana, bea = await people("ana"), await people.join(Cafe, "bea")
    sent = await say(ana, "to all")
    number = int(sent["id"])
    await bea.hears("message", message_id=number, text="to all")
    await call(ana, "PUT", f"/messages/{number}", 200, json={"content": "to all of you"})
    await bea.hears("edited", message_id=number, text="to all of you")
    await call(ana, "POST", f"/messages/{number}/reactions?emoji=:tea:", 200)
    await bea.hears("reacted", message_id=number, emoji=":tea:")
    await call(ana, "DELETE", f"/messages/{number}", 204)
    await bea.hears("deleted", message_id=number)


async def test_a_nonce_makes_one_message_of_two_requests(people):
    ana, bea = await people("ana"), await people("bea")
    one, two = [await say(ana, "once", recipient_id=bea.id, nonce="n") for _ in range(2)]
    assert one == two
    body = {"recipient_id": bea.id, "content": "another", "nonce": "n"}
    assert (await call(ana, "POST", "/messages", 409, json=body)).json()["code"] == "nonce_conflict"


REFUSED = {
    "no target": ({"content": "x"}, "Say to whom: recipient_id or chat_id"),
    "two targets": (
        {"content": "x", "chat_id": "1", "recipient_id": "1"},
        "Give recipient_id or chat_id, not both",
    ),
    "files": (
        {"content": "x", "chat_id": "1", "attachments": [{"id": "1"}]},
        "attachments: Files cannot be sent with a message yet: attachments must be empty",
    ),
    "no text": ({"content": " ", "chat_id": "1"}, "Message content cannot be empty"),
    "a type of the server's": (
        {"content": "x", "chat_id": "1", "message_type": "system"},
        "message_type must be a word of lower-case letters, digits, - and _, and not system",
    ),
    "no id": ({"content": "x", "recipient_id": "bob"}, 'recipient_id: must be an id such as "3"'),
}


@pytest.mark.parametrize(("body", "detail"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_says_why(people, body, detail):
    ana = await people("ana")
    assert (await call(ana, "POST", "/messages", 422, json=body)).json()["detail"] == detail


async def test_nothing_empty_opens_a_room(people):
    ana, bea = await people("ana"), await people("bea")
    for body in ({"content": " "}, {"content": "m" * 4001}, {"content": "x", "message_type": "system"}):
        await call(ana, "POST", "/messages", 422, json=body | {"recipient_id": bea.id})
    rooms = (await ana.ask("GET", "/rooms?mine=true", 200)).json()["items"]
    assert [room["id"] for room in rooms] == [1]


async def test_who_is_blocked_is_refused(people):
    ana, bea = await people("ana"), await people("bea")
    await bea.ask("PUT", f"/users/{ana.id}/block", 204)
    body = {"recipient_id": bea.id, "content": "hello?"}
    assert (await call(ana, "POST", "/messages", 403, json=body)).json()["code"] == "blocked"


# ---- strangers

# {room} and {message} stand for what is hidden, or for what is not there.
HIDDEN = {
    "POST /messages": {"chat_id": "{room}", "content": "knock"},
    "GET /messages?chat_id={room}": None,
    "GET /messages/chat/{room}": None,
    "GET /messages/chat/{room}?before={message}&skip=1": None,
    "GET /messages/{message}": None,
    "PUT /messages/{message}": {"content": "other"},
    "DELETE /messages/{message}": None,
    "POST /messages/{message}/reactions": {"emoji": "x"},
    "DELETE /messages/{message}/reactions": {"emoji": "x"},
    "PATCH /messages/{message}/read": None,
}
OF_ONESELF = {
    "GET /messages": None,
    "GET /messages/conversation/{user}": None,
    "GET /users": None,
    "GET /users/search?q=x": None,
    "GET /users/{user}": None,
    "GET /users/me": None,
    "PUT /users/me": {},
    "PATCH /users/me/status": {"status": "away"},
    "DELETE /users/me": None,
}
OPEN = {"POST /users/register", "POST /users/login"}


async def ask(person: Person, route: str, body: object, **ids: object) -> httpx2.Response:
    method, path = route.format(**ids).split()
    filled = {name: str(value).format(**ids) for name, value in body.items()} if isinstance(body, dict) else None
    return await call(person, method, path, **({} if filled is None else {"json": filled}))


async def test_what_one_may_not_see_is_as_what_is_not_there(server, people):
    ana, kicked, banned, never = [await people(name) for name in ("ana", "kicked", "banned", "never")]
    root = await people("root")
    server.run("create-admin", root.name, ADMIN_PASSWORD=PASSWORD)
    root = await sign_up(root.base, root.name)
    group = {"kind": "group", "member_ids": [kicked.id, banned.id]}
    room_id = (await ana.ask("POST", "/rooms", 201, json=group)).json()["id"]
    hidden = {"room": room_id, "message": (await say(ana, "hidden", chat_id=room_id))["id"], "user": ana.id}
    for who, ban in ((kicked, ""), (banned, "?ban=true")):
        await ana.ask("DELETE", f"/rooms/{room_id}/members/{who.id}{ban}", 204)

    for who in (root, kicked, banned, never):
        for route, body in HIDDEN.items():
            nothing = {"room": NOWHERE, "message": NOWHERE, "user": NOWHERE}
            answer, other = [await ask(who, route, body, **ids) for ids in (hidden, nothing)]
            assert (answer.status_code, answer.text) == (other.status_code, other.text) != (200, ""), (who.name, route)
            assert answer.status_code == 404, (who.name, route)
        answers = [
            await call(who, "POST", "/messages", 422, json={"chat_id": 1, "content": "x", "reply_to_message_id": which})
            for which in (hidden["message"], NOWHERE)
        ]
        assert answers[0].text == answers[1].text
        assert "reply_to_message_id" in answers[0].json()["errors"][0]["loc"]
        assert "hidden" not in await texts(who, "/messages")
    assert await texts(ana, f"/messages/chat/{room_id}") == ["hidden"]


async def test_without_a_good_token_nothing_is_told(people):
    ana = await people("ana")
    for token, code in ((None, "missing_token"), ("nonsense", "invalid_token"), (f"{ana.token}x", "invalid_token")):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=ana.base, headers=headers, timeout=PATIENCE) as http:
            for route, body in (HIDDEN | OF_ONESELF).items():
                method, path = route.format(room=1, message=1, user=ana.id).split()
                filled = {} if body is None else {"json": {name: str(one).format(room=1) for name, one in body.items()}}
                answer = await http.request(method, path, **filled)
                assert (answer.status_code, answer.json()["code"]) == (401, code), route
                assert answer.headers["www-authenticate"] == "Bearer"


def test_no_route_is_missing_above(server):
    paths = httpx2.get(f"{server.url}/openapi.json").json()["paths"]
    ours = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        if path.startswith(("/users", "/messages"))
        for method in methods
    }
    names = {"{room}": "{chat_id}", "{message}": "{message_id}", "{user}": "{user_id}"}
    tried = {route.partition("?")[0] for route in [*HIDDEN, *OF_ONESELF]}
    for short, name in names.items():
        tried = {route.replace(short, name) for route in tried}
    assert ours == tried | OPEN
