"""What members put on messages: reactions, and the pins of a room."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models
from tertulia.domain import commands as c
from tertulia.domain.ids import MessageId, RoomId, Seq
from tertulia.domain.models import Actor, Message, Page, Reactor
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit, SeqField, Text
from tertulia.rest.requests import NO_CONTENT

MESSAGES: list[str | Enum] = ["messages"]


def reactions(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get(
        "/messages/{message_id}/reactions",
        tags=MESSAGES,
        response_model=models.Page[models.Reactor],
        **problems(401, 403, 404),
    )
    async def list_reactions(
        message_id: Id, actor: Who, cursor: SeqField | None = None, limit: PageLimit = PAGE
    ) -> Page[Reactor]:
        """Who gave which, in the order in which they did."""
        at = None if cursor is None else Seq(cursor)
        return await door.execute(c.ListReactions(message_id=MessageId(message_id), cursor=at, limit=limit), actor)

    # `path`: an emoji may have a slash in it.
    @api.put(
        "/messages/{message_id}/reactions/{emoji:path}",
        tags=MESSAGES,
        response_model=models.Message,
        **problems(401, 403, 404, 409),
    )
    async def add_reaction(message_id: Id, emoji: Text, actor: Who) -> Message:
        """*emoji*: any word of up to 32 characters without space. Harmless when one gave it before."""
        return (await door.execute(c.AddReaction(message_id=MessageId(message_id), emoji=emoji), actor)).message

    @api.delete("/messages/{message_id}/reactions/{emoji:path}", tags=MESSAGES, **NO_CONTENT, **problems(401, 403, 404))
    async def remove_reaction(message_id: Id, emoji: Text, actor: Who) -> None:
        """One's own. Harmless when there is none."""
        await door.execute(c.RemoveReaction(message_id=MessageId(message_id), emoji=emoji), actor)


def pins(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get(
        "/rooms/{room_id}/pins", tags=MESSAGES, response_model=models.Page[models.Message], **problems(401, 403, 404)
    )
    async def list_pins(room_id: Id, actor: Who) -> Page[Message]:
        """All of them; the one pinned last comes first."""
        return Page(await door.execute(c.ListPins(room_id=RoomId(room_id)), actor))

    @api.put("/messages/{message_id}/pin", tags=MESSAGES, **NO_CONTENT, **problems(401, 403, 404, 409))
    async def pin_message(message_id: Id, actor: Who) -> None:
        """For moderators and up in a channel, for all members of a group or a direct room."""
        await door.execute(c.PinMessage(message_id=MessageId(message_id)), actor)

    @api.delete("/messages/{message_id}/pin", tags=MESSAGES, **NO_CONTENT, **problems(401, 403, 404))
    async def unpin_message(message_id: Id, actor: Who) -> None:
        """The same people do."""
        await door.execute(c.UnpinMessage(message_id=MessageId(message_id)), actor)
