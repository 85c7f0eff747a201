"""cafe, explained: what `GET /api/v1/chat/websocket-info` says of the socket, with an example of every frame."""

from typing import Any

from pydantic import BaseModel

from tertulia.dialects.cafe.socket import V1, V1_MSGPACK

WHEN = "2026-11-21T09:18:35.000000Z"


class ClientFrame(BaseModel):
    event: str
    description: str
    example: dict[str, Any]


class ServerFrame(BaseModel):
    event: str
    example: dict[str, Any]


class MessageTypes(BaseModel):
    client_to_server: list[ClientFrame]
    server_to_client: list[ServerFrame]


class Authentication(BaseModel):
    methods: list[str]
    example: str


class Guide(BaseModel):
    url: str
    format: str
    authentication: Authentication
    subprotocols: dict[str, str]
    message_types: MessageTypes


CLIENT: dict[str, tuple[str, dict[str, Any]]] = {
    "authenticate": (
        "Say who you are, within 5 seconds, if the address and the headers did not; or renew that before it expires",
        {"token": "TOKEN"},
    ),
    "join_room": (
        "Be in a room. With `after` (the last seq you saw) and `epoch` everything since then comes first",
        {"room_id": 1, "x": 100, "y": 200},
    ),
    "leave_room": ("Be in it no longer", {"room_id": 1}),
    "send_message": (
        "Say something. A `nonce` makes it safe to send again: it is stored once",
        {"room_id": 1, "message": "Hello everyone!", "nonce": "a5e1c0"},
    ),
    "edit_message": ("Change what you said", {"message_id": 1, "message": "Hello!"}),
    "delete_message": ("Take back what you said", {"message_id": 1}),
    "fetch_messages": (
        "Messages before `cursor` (a message id), newest first",
        {"room_id": 1, "cursor": 123, "limit": 50},
    ),
    "typing": ("Let the others know that you are typing", {"room_id": 1}),
    "mark_read": ("Say how far you have read", {"room_id": 1, "seq": 7}),
    "set_presence": ("online, away, busy or offline", {"status": "away", "text": "lunch"}),
    "ping": ("Answered by `pong` with the same data", {"t": 1}),
}
"""By event: what it is for, and data of an example."""

_ROOM = {
    "id": 1,
    "kind": "channel",
    "name": "Café",
    "description": "",
    "owner_id": None,
    "is_private": False,
    "settings": {},
    "space": None,
    "member_count": 2,
    "created_at": WHEN,
    "updated_at": WHEN,
}
_PERSON = {"room_id": 1, "user_id": 4, "username": "bob"}
_BY = {"by": 3, "created_at": WHEN}
_MESSAGE = {"room_id": 1, "seq": 7, "message_id": 9, "user_id": 3}

SERVER: dict[str, dict[str, Any]] = {
    "room_state": {
        "room_id": 1,
        "room": _ROOM | {"last_seq": 7, "unread": 0},
        "users": [{"user_id": 3, "username": "alice", "x": 100, "y": 200, "status": "online"}],
        "objects": [],
        "seq": 7,
        "messages": [],
        "has_more": False,
        "next_cursor": None,
    },
    "reset": {"room_id": 1, "epoch": "d3b0c4", "seq": 7},
    "caught_up": {"room_id": 1, "seq": 7},
    "message_received": _MESSAGE
    | {
        "username": "alice",
        "message": "Hello everyone!",
        "kind": "text",
        "reply_to": None,
        "created_at": WHEN,
        "attachments": [],
    },
    "message_edited": _MESSAGE | {"seq": 8, "message": "Hello!", "updated_at": WHEN},
    "message_deleted": _MESSAGE | {"seq": 9, "updated_at": WHEN},
    "member_added": _PERSON | {"seq": 2, "role": "member"} | _BY,
    "member_removed": _PERSON | {"seq": 3, "reason": "left"} | _BY,
    "member_updated": _PERSON | {"seq": 4, "role": "moderator", "muted_until": None} | _BY,
    "room_updated": {"room_id": 1, "seq": 5, "user_id": 3, "room": _ROOM, "created_at": WHEN},
    "room_deleted": {"room_id": 1, "seq": 6, "user_id": 3, "created_at": WHEN},
    "user_joined": _PERSON | {"x": 100, "y": 200},
    "user_left": _PERSON | {"reason": "left"},
    "user_typing": _PERSON,
    "read_updated": {"room_id": 1, "user_id": 4, "seq": 7},
    "presence_updated": {"user_id": 4, "status": "away", "text": "lunch", "last_seen_at": WHEN},
    "error": {"code": "not_a_member", "message": "Not a member of this room", "event": "send_message"},
}
"""By event: data of an example. Answers (`ack`, `pong`, `messages`) and the manners of v1 are in the documentation."""


def guide(url: str) -> Guide:
    """*url*: of the socket."""
    return Guide(
        url=url,
        format='JSON text frames {"event": NAME, "data": {...}, "id": any?}; with an id there is an ack or an error',
        authentication=Authentication(
            methods=[
                "header Authorization: Bearer TOKEN",
                "query ?token=TOKEN",
                "query ?ticket=TICKET, from POST /api/v1/auth/ws-ticket",
                "subprotocols: bearer, TOKEN",
                "first frame: the event authenticate, within 5 seconds",
            ],
            example=f"{url}?token=TOKEN",
        ),
        subprotocols={V1: "hello, heartbeats and bye", V1_MSGPACK: "the same in MessagePack"},
        message_types=MessageTypes(
            client_to_server=[
                ClientFrame(event=event, description=words, example={"event": event, "data": data})
                for event, (words, data) in CLIENT.items()
            ],
            server_to_client=[
                ServerFrame(event=event, example={"event": event, "data": data}) for event, data in SERVER.items()
            ],
        ),
    )
