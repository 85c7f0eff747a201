"""cafe's examples: of every frame what it is for, in a sentence, and what its data looks like."""

from typing import Any

from tertulia.dialects.cafe import space_examples as space
from tertulia.dialects.cafe.space_examples import WHEN, Example

_ALICE = {
    "id": 3,
    "username": "alice",
    "email": "alice@example.org",
    "display_name": "Alice",
    "avatar_url": None,
    "bio": "",
    "role": "user",
    "status": "online",
    "status_text": "",
    "last_seen_at": None,
    "created_at": WHEN,
}
_ROOM = {
    "id": 1,
    "kind": "channel",
    "name": "Café",
    "description": "",
    "owner_id": None,
    "is_private": False,
    "settings": {},
    "space": space.SPACE,
    "parent_id": None,
    "area_id": None,
    "member_count": 2,
    "created_at": WHEN,
    "updated_at": WHEN,
}
_HEAD = {"room_id": 1, "epoch": "d3b0c4", "seq": 7, "read_seq": 6, "unread": 1, "mention_count": 0}
_PERSON = {"room_id": 1, "user_id": 4, "username": "bob"}
_BY = {"by": 3, "created_at": WHEN}
_MESSAGE = {"room_id": 1, "seq": 7, "message_id": 9, "user_id": 3, "username": "alice"}
_QUOTE = {"message_id": 8, "user_id": 4, "username": "bob", "text": "Who wants coffee?", "is_deleted": False}
_LISTED = {
    "id": 9,
    "room_id": 1,
    "seq": 7,
    "user_id": 3,
    "username": "alice",
    "content": "@bob, me!",
    "kind": "text",
    "reply_to": 8,
    "quote": _QUOTE,
    "mentions": [4],
    "mentions_here": False,
    "attachments": [],
    "reactions": [{"emoji": "👍", "count": 1, "users": [4]}],
    "recipient_id": None,
    "delivered_at": None,
    "read_at": None,
    "is_edited": False,
    "is_deleted": False,
    "created_at": WHEN,
    "updated_at": None,
}
_PAGE = {"messages": [_LISTED], "has_more": False, "next_cursor": None}

REQUESTS: dict[str, Example] = {
    "authenticate": Example(
        "Say who you are, within 5 seconds, if the address and the headers did not; or renew that before it expires",
        {"token": "TOKEN"},
    ),
    "join_room": Example(
        "Be in a room. With `after` (the last seq you saw) and `epoch` everything since then comes first",
        {"room_id": 1, "x": 100, "y": 200},
    ),
    "leave_room": Example("Be in it no longer", {"room_id": 1}),
    "send_message": Example(
        "Say something. A `nonce` makes it safe to send again: it is stored once. `nearby`: to those alone who stand near",
        {"room_id": 1, "message": "Hello everyone!", "nonce": "a5e1c0"},
    ),
    "edit_message": Example("Change what you said", {"message_id": 9, "message": "Hello!"}),
    "delete_message": Example("Take back what you said", {"message_id": 9}),
    "add_reaction": Example("Put an emoji on a message", {"message_id": 9, "emoji": "👍"}),
    "remove_reaction": Example("Take your emoji off a message", {"message_id": 9, "emoji": "👍"}),
    "pin_message": Example("Pin a message, for all in the room to find", {"message_id": 9}),
    "unpin_message": Example("Take it off again", {"message_id": 9}),
    "fetch_messages": Example(
        "Messages before `cursor` (a message id), newest first", {"room_id": 1, "cursor": 123, "limit": 50}
    ),
    "typing": Example("Let the others know that you are typing", {"room_id": 1}),
    "mark_read": Example("Say how far you have read", {"room_id": 1, "seq": 7}),
    "mark_delivered": Example("Say how far the room has come to a device of yours", {"room_id": 1, "seq": 7}),
    "set_presence": Example(
        "online, away, busy or offline; or invisible, which others see as offline", {"status": "away", "text": "lunch"}
    ),
    **space.REQUESTS,
    "ping": Example("Answered by `pong` with the same data", {"t": 1}),
}
"""By event, from clients."""

ACKS: dict[str, Any] = {
    "authenticate": {"user": _ALICE, "expires_in": 1800},
    "join_room": {"room_id": 1, "epoch": "d3b0c4", "seq": 7, "result": "fresh"},
    "leave_room": {"room_id": 1},
    "send_message": {"message_id": 9, "seq": 7, "created_at": WHEN, "duplicate": False},
    "edit_message": {"seq": 8},
    "delete_message": {"seq": 9},
    "add_reaction": {"seq": 8},
    "remove_reaction": {"seq": 9},
    "pin_message": {"seq": 8},
    "unpin_message": {"seq": 9},
    "fetch_messages": _PAGE,
    "typing": {},
    "mark_read": {},
    "mark_delivered": {},
    "set_presence": {},
    **space.ACKS,
}
"""Data of the answer to each of these that bore an id."""

EVENTS: dict[str, Example] = {
    "message_received": Example(
        "Somebody said something",
        _MESSAGE
        | {
            "message": "@bob, me!",
            "kind": "text",
            "reply_to": 8,
            "quote": _QUOTE,
            "mentions": [4],
            "mentions_here": False,
            "attachments": [],
            "created_at": WHEN,
        },
    ),
    "message_edited": Example(
        "A message says something else now",
        _MESSAGE | {"seq": 8, "message": "Hello!", "mentions": [], "mentions_here": False, "updated_at": WHEN},
    ),
    "message_deleted": Example("A message is gone, and its text with it", _MESSAGE | {"seq": 9, "updated_at": WHEN}),
    "reaction_added": Example(
        "Somebody put an emoji on a message",
        _MESSAGE | {"seq": 8, "user_id": 4, "username": "bob", "emoji": "👍", "count": 1, "created_at": WHEN},
    ),
    "reaction_removed": Example(
        "Somebody took an emoji off a message",
        _MESSAGE | {"seq": 9, "user_id": 4, "username": "bob", "emoji": "👍", "count": 0, "created_at": WHEN},
    ),
    "message_pinned": Example("A message was pinned", _MESSAGE | {"seq": 8, "created_at": WHEN}),
    "message_unpinned": Example("A message is pinned no more", _MESSAGE | {"seq": 9, "created_at": WHEN}),
    "member_added": Example("Somebody may read the room now", _PERSON | {"seq": 2, "role": "member"} | _BY),
    "member_removed": Example("Somebody may read the room no more", _PERSON | {"seq": 3, "reason": "left"} | _BY),
    "member_updated": Example(
        "Somebody has another role, or is muted until then",
        _PERSON | {"seq": 4, "role": "moderator", "muted_until": None} | _BY,
    ),
    "room_updated": Example(
        "The room has changed; this is how it is now",
        {"room_id": 1, "seq": 5, "user_id": 3, "room": _ROOM, "created_at": WHEN},
    ),
    "room_deleted": Example(
        "The room is gone: its last event", {"room_id": 1, "seq": 6, "user_id": 3, "created_at": WHEN}
    ),
    "user_joined": Example("Somebody is in the room now", _PERSON | {"x": 100, "y": 200}),
    "user_left": Example("Somebody is in the room no more", _PERSON | {"reason": "left"}),
    "user_typing": Example("Somebody is typing; for 5 seconds, unless it is said again", _PERSON),
    "read_updated": Example("Somebody has read the room so far", _PERSON | {"seq": 7, "message_id": 9, "at": WHEN}),
    "delivered_updated": Example(
        "The room has come so far to a device of somebody's", _PERSON | {"seq": 7, "message_id": 9, "at": WHEN}
    ),
    "presence_updated": Example(
        "Somebody came, went, or shows something else of themselves",
        {"user_id": 4, "username": "bob", "status": "away", "text": "lunch", "last_seen_at": WHEN},
    ),
    **space.EVENTS,
}
"""By event, from the server: what happens."""

ANSWERS: dict[str, Example] = {
    "room_state": Example(
        "The room that was joined, as it is at `seq`; without messages if the log goes on from your `after`",
        {
            "room_id": 1,
            "room": _ROOM | {"last_seq": 7, "unread": 1, "mention_count": 0},
            "users": [
                {"user_id": 3, "username": "alice", "x": 100, "y": 200, "direction": "right", "status": "online"}
            ],
            "objects": [space.CHAIR],
            "bubbles": [space.BUBBLE],
            "pins": [8],
            "seq": 7,
            "now": WHEN,
        }
        | _PAGE,
    ),
    "reset": Example(
        "The log does not know your `after`: the room_state that follows replaces what you have",
        {"room_id": 1, "epoch": "d3b0c4", "seq": 7},
    ),
    "caught_up": Example("All since your `after` has come; what follows is live", {"room_id": 1, "seq": 7}),
    "messages": Example("The answer to a fetch_messages without an id", _PAGE),
    "pong": Example("The answer to ping: the same data, and its id", {"t": 1}),
    "error": Example(
        "A refusal, of the frame with that id if it had one; the socket stays open",
        {"code": "not_a_member", "message": "Not a member of this room", "event": "send_message"},
    ),
}
"""By event, from the server: what answers a frame of the client's own, besides acks."""

MANNERS: dict[str, Example] = {
    "hello": Example(
        "The first frame; `rooms` only if it is known whose socket this is, else they come with the ack of authenticate",
        {
            "protocol": "tertulia.v1",
            "session_id": "pVqGZk3L2mYd0f1A",
            "user": _ALICE,
            "heartbeat_interval": 25,
            "features": ["resume", "nonce"],
            "limits": {
                "frame": 65536,
                "message": 4000,
                "nonce": 64,
                "page": 100,
                "frames_per_second": 20,
                "burst": 60,
            },
            "rooms": [_HEAD],
        },
    ),
    "heartbeat": Example("The last seq of the rooms that changed; answer with any frame", {"heads": {"1": 7}}),
    "bye": Example(
        "The server is about to close; come back after so many seconds",
        {"code": 1012, "reason": "Server is restarting", "reconnect": True, "retry_after": 2.5},
    ),
    **space.MANNERS,
}
"""By event, from the server: what it says of itself, to clients of `tertulia.v1`."""
