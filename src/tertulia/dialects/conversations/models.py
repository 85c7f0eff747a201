"""conversations' REST bodies."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from tertulia.dialects.conversations import ids
from tertulia.domain import models
from tertulia.domain.ids import MAX_ID
from tertulia.domain.roles import RoomKind, Status
from tertulia.protocol.fields import Text
from tertulia.rest.bodies import Body, Shape, Time, left_out

MOST_PARTICIPANTS = 100
"""Participants that can be named at once."""

# ---- ids


def _reader(kind: str) -> BeforeValidator:
    def read(written: Any) -> int:
        number = ids.read(kind, written)
        if not number:
            raise PydanticCustomError("id", "{must}", {"must": ids.explain(kind)})
        return number

    return BeforeValidator(read)


def _in_body(kind: str) -> WithJsonSchema:
    number = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
    return WithJsonSchema({"anyOf": [ids.schema(kind), number]})


ConversationIdIn = Annotated[int, _reader(ids.CONVERSATION), WithJsonSchema(ids.schema(ids.CONVERSATION))]
UserIdIn = Annotated[int, _reader(ids.USER), WithJsonSchema(ids.schema(ids.USER))]
MessageIdIn = Annotated[int, _reader(ids.MESSAGE), WithJsonSchema(ids.schema(ids.MESSAGE))]
"""In an address; below, in a body, where numbers are understood as well."""
UserIdInBody = Annotated[int, _reader(ids.USER), _in_body(ids.USER)]
MessageIdInBody = Annotated[int, _reader(ids.MESSAGE), _in_body(ids.MESSAGE)]


def _writer(write: Callable[[int], str]) -> BeforeValidator:
    return BeforeValidator(lambda number: write(number) if isinstance(number, int) else number)


ConversationRef = Annotated[str, _writer(ids.conversation), Field(examples=["conv-1"])]
UserRef = Annotated[str, _writer(ids.user), Field(examples=["user-3"])]
MessageRef = Annotated[str, _writer(ids.message), Field(examples=["msg-9"])]
NameOrNone = Annotated[str | None, BeforeValidator(lambda name: name or None)]
"""The core has an empty text where there is no name."""

# ---- auth


class NewConversationUser(Body):
    username: Text = Field(examples=["alice"])
    password: Text = Field(examples=["correct horse battery staple"])
    email: Text | None = Field(default=None, examples=["alice@example.org"])
    display_name: Text | None = Field(default=None, examples=["Alice"])


class ConversationUser(Shape):
    """As one sees oneself."""

    id: UserRef
    username: str
    email: str | None
    display_name: str
    avatar_url: str | None
    bio: str
    status: Status
    is_active: bool
    created_at: Time


class ConversationToken(Shape):
    """*expires_in*: seconds that it is good for."""

    access_token: str
    token_type: str = "bearer"
    expires_in: int


# ---- messages


class NewConversationMessage(Body):
    content: Text = Field(examples=["Hello everyone!"])
    reply_to: MessageIdInBody | None = None


class ConversationMessageReaction(Shape):
    """*users*: who gave it first, at most 20."""

    emoji: str
    count: int
    users: list[UserRef]


class ConversationMessageQuote(Shape):
    """What a message answers: who said it, and its first line as it is now; none once it is deleted."""

    message_id: MessageRef
    sender_id: UserRef = Field(validation_alias="user_id")
    sender_username: str = Field(validation_alias="username")
    content: str = Field(validation_alias="text")
    is_deleted: bool


class ConversationMessage(Shape):
    """*kind*: `text`, or another word of its sender's. *mentions*: members whom it names; *mentions_here*: it calls
    everybody. *delivered_at*, *read_at*: when it reached the other one of two; null elsewhere."""

    id: MessageRef
    conversation_id: ConversationRef = Field(validation_alias="room_id")
    sender_id: UserRef = Field(validation_alias="user_id")
    sender_username: str = Field(validation_alias="username")
    content: str
    kind: str
    is_edited: bool
    is_deleted: bool
    reply_to: MessageRef | None
    quote: ConversationMessageQuote | None
    mentions: list[UserRef]
    mentions_here: bool
    reactions: list[ConversationMessageReaction]
    delivered_at: Time | None
    read_at: Time | None
    created_at: Time
    updated_at: Time | None


# ---- conversations


class NewConversation(Body):
    """With *is_group* false, and one participant besides oneself: the conversation of these two, which has no name."""

    name: Text | None = Field(default=None, examples=["Book club"])
    description: Text | None = None
    is_group: bool = Field(default=False, examples=[True])
    participant_ids: list[UserIdInBody] = Field(default=[], max_length=MOST_PARTICIPANTS)


class ConversationChange(Body):
    """What is left out stays as it is; null takes it away."""

    name: Text | None = left_out()
    description: Text | None = left_out()

    def given(self) -> dict[str, Any]:
        """What was sent, in the core's words, which has an empty text for null."""
        return {field: text or "" for field, text in super().given().items()}


class NewParticipants(Body):
    """One or several, by any of these names."""

    user_id: UserIdInBody = left_out()
    participant_id: UserIdInBody = left_out()
    user_ids: list[UserIdInBody] = Field(default=[], max_length=MOST_PARTICIPANTS)
    participant_ids: list[UserIdInBody] = Field(default=[], max_length=MOST_PARTICIPANTS)

    @model_validator(mode="after")
    def _names_somebody(self) -> "NewParticipants":
        if not self.everybody():
            raise PydanticCustomError("missing", "Name somebody: user_id, participant_id, user_ids or participant_ids")
        return self

    def everybody(self) -> list[int]:
        """Each once, in their order."""
        one = (number for number in (self.user_id, self.participant_id) if number)
        return list(dict.fromkeys([*one, *self.user_ids, *self.participant_ids]))


class Conversation(Shape):
    """*participant_ids*: at most 100 of them, by id; *participant_count*: how many there are. *unread_count*, and
    *mention_count* (how often one is named in these), are one's own. *last_message*: the newest that is not deleted."""

    id: ConversationRef
    name: NameOrNone
    description: NameOrNone
    is_group: bool
    owner_id: UserRef | None
    participant_ids: list[UserRef]
    participant_count: int
    last_message: ConversationMessage | None
    unread_count: int
    mention_count: int
    created_at: Time
    updated_at: Time


def conversation(found: models.Conversation) -> Conversation:
    room = found.room
    return Conversation.model_validate(
        {
            "id": room.id,
            "name": room.name,
            "description": room.description,
            "is_group": room.kind is not RoomKind.DIRECT,
            "owner_id": room.owner_id,
            "participant_ids": found.member_ids,
            "participant_count": room.member_count,
            "last_message": found.last_message,
            "unread_count": room.unread,
            "mention_count": room.mention_count,
            "created_at": room.created_at,
            "updated_at": room.updated_at,
        }
    )
