"""AsyncAPI 3: a description of every socket, made of the very types that decode and encode its frames."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tertulia.protocol.dialect import Catalogue, FrameType

JSON, MSGPACK = "application/json", "application/msgpack"
TOKEN = {
    "type": "object",
    "properties": {
        "token": {"type": "string", "description": "An access token"},
        "ticket": {"type": "string", "description": "A ticket, good for one socket"},
    },
}
PARAMETERS = {
    "room_id": "The room's id",
    "conversation_id": "The room's id, as `conv-123` or as a number",
    "user_id": "The user whose token it is",
}
SIDES = (("client", "receive", "What a client says"), ("server", "send", "What the server says"))
"""Who says it, what AsyncAPI calls that (from where the server stands), and a summary."""
INTRODUCTION = (
    "Every WebSocket of this server, with every frame that is sent or understood there. The dialects are five ways of"
    " saying the same: clients of all of them meet in the same rooms. What is `received` is what clients say to the"
    " server. Unknown fields are to be ignored by both sides."
)


class Channel(Struct, frozen=True, kw_only=True):
    """One socket in one encoding. *family*: those of one family share the types of their frames. *needs_token*: the
    socket opens for users alone."""

    name: str
    family: str
    address: str
    summary: str
    catalogue: Catalogue
    subprotocol: str | None = None
    is_binary: bool = False
    needs_token: bool = True

    @property
    def key(self) -> str:
        """As the document's own names may be written."""
        return re.sub(r"[^\w.-]", "_", f"{self.name}{self.address.replace('/', '.')}")


def document(channels: Sequence[Channel], *, version: str) -> dict[str, Any]:
    """The whole description, but for `servers`, which who serves it knows best."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tertulia", "version": version, "description": INTRODUCTION},
        "defaultContentType": JSON,
        "channels": {one.key: _channel(one) for one in channels},
        "operations": {name: operation for one in channels for name, operation in _operations(one).items()},
        "components": {
            "messages": {key: message for one in channels for key, message in _messages(one).items()},
            "schemas": _schemas(channels),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An access token, in the header"},
                "token": {
                    "type": "httpApiKey",
                    "in": "query",
                    "name": "token",
                    "description": "The same, in the address",
                },
                "ticket": {"type": "httpApiKey", "in": "query", "name": "ticket", "description": "From `ws-ticket`"},
            },
        },
    }


def _channel(one: Channel) -> dict[str, Any]:
    method: dict[str, Any] = {"method": "GET", "bindingVersion": "0.1.0"}
    if one.needs_token:
        method["query"] = TOKEN
    if one.subprotocol is not None:
        offered = {"type": "string", "const": one.subprotocol}
        method["headers"] = {"type": "object", "properties": {"Sec-WebSocket-Protocol": offered}}
    names = re.findall(r"\{(\w+)\}", one.address)
    channel = {
        "address": one.address,
        "title": one.name,
        "summary": one.summary,
        "messages": {
            f"{side}.{frame.name}": {"$ref": f"#/components/messages/{_key(one, side, frame)}"}
            for side, frame in _frames(one)
        },
        "bindings": {"ws": method},
    }
    return channel | (
        {"parameters": {name: {"description": PARAMETERS.get(name, "The room")} for name in names}} if names else {}
    )


def _operations(one: Channel) -> dict[str, Any]:
    found = {}
    for side, action, summary in SIDES:
        frames = [frame for whose, frame in _frames(one) if whose == side]
        found[f"{one.key}.{action}"] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{one.key}"},
            "summary": summary,
            "messages": [{"$ref": f"#/channels/{one.key}/messages/{side}.{frame.name}"} for frame in frames],
        }
    if one.needs_token:
        ways = [{"$ref": f"#/components/securitySchemes/{way}"} for way in ("bearer", "token", "ticket")]
        found[f"{one.key}.receive"]["security"] = ways
    return found


def _messages(one: Channel) -> dict[str, Any]:
    found = {}
    for side, frame in _frames(one):
        message: dict[str, Any] = {
            "name": frame.name,
            "summary": frame.summary,
            "contentType": MSGPACK if one.is_binary else JSON,
            "payload": _schema_of(frame.payload, one.family),
        }
        if frame.example is not None:
            message["examples"] = [{"payload": frame.example}]
        found[_key(one, side, frame)] = message
    return found


def _frames(one: Channel) -> Iterator[tuple[str, FrameType]]:
    """With whose they are: a word may mean two things."""
    yield from (("client", frame) for frame in one.catalogue.receives)
    yield from (("server", frame) for frame in one.catalogue.sends)


def _key(one: Channel, side: str, frame: FrameType) -> str:
    encoding = ".msgpack" if one.is_binary else ""
    return f"{one.family}{encoding}.{side}.{frame.name}"


def _schemas(channels: Sequence[Channel]) -> dict[str, Any]:
    """By family and name: two dialects may have two messages."""
    types: dict[str, list[Any]] = {}
    for one in channels:
        types.setdefault(one.family, []).extend(frame.payload for _, frame in _frames(one))
    found: dict[str, Any] = {}
    for family, payloads in types.items():
        _, schemas = msgspec.json.schema_components(_distinct(payloads), ref_template=_reference(family))
        found |= {f"{family}.{name}": schema for name, schema in schemas.items()}
    return found


def _schema_of(payload: Any, family: str) -> Any:
    (schema,), _ = msgspec.json.schema_components([payload], ref_template=_reference(family))
    return schema


def _reference(family: str) -> str:
    return f"#/components/schemas/{family}.{{name}}"


def _distinct(payloads: list[Any]) -> list[Any]:
    return list({id(payload): payload for payload in payloads}.values())
