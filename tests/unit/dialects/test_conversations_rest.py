"""conversations' REST: which commands each request is, what the answer looks like, and what a stranger is told."""

from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tertulia.dialects import conversations
from tertulia.domain import commands as c
from tertulia.domain import errors as x
from tertulia.domain.models import (
    Actor,
    Conversation,
    Membership,
    Message,
    Page,
    Quote,
    Reaction,
    Room,
    Tokens,
    User,
)
from tertulia.domain.roles import RoomKind, UserRole
from tertulia.protocol.door import describe_problems
from tertulia.transport import problems

AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
ACTOR = Actor(3, "alice", UserRole.USER, "s1")
ADMIN = Actor(1, "root", UserRole.ADMIN, "s0")
ALICE = User(id=3, username="alice", email="alice@example.org", display_name="Alice", created_at=AT)
TOKENS = Tokens(access_token="a", refresh_token="r", expires_in=1800, user=ALICE)
GROUP = Room(id=2, kind=RoomKind.GROUP, name="Us", owner_id=3, member_count=2, created_at=AT, updated_at=AT)
DIRECT = Room(id=5, kind=RoomKind.DIRECT, name="", member_count=2, unread=1, created_at=AT, updated_at=AT)
MEMBER = Membership(room_id=2, user_id=4, username="bob", joined_at=AT)
SENT = c.SendResult(9, 7, AT)
PLAIN = Message(id=8, room_id=2, seq=6, user_id=4, username="bob", content="Who?", created_at=AT)
REPLY = Message(
    id=9,
    room_id=2,
    seq=7,
    user_id=3,
    username="alice",
    content="@bob me",
    reply_to=8,
    quote=Quote(message_id=8, user_id=4, username="bob", text="Who?"),
    mentions=[4],
    reactions=[Reaction(emoji="👍", count=21, users=[4, 3])],
    is_edited=True,
    created_at=AT,
    updated_at=AT,
)
OURS, TWO = (
    Conversation(room=GROUP, member_ids=[3, 4]),
    Conversation(room=DIRECT, member_ids=[3, 4], last_message=PLAIN),
)

ALICE_DATA = {
    "id": "user-3",
    "username": "alice",
    "email": "alice@example.org",
    "display_name": "Alice",
    "avatar_url": None,
    "bio": "",
    "status": "offline",
    "is_active": True,
    "created_at": NOW,
}
TOKEN_DATA = {"access_token": "a", "token_type": "bearer", "expires_in": 1800}
PLAIN_DATA = {
    "id": "msg-8",
    "conversation_id": "conv-2",
    "sender_id": "user-4",
    "sender_username": "bob",
    "content": "Who?",
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
    "created_at": NOW,
    "updated_at": None,
}
REPLY_DATA = PLAIN_DATA | {
    "id": "msg-9",
    "sender_id": "user-3",
    "sender_username": "alice",
    "content": "@bob me",
    "is_edited": True,
    "reply_to": "msg-8",
    "quote": {
        "message_id": "msg-8",
        "sender_id": "user-4",
        "sender_username": "bob",
        "content": "Who?",
        "is_deleted": False,
    },
    "mentions": ["user-4"],
    "reactions": [{"emoji": "👍", "count": 21, "users": ["user-4", "user-3"]}],
    "updated_at": NOW,
}
OURS_DATA = {
    "id": "conv-2",
    "name": "Us",
    "description": None,
    "is_group": True,
    "owner_id": "user-3",
    "participant_ids": ["user-3", "user-4"],
    "participant_count": 2,
    "last_message": None,
    "unread_count": 0,
    "mention_count": 0,
    "created_at": NOW,
    "updated_at": NOW,
}
TWO_DATA = OURS_DATA | {
    "id": "conv-5",
    "name": None,
    "is_group": False,
    "owner_id": None,
    "last_message": PLAIN_DATA,
    "unread_count": 1,
}


class Answering:
    """A door behind which an answer waits for each command; it remembers what was asked, and by whom."""

    def __init__(self, answers=None, actor=ACTOR):
        self.answers = {} if answers is None else answers
        self.who, self.asked = actor, []

    async def actor(self) -> Actor:
        return self.who

    async def execute(self, command, actor):
        self.asked.append((command, actor))
        answer = self.answers[type(command)]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def commands(self):
        return [command for command, _ in self.asked]


DOOR = Answering()
APP = FastAPI()
APP.include_router(conversations.router(DOOR))
problems.install(APP)


def ask(method, path, body=None, actor=ACTOR, *, answers):
    """*answers*: by command. The application takes long to build, and stands once for all, with a fresh door."""
    DOOR.__init__(answers, actor)
    return TestClient(APP).request(method, path, **({} if body is None else {"json": body}))


LOOK = c.GetConversation(room_id=2)
FOUND = {c.GetConversation: OURS}
CHAT = "/api/chat/conversations"
ROWS = [
    (
        ("POST", "/api/auth/register", {"username": "alice", "password": "p", "email": "a@b", "x": 1}),
        {c.Register: ALICE},
        [c.Register(username="alice", password="p", email="a@b", address="testclient")],
        (201, ALICE_DATA),
    ),
    (
        ("POST", "/api/auth/login", {"username": "alice", "password": "p"}),
        {c.Login: TOKENS},
        [c.Login(username="alice", password="p", user_agent="testclient", address="testclient")],
        (200, TOKEN_DATA),
    ),
    (("GET", "/api/auth/me", None), {c.GetUser: ALICE}, [c.GetUser(user_id=3)], (200, ALICE_DATA)),
    # conversations
    (
        ("POST", CHAT, {"is_group": False, "participant_ids": ["user-4"]}),
        {c.OpenDirect: DIRECT, c.GetConversation: TWO},
        [c.OpenDirect(user_id=4), c.GetConversation(room_id=5)],
        (201, TWO_DATA),
    ),
    (
        ("POST", CHAT, {"name": "x", "participant_ids": [4, "user-3", "user-4"]}),
        {c.OpenDirect: DIRECT, c.GetConversation: TWO},
        [c.OpenDirect(user_id=4), c.GetConversation(room_id=5)],
        (201, TWO_DATA),
    ),
    (
        ("POST", CHAT, {"name": "Us", "description": "d", "is_group": True, "participant_ids": ["user-4", "5", 6]}),
        {c.CreateGroup: GROUP} | FOUND,
        [c.CreateGroup(name="Us", description="d", member_ids=[4, 5, 6]), LOOK],
        (201, OURS_DATA),
    ),
    (
        ("POST", CHAT, {"name": None, "description": None, "is_group": True}),
        {c.CreateGroup: GROUP} | FOUND,
        [c.CreateGroup(), LOOK],
        (201, OURS_DATA),
    ),
    (
        ("GET", CHAT, None),
        {c.ListConversations: [TWO, OURS]},
        [c.ListConversations()],
        (200, [TWO_DATA, OURS_DATA]),
    ),
    (
        ("GET", f"{CHAT}?limit=7&skip=14", None),
        {c.ListConversations: []},
        [c.ListConversations(limit=7, skip=14)],
        (200, []),
    ),
    (("GET", f"{CHAT}/conv-2", None), FOUND, [LOOK], (200, OURS_DATA)),
    (("GET", f"{CHAT}/2", None), FOUND, [LOOK], (200, OURS_DATA)),
    (
        ("PATCH", f"{CHAT}/conv-2", {"name": "We", "description": None}),
        {c.UpdateRoom: GROUP} | FOUND,
        [LOOK, c.UpdateRoom(room_id=2, name="We", description="")],
        (200, OURS_DATA),
    ),
    (
        ("PATCH", f"{CHAT}/conv-2", {}),
        {c.UpdateRoom: GROUP} | FOUND,
        [LOOK, c.UpdateRoom(room_id=2)],
        (200, OURS_DATA),
    ),
    (
        ("DELETE", f"{CHAT}/conv-2", None),
        {c.ArchiveRoom: None} | FOUND,
        [LOOK, c.ArchiveRoom(room_id=2)],
        (204, None),
    ),
    # participants
    (
        ("POST", f"{CHAT}/conv-2/participants", {"user_id": "user-4"}),
        {c.AddMember: MEMBER} | FOUND,
        [LOOK, c.AddMember(room_id=2, user_id=4), LOOK],
        (201, OURS_DATA),
    ),
    (
        ("POST", f"{CHAT}/conv-2/participants", {"participant_id": 4}),
        {c.AddMember: MEMBER} | FOUND,
        [LOOK, c.AddMember(room_id=2, user_id=4), LOOK],
        (201, OURS_DATA),
    ),
    (
        ("POST", f"{CHAT}/conv-2/participants", {"participant_ids": ["user-4", 5], "user_ids": ["5", "6"]}),
        {c.AddMember: x.AlreadyMember()} | FOUND,
        [LOOK, *(c.AddMember(room_id=2, user_id=one) for one in (5, 6, 4)), LOOK],
        (201, OURS_DATA),
    ),
    (
        ("DELETE", f"{CHAT}/conv-2/participants/user-4", None),
        {c.RemoveMember: None} | FOUND,
        [LOOK, c.RemoveMember(room_id=2, user_id=4)],
        (204, None),
    ),
    # messages
    (
        ("GET", f"{CHAT}/conv-2/messages", None),
        {c.ListMessages: Page([REPLY, PLAIN], 8)},
        [c.ListMessages(room_id=2)],
        (200, [PLAIN_DATA, REPLY_DATA]),
    ),
    (
        ("GET", f"{CHAT}/2/messages?limit=1&before=msg-9", None),
        {c.ListMessages: Page([])},
        [c.ListMessages(room_id=2, cursor=9, limit=1)],
        (200, []),
    ),
    (
        ("POST", f"{CHAT}/conv-2/messages", {"content": "@bob me", "reply_to": "msg-8"}),
        {c.SendMessage: SENT, c.GetMessage: REPLY},
        [c.SendMessage(room_id=2, content="@bob me", reply_to=8), c.GetMessage(message_id=9)],
        (201, REPLY_DATA),
    ),
    (
        ("POST", f"{CHAT}/2/messages", {"content": "Who?"}),
        {c.SendMessage: c.SendResult(8, 6, AT), c.GetMessage: x.NoSuchMessage()},
        [c.SendMessage(room_id=2, content="Who?"), c.GetMessage(message_id=8)],
        (201, PLAIN_DATA | {"sender_id": "user-3", "sender_username": "alice"}),
    ),
]


@pytest.mark.parametrize(("sent", "answers", "commands", "answer"), ROWS, ids=[f"{r[0][0]} {r[0][1]}" for r in ROWS])
def test_a_request_is_its_commands_and_their_result_the_body(sent, answers, commands, answer):
    reply = ask(*sent, answers=answers)
    assert DOOR.commands == commands
    assert (reply.status_code, reply.json() if reply.content else None) == answer


def test_login_takes_the_form_of_oauth2_too():
    DOOR.__init__({c.Login: TOKENS})
    form = {"username": "alice", "password": "p", "grant_type": "password"}
    assert TestClient(APP).post("/api/auth/login", data=form).json() == TOKEN_DATA


ROUTES = {
    f"GET {CHAT}/conv-2": None,
    f"PATCH {CHAT}/conv-2": {"name": "x"},
    f"DELETE {CHAT}/conv-2": None,
    f"POST {CHAT}/conv-2/participants": {"user_id": 4},
    f"DELETE {CHAT}/conv-2/participants/4": None,
    f"DELETE {CHAT}/conv-2/participants/3": None,
    f"GET {CHAT}/conv-2/messages": None,
    f"GET {CHAT}/conv-2/messages?before=1": None,
    f"POST {CHAT}/conv-2/messages": {"content": "knock"},
}


class Refusing(dict):
    """Answers everything so."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def __missing__(self, command):
        return self.error


@pytest.mark.parametrize("actor", [ACTOR, ADMIN], ids=["user", "admin"])
@pytest.mark.parametrize("route", ROUTES)
def test_who_is_no_member_is_told_the_same_whatever_is_there(route, actor):
    method, path = route.split()
    told = []
    for error in (x.NotAMember(), x.NoSuchRoom(), x.Banned()):
        reply = ask(method, path, ROUTES[route], actor, answers=Refusing(error))
        told.append((reply.status_code, reply.content))
    assert len(set(told)) == 1
    assert reply.status_code == 403
    assert (reply.json()["detail"], reply.json()["code"]) == ("Not a member of this conversation", "not_a_member")


@pytest.mark.parametrize("route", [one for one in ROUTES if not one.startswith("POST") or "participants" in one])
def test_an_admin_is_a_stranger_where_they_are_no_member(route):
    """They may look into public rooms, and close any, in other dialects."""
    method, path = route.split()
    done = {c.GetConversation: x.NotAMember(), c.ListMessages: Page([PLAIN])}
    assert ask(method, path, ROUTES[route], ADMIN, answers=done).status_code == 403
    assert DOOR.commands == [LOOK]


def test_a_direct_conversation_is_not_deleted():
    reply = ask("DELETE", f"{CHAT}/conv-5", answers={c.GetConversation: TWO})
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert reply.json()["detail"] == "A direct conversation is of its two participants, for ever"


@pytest.mark.parametrize("others", [[], ["user-3"], ["user-4", "user-5"]])
def test_a_conversation_that_is_no_group_is_of_two(others):
    reply = ask("POST", CHAT, {"is_group": False, "participant_ids": others}, answers={})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid")
    assert "exactly one other participant" in reply.json()["detail"]
    assert reply.json()["errors"][0]["loc"] == ["body", "participant_ids"]
    assert not DOOR.asked


def test_one_who_is_there_is_not_added_again():
    reply = ask("POST", f"{CHAT}/2/participants", {"user_id": 4}, answers={c.AddMember: x.AlreadyMember()} | FOUND)
    assert (reply.status_code, reply.json()["code"]) == (409, "already_member")


@pytest.mark.parametrize("error", [x.RoleTooLow(), x.NoSuchUser(), x.Blocked()])
def test_other_refusals_keep_their_words(error):
    reply = ask("POST", f"{CHAT}/2/participants", {"user_ids": [4, 5]}, answers={c.AddMember: error} | FOUND)
    assert (reply.json()["code"], reply.json()["detail"]) == (error.code, error.message)


@pytest.mark.parametrize(
    ("method", "path", "body", "what"),
    [
        ("GET", f"{CHAT}/user-2", None, 'conversation_id: must be an id such as "conv-1"'),
        ("GET", f"{CHAT}/conv-0", None, 'conversation_id: must be an id such as "conv-1"'),
        ("GET", f"{CHAT}/9223372036854775808", None, "conversation_id"),
        ("GET", f"{CHAT}/" + "9" * 5000, None, "conversation_id"),
        ("GET", f"{CHAT}/x", None, "conversation_id"),
        ("GET", f"{CHAT}/2/messages?before=conv-9", None, 'before: must be an id such as "msg-1"'),
        ("GET", f"{CHAT}/2/messages?limit=0", None, "limit"),
        ("GET", f"{CHAT}?skip=-1", None, "skip"),
        ("GET", f"{CHAT}?skip=10001", None, "skip"),
        ("DELETE", f"{CHAT}/2/participants/conv-4", None, 'user_id: must be an id such as "user-1"'),
        ("POST", f"{CHAT}/2/participants", {}, "Name somebody"),
        ("POST", f"{CHAT}/2/participants", {"user_ids": []}, "Name somebody"),
        ("POST", f"{CHAT}/2/participants", {"user_id": None}, "user_id"),
        ("POST", f"{CHAT}/2/participants", {"user_id": True}, "user_id"),
        ("POST", f"{CHAT}/2/participants", {"user_id": 4.0}, "user_id"),
        ("POST", f"{CHAT}/2/participants", {"user_ids": [1] * 101}, "user_ids"),
        ("POST", CHAT, {"is_group": True, "participant_ids": ["conv-4"]}, 'must be an id such as "user-1"'),
        ("POST", CHAT, {"is_group": "yes"}, "is_group"),
        ("POST", CHAT, {"is_group": True, "name": "a\0b"}, "name"),
        ("POST", f"{CHAT}/2/messages", {}, "content"),
        ("POST", f"{CHAT}/2/messages", {"content": 5}, "content"),
        ("POST", f"{CHAT}/2/messages", {"content": "x", "reply_to": "user-1"}, "reply_to"),
        ("POST", "/api/auth/register", {"username": "alice"}, "password"),
    ],
)
def test_what_is_not_allowed_is_422_and_named(method, path, body, what):
    reply = ask(method, path, body, answers={})
    assert reply.status_code == 422
    assert what in reply.json()["detail"]
    assert not DOOR.asked


@pytest.mark.parametrize(
    "path", ["/api/auth/login", "/api/auth/register", CHAT, f"{CHAT}/2/participants", f"{CHAT}/2/messages"]
)
def test_a_body_of_another_type_is_415(path):
    DOOR.__init__()
    reply = TestClient(APP).post(path, content=b"{}", headers={"content-type": "text/plain"})
    assert reply.status_code == 415


def test_openapi_knows_each_route_by_a_name_of_its_own_and_what_it_may_answer():
    described = describe_problems(APP.openapi())
    operations = [one for methods in described["paths"].values() for one in methods.values()]

    assert len({one["operationId"] for one in operations}) == len(operations)
    assert all(one["operationId"].startswith("conversations_") for one in operations)
    assert all("application/problem+json" in one["responses"]["422"]["content"] for one in operations)
    of_one = [methods for path, methods in described["paths"].items() if "{conversation_id}" in path]
    assert all("403" in one["responses"] for methods in of_one for one in methods.values())
    path_id = described["paths"][CHAT + "/{conversation_id}"]["get"]["parameters"][0]["schema"]
    assert path_id["pattern"] == "^(conv-)?[0-9]{1,19}$"
