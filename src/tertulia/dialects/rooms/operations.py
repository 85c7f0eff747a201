"""rooms, client to server: each frame's fields, and the command that it means."""

from typing import Any

from msgspec import Struct

from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid
from tertulia.domain.ids import RoomId
from tertulia.protocol.fields import Id, Text


class RoomsOperation(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What a client says."""

    def to_command(self, own: RoomId | None) -> c.Command[Any]:
        """*own*: the room that the socket is of. Raises Invalid where another is meant, or none."""
        raise NotImplementedError


class OfARoom(RoomsOperation, frozen=True, kw_only=True):
    """*room_id*: may be left out where the socket is of one room."""

    room_id: Id | None = None

    def which(self, own: RoomId | None) -> RoomId:
        if self.room_id is None and own is None:
            raise Invalid("room_id is missing: this socket is of many rooms", field="room_id")
        if self.room_id is not None and own is not None and self.room_id != own:
            raise Invalid(f"This socket is of room {own} alone", field="room_id")
        return RoomId(self.room_id or own or 0)


class RoomsSend(OfARoom, frozen=True, kw_only=True, tag="message"):
    content: Text

    def to_command(self, own: RoomId | None) -> c.SendMessage:
        return c.SendMessage(room_id=self.which(own), content=self.content)


class RoomsJoin(OfARoom, frozen=True, kw_only=True, tag="join_room"):
    def to_command(self, own: RoomId | None) -> c.EnterRoom:
        return c.EnterRoom(room_id=self.which(own))


class RoomsLeave(OfARoom, frozen=True, kw_only=True, tag="leave_room"):
    def to_command(self, own: RoomId | None) -> c.ExitRoom:
        return c.ExitRoom(room_id=self.which(own))


class RoomsType(OfARoom, frozen=True, kw_only=True, tag="typing"):
    def to_command(self, own: RoomId | None) -> c.Type:
        return c.Type(room_id=self.which(own))


class RoomsPing(RoomsOperation, frozen=True, kw_only=True, tag="ping"):
    def to_command(self, own: RoomId | None) -> c.Ping:
        return c.Ping()


class RoomsShout(RoomsOperation, frozen=True, kw_only=True, tag="message"):
    """On the public socket, where there are no rooms."""

    content: Text

    def to_command(self, own: RoomId | None) -> c.Shout:
        return c.Shout(content=self.content)


AnyOperation = RoomsSend | RoomsJoin | RoomsLeave | RoomsType | RoomsPing
AnyPublicOperation = RoomsShout | RoomsPing
