"""cafe, client to server: what each event's data is, and the command it means."""

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, ValidationError

from tertulia.domain import commands as c
from tertulia.domain.ids import MessageId, ObjectId, RoomId, Seq
from tertulia.domain.roles import Status
from tertulia.protocol.fields import (
    PAGE,
    Coordinate,
    DirectionField,
    Id,
    Nonce,
    PageLimit,
    SeqField,
    Text,
    as_direction,
)


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
    """*kind*: a word of the client's own, `text` if it has none. *nearby*: to those alone who stand near."""

    room_id: Id
    message: Text
    reply_to: Id | None = None
    nonce: Nonce | None = None
    kind: Text = "text"
    nearby: bool = False

    def to_command(self) -> c.SendMessage:
        return c.SendMessage(
            room_id=RoomId(self.room_id),
            content=self.message,
            reply_to=None if self.reply_to is None else MessageId(self.reply_to),
            nonce=self.nonce,
            kind=self.kind,
            nearby=self.nearby,
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


# ---- in a space


class UpdatePosition(Operation, frozen=True):
    """*direction*: a word of at most 16 characters, or degrees. What most frames are: no field more."""

    room_id: Id
    x: Coordinate
    y: Coordinate
    direction: DirectionField = None

    def to_command(self) -> c.Move:
        direction = as_direction(self.direction)
        return c.Move(room_id=RoomId(self.room_id), x=self.x, y=self.y, direction=direction)


class UseTool(Operation, frozen=True):
    """*action*: one that the server understands, or any word. *params*: what belongs to it."""

    room_id: Id
    target_object_id: Id
    action: Text
    params: dict[str, Any] | None = None

    def to_command(self) -> c.UseTool:
        return c.UseTool(
            room_id=RoomId(self.room_id),
            target_object_id=ObjectId(self.target_object_id),
            action=self.action,
            params=self.params or {},
        )


class PlaceObject(Operation, frozen=True):
    """*type*: chair, table, wall, door, sign, tool, or any word. What is left out is as such things mostly are."""

    room_id: Id
    type: Text
    x: Coordinate
    y: Coordinate
    width: Coordinate | None = None
    height: Coordinate | None = None
    rotation: Coordinate = 0.0
    is_solid: bool | None = None
    metadata: dict[str, Any] = {}

    def to_command(self) -> c.PlaceObject:
        return c.PlaceObject(
            room_id=RoomId(self.room_id),
            type=self.type,
            x=self.x,
            y=self.y,
            width=self.width,
            height=self.height,
            rotation=self.rotation,
            is_solid=self.is_solid,
            metadata=self.metadata,
        )


class OfAnObject(Operation, frozen=True):
    """The object is named by *object_id*, or by *id*, as the object itself has it. *version*: the one that is known; if
    it is another by now, nothing is done."""

    object_id: Id | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    version: Id | None = None

    def named(self) -> ObjectId:
        named = self.id if self.object_id is UNSET else self.object_id
        if named is UNSET:
            raise ValidationError("Object missing required field `object_id`")
        return ObjectId(named)


class UpdateObject(OfAnObject, frozen=True):
    """What is left out stays as it is."""

    type: Text | UnsetType = UNSET
    x: Coordinate | UnsetType = UNSET
    y: Coordinate | UnsetType = UNSET
    width: Coordinate | UnsetType = UNSET
    height: Coordinate | UnsetType = UNSET
    rotation: Coordinate | UnsetType = UNSET
    is_solid: bool | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET

    def to_command(self) -> c.UpdateObject:
        return c.UpdateObject(
            object_id=self.named(),
            version=self.version,
            type=self.type,
            x=self.x,
            y=self.y,
            width=self.width,
            height=self.height,
            rotation=self.rotation,
            is_solid=self.is_solid,
            metadata=self.metadata,
        )


class RemoveObject(OfAnObject, frozen=True):
    def to_command(self) -> c.RemoveObject:
        return c.RemoveObject(object_id=self.named(), version=self.version)


class LockArea(Operation, frozen=True):
    room_id: Id
    area_id: Id
    is_locked: bool

    def to_command(self) -> c.LockArea:
        return c.LockArea(room_id=RoomId(self.room_id), area_id=self.area_id, is_locked=self.is_locked)


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
    "update_position": UpdatePosition,
    "use_tool": UseTool,
    "place_object": PlaceObject,
    "update_object": UpdateObject,
    "remove_object": RemoveObject,
    "lock_area": LockArea,
}
"""All that a client may ask for, besides `ping`, whose data is anything."""
