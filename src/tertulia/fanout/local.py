"""The backplane of a node that is alone."""

import secrets

from tertulia.domain.ids import RoomId
from tertulia.fanout.backplane import AnyWord, Hear, Look


class LocalBackplane:
    """Nobody to talk to."""

    def __init__(self) -> None:
        self.node = secrets.token_hex(4)
        self.is_up = True
        self.published = self.dropped = 0

    async def start(self, hear: Hear, look: Look) -> None:
        pass

    async def stop(self) -> None:
        pass

    def follow(self, room_id: RoomId) -> None:
        pass

    def unfollow(self, room_id: RoomId) -> None:
        pass

    def send(self, word: AnyWord, room_id: RoomId | None = None) -> None:
        pass
