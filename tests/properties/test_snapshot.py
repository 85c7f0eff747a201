"""Snapshot + events = snapshot: whatever is done in a room, who applies its events to an old snapshot has a new one.

And on the way: what is refused changes nothing, no place in the log is skipped, and what is announced is in the log.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from kinds import of_kind
from scene import Scene, scene_on
from tertulia.domain import commands as c
from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import DURABLE_EVENTS
from tertulia.domain.ids import MessageId, ObjectId, Seq
from tertulia.domain.models import Actor, FloorPlan, Message, Room
from tertulia.domain.roles import Builders, RoomKind, RoomRole, UserRole
from tertulia.store import migrate

from .view import View, apply, apply_mark, counts


def test_every_durable_event_can_be_applied() -> None:
    import inspect

    source = inspect.getsource(apply)
    assert [event.__name__ for event in DURABLE_EVENTS if f" {event.__name__}()" not in source] == []


people = st.sampled_from([0, 0, 1, 2, 3])  # the first, who founded the room, is the busiest
texts = st.sampled_from(["a", "b", "\nOlá\n", "", "\0", "@ben", "@here, @ana and @cleo"])
roles = st.sampled_from(list(RoomRole))
emoji = st.sampled_from(["👍", "🎉", "+1", "a b"])
areas = st.sampled_from(
    [
        msgspec.UNSET,
        [],
        [c.NewArea(x=0, y=0, width=60, height=20, is_private=True, is_lockable=True)],
        [c.NewArea(id=1, x=0, y=10, width=50, height=40, is_quiet=True), c.NewArea(x=50, y=0, width=9, height=9)],
    ]
)
which = st.integers(0, 9)
"""Of the messages that were sent; the last one means one that there is not."""


class Life(RuleBasedStateMachine):
    """Four people, one of them an admin, in a room and around it."""

    @initialize(
        kind=st.sampled_from([RoomKind.CHANNEL, *RoomKind]),
        is_private=st.booleans(),
        cast=st.tuples(*[st.none() | st.sampled_from(list(RoomRole))] * 3),
    )
    def begin(self, kind: RoomKind, is_private: bool, cast: tuple[RoomRole | None, ...]) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = TemporaryDirectory()
        path = Path(self.folder.name) / "t.db"
        path.write_bytes(new_database())
        self.scene: Scene = self.run(self.stack.enter_async_context(scene_on(f"sqlite:///{path}")))
        self.people: list[Actor] = [self.run(self.scene.user(name)) for name in ("ana", "ben", "cleo")]
        self.people.append(self.run(self.scene.user("root", UserRole.ADMIN)))
        self.room: Room = self.run(self.open(kind, is_private, cast))
        self.said: list[tuple[MessageId, int]] = []
        """With who said it."""
        self.codes: list[str] = []
        self.view = self.look()
        for who, content in enumerate(("Who is @here?", "@ana, me", "\nOlá\n")):
            self.say(who, content, None, reply=who - 1)

    async def open(self, kind: RoomKind, is_private: bool, cast: tuple[RoomRole | None, ...]) -> Room:
        ana, ben = self.people[:2]
        if kind is RoomKind.DIRECT:
            return await of_kind(self.scene, kind, ana, ben)
        room = await (
            self.scene.room(ana, is_private=is_private) if kind is RoomKind.CHANNEL else of_kind(self.scene, kind, ana)
        )
        if kind is RoomKind.CHANNEL:
            space = c.SpaceChange(width=200, height=100)
            room = await self.scene.do(ana, c.UpdateRoom(room_id=room.id, space=space))
            await self.scene.do(ana, c.PlaceObject(room_id=room.id, type="chair", x=10, y=10))
        for person, role in zip(self.people[1:], cast, strict=True):
            if role is not None:
                await self.scene.do(ana, c.AddMember(room_id=room.id, user_id=person.user_id, role=role))
        return room

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def look(self) -> View:
        """The room by the services' own words, as its members read it; by the tables when it has none left."""

        async def look() -> View:
            seen = await self.scene.store.read(lambda reader: find_view(reader, self.room.id))
            member = next((p for p in self.people if p.user_id in seen.members), None)
            if seen.room is None or member is None:
                return seen
            snapshot = await self.scene.do(member, c.EnterRoom(room_id=self.room.id))
            page = await self.scene.do(member, c.ListMembers(room_id=self.room.id, limit=100))
            assert snapshot.seq == snapshot.room.last_seq
            assert snapshot.membership == seen.members[member.user_id]
            assert {one.user_id: one for one in page.items} == seen.members
            shown = {one.id: one for one in snapshot.messages.items}
            assert shown.items() <= seen.messages.items()
            assert len(shown) == min(50, len(seen.messages))
            assert {one.id: one for one in snapshot.objects} == seen.objects
            if seen.room.space is not None:
                plan = FloorPlan(space=seen.room.space, objects=snapshot.objects)
                assert await self.scene.do(member, c.GetFloorPlan(room_id=self.room.id)) == plan
            assert snapshot.pins == seen.pins
            assert await self.scene.do(member, c.ListPins(room_id=self.room.id)) == [
                seen.messages[message_id] for message_id in seen.pins
            ]
            await self.see_who_reacted(member, seen)
            await self.see_what_is_listed(seen)
            room = replace(snapshot.room, unread=0, mention_count=0, read_seq=0)
            return View(room, seen.members, seen.messages, seen.pins, seen.objects)

        return self.run(look())

    async def see_who_reacted(self, member: Actor, seen: View) -> None:
        for message in seen.messages.values():
            if message.reactions:
                page = await self.scene.do(member, c.ListReactions(message_id=message.id))
                assert [one.seq for one in page.items] == sorted(one.seq for one in page.items)
                for group in message.reactions:
                    assert group.users == [one.user_id for one in page.items if one.emoji == group.emoji]
                assert len(page.items) == sum(group.count for group in message.reactions)

    async def see_what_is_listed(self, seen: View) -> None:
        """What everybody's lists say of the room."""
        room = seen.room
        assert room is not None
        for person in self.people:
            listed = {one.id: one for one in (await self.scene.do(person, c.ListRooms())).items}
            heads = {one.room_id: one for one in await self.scene.do(person, c.ListHeads())}
            is_public = room.kind is RoomKind.CHANNEL and not room.is_private
            assert (room.id in listed) == (is_public or person.user_id in seen.members)
            assert (room.id in heads) == (person.user_id in seen.members)
            if person.user_id in seen.members:
                head, one = heads[room.id], listed[room.id]
                assert (head.unread, head.mention_count) == counts(seen, person.user_id)
                assert (one.unread, one.mention_count) == counts(seen, person.user_id)
                assert (head.seq, head.read_seq) == (one.last_seq, one.read_seq)

    def do(self, actor: int, command: c.Command[Any]) -> Any:
        """Run it; what was told of it leads from the old view to the new one."""
        before, heard = self.run(self.scene.everything()), len(self.scene.heard)
        try:
            result = self.run(self.scene.do(self.people[actor], command))
        except TertuliaError:
            assert self.run(self.scene.everything()) == before
            assert len(self.scene.heard) == heard
            return None
        told = [event for committed in self.scene.heard[heard:] for event in committed.events]
        announced = [event for committed in self.scene.heard[heard:] for event in committed.announced]
        view = self.view
        for event in told:
            assert event.room_id == self.room.id
            assert view.room is not None
            assert event.seq == view.room.last_seq + 1
            view = apply(view, event)
        for event in announced:
            view = apply_mark(view, event)
        self.view = self.look()
        assert view == self.view, command
        return result

    @rule(who=people, content=texts, nonce=st.sampled_from([None, "n", "m"]), reply=which)
    def say(self, who: int, content: str, nonce: str | None, reply: int) -> None:
        reply_to = self.message(reply) if reply in {0, 3, 9} else None
        sent = self.do(who, c.SendMessage(room_id=self.room.id, content=content, nonce=nonce, reply_to=reply_to))
        if sent is not None and not sent.duplicate:
            self.said.append((sent.message_id, who))

    @rule(who=st.none() | people, content=texts, which=which)
    def edit(self, who: int | None, content: str, which: int) -> None:
        self.do(
            self.author(which) if who is None else who, c.EditMessage(message_id=self.message(which), content=content)
        )

    @rule(who=st.none() | people, which=which)
    def delete(self, who: int | None, which: int) -> None:
        self.do(self.author(which) if who is None else who, c.DeleteMessage(message_id=self.message(which)))

    @rule(
        who=people, which=which, emoji=emoji, kind=st.sampled_from([c.AddReaction, c.RemoveReaction, c.ToggleReaction])
    )
    def react(self, who: int, which: int, emoji: str, kind: Any) -> None:
        self.do(who, kind(message_id=self.message(which), emoji=emoji))

    @rule(who=people, which=which, kind=st.sampled_from([c.PinMessage, c.UnpinMessage]))
    def pin(self, who: int, which: int, kind: Any) -> None:
        self.do(who, kind(message_id=self.message(which)))

    @rule(who=people, kind=st.sampled_from([c.JoinRoom, c.LeaveRoom, c.EnterRoom]))
    def come_and_go(self, who: int, kind: Any) -> None:
        self.do(who, kind(room_id=self.room.id))

    @rule(who=people, whom=people, kind=st.sampled_from([c.BlockUser, c.UnblockUser]))
    def block(self, who: int, whom: int, kind: Any) -> None:
        self.do(who, kind(user_id=self.people[whom].user_id))

    @rule(who=people, whom=people, role=roles)
    def add(self, who: int, whom: int, role: RoomRole) -> None:
        self.do(who, c.AddMember(room_id=self.room.id, user_id=self.people[whom].user_id, role=role))

    @rule(who=people, whom=people, role=st.none() | roles, mute=st.sampled_from([None, "mute", "unmute"]))
    def change(self, who: int, whom: int, role: RoomRole | None, mute: str | None) -> None:
        until = self.scene.clock() + timedelta(hours=1) if mute == "mute" else None
        self.do(
            who,
            c.UpdateMember(
                room_id=self.room.id,
                user_id=self.people[whom].user_id,
                role=msgspec.UNSET if role is None else role,
                muted_until=msgspec.UNSET if mute is None else until,
            ),
        )

    @rule(who=people, whom=people, ban=st.booleans())
    def remove(self, who: int, whom: int, ban: bool) -> None:
        self.do(who, c.RemoveMember(room_id=self.room.id, user_id=self.people[whom].user_id, ban=ban))

    @rule(who=people, max_uses=st.sampled_from([None, 1]))
    def invite(self, who: int, max_uses: int | None) -> None:
        invite = self.do(who, c.CreateInvite(room_id=self.room.id, max_uses=max_uses))
        if invite is not None:
            self.codes.append(invite.code)

    @rule(who=people, which=st.integers(0, 1))
    def accept(self, who: int, which: int) -> None:
        self.do(who, c.AcceptInvite(code=self.codes[which] if which < len(self.codes) else "nothing"))

    @rule(who=people, name=st.sampled_from(["Room", "Garden", ""]), private=st.none() | st.booleans())
    def rename(self, who: int, name: str, private: bool | None) -> None:
        is_private = msgspec.UNSET if private is None else private
        self.do(who, c.UpdateRoom(room_id=self.room.id, name=name, is_private=is_private, settings={"a": name}))

    @rule(
        who=people,
        width=st.sampled_from([60, 200, msgspec.UNSET]),
        builders=st.sampled_from(list(Builders)),
        areas=areas,
    )
    def build(self, who: int, width: Any, builders: Builders, areas: Any) -> None:
        space = c.SpaceChange(width=width, height=100, builders=builders, areas=areas)
        self.do(who, c.UpdateRoom(room_id=self.room.id, space=space))

    @rule(who=people, kind=st.sampled_from(["chair", "wall", "No"]), x=st.integers(0, 200))
    def place(self, who: int, kind: str, x: float) -> None:
        self.do(who, c.PlaceObject(room_id=self.room.id, type=kind, x=x, y=0, metadata={"movable": x > 99}))

    @rule(
        who=people,
        which=which,
        x=st.sampled_from([0, 50, msgspec.UNSET]),
        kind=st.sampled_from(["chair", "stool", msgspec.UNSET]),
        version=st.none() | st.integers(1, 3),
    )
    def shift(self, who: int, which: int, x: Any, kind: Any, version: int | None) -> None:
        self.do(who, c.UpdateObject(object_id=self.thing(which), x=x, type=kind, version=version))

    @rule(who=people, which=which)
    def take_away(self, who: int, which: int) -> None:
        self.do(who, c.RemoveObject(object_id=self.thing(which)))

    @rule(who=people, which=which, action=st.sampled_from(["sit", "sit", "stand", "rotate", "wave", "destroy"]))
    def use(self, who: int, which: int, action: str) -> None:
        params = {"rotation": 90} if action == "rotate" else {}
        command = c.UseTool(room_id=self.room.id, target_object_id=self.thing(which), action=action, params=params)
        self.do(who, command)

    @rule(who=people, count=st.integers(0, 2), areas=areas)
    def furnish(self, who: int, count: int, areas: Any) -> None:
        things = [c.NewObject(type=kind, x=40 * number, y=0) for number, kind in enumerate(("chair", "wall")[:count])]
        self.do(who, c.ReplaceFloorPlan(room_id=self.room.id, space=c.SpaceChange(areas=areas), objects=things))

    @rule(who=people, seq=st.integers(0, 60), kind=st.sampled_from([c.MarkRead, c.MarkDelivered]))
    def mark(self, who: int, seq: int, kind: Any) -> None:
        self.do(who, kind(room_id=self.room.id, seq=Seq(seq)))

    @rule(who=people, which=which)
    def read_to(self, who: int, which: int) -> None:
        self.do(who, c.MarkReadTo(message_id=self.message(which)))

    @rule(who=people, is_sure=st.integers(0, 20))
    def archive(self, who: int, is_sure: int) -> None:
        if is_sure == 0:
            self.do(who, c.ArchiveRoom(room_id=self.room.id))

    @rule(hours=st.integers(1, 2))
    def wait(self, hours: int) -> None:
        self.scene.clock.pass_(hours=hours)

    @invariant()
    def the_log_has_every_place_once_and_is_what_was_told(self) -> None:
        if hasattr(self, "view"):
            logged = self.run(self.scene.log(self.room.id))
            told = [event for event in self.scene.events if event.room_id == self.room.id]
            assert [spoken(event) for event in logged] == [spoken(event) for event in told]

    def message(self, which: int) -> MessageId:
        return self.said[which % len(self.said)][0] if self.said and which < 9 else MessageId(4711)

    def thing(self, which: int) -> ObjectId:
        there = sorted(self.view.objects)
        return ObjectId(there[which % len(there)] if there and which < 9 else 4711)

    def author(self, which: int) -> int:
        return self.said[which % len(self.said)][1] if self.said else 0

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.run(self.stack.aclose())
            self.loop.close()
            self.folder.cleanup()


@cache
def new_database() -> bytes:
    """Made once, and not for each life anew."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.db"
        asyncio.run(migrate(f"sqlite:///{path}"))
        return path.read_bytes()


def find_view(reader: Any, room_id: Any) -> View:
    """Straight from the store, the room as nobody's."""
    from tertulia.store.members import list_members
    from tertulia.store.messages import newest_messages
    from tertulia.store.objects import list_objects
    from tertulia.store.pins import list_pinned
    from tertulia.store.rooms import find_standing

    standing = find_standing(reader, room_id, 0)
    members = {one.user_id: one for one in list_members(reader, room_id, None, 100).items}
    messages: dict[int, Message] = {one.id: one for one in newest_messages(reader, room_id, 10**6, 1000).items}
    objects = {one.id: one for one in list_objects(reader, room_id)}
    return View(standing and standing.room, members, messages, [*list_pinned(reader, room_id)], objects)


def spoken(event: Any) -> Any:
    """That the log tells of messages as they are now is no difference."""
    now = {"content": "", "mentions": [], "mentions_here": False, "quote": None}
    return replace(event, **{name: value for name, value in now.items() if hasattr(event, name)})


Life.TestCase.settings = settings(max_examples=20, stateful_step_count=40, deadline=None, derandomize=True)
TestLife = Life.TestCase
