"""Rooms of every kind."""

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.models import Actor, Room
from tertulia.domain.roles import RoomKind


async def of_kind(scene: Scene, kind: RoomKind, first: Actor, *others: Actor) -> Room:
    """Made by *first*, with *others* in it."""
    if kind is RoomKind.CHANNEL:
        return await scene.room(first, *others)
    ids = [other.user_id for other in others]
    new = c.CreateGroup(member_ids=ids) if kind is RoomKind.GROUP else c.OpenDirect(user_id=ids[0])
    room: Room = await scene.do(first, new)
    return room
