"""Rooms of every kind."""

from sqlalchemy import update

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.ids import RoomId
from tertulia.domain.models import Actor, Room
from tertulia.domain.roles import RoomKind, RoomRole
from tertulia.store import Work
from tertulia.store.members import add_member
from tertulia.store.rooms import insert_room
from tertulia.store.tables import rooms


async def of_kind(scene: Scene, kind: RoomKind, first: Actor, *others: Actor) -> Room:
    """Made by *first*, with *others* in it."""
    if kind is RoomKind.CHANNEL:
        return await scene.room(first, *others)

    def make(work: Work) -> RoomId:
        now = work.now
        new = Room(id=RoomId(0), kind=kind, name="", is_private=True, created_at=now, updated_at=now)
        key = f"{first.user_id}:{others[0].user_id}" if kind is RoomKind.DIRECT else None
        room_id = insert_room(work, new, direct_key=key)
        for who in (first, *others):
            role = RoomRole.OWNER if kind is RoomKind.GROUP and who is first else RoomRole.MEMBER
            add_member(work, room_id, who.user_id, who.username, role, first.user_id)
        return room_id

    room: Room = await scene.do(first, c.GetRoom(room_id=await scene.store.write(make)))
    return room


async def set_blocked(scene: Scene, room: Room) -> None:
    """As it is when one of the two has blocked the other."""
    await scene.store.write(
        lambda work: work.sql.execute(update(rooms).where(rooms.c.id == room.id).values(is_blocked=True)).rowcount
    )
