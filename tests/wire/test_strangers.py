"""Strangers: whoever may not see a thing gets, to the letter, the answer that a thing which is not there would give."""

import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import msgspec
import pytest
import websockets

from drivers import PASSWORD, PATIENCE, Cafe, CafeV1, Client, Person, Simple
from serving import Server

SECRET = "k7Rr2Vw9Zq4Xn8Bt1Lp6Ds3Fh5Jg0My-tests-alone"
NOWHERE = 4_000_000_000
"""An id that nothing has."""
BOOTH = {
    "width": 300,
    "height": 200,
    "areas": [
        {"name": "Booth", "x": 200, "y": 100, "width": 50, "height": 50, "is_private": True, "is_lockable": True}
    ],
}

# {room}, {message}, {object} and {area} stand for what is hidden, or for what is not there; {user} is somebody all may
# see.
ROUTES: dict[str, Any] = {
    "GET /rooms/{room}": None,
    "PATCH /rooms/{room}": {"name": "mine"},
    "DELETE /rooms/{room}": None,
    "POST /rooms/{room}/join": None,
    "POST /rooms/{room}/leave": None,
    "POST /rooms/{room}/read": {"seq": 1},
    "GET /rooms/{room}/events": None,
    "GET /rooms/{room}/events?after=100000": None,
    "GET /rooms/{room}/messages": None,
    "GET /rooms/{room}/messages?cursor={message}": None,
    "POST /rooms/{room}/messages": {"content": "knock"},
    "POST /rooms/{room}/messages ": {"content": "knock", "reply_to": "{message}", "nonce": "n"},
    "GET /rooms/{room}/members": None,
    "POST /rooms/{room}/members": {"user_id": "{user}"},
    "PATCH /rooms/{room}/members/{user}": {"role": "owner"},
    "DELETE /rooms/{room}/members/{user}": None,
    "DELETE /rooms/{room}/members/{user}?ban=true": None,
    "POST /rooms/{room}/invites": {"max_uses": 1},
    "GET /chat?room_id={room}": None,
    "GET /chat?room_id={room}&cursor={message}": None,
    "POST /chat": {"room_id": "{room}", "message": "knock"},
    "GET /messages/{message}": None,
    "PATCH /messages/{message}": {"content": "other"},
    "DELETE /messages/{message}": None,
    "GET /messages/{message}/versions": None,
    "GET /messages/{message}/reactions": None,
    "PUT /messages/{message}/reactions/anything": None,
    "DELETE /messages/{message}/reactions/anything": None,
    "GET /rooms/{room}/pins": None,
    "PUT /messages/{message}/pin": None,
    "DELETE /messages/{message}/pin": None,
    "PATCH /rooms/{room} ": {"space": {"speed": 0}},
    "POST /rooms/{room}/messages  ": {"content": "knock", "nearby": True},
    "GET /objects?room_id={room}": None,
    "GET /objects?room_id={room}&cursor={object}": None,
    "POST /objects": {"room_id": "{room}", "type": "chair", "x": 1, "y": 1},
    "GET /objects/{object}": None,
    "PATCH /objects/{object}": {"x": 1, "version": 1},
    "PUT /objects/{object}": {"x": 1},
    "DELETE /objects/{object}": None,
    "DELETE /objects/{object}?version=7": None,
    "GET /rooms/{room}/plan": None,
    "PUT /rooms/{room}/plan": {"objects": []},
    "GET /tools?room_id={room}": None,
    "GET /tools?room_id={room}&user_id={user}&target_object_id={object}": None,
    "POST /tools": {"room_id": "{room}", "target_object_id": "{object}", "action": "sit"},
    "POST /tools ": {"room_id": "{room}", "target_object_id": 5, "action": "sit"},
    "GET /room-users?room_id={room}": None,
    "POST /room-users": {"room_id": "{room}", "x": 1, "y": 1},
    "PATCH /room-users/{room}": {"x": 1, "y": 1},
    "DELETE /room-users/{room}": None,
    "GET /rooms/{room}/talks": None,
    "PUT /rooms/{room}/areas/{area}/lock": None,
    "DELETE /rooms/{room}/areas/{area}/lock": None,
}
"""Every route that touches a room, or what is in it, with a body; a test below says that none is missing."""
OF_ONESELF = {
    "GET /users": None,
    "GET /users/{user}": None,
    "PATCH /users/{user}": {"role": "admin"},
    "GET /users/me": None,
    "PUT /users/me": {},
    "PATCH /users/me": {},
    "PATCH /users/me/status": {"status": "away"},
    "DELETE /users/me": None,
    "POST /users/me/avatar": None,
    "DELETE /users/me/avatar": None,
    "GET /users/me/blocked": None,
    "PUT /users/{user}/block": None,
    "DELETE /users/{user}/block": None,
    "GET /rooms": None,
    "POST /rooms": {"name": "x"},
    "POST /rooms ": {"kind": "group", "member_ids": ["{user}"]},
    "POST /rooms/direct": {"user_id": "{user}"},
    "POST /rooms/invites/anything": None,
    "GET /auth/me": None,
    "GET /auth/sessions": None,
    "DELETE /auth/sessions/anything": None,
    "POST /auth/logout": None,
    "POST /auth/password": {"current_password": PASSWORD, "new_password": "quite another one"},
    "POST /auth/ws-ticket": None,
}
"""The other routes for which one must be signed in."""
OPEN = {
    "POST /auth/register",
    "POST /auth/login",
    "POST /auth/refresh",
    "GET /chat/websocket-info",
    "GET /users/{user}/avatar",
}
COMMANDS: dict[str, dict[str, Any]] = {
    "join_room": {"room_id": "{room}", "after": 1},
    "leave_room": {"room_id": "{room}"},
    "send_message": {"room_id": "{room}", "message": "knock", "reply_to": "{message}"},
    "fetch_messages": {"room_id": "{room}", "cursor": "{message}"},
    "typing": {"room_id": "{room}"},
    "mark_read": {"room_id": "{room}", "seq": 1},
    "edit_message": {"message_id": "{message}", "message": "other"},
    "delete_message": {"message_id": "{message}"},
    "add_reaction": {"message_id": "{message}", "emoji": "👍"},
    "remove_reaction": {"message_id": "{message}", "emoji": "👍"},
    "pin_message": {"message_id": "{message}"},
    "unpin_message": {"message_id": "{message}"},
    "mark_delivered": {"room_id": "{room}", "seq": 1},
    "update_position": {"room_id": "{room}", "x": 1, "y": 1},
    "use_tool": {"room_id": "{room}", "target_object_id": "{object}", "action": "sit"},
    "place_object": {"room_id": "{room}", "type": "chair", "x": 1, "y": 1},
    "update_object": {"object_id": "{object}", "x": 1},
    "remove_object": {"object_id": "{object}"},
    "lock_area": {"room_id": "{room}", "area_id": "{area}", "is_locked": True},
}
ELSEWHERE = {"authenticate", "ping", "set_presence"}
"""Commands of the socket that touch nothing of that."""


def fill(template: Any, **ids: int) -> Any:
    """*template* with numbers in the place of names in braces."""
    match template:
        case dict():
            return {name: fill(value, **ids) for name, value in template.items()}
        case list():
            return [fill(value, **ids) for value in template]
        case str() if template[:1] == "{" and template.endswith("}") and template[1:-1] in ids:
            return ids[template[1:-1]]
        case str():
            return re.sub(r"\{(\w+)\}", lambda name: str(ids[name[1]]), template)
        case _:
            return template


class Scene:
    """A private room with something said in it, and a space with a chair; its owner, and those who are none of its
    members (any more)."""

    def __init__(self, http: httpx2.Client, server: Server) -> None:
        self.http = http
        self.owner, self.never, self.kicked, self.banned = map(self.person, ("owner", "never", "kicked", "banned"))
        self.gone = self.person("gone")
        room = self.do(self.owner, "POST", "/rooms", {"name": "Hidden", "is_private": True, "space": BOOTH})
        self.room, self.area = room["id"], room["space"]["areas"][0]["id"]
        chair = {"room_id": self.room, "type": "chair", "x": 1, "y": 1}
        self.object = self.do(self.owner, "POST", "/objects", chair)["id"]
        members = f"/rooms/{self.room}/members"
        for one in (self.kicked, self.banned):
            self.do(self.owner, "POST", members, {"user_id": one.id, "role": "moderator"})
            sent = self.do(one, "POST", f"/rooms/{self.room}/messages", {"content": "mine"})
        self.message = sent["id"]
        self.do(self.owner, "DELETE", f"{members}/{self.kicked.id}")
        self.do(self.owner, "DELETE", f"{members}/{self.banned.id}?ban=true")
        self.do(self.gone, "DELETE", "/users/me")
        inside = {"message": self.message, "object": self.object, "area": self.area}
        self.hidden = {"room": self.room, "user": self.owner.id, **inside}
        self.nothing = {"room": NOWHERE, "user": self.owner.id, **dict.fromkeys(inside, NOWHERE)}
        claims = jwt.decode(self.never.token, SECRET, ["HS256"])
        past = datetime.now(UTC) - timedelta(seconds=1)
        unsigned = self.never.token.rpartition(".")[0]
        self.bad_tokens = {
            "none": None,
            "nonsense": "nonsense",
            "expired": jwt.encode(claims | {"exp": past}, SECRET, "HS256"),
            "unsigned": jwt.encode(claims, None, "none"),
            "without a signature": f"{unsigned}.",
            "signed by another": jwt.encode(claims, SECRET[::-1], "HS256"),
            "of another algorithm": jwt.encode(claims, SECRET * 2, "HS512"),
            "of another user": jwt.encode(claims | {"sub": str(self.owner.id)}, SECRET, "HS256"),
            "of another kind": jwt.encode(claims | {"type": "refresh"}, SECRET, "HS256"),
            "a refresh token": self.never.login["refresh_token"],
            "of somebody deleted": self.gone.token,
        }

    def person(self, name: str) -> Person:
        account = {"username": name, "password": PASSWORD}
        assert self.http.post("/api/v1/auth/register", json=account).status_code == 201
        login = self.http.post("/api/v1/auth/login", json=account).json()
        return Person(str(self.http.base_url).rstrip("/"), login["user"], login)

    def do(self, who: Person, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(who.token, f"{method} {path}", body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def ask(self, token: str | None, route: str, body: Any = None, **ids: int) -> httpx2.Response:
        method, path = fill(route, **ids).split()
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        given = {} if body is None else {"json": fill(body, **ids)}
        return self.http.request(method, f"/api/v1{path}", headers=headers, **given)

    def removed(self) -> dict[str, Person]:
        return {"never a member": self.never, "kicked": self.kicked, "banned": self.banned}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("strangers"), SECRET_KEY=SECRET, FRAME_BURST=1000) as running:
        yield running


@pytest.fixture(scope="module")
def scene(server) -> Iterator[Scene]:
    with httpx2.Client(base_url=server.url, timeout=PATIENCE) as http:
        yield Scene(http, server)


def told(answer: httpx2.Response) -> tuple[Any, ...]:
    """All that an answer says, but for what names the request and the hour."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
    return answer.status_code, headers, answer.text


def test_no_route_and_no_command_is_missing_here(scene):
    described = scene.http.get("/openapi.json").json()["paths"]
    routes = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in described.items()
        if path.startswith("/api/v1")
        for method in methods
    }
    names = {f"{name}_id": f"{{{name}}}" for name in ("room", "message", "user", "object", "area")}
    routes = {re.sub(r"\{(\w+)\}", lambda name: names.get(name[1], "anything"), route) for route in routes}
    told = scene.http.get("/api/v1/chat/websocket-info").json()["message_types"]["client_to_server"]

    assert routes == {route.strip().partition("?")[0] for route in [*ROUTES, *OF_ONESELF]} | OPEN
    assert {one["event"] for one in told} == set(COMMANDS) | ELSEWHERE


@pytest.mark.parametrize("route", [*ROUTES, *OF_ONESELF])
def test_a_bad_token_gets_the_same_401_whatever_is_there(scene, route):
    body = (ROUTES | OF_ONESELF)[route]

    for kind, token in scene.bad_tokens.items():
        answer, other = (told(scene.ask(token, route, body, **ids)) for ids in (scene.hidden, scene.nothing))

        assert answer == other, kind
        assert answer[0] == 401, kind
        assert answer[1]["www-authenticate"] == "Bearer"
        assert msgspec.json.decode(answer[2])["code"] == ("missing_token" if token is None else "invalid_token"), kind


@pytest.mark.parametrize("route", ROUTES)
def test_to_who_is_no_member_a_private_room_is_not_there(scene, route):
    for who, person in scene.removed().items():
        answer, other = (
            told(scene.ask(person.token, route, ROUTES[route], **i)) for i in (scene.hidden, scene.nothing)
        )

        assert answer == other, who
        assert answer[0] == 404, who


async def test_a_hidden_message_is_none_where_one_is_a_member(scene):
    client = await Cafe.open(scene.never)
    for path in ("GET /rooms/1/messages?cursor={message}", "GET /chat?room_id=1&cursor={message}"):
        hidden, nothing = (told(scene.ask(scene.never.token, path, **ids)) for ids in (scene.hidden, scene.nothing))
        assert hidden == nothing
        assert hidden[0] == 422
    for event, data in (
        ("fetch_messages", {"room_id": 1, "cursor": "{message}"}),
        ("send_message", {"room_id": 1, "message": "aha", "reply_to": "{message}"}),
    ):
        hidden, nothing = [
            (await client.answer(event, **fill(data, **ids)))["data"] for ids in (scene.hidden, scene.nothing)
        ]
        assert hidden == nothing
        assert hidden["code"] == "invalid"
    await client.close()


def test_lists_and_searches_do_not_tell_of_it(scene):
    for person in scene.removed().values():
        for path in ("/rooms?limit=100", "/rooms?q=Hidden", "/rooms?mine=true"):
            assert "Hidden" not in scene.ask(person.token, f"GET {path}").text


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("GET /users/{user}", None),
        ("GET /users/{user}/avatar", None),
        ("PUT /users/{user}/block", None),
        ("POST /rooms/direct", {"user_id": "{user}"}),
        ("POST /rooms", {"kind": "group", "member_ids": ["{user}"]}),
        ("POST /rooms/1/members", {"user_id": "{user}"}),
    ],
)
def test_who_is_deleted_is_as_one_who_never_was(scene, route, body):
    person = scene.owner if "members" in route else scene.never
    route = route.replace("/rooms/1", f"/rooms/{scene.room}")
    gone, never_was = (told(scene.ask(person.token, route, body, user=i)) for i in (scene.gone.id, NOWHERE))

    assert gone == never_was
    assert gone[0] == 404


@pytest.mark.parametrize("user", ["owner", "gone", None])
def test_who_is_no_admin_changes_no_account(scene, user):
    user_id = getattr(scene, user).id if user else NOWHERE

    answer = scene.ask(scene.never.token, f"PATCH /users/{user_id}", {"role": "admin", "is_active": False})

    assert (answer.status_code, answer.json()["code"]) == (403, "role_too_low")


@pytest.mark.parametrize("driver", [Cafe, CafeV1], ids=lambda driver: driver.dialect)
async def test_on_sockets_it_is_not_there_either(scene, driver):
    for who, person in scene.removed().items():
        client = await driver.connect(person)
        for event, data in COMMANDS.items():
            answer, other = [await client.answer(event, **fill(data, **i)) for i in (scene.hidden, scene.nothing)]

            for one, ids in ((answer, scene.hidden), (other, scene.nothing)):
                del one["id"]
                if one["data"].get("room_id") == ids["room"]:  # what was asked for, said again
                    del one["data"]["room_id"]
            assert answer == other, (who, event)
            assert answer["event"] == "error" or event == "leave_room", (who, event)
        heard = {frame["event"] for frame in client.heard} - {"presence_updated"}  # of who is in another room with them
        assert heard <= {"ack", "error", "hello"}, who
        await client.close()


async def test_a_socket_of_one_room_says_the_same_of_a_hidden_one(scene):
    for person in scene.removed().values():
        for room_id in (scene.room, NOWHERE):
            client = await Simple.connect(person, room_id)

            assert await client.closes() == (1008, "Room not found")
            assert client.heard == []


async def test_a_bad_token_opens_no_socket(scene):
    for kind, token in scene.bad_tokens.items():
        why = "Missing authentication token" if token is None else "Invalid token"
        for path, code in ((f"/api/v1/ws/{scene.room}", 1008), (f"/api/v1/ws/{NOWHERE}", 1008), ("/api/v1/ws", 4401)):
            if token is None and code == 4401:
                continue  # it may still say who it is
            client = Client(
                scene.never, await websockets.connect(scene.never.socket_url(f"{path}?token={token or ''}"))
            )

            assert await client.closes() == (code, why), (kind, path)
            assert client.heard == []


async def test_a_socket_does_not_outlive_its_token(scene):
    claims = jwt.decode(scene.owner.token, SECRET, ["HS256"])
    short = jwt.encode(claims | {"exp": int(time.time()) + 2}, SECRET, "HS256")
    person = Person(scene.owner.base, scene.owner.user, {"access_token": short})
    client, one_room = await Cafe.open(person, scene.room), await Simple.open(person, scene.room)

    assert (await client.closes())[0] == 4401
    assert await one_room.closes() == (1008, "Invalid token")


@pytest.mark.parametrize("how", ["kick", "ban", "close", "delete"])
async def test_an_open_socket_falls_silent_where_the_membership_ends(scene, people, how):
    owner, guest = await people("owner"), await people("guest")
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Ours", "is_private": True})).json()["id"]
    await owner.ask("POST", f"/rooms/{room}/members", 201, json={"user_id": guest.id})
    speaker = people.keep(await Cafe.open(owner, room))
    said = await speaker.ask("send_message", room_id=room, message="while they were there")
    plain, v1 = people.keep(await Cafe.open(guest, room)), people.keep(await CafeV1.open(guest, room))
    one_room = await Simple.open(guest, room)

    if how == "close":
        await owner.ask("DELETE", f"/rooms/{room}", 204)
    elif how == "delete":
        await guest.ask("DELETE", "/users/me", 204)
    else:
        ban = "?ban=true" if how == "ban" else ""
        await owner.ask("DELETE", f"/rooms/{room}/members/{guest.id}{ban}", 204)
    await speaker.send({"event": "typing", "data": {"room_id": room}})
    await speaker.send({"event": "set_presence", "data": {"status": "busy", "text": "secret"}})
    answers = [
        await speaker.answer(event, room_id=room, message_id=said["message_id"], **more)
        for event, more in {
            "send_message": {"message": "secret"},
            "edit_message": {"message": "secret"},
            "add_reaction": {"emoji": "secret"},
            "remove_reaction": {"emoji": "secret"},
            "pin_message": {},
            "unpin_message": {},
            "mark_read": {"seq": said["seq"]},
            "mark_delivered": {"seq": said["seq"]},
        }.items()
    ]

    assert {answer["event"] for answer in answers} == {"error" if how == "close" else "ack"}
    reasons = {"close": "Room not found", "delete": "Invalid token"}
    assert await one_room.closes() == (1008, reasons.get(how, "Not a member of this room"))
    if how == "delete":
        assert [(await client.closes())[0] for client in (plain, v1)] == [4401, 4401]
    else:
        for client in (plain, v1):
            await client.answer("ping")  # whatever was on its way to it came before this
    for client in (plain, v1, one_room):
        assert "secret" not in str(client.heard)
    last = "room_deleted" if how == "close" else "member_removed"
    for client in (plain, v1):
        about_it = [frame["event"] for frame in client.heard if frame["data"].get("room_id") == room]
        assert about_it[-1] == last or how == "delete", about_it


async def test_who_is_muted_says_nothing_by_any_way(scene, people):
    owner, guest = await people("owner"), await people("guest")
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Quiet"})).json()["id"]
    client, one_room = people.keep(await Cafe.open(guest, room)), people.keep(await Simple.open(guest, room))
    sent = await client.ask("send_message", room_id=room, message="before")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    await owner.ask("PATCH", f"/rooms/{room}/members/{guest.id}", 200, json={"muted_until": until})

    said = {"content": "after"}
    for method, path, body in (
        ("POST", f"/rooms/{room}/messages", said),
        ("POST", "/chat", {"room_id": room, "message": "after"}),
        ("PATCH", f"/messages/{sent['message_id']}", said),
        ("PUT", f"/messages/{sent['message_id']}/reactions/👍", None),
    ):
        assert (await guest.ask(method, path, 403, json=body)).json()["code"] == "muted"
    for event, data in (
        ("send_message", {"room_id": room, "message": "after"}),
        ("edit_message", {"message_id": sent["message_id"], "message": "after"}),
        ("add_reaction", {"message_id": sent["message_id"], "emoji": "👍"}),
    ):
        assert (await client.answer(event, **data))["data"]["code"] == "muted"
    await one_room.say("after")
    assert "muted" in (await one_room.frame("error"))["message"]
    await guest.ask("POST", f"/rooms/{room}/leave", 204)  # and coming back does not help
    await guest.ask("POST", f"/rooms/{room}/join", 200)
    assert (await guest.ask("POST", f"/rooms/{room}/messages", 403, json=said)).json()["code"] == "muted"


def test_nobody_on_the_way_keeps_a_token(scene):
    login = {"username": scene.kicked.name, "password": PASSWORD}
    tokens = scene.http.post("/api/v1/auth/login", json=login)
    successor = scene.http.post("/api/v1/auth/refresh", json={"refresh_token": tokens.json()["refresh_token"]})
    ticket = scene.ask(successor.json()["access_token"], "POST /auth/ws-ticket")

    assert {one.headers["cache-control"] for one in (tokens, successor, ticket)} == {"no-store"}


def test_a_token_tells_nothing_but_who_and_until_when(scene):
    payload = scene.owner.token.split(".")[1]

    claims = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    assert set(claims) == {"sub", "sid", "type", "iat", "exp"}
