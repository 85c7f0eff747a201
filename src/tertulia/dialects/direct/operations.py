"""direct, client to server: each frame's fields, and the command that it means."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from tertulia.dialects.direct.ids import AnyId, need
from tertulia.domain import commands as c
from tertulia.domain.errors import EmptyMessage, Invalid, Malformed
from tertulia.domain.ids import STARTER_ROOM, MessageId, RoomId, UserId
from tertulia.domain.roles import Status
from tertulia.protocol.fields import Nonce, Text

MESSAGE = "message"
"""The type of a frame that does not say its type."""
NO_FILES = "Files cannot be sent with a message yet: attachments must be empty"
TWO_TARGETS = "Give recipient_id or chat_id, not both"
FIELDS = {"kind": "message_type", "reply_to": "reply_to_message_id", "user_id": "recipient_id"}
"""What this dialect calls fields that the core may refuse to send."""


class DirectOperation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a client says. Fields that it does not know are ignored."""

    def to_command(self) -> c.Command[Any]:
        """Raises Malformed for an id that is none, or EmptyMessage."""
        raise NotImplementedError


class Aimed(DirectOperation, frozen=True, kw_only=True, omit_defaults=True):
    """At a user or at a room, not at both; at the café that everybody is in without either."""

    recipient_id: AnyId | None = None
    chat_id: AnyId | None = None

    def recipient(self) -> UserId | None:
        """Raises Malformed for two targets."""
        if self.recipient_id is None:
            return None
        if self.chat_id is not None:
            raise Malformed(TWO_TARGETS)
        return UserId(need(self.recipient_id, "recipient_id"))

    def room(self) -> RoomId:
        return STARTER_ROOM if self.chat_id is None else RoomId(need(self.chat_id, "chat_id"))


class DirectSend(Aimed, frozen=True, kw_only=True, omit_defaults=True):
    """*type* may be left out. *content* is another word for *message*. *timestamp*: the client's own, and ignored: the
    server's counts. *message_type*: a word of the client's own. *nonce*: a name for this message; sent again, it makes
    no second one."""

    type: Literal["message"] | UnsetType | None = UNSET
    message: Text | None = None
    content: Text | None = None
    timestamp: Any = UNSET
    message_type: Text | None = None
    reply_to_message_id: AnyId | None = None
    attachments: list[Any] | None = None
    nonce: Nonce | None = None

    def to_command(self) -> c.SendMessage | c.SendDirect:
        recipient, content = self.recipient(), self.message or self.content
        if not content or content.isspace():
            raise EmptyMessage
        if self.attachments:
            raise Malformed(NO_FILES)
        reply_to = self.reply_to_message_id
        said: dict[str, Any] = {
            "content": content,
            "reply_to": None if reply_to is None else MessageId(need(reply_to, "reply_to_message_id")),
            "nonce": self.nonce,
            "kind": self.message_type or "text",
        }
        if recipient is not None:
            return c.SendDirect(user_id=recipient, **said)
        return c.SendMessage(room_id=self.room(), **said)


class DirectType(Aimed, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="typing"):
    """One is typing: to be said again every few seconds."""

    def to_command(self) -> c.Type:
        recipient = self.recipient()
        return c.Type(room_id=self.room()) if recipient is None else c.Type(user_id=recipient)


class DirectReadTo(DirectOperation, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="read"):
    """Everything up to this message."""

    message_id: AnyId

    def to_command(self) -> c.MarkReadTo:
        return c.MarkReadTo(message_id=MessageId(need(self.message_id, "message_id")))


class DirectSetStatus(DirectOperation, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="status"):
    status: Status

    def to_command(self) -> c.SetStatus:
        return c.SetStatus(status=self.status)


class DirectPing(DirectOperation, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="ping"):
    def to_command(self) -> c.Ping:
        return c.Ping()


OPERATIONS: dict[str, type[DirectOperation]] = {
    MESSAGE: DirectSend,
    "typing": DirectType,
    "read": DirectReadTo,
    "status": DirectSetStatus,
    "ping": DirectPing,
}
"""By the type of their frame."""


def renamed(error: Invalid) -> Invalid:
    """*error*, of sending something, with this dialect's name of the field."""
    name = FIELDS.get(error.field)
    return error if name is None else Invalid(error.message.replace(error.field, name), field=name)
