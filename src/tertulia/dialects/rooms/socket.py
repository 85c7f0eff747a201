"""rooms' socket: all of a user's rooms or one of them, frames `{"type", …}` in JSON."""

from typing import Any

from tertulia.dialects.rooms import events
from tertulia.dialects.rooms.catalogue import CATALOGUE
from tertulia.dialects.rooms.operations import AnyOperation
from tertulia.dialects.rooms.reading import Reader
from tertulia.domain import commands as c
from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import Event
from tertulia.domain.ids import RoomId
from tertulia.protocol.codec import JSON
from tertulia.protocol.dialect import Catalogue, Dialect, Entered, Request

_READER = Reader(AnyOperation, {one.name for one in CATALOGUE.receives})


class RoomsDialect(Dialect):
    """Rooms are joined and left on the socket, and in them there are messages, people who come and go, and typing.
    Whatever else happens there has no word here."""

    name = "rooms"
    greets = True

    def catalogue(self) -> Catalogue:
        return CATALOGUE

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        return _READER.read(frame, room_id)

    def encode(self, event: Event, own: bool) -> bytes | None:
        says = events.EVENTS.get(type(event))
        frame = None if says is None else says(event, own)
        return None if frame is None else JSON.frame(frame)

    def replies(self, request: Request, result: Any) -> list[bytes]:
        """A message has no answer but itself, which its sender hears as all others do."""
        match request.command:
            case c.Greet():
                frames = [] if result.user is None else [events.established(result)]
            case c.EnterRoom() if isinstance(result, Entered):
                frames = [events.joined(result), events.history(result.snapshot)]
            case c.ExitRoom(room_id=room_id):
                frames = [events.room_left(room_id)]
            case c.Ping():
                frames = [events.pong(result)]
            case _:
                frames = []
        return [JSON.frame(frame) for frame in frames]

    def error(self, error: TertuliaError, name: str, ref: Any) -> bytes:
        return JSON.frame(events.refused(error))
