"""Messages: a room's, and each by its id."""

from enum import Enum
from typing import Annotated, TypeAlias, TypeVar

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models
from tertulia.domain import commands as c
from tertulia.domain.errors import TertuliaError
from tertulia.domain.ids import MessageId, RoomId
from tertulia.domain.models import Actor, Message, Page, Version
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit
from tertulia.rest.requests import JSON_BODY, NO_CONTENT

MESSAGES: list[str | Enum] = ["messages"]
Sent = TypeVar("Sent", models.SentMessage, models.SentChatMessage)


async def send(door: Door, command: c.SendMessage, actor: Actor, shape: type[Sent]) -> Sent:
    """Say it, and give the message as it is now. If that cannot be read any more, it was said all the same, and this is
    what is known of it."""
    result = await door.execute(command, actor)
    try:
        message = await door.execute(c.GetMessage(message_id=result.message_id), actor)
    except TertuliaError:
        message = _as_sent(command, result, actor)
    answer = shape.model_validate(message)
    answer.duplicate = result.duplicate
    return answer


def _as_sent(command: c.SendMessage, result: c.SendResult, actor: Actor) -> Message:
    return Message(
        id=result.message_id,
        room_id=command.room_id if result.talk_id is None else result.talk_id,
        seq=result.seq,
        user_id=actor.user_id,
        username=actor.username,
        content=command.content,
        kind=command.kind,
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
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def send_message(room_id: Id, body: models.NewMessage, actor: Who) -> models.SentMessage:
        """Who stands in a quiet or private area of the room's space speaks to those inside."""
        command = c.SendMessage(room_id=RoomId(room_id), **body.given())
        return await send(door, command, actor, models.SentMessage)


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

    @api.get(
        "/messages/{message_id}/versions",
        tags=MESSAGES,
        response_model=models.Page[models.Version],
        **problems(401, 403, 404),
    )
    async def list_versions(message_id: Id, actor: Who) -> Page[Version]:
        """All that a message has said, the oldest first. For its author, and for moderators and up."""
        return Page(await door.execute(c.ListVersions(message_id=MessageId(message_id)), actor))
