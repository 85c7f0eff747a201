"""direct's REST bodies."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, Strict, WithJsonSchema, computed_field, model_validator
from pydantic_core import PydanticCustomError

from tertulia.dialects.direct import ids
from tertulia.dialects.direct.operations import NO_FILES, TWO_TARGETS
from tertulia.domain import models
from tertulia.domain.roles import Status
from tertulia.protocol.fields import Nonce, Text
from tertulia.rest.bodies import Body, Shape, Time, left_out

NO_TARGET = "Say to whom: recipient_id or chat_id"

# ---- ids


def _read(written: Any) -> int:
    number = ids.read(written)
    if not number:
        raise PydanticCustomError("id", "{must}", {"must": ids.MUST_BE_AN_ID})
    return number


IdIn = Annotated[int, BeforeValidator(_read), WithJsonSchema(ids.TEXT_SCHEMA)]
"""In an address; below, in a body, where numbers are understood as well."""
IdInBody = Annotated[int, BeforeValidator(_read), WithJsonSchema({"anyOf": [ids.TEXT_SCHEMA, ids.NUMBER_SCHEMA]})]
Id = Annotated[str, BeforeValidator(lambda number: str(number) if isinstance(number, int) else number)]
StatusIn = Annotated[Status, Strict(strict=False)]

# ---- users


class NewDirectUser(Body):
    username: Text = Field(examples=["alice"])
    email: Text | None = Field(default=None, examples=["alice@example.org"])
    password: Text = Field(examples=["correct horse battery staple"])
    display_name: Text | None = Field(default=None, examples=["Alice"])


class DirectUser(Shape):
    """*is_online*: whether *status* is another than offline."""

    id: Id = Field(examples=["3"])
    username: str
    display_name: str
    avatar_url: str | None
    bio: str
    status: Status
    last_seen: Time | None = Field(validation_alias="last_seen_at")
    created_at: Time

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_online(self) -> bool:
        return self.status.shown is not Status.OFFLINE


class DirectOwnUser(DirectUser):
    """As one sees oneself."""

    email: str | None


class DirectToken(Shape):
    """*expires_in*: seconds that it is good for."""

    access_token: str
    token_type: str = "bearer"
    expires_in: int
    user: DirectOwnUser


class DirectProfile(Body):
    """What is left out, or null, stays as it is; an email of null is taken away. Fields of a user that cannot be changed
    here are ignored."""

    display_name: Text | None = left_out()
    bio: Text | None = left_out()
    email: Text | None = left_out()

    def changes(self) -> dict[str, Any]:
        return {name: value for name, value in self.given().items() if value is not None or name == "email"}


class DirectStatusChange(Body):
    """Empty when the query says it, here and below."""

    status: StatusIn = left_out()


def as_seen_by(actor: models.Actor, user: models.User) -> DirectUser:
    """The email address is for oneself alone."""
    return (DirectOwnUser if user.id == actor.user_id else DirectUser).model_validate(user)


# ---- messages


def _none_yet(attachments: list[Any]) -> list[Any]:
    if attachments:
        raise PydanticCustomError("attachments", "{why}", {"why": NO_FILES})
    return attachments


NoFiles = Annotated[list[Any], AfterValidator(_none_yet), WithJsonSchema({"type": "array", "items": {}, "maxItems": 0})]


class NewDirectMessage(Body):
    """To a user or into a room. *message_type*: `text`, or a word of the client's own in small letters, such as `image`;
    `system` is the server's. *nonce*: a name of the client's for this message; sent again, it makes no second one."""

    recipient_id: IdInBody | None = Field(default=None, examples=["4"])
    chat_id: IdInBody | None = Field(default=None, examples=["1"])
    content: Text = Field(examples=["Hello Bob!"])
    message_type: Text = "text"
    reply_to_message_id: IdInBody | None = None
    attachments: NoFiles | None = Field(default=None, description="Files cannot be sent yet: none, or an empty list")
    nonce: Nonce | None = None

    @model_validator(mode="after")
    def _has_one_target(self) -> Self:
        targets = (self.recipient_id, self.chat_id)
        if None not in targets:
            raise PydanticCustomError("target", "{why}", {"why": TWO_TARGETS})
        if targets == (None, None):
            raise PydanticCustomError("target", "{why}", {"why": NO_TARGET})
        return self


class DirectMessageChange(Body):
    content: Text


class DirectEmoji(Body):
    emoji: Annotated[Text, Field(examples=["👍"])] = left_out()


class DirectQuote(Shape):
    """What a message answers: who said it, and its first line as it is now; none once it is deleted."""

    message_id: Id
    sender_id: Id = Field(validation_alias="user_id")
    sender_username: str = Field(validation_alias="username")
    content: str = Field(validation_alias="text")
    is_deleted: bool


class DirectReactions(Shape):
    """*users*: who gave it first, at most 20."""

    emoji: str
    count: int
    users: list[Id]


class DirectMessage(Shape):
    """*recipient_id*: the other one, where there are two, and where *status* says whether it reached them; null in other
    rooms, where it is `sent`. *mentions*: members whom it names; *mentions_here*: it calls everybody."""

    id: Id = Field(examples=["9"])
    sender_id: Id = Field(validation_alias="user_id", examples=["3"])
    sender_username: str = Field(validation_alias="username")
    chat_id: Id = Field(validation_alias="room_id", examples=["1"])
    recipient_id: Id | None
    content: str
    message_type: str = Field(validation_alias="kind")
    attachments: list[Any] = Field(default=[])
    reply_to_message_id: Id | None = Field(validation_alias="reply_to")
    quote: DirectQuote | None
    mentions: list[Id]
    mentions_here: bool
    reactions: list[DirectReactions]
    is_edited: bool
    is_deleted: bool
    created_at: Time
    updated_at: Time | None
    delivered_at: Time | None
    read_at: Time | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Literal["sent", "delivered", "read"]:
        if self.read_at is not None:
            return "read"
        return "sent" if self.delivered_at is None else "delivered"
