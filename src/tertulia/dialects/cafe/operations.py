"""cafe, client to server: what each event's data is, and the command it means."""

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from tertulia.domain import commands as c
from tertulia.domain.ids import MessageId, RoomId, Seq
from tertulia.domain.roles import Status
from tertulia.protocol.fields import PAGE, Coordinate, Id, Nonce, PageLimit, SeqField, Text


class Operation(Struct, frozen=True):
    """The data of one event from a client. Fields that it does not know are ignored."""

    def to_command(self) -> c.Command[Any]:
        raise NotImplementedError


class Authenticate(Operation, frozen=True):
    token: Text

    def to_command(self) -> c.Authenticate:
        return c.Authenticate(token=self.token)


class JoinRoom(Operation, frozen=True):
    """*after*: the last `seq` seen; *epoch*: the one that it was seen in."""

    room_id: Id
    x: Coordinate | None = None
    y: Coordinate | None = None
    after: SeqField | None = None
    epoch: Text | None = None

    def to_command(self) -> c.EnterRoom:
        after = None if self.after is None else Seq(self.after)
        return c.EnterRoom(room_id=RoomId(self.room_id), x=self.x, y=self.y, after=after, epoch=self.epoch)


class LeaveRoom(Operation, frozen=True):
    room_id: Id

    def to_command(self) -> c.ExitRoom:
        return c.ExitRoom(room_id=RoomId(self.room_id))


class SendMessage(Operation, frozen=True):
    """*kind*: a word of the client's own, `text` if it has none."""

    room_id: Id
    message: Text
    reply_to: Id | None = None
    nonce: Nonce | None = None
    kind: Text = "text"

    def to_command(self) -> c.SendMessage:
        return c.SendMessage(
            room_id=RoomId(self.room_id),
            content=self.message,
            reply_to=None if self.reply_to is None else MessageId(self.reply_to),
            nonce=self.nonce,
            kind=self.kind,
        )


class EditMessage(Operation, frozen=True):
    message_id: Id
    message: Text

    def to_command(self) -> c.EditMessage:
        return c.EditMessage(message_id=MessageId(self.message_id), content=self.message)


class DeleteMessage(Operation, frozen=True):
    message_id: Id

    def to_command(self) -> c.DeleteMessage:
        return c.DeleteMessage(message_id=MessageId(self.message_id))


class AddReaction(Operation, frozen=True):
    message_id: Id
    emoji: Text

    def to_command(self) -> c.AddReaction:
        return c.AddReaction(message_id=MessageId(self.message_id), emoji=self.emoji)


class RemoveReaction(Operation, frozen=True):
    message_id: Id
    emoji: Text

    def to_command(self) -> c.RemoveReaction:
        return c.RemoveReaction(message_id=MessageId(self.message_id), emoji=self.emoji)


class PinMessage(Operation, frozen=True):
    message_id: Id

    def to_command(self) -> c.PinMessage:
        return c.PinMessage(message_id=MessageId(self.message_id))


class UnpinMessage(Operation, frozen=True):
    message_id: Id

    def to_command(self) -> c.UnpinMessage:
        return c.UnpinMessage(message_id=MessageId(self.message_id))


class FetchMessages(Operation, frozen=True):
    """*cursor*: a message id; what is older than it."""

    room_id: Id
    cursor: Id | None = None
    limit: PageLimit = PAGE

    def to_command(self) -> c.ListMessages:
        cursor = None if self.cursor is None else MessageId(self.cursor)
        return c.ListMessages(room_id=RoomId(self.room_id), cursor=cursor, limit=self.limit)


class Typing(Operation, frozen=True):
    room_id: Id

    def to_command(self) -> c.Type:
        return c.Type(room_id=RoomId(self.room_id))


class MarkRead(Operation, frozen=True):
    room_id: Id
    seq: SeqField

    def to_command(self) -> c.MarkRead:
        return c.MarkRead(room_id=RoomId(self.room_id), seq=Seq(self.seq))


class MarkDelivered(Operation, frozen=True):
    room_id: Id
    seq: SeqField

    def to_command(self) -> c.MarkDelivered:
        return c.MarkDelivered(room_id=RoomId(self.room_id), seq=Seq(self.seq))


class SetPresence(Operation, frozen=True):
    status: Status
    text: Text | UnsetType = UNSET

    def to_command(self) -> c.SetStatus:
        return c.SetStatus(status=self.status, text=self.text)


def ping(payload: Raw) -> c.Ping:
    """*payload* goes back as it came, byte for byte."""
    return c.Ping(payload=payload)


PING = "ping"
OPERATIONS: dict[str, type[Operation]] = {
    "authenticate": Authenticate,
    "join_room": JoinRoom,
    "leave_room": LeaveRoom,
    "send_message": SendMessage,
    "edit_message": EditMessage,
    "delete_message": DeleteMessage,
    "add_reaction": AddReaction,
    "remove_reaction": RemoveReaction,
    "pin_message": PinMessage,
    "unpin_message": UnpinMessage,
    "fetch_messages": FetchMessages,
    "typing": Typing,
    "mark_read": MarkRead,
    "mark_delivered": MarkDelivered,
    "set_presence": SetPresence,
}
"""All that a client may ask for, besides `ping`, whose data is anything."""
