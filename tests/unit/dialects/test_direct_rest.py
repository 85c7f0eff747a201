"""direct's REST: which commands each request is, what the answer looks like, and what is refused in which words."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tertulia.dialects import direct
from tertulia.dialects.direct import events, models
from tertulia.domain import commands as c
from tertulia.domain import errors as x
from tertulia.domain.models import Actor, Message, Page, Quote, Reaction, Room, Tokens, User
from tertulia.domain.roles import RoomKind, Status, UserRole
from tertulia.protocol.door import describe_problems
from tertulia.transport import problems

AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
ACTOR = Actor(3, "alice", UserRole.USER, "s1")
ADMIN = Actor(1, "root", UserRole.ADMIN, "s0")
ALICE = User(
    id=3, username="alice", email="alice@example.org", display_name="Alice", status=Status.INVISIBLE, created_at=AT
)
BOB = User(
    id=4,
    username="bob",
    email="bob@example.org",
    display_name="Bob",
    avatar_url="/api/v1/users/4/avatar",
    bio="here",
    status=Status.AWAY,
    last_seen_at=AT,
    created_at=AT,
)
TOKENS = Tokens(access_token="a", refresh_token="r", expires_in=1800, user=ALICE)
TWO = Room(id=5, kind=RoomKind.DIRECT, name="", member_count=2, created_at=AT, updated_at=AT)
SENT = c.SendResult(9, 7, AT)
PLAIN = Message(id=8, room_id=2, seq=6, user_id=4, username="bob", content="Who?", created_at=AT)
REPLY = Message(
    id=9,
    room_id=5,
    seq=7,
    user_id=3,
    username="alice",
    content="@bob me",
    kind="image",
    reply_to=8,
    quote=Quote(message_id=8, user_id=4, username="bob", text="Who?"),
    mentions=[4],
    reactions=[Reaction(emoji="👍", count=21, users=[4, 3])],
    recipient_id=4,
    delivered_at=AT,
    is_edited=True,
    created_at=AT,
    updated_at=AT,
)

ALICE_DATA = {
    "id": "3",
    "username": "alice",
    "email": "alice@example.org",
    "display_name": "Alice",
    "avatar_url": None,
    "bio": "",
    "status": "invisible",
    "is_online": False,
    "last_seen": None,
    "created_at": NOW,
}
BOB_DATA = {
    "id": "4",
    "username": "bob",
    "display_name": "Bob",
    "avatar_url": "/api/v1/users/4/avatar",
    "bio": "here",
    "status": "away",
    "is_online": True,
    "last_seen": NOW,
    "created_at": NOW,
}
PLAIN_DATA = {
    "id": "8",
    "sender_id": "4",
    "sender_username": "bob",
    "chat_id": "2",
    "recipient_id": None,
    "content": "Who?",
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
    "created_at": NOW,
    "updated_at": None,
    "delivered_at": None,
    "read_at": None,
}
REPLY_DATA = PLAIN_DATA | {
    "id": "9",
    "sender_id": "3",
    "sender_username": "alice",
    "chat_id": "5",
    "recipient_id": "4",
    "content": "@bob me",
    "message_type": "image",
    "reply_to_message_id": "8",
    "quote": {
        "message_id": "8",
        "sender_id": "4",
        "sender_username": "bob",
        "content": "Who?",
        "is_deleted": False,
    },
    "mentions": ["4"],
    "reactions": [{"emoji": "👍", "count": 21, "users": ["4", "3"]}],
    "status": "delivered",
    "is_edited": True,
    "updated_at": NOW,
    "delivered_at": NOW,
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
APP.include_router(direct.router(DOOR))
problems.install(APP)


def ask(method, path, body=None, actor=ACTOR, *, answers=None, **more):
    """*answers*: by command. The application takes long to build, and stands once for all, with a fresh door."""
    DOOR.__init__(answers, actor)
    return TestClient(APP).request(method, path, **({} if body is None else {"json": body}), **more)


FOUND = {c.GetMessage: REPLY}
GET = c.GetMessage(message_id=9)
REACTED = c.Reacted(message=REPLY, seq=9, is_added=True, count=21)
OWN = {c.GetUser: ALICE, c.UpdateProfile: ALICE, c.SetStatus: ALICE}
ROWS = [
    # users
    (
        ("POST", "/users/register", {"username": "alice", "email": "a@b", "password": "p", "is_admin": True}),
        {c.Register: ALICE},
        [c.Register(username="alice", password="p", email="a@b", address="testclient")],
        (201, ALICE_DATA),
    ),
    (
        ("POST", "/users/register", {"username": "alice", "password": "p", "display_name": "Alice"}),
        {c.Register: ALICE},
        [c.Register(username="alice", password="p", display_name="Alice", address="testclient")],
        (201, ALICE_DATA),
    ),
    *(
        (
            ("POST", "/users/login", {name: "alice", "password": "p"}),
            {c.Login: TOKENS},
            [c.Login(username="alice", password="p", user_agent="testclient", address="testclient")],
            (200, {"access_token": "a", "token_type": "bearer", "expires_in": 1800, "user": ALICE_DATA}),
        )
        for name in ("username", "email")
    ),
    (("GET", "/users/me", None), OWN, [c.GetUser(user_id=3)], (200, ALICE_DATA)),
    (
        ("PUT", "/users/me", {"display_name": "A", "bio": "b", "email": None, "avatar_url": "/x", "username": "other"}),
        OWN,
        [c.UpdateProfile(display_name="A", bio="b", email=None)],
        (200, ALICE_DATA),
    ),
    (("PUT", "/users/me", {"display_name": None, "bio": None}), OWN, [c.UpdateProfile()], (200, ALICE_DATA)),
    (("DELETE", "/users/me", None), {c.DeleteAccount: None}, [c.DeleteAccount()], (204, None)),
    (("PATCH", "/users/me/status", {"status": "away"}), OWN, [c.SetStatus(status=Status.AWAY)], (200, ALICE_DATA)),
    (("PATCH", "/users/me/status?status=busy", None), OWN, [c.SetStatus(status=Status.BUSY)], (200, ALICE_DATA)),
    (
        ("GET", "/users", None),
        {c.ListUsers: Page([ALICE, BOB], 4)},
        [c.ListUsers(skip=0, limit=50)],
        (200, [ALICE_DATA, BOB_DATA]),
    ),
    (("GET", "/users?skip=7&limit=3", None), {c.ListUsers: Page([])}, [c.ListUsers(skip=7, limit=3)], (200, [])),
    (
        ("GET", "/users/search?q=bo&skip=1&limit=2", None),
        {c.ListUsers: Page([BOB])},
        [c.ListUsers(q="bo", skip=1, limit=2)],
        (200, [BOB_DATA]),
    ),
    (("GET", "/users/4", None), {c.GetUser: BOB}, [c.GetUser(user_id=4)], (200, BOB_DATA)),
    (("GET", "/users/3", None), OWN, [c.GetUser(user_id=3)], (200, ALICE_DATA)),
    # saying something
    (
        ("POST", "/messages", {"recipient_id": "4", "content": "@bob me"}),
        {c.SendDirect: SENT} | FOUND,
        [c.SendDirect(user_id=4, content="@bob me"), GET],
        (201, REPLY_DATA),
    ),
    (
        (
            "POST",
            "/messages",
            {
                "recipient_id": 4,
                "chat_id": None,
                "content": "x",
                "message_type": "image",
                "reply_to_message_id": "8",
                "attachments": [],
                "nonce": "n",
            },
        ),
        {c.SendDirect: SENT} | FOUND,
        [c.SendDirect(user_id=4, content="x", kind="image", reply_to=8, nonce="n"), GET],
        (201, REPLY_DATA),
    ),
    (
        ("POST", "/messages", {"chat_id": "5", "content": "x", "attachments": None}),
        {c.SendMessage: SENT} | FOUND,
        [c.SendMessage(room_id=5, content="x"), GET],
        (201, REPLY_DATA),
    ),
    (
        ("POST", "/messages", {"chat_id": 2, "content": "Who?"}),
        {c.SendMessage: c.SendResult(8, 6, AT), c.GetMessage: x.NoSuchMessage()},
        [c.SendMessage(room_id=2, content="Who?"), c.GetMessage(message_id=8)],
        (201, PLAIN_DATA | {"sender_id": "3", "sender_username": "alice"}),
    ),
    # reading
    (
        ("GET", "/messages?skip=1&limit=2", None),
        {c.ListRecentMessages: [REPLY, PLAIN]},
        [c.ListRecentMessages(skip=1, limit=2)],
        (200, [REPLY_DATA, PLAIN_DATA]),
    ),
    *(
        (
            ("GET", path, None),
            {c.ListMessages: Page([PLAIN], 8)},
            [c.ListMessages(room_id=2, skip=1, limit=2)],
            (200, [PLAIN_DATA]),
        )
        for path in ("/messages?chat_id=2&skip=1&limit=2", "/messages/chat/2?skip=1&limit=2")
    ),
    *(
        (
            ("GET", path, None),
            {c.FindDirect: TWO, c.ListMessages: Page([REPLY])},
            [c.FindDirect(user_id=4), c.ListMessages(room_id=5)],
            (200, [REPLY_DATA]),
        )
        for path in ("/messages?recipient_id=4", "/messages/conversation/4")
    ),
    (
        ("GET", "/messages/conversation/4?before=9", None),
        {c.FindDirect: TWO, c.ListMessages: Page([])},
        [c.FindDirect(user_id=4), c.ListMessages(room_id=5, cursor=9)],
        (200, []),
    ),
    (
        ("GET", "/messages/chat/2?before=9", None),
        {c.ListMessages: Page([])},
        [c.ListMessages(room_id=2, cursor=9)],
        (200, []),
    ),
    (
        ("GET", "/messages/conversation/4", None),
        {c.FindDirect: None, c.GetUser: BOB},
        [c.FindDirect(user_id=4), c.GetUser(user_id=4)],
        (200, []),
    ),
    # one message
    (("GET", "/messages/9", None), FOUND, [GET], (200, REPLY_DATA)),
    (
        ("PUT", "/messages/9", {"content": "ho", "id": "7"}),
        {c.EditMessage: c.Edited(REPLY, 9)},
        [c.EditMessage(message_id=9, content="ho")],
        (200, REPLY_DATA),
    ),
    (("DELETE", "/messages/9", None), {c.DeleteMessage: 9}, [c.DeleteMessage(message_id=9)], (204, None)),
    *(
        (
            (method, path, body),
            {command: REACTED},
            [command(message_id=9, emoji="👍")],
            (200, REPLY_DATA),
        )
        for method, command in (("POST", c.AddReaction), ("DELETE", c.RemoveReaction))
        for path, body in (
            ("/messages/9/reactions?emoji=%F0%9F%91%8D", None),
            ("/messages/9/reactions", {"emoji": "👍"}),
        )
    ),
    (
        ("PATCH", "/messages/9/read", None),
        {c.MarkReadTo: 7} | FOUND,
        [c.MarkReadTo(message_id=9), GET],
        (200, REPLY_DATA),
    ),
]
WITHOUT_LOGIN = (c.Register, c.Login)


@pytest.mark.parametrize(("request_", "answers", "commands", "response"), ROWS, ids=lambda value: str(value)[:60])
def test_a_request_is_these_commands_and_gets_this_answer(request_, answers, commands, response):
    answer = ask(*request_, answers=answers)

    assert DOOR.commands == commands
    for command, actor in DOOR.asked:
        assert actor is (None if isinstance(command, WITHOUT_LOGIN) else ACTOR)
    assert (answer.status_code, answer.json() if answer.content else None) == response


def test_every_route_has_a_row():
    described = {(method.upper(), path) for path, methods in direct_paths().items() for method in methods}
    tried = {(method, path.partition("?")[0]) for method, path, _ in (row[0] for row in ROWS)}

    tried = {one if one in described else (one[0], re.sub(r"/\d+", "/{}", one[1])) for one in tried}
    assert tried == {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in described}


def direct_paths():
    return describe_problems(APP.openapi())["paths"]


@pytest.mark.parametrize(
    ("request_", "detail", "field"),
    [
        (("POST", "/messages", {"content": "x"}), "Say to whom: recipient_id or chat_id", None),
        (
            ("POST", "/messages", {"content": "x", "chat_id": "1", "recipient_id": "4"}),
            "Give recipient_id or chat_id, not both",
            None,
        ),
        (
            ("POST", "/messages", {"content": "x", "chat_id": "1", "attachments": [{"id": 5}]}),
            "attachments: Files cannot be sent with a message yet: attachments must be empty",
            "attachments",
        ),
        (("POST", "/messages", {"content": "x", "chat_id": "no"}), 'chat_id: must be an id such as "3"', "chat_id"),
        (("POST", "/messages", {"content": "x", "chat_id": True}), 'chat_id: must be an id such as "3"', "chat_id"),
        (("GET", "/messages?chat_id=1&recipient_id=4", None), "Give recipient_id or chat_id, not both", "recipient_id"),
        (("GET", "/messages/nine", None), 'message_id: must be an id such as "3"', "message_id"),
        (("GET", "/users/0", None), 'user_id: must be an id such as "3"', "user_id"),
        (("GET", "/users/9223372036854775808", None), 'user_id: must be an id such as "3"', "user_id"),
        (("GET", "/messages?skip=10001", None), "skip: Input should be less than or equal to 10000", "skip"),
        (("POST", "/messages/9/reactions", None), "Give an emoji, in the query or in the body", "emoji"),
        (("DELETE", "/messages/9/reactions", None), "Give an emoji, in the query or in the body", "emoji"),
        (("PATCH", "/users/me/status", None), "Give a status, in the body or in the query", "status"),
    ],
    ids=str,
)
def test_what_is_not_allowed_is_refused_in_these_words(request_, detail, field):
    answer = ask(*request_)

    assert answer.status_code == 422
    assert answer.json()["detail"] == detail
    if field is not None:
        assert field in {part for one in answer.json()["errors"] for part in one["loc"]}
    assert DOOR.asked == []


@pytest.mark.parametrize(
    ("refusal", "detail", "field"),
    [
        (x.Invalid("kind must be a word", field="kind"), "message_type must be a word", "message_type"),
        (
            x.Invalid("reply_to is no message of this room", field="reply_to"),
            "reply_to_message_id is no message of this room",
            "reply_to_message_id",
        ),
        (x.EmptyMessage(), "Message content cannot be empty", "content"),
    ],
)
def test_what_the_core_refuses_is_called_by_this_dialects_names(refusal, detail, field):
    for body, command in (({"recipient_id": 4}, c.SendDirect), ({"chat_id": 1}, c.SendMessage)):
        answer = ask("POST", "/messages", body | {"content": "x"}, answers={command: refusal})

        assert (answer.status_code, answer.json()["detail"]) == (422, detail)
        assert answer.json()["errors"][0]["loc"] == ["body", field]


def test_a_direct_message_that_cannot_be_read_back_is_not_made_up():
    answer = ask(
        "POST",
        "/messages",
        {"recipient_id": 4, "content": "x"},
        answers={c.SendDirect: SENT, c.GetMessage: x.Unavailable()},
    )
    assert answer.status_code == 503


def test_talking_with_nobody_is_not_found_and_with_who_is_gone_stays():
    nobody = ask("GET", "/messages/conversation/4", answers={c.FindDirect: None, c.GetUser: x.NoSuchUser()})
    gone = ask("GET", "/messages/conversation/4", answers={c.FindDirect: TWO, c.ListMessages: Page([REPLY])})

    assert (nobody.status_code, nobody.json()["detail"]) == (404, "User not found")
    assert gone.json() == [REPLY_DATA]


def test_login_takes_a_form_and_its_answer_is_not_to_be_kept():
    answer = ask(
        "POST", "/users/login", answers={c.Login: TOKENS}, data={"username": "alice", "password": "p", "scope": ""}
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


def test_an_email_address_is_told_to_oneself_alone():
    assert "email" not in ask("GET", "/users/4", actor=ADMIN, answers={c.GetUser: BOB}).json()
    assert ask("GET", "/users/3", answers={c.GetUser: ALICE}).json()["email"] == "alice@example.org"


def test_what_was_read_was_read_even_if_it_was_never_said_to_be_delivered():
    read = msgspec.structs.replace(REPLY, read_at=AT, delivered_at=None)

    assert ask("GET", "/messages/9", answers={c.GetMessage: read}).json()["status"] == "read"


def test_openapi_calls_its_types_by_names_of_their_own():
    described = describe_problems(APP.openapi())
    ours = set(described["components"]["schemas"]) - {"Problem", "FieldProblem", "Status"}

    assert ours
    assert all("Direct" in name for name in ours), ours
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            assert {"400", "422", "429", "503"} <= set(route["responses"]), (method, path)
            assert route["operationId"].startswith("direct_")


def plain(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The fields and JSON types of *schema*, without names, bounds and prose."""
    if "$ref" in schema:
        return plain(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return {"any of": sorted(json.dumps(plain(one, schemas), sort_keys=True) for one in schema["anyOf"])}
    if "enum" in schema:
        return "string"
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: plain(one, schemas) for name, one in schema["properties"].items()}
        case "array":
            return [plain(schema.get("items", {}), schemas)]
        case kind:
            return kind


def test_sockets_and_rest_say_the_same_of_a_message():
    (said,), parts = msgspec.json.schema_components([events.DirectMessage])
    told = plain(said, parts)
    schema = models.DirectMessage.model_json_schema(mode="serialization")

    del told["type"], told["message"], told["nonce"]
    assert told == plain(schema, schema["$defs"])


def documented():
    """The objects in the JSON examples of the page of the documentation."""
    text = (Path(__file__).parents[3] / "docs/dialects/direct.md").read_text(encoding="utf-8")
    for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
        rest = block.strip()
        while rest:
            one, end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:].strip()
            yield one


def fits(one, kind):
    """Whether it is of that type, whole and nothing else."""
    try:
        return msgspec.to_builtins(msgspec.convert(one, kind)) == one
    except msgspec.ValidationError:
        return False


def test_the_examples_in_the_documentation_are_true():
    dialect = direct.DirectDialect()
    sends = {one.name: one.payload for one in dialect.catalogue().sends}
    told = {"sent": set(), "received": set(), "rest": set()}
    for one in documented():
        if "created_at" in one and "type" not in one:
            shape = models.DirectMessage if "sender_id" in one else models.DirectOwnUser
            assert set(one) == set(shape.model_json_schema(mode="serialization")["properties"])
            told["rest"].add(shape.__name__)
        elif "type" in one and fits(one, sends.get(one["type"])):
            told["received"].add(one["type"])
        else:
            told["sent"].add(dialect.decode(json.dumps(one), None).name)
    assert told == {
        "sent": {one.name for one in dialect.catalogue().receives},
        "received": {"message", "delivered", "read"},
        "rest": {"DirectMessage", "DirectOwnUser"},
    }
