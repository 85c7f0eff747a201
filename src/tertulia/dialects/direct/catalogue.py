"""direct's catalogue: every frame there is, of the very types that decode and encode it, with an example of each."""

from tertulia.dialects.direct import events, operations
from tertulia.protocol.dialect import Catalogue, FrameType

_WHEN = "2026-11-21T09:18:35.000000Z"
_ALICE = {"user_id": "3", "username": "alice"}
_BOB = {"user_id": "4", "username": "bob"}

RECEIVES = [
    FrameType(
        name="message",
        payload=operations.DirectSend,
        summary="Say something to a user, or in a room; the type may be left out",
        example={"recipient_id": "4", "message": "Hello Bob!", "timestamp": _WHEN, "reply_to_message_id": "8"},
    ),
    FrameType(
        name="typing",
        payload=operations.DirectType,
        summary="One is typing to that user, or in that room: to be said again every few seconds",
        example={"type": "typing", "recipient_id": "4"},
    ),
    FrameType(
        name="read",
        payload=operations.DirectReadTo,
        summary="One has read everything up to this message",
        example={"type": "read", "message_id": "9"},
    ),
    FrameType(
        name="status",
        payload=operations.DirectSetStatus,
        summary="What one shows of oneself, everywhere",
        example={"type": "status", "status": "away"},
    ),
    FrameType(
        name="ping",
        payload=operations.DirectPing,
        summary="Is anybody there? The answer is `pong`",
        example={"type": "ping"},
    ),
]
SENDS = [
    FrameType(
        name="message",
        payload=events.DirectMessage,
        summary="Somebody said something, perhaps oneself",
        example={
            "type": "message",
            "id": "9",
            "sender_id": "3",
            "sender_username": "alice",
            "chat_id": "2",
            "recipient_id": "4",
            "content": "Hello Bob!",
            "message": "Hello Bob!",
            "message_type": "text",
            "attachments": [],
            "reply_to_message_id": "8",
            "quote": {
                "message_id": "8",
                "sender_id": "4",
                "sender_username": "bob",
                "content": "Anybody here?",
                "is_deleted": False,
            },
            "mentions": [],
            "mentions_here": False,
            "reactions": [],
            "status": "sent",
            "is_edited": False,
            "is_deleted": False,
            "created_at": _WHEN,
            "updated_at": None,
            "delivered_at": None,
            "read_at": None,
        },
    ),
    FrameType(
        name="message_updated",
        payload=events.DirectMessageUpdated,
        summary="A message has another text now",
        example={
            "type": "message_updated",
            "id": "9",
            "message_id": "9",
            "sender_id": "3",
            "sender_username": "alice",
            "chat_id": "2",
            "content": "Hello, Bob!",
            "message": "Hello, Bob!",
            "mentions": [],
            "mentions_here": False,
            "is_edited": True,
            "updated_at": _WHEN,
        },
    ),
    FrameType(
        name="message_deleted",
        payload=events.DirectMessageDeleted,
        summary="A message is deleted, and its text gone",
        example={
            "type": "message_deleted",
            "id": "9",
            "message_id": "9",
            "chat_id": "2",
            **_ALICE,
            "is_deleted": True,
            "updated_at": _WHEN,
        },
    ),
    FrameType(
        name="reaction",
        payload=events.DirectReaction,
        summary="Somebody reacted, or took that back",
        example={
            "type": "reaction",
            "message_id": "9",
            "emoji": "👍",
            "action": "added",
            **_BOB,
            "count": 1,
            "chat_id": "2",
            "created_at": _WHEN,
        },
    ),
    FrameType(
        name="delivered",
        payload=events.DirectDelivered,
        summary="Everything up to a message has come to a device of somebody's",
        example={"type": "delivered", "message_id": "9", **_BOB, "chat_id": "2", "at": _WHEN},
    ),
    FrameType(
        name="read",
        payload=events.DirectRead,
        summary="Somebody has read everything up to a message",
        example={"type": "read", "message_id": "9", **_BOB, "chat_id": "2", "at": _WHEN},
    ),
    FrameType(
        name="typing",
        payload=events.DirectTyping,
        summary="Somebody else is typing; it holds for five seconds",
        example={"type": "typing", **_BOB, "chat_id": "2"},
    ),
    FrameType(
        name="status",
        payload=events.DirectStatus,
        summary="Somebody with whom one shares a room is there, away, busy or gone",
        example={"type": "status", **_BOB, "status": "away", "is_online": True, "last_seen": _WHEN},
    ),
    FrameType(
        name="error",
        payload=events.DirectError,
        summary="What was asked for was refused; the socket stays open",
        example={"type": "error", "message": "User not found", "code": "user_not_found", "request": "message"},
    ),
    FrameType(
        name="pong",
        payload=events.DirectPong,
        summary="The answer to `ping`",
        example={"type": "pong", "timestamp": _WHEN},
    ),
]
CATALOGUE = Catalogue(receives=RECEIVES, sends=SENDS)
