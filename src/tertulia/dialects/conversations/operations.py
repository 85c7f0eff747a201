"""conversations, client to server: each frame's fields, and the command that it means."""

from typing import Any, Literal

from msgspec import Struct

from tertulia.dialects.conversations.ids import AnyMessageId, read_message
from tertulia.domain import commands as c
from tertulia.domain.ids import MessageId, RoomId
from tertulia.domain.roles import Status
from tertulia.protocol.fields import Text


class ConversationOperation(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What a client says in its conversation."""

    def to_command(self, room_id: RoomId) -> c.Command[Any]:
        """Raises Malformed for an id that is none. A message counts only if it is in *room_id*."""
        raise NotImplementedError


class ConversationSend(ConversationOperation, frozen=True, kw_only=True, tag="message"):
    """*reply_to*: the message that it answers."""

    content: Text
    reply_to: AnyMessageId | None = None

    def to_command(self, room_id: RoomId) -> c.SendMessage:
        reply_to = None if self.reply_to is None else MessageId(read_message(self.reply_to, "reply_to"))
        return c.SendMessage(room_id=room_id, content=self.content, reply_to=reply_to)


class ConversationType(ConversationOperation, frozen=True, kw_only=True, tag="typing"):
    def to_command(self, room_id: RoomId) -> c.Type:
        return c.Type(room_id=room_id)


class OfAMessage(ConversationOperation, frozen=True, kw_only=True):
    message_id: AnyMessageId

    @property
    def which(self) -> MessageId:
        return MessageId(read_message(self.message_id, "message_id"))


class ConversationReact(OfAMessage, frozen=True, kw_only=True, tag="reaction"):
    """Again takes it back."""

    emoji: Text

    def to_command(self, room_id: RoomId) -> c.ToggleReaction:
        return c.ToggleReaction(message_id=self.which, emoji=self.emoji, room_id=room_id)


class ConversationEdit(OfAMessage, frozen=True, kw_only=True, tag="edit"):
    content: Text

    def to_command(self, room_id: RoomId) -> c.EditMessage:
        return c.EditMessage(message_id=self.which, content=self.content, room_id=room_id)


class ConversationDelete(OfAMessage, frozen=True, kw_only=True, tag="delete"):
    def to_command(self, room_id: RoomId) -> c.DeleteMessage:
        return c.DeleteMessage(message_id=self.which, room_id=room_id)


class ConversationSetPresence(ConversationOperation, frozen=True, kw_only=True, tag="presence"):
    status: Literal["online", "away", "busy", "offline"]

    def to_command(self, room_id: RoomId) -> c.SetStatus:
        return c.SetStatus(status=Status(self.status))


class ConversationRead(OfAMessage, frozen=True, kw_only=True, tag="read"):
    """Everything up to this message."""

    def to_command(self, room_id: RoomId) -> c.MarkReadTo:
        return c.MarkReadTo(message_id=self.which, room_id=room_id)


class ConversationPing(ConversationOperation, frozen=True, kw_only=True, tag="ping"):
    def to_command(self, room_id: RoomId) -> c.Ping:
        return c.Ping()


AnyOperation = (
    ConversationSend
    | ConversationType
    | ConversationReact
    | ConversationEdit
    | ConversationDelete
    | ConversationSetPresence
    | ConversationRead
    | ConversationPing
)
OPERATIONS: dict[str, type[ConversationOperation]] = {
    "message": ConversationSend,
    "typing": ConversationType,
    "reaction": ConversationReact,
    "edit": ConversationEdit,
    "delete": ConversationDelete,
    "presence": ConversationSetPresence,
    "read": ConversationRead,
    "ping": ConversationPing,
}
"""By the type of their frame."""
