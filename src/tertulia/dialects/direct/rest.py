"""direct's REST, at `/users` and `/messages`: an endpoint builds a command, executes it, and shapes the result."""

from enum import Enum
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import APIRouter, Depends, Query

from tertulia.dialects.direct import models
from tertulia.dialects.direct.models import IdIn
from tertulia.dialects.direct.operations import TWO_TARGETS, renamed
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, TertuliaError
from tertulia.domain.ids import MessageId, RoomId, UserId
from tertulia.domain.models import Actor, Message, Tokens, User
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, PageLimit, Text
from tertulia.rest.requests import CREDENTIALS_BODY, JSON_BODY, NO_CONTENT, NOT_TO_BE_KEPT, FromCaller, FromLogin

R = TypeVar("R")
USERS: list[str | Enum] = ["direct: users"]
MESSAGES: list[str | Enum] = ["direct: messages"]
MOST_SKIPPED = 10_000
"""What is further back is found by *before*."""
Skip = Annotated[int, Query(ge=0, le=MOST_SKIPPED)]
AnyUser: TypeAlias = models.DirectOwnUser | models.DirectUser


def router(door: Door) -> APIRouter:
    """All of it. Paths are without a trailing slash: the transport takes that off. `search` and `me` come before
    `{user_id}`, which they are not."""
    api = APIRouter(generate_unique_id_function=lambda route: f"direct_{route.name}")
    for add_routes in (messages, one_message, marks, me, users, accounts):
        add_routes(api, door)
    return api


# ---- users


def accounts(api: APIRouter, door: Door) -> None:
    @api.post(
        "/users/register",
        tags=USERS,
        status_code=201,
        response_model=models.DirectOwnUser,
        dependencies=JSON_BODY,
        **problems(403, 409),
    )
    async def register(body: models.NewDirectUser, caller: FromCaller) -> User:
        return await door.execute(c.Register(**body.given(), address=caller.address), None)

    @api.post(
        "/users/login",
        tags=USERS,
        response_model=models.DirectToken,
        dependencies=NOT_TO_BE_KEPT,
        openapi_extra=CREDENTIALS_BODY,
        **problems(401, 403),
    )
    async def login(command: FromLogin) -> Tokens:
        """Get a token for a username (or email address) and a password, as JSON or as a form."""
        return await door.execute(command, None)


def me(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/users/me", tags=USERS, response_model=models.DirectOwnUser, **problems(401))
    async def get_me(actor: Who) -> User:
        return await door.execute(c.GetUser(user_id=actor.user_id), actor)

    @api.put("/users/me", tags=USERS, response_model=models.DirectOwnUser, dependencies=JSON_BODY, **problems(401, 409))
    async def update_me(body: models.DirectProfile, actor: Who) -> User:
        return await door.execute(c.UpdateProfile(**body.changes()), actor)

    @api.delete("/users/me", tags=USERS, **NO_CONTENT, **problems(401, 409))
    async def delete_me(actor: Who) -> None:
        """Logs out everywhere. What was said stays readable, as by a "deleted user"."""
        await door.execute(c.DeleteAccount(), actor)

    @api.patch(
        "/users/me/status", tags=USERS, response_model=models.DirectOwnUser, dependencies=JSON_BODY, **problems(401)
    )
    async def set_status(
        actor: Who,
        body: models.DirectStatusChange | None = None,
        status: Annotated[models.StatusIn | None, Query()] = None,
    ) -> User:
        """In the body, or in the query."""
        chosen = (body and body.status) or status
        if chosen is None:
            raise Invalid("Give a status, in the body or in the query", field="status")
        return await door.execute(c.SetStatus(status=chosen), actor)


def users(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    async def found(command: c.ListUsers, actor: Actor) -> list[AnyUser]:
        page = await door.execute(command, actor)
        return [models.as_seen_by(actor, user) for user in page.items]

    @api.get("/users", tags=USERS, **problems(401))
    async def list_users(actor: Who, skip: Skip = 0, limit: PageLimit = PAGE) -> list[AnyUser]:
        """By id."""
        return await found(c.ListUsers(skip=skip, limit=limit), actor)

    @api.get("/users/search", tags=USERS, **problems(401))
    async def search_users(actor: Who, q: Text, skip: Skip = 0, limit: PageLimit = PAGE) -> list[AnyUser]:
        """Those with *q* in their username or display name, by id."""
        return await found(c.ListUsers(q=q, skip=skip, limit=limit), actor)

    @api.get("/users/{user_id}", tags=USERS, **problems(401, 404))
    async def get_user(user_id: IdIn, actor: Who) -> AnyUser:
        return models.as_seen_by(actor, await door.execute(c.GetUser(user_id=UserId(user_id)), actor))


# ---- messages


class Post:
    """The door, for those who say something: refusals are told with this dialect's names of fields."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def send(self, body: models.NewDirectMessage, actor: Actor) -> Message:
        """Say it, and give the message as it is now. If that cannot be read any more, it was said all the same, and this
        is what is known of it."""
        said: dict[str, Any] = {
            "content": body.content,
            "kind": body.message_type,
            "reply_to": None if body.reply_to_message_id is None else MessageId(body.reply_to_message_id),
            "nonce": body.nonce,
        }
        if body.recipient_id is not None:
            direct = await self._execute(c.SendDirect(user_id=UserId(body.recipient_id), **said), actor)
            return await self._door.execute(c.GetMessage(message_id=direct.message_id), actor)
        command = c.SendMessage(room_id=RoomId(body.chat_id or 0), **said)
        result = await self._execute(command, actor)
        try:
            return await self._door.execute(c.GetMessage(message_id=result.message_id), actor)
        except TertuliaError:
            return _as_sent(command, result, actor)

    async def _execute(self, command: c.Command[R], actor: Actor) -> R:
        try:
            return await self._door.execute(command, actor)
        except Invalid as error:
            raise renamed(error) from None


def _as_sent(command: c.SendMessage, result: c.SendResult, actor: Actor) -> Message:
    return Message(
        id=result.message_id,
        room_id=command.room_id,
        seq=result.seq,
        user_id=actor.user_id,
        username=actor.username,
        content=command.content,
        kind=command.kind,
        reply_to=command.reply_to,
        created_at=result.created_at,
    )


class Shelf:
    """The door, for those who read: newest first."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def of_room(
        self, room_id: RoomId, actor: Actor, skip: int, limit: int, before: int | None = None
    ) -> list[Message]:
        at = None if before is None else MessageId(before)
        command = c.ListMessages(room_id=room_id, cursor=at, skip=skip, limit=limit)
        return (await self._door.execute(command, actor)).items

    async def with_user(
        self, user_id: int, actor: Actor, skip: int, limit: int, before: int | None = None
    ) -> list[Message]:
        """None, as long as neither has said anything. Raises NoSuchUser; but what was said with somebody who is gone
        stays."""
        room = await self._door.execute(c.FindDirect(user_id=UserId(user_id)), actor)
        if room is not None:
            return await self.of_room(room.id, actor, skip, limit, before)
        await self._door.execute(c.GetUser(user_id=UserId(user_id)), actor)
        return []


def messages(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]
    post, shelf = Post(door), Shelf(door)

    @api.post(
        "/messages",
        tags=MESSAGES,
        status_code=201,
        response_model=models.DirectMessage,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def send_message(body: models.NewDirectMessage, actor: Who) -> Message:
        """To a user, which makes the direct room of the two if need be; or into a room."""
        return await post.send(body, actor)

    @api.get("/messages", tags=MESSAGES, response_model=list[models.DirectMessage], **problems(401, 403, 404))
    async def list_messages(
        actor: Who,
        chat_id: IdIn | None = None,
        recipient_id: IdIn | None = None,
        skip: Skip = 0,
        limit: PageLimit = PAGE,
    ) -> list[Message]:
        """Of a room, or with a user; without either, of all the rooms that one is a member of. Newest first."""
        if chat_id is not None and recipient_id is not None:
            raise Invalid(TWO_TARGETS, field="recipient_id")
        if chat_id is not None:
            return await shelf.of_room(RoomId(chat_id), actor, skip, limit)
        if recipient_id is not None:
            return await shelf.with_user(recipient_id, actor, skip, limit)
        return await door.execute(c.ListRecentMessages(skip=skip, limit=limit), actor)

    @api.get(
        "/messages/conversation/{user_id}",
        tags=MESSAGES,
        response_model=list[models.DirectMessage],
        **problems(401, 404),
    )
    async def list_conversation(
        user_id: IdIn, actor: Who, skip: Skip = 0, limit: PageLimit = PAGE, before: IdIn | None = None
    ) -> list[Message]:
        """What oneself and a user have said to each other, newest first. *before*: a message id; what is older."""
        return await shelf.with_user(user_id, actor, skip, limit, before)

    @api.get(
        "/messages/chat/{chat_id}",
        tags=MESSAGES,
        response_model=list[models.DirectMessage],
        **problems(401, 403, 404),
    )
    async def list_chat(
        chat_id: IdIn, actor: Who, skip: Skip = 0, limit: PageLimit = PAGE, before: IdIn | None = None
    ) -> list[Message]:
        """What was said in a room, newest first. *before*: a message id; what is older."""
        return await shelf.of_room(RoomId(chat_id), actor, skip, limit, before)


def one_message(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/messages/{message_id}", tags=MESSAGES, response_model=models.DirectMessage, **problems(401, 404))
    async def get_message(message_id: IdIn, actor: Who) -> Message:
        return await door.execute(c.GetMessage(message_id=MessageId(message_id)), actor)

    @api.put(
        "/messages/{message_id}",
        tags=MESSAGES,
        response_model=models.DirectMessage,
        dependencies=JSON_BODY,
        **problems(401, 403, 404),
    )
    async def edit_message(message_id: IdIn, body: models.DirectMessageChange, actor: Who) -> Message:
        """Only its author edits a message."""
        command = c.EditMessage(message_id=MessageId(message_id), content=body.content)
        return (await door.execute(command, actor)).message

    @api.delete("/messages/{message_id}", tags=MESSAGES, **NO_CONTENT, **problems(401, 403, 404))
    async def delete_message(message_id: IdIn, actor: Who) -> None:
        """The author does, or a moderator. The text is gone for good."""
        await door.execute(c.DeleteMessage(message_id=MessageId(message_id)), actor)


def marks(api: APIRouter, door: Door) -> None:
    """What others put on a message."""
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.post(
        "/messages/{message_id}/reactions",
        tags=MESSAGES,
        response_model=models.DirectMessage,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def add_reaction(
        message_id: IdIn, actor: Who, body: models.DirectEmoji | None = None, emoji: Text | None = None
    ) -> Message:
        """*emoji*, in the query or in the body: any word of up to 32 characters without space. Harmless when one gave it
        before."""
        command = c.AddReaction(message_id=MessageId(message_id), emoji=_chosen(body, emoji))
        return (await door.execute(command, actor)).message

    @api.delete(
        "/messages/{message_id}/reactions",
        tags=MESSAGES,
        response_model=models.DirectMessage,
        dependencies=JSON_BODY,
        **problems(401, 403, 404),
    )
    async def remove_reaction(
        message_id: IdIn, actor: Who, body: models.DirectEmoji | None = None, emoji: Text | None = None
    ) -> Message:
        """One's own. Harmless when there is none."""
        command = c.RemoveReaction(message_id=MessageId(message_id), emoji=_chosen(body, emoji))
        return (await door.execute(command, actor)).message

    @api.patch(
        "/messages/{message_id}/read", tags=MESSAGES, response_model=models.DirectMessage, **problems(401, 403, 404)
    )
    async def mark_read(message_id: IdIn, actor: Who) -> Message:
        """Everything in its room up to this message is read. The mark only moves forward."""
        await door.execute(c.MarkReadTo(message_id=MessageId(message_id)), actor)
        return await door.execute(c.GetMessage(message_id=MessageId(message_id)), actor)


def _chosen(body: models.DirectEmoji | None, emoji: str | None) -> str:
    chosen = emoji if body is None or body.emoji is None else body.emoji
    if chosen is None:
        raise Invalid("Give an emoji, in the query or in the body", field="emoji")
    return chosen
