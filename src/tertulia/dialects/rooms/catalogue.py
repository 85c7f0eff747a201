"""rooms' catalogues: every frame there is, of the very types that decode and encode it, with an example of each."""

from tertulia.dialects.rooms import events, operations
from tertulia.protocol.dialect import Catalogue, FrameType

_WHEN = "2026-11-21T09:18:35.000000Z"
_ALICE = {"user_id": 3, "username": "alice"}
_BOB = {"user_id": 4, "username": "bob"}
_SAID = {"id": 9, "room_id": 1, **_ALICE, "content": "Hello everyone!", "timestamp": _WHEN}

_ERROR = FrameType(
    name="error",
    payload=events.RoomsError,
    summary="What was asked for was refused; the socket stays open",
    example={"type": "error", "message": "Room not found", "code": "room_not_found"},
)
_PING = FrameType(
    name="ping",
    payload=operations.RoomsPing,
    summary="Is anybody there? The answer is `pong`",
    example={"type": "ping"},
)
_PONG = FrameType(
    name="pong",
    payload=events.RoomsPong,
    summary="The answer to `ping`, with the server's time",
    example={"type": "pong", "timestamp": _WHEN},
)

RECEIVES = [
    FrameType(
        name="message",
        payload=operations.RoomsSend,
        summary="Say something in a room; on a socket of one room, `room_id` may be left out, here and below",
        example={"type": "message", "room_id": 1, "content": "Hello everyone!"},
    ),
    FrameType(
        name="join_room",
        payload=operations.RoomsJoin,
        summary="Be in a room with this socket, and hear it; makes one a member of a public one",
        example={"type": "join_room", "room_id": 1},
    ),
    FrameType(
        name="leave_room",
        payload=operations.RoomsLeave,
        summary="Be in a room no more with this socket; membership stays",
        example={"type": "leave_room", "room_id": 1},
    ),
    FrameType(
        name="typing",
        payload=operations.RoomsType,
        summary="One is typing: to be said again every few seconds",
        example={"type": "typing", "room_id": 1},
    ),
    _PING,
]
SENDS = [
    FrameType(
        name="connection_established",
        payload=events.RoomsEstablished,
        summary="The first frame: who one is",
        example={"type": "connection_established", "connection_id": "Zk3v0q8TfX1b", **_ALICE},
    ),
    FrameType(
        name="room_joined",
        payload=events.RoomsJoined,
        summary="The answer to `join_room`, and on a socket of one room the second frame",
        example={"type": "room_joined", "room_id": 1, "room_name": "Café", "users": [_BOB, _ALICE]},
    ),
    FrameType(
        name="message_history",
        payload=events.RoomsHistory,
        summary="At once after it: the last 50 messages, oldest first",
        example={"type": "message_history", "room_id": 1, "messages": [_SAID]},
    ),
    FrameType(
        name="message",
        payload=events.RoomsMessage,
        summary="Somebody said something, perhaps oneself",
        example={"type": "message", **_SAID},
    ),
    FrameType(
        name="user_joined",
        payload=events.RoomsUserJoined,
        summary="Somebody is in the room now",
        example={"type": "user_joined", "room_id": 1, **_BOB},
    ),
    FrameType(
        name="user_left",
        payload=events.RoomsUserLeft,
        summary="Somebody left the room",
        example={"type": "user_left", "room_id": 1, **_BOB},
    ),
    FrameType(
        name="user_disconnected",
        payload=events.RoomsUserDisconnected,
        summary="Somebody's last socket in the room is gone, without a leave",
        example={"type": "user_disconnected", "room_id": 1, **_BOB},
    ),
    FrameType(
        name="user_typing",
        payload=events.RoomsTyping,
        summary="Somebody else is typing; it holds for five seconds",
        example={"type": "user_typing", "room_id": 1, **_BOB},
    ),
    FrameType(
        name="room_left",
        payload=events.RoomsLeft,
        summary="The answer to `leave_room`; or one was taken out of the room, or it is no more",
        example={"type": "room_left", "room_id": 1},
    ),
    _ERROR,
    _PONG,
]
CATALOGUE = Catalogue(receives=RECEIVES, sends=SENDS)
PUBLIC = Catalogue(
    receives=[
        FrameType(
            name="message",
            payload=operations.RoomsShout,
            summary="Say something to all others who are here",
            example={"type": "message", "content": "Is this on?"},
        ),
        _PING,
    ],
    sends=[
        FrameType(
            name="connection_established",
            payload=events.RoomsPublicEstablished,
            summary="The first frame: what one is called here",
            example={"type": "connection_established", "client_id": "Zk3v0q8TfX1b"},
        ),
        FrameType(
            name="message",
            payload=events.RoomsPublicMessage,
            summary="Somebody else said something",
            example={
                "type": "message",
                "client_id": "uB5yq0nWc2Lr",
                "content": "Is this on?",
                "timestamp": _WHEN,
            },
        ),
        _ERROR,
        _PONG,
    ],
)
"""Of the socket that needs no account."""
