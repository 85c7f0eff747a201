"""`chat`: messages in the socket's words, and what there is to know of the socket."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Request

from tertulia.dialects.cafe import models
from tertulia.dialects.cafe.guide import Guide, guide
from tertulia.dialects.cafe.rest.messages import send
from tertulia.domain import commands as c
from tertulia.domain.ids import MessageId, RoomId
from tertulia.domain.models import Actor, Message, Page
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit
from tertulia.rest.requests import JSON_BODY

CHAT: list[str | Enum] = ["chat"]


def chat(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/chat", tags=CHAT, response_model=models.Page[models.ChatMessage], **problems(401, 403, 404))
    async def list_chat(actor: Who, room_id: Id, cursor: Id | None = None, limit: PageLimit = PAGE) -> Page[Message]:
        """Newest first. *cursor*: a message id; what is older than it."""
        at = None if cursor is None else MessageId(cursor)
        return await door.execute(c.ListMessages(room_id=RoomId(room_id), cursor=at, limit=limit), actor)

    @api.post(
        "/chat",
        tags=CHAT,
        status_code=201,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def chat_message(body: models.NewChatMessage, actor: Who) -> models.SentChatMessage:
        command = c.SendMessage(
            room_id=RoomId(body.room_id), content=body.message, nonce=body.nonce, nearby=body.nearby
        )
        return await send(door, command, actor, models.SentChatMessage)

    @api.get("/chat/websocket-info", tags=CHAT, **problems())
    async def websocket_info(request: Request) -> Guide:
        """Where the socket is, how to authenticate, and what is said on it. Needs no token."""
        return guide(str(request.url.replace(scheme=_socket_scheme(request), path="/api/v1/ws", query="")))


def _socket_scheme(request: Request) -> str:
    return "wss" if request.url.scheme in {"https", "wss"} else "ws"
