"""The public socket and the count of connections, from outside: what needs no account, and what of it can be seen."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import websockets

from driver_rooms import Public, Rooms, RoomsOne, call
from drivers import PASSWORD, PATIENCE, Cafe, Person, sign_up
from serving import Server

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture
async def visitors(server, people):
    """Opens public sockets, which are hung up at the end."""

    async def visit(base: str = server.url, **options: Any) -> Public:
        return people.keep(await Public.open(base, **options))

    return visit


# ---- talking


async def test_what_one_says_the_others_hear_and_nobody_else(visitors, people):
    ana, ben, cleo = [await visitors() for _ in range(3)]
    member = await people.join(Rooms, "member")
    assert ana.heard == [{"type": "connection_established", "client_id": ana.client_id}]
    assert len({ana.client_id, ben.client_id, cleo.client_id}) == 3

    await ana.say("is this on?")

    for other in (ben, cleo):
        frame = await other.frame("message", content="is this on?")
        assert TIME.fullmatch(frame["timestamp"])
        assert frame == {
            "type": "message",
            "client_id": ana.client_id,
            "content": "is this on?",
            "timestamp": frame["timestamp"],
        }
    await ben.say("it is")
    await ana.hear("it is")
    assert ana.texts() == ["it is"]
    await member.ping()
    assert member.texts() == []
    assert "is this on?" not in (await call(member.person, "GET", "/rooms/1/messages", 200)).text


async def test_a_ping_has_a_pong_with_the_time(visitors):
    ana = await visitors()
    await ana.ping()
    (pong,) = ana.frames("pong")
    assert TIME.fullmatch(pong["timestamp"])
    assert abs(datetime.fromisoformat(pong["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_one_hears_in_the_order_in_which_it_was_said(visitors):
    ana, ben = await visitors(), await visitors()
    said = [f"word {n}" for n in range(50)]
    for text in said:
        await ana.say(text)
    await ben.hear(said[-1])
    assert ben.texts() == said


REFUSED = {
    "no content": ({"type": "message"}, "Message content cannot be empty", "empty_message"),
    "no text": ({"type": "message", "content": "  "}, "Message content cannot be empty", "empty_message"),
    "too much": ({"type": "message", "content": "m" * 4001}, "The message is longer than 4000 characters", "invalid"),
    "a room": ({"type": "join_room", "room_id": 1}, "Unknown message type: join_room", "unknown_event"),
    "no type": ({}, "Message type is missing", "malformed"),
    "no object": ([], "Invalid JSON format", "malformed"),
}


@pytest.mark.parametrize(("frame", "message", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_is_answered_and_the_socket_lives(visitors, frame, message, code):
    ana, ben = await visitors(), await visitors()
    await ana.mumble(frame)
    assert await ana.frame("error") == {"type": "error", "message": message, "code": code}
    await ana.say("after it")
    await ben.hear("after it")
    assert ben.texts() == ["after it"]


# ---- who is hung up on


async def test_who_goes_on_too_fast_or_makes_no_sense_is_hung_up_on(visitors):
    hasty, mad, binary = [await visitors() for _ in range(3)]
    for _ in range(200):
        await hasty.mumble({"type": "ping"})
    assert await hasty.closes() == (1008, "Too many messages")
    assert {one["code"] for one in hasty.frames("error")} == {"rate_limited"}
    for _ in range(10):
        await mad.socket.send("nonsense")
    assert await mad.closes() == (1008, "Too many malformed messages")
    await binary.socket.send(b"{}")
    assert await binary.closes() == (1003, "Binary frames are not understood here")


async def test_a_frame_that_is_too_large_ends_it(visitors):
    ana = await visitors()
    await ana.mumble({"type": "message", "content": "m" * 70_000})
    assert (await ana.closes())[0] == 1009


async def test_a_page_of_another_site_is_refused(server, visitors):
    socket = await websockets.connect(f"{server.ws_url}/ws", origin="https://elsewhere.example")
    with pytest.raises(websockets.ConnectionClosed):
        await asyncio.wait_for(socket.recv(), PATIENCE)
    assert (socket.close_code, socket.close_reason) == (1008, "Not allowed")
    ana = await visitors(origin=server.url)
    assert ana.client_id


async def test_it_can_be_switched_off(tmp_path):
    with Server(tmp_path, PUBLIC_SOCKET="false") as server:
        socket = await websockets.connect(f"{server.ws_url}/ws")
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), PATIENCE)
        assert (socket.close_code, socket.close_reason) == (1008, "The public socket is switched off on this server")
        ana = await sign_up(server.url, "ana")
        client = await Rooms.open(ana)
        await client.say("the others are not")
        await client.hear("the others are not")
        await client.close()


@pytest.mark.parametrize(("kind", "reason"), [("own", "Server is restarting"), ("asgi", "")])
async def test_it_closes_with_the_server_whichever_that_is(tmp_path, kind, reason):
    with Server(tmp_path, kind=kind) as server:
        ana, ben = await Public.open(server.url), await Public.open(server.url)
        await ana.say("good-bye")
        await ben.hear("good-bye")
        await asyncio.to_thread(server.terminate)
        assert await ana.closes() == await ben.closes() == (1012, reason)


# ---- counting


async def counted(server: Server, who: Person | None = None) -> dict[str, Any]:
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        answer = await http.get("/api/connections/", headers=who.headers if who else {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_connections_are_counted_for_everybody_and_shown_to_admins(tmp_path):
    with Server(tmp_path) as server:
        server.run("create-admin", "root", ADMIN_PASSWORD=PASSWORD)
        root, ana, eve = [await sign_up(server.url, name) for name in ("root", "ana", "eve")]
        assert await counted(server) == {"total": 0, "authenticated": 0, "public": 0, "rooms": {}}
        hidden = (await call(ana, "POST", "/rooms", 201, json={"name": "x", "is_private": True})).json()["id"]
        many = await Rooms.open(ana, 1)
        await many.join(hidden)
        clients = [many, await RoomsOne.open(ana, hidden), await Cafe.open(eve, 1)]
        clients += [await Public.open(server.url), await Public.open(server.url)]

        total = {"total": 5, "authenticated": 3, "public": 2}
        assert await counted(server) == total | {"rooms": {"1": 2}}
        assert await counted(server, eve) == total | {"rooms": {"1": 2}}
        assert await counted(server, ana) == total | {"rooms": {"1": 2, str(hidden): 2}}
        all_of_it = await counted(server, root)
        shown = {one["id"]: one for one in all_of_it.pop("connections")}
        assert all_of_it == total | {"rooms": {"1": 2, str(hidden): 2}}
        established = many.frames("connection_established")[0]
        mine = shown[established["connection_id"]]
        assert TIME.fullmatch(mine["since"])
        assert mine == {
            "id": established["connection_id"],
            "user_id": ana.id,
            "username": "ana",
            "dialect": "rooms",
            "rooms": [1, hidden],
            "since": mine["since"],
            "address": "127.0.0.1",
        }
        assert sorted(one["dialect"] for one in shown.values()) == ["cafe", "rooms", "rooms"]
        async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
            bad = await http.get("/api/connections", headers={"Authorization": "Bearer nonsense"})
        assert (bad.status_code, bad.json()["code"]) == (401, "invalid_token")

        for client in clients:
            await client.close()
        async with asyncio.timeout(PATIENCE):
            while (await counted(server))["total"]:
                await asyncio.sleep(0.01)
