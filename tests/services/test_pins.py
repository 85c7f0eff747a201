"""Pins: who pins where, how many there may be, and that everybody who reads the room sees the same."""

from datetime import timedelta
from typing import Any

import pytest

from kinds import of_kind
from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import Blocked, Muted, NoSuchMessage, NoSuchRoom, NotAMember, RoleTooLow, TooMany
from tertulia.domain.events import MessagePinned, MessageUnpinned
from tertulia.domain.ids import MessageId
from tertulia.domain.models import Actor
from tertulia.domain.roles import RoomKind, RoomRole, UserRole
from tertulia.services import pins


async def say(scene: Scene, who: Actor, room: Any, *contents: str) -> list[MessageId]:
    return [sent.message_id for sent in await scene.say(who, room, *contents)]


async def pinned(scene: Scene, who: Actor, room: Any) -> list[str]:
    """What they say, the same by all ways that it is read by."""
    messages = await scene.do(who, c.ListPins(room_id=room.id))
    entered = await scene.do(who, c.EnterRoom(room_id=room.id))
    assert entered.pins == [message.id for message in messages]
    for message in messages:
        assert await scene.do(who, c.GetMessage(message_id=message.id)) == message
    return [message.content for message in messages]


async def test_the_one_pinned_last_comes_first(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    one, two, three = await say(scene, ben, room, "one", "two", "three")
    seqs = [await scene.do(ana, c.PinMessage(message_id=which)) for which in (two, three, one)]
    assert await pinned(scene, ben, room) == ["one", "three", "two"]

    events = (await scene.log(room.id))[-3:]
    assert events == scene.events[-3:]
    first = events[0]
    assert isinstance(first, MessagePinned)
    assert (first.message_id, first.user_id, first.username) == (two, ana.user_id, "ana")
    assert [event.seq for event in events] == seqs

    unpinned = await scene.do(ana, c.UnpinMessage(message_id=three))
    last = scene.events[-1]
    assert isinstance(last, MessageUnpinned)
    assert (last.seq, last.message_id, last.user_id, last.username) == (unpinned, three, ana.user_id, "ana")
    await scene.do(ana, c.PinMessage(message_id=three))
    assert await pinned(scene, ben, room) == ["three", "one", "two"]


async def test_it_is_pinned_once_and_unpinned_once(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    [one, _] = await say(scene, ana, room, "one", "two")
    first = await scene.do(ana, c.PinMessage(message_id=one))
    await say(scene, ana, room, "three")
    told = len(scene.heard)
    assert await scene.do(ana, c.PinMessage(message_id=one)) == first
    assert len(scene.heard) == told
    unpinned = await scene.do(ana, c.UnpinMessage(message_id=one))
    told = len(scene.heard)
    assert await scene.do(ana, c.UnpinMessage(message_id=one)) == unpinned  # where the log ends
    assert len(scene.heard) == told


async def test_moderators_pin_in_a_channel(scene: Scene) -> None:
    ana, ben, mod = await scene.user("ana"), await scene.user("ben"), await scene.user("mod")
    root = await scene.user("root", UserRole.ADMIN)
    room = await scene.room(ana, ben, mod)
    await scene.promote(ana, room, mod)
    bens, anas = *await say(scene, ben, room, "ben's"), *await say(scene, ana, room, "ana's")
    for kind in (c.PinMessage, c.UnpinMessage):
        await scene.refuses(RoleTooLow, ben, kind(message_id=bens))
    await scene.do(mod, c.PinMessage(message_id=anas))
    await scene.do(root, c.PinMessage(message_id=bens))  # who moderates every public room
    assert await pinned(scene, ben, room) == ["ben's", "ana's"]
    assert len(await scene.do(root, c.ListPins(room_id=room.id))) == 2


@pytest.mark.parametrize("kind", [RoomKind.GROUP, RoomKind.DIRECT])
async def test_every_member_pins_elsewhere(scene: Scene, kind: RoomKind) -> None:
    ana, ben, root = await scene.user("ana"), await scene.user("ben"), await scene.user("root", UserRole.ADMIN)
    room = await of_kind(scene, kind, ana, ben)
    [one] = await say(scene, ana, room, "one")
    await scene.do(ben, c.PinMessage(message_id=one))
    assert await pinned(scene, ana, room) == ["one"]
    await scene.do(ben, c.UnpinMessage(message_id=one))
    assert await pinned(scene, ana, room) == []
    await scene.refuses(NoSuchMessage, root, c.PinMessage(message_id=one))


async def test_who_may_not_speak_pins_nothing(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    group, direct = await of_kind(scene, RoomKind.GROUP, ana, ben), await of_kind(scene, RoomKind.DIRECT, ana, ben)
    [in_group], [in_direct] = await say(scene, ana, group, "one"), await say(scene, ana, direct, "two")
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=group.id, user_id=ben.user_id, muted_until=until))
    await scene.do(ana, c.BlockUser(user_id=ben.user_id))
    for kind in (c.PinMessage, c.UnpinMessage):
        await scene.refuses(Muted, ben, kind(message_id=in_group))
        for who in (ana, ben):
            await scene.refuses(Blocked, who, kind(message_id=in_direct))
    assert await pinned(scene, ben, direct) == []


async def test_what_cannot_be_seen_is_not_pinned(scene: Scene) -> None:
    ana, eve, root = await scene.user("ana"), await scene.user("eve"), await scene.user("root", UserRole.ADMIN)
    public, private = await scene.room(ana), await scene.room(ana, is_private=True)
    [open_], [hidden] = await say(scene, ana, public, "open"), await say(scene, ana, private, "hidden")
    for kind in (c.PinMessage, c.UnpinMessage):
        for who, message_id in ((eve, hidden), (eve, open_), (root, hidden), (ana, MessageId(4711))):
            await scene.refuses(NoSuchMessage, who, kind(message_id=message_id))
    await scene.refuses(NoSuchRoom, eve, c.ListPins(room_id=private.id))
    await scene.refuses(NotAMember, eve, c.ListPins(room_id=public.id))


async def test_a_deletion_unpins_and_what_is_deleted_is_not_pinned(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    one, two = await say(scene, ana, room, "one", "two")
    for which in (one, two):
        await scene.do(ana, c.PinMessage(message_id=which))
    deleted = await scene.do(ana, c.DeleteMessage(message_id=two))
    assert await pinned(scene, ana, room) == ["one"]
    assert scene.events[-1].seq == deleted, "nothing else is told"
    await scene.refuses(NoSuchMessage, ana, c.PinMessage(message_id=two))
    assert await scene.do(ana, c.UnpinMessage(message_id=two)) == deleted


async def test_pins_show_messages_as_they_are_now(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    [one] = await say(scene, ana, room, "one")
    await scene.do(ana, c.PinMessage(message_id=one))
    await scene.do(ana, c.EditMessage(message_id=one, content="uno"))
    await scene.do(ana, c.AddReaction(message_id=one, emoji="👍"))
    [message] = await scene.do(ana, c.ListPins(room_id=room.id))
    assert (message.content, [one.emoji for one in message.reactions]) == ("uno", ["👍"])


async def test_a_room_has_so_many_pins(scene: Scene) -> None:
    ana = await scene.user("ana")
    room, other = await scene.room(ana), await scene.room(ana)
    messages = await say(scene, ana, room, *map(str, range(pins.MOST + 1)))
    for message_id in messages[:-1]:
        await scene.do(ana, c.PinMessage(message_id=message_id))
    await scene.refuses(TooMany, ana, c.PinMessage(message_id=messages[-1]))
    await scene.do(ana, c.PinMessage(message_id=messages[0]))  # which is pinned
    [elsewhere] = await say(scene, ana, other, "elsewhere")
    await scene.do(ana, c.PinMessage(message_id=elsewhere))
    await scene.do(ana, c.UnpinMessage(message_id=messages[0]))
    await scene.do(ana, c.PinMessage(message_id=messages[-1]))
    assert len(await pinned(scene, ana, room)) == pins.MOST


async def test_ranks_pin_as_they_are_when_they_do(scene: Scene) -> None:
    ana, mod = await scene.user("ana"), await scene.user("mod")
    room = await scene.room(ana, mod)
    await scene.promote(ana, room, mod)
    [one] = await say(scene, ana, room, "one")
    await scene.do(mod, c.PinMessage(message_id=one))
    await scene.promote(ana, room, mod, RoomRole.MEMBER)
    await scene.refuses(RoleTooLow, mod, c.UnpinMessage(message_id=one))
    assert await pinned(scene, mod, room) == ["one"]
