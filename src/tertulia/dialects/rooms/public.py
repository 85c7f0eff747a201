"""rooms' public socket: for who has no account, frames `{"type", …}` in JSON."""

from datetime import datetime
from typing import Any

from tertulia.dialects.rooms import events
from tertulia.dialects.rooms.catalogue import PUBLIC
from tertulia.dialects.rooms.operations import AnyPublicOperation
from tertulia.dialects.rooms.reading import Reader
from tertulia.domain import commands as c
from tertulia.domain.clock import rfc3339
from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import Event
from tertulia.domain.ids import RoomId
from tertulia.protocol.codec import JSON
from tertulia.protocol.dialect import Catalogue, Dialect, Request

_READER = Reader(AnyPublicOperation, {one.name for one in PUBLIC.receives})


class RoomsPublicDialect(Dialect):
    """What is said to all others who are here. There are no rooms, and so no events of any."""

    name = "rooms.public"
    greets = True

    def catalogue(self) -> Catalogue:
        return PUBLIC

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        return _READER.read(frame, None)

    def encode(self, event: Event, own: bool) -> bytes | None:
        return None

    def shouted(self, client_id: str, content: str, created_at: datetime) -> bytes:
        """What one socket says, for the others."""
        return JSON.frame(
            events.RoomsPublicMessage(client_id=client_id, content=content, timestamp=rfc3339(created_at))
        )

    def replies(self, request: Request, result: Any) -> list[bytes]:
        match request.command:
            case c.Greet():
                return [JSON.frame(events.established(result))]
            case c.Ping():
                return [JSON.frame(events.pong(result))]
            case _:
                return []

    def error(self, error: TertuliaError, name: str, ref: Any) -> bytes:
        return JSON.frame(events.refused(error))
