"""conversations's socket."""

from typing import Any

from tertulia.domain.errors import Malformed, TertuliaError
from tertulia.domain.events import Event
from tertulia.domain.ids import RoomId
from tertulia.protocol.dialect import Catalogue, Dialect, Request, Unreadable


class ConversationsDialect(Dialect):
    name = "conversations"

    def catalogue(self) -> Catalogue:
        return Catalogue(receives=[], sends=[])

    def decode(self, frame: str | bytes, room_id: RoomId | None) -> Request:
        raise Unreadable(Malformed())

    def encode(self, event: Event, own: bool) -> bytes | None:
        return None

    def replies(self, request: Request, result: Any) -> list[bytes]:
        return []

    def error(self, error: TertuliaError, name: str, ref: Any) -> bytes | None:
        return None
