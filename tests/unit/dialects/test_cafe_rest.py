"""cafe's REST: which command each request is, what the answer looks like, and what OpenAPI is told of it."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient

from tertulia.dialects import cafe
from tertulia.domain import commands as c
from tertulia.domain import events as e
from tertulia.domain.errors import Malformed, NoSuchMessage, Unavailable
from tertulia.domain.models import (
    Actor,
    Area,
    FloorPlan,
    Invite,
    Membership,
    Message,
    Occupant,
    Page,
    Point,
    Quote,
    Reaction,
    Reactor,
    Room,
    Session,
    Space,
    SpaceObject,
    Tokens,
    ToolUse,
    User,
    Version,
)
from tertulia.domain.roles import Builders, RoomKind, RoomRole, Status, UserRole
from tertulia.protocol.door import describe_problems

AT = datetime(2026, 11, 21, 9, 18, 35, tzinfo=UTC)
NOW = "2026-11-21T09:18:35.000000Z"
ACTOR = Actor(3, "alice", UserRole.USER, "s1")
ADMIN = Actor(1, "root", UserRole.ADMIN, "s0")
ALICE = User(id=3, username="alice", email="alice@example.org", display_name="Alice", created_at=AT)
BOB = User(id=4, username="bob", email="bob@example.org", display_name="Bob", last_seen_at=AT, created_at=AT)
BOOTH = Area(id=2, name="Booth", x=0, y=0, width=50, height=40, is_private=True, capacity=2, is_lockable=True)
SPACE = Space(width=800, height=600, spawn_points=[Point(100, 200)], areas=[BOOTH])
ROOM = Room(id=1, kind=RoomKind.CHANNEL, name="Café", space=SPACE, created_at=AT, updated_at=AT)
MEMBER = Membership(room_id=1, user_id=4, username="bob", display_name="Bob", joined_at=AT)
GROUP = Room(id=2, kind=RoomKind.GROUP, name="", is_private=True, created_at=AT, updated_at=AT)
MESSAGE = Message(id=9, room_id=1, seq=7, user_id=3, username="alice", content="hi", created_at=AT)
REPLY = Message(
    id=9,
    room_id=1,
    seq=7,
    user_id=3,
    username="alice",
    content="@bob me",
    kind="image",
    reply_to=4,
    quote=Quote(message_id=4, user_id=4, username="bob", text="Who?"),
    mentions=[4],
    mentions_here=True,
    reactions=[Reaction(emoji="👍", count=21, users=[4, 5])],
    recipient_id=4,
    delivered_at=AT,
    read_at=AT,
    created_at=AT,
)
TOKENS = Tokens(access_token="a", refresh_token="r", expires_in=1800, user=ALICE)
INVITE = Invite(code="abc", room_id=1, created_by=3, expires_at=AT, max_uses=None, uses=0)
TALK = Room(id=3, kind=RoomKind.GROUP, name="", is_private=True, parent_id=1, area_id=2, created_at=AT, updated_at=AT)
CHAIR = SpaceObject(
    id=5, room_id=1, type="chair", x=10, y=20.5, metadata={"movable": True}, version=3, occupied_by=4, updated_at=AT
)
USE = ToolUse(
    id=2,
    room_id=1,
    seq=8,
    user_id=3,
    username="alice",
    target_object_id=5,
    action="paint",
    params={"color": "red"},
    created_at=AT,
)
HERE = Occupant(user_id=3, username="alice", x=100.0049, y=199.996, direction="left", last_seen=AT)

ALICE_DATA = {
    "id": 3,
    "username": "alice",
    "email": "alice@example.org",
    "display_name": "Alice",
    "avatar_url": None,
    "bio": "",
    "role": "user",
    "status": "offline",
    "status_text": "",
    "last_seen_at": None,
    "created_at": NOW,
}
BOB_DATA = ALICE_DATA | {"id": 4, "username": "bob", "display_name": "Bob", "last_seen_at": NOW}
del BOB_DATA["email"]
TOKENS_DATA = {
    "access_token": "a",
    "token_type": "bearer",
    "expires_in": 1800,
    "refresh_token": "r",
    "user": ALICE_DATA,
}
BOOTH_DATA = {
    "id": 2,
    "name": "Booth",
    "x": 0,
    "y": 0,
    "width": 50,
    "height": 40,
    "is_quiet": False,
    "is_private": True,
    "capacity": 2,
    "is_lockable": True,
    "locked_by": None,
}
SPACE_DATA = {
    "width": 800,
    "height": 600,
    "background": None,
    "speed": 400,
    "spawn_points": [{"x": 100, "y": 200}],
    "builders": "members",
    "earshot": 150,
    "areas": [BOOTH_DATA],
}
ROOM_DATA = {
    "id": 1,
    "kind": "channel",
    "name": "Café",
    "description": "",
    "owner_id": None,
    "is_private": False,
    "settings": {},
    "space": SPACE_DATA,
    "parent_id": None,
    "area_id": None,
    "member_count": 0,
    "last_seq": 0,
    "unread": 0,
    "mention_count": 0,
    "created_at": NOW,
    "updated_at": NOW,
}
MEMBER_DATA = {
    "room_id": 1,
    "user_id": 4,
    "username": "bob",
    "display_name": "Bob",
    "status": "offline",
    "role": "member",
    "muted_until": None,
    "read_seq": 0,
    "joined_at": NOW,
}
MESSAGE_DATA = {
    "id": 9,
    "room_id": 1,
    "seq": 7,
    "user_id": 3,
    "username": "alice",
    "content": "hi",
    "kind": "text",
    "reply_to": None,
    "quote": None,
    "mentions": [],
    "mentions_here": False,
    "attachments": [],
    "reactions": [],
    "recipient_id": None,
    "delivered_at": None,
    "read_at": None,
    "is_edited": False,
    "is_deleted": False,
    "created_at": NOW,
    "updated_at": None,
}
REPLY_DATA = MESSAGE_DATA | {
    "content": "@bob me",
    "kind": "image",
    "reply_to": 4,
    "quote": {"message_id": 4, "user_id": 4, "username": "bob", "text": "Who?", "is_deleted": False},
    "mentions": [4],
    "mentions_here": True,
    "reactions": [{"emoji": "👍", "count": 21, "users": [4, 5]}],
    "recipient_id": 4,
    "delivered_at": NOW,
    "read_at": NOW,
}
GROUP_DATA = ROOM_DATA | {"id": 2, "kind": "group", "name": "", "is_private": True, "space": None}
CHAT_DATA = {"id": 9, "room_id": 1, "user_id": 3, "username": "alice", "message": "hi", "created_at": NOW}
INVITE_DATA = {"code": "abc", "room_id": 1, "created_by": 3, "expires_at": NOW, "max_uses": None, "uses": 0}
TALK_DATA = GROUP_DATA | {"id": 3, "parent_id": 1, "area_id": 2}
CHAIR_DATA = {
    "id": 5,
    "room_id": 1,
    "type": "chair",
    "x": 10,
    "y": 20.5,
    "width": 0,
    "height": 0,
    "rotation": 0,
    "is_solid": False,
    "metadata": {"movable": True},
    "version": 3,
    "occupied_by": 4,
    "created_by": None,
    "updated_at": NOW,
}
USE_DATA = {
    "id": 2,
    "room_id": 1,
    "seq": 8,
    "user_id": 3,
    "username": "alice",
    "target_object_id": 5,
    "action": "paint",
    "params": {"color": "red"},
    "created_at": NOW,
}
HERE_DATA = {
    "user_id": 3,
    "username": "alice",
    "x": 100,
    "y": 200,
    "direction": "left",
    "status": "online",
    "last_seen": NOW,
}
PLAN_DATA = {"space": SPACE_DATA, "objects": [CHAIR_DATA]}
SENT = c.SendResult(9, 7, AT)


def page(*items, cursor=None):
    return {"items": list(items), "has_more": cursor is not None, "next_cursor": cursor}


class Answering:
    """A door behind which one answer waits, or one for each type of command; it remembers what was asked, and by whom."""

    def __init__(self, answer=None, actor=ACTOR):
        self.answer, self.who, self.asked = answer, actor, []

    async def actor(self) -> Actor:
        return self.who

    async def execute(self, command, actor):
        self.asked.append((command, actor))
        answer = self.answer[type(command)] if isinstance(self.answer, dict) else self.answer
        if isinstance(answer, Exception):
            raise answer
        return answer


DOOR = Answering()
APP = FastAPI()
APP.include_router(cafe.router(DOOR))


@APP.exception_handler(RequestValidationError)
async def invalid(request, error):
    return Response(status_code=422)


def client(answer=None, actor=ACTOR, base_url="http://testserver"):
    """A client of an application (which takes long to build, and stands once for all) with a fresh door."""
    DOOR.__init__(answer, actor)
    return TestClient(APP, base_url=base_url)


WHOLE_SPACE = {
    "width": 300,
    "height": 200.5,
    "background": "grass",
    "speed": 0,
    "spawn_points": [{"x": 1, "y": 2}, {"x": 3.5, "y": 4}],
    "builders": "moderators",
    "earshot": 80,
    "areas": [
        {"x": 0, "y": 0, "width": 50, "height": 40},
        {
            "id": 2,
            "name": "Booth",
            "x": 60,
            "y": 0,
            "width": 50,
            "height": 40,
            "is_quiet": True,
            "is_private": True,
            "capacity": 4,
            "is_lockable": True,
            "locked_by": 3,
        },
    ],
}
WHOLE_CHANGE = c.SpaceChange(
    width=300,
    height=200.5,
    background="grass",
    speed=0,
    spawn_points=[Point(1, 2), Point(3.5, 4)],
    builders=Builders.MODERATORS,
    earshot=80,
    areas=[
        c.NewArea(x=0, y=0, width=50, height=40),
        c.NewArea(
            id=2,
            name="Booth",
            x=60,
            y=0,
            width=50,
            height=40,
            is_quiet=True,
            is_private=True,
            capacity=4,
            is_lockable=True,
        ),
    ],
)


ROWS = [
    # auth
    (
        ("POST", "/auth/register", {"username": "alice", "password": "p"}),
        c.Register(username="alice", password="p", address="testclient"),
        ALICE,
        (201, ALICE_DATA),
    ),
    (
        ("POST", "/auth/register", {"username": "a", "password": "p", "email": "a@b", "display_name": "A", "x": 1}),
        c.Register(username="a", password="p", email="a@b", display_name="A", address="testclient"),
        ALICE,
        (201, ALICE_DATA),
    ),
    (
        ("POST", "/auth/login", {"username": "alice", "password": "p"}),
        c.Login(username="alice", password="p", user_agent="testclient", address="testclient"),
        TOKENS,
        (200, TOKENS_DATA),
    ),
    (("POST", "/auth/refresh", {"refresh_token": "r"}), c.RefreshTokens(refresh_token="r"), TOKENS, (200, TOKENS_DATA)),
    (("POST", "/auth/logout", None), c.Logout(), None, (204, None)),
    (("GET", "/auth/me", None), c.GetUser(user_id=3), ALICE, (200, ALICE_DATA)),
    (
        ("POST", "/auth/password", {"current_password": "p", "new_password": "q"}),
        c.ChangePassword(current_password="p", new_password="q"),
        None,
        (204, None),
    ),
    (("DELETE", "/auth/sessions/s2", None), c.EndSession(session_id="s2"), None, (204, None)),
    (
        ("POST", "/auth/ws-ticket", None),
        c.IssueTicket(),
        c.Ticket("t", 30),
        (200, {"ticket": "t", "expires_in": 30}),
    ),
    # users
    (("GET", "/users", None), c.ListUsers(), Page([ALICE, BOB], 4), (200, page(ALICE_DATA, BOB_DATA, cursor=4))),
    (
        ("GET", "/users?q=bo&cursor=4&limit=7", None),
        c.ListUsers(q="bo", cursor=4, limit=7),
        Page([]),
        (200, page()),
    ),
    (("GET", "/users/4", None), c.GetUser(user_id=4), BOB, (200, BOB_DATA)),
    (("GET", "/users/me", None), c.GetUser(user_id=3), ALICE, (200, ALICE_DATA)),
    (("PATCH", "/users/me", {"bio": "hi"}), c.UpdateProfile(bio="hi"), ALICE, (200, ALICE_DATA)),
    (("PATCH", "/users/me", {"email": None}), c.UpdateProfile(email=None), ALICE, (200, ALICE_DATA)),
    (
        ("PUT", "/users/me", {"display_name": "Al", "bio": ""}),
        c.UpdateProfile(display_name="Al", bio=""),
        ALICE,
        (200, ALICE_DATA),
    ),
    (("DELETE", "/users/me", None), c.DeleteAccount(), None, (204, None)),
    (
        ("PATCH", "/users/me/status", {"status": "away", "text": "lunch"}),
        c.SetStatus(status=Status.AWAY, text="lunch"),
        ALICE,
        (200, ALICE_DATA),
    ),
    (("DELETE", "/users/me/avatar", None), c.RemoveAvatar(), ALICE, (200, ALICE_DATA)),
    (("GET", "/users/me/blocked", None), c.ListBlocked(), [BOB], (200, page(BOB_DATA))),
    (("PUT", "/users/4/block", None), c.BlockUser(user_id=4), None, (204, None)),
    (("DELETE", "/users/4/block", None), c.UnblockUser(user_id=4), None, (204, None)),
    # rooms
    (("GET", "/rooms", None), c.ListRooms(), Page([ROOM]), (200, page(ROOM_DATA))),
    (
        ("GET", "/rooms?mine=true&q=ca&cursor=1&limit=100", None),
        c.ListRooms(q="ca", mine=True, cursor=1, limit=100),
        Page([]),
        (200, page()),
    ),
    (("POST", "/rooms", {"name": "Café"}), c.CreateRoom(name="Café"), ROOM, (201, ROOM_DATA)),
    (
        ("POST", "/rooms", {"name": "x", "is_private": True, "space": {"width": 800, "height": 600.5}}),
        c.CreateRoom(name="x", is_private=True, space=c.SpaceChange(width=800, height=600.5)),
        ROOM,
        (201, ROOM_DATA),
    ),
    (
        ("POST", "/rooms", {"name": "x", "space": WHOLE_SPACE}),
        c.CreateRoom(name="x", space=WHOLE_CHANGE),
        ROOM,
        (201, ROOM_DATA),
    ),
    (
        ("PATCH", "/rooms/1", {"space": WHOLE_SPACE}),
        c.UpdateRoom(room_id=1, space=WHOLE_CHANGE),
        ROOM,
        (200, ROOM_DATA),
    ),
    (
        ("PATCH", "/rooms/1", {"space": {"speed": 0}}),
        c.UpdateRoom(room_id=1, space=c.SpaceChange(speed=0)),
        ROOM,
        (200, ROOM_DATA),
    ),
    (
        ("POST", "/rooms", {"kind": "group", "member_ids": [4, 5], "is_private": False}),
        c.CreateGroup(member_ids=[4, 5]),
        GROUP,
        (201, GROUP_DATA),
    ),
    (
        ("POST", "/rooms", {"kind": "group", "name": "Us", "description": "Friends"}),
        c.CreateGroup(name="Us", description="Friends"),
        GROUP,
        (201, GROUP_DATA),
    ),
    (
        ("POST", "/rooms/direct", {"user_id": 4}),
        c.OpenDirect(user_id=4),
        GROUP,
        (200, GROUP_DATA),
    ),
    (("GET", "/rooms/1", None), c.GetRoom(room_id=1), ROOM, (200, ROOM_DATA)),
    (
        ("PATCH", "/rooms/1", {"name": "x", "settings": {"objects": "members"}}),
        c.UpdateRoom(room_id=1, name="x", settings={"objects": "members"}),
        ROOM,
        (200, ROOM_DATA),
    ),
    (("DELETE", "/rooms/1", None), c.ArchiveRoom(room_id=1), None, (204, None)),
    (("POST", "/rooms/1/join", None), c.JoinRoom(room_id=1), MEMBER, (200, MEMBER_DATA)),
    (("POST", "/rooms/1/leave", None), c.LeaveRoom(room_id=1), None, (204, None)),
    (("POST", "/rooms/1/read", {"seq": 9}), c.MarkRead(room_id=1, seq=9), 7, (200, {"seq": 7})),
    # members
    (
        ("GET", "/rooms/1/members?cursor=3", None),
        c.ListMembers(room_id=1, cursor=3),
        Page([MEMBER]),
        (200, page(MEMBER_DATA)),
    ),
    (
        ("POST", "/rooms/1/members", {"user_id": 4}),
        c.AddMember(room_id=1, user_id=4),
        MEMBER,
        (201, MEMBER_DATA),
    ),
    (
        ("PATCH", "/rooms/1/members/4", {"role": "moderator"}),
        c.UpdateMember(room_id=1, user_id=4, role=RoomRole.MODERATOR),
        MEMBER,
        (200, MEMBER_DATA),
    ),
    (
        ("PATCH", "/rooms/1/members/4", {"muted_until": "2026-11-21T12:18:35+02:00"}),
        c.UpdateMember(room_id=1, user_id=4, muted_until=AT + timedelta(hours=1)),
        MEMBER,
        (200, MEMBER_DATA),
    ),
    (
        ("PATCH", "/rooms/1/members/4", {"muted_until": None}),
        c.UpdateMember(room_id=1, user_id=4, muted_until=None),
        MEMBER,
        (200, MEMBER_DATA),
    ),
    (("DELETE", "/rooms/1/members/4", None), c.RemoveMember(room_id=1, user_id=4), None, (204, None)),
    (
        ("DELETE", "/rooms/1/members/4?ban=true", None),
        c.RemoveMember(room_id=1, user_id=4, ban=True),
        None,
        (204, None),
    ),
    (("POST", "/rooms/1/invites", None), c.CreateInvite(room_id=1), INVITE, (201, INVITE_DATA)),
    (
        ("POST", "/rooms/1/invites", {"expires_in": None, "max_uses": 1}),
        c.CreateInvite(room_id=1, expires_in=None, max_uses=1),
        INVITE,
        (201, INVITE_DATA),
    ),
    (("POST", "/rooms/invites/abc", None), c.AcceptInvite(code="abc"), ROOM, (200, ROOM_DATA)),
    (("POST", "/invites/abc", None), c.AcceptInvite(code="abc"), ROOM, (200, ROOM_DATA)),
    # messages
    (
        ("GET", "/rooms/1/messages?cursor=10&limit=1", None),
        c.ListMessages(room_id=1, cursor=10, limit=1),
        Page([MESSAGE], 9),
        (200, page(MESSAGE_DATA, cursor=9)),
    ),
    (
        ("GET", "/rooms/1/messages", None),
        c.ListMessages(room_id=1),
        Page([REPLY]),
        (200, page(REPLY_DATA)),
    ),
    (("GET", "/messages/9", None), c.GetMessage(message_id=9), REPLY, (200, REPLY_DATA)),
    (
        ("PATCH", "/messages/9", {"content": "hi"}),
        c.EditMessage(message_id=9, content="hi"),
        c.Edited(MESSAGE, 8),
        (200, MESSAGE_DATA),
    ),
    (("DELETE", "/messages/9", None), c.DeleteMessage(message_id=9), 8, (204, None)),
    (
        ("GET", "/messages/9/versions", None),
        c.ListVersions(message_id=9),
        [
            Version(content="ho", user_id=3, seq=7, created_at=AT),
            Version(content="hi", user_id=3, seq=8, created_at=AT),
        ],
        (
            200,
            page(
                {"content": "ho", "user_id": 3, "seq": 7, "created_at": NOW},
                {"content": "hi", "user_id": 3, "seq": 8, "created_at": NOW},
            ),
        ),
    ),
    # reactions and pins
    (
        ("GET", "/messages/9/reactions?cursor=7&limit=1", None),
        c.ListReactions(message_id=9, cursor=7, limit=1),
        Page([Reactor(emoji="👍", user_id=4, username="bob", seq=8, created_at=AT)], 8),
        (200, page({"emoji": "👍", "user_id": 4, "username": "bob", "seq": 8, "created_at": NOW}, cursor=8)),
    ),
    (
        ("PUT", "/messages/9/reactions/👍", None),
        c.AddReaction(message_id=9, emoji="👍"),
        c.Reacted(REPLY, 8, True, 21),
        (200, REPLY_DATA),
    ),
    (
        ("PUT", "/messages/9/reactions/n%2Fa%3F", None),
        c.AddReaction(message_id=9, emoji="n/a?"),
        c.Reacted(REPLY, 8, True, 21),
        (200, REPLY_DATA),
    ),
    (
        ("DELETE", "/messages/9/reactions/%2B1", None),
        c.RemoveReaction(message_id=9, emoji="+1"),
        c.Reacted(REPLY, 9, False, 0),
        (204, None),
    ),
    (("PUT", "/messages/9/pin", None), c.PinMessage(message_id=9), 8, (204, None)),
    (("DELETE", "/messages/9/pin", None), c.UnpinMessage(message_id=9), 9, (204, None)),
    (("GET", "/rooms/1/pins", None), c.ListPins(room_id=1), [REPLY, MESSAGE], (200, page(REPLY_DATA, MESSAGE_DATA))),
    # chat
    (
        ("GET", "/chat?room_id=1&cursor=10&limit=1", None),
        c.ListMessages(room_id=1, cursor=10, limit=1),
        Page([MESSAGE], 9),
        (200, page(CHAT_DATA, cursor=9)),
    ),
    # objects
    (
        ("GET", "/objects?room_id=1&cursor=4&limit=1", None),
        c.ListObjects(room_id=1, cursor=4, limit=1),
        Page([CHAIR], 5),
        (200, page(CHAIR_DATA, cursor=5)),
    ),
    (
        ("POST", "/objects", {"room_id": 1, "type": "chair", "x": 10, "y": 20.5}),
        c.PlaceObject(room_id=1, type="chair", x=10, y=20.5),
        c.ObjectChanged(5, 8, CHAIR),
        (201, CHAIR_DATA),
    ),
    (
        (
            "POST",
            "/objects",
            {
                "room_id": 1,
                "type": "wall",
                "x": 0,
                "y": 0,
                "width": 80,
                "height": None,
                "rotation": 45,
                "is_solid": True,
                "metadata": {"a": [1, {"b": None}]},
                "version": 7,
            },
        ),
        c.PlaceObject(
            room_id=1, type="wall", x=0, y=0, width=80, rotation=45, is_solid=True, metadata={"a": [1, {"b": None}]}
        ),
        c.ObjectChanged(5, 8, CHAIR),
        (201, CHAIR_DATA),
    ),
    (("GET", "/objects/5", None), c.GetObject(object_id=5), CHAIR, (200, CHAIR_DATA)),
    *(
        (
            (method, "/objects/5", body),
            c.UpdateObject(object_id=5, **body),
            c.ObjectChanged(5, 9, CHAIR),
            (200, CHAIR_DATA),
        )
        for method in ("PATCH", "PUT")
        for body in (
            {},
            {"x": 1, "y": 2.5, "version": 3},
            {"type": "x", "width": 1, "height": 2, "rotation": 3, "is_solid": False, "metadata": {}},
        )
    ),
    (("DELETE", "/objects/5", None), c.RemoveObject(object_id=5), c.ObjectChanged(5, 9), (204, None)),
    (
        ("DELETE", "/objects/5?version=3", None),
        c.RemoveObject(object_id=5, version=3),
        c.ObjectChanged(5, 9),
        (204, None),
    ),
    (
        ("GET", "/rooms/1/plan", None),
        c.GetFloorPlan(room_id=1),
        FloorPlan(space=SPACE, objects=[CHAIR]),
        (200, PLAN_DATA),
    ),
    (
        ("PUT", "/rooms/1/plan", PLAN_DATA),
        c.ReplaceFloorPlan(
            room_id=1,
            space=c.SpaceChange(
                width=800,
                height=600,
                background=None,
                speed=400,
                spawn_points=[Point(100, 200)],
                builders=Builders.MEMBERS,
                earshot=150,
                areas=[
                    c.NewArea(
                        id=2,
                        name="Booth",
                        x=0,
                        y=0,
                        width=50,
                        height=40,
                        is_private=True,
                        capacity=2,
                        is_lockable=True,
                    )
                ],
            ),
            objects=[
                c.NewObject(type="chair", x=10, y=20.5, width=0, height=0, is_solid=False, metadata={"movable": True})
            ],
        ),
        FloorPlan(space=SPACE, objects=[CHAIR]),
        (200, PLAN_DATA),
    ),
    (
        ("PUT", "/rooms/1/plan", {"objects": [{"type": "tree", "x": 1, "y": 2}]}),
        c.ReplaceFloorPlan(room_id=1, space=c.SpaceChange(), objects=[c.NewObject(type="tree", x=1, y=2)]),
        FloorPlan(space=SPACE, objects=[CHAIR]),
        (200, PLAN_DATA),
    ),
    # tools
    (
        ("POST", "/tools", {"room_id": 1, "target_object_id": 5, "action": "paint", "params": {"color": "red"}}),
        c.UseTool(room_id=1, target_object_id=5, action="paint", params={"color": "red"}),
        c.ToolResult(USE, CHAIR),
        (201, USE_DATA | {"object": CHAIR_DATA}),
    ),
    (
        ("POST", "/tools", {"room_id": 1, "target_object_id": 5, "action": "destroy", "params": None}),
        c.UseTool(room_id=1, target_object_id=5, action="destroy"),
        c.ToolResult(USE, None),
        (201, USE_DATA | {"object": None}),
    ),
    (("GET", "/tools?room_id=1", None), c.ListToolUses(room_id=1), Page([USE]), (200, page(USE_DATA))),
    (
        ("GET", "/tools?room_id=1&user_id=3&target_object_id=5&cursor=9&limit=1", None),
        c.ListToolUses(room_id=1, user_id=3, target_object_id=5, cursor=9, limit=1),
        Page([USE], 2),
        (200, page(USE_DATA, cursor=2)),
    ),
    # being there
    (("GET", "/room-users?room_id=1", None), c.ListOccupants(room_id=1), [HERE], (200, page(HERE_DATA))),
    (
        ("GET", "/room-users?room_id=1", None),
        c.ListOccupants(room_id=1),
        [Occupant(user_id=3, username="alice", direction=90.0, status="away")],
        (
            200,
            page(HERE_DATA | {"x": None, "y": None, "direction": 90, "status": "away", "last_seen": None}),
        ),
    ),
    (("POST", "/room-users", {"room_id": 1}), c.EnterSpace(room_id=1), HERE, (201, HERE_DATA)),
    (
        ("POST", "/room-users", {"room_id": 1, "x": 100, "y": 200.5}),
        c.EnterSpace(room_id=1, x=100, y=200.5),
        HERE,
        (201, HERE_DATA),
    ),
    (("PATCH", "/room-users/1", {"x": 1, "y": 2.5}), c.WalkTo(room_id=1, x=1, y=2.5), HERE, (200, HERE_DATA)),
    *(
        (
            ("PATCH", "/room-users/1", {"x": 1, "y": 2, "direction": direction}),
            c.WalkTo(room_id=1, x=1, y=2, direction=direction),
            HERE,
            (200, HERE_DATA),
        )
        for direction in ("left", 90, None)
    ),
    (("DELETE", "/room-users/1", None), c.LeaveSpace(room_id=1), None, (204, None)),
    # areas and talks
    (
        ("PUT", "/rooms/1/areas/2/lock", None),
        c.LockArea(room_id=1, area_id=2, is_locked=True),
        BOOTH,
        (200, BOOTH_DATA),
    ),
    (
        ("DELETE", "/rooms/1/areas/2/lock", None),
        c.LockArea(room_id=1, area_id=2, is_locked=False),
        BOOTH,
        (204, None),
    ),
    (
        ("GET", "/rooms/1/talks?cursor=4&limit=1", None),
        c.ListTalks(room_id=1, cursor=4, limit=1),
        Page([TALK], 3),
        (200, page(TALK_DATA, cursor=3)),
    ),
]
WITHOUT_A_TOKEN = (c.Register, c.Login, c.RefreshTokens)


@pytest.mark.parametrize(("sent", "command", "result", "answer"), ROWS, ids=[f"{r[0][0]} {r[0][1]}" for r in ROWS])
def test_a_request_is_one_command_and_its_result_the_body(sent, command, result, answer):
    http = client(result)
    method, path, body = sent
    reply = http.request(method, "/api/v1" + path, json=body)
    assert DOOR.asked == [(command, None if isinstance(command, WITHOUT_A_TOKEN) else ACTOR)]
    assert (reply.status_code, reply.json() if reply.content else None) == answer


SENDINGS = [
    (
        ("/rooms/1/messages", {"content": "hi", "reply_to": 4, "nonce": "n", "kind": "image"}),
        c.SendMessage(room_id=1, content="hi", reply_to=4, nonce="n", kind="image"),
        REPLY_DATA,
        MESSAGE_DATA | {"reply_to": 4, "kind": "image"},
    ),
    (("/rooms/1/messages", {"content": "hi"}), c.SendMessage(room_id=1, content="hi"), REPLY_DATA, MESSAGE_DATA),
    (
        ("/chat", {"room_id": 1, "message": "hi", "nonce": "n"}),
        c.SendMessage(room_id=1, content="hi", nonce="n"),
        CHAT_DATA | {"message": "@bob me"},
        CHAT_DATA,
    ),
]
"""(what is sent, the command, the message as it is found afterwards, and as it is told if it is found no more)"""


@pytest.mark.parametrize(("sent", "command", "found", "told"), SENDINGS, ids=[row[0][0] for row in SENDINGS])
def test_what_was_sent_comes_back_as_the_whole_message(sent, command, found, told):
    path, body = sent
    for duplicate in (False, True):
        http = client({c.SendMessage: c.SendResult(9, 7, AT, duplicate), c.GetMessage: REPLY})
        reply = http.post("/api/v1" + path, json=body)
        assert DOOR.asked == [(command, ACTOR), (c.GetMessage(message_id=9), ACTOR)]
        assert (reply.status_code, reply.json()) == (201, found | {"duplicate": duplicate})


def test_what_was_said_in_a_talk_and_cannot_be_read_any_more_is_told_with_that_room():
    http = client({c.SendMessage: c.SendResult(9, 2, AT, talk_id=12), c.GetMessage: NoSuchMessage()})
    reply = http.post("/api/v1/rooms/1/messages", json={"content": "hi", "nearby": True})
    assert DOOR.asked[0] == (c.SendMessage(room_id=1, content="hi", nearby=True), ACTOR)
    assert (reply.json()["room_id"], reply.json()["seq"]) == (12, 2)


@pytest.mark.parametrize(
    ("method", "body", "header", "version"),
    [
        ("PATCH", {"x": 1}, '"3"', 3),
        ("PUT", {"x": 1}, '"3"', 3),
        ("PATCH", {"x": 1, "version": 4}, '"3"', 4),
        ("PATCH", {"x": 1}, "*", None),
        ("DELETE", None, '"3"', 3),
        ("DELETE", None, "*", None),
    ],
)
def test_the_known_version_may_stand_in_the_header(method, body, header, version):
    http = client(c.ObjectChanged(5, 9, CHAIR))
    reply = http.request(method, "/api/v1/objects/5", json=body, headers={"If-Match": header})
    assert reply.is_success
    assert DOOR.asked[0][0].version == version


@pytest.mark.parametrize("header", ["3", "", '""', '"0"', 'W/"3"', '"3", "4"', '"' + "9" * 30 + '"', '"x"'])
def test_a_header_that_names_no_version_is_refused(header):
    assert client().delete("/api/v1/objects/5", headers={"If-Match": header}).status_code == 422
    assert not DOOR.asked


def test_an_object_comes_with_its_version_as_the_tag():
    http = client({c.GetObject: CHAIR, c.UpdateObject: c.ObjectChanged(5, 9, CHAIR)})
    replies = [http.get("/api/v1/objects/5"), http.patch("/api/v1/objects/5", json={})]
    assert [reply.headers["etag"] for reply in replies] == ['"3"', '"3"']


@pytest.mark.parametrize("error", [NoSuchMessage(), Unavailable()])
@pytest.mark.parametrize(("sent", "command", "found", "told"), SENDINGS, ids=[row[0][0] for row in SENDINGS])
def test_what_was_sent_and_cannot_be_read_any_more_was_sent_all_the_same(sent, command, found, told, error):
    path, body = sent
    http = client({c.SendMessage: c.SendResult(9, 7, AT, True), c.GetMessage: error})
    reply = http.post("/api/v1" + path, json=body)
    assert (reply.status_code, reply.json()) == (201, told | {"duplicate": True})


def test_login_takes_the_form_of_oauth2_too():
    http = client(TOKENS)
    form = {"username": "alice", "password": "p", "grant_type": "password", "scope": ""}
    for sent in ({"data": form}, {"files": {name: (None, value) for name, value in form.items()}}):
        assert http.post("/api/v1/auth/login", **sent).json() == TOKENS_DATA
    assert {command.username for command, _ in DOOR.asked} == {"alice"}


@pytest.mark.parametrize("body", [b"{", b"", b"[" * 100_000, b"\xff", b'{"a": 1' + b"0" * 5000 + b"}"])
def test_a_login_that_is_no_json_is_malformed(body):
    with pytest.raises(Malformed):
        client().post("/api/v1/auth/login", content=body, headers={"content-type": "application/json"})


@pytest.mark.parametrize("body", ["[]", '{"username":"a"}', '{"username":5,"password":"p"}', '{"username":"\\ud800"}'])
def test_a_login_without_name_and_password_is_invalid(body):
    http = client()
    reply = http.post("/api/v1/auth/login", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 422
    assert not DOOR.asked


@pytest.mark.parametrize(
    "path",
    [
        *("/auth/login", "/auth/register", "/rooms", "/rooms/direct", "/rooms/1/messages", "/chat"),
        *("/objects", "/tools", "/room-users"),
    ],
)
def test_a_body_of_another_type_is_415(path):
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x"):
        if not (path == "/auth/login" and "form" in kind):
            reply = client().post("/api/v1" + path, content=b"{}", headers={"content-type": kind})
            assert reply.status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/rooms/0", None),
        ("GET", "/rooms/-1", None),
        ("GET", "/rooms/x", None),
        ("GET", "/rooms/9223372036854775808", None),
        ("GET", "/rooms/" + "9" * 5000, None),
        ("GET", "/rooms?limit=0", None),
        ("GET", "/rooms?limit=1001", None),
        ("GET", "/rooms?cursor=-1", None),
        ("GET", "/users?q=%00", None),
        ("GET", "/chat", None),
        ("GET", "/rooms/1/events?after=-1", None),
        ("POST", "/rooms", '{"name":"a\\u0000b"}'),
        ("POST", "/rooms", '{"name":"\\ud800"}'),
        ("POST", "/rooms", '{"name":5}'),
        ("POST", "/rooms", '{"name":"x","is_private":"yes"}'),
        ("POST", "/rooms", '{"name":"x","kind":"direct"}'),
        ("POST", "/rooms", '{"name":"x","member_ids":[4]}'),
        ("POST", "/rooms", '{"kind":"group","space":{"width":1,"height":1}}'),
        ("POST", "/rooms", '{"kind":"group","member_ids":["4"]}'),
        ("POST", "/rooms", '{"kind":"group","member_ids":[0]}'),
        ("POST", "/rooms/direct", "{}"),
        ("POST", "/rooms/direct", '{"user_id":"4"}'),
        ("PUT", "/messages/9/reactions/%00", None),
        ("PUT", "/messages/0/reactions/x", None),
        ("GET", "/messages/9/reactions?cursor=-1", None),
        ("GET", "/messages/9/reactions?limit=0", None),
        ("PUT", "/messages/x/pin", None),
        ("POST", "/rooms", '{"name":"x","space":{"width":NaN,"height":1}}'),
        ("POST", "/rooms", '{"name":"x","space":{"width":1e999,"height":1}}'),
        ("POST", "/rooms", '{"name":"x","space":{"width":1' + "0" * 400 + ',"height":1}}'),
        ("PATCH", "/rooms/1", '{"name":null}'),
        ("PATCH", "/rooms/1", '{"settings":{"\\ud800":1}}'),
        ("POST", "/chat", '{"room_id":"1","message":"x"}'),
        ("POST", "/chat", '{"room_id":1' + "0" * 400 + ',"message":"x"}'),
        ("POST", "/rooms/1/messages", '{"content":"x","nonce":"' + "n" * 65 + '"}'),
        ("POST", "/rooms/1/messages", '{"content":"x","reply_to":0}'),
        ("POST", "/rooms/1/messages", '{"content":"x","kind":null}'),
        ("PATCH", "/users/me", '{"bio":null}'),
        ("PATCH", "/users/me/status", '{"status":"gone"}'),
        ("PATCH", "/rooms/1/members/4", '{"muted_until":"0001-01-01T00:00:00+05:00"}'),
        ("PATCH", "/rooms/1/members/4", '{"muted_until":"2026-11-21T12:00:00"}'),
        ("POST", "/rooms/1/invites", '{"expires_in":0}'),
        ("POST", "/rooms/1/invites", '{"expires_in":9223372036854775807}'),
        ("POST", "/rooms", '{"name":"x","space":{"width":1}}'),
        ("POST", "/rooms", '{"name":"x","space":{"width":1,"height":1,"builders":"nobody"}}'),
        ("POST", "/rooms", '{"name":"x","space":{"width":1,"height":1,"spawn_points":[[1,2]]}}'),
        ("POST", "/rooms", '{"name":"x","space":{"width":1,"height":1,"areas":[{"x":0}]}}'),
        ("PATCH", "/rooms/1", '{"space":null}'),
        ("PATCH", "/rooms/1", '{"space":{"speed":"fast"}}'),
        ("PATCH", "/rooms/1", '{"space":{"areas":[{"id":0,"x":0,"y":0,"width":1,"height":1}]}}'),
        ("PATCH", "/rooms/1", '{"space":{"areas":[{"x":0,"y":0,"width":1,"height":1,"capacity":0}]}}'),
        ("GET", "/objects", None),
        ("GET", "/objects?room_id=0", None),
        ("GET", "/objects/x", None),
        ("POST", "/objects", '{"room_id":1,"type":"chair","x":1}'),
        ("POST", "/objects", '{"room_id":1,"type":"chair","x":1e999,"y":0}'),
        ("POST", "/objects", '{"room_id":1,"type":"chair","x":NaN,"y":0}'),
        ("POST", "/objects", '{"room_id":1,"type":"chair","x":1' + "0" * 400 + ',"y":0}'),
        ("POST", "/objects", '{"room_id":1,"type":"a\\u0000","x":1,"y":0}'),
        ("POST", "/objects", '{"room_id":1,"type":"chair","x":1,"y":0,"metadata":[]}'),
        ("POST", "/objects", '{"room_id":1,"type":"chair","x":1,"y":0,"metadata":null}'),
        ("POST", "/objects", '{"room_id":1,"type":"chair","x":1,"y":0,"metadata":{"\\ud800":1}}'),
        ("POST", "/objects", '{"room_id":1,"type":"chair","x":1,"y":0,"is_solid":"yes"}'),
        ("PATCH", "/objects/5", '{"x":null}'),
        ("PATCH", "/objects/5", '{"version":0}'),
        ("PUT", "/objects/5", "[]"),
        ("DELETE", "/objects/5?version=0", None),
        ("PUT", "/rooms/1/plan", "{}"),
        ("PUT", "/rooms/1/plan", '{"objects":[{"type":"tree"}]}'),
        ("PUT", "/rooms/1/plan", '{"objects":[],"space":null}'),
        ("GET", "/tools", None),
        ("GET", "/tools?room_id=1&user_id=x", None),
        ("POST", "/tools", '{"room_id":1,"target_object_id":5}'),
        ("POST", "/tools", '{"room_id":1,"target_object_id":5,"action":"sit","params":[]}'),
        ("POST", "/tools", '{"room_id":1,"target_object_id":5,"action":"a\\u0000"}'),
        ("GET", "/room-users", None),
        ("POST", "/room-users", '{"room_id":"1"}'),
        ("POST", "/room-users", '{"room_id":1,"x":"1"}'),
        ("PATCH", "/room-users/1", '{"x":1}'),
        ("PATCH", "/room-users/1", '{"x":1,"y":null}'),
        ("PATCH", "/room-users/1", '{"x":1,"y":-1e999}'),
        ("PATCH", "/room-users/1", '{"x":1,"y":2,"direction":"seventeen letters"}'),
        ("PATCH", "/room-users/1", '{"x":1,"y":2,"direction":"a\\u0000"}'),
        ("PATCH", "/room-users/1", '{"x":1,"y":2,"direction":true}'),
        ("PATCH", "/room-users/1", '{"x":1,"y":2,"direction":NaN}'),
        ("PUT", "/rooms/1/areas/x/lock", None),
        ("DELETE", "/rooms/1/areas/0/lock", None),
        ("GET", "/rooms/1/talks?cursor=0", None),
        ("POST", "/rooms/1/messages", '{"content":"x","nearby":1}'),
    ],
)
def test_what_is_not_allowed_is_refused_before_it_is_a_command(method, path, body):
    http = client()
    reply = http.request(
        method, "/api/v1" + path, content=body, headers={"content-type": "application/json"} if body else {}
    )
    assert reply.status_code == 422
    assert not DOOR.asked


def test_admins_see_more_of_a_user():
    account = BOB_DATA | {"email": "bob@example.org", "is_active": True}
    http = client(BOB, actor=ADMIN)
    assert http.get("/api/v1/users/4").json() == account
    reply = http.patch("/api/v1/users/4", json={"is_active": False, "role": "admin"})
    assert reply.json() == account
    assert DOOR.asked[1] == (c.UpdateAccount(user_id=4, role=UserRole.ADMIN, is_active=False), ADMIN)


def test_the_list_of_sessions_tells_which_one_asks():
    sessions = [
        Session(id=name, user_id=3, created_at=AT, last_used_at=AT, expires_at=AT, user_agent="x", address="::1")
        for name in ("s1", "s2")
    ]
    data = {"user_agent": "x", "address": "::1", "created_at": NOW, "last_used_at": NOW, "expires_at": NOW}
    assert client(sessions).get("/api/v1/auth/sessions").json() == page(
        {"id": "s1", **data, "is_current": True}, {"id": "s2", **data, "is_current": False}
    )


def test_the_log_comes_as_the_socket_says_it_with_ones_own_nonces():
    def said(user_id):
        return e.MessageSent(
            room_id=1, seq=7, message_id=9, user_id=user_id, username="x", content="hi", nonce="n", created_at=AT
        )

    log = c.LogPage("e1", [said(3), said(4)], 7, 9)
    http = client(log)
    body = http.get("/api/v1/rooms/1/events?after=5&limit=2").json()
    assert DOOR.asked[0][0] == c.ListEvents(room_id=1, after=5, limit=2)
    data = {
        "room_id": 1,
        "seq": 7,
        "message_id": 9,
        "user_id": 3,
        "username": "x",
        "message": "hi",
        "kind": "text",
        "reply_to": None,
        "quote": None,
        "mentions": [],
        "mentions_here": False,
        "attachments": [],
        "created_at": NOW,
    }
    assert body == {
        "epoch": "e1",
        "items": [
            {"event": "message_received", "data": data | {"nonce": "n"}},
            {"event": "message_received", "data": data | {"user_id": 4}},
        ],
        "seq": 7,
        "has_more": True,
    }


# ---- what others are told


def test_the_guide_tells_where_the_socket_is_and_needs_no_token():
    http = client()
    body = http.get("/api/v1/chat/websocket-info?x=1").json()
    assert body["url"] == "ws://testserver/api/v1/ws"
    assert body["authentication"]["example"] == "ws://testserver/api/v1/ws?token=TOKEN"
    secure = client(base_url="https://chat.example.org").get("/api/v1/chat/websocket-info")
    assert secure.json()["url"] == "wss://chat.example.org/api/v1/ws"


def test_the_guide_has_a_sentence_and_an_example_of_every_frame_and_says_where_there_is_more():
    told = client().get("/api/v1/chat/websocket-info").json()
    frames = [*told["message_types"]["client_to_server"], *told["message_types"]["server_to_client"]]
    assert {"send_message", "add_reaction", "reaction_added", "ack", "hello"} <= {frame["event"] for frame in frames}
    for frame in frames:
        assert frame["description"]
        assert frame["example"]["event"] == frame["event"]
    assert told["asyncapi"] == "/asyncapi.json"


def openapi():
    return describe_problems(deepcopy(APP.openapi()))


def operations():
    return [(path, method, one) for path, methods in openapi()["paths"].items() for method, one in methods.items()]


def test_every_route_declares_its_problems():
    for path, _, one in operations():
        codes = {code: answer for code, answer in one["responses"].items() if int(code) >= 400}
        assert {"400", "422", "429", "503"} <= set(codes), path
        for answer in codes.values():
            assert answer["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }


def test_every_route_declares_what_it_answers():
    for path, method, one in operations():
        fine = [answer for code, answer in one["responses"].items() if code.startswith("2")]
        assert len(fine) == 1, path
        if "204" not in one["responses"]:
            assert all(one["schema"] for one in fine[0]["content"].values()), (method, path)


def test_operation_ids_are_unique_words_and_every_route_has_one_tag():
    every = [one for _, _, one in operations()]
    ids = [one["operationId"] for one in every]
    assert len(ids) == len(set(ids))
    assert all(name.isidentifier() and name == name.lower() for name in ids)
    assert all(len(one["tags"]) == 1 for one in every)


def test_no_path_ends_in_a_slash():
    assert not [path for path, _, _ in operations() if path.endswith("/")]


def test_every_reference_in_the_description_leads_somewhere():
    description = openapi()
    text = json.dumps(description)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in description["components"]["schemas"]
