"""Walks: being in a room without a socket, and what is remembered of its space for a restart."""

from datetime import timedelta

from tertulia.domain import commands as c
from tertulia.domain.errors import NotAMember, TertuliaError
from tertulia.domain.ids import UserId
from tertulia.domain.models import Actor, Occupant, Room
from tertulia.services import policy
from tertulia.services.floors import Floors, NoFloors
from tertulia.services.members import admit
from tertulia.store import Reader, Store, Work
from tertulia.store.objects import list_objects
from tertulia.store.places import forget_places, keep_places, list_places
from tertulia.store.rooms import find_standing
from tertulia.store.talks import list_open_stays, list_talkers
from tertulia.store.tools import list_seats

NOBODY = UserId(0)


class Walks:
    """*floors*: where people stand just now. *places_kept*: seconds that a place is good for."""

    def __init__(self, store: Store, floors: Floors | None = None, *, places_kept: float = 600.0) -> None:
        self._store, self._floors = store, floors or NoFloors()
        self._places_kept = timedelta(seconds=places_kept)

    async def enter(self, command: c.EnterSpace, actor: Actor) -> Occupant:
        """After having become a member of it if it is public, as one who enters with a socket. Raises NoSuchRoom,
        NotAMember, Banned."""
        room_id = command.room_id
        try:
            room = await self._store.read(lambda reader: policy.need_membership(reader, room_id, actor)[0])
        except NotAMember:
            await self._store.write(lambda work: admit(work, room_id, actor, is_asked=False))
            room = await self._store.read(lambda reader: policy.need_membership(reader, room_id, actor)[0])
        here = await self._floors.enter(room, actor, command.x, command.y)
        try:
            await self._room(command, actor)  # a membership that ends from now on ends this, too
        except TertuliaError:
            self._floors.leave(room_id, actor)
            raise
        return here

    async def walk(self, command: c.WalkTo, actor: Actor) -> Occupant:
        room = await self._room(command, actor)
        return await self._floors.walk_to(room, actor, command.x, command.y, command.direction)

    async def leave(self, command: c.LeaveSpace, actor: Actor) -> None:
        room = await self._room(command, actor)
        self._floors.leave(room.id, actor)

    async def list_occupants(self, command: c.ListOccupants, actor: Actor) -> list[Occupant]:
        await self._store.read(lambda reader: policy.see_members(reader, command.room_id, actor))
        return self._floors.occupants(command.room_id)

    async def _room(self, command: c.EnterSpace | c.WalkTo | c.LeaveSpace, actor: Actor) -> Room:
        """Raises NoSuchRoom, NotAMember."""
        return await self._store.read(lambda reader: policy.need_membership(reader, command.room_id, actor)[0])

    # ---- asked by the server itself

    async def open_floor(self, command: c.OpenFloor, actor: Actor | None) -> c.OpenedFloor | None:
        def look(reader: Reader) -> c.OpenedFloor | None:
            standing = find_standing(reader, command.room_id, NOBODY)
            if standing is None or standing.room.space is None:
                return None
            return c.OpenedFloor(
                room=standing.room,
                objects=list_objects(reader, command.room_id),
                places=list_places(reader, command.room_id, timedelta(seconds=command.kept)),
                stays=list_open_stays(reader, command.room_id),
                talkers=list_talkers(reader, command.room_id),
            )

        return await self._store.read(look)

    async def list_leases(self, command: c.ListLeases, actor: Actor | None) -> c.Leases:
        def look(reader: Reader) -> c.Leases:
            return c.Leases(stays=list_open_stays(reader, command.room_id), seats=list_seats(reader, command.room_id))

        return await self._store.read(look)

    async def keep_places(self, command: c.KeepPlaces, actor: Actor | None) -> None:
        def write(work: Work) -> None:
            keep_places(work, command.places)
            forget_places(work, self._places_kept, command.left)

        await self._store.write(write)
