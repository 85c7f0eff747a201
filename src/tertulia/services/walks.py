"""Walks: being in a space, with or without a socket, and what is remembered of it for a restart."""

from tertulia.domain import commands as c
from tertulia.domain.models import Actor, Occupant
from tertulia.services.floors import Floors, NoFloors
from tertulia.store import Store


class Walks:
    def __init__(self, store: Store, floors: Floors | None = None) -> None:
        self._store = store
        self._floors = floors or NoFloors()

    async def enter(self, command: c.EnterSpace, actor: Actor) -> Occupant:
        raise NotImplementedError

    async def walk(self, command: c.WalkTo, actor: Actor) -> Occupant:
        raise NotImplementedError

    async def leave(self, command: c.LeaveSpace, actor: Actor) -> None:
        raise NotImplementedError

    async def list_occupants(self, command: c.ListOccupants, actor: Actor) -> list[Occupant]:
        raise NotImplementedError

    async def list_leases(self, command: c.ListLeases, actor: Actor | None) -> c.Leases:
        raise NotImplementedError

    async def keep_places(self, command: c.KeepPlaces, actor: Actor | None) -> None:
        raise NotImplementedError

    async def find_kept(self, command: c.FindKept, actor: Actor | None) -> c.Kept:
        raise NotImplementedError
