"""Who may open a socket, by which of the five ways, and what ends it."""

import asyncio
import json
import time

import httpx2
import jwt
import pytest
import websockets

from drivers import PASSWORD, Cafe, CafeV1, Client, Simple, sign_up

pytestmark = pytest.mark.parametrize("server", ["own", "asgi"], indirect=True, scope="module")


async def open_at(person, path, driver=Cafe, **options):
    return driver(person, await websockets.connect(person.socket_url(path), **options))


async def ping(client):
    assert (await client.answer("ping"))["event"] == "pong"
    return (await client.answer("send_message", room_id=1, message="in"))["event"]


async def test_a_socket_authenticates_by_header_query_ticket_subprotocol_and_first_frame(people):
    ana = await people("ana")
    ticket = (await ana.ask("POST", "/auth/ws-ticket", 200)).json()["ticket"]

    by_header = await open_at(ana, "/api/v1/ws", additional_headers=ana.headers)
    by_query = await open_at(ana, f"/api/v1/ws?token={ana.token}")
    by_ticket = await open_at(ana, f"/api/v1/ws?ticket={ticket}")
    by_pair = await open_at(ana, "/api/v1/ws", subprotocols=["bearer", ana.token])
    by_both = await open_at(ana, "/api/v1/ws", CafeV1, subprotocols=["tertulia.v1", "bearer", ana.token])
    by_frame = await open_at(ana, "/api/v1/ws/")
    renewed = await by_frame.ask("authenticate", token=ana.token)

    for client in (by_header, by_query, by_ticket, by_pair, by_both, by_frame):
        people.keep(client)
        assert await ping(client) == "ack"
    assert by_pair.socket.subprotocol == "bearer"
    assert by_both.socket.subprotocol == "tertulia.v1"
    assert renewed["user"]["id"] == ana.id
    assert 0 < renewed["expires_in"] <= 1800


async def test_a_ticket_opens_one_socket_only(people):
    ana = await people("ana")
    ticket = (await ana.ask("POST", "/auth/ws-ticket", 200)).json()["ticket"]
    people.keep(await open_at(ana, f"/api/v1/ws?ticket={ticket}"))

    again = await open_at(ana, f"/api/v1/ws?ticket={ticket}")

    assert (await again.closes())[0] == 4401


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("/api/v1/ws?token=nonsense", 4401, "Invalid token"),
        ("/api/v1/ws?ticket=nonsense", 4401, "Invalid token"),
        ("/api/v1/ws/1", 1008, "Missing authentication token"),
        ("/api/v1/ws/1?token=nonsense", 1008, "Invalid token"),
        ("/api/v1/ws/1?token={token}x", 1008, "Invalid token"),
        ("/api/v1/ws/999999?token={token}", 1008, "Room not found"),
        ("/api/v1/ws/0?token={token}", 1008, "Room not found"),
        ("/api/v1/ws/-1?token={token}", 1008, "Room not found"),
        ("/api/v1/ws/chair?token={token}", 1008, "Room not found"),
        ("/api/v1/ws/99999999999999999999999?token={token}", 1008, "Room not found"),
    ],
)
async def test_a_refused_socket_is_closed_with_a_code_and_a_reason(people, path, code, reason):
    ana = await people("ana")

    client = await open_at(ana, path.format(token=ana.token))

    assert await client.closes() == (code, reason)


async def test_a_socket_that_says_nothing_of_who_it_is_is_closed_after_five_seconds(people):
    client = await open_at(await people("ana"), "/api/v1/ws")

    assert await client.closes() == (4401, "Missing authentication token")


async def test_a_wrong_first_token_closes_the_socket_and_a_frame_before_it_is_refused(people):
    client = await open_at(await people("ana"), "/api/v1/ws")

    early = await client.answer("join_room", room_id=1)
    await client.send({"event": "authenticate", "data": {"token": "nonsense"}, "id": 1})

    assert early["data"]["code"] == "missing_token"
    assert (await client.closes())[0] == 4401


async def test_a_path_that_is_no_socket_is_a_404_and_no_error_in_the_log(server, people):
    ana = await people("ana")

    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(ana.socket_url("/nowhere"))

    assert refused.value.response.status_code == 404
    await people("later")
    assert "[error" not in server.log()


@pytest.mark.parametrize(
    ("origin", "is_welcome"),
    [("https://evil.example", False), ("http://localhost:5173", True), ("null", False), (None, True)],
)
async def test_a_page_of_another_site_gets_no_socket(people, origin, is_welcome):
    ana = await people("ana")

    cafe = await open_at(ana, f"/api/v1/ws?token={ana.token}", origin=origin)
    simple = await open_at(ana, f"/api/v1/ws/1?token={ana.token}", Simple, origin=origin)

    if is_welcome:
        people.keep(cafe), people.keep(simple)
        assert await ping(cafe) == "ack"
        await simple.frame("messages_history")
    else:
        assert (await cafe.closes())[0] == 4403
        assert (await simple.closes())[0] == 1008


async def test_a_page_of_another_site_can_read_why_it_gets_no_echo(server):
    async with websockets.connect(f"{server.ws_url}/ws/echo", origin="https://evil.example") as socket:
        await socket.wait_closed()

    assert (socket.close_code, socket.close_reason) == (1008, "Not allowed")


async def test_logging_out_closes_the_sockets_of_that_login_at_once_and_no_others(people):
    ana = await people("ana")
    other = await sign_up(ana.base, ana.name)
    client, simple = await Cafe.open(ana), await Simple.open(ana)
    kept = people.keep(await Cafe.open(other))

    await ana.ask("POST", "/auth/logout")

    assert (await client.closes())[0] == 4401
    assert await simple.closes() == (1008, "Invalid token")
    assert await ping(kept) == "ack"
    await ana.ask("GET", "/auth/me", 401)


async def test_a_new_password_ends_the_other_logins(people):
    ana = await people("ana")
    other = await sign_up(ana.base, ana.name)
    theirs, mine = await Cafe.open(other), people.keep(await Cafe.open(ana))

    changed = {"current_password": PASSWORD, "new_password": "quite another one"}
    await ana.ask("POST", "/auth/password", json=changed)

    assert (await theirs.closes())[0] == 4401
    assert await ping(mine) == "ack"
    await other.ask("GET", "/auth/me", 401)


async def test_a_deactivated_user_is_out_at_once(server, people):
    ana = await people("ana")
    client = await Cafe.open(ana)
    admin = await sign_up(ana.base, "root")
    server.run("create-admin", "root", ADMIN_PASSWORD=PASSWORD)
    admin = await sign_up(ana.base, "root")

    await admin.ask("PATCH", f"/users/{ana.id}", 200, json={"is_active": False})

    assert (await client.closes())[0] == 4401
    await ana.ask("GET", "/auth/me", 401)


async def test_a_role_takes_effect_on_open_sockets_and_losing_it_ends_them(server, people):
    ana = await people("ana")
    client = await Cafe.open(ana)
    server.run("create-admin", "boss", ADMIN_PASSWORD=PASSWORD)
    boss = await sign_up(ana.base, "boss")
    room = (await boss.ask("POST", "/rooms", 201, json={"name": "Boss's"})).json()["id"]
    sent = (await boss.ask("POST", f"/rooms/{room}/messages", 201, json={"content": "to be moderated"})).json()

    await boss.ask("PATCH", f"/users/{ana.id}", 200, json={"role": "admin"})
    while (deleted := await client.answer("delete_message", message_id=sent["id"]))["event"] == "error":
        assert deleted["data"]["code"] == "message_not_found"  # the node looks at once, but not before it answers
    await boss.ask("PATCH", f"/users/{ana.id}", 200, json={"role": "user"})

    assert deleted["data"]["seq"] > sent["seq"]
    assert (await client.closes())[0] == 4401


async def test_a_kicked_member_hears_nothing_more_and_is_told_so(people):
    owner, guest = await people.join(Cafe, "owner"), await people.join(Cafe, "guest")
    room = (await owner.person.ask("POST", "/rooms", 201, json={"name": "Private", "is_private": True})).json()
    await owner.person.ask("POST", f"/rooms/{room['id']}/members", 201, json={"user_id": guest.person.id})
    for client in (owner, guest):
        await client.join(room["id"])
    one_room = await Simple.open(guest.person, room["id"])
    await owner.ask("send_message", room_id=room["id"], message="before")
    await guest.hear("before")

    await owner.person.ask("DELETE", f"/rooms/{room['id']}/members/{guest.person.id}", 204)
    await owner.ask("send_message", room_id=room["id"], message="after")
    await guest.event("member_removed", user_id=guest.person.id)
    refused = await guest.answer("send_message", room_id=room["id"], message="still here?")

    assert "after" not in guest.texts()
    assert refused["data"]["code"] == "room_not_found"
    assert await one_room.closes() == (1008, "Not a member of this room")
    again = await Simple.connect(guest.person, room["id"])
    assert await again.closes() == (1008, "Room not found")


async def test_one_removed_from_a_public_room_does_not_get_back_in_by_connecting(people):
    owner, guest = await people("owner"), await people("guest")
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Public"})).json()
    client = await Simple.open(guest, room["id"])

    await owner.ask("DELETE", f"/rooms/{room['id']}/members/{guest.id}", 204)

    assert await client.closes() == (1008, "Not a member of this room")
    again = await Simple.connect(guest, room["id"])
    assert await again.closes() == (1008, "Not a member of this room")


async def test_one_socket_too_many_closes_the_one_that_was_silent_longest(people):
    ana = await people("ana")
    clients: list[Client] = [await Cafe.open(ana) for _ in range(10)]
    for client in clients[1:]:
        await ping(client)

    eleventh = people.keep(await Cafe.open(ana))

    assert (await clients[0].closes())[0] == 4409
    assert await ping(eleventh) == "ack"
    for client in clients[1:]:
        await client.close()


async def test_the_v1_subprotocol_greets_with_what_a_client_needs(people):
    ana = await people("ana")

    client = people.keep(await CafeV1.open(ana))

    hello = client.heard[0]
    assert hello["event"] == "hello"
    assert set(hello["data"]) == {
        "protocol", "session_id", "user", "heartbeat_interval", "features", "limits", "rooms",
    }  # fmt: skip
    assert hello["data"]["user"]["id"] == ana.id
    assert set(hello["data"]["rooms"][0]) == {
        "room_id", "epoch", "seq", "read_seq", "unread", "mention_count",
    }  # fmt: skip


async def test_no_token_ticket_password_or_text_reaches_the_log(server, people):
    ana = await people("ana")
    client = people.keep(await Cafe.open(ana))
    ticket = (await ana.ask("POST", "/auth/ws-ticket", 200)).json()["ticket"]
    people.keep(await open_at(ana, f"/api/v1/ws?ticket={ticket}"))
    await client.ask("send_message", room_id=1, message="a text for nobody's log")
    async with httpx2.AsyncClient() as http:
        await http.get(f"{ana.base}/api/v1/auth/me?token={ana.token}")
        wrong = {"username": ana.name, "password": "a wrong password of mine"}
        await http.post(f"{ana.base}/api/v1/auth/login", json=wrong)

    log = server.log()

    for secret in (ana.token, ana.login["refresh_token"], ticket, PASSWORD, wrong["password"], "a text for nobody's"):
        assert secret not in log


async def test_frames_that_come_before_the_token_was_looked_at_wait_for_it(people):
    ana = await people("ana")
    client = people.keep(await open_at(ana, "/api/v1/ws"))

    frames = [
        {"event": "authenticate", "data": {"token": ana.token}},
        {"event": "join_room", "data": {"room_id": 1}},
        {"event": "send_message", "data": {"room_id": 1, "message": "at once"}},
    ]
    await asyncio.gather(*(client.socket.send(json.dumps(frame)) for frame in frames))

    await client.hear("at once")


def short_lived(server, person, seconds):
    """A token of the same login that expires soon, signed as the server signs."""
    secret = (server.log_file.parent / "data" / "secret_key").read_text().strip()
    claims = jwt.decode(person.token, options={"verify_signature": False})
    return jwt.encode({**claims, "exp": int(time.time()) + seconds}, secret, "HS256")


async def test_a_socket_closes_when_its_token_expires_unless_it_was_renewed(server, people):
    ana = await people("ana")
    token = short_lived(server, ana, 3)
    expiring = await open_at(ana, f"/api/v1/ws?token={token}")
    renewed = people.keep(await open_at(ana, f"/api/v1/ws?token={token}"))

    ack = await renewed.ask("authenticate", token=ana.token)
    closed = await expiring.closes()

    assert closed[0] == 4401
    assert ack["expires_in"] > 60
    assert await ping(renewed) == "ack"


async def test_an_open_socket_is_not_renewed_into_somebody_elses(people):
    ana, bea = await people("ana"), await people("bea")
    client = people.keep(await Cafe.open(ana))

    refused = await client.answer("authenticate", token=bea.token)
    sent = await client.ask("send_message", room_id=1, message="still ana")

    assert refused["data"]["code"] == "invalid_token"
    assert (await client.event("message_received", seq=sent["seq"]))["user_id"] == ana.id
