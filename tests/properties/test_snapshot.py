"""Snapshot + events = snapshot: whatever is done in a room, who applies its events to an old snapshot has a new one.

And on the way: what is refused changes nothing, no place in the log is skipped, and what is announced is in the log.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scene import Scene, scene_on
from tertulia.domain import commands as c
from tertulia.domain.errors import TertuliaError
from tertulia.domain.events import (
    DURABLE_EVENTS,
    DurableEvent,
    MemberAdded,
    MemberRemoved,
    MemberUpdated,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    RoomDeleted,
    RoomUpdated,
)
from tertulia.domain.ids import MessageId, Seq
from tertulia.domain.models import Actor, Membership, Message, Room
from tertulia.domain.quotes import quote
from tertulia.domain.roles import RoomRole, UserRole

replace = msgspec.structs.replace


class View(msgspec.Struct, frozen=True):
    """A room as somebody who follows its events knows it. *room* is None once it is archived."""

    room: Room | None
    members: dict[int, Membership]
    messages: dict[int, Message]


def apply(view: View, event: DurableEvent) -> View:
    """Pure: what a client does with an event."""
    assert view.room is not None, "nothing follows the end of a log"
    room, members, messages = replace(view.room, last_seq=event.seq), dict(view.members), dict(view.messages)
    match event:
        case MessageSent():
            messages[event.message_id] = Message(
                id=event.message_id,
                room_id=event.room_id,
                seq=event.seq,
                user_id=event.user_id,
                username=event.username,
                content=event.content,
                kind=event.kind,
                reply_to=event.reply_to,
                quote=event.quote,
                mentions=event.mentions,
                mentions_here=event.mentions_here,
                recipient_id=event.recipient_id,
                created_at=event.created_at,
            )
        case MessageEdited():
            old = messages[event.message_id]
            messages[old.id] = replace(
                old,
                content=event.content,
                mentions=event.mentions,
                mentions_here=event.mentions_here,
                is_edited=True,
                updated_at=event.updated_at,
            )
            messages = requoted(messages, messages[old.id])
        case MessageDeleted():
            old = messages[event.message_id]
            messages[old.id] = replace(
                old,
                content="",
                mentions=[],
                mentions_here=False,
                reactions=[],
                is_deleted=True,
                updated_at=event.updated_at,
            )
            messages = requoted(messages, messages[old.id])
        case MemberAdded():
            members[event.user_id] = Membership(
                room_id=event.room_id,
                user_id=event.user_id,
                username=event.username,
                display_name=event.username.title(),
                role=event.role,
                read_seq=event.seq,
                joined_at=event.created_at,
            )
        case MemberUpdated():
            was = members[event.user_id]
            members[event.user_id] = replace(was, role=event.role, muted_until=event.muted_until)
        case MemberRemoved():
            del members[event.user_id]
        case RoomUpdated():
            room = replace(event.room, last_seq=event.seq)
            assert room.member_count == len(members)
        case RoomDeleted():
            return View(None, members, messages)
    return View(replace(room, member_count=len(members)), members, messages)


def requoted(messages: dict[int, Message], of: Message) -> dict[int, Message]:
    """The replies to *of* show what it says now."""
    shown = quote(of.id, of.user_id, of.username, of.content, is_deleted=of.is_deleted)
    return {key: replace(one, quote=shown) if one.reply_to == of.id else one for key, one in messages.items()}


def test_every_durable_event_can_be_applied() -> None:
    import inspect

    source = inspect.getsource(apply)
    assert [event.__name__ for event in DURABLE_EVENTS if f"case {event.__name__}()" not in source] == []


people = st.sampled_from([0, 0, 1, 2, 3])  # the first, who founded the room, is the busiest
texts = st.sampled_from(["a", "b", "\nOlá\n", "", "\0", "@ben", "@here, @ana and @cleo"])
roles = st.sampled_from(list(RoomRole))


class Life(RuleBasedStateMachine):
    """Four people, one of them an admin, in a room and around it."""

    @initialize(is_private=st.booleans(), cast=st.tuples(*[st.none() | st.sampled_from(list(RoomRole))] * 3))
    def begin(self, is_private: bool, cast: tuple[RoomRole | None, ...]) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = TemporaryDirectory()
        url = f"sqlite:///{Path(self.folder.name)}/t.db"
        self.scene: Scene = self.run(self.stack.enter_async_context(scene_on(url)))
        self.people: list[Actor] = [self.run(self.scene.user(name)) for name in ("ana", "ben", "cleo")]
        self.people.append(self.run(self.scene.user("root", UserRole.ADMIN)))
        self.room: Room = self.run(self.scene.room(self.people[0], is_private=is_private))
        for person, role in zip(self.people[1:], cast, strict=True):
            if role is not None:
                added = c.AddMember(room_id=self.room.id, user_id=person.user_id, role=role)
                self.run(self.scene.do(self.people[0], added))
        self.said: list[MessageId] = []
        self.codes: list[str] = []
        self.view = self.look()

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def look(self) -> View:
        """The room by the services' own words, as one of its members reads it; by the tables when it has none left."""
        admin = self.people[3]

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
            listed = await self.scene.do(admin, c.ListRooms(mine=False))
            assert (seen.room.id in {one.id for one in listed.items}) == (
                not seen.room.is_private or admin.user_id in seen.members
            )
            return View(replace(snapshot.room, unread=0, read_seq=0), seen.members, seen.messages)

        return self.run(look())

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
        view = self.view
        for event in told:
            assert event.room_id == self.room.id
            assert view.room is not None
            assert event.seq == view.room.last_seq + 1
            view = apply(view, event)
        self.view = self.look()
        assert unread_aside(view) == unread_aside(self.view), command
        return result

    @rule(who=people, content=texts, nonce=st.sampled_from([None, "n", "m"]), reply=st.integers(0, 4))
    def say(self, who: int, content: str, nonce: str | None, reply: int) -> None:
        reply_to = self.said[reply] if reply < len(self.said) else None
        sent = self.do(who, c.SendMessage(room_id=self.room.id, content=content, nonce=nonce, reply_to=reply_to))
        if sent is not None and not sent.duplicate:
            self.said.append(sent.message_id)

    @rule(who=people, content=texts, which=st.integers(0, 4))
    def edit(self, who: int, content: str, which: int) -> None:
        self.do(who, c.EditMessage(message_id=self.message(which), content=content))

    @rule(who=people, which=st.integers(0, 4))
    def delete(self, who: int, which: int) -> None:
        self.do(who, c.DeleteMessage(message_id=self.message(which)))

    @rule(who=people, kind=st.sampled_from([c.JoinRoom, c.LeaveRoom, c.EnterRoom]))
    def come_and_go(self, who: int, kind: Any) -> None:
        self.do(who, kind(room_id=self.room.id))

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

    @rule(who=people, seq=st.integers(0, 60))
    def read(self, who: int, seq: int) -> None:
        self.do(who, c.MarkRead(room_id=self.room.id, seq=Seq(seq)))

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
        return self.said[which] if which < len(self.said) else MessageId(4711)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.run(self.stack.aclose())
            self.loop.close()
            self.folder.cleanup()


def find_view(reader: Any, room_id: Any) -> View:
    """Straight from the store, the room as nobody's."""
    from tertulia.store.members import list_members
    from tertulia.store.messages import newest_messages
    from tertulia.store.rooms import find_standing

    standing = find_standing(reader, room_id, 0)
    members = list_members(reader, room_id, None, 100).items
    messages = newest_messages(reader, room_id, 10**6, 1000).items
    return View(standing and standing.room, {one.user_id: one for one in members}, {one.id: one for one in messages})


def unread_aside(view: View) -> View:
    """Read marks move without a durable event."""
    return replace(view, members={key: replace(one, read_seq=0) for key, one in view.members.items()})


def spoken(event: Any) -> Any:
    """That the log tells of messages as they are now is no difference."""
    now = {"content": "", "mentions": [], "mentions_here": False, "quote": None}
    return replace(event, **{name: value for name, value in now.items() if hasattr(event, name)})


Life.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, derandomize=True)
TestLife = Life.TestCase
