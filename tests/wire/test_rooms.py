"""rooms, from outside: every frame, route and refusal of the contract, and a client of cafe in the same room."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import websockets

from driver_rooms import Rooms, RoomsOne, call
from drivers import PASSWORD, PATIENCE, Cafe, Person

NOWHERE = 4_000_000_000
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
BOTH = pytest.mark.parametrize("driver", [Rooms, RoomsOne], ids=["many", "one"])


async def room(owner: Person, *others: Person, **more: Any) -> int:
    """Its id; with *others* as members."""
    made = (await call(owner, "POST", "/rooms/", 201, json={"name": "Ours", **more})).json()["id"]
    for other in others:
        await owner.ask("POST", f"/rooms/{made}/members", 201, json={"user_id": other.id})
    return made


def user(person: Person) -> dict[str, Any]:
    return {"user_id": person.id, "username": person.name}


# ---- entering and talking


async def test_the_first_frame_says_who_one_is_and_nothing_is_heard_before_a_join(people):
    person = await people("ana")
    ana, bea = people.keep(await Rooms.connect(person)), await people.join(Rooms, "bea")
    first = await ana.frame("connection_established")
    assert first == {"type": "connection_established", "connection_id": first["connection_id"], **user(person)}
    assert len(first["connection_id"]) >= 8

    await bea.say("is anybody there?")
    await bea.hear("is anybody there?")
    await ana.ping()
    assert [frame["type"] for frame in ana.heard] == ["connection_established", "pong"]


@BOTH
async def test_who_comes_in_is_told_who_is_there_and_what_was_said(people, driver):
    owner = await people("owner")
    here = await room(owner)
    ana = people.keep(await Rooms.open(owner, here))
    for n in range(53):
        await ana.say(f"message {n}")
    await ana.hear("message 52")
    deleted = ana.frames("message", content="message 51")[0]["id"]
    await owner.ask("DELETE", f"/messages/{deleted}", 204)

    bea = people.keep(await driver.open(await people("bea"), here))

    names = [frame["type"] for frame in bea.heard]
    assert names == ["connection_established", "room_joined", "message_history"]
    joined, history = bea.heard[1:]
    assert joined == {
        "type": "room_joined",
        "room_id": here,
        "room_name": "Ours",
        "users": [user(owner), user(bea.person)],
    }
    texts = [message["content"] for message in history["messages"]]
    assert texts == [f"message {n}" for n in range(53) if n != 51][-49:]
    assert history["messages"][-1].keys() == {"id", "room_id", "user_id", "username", "content", "timestamp"}
    told = {name: value for name, value in ana.frames("message", content="message 52")[0].items() if name != "type"}
    assert history["messages"][-1] == told


@BOTH
async def test_a_message_goes_to_all_its_sender_too(people, driver):
    ana, bea, cleo = await people.join(driver, "ana"), await people.join(Rooms, "bea"), await people.join(Cafe, "cleo")
    await ana.say("hola")
    told = [await client.frame("message", content="hola") for client in (ana, bea)]
    assert told[0] == told[1]
    assert TIME.fullmatch(told[0]["timestamp"])
    heard = await cleo.hears("message", text="hola")
    assert told[0] == {
        "type": "message",
        "id": heard.message_id,
        "room_id": 1,
        **user(ana.person),
        "content": "hola",
        "timestamp": told[0]["timestamp"],
    }
    await cleo.say("¿qué tal?")
    for client in (ana, bea):
        assert (await client.frame("message", content="¿qué tal?"))["user_id"] == cleo.person.id


async def test_many_rooms_are_on_one_socket(people):
    ana, bea = await people.join(Rooms, "ana"), await people.join(RoomsOne, "bea")
    other = await room(ana.person, bea.person)
    await ana.join(other)
    second = people.keep(await RoomsOne.open(bea.person, other))

    await ana.send({"type": "message", "room_id": 1, "content": "to the first"})
    await ana.send({"type": "message", "room_id": other, "content": "to the second"})

    await bea.hear("to the first")
    await second.hear("to the second")
    assert {one["room_id"] for one in ana.frames("room_joined")} == {1, other}
    assert second.frames("message", content="to the first") == bea.frames("message", content="to the second") == []


@BOTH
async def test_who_comes_and_goes_is_told_to_the_others_once_a_user(people, driver):
    ana, person = await people.join(driver, "ana"), await people("bea")
    about = {"room_id": 1, **user(person)}
    first, second = await Rooms.open(person), await RoomsOne.open(person)

    assert await ana.frame("user_joined", **user(person)) == {"type": "user_joined", **about}
    await first.leave()
    await second.say("still here")
    await ana.hear("still here")
    await second.leave()
    assert await ana.frame("user_left", **user(person)) == {"type": "user_left", **about}
    for client in (first, second):
        await client.close()
    await ana.ping()
    assert len(ana.frames("user_joined", **user(person))) == len(ana.frames("user_left", **user(person))) == 1
    assert not ana.frames("user_disconnected", **user(person))
    assert not first.frames("user_joined", **user(person))


@pytest.mark.parametrize("how", ["vanish", "close"])
async def test_a_socket_that_goes_without_a_leave_is_told_of_as_that(people, how):
    ana, bea = await people.join(Rooms, "ana"), await Rooms.open(await people("bea"))
    await getattr(bea, how)()
    about = {"room_id": 1, **user(bea.person)}
    assert await ana.frame("user_disconnected") == {"type": "user_disconnected", **about}
    await ana.ping()
    assert ana.frames("user_left", **user(bea.person)) == []


@BOTH
async def test_typing_is_told_to_the_others(people, driver):
    ana, bea = await people.join(driver, "ana"), await people.join(Rooms, "bea")
    await ana.type()
    assert await bea.frame("user_typing", user_id=ana.person.id) == {
        "type": "user_typing",
        "room_id": 1,
        **user(ana.person),
    }
    await ana.ping()
    assert ana.frames("user_typing", **user(ana.person)) == []


@BOTH
async def test_a_ping_is_answered_with_the_servers_time(people, driver):
    ana = await people.join(driver, "ana")
    await ana.ping()
    (pong,) = ana.frames("pong")
    assert pong == {"type": "pong", "timestamp": pong["timestamp"]}
    assert TIME.fullmatch(pong["timestamp"])
    assert abs(datetime.fromisoformat(pong["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)


# ---- leaving


@BOTH
async def test_who_leaves_hears_no_more_may_still_speak_and_can_come_back(people, driver):
    ana, bea = await people.join(driver, "ana"), await people.join(Rooms, "bea")
    await ana.leave()
    assert ana.frames("room_left") == [{"type": "room_left", "room_id": 1}]
    await bea.say("behind your back")
    await bea.hear("behind your back")
    await ana.say("from outside")  # a member is one, in the room or not
    await bea.hear("from outside")
    await ana.ping()
    assert ana.texts() == []

    ana.heard.clear()
    await ana.join(1) if driver is Rooms else await ana.send({"type": "join_room"})
    history = await ana.frame("message_history")
    assert [message["content"] for message in history["messages"]][-2:] == ["behind your back", "from outside"]
    await bea.say("welcome back")
    await ana.hear("welcome back")


async def test_to_leave_where_one_is_not_is_harmless_and_tells_nothing(people):
    ana = people.keep(await Rooms.connect(await people("ana")))
    hidden = await room(await people("bea"), is_private=True)
    for which in (1, hidden, NOWHERE):
        await ana.send({"type": "leave_room", "room_id": which})
        assert await ana.frame("room_left", room_id=which) == {"type": "room_left", "room_id": which}


@pytest.mark.parametrize("how", ["kick", "ban", "leave", "close"])
async def test_a_membership_that_ends_ends_it_on_the_socket(people, how):
    ana, bea = await people("ana"), await people("bea")
    here = await room(ana, bea)
    many, one = people.keep(await Rooms.open(bea, here)), await RoomsOne.open(bea, here)
    other = people.keep(await Rooms.open(ana, here))
    await many.join(1)

    match how:
        case "kick":
            await ana.ask("DELETE", f"/rooms/{here}/members/{bea.id}", 204)
        case "ban":
            await ana.ask("DELETE", f"/rooms/{here}/members/{bea.id}?ban=true", 204)
        case "leave":
            await call(bea, "POST", f"/rooms/{here}/leave", 200)
        case "close":
            await ana.ask("DELETE", f"/rooms/{here}", 204)

    left = {"type": "room_left", "room_id": here}
    assert await many.frame("room_left") == left
    assert await one.closes() == (1008, "Room not found" if how == "close" else "Not a member of this room")
    assert one.frames("room_left") == [left]
    if how == "close":
        assert await other.frame("room_left") == left
    else:
        await other.frame("user_left", **user(bea))
        assert other.frames("room_left") == []
    await many.send({"type": "message", "room_id": 1, "content": f"elsewhere after a {how}"})
    await many.frame("message", content=f"elsewhere after a {how}")
    assert len(many.frames("room_left")) == 1


# ---- refusals on sockets

REFUSED = {
    "no room": ({"type": "message", "content": "x"}, "room_id is missing: this socket is of many rooms", "invalid"),
    "no room to type in": ({"type": "typing"}, "room_id is missing: this socket is of many rooms", "invalid"),
    "no such room": ({"type": "join_room", "room_id": NOWHERE}, "Room not found", "room_not_found"),
    "no room at all": ({"type": "join_room", "room_id": "1"}, "Expected `int | null`, got `str` - at `$.room_id`", "malformed"),
    "not joined": ({"type": "typing", "room_id": 1}, "Join the room first", "not_a_member"),
    "no content": ({"type": "message", "room_id": 1}, "Message content cannot be empty", "empty_message"),
    "no text": ({"type": "message", "room_id": 1, "content": "\n"}, "Message content cannot be empty", "empty_message"),
    "too much": ({"type": "message", "room_id": 1, "content": "m" * 4001}, "The message is longer than 4000 characters", "invalid"),
    "no such type": ({"type": "dance"}, "Unknown message type: dance", "unknown_event"),
    "no type": ({}, "Message type is missing", "malformed"),
    "no object": ([], "Invalid JSON format", "malformed"),
}  # fmt: skip


@pytest.mark.parametrize(("frame", "message", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_is_answered_and_the_socket_lives(people, frame, message, code):
    ana = people.keep(await Rooms.connect(await people("ana")))
    await ana.mumble(frame)
    assert await ana.frame("error") == {"type": "error", "message": message, "code": code}
    await ana.ping()


async def test_what_is_no_json_is_answered_in_these_words(people):
    ana = await people.join(RoomsOne, "ana")
    await ana.socket.send("hello")
    assert await ana.frame("error") == {"type": "error", "message": "Invalid JSON format", "code": "malformed"}


async def test_a_socket_of_one_room_refuses_another(people):
    ana = await people.join(RoomsOne, "ana")
    other = await room(ana.person)
    for name in ("message", "join_room", "leave_room", "typing"):
        await ana.mumble({"type": name, "room_id": other, "content": "x"})
    await ana.until(lambda: len(ana.frames("error")) == 4)
    assert ana.frames("error")[0] == {"type": "error", "message": "This socket is of room 1 alone", "code": "invalid"}
    await ana.mumble({"type": "message", "room_id": 1, "content": "its own may be named"})
    await ana.hear("its own may be named")
    assert (await call(ana.person, "GET", f"/rooms/{other}/messages", 200)).json() == []


async def closed(person: Person, path: str, **options: Any) -> tuple[int | None, str | None]:
    """How the server closes what is opened there, without another word."""
    client = Rooms(person, await websockets.connect(person.socket_url(path), **options))
    answer = await client.closes()
    assert client.heard == []
    return answer


@pytest.mark.parametrize("path", ["/ws/auth", "/ws/room/1", f"/ws/room/{NOWHERE}", "/ws/room/x"])
async def test_a_bad_token_opens_no_socket(people, path):
    ana = await people("ana")
    missing = (1008, "Missing authentication token") if path != "/ws/room/x" else (1008, "Room not found")
    invalid = (1008, "Invalid token") if path != "/ws/room/x" else missing
    assert await closed(ana, path) == missing
    assert await closed(ana, f"{path}?token=nonsense") == invalid
    assert await closed(ana, path, additional_headers={"Authorization": "Bearer nonsense"}) == invalid


async def test_all_ways_to_say_who_one_is_are_open(people):
    ana = await people("ana")
    ticket = (await ana.ask("POST", "/auth/ws-ticket", 200)).json()["ticket"]
    for url, options in (
        ("/ws/auth/", {"additional_headers": ana.headers}),
        (f"/ws/room/1/?token={ana.token}", {}),
        (f"/ws/auth?ticket={ticket}", {}),
        ("/ws/room/1", {"subprotocols": ["bearer", ana.token]}),
    ):
        client = people.keep(Rooms(ana, await websockets.connect(ana.socket_url(url), **options)))
        assert (await client.frame("connection_established"))["user_id"] == ana.id


async def test_a_room_that_one_may_not_enter_closes_its_socket(people):
    ana, eve, banned = [await people(name) for name in ("ana", "eve", "banned")]
    private, public = await room(ana, is_private=True), await room(ana, banned)
    await ana.ask("DELETE", f"/rooms/{public}/members/{banned.id}?ban=true", 204)
    for which in (private, NOWHERE):
        assert await closed(eve, f"/ws/room/{which}?token={eve.token}") == (1008, "Room not found")
    refusal = await closed(banned, f"/ws/room/{public}?token={banned.token}")
    assert refusal == (1008, "Not a member of this room")
    for which in ("0", "x", "-1", "9" * 30):
        assert await closed(eve, f"/ws/room/{which}?token={eve.token}") == (1008, "Room not found")


async def test_a_private_room_of_others_is_as_one_that_is_not_there(people):
    ana, eve = await people("ana"), await people("eve")
    hidden = await room(ana, is_private=True)
    client = people.keep(await Rooms.connect(eve))
    await client.ping()
    told: dict[int, list[Any]] = {}
    for which in (hidden, NOWHERE):
        client.heard.clear()
        for name in ("join_room", "message", "typing"):
            await client.mumble({"type": name, "room_id": which, "content": "knock"})
        await client.until(lambda: len(client.frames("error")) == 3)
        told[which] = list(client.heard)
        for method, path in (
            ("GET", ""),
            ("POST", "/join"),
            ("POST", "/leave"),
            ("GET", "/messages"),
            ("POST", "/messages"),
        ):
            more = {"json": {"content": "knock"}} if (method, path) == ("POST", "/messages") else {}
            answer = await call(eve, method, f"/rooms/{which}{path}", 404, **more)
            told[which].append((answer.text, answer.headers["content-type"]))
    assert told[hidden] == told[NOWHERE]


async def test_a_page_of_another_site_is_refused(people, server):
    ana = await people("ana")
    for path in (f"/ws/auth?token={ana.token}", f"/ws/room/1?token={ana.token}"):
        assert await closed(ana, path, origin="https://elsewhere.example") == (1008, "Not allowed")
        client = Rooms(ana, await websockets.connect(ana.socket_url(path), origin=server.url))
        await client.frame("connection_established")
        await client.close()


async def test_the_frames_of_the_contract_work_as_they_are_written(people):
    ana = people.keep(await Rooms.connect(await people("ana")))
    for frame in (
        {"type": "join_room", "room_id": 1},
        {"type": "message", "content": "first", "room_id": 1},
        {"type": "typing", "room_id": 1},
        {"type": "ping"},
        {"type": "leave_room", "room_id": 1},
    ):
        await ana.send(frame)
    await ana.frame("room_left")
    assert {frame["type"] for frame in ana.heard} == {
        "connection_established",
        "room_joined",
        "message_history",
        "message",
        "pong",
        "room_left",
    }


# ---- REST


async def test_an_account_made_here_is_one_everywhere(server):
    account = {"username": "romy", "email": "romy@example.org", "password": PASSWORD}
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        made = await http.post("/api/users/", json=account)
        assert made.status_code == 201
        mine = made.json()
        assert TIME.fullmatch(mine["created_at"])
        assert mine == {
            "id": mine["id"],
            "username": "romy",
            "email": "romy@example.org",
            "is_active": True,
            "created_at": mine["created_at"],
        }
        assert (await http.post("/api/users", json={"username": "rita", "password": PASSWORD})).json()["email"] is None
        taken = await http.post("/api/users", json=account)
        assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")

        by_form = await http.post("/api/token", data={"grant_type": "password", **account})
        by_email = await http.post("/api/token/", data={"username": "romy@example.org", "password": PASSWORD})
        by_json = await http.post("/api/token", json={"username": "romy", "password": PASSWORD})
        by_cafe = await http.post("/api/v1/auth/login", data={"username": "romy", "password": PASSWORD})
        assert by_form.json() == {"access_token": by_form.json()["access_token"], "token_type": "bearer"}
        assert by_form.headers["cache-control"] == "no-store"
        for login in (by_form, by_email, by_json, by_cafe):
            headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
            assert (await http.get("/api/users/me/", headers=headers)).json() == mine
            assert (await http.get("/api/v1/auth/me", headers=headers)).json()["id"] == mine["id"]

        wrong = await http.post("/api/token", data={"username": "romy", "password": "wrong"})
        assert wrong.status_code == 401
        assert wrong.headers["content-type"] == "application/problem+json"
        assert wrong.headers["www-authenticate"] == "Bearer"
        assert (wrong.json()["detail"], wrong.json()["code"]) == (
            "Incorrect username or password",
            "invalid_credentials",
        )
        nobody = await http.get("/api/users/me/")
        assert (nobody.status_code, nobody.json()["code"]) == (401, "missing_token")


async def test_a_room_is_made_found_joined_and_left(people):
    ana, bea = await people("ana"), await people("bea")
    made = (await call(ana, "POST", "/rooms/", 201, json={"name": "Kitchen", "description": "Smells good"})).json()
    assert TIME.fullmatch(made["created_at"])
    assert made == {
        "id": made["id"],
        "name": "Kitchen",
        "description": "Smells good",
        "created_at": made["created_at"],
        "owner_id": ana.id,
        "member_count": 1,
    }
    path = f"/rooms/{made['id']}"
    assert (await call(bea, "GET", path, 200)).json() == (await call(bea, "GET", f"{path}/", 200)).json() == made
    assert (await call(bea, "GET", f"{path}/messages", 403)).json()["detail"] == "Not a member of this room"
    assert (await call(bea, "POST", f"{path}/join", 200)).json() == made | {"member_count": 2}
    assert (await call(bea, "POST", f"{path}/join/", 200)).json() == made | {"member_count": 2}
    assert (await call(bea, "POST", f"{path}/leave/", 200)).json() == {"message": "You have left the room"}
    assert (await call(bea, "POST", f"{path}/leave", 403)).json()["code"] == "not_a_member"
    await call(bea, "POST", f"{path}/join", 200)
    assert (await call(ana, "POST", f"{path}/leave", 409)).json()["code"] == "last_owner"
    assert (await call(ana, "POST", "/rooms", 422, json={"name": " "})).json()["code"] == "invalid"


async def test_rooms_are_listed_so_many_after_so_many(people):
    ana, bea = await people("ana"), await people("bea")
    mine = [await room(ana, name=f"room {n}") for n in range(3)] + [await room(ana, is_private=True)]

    async def listed(who: Person, **query: int) -> list[int]:
        return [one["id"] for one in (await call(who, "GET", "/rooms/", 200, params=query)).json()]

    everything = await listed(ana, limit=100)
    assert everything == sorted(everything)
    assert everything[0] == 1
    assert set(mine) <= set(everything)
    assert await listed(ana, skip=1, limit=2) == everything[1:3]
    assert await listed(ana, skip=len(everything)) == []
    assert mine[3] not in await listed(bea, limit=100)
    await call(ana, "GET", "/rooms?limit=101", 422)
    await call(ana, "GET", "/rooms?skip=-1", 422)


async def test_messages_are_listed_oldest_first_and_back_from_one(people):
    ana = await people("ana")
    here = await room(ana)
    client = people.keep(await RoomsOne.open(ana, here))
    sent = []
    for n in range(7):
        answer = (await call(ana, "POST", f"/rooms/{here}/messages/", 201, json={"content": f"message {n}"})).json()
        assert answer == {
            "id": answer["id"],
            "room_id": here,
            **user(ana),
            "content": f"message {n}",
            "timestamp": answer["timestamp"],
        }
        told = await client.frame("message", content=f"message {n}")
        assert told == {"type": "message", **answer}
        sent.append(answer)
    for gone in (3, 4, 5):
        await ana.ask("DELETE", f"/messages/{sent[gone]['id']}", 204)

    path = f"/rooms/{here}/messages"
    newest = (await call(ana, "GET", f"{path}?limit=2", 200)).json()
    assert newest == [sent[2], sent[6]]
    older = (await call(ana, "GET", f"{path}?limit=2&before={newest[0]['id']}", 200)).json()
    assert older == sent[:2]
    assert (await call(ana, "GET", f"{path}/?before={sent[0]['id']}", 200)).json() == []
    wrong = (await call(ana, "GET", f"{path}?before={NOWHERE}", 422)).json()
    assert (wrong["detail"], wrong["errors"][0]["loc"]) == ("before is no message of this room", ["query", "before"])
    await call(ana, "GET", f"{path}?limit=101", 422)
    empty = (await call(ana, "POST", path, 422, json={"content": " "})).json()
    assert (empty["detail"], empty["code"]) == ("Message content cannot be empty", "empty_message")


ROUTES = {
    "GET /users/me": None,
    "GET /rooms": None,
    "POST /rooms": {"name": "x"},
    "GET /rooms/1": None,
    "POST /rooms/1/join": None,
    "POST /rooms/1/leave": None,
    "GET /rooms/1/messages": None,
    "POST /rooms/1/messages": {"content": "x"},
}


@pytest.mark.parametrize("route", ROUTES)
async def test_without_a_good_token_one_gets_nothing(server, route):
    method, path = route.split()
    body = {} if ROUTES[route] is None else {"json": ROUTES[route]}
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        for headers, code in (({}, "missing_token"), ({"Authorization": "Bearer nonsense"}, "invalid_token")):
            answer = await http.request(method, f"/api{path}", headers=headers, **body)
            assert (answer.status_code, answer.json()["code"]) == (401, code)
            assert answer.headers["www-authenticate"] == "Bearer"
