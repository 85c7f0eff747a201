"""A store with people and rooms on it, without any transport: commands go straight to their services."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tertulia.domain import commands as c
from tertulia.domain.errors import TertuliaError
from tertulia.domain.ids import EVERYTHING_BEFORE, RoomId, SessionId, UserId
from tertulia.domain.models import Actor, Place, Room, SpaceObject, Voice
from tertulia.domain.roles import RoomRole, UserRole
from tertulia.services.blocks import Blocks
from tertulia.services.conversations import Conversations
from tertulia.services.floors import NoFloors
from tertulia.services.marks import Marks
from tertulia.services.members import Members
from tertulia.services.messages import Messages
from tertulia.services.objects import Objects
from tertulia.services.pictures import Pictures
from tertulia.services.pins import Pins
from tertulia.services.reactions import Reactions
from tertulia.services.rooms import Rooms
from tertulia.services.talks import Talks
from tertulia.services.tools import Tools
from tertulia.services.walks import Walks
from tertulia.store import Committed, Store, Work
from tertulia.store.tables import users


class Scene:
    """*heard*: all that was committed, in order. *floors*: where people stand, as a test says it."""

    def __init__(self, store: Store, clock: "HandClock") -> None:
        self.store, self.clock = store, clock
        self.rooms, self.members, self.messages = Rooms(store, pictures=Pictures(good_for=0)), Members(), Messages()
        self.heard: list[Committed] = []
        store.on_commit = self.heard.append
        self.conversations, self.reactions, self.pins, self.marks = Conversations(store), Reactions(), Pins(), Marks()
        self.blocks = Blocks()
        self.floors = HandFloors()
        self.objects, self.tools = Objects(), Tools(store, self.floors)
        self.talks, self.walks = Talks(store), Walks(store, self.floors)
        rooms, members, messages = self.rooms, self.members, self.messages
        conversations, reactions, pins, marks, blocks = (
            self.conversations,
            self.reactions,
            self.pins,
            self.marks,
            self.blocks,
        )
        objects, tools, talks, walks = self.objects, self.tools, self.talks, self.walks
        self._writes: dict[type, Callable[..., Any]] = {
            c.CreateRoom: rooms.create_room,
            c.UpdateRoom: rooms.update_room,
            c.ArchiveRoom: rooms.archive_room,
            c.JoinRoom: members.join,
            c.LeaveRoom: members.leave,
            c.AddMember: members.add_member,
            c.UpdateMember: members.update_member,
            c.RemoveMember: members.remove_member,
            c.CreateInvite: members.create_invite,
            c.AcceptInvite: members.accept_invite,
            c.EditMessage: messages.edit_message,
            c.DeleteMessage: messages.delete_message,
            c.MarkRead: marks.mark_read,
            c.MarkReadTo: marks.mark_read_to,
            c.MarkDelivered: marks.mark_delivered,
            c.AddReaction: reactions.add,
            c.RemoveReaction: reactions.remove,
            c.ToggleReaction: reactions.toggle,
            c.PinMessage: pins.pin,
            c.UnpinMessage: pins.unpin,
            c.CreateGroup: conversations.create_group,
            c.BlockUser: blocks.block,
            c.UnblockUser: blocks.unblock,
            c.PlaceObject: objects.place,
            c.UpdateObject: objects.update,
            c.RemoveObject: objects.remove,
            c.ReplaceFloorPlan: objects.replace_plan,
            c.UseTool: tools.use_tool,
            c.LockArea: talks.lock_area,
        }
        self._reads: dict[type, Callable[..., Any]] = {
            c.GetRoom: rooms.get_room,
            c.ListRooms: rooms.list_rooms,
            c.ListHeads: rooms.list_heads,
            c.ListMembers: members.list_members,
            c.GetMessage: messages.get_message,
            c.ListMessages: messages.list_messages,
            c.ListEvents: messages.list_events,
            c.ListVersions: messages.list_versions,
            c.ListRecentMessages: messages.list_recent,
            c.ListReactions: reactions.list_reactions,
            c.ListPins: pins.list_pins,
            c.FindDirect: conversations.find_direct,
            c.FindVoice: conversations.find_voice,
            c.GetConversation: conversations.get_conversation,
            c.ListConversations: conversations.list_conversations,
            c.ListBlocked: blocks.list_blocked,
            c.GetObject: objects.get_object,
            c.ListObjects: objects.list_objects,
            c.GetFloorPlan: objects.get_plan,
            c.ListToolUses: tools.list_uses,
            c.ListTalks: talks.list_talks,
        }
        self._steps: dict[type, Callable[..., Any]] = {
            c.EnterRoom: rooms.enter,
            c.OpenDirect: conversations.open_direct,
            c.ListVisibleRooms: rooms.list_visible,
            c.EnterSpace: walks.enter,
            c.WalkTo: walks.walk,
            c.LeaveSpace: walks.leave,
            c.ListOccupants: walks.list_occupants,
            # asked by the server itself: nobody is the actor
            c.EnterArea: talks.enter_area,
            c.LeaveArea: talks.leave_area,
            c.Gather: talks.gather,
            c.FreeSeat: tools.free_seat,
            c.ListLeases: walks.list_leases,
            c.KeepPlaces: walks.keep_places,
            c.OpenFloor: walks.open_floor,
        }

    async def do(self, actor: Actor | None, command: Any) -> Any:
        kind = type(command)
        if kind is c.SendMessage:
            return await self._send(self.messages.post(command, actor))
        if kind in self._steps:
            return await self._steps[kind](command, actor)
        if kind in self._reads:
            return await self.store.read(lambda reader: self._reads[kind](command, actor, reader))
        return await self.store.write(lambda work: self._writes[kind](command, actor, work))

    async def refuses(self, error: type[TertuliaError], actor: Actor | None, command: Any) -> TertuliaError:
        """And nothing is written or heard of."""
        before = await self.everything()
        heard = len(self.heard)
        with pytest.raises(error) as refusal:
            await self.do(actor, command)
        assert type(refusal.value) is error, f"{refusal.value!r} for {command}"
        assert await self.everything() == before
        assert len(self.heard) == heard
        return refusal.value

    async def user(self, name: str, role: UserRole = UserRole.USER) -> Actor:
        def insert(work: Work) -> UserId:
            new = users.insert().values(
                username=name,
                username_key=name.casefold(),
                display_name=name.title(),
                password_hash="",
                created_at=work.now,
            )
            return UserId(work.sql.execute(new.returning(users.c.id)).scalar_one())

        return Actor(await self.store.write(insert), name, role, SessionId(f"s-{name}"))

    async def room(self, owner: Actor, *others: Actor, is_private: bool = False, **more: Any) -> Room:
        """With *others* as members."""
        room: Room = await self.do(owner, c.CreateRoom(name="Room", is_private=is_private, **more))
        for other in others:
            await self.do(owner, c.AddMember(room_id=room.id, user_id=other.user_id))
        found: Room = await self.do(owner, c.GetRoom(room_id=room.id))
        return found

    async def thing(self, actor: Actor, room: Room, kind: str = "chair", **more: Any) -> SpaceObject:
        """An object that *actor* has placed."""
        placed = await self.do(actor, c.PlaceObject(room_id=room.id, type=kind, **{"x": 0, "y": 0, **more}))
        thing: SpaceObject = placed.object
        return thing

    async def promote(self, owner: Actor, room: Room, other: Actor, role: RoomRole = RoomRole.MODERATOR) -> None:
        await self.do(owner, c.UpdateMember(room_id=room.id, user_id=other.user_id, role=role))

    async def say(self, actor: Actor, room: Room, *contents: str) -> list[c.SendResult]:
        sent = [c.SendMessage(room_id=room.id, content=content) for content in contents]
        return [await self.do(actor, command) for command in sent]

    async def log(self, room_id: RoomId) -> list[Any]:
        """All of a room's events; and every place from 1 to the head is taken, once."""
        found = await self.store.read_log([(room_id, EVERYTHING_BEFORE)], 100_000)
        events, head = found[room_id]
        assert [event.seq for event in events] == list(range(1, head + 1))
        return list(events)

    async def everything(self) -> dict[str, list[Any]]:
        """All rows of all tables, but for the store's own bookkeeping."""
        from tertulia.store.tables import lanes, metadata

        return await self.store.read(
            lambda reader: {
                table.name: [tuple(row) for row in reader.sql.execute(table.select())]
                for table in metadata.sorted_tables
                if table is not lanes
            }
        )

    @property
    def events(self) -> list[Any]:
        return [event for committed in self.heard for event in committed.events]

    @property
    def announced(self) -> list[Any]:
        return [event for committed in self.heard for event in committed.announced]

    async def _send(self, post: Any) -> c.SendResult:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.store.post(post, answer.set_result)
        result = await answer
        if isinstance(result, TertuliaError):
            raise result
        return result


class HandFloors(NoFloors):
    """People stand in a space where they are put; until then, nobody stands in any."""

    def __init__(self) -> None:
        self.places: dict[tuple[RoomId, UserId], Place] = {}
        self.voices: dict[tuple[RoomId, UserId], Voice] = {}

    def put(self, room: Room, actor: Actor, x: float, y: float, area_id: int | None = None) -> None:
        place = Place(room_id=room.id, user_id=actor.user_id, x=x, y=y, area_id=area_id)
        self.places[room.id, actor.user_id] = place

    def find_place(self, room_id: RoomId, user_id: UserId) -> Place | None:
        return self.places.get((room_id, user_id))

    def voice(self, room_id: RoomId, user_id: UserId, *, nearby: bool) -> Voice | None:
        return self.voices.get((room_id, user_id))


class HandClock:
    """Stands still until it is moved; a little further on with each look, so that no two moments are one."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(microseconds=1)
        return self._now

    def pass_(self, **span: float) -> None:
        self._now += timedelta(**span)


@asynccontextmanager
async def scene_on(url: str) -> AsyncIterator[Scene]:
    clock = HandClock()
    store = Store.open(url, clock=clock)
    await store.start(migrate=True)
    try:
        yield Scene(store, clock)
    finally:
        await store.stop()
