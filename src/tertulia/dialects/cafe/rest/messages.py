"""Messages: a room's, and each by its id."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models
from tertulia.domain import commands as c
from tertulia.domain.ids import MessageId, RoomId
from tertulia.domain.models import Actor, Message, Page
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit
from tertulia.rest.requests import JSON_BODY, NO_CONTENT

MESSAGES: list[str | Enum] = ["messages"]


def sent(command: c.SendMessage, result: c.SendResult, actor: Actor) -> Message:
    """The message as it was at its sending, which is what a nonce that is used again gives, too."""
    return Message(
        id=result.message_id,
        room_id=command.room_id,
        seq=result.seq,
        user_id=actor.user_id,
        username=actor.username,
        content=command.content,
        reply_to=command.reply_to,
        created_at=result.created_at,
    )


def room_messages(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get(
        "/rooms/{room_id}/messages",
        tags=MESSAGES,
        response_model=models.Page[models.Message],
        **problems(401, 403, 404),
    )
    async def list_messages(
        room_id: Id, actor: Who, cursor: Id | None = None, limit: PageLimit = PAGE
    ) -> Page[Message]:
        """Newest first. *cursor*: a message id; what is older than it."""
        at = None if cursor is None else MessageId(cursor)
        return await door.execute(c.ListMessages(room_id=RoomId(room_id), cursor=at, limit=limit), actor)

    @api.post(
        "/rooms/{room_id}/messages",
        tags=MESSAGES,
        status_code=201,
        response_model=models.Message,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def send_message(room_id: Id, body: models.NewMessage, actor: Who) -> Message:
        command = c.SendMessage(room_id=RoomId(room_id), **body.given())
        return sent(command, await door.execute(command, actor), actor)


def messages(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/messages/{message_id}", tags=MESSAGES, response_model=models.Message, **problems(401, 403, 404))
    async def get_message(message_id: Id, actor: Who) -> Message:
        return await door.execute(c.GetMessage(message_id=MessageId(message_id)), actor)

    @api.patch(
        "/messages/{message_id}",
        tags=MESSAGES,
        response_model=models.Message,
        dependencies=JSON_BODY,
        **problems(401, 403, 404),
    )
    async def edit_message(message_id: Id, body: models.MessageChange, actor: Who) -> Message:
        """Only its author edits a message."""
        command = c.EditMessage(message_id=MessageId(message_id), content=body.content)
        return (await door.execute(command, actor)).message

    @api.delete("/messages/{message_id}", tags=MESSAGES, **NO_CONTENT, **problems(401, 403, 404))
    async def delete_message(message_id: Id, actor: Who) -> None:
        """The author does, or a moderator. The text is gone for good."""
        await door.execute(c.DeleteMessage(message_id=MessageId(message_id)), actor)
