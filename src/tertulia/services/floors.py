"""Floors: what services ask of the spaces where people stand just now. The spaces themselves are in memory, not here."""

from typing import Protocol

from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor, Direction, Occupant, Place, Room, Voice


class Floors(Protocol):
    """All that is asked of one room's space while nobody stands in it, or the room has none, is answered with None."""

    def find_place(self, room_id: RoomId, user_id: UserId) -> Place | None:
        """Where somebody is who is in the room."""

    def voice(self, room_id: RoomId, user_id: UserId, *, nearby: bool) -> Voice | None:
        """Where that goes what somebody says; None: to the room, as anywhere. Raises NobodyNear, NotThere."""

    async def be_ready(self, room_id: RoomId, user_id: UserId) -> None:
        """For what somebody says near others, who may be in the room by another node. Raises Unavailable."""

    def spoken(self, room_id: RoomId, voice: Voice, talk_id: RoomId | None) -> None:
        """What was said with *voice* has gone to the talk *talk_id*; None: to the room itself."""

    def occupants(self, room_id: RoomId) -> list[Occupant]:
        """Who is in the room, on all nodes."""

    async def enter(self, room: Room, actor: Actor, x: float | None, y: float | None) -> Occupant:
        """Be in it without a socket."""

    async def walk_to(self, room: Room, actor: Actor, x: float, y: float, direction: Direction) -> Occupant:
        """Raises NotThere, NoSpace."""

    def leave(self, room_id: RoomId, actor: Actor) -> None:
        """Be in it no longer without a socket."""


class NoFloors:
    """For where there are no spaces."""

    def find_place(self, room_id: RoomId, user_id: UserId) -> Place | None:
        return None

    def voice(self, room_id: RoomId, user_id: UserId, *, nearby: bool) -> Voice | None:
        return None

    async def be_ready(self, room_id: RoomId, user_id: UserId) -> None:
        return None

    def spoken(self, room_id: RoomId, voice: Voice, talk_id: RoomId | None) -> None:
        return None

    def occupants(self, room_id: RoomId) -> list[Occupant]:
        return []

    async def enter(self, room: Room, actor: Actor, x: float | None, y: float | None) -> Occupant:
        return Occupant(user_id=actor.user_id, username=actor.username, x=x, y=y)

    async def walk_to(self, room: Room, actor: Actor, x: float, y: float, direction: Direction) -> Occupant:
        return Occupant(user_id=actor.user_id, username=actor.username, x=x, y=y, direction=direction)

    def leave(self, room_id: RoomId, actor: Actor) -> None:
        return None
