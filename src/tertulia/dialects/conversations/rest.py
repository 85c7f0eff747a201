"""conversations' REST, under `/api`: an endpoint builds a command, executes it, and shapes the result."""

from enum import Enum
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Query

from tertulia.dialects.conversations import models
from tertulia.dialects.conversations.models import ConversationIdIn, MessageIdIn, UserIdIn
from tertulia.dialects.conversations.socket import NOT_A_MEMBER
from tertulia.domain import commands as c
from tertulia.domain.errors import AlreadyMember, Banned, Forbidden, Invalid, NoSuchRoom, NotAMember, TertuliaError
from tertulia.domain.ids import MessageId, RoomId, UserId
from tertulia.domain.models import Actor, Conversation, Message, Tokens, User
from tertulia.domain.roles import RoomKind
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, PageLimit
from tertulia.rest.requests import CREDENTIALS_BODY, JSON_BODY, NO_CONTENT, NOT_TO_BE_KEPT, FromCaller, FromLogin

R = TypeVar("R")
AUTH: list[str | Enum] = ["conversations: auth"]
CONVERSATIONS: list[str | Enum] = ["conversations"]
MOST_SKIPPED = 10_000
Skip = Annotated[int, Query(ge=0, le=MOST_SKIPPED)]


def router(door: Door) -> APIRouter:
    """All of it. Paths are without a trailing slash: the transport takes that off."""
    api = APIRouter(prefix="/api", generate_unique_id_function=lambda route: f"conversations_{route.name}")
    for add_routes in (messages, conversations, one_conversation, participants, accounts):
        add_routes(api, door)
    return api


class Table:
    """The door, where a room is a conversation of its members alone: for others it is, to the letter, as one that is not
    there. Server admins are no exception here."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def execute(self, command: c.Command[R], actor: Actor) -> R:
        try:
            return await self._door.execute(command, actor)
        except (NoSuchRoom, NotAMember, Banned):
            raise NotAMember(NOT_A_MEMBER) from None

    async def conversation(self, conversation_id: int, actor: Actor) -> Conversation:
        return await self.execute(c.GetConversation(room_id=RoomId(conversation_id)), actor)


def accounts(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.post(
        "/auth/register",
        tags=AUTH,
        status_code=201,
        response_model=models.ConversationUser,
        dependencies=JSON_BODY,
        **problems(403, 409),
    )
    async def register(body: models.NewConversationUser, caller: FromCaller) -> User:
        return await door.execute(c.Register(**body.given(), address=caller.address), None)

    @api.post(
        "/auth/login",
        tags=AUTH,
        response_model=models.ConversationToken,
        dependencies=NOT_TO_BE_KEPT,
        openapi_extra=CREDENTIALS_BODY,
        **problems(401, 403),
    )
    async def login(command: FromLogin) -> Tokens:
        """Get a token for a username (or email address) and a password, as JSON or as a form."""
        return await door.execute(command, None)

    @api.get("/auth/me", tags=AUTH, response_model=models.ConversationUser, **problems(401))
    async def who_am_i(actor: Who) -> User:
        return await door.execute(c.GetUser(user_id=actor.user_id), actor)


def conversations(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]
    table = Table(door)

    @api.post(
        "/chat/conversations",
        tags=CONVERSATIONS,
        status_code=201,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def create_conversation(body: models.NewConversation, actor: Who) -> models.Conversation:
        """A group, which one owns; or, with *is_group* false and one other participant, the direct conversation of the
        two: the same one each time."""
        room = await door.execute(_creation(body, actor), actor)
        return models.conversation(await table.conversation(room.id, actor))

    @api.get("/chat/conversations", tags=CONVERSATIONS, **problems(401))
    async def list_conversations(actor: Who, limit: PageLimit = PAGE, skip: Skip = 0) -> list[models.Conversation]:
        """One's own, that with the newest message first."""
        found = await door.execute(c.ListConversations(limit=limit, skip=skip), actor)
        return [models.conversation(one) for one in found]


def one_conversation(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]
    table = Table(door)

    @api.get("/chat/conversations/{conversation_id}", tags=CONVERSATIONS, **problems(401, 403))
    async def get_conversation(conversation_id: ConversationIdIn, actor: Who) -> models.Conversation:
        return models.conversation(await table.conversation(conversation_id, actor))

    @api.patch(
        "/chat/conversations/{conversation_id}",
        tags=CONVERSATIONS,
        dependencies=JSON_BODY,
        **problems(401, 403),
    )
    async def update_conversation(
        conversation_id: ConversationIdIn, body: models.ConversationChange, actor: Who
    ) -> models.Conversation:
        """For moderators and up."""
        found = await table.conversation(conversation_id, actor)
        room = await table.execute(c.UpdateRoom(room_id=found.room.id, **body.given()), actor)
        return models.conversation(msgspec.structs.replace(found, room=room))

    @api.delete("/chat/conversations/{conversation_id}", tags=CONVERSATIONS, **NO_CONTENT, **problems(401, 403))
    async def delete_conversation(conversation_id: ConversationIdIn, actor: Who) -> None:
        """For its owner. It is gone for everybody."""
        found = await table.conversation(conversation_id, actor)
        if found.room.kind is RoomKind.DIRECT:
            raise Forbidden("A direct conversation is of its two participants, for ever")
        await table.execute(c.ArchiveRoom(room_id=found.room.id), actor)


def participants(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]
    table = Table(door)

    @api.post(
        "/chat/conversations/{conversation_id}/participants",
        tags=CONVERSATIONS,
        status_code=201,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def add_participants(
        conversation_id: ConversationIdIn, body: models.NewParticipants, actor: Who
    ) -> models.Conversation:
        """For moderators and up. Of several, those who take part already stay as they are; should one be refused, those
        before them are in."""
        found = await table.conversation(conversation_id, actor)
        everybody = body.everybody()
        for user_id in everybody:
            try:
                await table.execute(c.AddMember(room_id=found.room.id, user_id=UserId(user_id)), actor)
            except AlreadyMember:
                if len(everybody) == 1:
                    raise
        return models.conversation(await table.conversation(conversation_id, actor))

    @api.delete(
        "/chat/conversations/{conversation_id}/participants/{user_id}",
        tags=CONVERSATIONS,
        **NO_CONTENT,
        **problems(401, 403, 404, 409),
    )
    async def remove_participant(conversation_id: ConversationIdIn, user_id: UserIdIn, actor: Who) -> None:
        """For moderators and up; anybody removes themselves."""
        found = await table.conversation(conversation_id, actor)
        await table.execute(c.RemoveMember(room_id=found.room.id, user_id=UserId(user_id)), actor)


def messages(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]
    table = Table(door)

    @api.get(
        "/chat/conversations/{conversation_id}/messages",
        tags=CONVERSATIONS,
        response_model=list[models.ConversationMessage],
        **problems(401, 403),
    )
    async def list_messages(
        conversation_id: ConversationIdIn, actor: Who, limit: PageLimit = PAGE, before: MessageIdIn | None = None
    ) -> list[Message]:
        """Oldest first. *before*: a message id; the last ones that are older than it."""
        if actor.is_admin:  # who may read more by other ways
            await table.conversation(conversation_id, actor)
        at = None if before is None else MessageId(before)
        command = c.ListMessages(room_id=RoomId(conversation_id), cursor=at, limit=limit)
        return (await table.execute(command, actor)).items[::-1]

    @api.post(
        "/chat/conversations/{conversation_id}/messages",
        tags=CONVERSATIONS,
        status_code=201,
        response_model=models.ConversationMessage,
        dependencies=JSON_BODY,
        **problems(401, 403, 404),
    )
    async def send_message(
        conversation_id: ConversationIdIn, body: models.NewConversationMessage, actor: Who
    ) -> Message:
        reply_to = None if body.reply_to is None else MessageId(body.reply_to)
        command = c.SendMessage(room_id=RoomId(conversation_id), content=body.content, reply_to=reply_to)
        result = await table.execute(command, actor)
        try:
            return await door.execute(c.GetMessage(message_id=result.message_id), actor)
        except TertuliaError:  # out of reach since then: it was sent all the same
            return _sent(command, result, actor)


def _sent(command: c.SendMessage, result: c.SendResult, actor: Actor) -> Message:
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


def _creation(body: models.NewConversation, actor: Actor) -> c.Command[Any]:
    others = [UserId(one) for one in dict.fromkeys(body.participant_ids) if one != actor.user_id]
    if body.is_group:
        return c.CreateGroup(name=body.name or "", description=body.description or "", member_ids=others)
    if len(others) != 1:
        raise Invalid(
            "A conversation that is no group has exactly one other participant; for more, is_group is true",
            field="participant_ids",
        )
    return c.OpenDirect(user_id=others[0])
