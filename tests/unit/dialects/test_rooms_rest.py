"""rooms' REST: which commands each request is, what the answer looks like, and what OpenAPI is told of it."""

from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tertulia.dialects import cafe, conversations, direct, rooms
from tertulia.domain import commands as c
from tertulia.domain import errors as x
from tertulia.domain.models import Actor, Membership, Message, Page, Room, Tokens, User
from tertulia.domain.roles import RoomKind, UserRole
from tertulia.protocol.door import Census, Live, describe_problems
from tertulia.transport import problems

AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
ACTOR = Actor(3, "alice", UserRole.USER, "s1")
ADMIN = Actor(1, "root", UserRole.ADMIN, "s0")
ALICE = User(id=3, username="alice", email="alice@example.org", display_name="Alice", created_at=AT)
TOKENS = Tokens(access_token="a", refresh_token="r", expires_in=1800, user=ALICE)
ROOM = Room(id=2, kind=RoomKind.CHANNEL, name="Kitchen", owner_id=3, member_count=2, created_at=AT, updated_at=AT)
MEMBER = Membership(room_id=2, user_id=3, username="alice", joined_at=AT)
LIVE = Live(id="Zk3v", user_id=3, username="alice", dialect="rooms", rooms=[1, 2], since=AT, address="192.0.2.1")

ALICE_DATA = {"id": 3, "username": "alice", "email": "alice@example.org", "is_active": True, "created_at": NOW}
TOKEN_DATA = {"access_token": "a", "token_type": "bearer"}
ROOM_DATA = {
    "id": 2,
    "name": "Kitchen",
    "description": "",
    "created_at": NOW,
    "owner_id": 3,
    "member_count": 2,
}


def message(message_id):
    return Message(id=message_id, room_id=2, seq=7, user_id=3, username="alice", content="hi", created_at=AT)


def message_data(message_id):
    return {
        "id": message_id,
        "room_id": 2,
        "user_id": 3,
        "username": "alice",
        "content": "hi",
        "timestamp": NOW,
    }


class Answering:
    """A door behind which an answer waits for each command; it remembers what was asked, and by whom."""

    def __init__(self, answers=None, actor=ACTOR):
        self.answers = {} if answers is None else answers
        self.who, self.asked = actor, []

    async def actor(self) -> Actor:
        return self.who

    async def anyone(self) -> Actor | None:
        return self.who

    async def execute(self, command, actor):
        self.asked.append((command, actor))
        answer = self.answers[type(command)]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def census(self):
        return Census(authenticated=2, public=3, rooms={1: 2, 2: 1, 3: 1})

    def list_live(self):
        return [LIVE, LIVE]

    @property
    def commands(self):
        return [command for command, _ in self.asked]


DOOR = Answering()
APP = FastAPI()
APP.include_router(rooms.router(DOOR))
problems.install(APP)


def ask(method, path, body=None, actor=ACTOR, *, answers=None, **more):
    """*answers*: by command. The application takes long to build, and stands once for all, with a fresh door."""
    DOOR.__init__(answers, actor)
    return TestClient(APP).request(method, path, **({} if body is None else {"json": body}), **more)


LOGIN = c.Login(username="alice", password="p", user_agent="testclient", address="testclient")
LOOK = {c.GetRoom: ROOM}
ROWS = [
    (
        ("POST", "/api/users", {"username": "alice", "password": "p", "x": 1}),
        {c.Register: ALICE},
        [c.Register(username="alice", password="p", address="testclient")],
        (201, ALICE_DATA),
    ),
    (
        ("POST", "/api/users", {"username": "alice", "password": "p", "email": "a@b"}),
        {c.Register: ALICE},
        [c.Register(username="alice", password="p", email="a@b", address="testclient")],
        (201, ALICE_DATA),
    ),
    (("POST", "/api/token", {"username": "alice", "password": "p"}), {c.Login: TOKENS}, [LOGIN], (200, TOKEN_DATA)),
    (("GET", "/api/users/me", None), {c.GetUser: ALICE}, [c.GetUser(user_id=3)], (200, ALICE_DATA)),
    (("GET", "/api/rooms", None), {c.ListRooms: Page([ROOM], 2)}, [c.ListRooms()], (200, [ROOM_DATA])),
    (
        ("GET", "/api/rooms?skip=20&limit=10", None),
        {c.ListRooms: Page([])},
        [c.ListRooms(skip=20, limit=10)],
        (200, []),
    ),
    (
        ("POST", "/api/rooms", {"name": "Kitchen"}),
        {c.CreateRoom: ROOM},
        [c.CreateRoom(name="Kitchen")],
        (201, ROOM_DATA),
    ),
    (
        ("POST", "/api/rooms", {"name": "K", "description": "d", "is_private": True, "x": 1}),
        {c.CreateRoom: ROOM},
        [c.CreateRoom(name="K", description="d", is_private=True)],
        (201, ROOM_DATA),
    ),
    (("GET", "/api/rooms/2", None), LOOK, [c.GetRoom(room_id=2)], (200, ROOM_DATA)),
    (
        ("POST", "/api/rooms/2/join", None),
        {c.JoinRoom: MEMBER} | LOOK,
        [c.JoinRoom(room_id=2), c.GetRoom(room_id=2)],
        (200, ROOM_DATA),
    ),
    (
        ("POST", "/api/rooms/2/leave", None),
        {c.LeaveRoom: None},
        [c.LeaveRoom(room_id=2)],
        (200, {"message": "You have left the room"}),
    ),
    (
        ("GET", "/api/rooms/2/messages", None),
        {c.ListMessages: Page([message(9), message(8)], 8)},
        [c.ListMessages(room_id=2, includes_deleted=False)],
        (200, [message_data(8), message_data(9)]),
    ),
    (
        ("GET", "/api/rooms/2/messages?limit=10&before=8", None),
        {c.ListMessages: Page([])},
        [c.ListMessages(room_id=2, cursor=8, limit=10, includes_deleted=False)],
        (200, []),
    ),
    (
        ("POST", "/api/rooms/2/messages", {"content": "hi"}),
        {c.SendMessage: c.SendResult(9, 7, AT)},
        [c.SendMessage(room_id=2, content="hi")],
        (201, message_data(9)),
    ),
]


@pytest.mark.parametrize(("request_", "answers", "commands", "expected"), ROWS)
def test_a_request_is_its_commands_and_is_answered_so(request_, answers, commands, expected):
    answer = ask(*request_, answers=answers)
    assert (answer.status_code, answer.json()) == expected
    assert DOOR.commands == commands


def test_the_token_is_had_by_the_form_of_oauth2():
    form = {"grant_type": "password", "username": "alice", "password": "p", "scope": "", "client_id": "x"}
    answer = ask("POST", "/api/token", data=form, answers={c.Login: TOKENS})
    assert (answer.status_code, answer.json()) == (200, TOKEN_DATA)
    assert answer.headers["cache-control"] == "no-store"
    assert DOOR.commands == [LOGIN]
    assert ask("POST", "/api/token", content=b"username=alice").status_code == 415
    assert ask("POST", "/api/token", data={"username": "alice"}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "error", "status"),
    [
        ("POST", "/api/token", {"username": "a", "password": "b"}, x.InvalidCredentials(), 401),
        ("POST", "/api/users", {"username": "a", "password": "b"}, x.NameTaken(), 409),
        ("GET", "/api/rooms/2", None, x.NoSuchRoom(), 404),
        ("POST", "/api/rooms/2/join", None, x.Banned(), 403),
        ("POST", "/api/rooms/2/leave", None, x.LastOwner(), 409),
        ("GET", "/api/rooms/2/messages", None, x.NotAMember(), 403),
        ("POST", "/api/rooms/2/messages", {"content": ""}, x.EmptyMessage(), 422),
    ],
)
def test_a_refusal_is_a_problem_with_a_detail_to_read(method, path, body, error, status):
    commands = (c.Login, c.Register, c.GetRoom, c.JoinRoom, c.LeaveRoom, c.ListMessages, c.SendMessage)
    answer = ask(method, path, body, answers=dict.fromkeys(commands, error))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["detail"], answer.json()["code"]) == (error.message, error.code)
    assert ("www-authenticate" in answer.headers) is (status == 401)


def test_what_is_no_message_of_the_room_is_named_as_it_was_called():
    wrong = x.Invalid("The cursor is no message of this room", field="cursor")
    answer = ask("GET", "/api/rooms/2/messages?before=99", answers={c.ListMessages: wrong})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"loc": ["query", "before"], "msg": "before is no message of this room", "type": "invalid"}
    ]
    other = x.Invalid("limit must be from 1 to 100", field="limit")
    answer = ask("GET", "/api/rooms/2/messages?limit=500", answers={c.ListMessages: other})
    assert answer.json()["errors"][0]["loc"] == ["query", "limit"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/rooms/0", 422),
        ("/api/rooms/x", 422),
        ("/api/rooms/9223372036854775808", 422),
        ("/api/rooms?skip=-1", 422),
        ("/api/rooms?skip=10001", 422),
        ("/api/rooms?limit=0", 422),
        ("/api/rooms?limit=1001", 422),
        ("/api/rooms/1/messages?before=0", 422),
    ],
)
def test_what_can_not_be_is_asked_of_nobody(path, status):
    assert ask("GET", path).status_code == status
    assert DOOR.commands == []


COUNT = {"total": 5, "authenticated": 2, "public": 3}


@pytest.mark.parametrize("actor", [None, ACTOR])
def test_who_is_no_admin_is_told_of_rooms_that_they_may_know_of(actor):
    answer = ask("GET", "/api/connections", actor=actor, answers={c.ListVisibleRooms: [1, 2]})
    assert answer.json() == COUNT | {"rooms": {"1": 2, "2": 1}}
    assert DOOR.asked == [(c.ListVisibleRooms(room_ids=[1, 2, 3]), actor)]


def test_admins_are_told_of_each_socket():
    live = {
        "id": "Zk3v",
        "user_id": 3,
        "username": "alice",
        "dialect": "rooms",
        "rooms": [1, 2],
        "since": NOW,
        "address": "192.0.2.1",
    }
    answer = ask("GET", "/api/connections", actor=ADMIN)
    assert answer.json() == COUNT | {"rooms": {"1": 2, "2": 1, "3": 1}, "connections": [live, live]}
    assert DOOR.asked == []


def test_every_route_tells_openapi_of_its_problems_and_has_a_name_of_its_own():
    app = FastAPI()
    for dialect in (cafe, rooms, conversations, direct):
        app.include_router(dialect.router(DOOR))
    described = describe_problems(app.openapi())
    mine = set(APP.openapi()["paths"])
    assert mine == {
        "/api/token",
        "/api/users",
        "/api/users/me",
        "/api/rooms",
        "/api/rooms/{room_id}",
        "/api/rooms/{room_id}/join",
        "/api/rooms/{room_id}/leave",
        "/api/rooms/{room_id}/messages",
        "/api/connections",
    }
    for path in mine:
        for method, route in described["paths"][path].items():
            assert route["operationId"].startswith("rooms_"), (method, path)
            assert {"400", "422", "429", "503"} <= set(route["responses"]), (method, path)
            assert ("401" in route["responses"]) is (path != "/api/users"), (method, path)
    schemas = described["components"]["schemas"]
    assert not [name for name in schemas if name.startswith("tertulia__")], "two dialects have a model of one name"
    assert set(APP.openapi()["components"]["schemas"]) - {"HTTPValidationError", "ValidationError", "Problem"} == {
        name for name in schemas if name.startswith("Rooms")
    }
