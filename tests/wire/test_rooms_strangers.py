"""rooms' REST and sockets, for strangers: what one may not see is, to the letter, as what is not there."""

import re
import time

import httpx2
import jwt
import pytest

from driver_rooms import Rooms, RoomsOne, call
from serving import Server

SECRET = "k7Rr2Vw9Zq4Xn8Bt1Lp6Ds3Fh5Jg0My-tests-alone"
NOWHERE = 4_000_000_000
ROUTES = {
    "GET /rooms/{room_id}": None,
    "POST /rooms/{room_id}/join": None,
    "POST /rooms/{room_id}/leave": None,
    "GET /rooms/{room_id}/messages": None,
    "POST /rooms/{room_id}/messages": {"content": "knock"},
}
OF_ONESELF = {"GET /users/me": None, "GET /rooms": None, "POST /rooms": {"name": "x"}}
OPEN = {"POST /token", "POST /users", "GET /connections"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("strangers"), SECRET_KEY=SECRET) as running:
        yield running


def told(answer):
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
    return answer.status_code, headers, answer.text


async def hidden_room(people):
    """A private room, and one who was removed from it."""
    owner, removed = await people("owner"), await people("removed")
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Hidden", "is_private": True})).json()["id"]
    await owner.ask("POST", f"/rooms/{room}/members", 201, json={"user_id": removed.id})
    await owner.ask("DELETE", f"/rooms/{room}/members/{removed.id}", 204)
    return room, removed


def test_no_route_is_missing_above(server):
    paths = httpx2.get(f"{server.url}/openapi.json").json()["paths"]
    own = re.compile(r"/api/(token|users|rooms|connections)\b")
    found = {f"{method.upper()} {path[4:]}" for path, ways in paths.items() if own.match(path) for method in ways}

    assert found == {*ROUTES, *OF_ONESELF} | OPEN


@pytest.mark.parametrize("route", ROUTES)
async def test_a_hidden_room_is_as_none(people, route):
    room, removed = await hidden_room(people)
    method, path = route.split()

    for person in (removed, await people("never")):
        answers = [await call(person, method, path.format(room_id=i), json=ROUTES[route]) for i in (room, NOWHERE)]
        assert told(answers[0]) == told(answers[1])
        assert answers[0].status_code == 404


@pytest.mark.parametrize("route", [*ROUTES, *OF_ONESELF])
async def test_without_a_good_token_nothing_is_told(server, people, route):
    room, removed = await hidden_room(people)
    method, path = route.split()
    claims = jwt.decode(removed.token, SECRET, ["HS256"])
    expired = jwt.encode(claims | {"exp": int(time.time()) - 1}, SECRET, "HS256")

    async with httpx2.AsyncClient(base_url=f"{server.url}/api") as http:
        for token in (None, "nonsense", expired):
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            body = (ROUTES | OF_ONESELF)[route]
            answers = [
                await http.request(method, path.format(room_id=i), headers=headers, json=body) for i in (room, NOWHERE)
            ]
            assert told(answers[0]) == told(answers[1])
            assert answers[0].status_code == 401


async def test_sockets_say_the_same_of_a_hidden_room(people):
    room, removed = await hidden_room(people)
    for room_id in (room, NOWHERE):
        client = await RoomsOne.connect(removed, room_id)
        assert await client.closes() == (1008, "Room not found")
        assert client.heard == []
    client = people.keep(await Rooms.connect(removed))
    for frame in ({"type": "join_room"}, {"type": "message", "content": "knock"}, {"type": "typing"}):
        before = len(client.frames("error"))
        for room_id in (room, NOWHERE):
            await client.send({**frame, "room_id": room_id})
        await client.until(lambda before=before: len(client.frames("error")) == before + 2, "two refusals")
        assert client.frames("error")[-1] == client.frames("error")[-2]
