"""Seats: one person each. Who sits is written on the object, under its room's lock."""

from msgspec import Struct
from msgspec.structs import replace

from tertulia.domain.errors import Invalid, Occupied
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import SpaceObject
from tertulia.store import Reader
from tertulia.store.tools import find_seat


class Change(Struct, frozen=True):
    """*action*: the one that it is told as."""

    action: str
    before: SpaceObject
    after: SpaceObject


def sit(reader: Reader, thing: SpaceObject, user_id: UserId) -> list[Change]:
    """Whoever sits elsewhere in the room gets up first. Nothing changes for who sits there. Raises Invalid, Occupied."""
    if thing.occupied_by == user_id:
        return []
    if not thing.is_seat:
        raise Invalid("This is nothing to sit on", field="target_object_id")
    if thing.occupied_by is not None:
        raise Occupied
    return [*stand(reader, thing.room_id, user_id), Change("sit", thing, replace(thing, occupied_by=user_id))]


def stand(reader: Reader, room_id: RoomId, user_id: UserId) -> list[Change]:
    """From wherever they sit in the room. Nothing changes for who does not sit."""
    seat = find_seat(reader, room_id, user_id)
    return [] if seat is None else [Change("stand", seat, replace(seat, occupied_by=None))]
