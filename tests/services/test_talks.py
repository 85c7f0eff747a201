"""Talks: who is let in, who hears, and who may read what afterwards."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from scene import HandFloors, Scene, scene_on
from tertulia.domain import commands as c
from tertulia.domain.errors import (
    AreaFull,
    AreaLocked,
    Forbidden,
    Invalid,
    Muted,
    NobodyNear,
    NonceConflict,
    NoSuchArea,
    NoSuchMessage,
    NoSuchRoom,
    NotAMember,
    NotThere,
    RoleTooLow,
    TertuliaError,
)
from tertulia.domain.events import (
    MemberAdded,
    MemberRemoved,
    MemberUpdated,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    RoomDeleted,
    RoomUpdated,
    StayBegan,
)
from tertulia.domain.ids import RoomId
from tertulia.domain.models import Actor, Room, Stay, Voice
from tertulia.domain.roles import LeaveReason, RoomRole, UserRole
from tertulia.services.executor import Executor
from tertulia.services.handlers import Entry, How
from tertulia.services.members import release
from tertulia.services.pictures import Pictures
from tertulia.services.rooms import Rooms
from tertulia.store.talks import close_area_talks, list_open_stays, list_talkers


@pytest.fixture
async def any_scene(sqlite_url: str) -> AsyncIterator[Scene]:
    """For what is decided above the store."""
    async with scene_on(sqlite_url) as scene:
        yield scene


PRIVATE, QUIET, COUNTED, LOCKABLE = 1, 2, 3, 4
"""Ids of the areas of `hall`."""


def area(place: int, **rules: Any) -> c.NewArea:
    return c.NewArea(x=place * 100, y=0, width=90, height=90, **rules)


async def hall(scene: Scene, owner: Actor, *others: Actor, **more: Any) -> Room:
    areas = [
        area(0, name="Booth", is_private=True),
        area(1, name="Corner", is_quiet=True),
        area(2, capacity=3),
        area(3, is_lockable=True, is_private=True),
        area(4),
    ]
    space = c.SpaceChange(width=1000, height=1000, areas=areas)
    return await scene.room(owner, *others, space=space, **more)


async def people(scene: Scene, *names: str) -> list[Actor]:
    return [await scene.user(name) for name in names]


class Floor(HandFloors):
    """Where people stand, as a test says it; who stands nowhere speaks to the room."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str | None, RoomId | None]] = []

    def voice(self, room_id: RoomId, user_id: Any, *, nearby: bool) -> Voice | None:
        voice = self.voices.get((room_id, user_id))
        if nearby and (voice is None or voice.bubble_id is None):
            raise NobodyNear
        return voice

    def spoken(self, room_id: RoomId, voice: Voice, talk_id: RoomId | None) -> None:
        self.told.append((voice.bubble_id, talk_id))


class World:
    """The scene with a floor, and messages going by it."""

    def __init__(self, scene: Scene, room: Room) -> None:
        self.scene, self.room, self.floor = scene, room, Floor()
        self.executor = Executor(scene.store, {}, scene.messages, floors=self.floor, talks=scene.talks)

    async def come(self, who: Actor, area_id: int = PRIVATE) -> Stay:
        stay: Stay = await self.scene.do(None, c.EnterArea(room_id=self.room.id, area_id=area_id, user_id=who.user_id))
        self.floor.voices[self.room.id, who.user_id] = Voice(area_id=area_id)
        return stay

    async def go(self, who: Actor, area_id: int | None = None) -> None:
        await self.scene.do(None, c.LeaveArea(room_id=self.room.id, area_id=area_id, user_id=who.user_id))
        self.floor.voices[self.room.id, who.user_id] = Voice()

    def stand_together(self, bubble_id: str, *crowd: Actor, talk_id: RoomId | None = None) -> None:
        voice = Voice(bubble_id=bubble_id, talk_id=talk_id, hearers=[one.user_id for one in crowd])
        for one in crowd:
            self.floor.voices[self.room.id, one.user_id] = voice

    def stand_alone(self, who: Actor) -> None:
        self.floor.voices[self.room.id, who.user_id] = Voice()

    async def say(self, who: Actor, content: str, **more: Any) -> c.SendResult:
        command = c.SendMessage(room_id=self.room.id, content=content, **more)
        return await self.executor.execute(command, who)

    async def refuses(self, error: type[TertuliaError], who: Actor, content: str = "?", **more: Any) -> None:
        before = await self.scene.everything()
        with pytest.raises(error) as refusal:
            await self.say(who, content, **more)
        assert type(refusal.value) is error
        assert await self.scene.everything() == before


async def world_of(scene: Scene, *names: str, **more: Any) -> tuple[World, list[Actor]]:
    crowd = await people(scene, *names)
    return World(scene, await hall(scene, *crowd, **more)), crowd


# ---- every way of reading

Way = Callable[[Scene, Actor, RoomId], Any]


async def by_pages(scene: Scene, who: Actor, talk_id: RoomId) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await scene.do(who, c.ListMessages(room_id=talk_id, limit=2, cursor=cursor))
        found += [one.content for one in page.items]
        cursor = page.next_cursor
        if not page.has_more:
            return found[::-1]


async def by_skipping(scene: Scene, who: Actor, talk_id: RoomId) -> list[str]:
    found: list[str] = []
    while page := (await scene.do(who, c.ListMessages(room_id=talk_id, limit=2, skip=len(found)))).items:
        found += [one.content for one in page]
    return found[::-1]


async def by_log(scene: Scene, who: Actor, talk_id: RoomId) -> list[str]:
    events, after = [], 0
    while True:
        page = await scene.do(who, c.ListEvents(room_id=talk_id, after=after, limit=3))
        events += page.items
        after = page.seq
        if not page.has_more:
            break
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    return [event.content for event in events if isinstance(event, MessageSent)]


async def by_id(scene: Scene, who: Actor, talk_id: RoomId) -> list[str]:
    found = []
    for event in await scene.log(talk_id):
        if isinstance(event, MessageSent):
            try:
                found.append((await scene.do(who, c.GetMessage(message_id=event.message_id))).content)
            except NoSuchMessage:
                with pytest.raises(NoSuchMessage):
                    await scene.do(who, c.ListReactions(message_id=event.message_id))
                with pytest.raises(NoSuchMessage):
                    await scene.do(who, c.ListVersions(message_id=event.message_id))
    return found


WAYS = [by_pages, by_skipping, by_log, by_id]


async def by_entering(scene: Scene, who: Actor, talk_id: RoomId) -> list[str]:
    snapshot = await scene.do(who, c.EnterRoom(room_id=talk_id))
    assert snapshot.seq == snapshot.room.last_seq
    return [one.content for one in snapshot.messages.items]


async def by_recent(scene: Scene, who: Actor, talk_id: RoomId) -> list[str]:
    recent = await scene.do(who, c.ListRecentMessages())
    return [one.content for one in reversed(recent) if one.room_id == talk_id]


WAYS_OF_MEMBERS = [by_entering, by_recent]


async def reads(scene: Scene, who: Actor, talk_id: RoomId, said: Iterable[str], *, is_there: bool) -> None:
    expected = list(said)
    for way in [*WAYS, *WAYS_OF_MEMBERS] if is_there else WAYS:
        assert await way(scene, who, talk_id) == expected, f"{who.username} by {way.__name__}"
    if is_there:
        conversation = await scene.do(who, c.GetConversation(room_id=talk_id))
        assert (conversation.last_message and conversation.last_message.content) == (expected or [None])[-1]
    else:
        with pytest.raises(NotAMember):
            await scene.do(who, c.EnterRoom(room_id=talk_id))


async def exists_not(scene: Scene, who: Actor, talk_id: RoomId) -> None:
    for command in (
        c.GetRoom(room_id=talk_id),
        c.ListMessages(room_id=talk_id),
        c.ListEvents(room_id=talk_id),
        c.ListPins(room_id=talk_id),
        c.ListMembers(room_id=talk_id),
        c.EnterRoom(room_id=talk_id),
        c.JoinRoom(room_id=talk_id),
        c.LeaveRoom(room_id=talk_id),
        c.UpdateRoom(room_id=talk_id, name="Mine"),
        c.ArchiveRoom(room_id=talk_id),
        c.SendMessage(room_id=talk_id, content="?"),
        c.MarkRead(room_id=talk_id, seq=1),
    ):
        with pytest.raises(NoSuchRoom):
            await scene.do(who, command)


async def test_one_reads_exactly_what_was_said_while_one_stood_there(scene: Scene) -> None:
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    talk_id = (await world.come(ana)).talk_id
    await world.say(ana, "1 to nobody")
    assert (await world.come(ben)).talk_id == talk_id
    await world.say(ben, "2")
    await exists_not(scene, cleo, talk_id)
    await world.come(cleo)
    await world.say(cleo, "3")
    await world.say(ana, "4")
    await world.go(ben)
    await world.say(cleo, "5")
    await world.go(ana)
    await world.come(ben)
    await world.say(ben, "6")
    await world.go(cleo)

    await reads(scene, ana, talk_id, ["1 to nobody", "2", "3", "4", "5"], is_there=False)
    await reads(scene, ben, talk_id, ["2", "3", "4", "6"], is_there=True)
    await reads(scene, cleo, talk_id, ["3", "4", "5", "6"], is_there=False)
    assert [event.content for event in await scene.log(world.room.id) if isinstance(event, MessageSent)] == []


async def live(world: World, crowd: list[Actor], chance: Random) -> list[Any]:
    """Somebody does something, many times over. What was told of the talk while they did."""
    scene, said = world.scene, []
    talk_id = (await world.come(crowd[0])).talk_id
    for number in range(40):
        who = chance.choice(crowd)
        author, message_id = chance.choice(said) if said else (who, 0)
        do = {
            "come": lambda who=who: world.come(who),
            "go": lambda who=who: world.go(who),
            "say": lambda who=who, number=number: world.say(who, f"said {number}"),
            "reply": lambda who=who, number=number, to=message_id: world.say(who, f"reply {number}", reply_to=to),
            "edit": lambda who=author, number=number, which=message_id: scene.do(
                who, c.EditMessage(message_id=which, content=f"edited {number}")
            ),
            "delete": lambda who=author, which=message_id: scene.do(who, c.DeleteMessage(message_id=which)),
        }
        kind = chance.choices(list(do), [4, 3, 6, 3, 4, 1])[0]
        with contextlib.suppress(TertuliaError):
            sent = await do[kind]()
            if kind in {"say", "reply"} and sent.talk_id == talk_id:
                said.append((who, sent.message_id))
    return [event for event in scene.events if event.room_id == talk_id]


def heard_by(who: Actor, told: list[Any]) -> list[Any]:
    """What lies within their stays."""
    found, is_there = [], False
    for event in told:
        is_theirs = isinstance(event, MemberAdded | MemberRemoved) and event.user_id == who.user_id
        if is_there or is_theirs:
            found.append(event)
        if is_theirs:
            is_there = isinstance(event, MemberAdded)
    return found


async def test_whatever_is_done_one_reads_what_one_has_heard(scene: Scene) -> None:
    for life in range(4):
        world, crowd = await world_of(scene, *(f"{name}{life}" for name in ("ana", "ben", "cleo")))
        told = await live(world, crowd, Random(life))
        deleted = {event.message_id for event in told if isinstance(event, MessageDeleted)}
        for who in crowd:
            heard = heard_by(who, told)
            if not heard:
                continue
            texts = {one.message_id: one.content for one in heard if isinstance(one, MessageSent | MessageEdited)}
            texts |= dict.fromkeys(deleted, "")
            sent = {event.message_id: event for event in heard if isinstance(event, MessageSent)}

            page = await scene.do(who, c.ListMessages(room_id=told[0].room_id, limit=100))
            assert {one.id: one.content for one in page.items} == {one: texts[one] for one in sent}
            for one in page.items:
                assert (one.quote is not None) == (one.reply_to in sent)
                assert one.quote is None or one.quote.text == texts[one.reply_to]
                assert await scene.do(who, c.GetMessage(message_id=one.id)) == one
            log = await scene.do(who, c.ListEvents(room_id=told[0].room_id, limit=100))
            assert [event.seq for event in log.items] == [event.seq for event in heard]
            for event in log.items:
                if isinstance(event, MessageSent | MessageEdited):
                    assert event.content == texts[event.message_id]
            assert (log.head, log.has_more) == (heard[-1].seq, False)


async def test_the_talk_of_a_bubble_is_read_by_who_heard_it(scene: Scene) -> None:
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    world.stand_together("b1", ana, ben)
    first = await world.say(ana, "psst", nearby=True)
    talk_id = first.talk_id
    assert talk_id is not None
    world.stand_together("b1", ana, ben, cleo, talk_id=talk_id)
    assert (await world.say(ben, "all three", nearby=True)).talk_id == talk_id
    world.stand_together("b1", ana, cleo, talk_id=talk_id)
    await world.say(cleo, "two are left", nearby=True)

    await reads(scene, ana, talk_id, ["psst", "all three", "two are left"], is_there=True)
    await reads(scene, ben, talk_id, ["psst", "all three"], is_there=False)
    await reads(scene, cleo, talk_id, ["all three", "two are left"], is_there=True)
    assert world.floor.told == [("b1", talk_id)] * 3
    talk = await scene.do(ana, c.GetRoom(room_id=talk_id))
    assert (talk.parent_id, talk.area_id, talk.is_private, talk.member_count) == (world.room.id, None, True, 2)
    await exists_not(scene, (await people(scene, "eve"))[0], talk_id)


async def test_events_of_ones_stays_are_whole_with_what_bounds_them(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    await world.say(ana, "before")
    began = (await world.come(ben)).began
    await world.say(ana, "during")
    await world.go(ben)
    await world.say(ana, "after")

    page = await scene.do(ben, c.ListEvents(room_id=talk_id))

    assert [type(event) for event in page.items] == [MemberAdded, MessageSent, MemberRemoved]
    assert [event.seq for event in page.items] == [began, began + 1, began + 2]
    assert (page.seq, page.head) == (began + 2, began + 2)
    assert (await scene.do(ben, c.GetRoom(room_id=talk_id))).last_seq == began + 2
    assert page.items[-1].reason is LeaveReason.LEFT
    assert [type(event) for event in await scene.log(talk_id)].count(MessageSent) == 3


async def test_who_comes_back_resumes_from_where_they_came_in_and_not_from_before(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    await world.come(ben)
    await world.say(ana, "first")
    await world.go(ben)
    await world.say(ana, "missed")
    began = (await world.come(ben)).began

    snapshot = await scene.do(ben, c.EnterRoom(room_id=talk_id))

    assert snapshot.since == began == snapshot.seq
    assert (snapshot.room.unread, snapshot.room.read_seq) == (0, began)
    assert [one.content for one in snapshot.messages.items] == ["first"]
    assert (await scene.do(ana, c.EnterRoom(room_id=world.room.id))).since == 0


async def test_a_crowd_that_enters_a_talk_is_not_shown_one_picture(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    rooms = Rooms(scene.store, pictures=Pictures())
    talk_id = (await world.come(ana)).talk_id
    await world.say(ana, "before")
    await world.come(ben)

    seen = [await rooms.enter(c.EnterRoom(room_id=talk_id), who) for who in (ana, ben, ana)]

    assert [len(snapshot.messages.items) for snapshot in seen] == [1, 0, 1]


async def test_an_edit_is_heard_by_those_who_are_there_when_it_is_made(scene: Scene) -> None:
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    talk_id = (await world.come(ana)).talk_id
    await world.come(ben)
    said = await world.say(ana, "as ben heard it @ben")
    await world.go(ben)
    await scene.do(ana, c.EditMessage(message_id=said.message_id, content="behind his back @ana"))
    await world.come(cleo)
    await scene.do(ana, c.EditMessage(message_id=said.message_id, content="as cleo heard it"))

    async def known(who: Actor) -> tuple[str, bool, list[Any]]:
        message = await scene.do(who, c.GetMessage(message_id=said.message_id))
        return message.content, message.is_edited, message.mentions

    assert await known(ana) == ("as cleo heard it", True, [])
    assert await known(ben) == ("as ben heard it @ben", False, [ben.user_id])
    await scene.refuses(NoSuchMessage, cleo, c.GetMessage(message_id=said.message_id))
    page = await scene.do(ben, c.ListEvents(room_id=talk_id))
    assert [event.content for event in page.items if isinstance(event, MessageSent)] == ["as ben heard it @ben"]
    page = await scene.do(cleo, c.ListEvents(room_id=talk_id))
    assert [event.content for event in page.items if isinstance(event, MessageEdited)] == ["as cleo heard it"]
    versions = await scene.do(ana, c.ListVersions(message_id=said.message_id))
    assert len(versions) == 3

    await world.come(ben)
    assert (await known(ben))[0] == "as ben heard it @ben"
    reacted = await scene.do(ben, c.AddReaction(message_id=said.message_id, emoji="👍"))
    assert (reacted.message.content, reacted.count) == ("as ben heard it @ben", 1)
    assert [one.content for one in await scene.do(ben, c.ListRecentMessages())] == ["as ben heard it @ben"]
    await scene.do(ben, c.PinMessage(message_id=said.message_id))
    assert [one.content for one in await scene.do(ben, c.ListPins(room_id=talk_id))] == ["as ben heard it @ben"]
    assert await scene.do(cleo, c.ListPins(room_id=talk_id)) == []
    assert (await scene.do(cleo, c.EnterRoom(room_id=talk_id))).pins == []
    assert (await scene.do(ben, c.EnterRoom(room_id=talk_id))).pins == [said.message_id]


async def test_what_is_deleted_is_deleted_for_all_and_the_author_may_do_so_from_afar(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    await world.come(ben)
    said = await world.say(ben, "too much")
    await scene.do(ben, c.EditMessage(message_id=said.message_id, content="far too much"))
    await world.go(ben)

    await scene.refuses(NotAMember, ben, c.EditMessage(message_id=said.message_id, content="?"))
    await scene.refuses(NotAMember, ben, c.AddReaction(message_id=said.message_id, emoji="👍"))
    await scene.refuses(NotAMember, ben, c.PinMessage(message_id=said.message_id))
    await scene.do(ben, c.DeleteMessage(message_id=said.message_id))

    await reads(scene, ben, talk_id, [""], is_there=False)
    assert await by_pages(scene, ana, talk_id) == [""]
    assert "too much" not in str(await scene.everything())


async def test_a_moderator_who_is_there_moderates_what_they_have_heard(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    await world.come(ben)
    secret = await world.say(ben, "before she came")
    await world.come(ana)
    heard = await world.say(ben, "rude")
    await scene.refuses(NoSuchMessage, ana, c.DeleteMessage(message_id=secret.message_id))
    await scene.do(ana, c.DeleteMessage(message_id=heard.message_id))
    await world.go(ana)
    later = await world.say(ben, "rude again")
    await scene.refuses(NoSuchMessage, ana, c.DeleteMessage(message_id=later.message_id))


async def test_one_replies_to_what_one_has_heard_and_it_is_quoted_to_who_has_heard_it(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    secret = await world.say(ana, "secret")
    alone = await world.say(ana, "to myself", reply_to=secret.message_id)
    await world.come(ben)
    await world.refuses(Invalid, ben, "what was it?", reply_to=secret.message_id)
    await scene.refuses(Invalid, ben, c.SendMessage(room_id=talk_id, content="?", reply_to=secret.message_id))
    again = await world.say(ana, "as I said", reply_to=secret.message_id)
    shared = await world.say(ben, "what?", reply_to=again.message_id)

    told = {event.message_id: event for event in scene.events if isinstance(event, MessageSent)}
    assert told[alone.message_id].quote.text == "secret"
    assert told[again.message_id].quote is None
    assert told[shared.message_id].quote.text == "as I said"
    # who catches up is told the same
    assert {event.seq: event.quote for event in await scene.log(talk_id) if isinstance(event, MessageSent)} == {
        event.seq: event.quote for event in told.values()
    }
    quotes = {}
    for who in (ana, ben):
        page = await scene.do(who, c.ListMessages(room_id=talk_id))
        quotes[who.username] = [one.quote and one.quote.text for one in reversed(page.items)]
        logged = (await scene.do(who, c.ListEvents(room_id=talk_id))).items
        sent = [event for event in logged if isinstance(event, MessageSent)]
        assert [event.quote and event.quote.text for event in sent] == quotes[who.username]
    assert quotes == {"ana": [None, "secret", "secret", "as I said"], "ben": [None, "as I said"]}
    await world.refuses(Invalid, ana, "elsewhere", reply_to=10**12)


async def test_a_cursor_is_a_message_that_one_may_read(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    before = await world.say(ana, "before")
    await world.come(ben)
    await scene.refuses(Invalid, ben, c.ListMessages(room_id=talk_id, cursor=before.message_id))


async def test_unread_and_mentions_are_of_what_one_hears(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    await world.come(ben)
    await world.say(ana, "@ben")
    await world.go(ben)
    await world.say(ana, "@here, @ben has gone")
    await world.come(ben)
    await world.say(ana, "welcome back, @ben")
    await world.say(ana, "and sit")

    talks = [one for one in await scene.do(ben, c.ListConversations()) if one.room.id == talk_id]
    heads = [head for head in await scene.do(ben, c.ListHeads()) if head.room_id == talk_id]
    listed = [one for one in (await scene.do(ben, c.ListTalks(room_id=world.room.id))).items if one.id == talk_id]
    assert [(one.unread, one.mention_count) for one in [*(one.room for one in talks), *heads, *listed]] == [(2, 1)] * 3
    await scene.do(ben, c.MarkRead(room_id=talk_id, seq=10**6))
    assert (await scene.do(ben, c.GetRoom(room_id=talk_id))).unread == 0


async def test_conversations_are_in_the_order_of_what_one_has_heard_there(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    await world.come(ben)
    await world.say(ana, "heard")
    await world.go(ben)
    await scene.say(ana, world.room, "to all")
    await world.say(ana, "missed")
    await world.come(ben)

    def shown(found: list[Any]) -> list[tuple[RoomId, str]]:
        return [(one.room.id, one.last_message.content) for one in found]

    mine = shown(await scene.do(ana, c.ListConversations()))
    assert mine == [(talk_id, "missed"), (world.room.id, "to all")]
    theirs = shown(await scene.do(ben, c.ListConversations()))
    assert theirs == [(talk_id, "heard"), (world.room.id, "to all")]  # he has just come in
    await scene.say(ana, world.room, "again")
    assert shown(await scene.do(ben, c.ListConversations())) == [(world.room.id, "again"), (talk_id, "heard")]
    recent = [one.content for one in await scene.do(ben, c.ListRecentMessages(skip=1))]
    assert recent == ["to all", "heard"]


# ---- quiet and private


async def test_a_quiet_areas_talk_is_read_by_all_members_of_the_room_and_by_nobody_else(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    [eve] = await people(scene, "eve")
    talk_id = (await world.come(ana, QUIET)).talk_id
    assert (await world.say(ana, "quietly")).talk_id == talk_id

    assert [await way(scene, ben, talk_id) for way in WAYS] == [["quietly"]] * 4
    assert [one.id for one in (await scene.do(ben, c.ListTalks(room_id=world.room.id))).items] == [talk_id]
    assert talk_id not in [one.id for one in (await scene.do(ben, c.ListRooms())).items]
    assert len((await scene.do(ben, c.ListMembers(room_id=talk_id))).items) == 1
    await scene.refuses(NotAMember, ben, c.SendMessage(room_id=talk_id, content="?"))
    await scene.refuses(NotAMember, ben, c.EnterRoom(room_id=talk_id))
    await exists_not(scene, eve, talk_id)

    await world.come(ben, QUIET)
    assert (await scene.do(ben, c.EnterRoom(room_id=talk_id))).since == 0
    await reads(scene, ben, talk_id, ["quietly"], is_there=True)
    await world.go(ben)
    await scene.do(ben, c.LeaveRoom(room_id=world.room.id))
    await world.say(ana, "about ben")
    assert await by_pages(scene, ben, talk_id) == []
    assert await by_pages(scene, ana, talk_id) == ["quietly", "about ben"]


async def test_whether_a_talk_is_private_never_changes(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    secret = (await world.come(ana)).talk_id
    await world.say(ana, "secret")

    async def change(**rules: Any) -> None:
        booth = c.NewArea(id=PRIVATE, x=0, y=0, width=90, height=90, **rules)
        change = c.UpdateRoom(room_id=world.room.id, space=c.SpaceChange(areas=[booth]))
        await scene.do(ana, change)

    await change(is_quiet=True)
    await world.refuses(NotThere, ana, "nobody is inside any more, as far as the store knows")
    quiet = (await world.come(ana)).talk_id
    await world.say(ana, "quietly")
    await change(is_private=True)
    assert (await world.come(ana)).talk_id == secret
    await world.say(ana, "secret again")

    assert quiet != secret
    assert await by_pages(scene, ben, quiet) == ["quietly"]
    await exists_not(scene, ben, secret)
    assert await by_pages(scene, ana, secret) == ["secret", "secret again"]
    await change(is_private=True, name="Snug")
    await world.go(ana)
    await world.come(ana)
    assert (await scene.do(ana, c.GetRoom(room_id=secret))).name == "Snug"


async def test_admins_of_the_server_do_not_read_private_talks(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana,) = await world_of(scene, "ana")
    root = await scene.user("root", UserRole.ADMIN)
    talk_id = (await world.come(ana)).talk_id
    said = await world.say(ana, "secret")

    await exists_not(scene, root, talk_id)
    await scene.refuses(NoSuchMessage, root, c.DeleteMessage(message_id=said.message_id))
    assert (await scene.do(root, c.ListTalks(room_id=world.room.id))).items == []


# ---- coming and going


async def test_who_comes_in_is_told_of_by_the_log_and_to_the_nodes(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana, _ben) = await world_of(scene, "ana", "ben")
    scene.heard.clear()
    stay = await world.come(ana)
    again = await world.come(ana)

    assert stay == again
    assert (stay.parent_id, stay.area_id, stay.user_id, stay.ended) == (world.room.id, PRIVATE, ana.user_id, None)
    [added] = scene.events
    assert (added.room_id, added.seq, added.user_id, added.role) == (stay.talk_id, stay.began, ana.user_id, "owner")
    notices = [notice for committed in scene.heard for notice in committed.notices]
    assert StayBegan(user_id=ana.user_id, room_id=stay.talk_id, parent_id=world.room.id) in notices
    assert await scene.store.read(list_open_stays) == [stay]
    talk = await scene.do(ana, c.GetRoom(room_id=stay.talk_id))
    assert (talk.name, talk.kind, talk.area_id, talk.member_count) == ("Booth", "group", PRIVATE, 1)


async def test_one_is_in_one_area_at_a_time(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    first = await world.come(ana)
    second = await world.come(ana, QUIET)
    third = await world.come(ben, COUNTED)

    stays = await scene.store.read(lambda reader: list_open_stays(reader, world.room.id))
    assert stays == [second, third]
    assert first.talk_id != second.talk_id
    await world.go(ana, PRIVATE)  # they are not there any more
    assert await scene.store.read(list_open_stays) == [second, third]
    await world.go(ana)
    await world.go(ben, COUNTED)
    await world.go(ben)
    assert await scene.store.read(list_open_stays) == []
    assert await scene.store.read(lambda reader: list_talkers(reader, world.room.id)) == [ana.user_id, ben.user_id]
    assert await scene.store.read(lambda reader: list_talkers(reader, first.talk_id)) == []


async def test_who_is_let_in_is_a_member_and_the_area_has_a_gate(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana,) = await world_of(scene, "ana")
    [eve] = await people(scene, "eve")
    for error, who, area_id in (
        (NotAMember, eve, PRIVATE),
        (NoSuchArea, ana, 5),  # one that is only a part of the floor
        (NoSuchArea, ana, 99),
    ):
        await scene.refuses(error, None, c.EnterArea(room_id=world.room.id, area_id=area_id, user_id=who.user_id))
    missing = c.EnterArea(room_id=RoomId(10**9), area_id=1, user_id=ana.user_id)
    await scene.refuses(NoSuchRoom, None, missing)
    await scene.do(None, c.LeaveArea(room_id=RoomId(10**9), area_id=None, user_id=ana.user_id))
    await scene.do(None, c.Gather(talk_id=RoomId(10**9), user_ids=[]))


async def test_never_more_than_its_capacity_are_in_an_area(scene: Scene) -> None:
    names = [f"user{n}" for n in range(12)]
    world, crowd = await world_of(scene, *names)

    async def knock(who: Actor) -> bool:
        try:
            await world.come(who, COUNTED)
        except AreaFull:
            return False
        return True

    async def come_and_go(who: Actor) -> None:
        if await knock(who):
            await world.go(who)
            await knock(who)

    await asyncio.gather(*map(come_and_go, crowd))
    inside = 0
    talk_id = (await scene.do(None, c.ListLeases(room_id=world.room.id))).stays[0].talk_id
    for event in await scene.log(talk_id):
        inside += isinstance(event, MemberAdded) - isinstance(event, MemberRemoved)
        assert 0 <= inside <= 3
    assert inside == len(await scene.store.read(list_open_stays)) == 3
    inside_now = {stay.user_id for stay in await scene.store.read(list_open_stays)}
    outside = next(one for one in crowd if one.user_id not in inside_now)
    enter = c.EnterArea(room_id=world.room.id, area_id=COUNTED, user_id=outside.user_id)
    await scene.refuses(AreaFull, None, enter)


async def test_who_is_inside_locks_and_it_opens_when_it_is_empty(scene: Scene) -> None:
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    room_id = world.room.id
    lock = c.LockArea(room_id=room_id, area_id=LOCKABLE, is_locked=True)
    await scene.refuses(NotThere, ben, lock)
    await world.come(ben, LOCKABLE)
    await world.come(cleo, LOCKABLE)
    assert (await scene.do(ben, lock)).locked_by == ben.user_id
    assert (await scene.do(cleo, lock)).locked_by == ben.user_id  # without an event
    await scene.refuses(AreaLocked, None, c.EnterArea(room_id=room_id, area_id=LOCKABLE, user_id=ana.user_id))
    await world.come(ben, LOCKABLE)  # who is inside is inside

    async def locks() -> list[Any]:
        return [
            next(area.locked_by for area in event.room.space.areas if area.id == LOCKABLE)
            for event in await scene.log(room_id)
            if isinstance(event, RoomUpdated)
        ]

    await world.go(ben)
    assert await locks() == [ben.user_id]
    await scene.refuses(RoleTooLow, ben, c.LockArea(room_id=room_id, area_id=LOCKABLE, is_locked=False))
    assert (await scene.do(ana, c.LockArea(room_id=room_id, area_id=LOCKABLE, is_locked=False))).locked_by is None
    await scene.do(cleo, lock)
    await world.go(cleo)
    assert await locks() == [ben.user_id, None, cleo.user_id, None]
    await world.come(ana, LOCKABLE)
    await scene.do(ana, lock)
    await world.come(ana, QUIET)  # going over into another area is going out, too
    assert (await locks())[-1] is None
    await scene.refuses(Invalid, ana, c.LockArea(room_id=room_id, area_id=QUIET, is_locked=True))
    await scene.refuses(NoSuchArea, ana, c.LockArea(room_id=room_id, area_id=99, is_locked=True))
    [eve] = await people(scene, "eve")
    await scene.refuses(NotAMember, eve, lock)


async def test_gathering_changes_only_who_has_to_come_or_go(scene: Scene) -> None:
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    [eve] = await people(scene, "eve")
    world.stand_together("b", ana, ben)
    talk_id = (await world.say(ana, "psst", nearby=True)).talk_id
    scene.heard.clear()
    gather = c.Gather(talk_id=talk_id, user_ids=[ben.user_id, cleo.user_id, eve.user_id])
    await scene.do(None, gather)
    await scene.do(None, gather)

    assert [(type(event), event.user_id) for event in scene.events] == [
        (MemberRemoved, ana.user_id),
        (MemberAdded, cleo.user_id),
    ]
    await scene.do(None, c.Gather(talk_id=talk_id, user_ids=[]))
    assert await scene.store.read(list_open_stays) == []
    area_talk = (await world.come(ana)).talk_id
    await scene.do(None, c.Gather(talk_id=area_talk, user_ids=[]))  # of an area, only its border decides
    await scene.do(None, c.Gather(talk_id=world.room.id, user_ids=[]))
    assert len(await scene.store.read(list_open_stays)) == 1


# ---- what is said


async def test_the_first_words_of_a_bubble_go_to_one_talk(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    world.stand_together("b", ana, ben)
    sent = await asyncio.gather(*(world.say(who, "at once", nearby=True) for who in (ana, ben, ana)))
    assert len({one.talk_id for one in sent}) == 1
    assert len({one.seq for one in sent}) == 3
    world.stand_together("another", ana, ben)
    assert (await world.say(ana, "anew", nearby=True)).talk_id != sent[0].talk_id


async def test_a_nonce_is_good_for_the_room_and_all_its_talks(scene: Scene) -> None:
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    await world.come(ana)
    first = await world.say(ana, "once", nonce="n")
    count = len(scene.events)

    async def again(**more: Any) -> c.SendResult:
        return await world.say(ana, "once", nonce="n", **more)

    assert first.talk_id is not None
    repeated = c.SendResult(first.message_id, first.seq, first.created_at, duplicate=True, talk_id=first.talk_id)
    assert await again() == repeated
    await world.go(ana)
    assert await again() == repeated  # from the area to the room
    await world.come(ana, QUIET)
    assert await again() == repeated  # to another area
    await world.refuses(NonceConflict, ana, "something else", nonce="n")
    world.stand_together("b1", ana, ben)
    await world.refuses(NonceConflict, ana, "once", nonce="n", nearby=True)  # not the same request
    near = await world.say(ana, "near", nonce="m", nearby=True)
    world.stand_together("b2", ana, cleo)
    twice = await world.say(ana, "near", nonce="m", nearby=True)
    assert (twice.message_id, twice.talk_id, twice.duplicate) == (near.message_id, near.talk_id, True)
    world.stand_alone(ana)
    alone = await world.say(ana, "near", nonce="m", nearby=True)  # though nobody is near any more
    assert alone == twice
    await world.refuses(NobodyNear, ana, "near", nonce="new", nearby=True)
    await world.refuses(NobodyNear, ana, "near", nearby=True)
    to_all = await world.say(ana, "to all", nonce="k")
    assert to_all.talk_id is None
    await world.come(ana)
    assert (await world.say(ana, "to all", nonce="k")).message_id == to_all.message_id
    sent = [event for event in scene.events[count:] if isinstance(event, MessageSent)]
    assert [event.content for event in sent] == ["near", "to all"]


async def test_of_who_stands_there_by_another_node_the_store_knows_whether_that_is_in_an_area(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    elsewhere = Voice(is_elsewhere=True)
    stay = await world.come(ana)
    await world.come(ben, COUNTED)
    for one in (ana, ben):
        world.floor.voices[world.room.id, one.user_id] = elsewhere

    assert (await world.say(ana, "secret")).talk_id == stay.talk_id
    assert (await world.say(ben, "to all")).talk_id is None
    await world.go(ana)
    world.floor.voices[world.room.id, ana.user_id] = elsewhere
    assert (await world.say(ana, "to all, too")).talk_id is None


async def test_two_tries_at_once_from_two_places_are_one_message(scene: Scene) -> None:
    world, (ana, _ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    inside = world.say(ana, "once", nonce="n")
    tries = [asyncio.ensure_future(inside)]
    await asyncio.sleep(0)
    world.stand_alone(ana)
    tries += [asyncio.ensure_future(world.say(ana, "once", nonce="n")) for _ in range(2)]
    results = await asyncio.gather(*tries)
    assert {one.message_id for one in results} == {results[0].message_id}
    assert [one.duplicate for one in results] == [False, True, True]
    assert {one.talk_id for one in results} == {talk_id}


async def test_answers_of_one_socket_come_in_the_order_of_its_messages(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    await world.come(ana)
    answers: list[tuple[int, Any]] = []
    done = asyncio.Event()

    def post(number: int, **more: Any) -> None:
        def answer(outcome: Any) -> None:
            answers.append((number, outcome))
            if len(answers) == 6:
                done.set()

        world.executor.post(c.SendMessage(room_id=world.room.id, content=str(number), **more), ana, answer)

    post(0)
    world.floor.voices.clear()
    post(1)
    world.stand_together("b", ana, ben)
    post(2, nearby=True)
    world.floor.voices.clear()
    post(3, nonce="n")
    post(4, nonce="n")
    world.stand_alone(ana)
    post(5, nonce="k")
    await asyncio.wait_for(done.wait(), 20)

    assert [number for number, _ in answers] == [0, 1, 2, 3, 4, 5]
    assert [type(outcome) for _, outcome in answers] == [c.SendResult] * 4 + [NonceConflict, c.SendResult]


async def test_what_is_refused_in_the_room_is_refused_in_its_talks(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    [eve] = await people(scene, "eve")
    world.floor.voices[world.room.id, ana.user_id] = Voice(area_id=PRIVATE)
    await world.refuses(NotThere, ana, "the store has not let me in")
    world.stand_together("b", ana, eve)
    await world.refuses(NotAMember, eve, nearby=True)
    await world.refuses(NobodyNear, ana, "only a stranger is near", nearby=True)
    world.stand_together("b", ana, ben)
    mute = c.UpdateMember(room_id=world.room.id, user_id=ben.user_id, muted_until=scene.clock() + timedelta(hours=1))
    await scene.do(ana, mute)
    await world.refuses(Muted, ben, nearby=True)
    await world.refuses(Invalid, ana, "a talk that is not there yet", nearby=True, reply_to=1)
    world.floor.voices.clear()
    await world.refuses(NobodyNear, cleo, nearby=True)


async def test_without_a_floor_nobody_is_near(any_scene: Scene) -> None:
    scene = any_scene
    ana, ben = await people(scene, "ana", "ben")
    room = await scene.room(ana, ben)
    executor = Executor(scene.store, {c.ListRooms: Entry(How.READ, scene.rooms.list_rooms)}, scene.messages)
    for more in ({}, {"nonce": "n"}):
        with pytest.raises(NotThere):
            await executor.execute(c.SendMessage(room_id=room.id, content="?", nearby=True, **more), ana)
    assert (await executor.execute(c.SendMessage(room_id=room.id, content="!"), ana)).talk_id is None


async def test_a_reply_and_a_mention_work_within_a_talk(scene: Scene) -> None:
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    world.stand_together("b", ana, ben)
    first = await world.say(ana, "@ben and @cleo, psst", nearby=True)
    answer = await world.say(ben, "what?", nearby=True, reply_to=first.message_id)

    said = {event.message_id: event for event in scene.events if isinstance(event, MessageSent)}
    assert said[first.message_id].mentions == [ben.user_id]
    assert said[answer.message_id].quote.text == "@ben and @cleo, psst"
    in_room = await scene.say(cleo, world.room, "in the room")
    await world.refuses(Invalid, ben, nearby=True, reply_to=in_room[0].message_id)


# ---- what happens to the parent


async def test_a_mute_in_the_room_is_one_in_its_talks(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    until = scene.clock() + timedelta(hours=1)
    mute = c.UpdateMember(room_id=world.room.id, user_id=ben.user_id, muted_until=until)
    unmute = c.UpdateMember(room_id=world.room.id, user_id=ben.user_id, muted_until=None)

    talk_id = (await world.come(ben)).talk_id
    direct = c.SendMessage(room_id=talk_id, content="said to the talk itself")
    await scene.do(ana, mute)
    await scene.refuses(Muted, ben, direct)
    await world.go(ben)
    await world.come(ben)  # as muted as before
    await scene.refuses(Muted, ben, direct)
    await scene.do(ana, unmute)
    await scene.do(ben, direct)

    told = [event.muted_until for event in await scene.log(talk_id) if isinstance(event, MemberUpdated)]
    assert told == [until, until, None]
    await scene.promote(ana, world.room, ben)
    updated = (await scene.log(talk_id))[-1]
    assert (updated.role, updated.by) == (RoomRole.MODERATOR, ana.user_id)


@pytest.mark.parametrize("ban", [False, True])
async def test_who_is_thrown_out_of_the_room_is_thrown_out_of_its_talks(any_scene: Scene, ban: bool) -> None:
    scene = any_scene
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ben, LOCKABLE)).talk_id
    await scene.do(ben, c.LockArea(room_id=world.room.id, area_id=LOCKABLE, is_locked=True))
    await world.say(ben, "before")
    world.stand_together("b", ana, ben)
    bubble = (await world.say(ben, "near", nearby=True)).talk_id
    await scene.do(ana, c.RemoveMember(room_id=world.room.id, user_id=ben.user_id, ban=ban))

    reason = LeaveReason.BANNED if ban else LeaveReason.KICKED
    for talk in (talk_id, bubble):
        removed = (await scene.log(talk))[-1]
        assert (removed.reason, removed.by, removed.user_id) == (reason, ana.user_id, ben.user_id)
        await scene.refuses(NotAMember, ben, c.SendMessage(room_id=talk, content="still here?"))
    assert [stay.user_id for stay in await scene.store.read(list_open_stays)] == [ana.user_id]
    room = await scene.do(ana, c.GetRoom(room_id=world.room.id))
    assert [one.locked_by for one in room.space.areas] == [None] * 5
    await reads(scene, ben, talk_id, ["before"], is_there=False)
    assert [one.id for one in (await scene.do(ben, c.ListTalks(room_id=world.room.id))).items] == [bubble, talk_id]
    assert [row for row in (await scene.everything())["bans"] if row[0] != world.room.id] == []


async def test_who_leaves_the_room_leaves_its_talks_and_the_room_is_handed_over_unlocked(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    await scene.promote(ana, world.room, ben, RoomRole.OWNER)
    await world.come(ana, LOCKABLE)
    await scene.do(ana, c.LockArea(room_id=world.room.id, area_id=LOCKABLE, is_locked=True))
    await scene.do(ana, c.LeaveRoom(room_id=world.room.id))

    assert await scene.store.read(list_open_stays) == []
    room = await scene.do(ben, c.GetRoom(room_id=world.room.id))
    assert (room.owner_id, [one.locked_by for one in room.space.areas]) == (ben.user_id, [None] * 5)


async def test_a_deleted_account_leaves_all_talks_at_once(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    await world.come(ben)
    await world.say(ana, "before I go")
    await scene.store.write(lambda work: release(work, ana.user_id, ana.username))

    removed, promoted = (await scene.log(talk_id))[-2:]
    assert (removed.user_id, removed.reason) == (ana.user_id, LeaveReason.DELETED)
    assert (promoted.user_id, promoted.role) == (ben.user_id, RoomRole.OWNER)
    assert [stay.user_id for stay in await scene.store.read(list_open_stays)] == [ben.user_id]
    heir = (await scene.do(ben, c.ListMembers(room_id=talk_id))).items
    assert [(member.user_id, member.role) for member in heir] == [(ben.user_id, RoomRole.OWNER)]
    await reads(scene, ben, talk_id, ["before I go"], is_there=True)


async def test_an_archived_room_takes_its_talks_along(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    talk_id = (await world.come(ana)).talk_id
    quiet = (await world.come(ben, QUIET)).talk_id
    await world.say(ana, "the last word", nonce="n")
    await world.go(ben)
    scene.heard.clear()
    await scene.do(ana, c.ArchiveRoom(room_id=world.room.id))

    for room_id in (world.room.id, talk_id, quiet):
        assert isinstance((await scene.log(room_id))[-1], RoomDeleted)
        for who in (ana, ben):
            await scene.refuses(NoSuchRoom, who, c.ListMessages(room_id=room_id))
            await scene.refuses(NoSuchRoom, who, c.SendMessage(room_id=room_id, content="?"))
    assert {event.room_id for event in scene.events} == {world.room.id, talk_id}  # nobody hears the empty one
    assert await scene.store.read(list_open_stays) == []
    assert all(row[-1] is not None for row in (await scene.everything())["stays"])
    assert (await world.say(ana, "the last word", nonce="n")).duplicate
    await world.refuses(NoSuchRoom, ana)
    await scene.do(None, c.Gather(talk_id=talk_id, user_ids=[ben.user_id]))
    await scene.do(None, c.LeaveArea(room_id=world.room.id, area_id=None, user_id=ana.user_id))


async def test_an_area_that_is_closed_is_left_by_all(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    stay = await world.come(ana)
    await world.come(ben, QUIET)
    await scene.store.write(lambda work: close_area_talks(work, world.room.id, PRIVATE))
    assert [one.user_id for one in await scene.store.read(list_open_stays)] == [ben.user_id]
    assert (await scene.log(stay.talk_id))[-1].reason is LeaveReason.LEFT


# ---- what makes no sense


async def test_a_talk_is_nothing_that_people_arrange(any_scene: Scene) -> None:
    scene = any_scene
    world, (ana, ben, cleo) = await world_of(scene, "ana", "ben", "cleo")
    talk_id = (await world.come(ana)).talk_id
    await world.come(ben)
    await world.go(ben)
    for command in (
        c.AddMember(room_id=talk_id, user_id=cleo.user_id),
        c.RemoveMember(room_id=talk_id, user_id=ben.user_id),
        c.UpdateMember(room_id=talk_id, user_id=ana.user_id, role=RoomRole.MEMBER),
        c.LeaveRoom(room_id=talk_id),
        c.CreateInvite(room_id=talk_id),
        c.UpdateRoom(room_id=talk_id, name="Mine"),
        c.ArchiveRoom(room_id=talk_id),
    ):
        await scene.refuses(Forbidden, ana, command)
    await scene.refuses(Forbidden, ben, c.JoinRoom(room_id=talk_id))
    await scene.refuses(NotAMember, ben, c.LeaveRoom(room_id=talk_id))
    await scene.refuses(NotAMember, ben, c.ListMembers(room_id=talk_id))  # who is there now, they do not see
    await scene.refuses(NotAMember, ben, c.ListOccupants(room_id=talk_id))
    await scene.refuses(NoSuchRoom, ana, c.ListTalks(room_id=talk_id))


async def test_talks_are_listed_to_those_who_were_there_the_newest_first(scene: Scene) -> None:
    world, (ana, ben) = await world_of(scene, "ana", "ben")
    [eve] = await people(scene, "eve")
    talks = []
    for number in range(5):
        world.stand_together(f"b{number}", ana, ben)
        talks.append((await world.say(ana, "psst", nearby=True)).talk_id)
    await scene.do(None, c.Gather(talk_id=talks[0], user_ids=[]))
    await scene.say(ben, await scene.do(ben, c.GetRoom(room_id=talks[4])), "unread")

    async def listed(who: Actor, **page: Any) -> list[RoomId]:
        found = await scene.do(who, c.ListTalks(room_id=world.room.id, **page))
        return [one.id for one in found.items]

    assert await listed(ana) == talks[::-1]
    first = await scene.do(ana, c.ListTalks(room_id=world.room.id, limit=2))
    assert [one.unread for one in first.items] == [1, 0]
    assert await listed(ana, limit=9, cursor=first.next_cursor) == talks[2::-1]
    assert {one.id for one in (await scene.do(ana, c.ListRooms(mine=True))).items} == {world.room.id, *talks[1:]}
    await scene.refuses(NotAMember, eve, c.ListTalks(room_id=world.room.id))
    secret = await scene.room(ana, is_private=True)
    await scene.refuses(NoSuchRoom, eve, c.ListTalks(room_id=secret.id))
