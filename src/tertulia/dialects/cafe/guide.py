"""cafe, explained: what `GET /api/v1/chat/websocket-info` says of the socket, with an example of every frame."""

from typing import Any

from pydantic import BaseModel

from tertulia.dialects.cafe import catalogue
from tertulia.dialects.cafe.socket import V1, V1_MSGPACK
from tertulia.protocol.dialect import FrameType


class Frame(BaseModel):
    event: str
    description: str
    example: dict[str, Any]


class MessageTypes(BaseModel):
    client_to_server: list[Frame]
    server_to_client: list[Frame]


class Authentication(BaseModel):
    methods: list[str]
    example: str


class Guide(BaseModel):
    url: str
    format: str
    authentication: Authentication
    subprotocols: dict[str, str]
    message_types: MessageTypes
    asyncapi: str = "/asyncapi.json"
    """Where all sockets are described in full, types included."""


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
            client_to_server=[_frame(one) for one in catalogue.V1.receives],
            server_to_client=[_frame(one) for one in catalogue.V1.sends],
        ),
    )


def _frame(one: FrameType) -> Frame:
    return Frame(event=one.example["event"], description=one.summary, example=one.example)
