"""conversations' catalogue: every frame there is, of the very types that decode and encode it, with an example of each."""

from tertulia.dialects.conversations import events, operations
from tertulia.protocol.dialect import Catalogue, FrameType

_WHEN = "2026-11-21T09:18:35.000000Z"
_ALICE = {"sender_id": "user-3", "sender_username": "alice"}
_BOB = {"sender_id": "user-4", "sender_username": "bob"}

RECEIVES = [
    FrameType(
        name="message",
        payload=operations.ConversationSend,
        summary="Say something, perhaps in answer to another message",
        example={"type": "message", "content": "Hello everyone!", "reply_to": "msg-8"},
    ),
    FrameType(
        name="typing",
        payload=operations.ConversationType,
        summary="One is typing: to be said again every few seconds",
        example={"type": "typing"},
    ),
    FrameType(
        name="reaction",
        payload=operations.ConversationReact,
        summary="React to a message; the same again takes it back",
        example={"type": "reaction", "message_id": "msg-9", "emoji": "👍"},
    ),
    FrameType(
        name="edit",
        payload=operations.ConversationEdit,
        summary="Change the text of a message of one's own",
        example={"type": "edit", "message_id": "msg-9", "content": "Hello, everyone!"},
    ),
    FrameType(
        name="delete",
        payload=operations.ConversationDelete,
        summary="Delete a message: one's own, or as a moderator",
        example={"type": "delete", "message_id": "msg-9"},
    ),
    FrameType(
        name="presence",
        payload=operations.ConversationSetPresence,
        summary="What one shows of oneself, everywhere",
        example={"type": "presence", "status": "away"},
    ),
    FrameType(
        name="read",
        payload=operations.ConversationRead,
        summary="One has read everything up to this message",
        example={"type": "read", "message_id": "msg-9"},
    ),
    FrameType(
        name="ping",
        payload=operations.ConversationPing,
        summary="Is anybody there? The answer is `pong`",
        example={"type": "ping"},
    ),
]
SENDS = [
    FrameType(
        name="message",
        payload=events.ConversationMessage,
        summary="Somebody said something; its sender hears it, too",
        example={
            "type": "message",
            "content": "Hello everyone!",
            **_ALICE,
            "message_id": "msg-9",
            "timestamp": _WHEN,
            "is_edited": False,
            "reply_to": "msg-8",
            "conversation_id": "conv-1",
            "kind": "text",
            "quote": {"message_id": "msg-8", **_BOB, "content": "Anybody here?", "is_deleted": False},
            "mentions": [],
            "mentions_here": False,
        },
    ),
    FrameType(
        name="typing",
        payload=events.ConversationTyping,
        summary="Somebody else is typing; it holds for five seconds",
        example={"type": "typing", **_ALICE},
    ),
    FrameType(
        name="reaction",
        payload=events.ConversationReaction,
        summary="Somebody reacted, or took that back",
        example={
            "type": "reaction",
            "message_id": "msg-9",
            "emoji": "👍",
            "action": "added",
            **_BOB,
            "count": 1,
        },
    ),
    FrameType(
        name="edit",
        payload=events.ConversationEdited,
        summary="A message has another text now",
        example={
            "type": "edit",
            "message_id": "msg-9",
            "content": "Hello, @bob!",
            "sender_id": "user-3",
            "timestamp": _WHEN,
            "is_edited": True,
            "mentions": ["user-4"],
            "mentions_here": False,
        },
    ),
    FrameType(
        name="delete",
        payload=events.ConversationDeleted,
        summary="A message is deleted, and its text gone",
        example={"type": "delete", "message_id": "msg-9", "sender_id": "user-3"},
    ),
    FrameType(
        name="presence",
        payload=events.ConversationPresence,
        summary="Somebody who shares a conversation is there, away, busy or gone",
        example={"type": "presence", **_ALICE, "status": "away"},
    ),
    FrameType(
        name="read",
        payload=events.ConversationReadTo,
        summary="Somebody has read everything up to this message",
        example={"type": "read", "message_id": "msg-9", "sender_id": "user-4"},
    ),
    FrameType(
        name="system",
        payload=events.ConversationSystem,
        summary="Somebody is in the conversation now, or no longer; the first frame says so of oneself",
        example={
            "type": "system",
            "content": "User alice joined the conversation",
            "sender_id": "user-3",
            "active_users": ["user-3", "user-4"],
            "action": "joined",
        },
    ),
    FrameType(
        name="error",
        payload=events.ConversationError,
        summary="What was asked for was refused; the socket stays open",
        example={"type": "error", "content": "Message not found", "code": "message_not_found", "request": "edit"},
    ),
    FrameType(
        name="pong",
        payload=events.ConversationPong,
        summary="The answer to `ping`, with the server's time",
        example={"type": "pong", "timestamp": _WHEN},
    ),
]
CATALOGUE = Catalogue(receives=RECEIVES, sends=SENDS)
