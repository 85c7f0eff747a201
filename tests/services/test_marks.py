"""Marks: how far somebody has read, and how far it has reached them; and what is counted as unread."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kinds import of_kind
from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import NoSuchMessage, NoSuchRoom, NotAMember
from tertulia.domain.events import DeliveredUpdated, ReadUpdated
from tertulia.domain.ids import MessageId, Seq
from tertulia.domain.models import Actor, Message
from tertulia.domain.roles import RoomKind, UserRole
from tertulia.store.rooms import UNREAD_MOST

READ, DELIVERED = c.MarkRead, c.MarkDelivered
TOLD = {READ: ReadUpdated, DELIVERED: DeliveredUpdated}


async def marks(scene: Scene, who: Actor, room: Any) -> tuple[Seq, Seq]:
    """(delivered, read), the same by all ways that they are read by."""
    page = await scene.do(who, c.ListMembers(room_id=room.id))
    [member] = [one for one in page.items if one.user_id == who.user_id]
    entered = await scene.do(who, c.EnterRoom(room_id=room.id))
    seen = await scene.do(who, c.GetRoom(room_id=room.id))
    assert entered.membership == member
    assert entered.room.read_seq == seen.read_seq == member.read_seq
    return member.delivered_seq, member.read_seq


@pytest.mark.parametrize("mark", [READ, DELIVERED])
async def test_a_mark_only_moves_forward_and_is_told_when_it_does(scene: Scene, mark: Any) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    one, two = await scene.say(ana, room, "1", "2")
    assert await scene.do(ben, mark(room_id=room.id, seq=one.seq)) == one.seq
    assert await scene.do(ben, mark(room_id=room.id, seq=Seq(0))) == one.seq
    assert await scene.do(ben, mark(room_id=room.id, seq=one.seq)) == one.seq
    assert await scene.do(ben, mark(room_id=room.id, seq=Seq(2**62))) == two.seq
    assert [(type(each), each.room_id, each.user_id, each.username, each.seq) for each in scene.announced] == [
        (TOLD[mark], room.id, ben.user_id, "ben", one.seq),
        (TOLD[mark], room.id, ben.user_id, "ben", two.seq),
    ]
    assert [each.message_id for each in scene.announced] == [one.message_id, two.message_id]
    assert all(each.at is not None and each.at > two.created_at for each in scene.announced)
    assert len(await scene.log(room.id)) == two.seq


async def test_a_mark_tells_of_the_newest_message_before_it(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana)
    await scene.do(ben, c.JoinRoom(room_id=room.id))
    await scene.do(ana, c.UpdateRoom(room_id=room.id, name="Nothing was said here"))
    await scene.do(ben, READ(room_id=room.id, seq=Seq(3)))
    [sent] = await scene.say(ana, room, "1")
    await scene.do(ana, c.AddReaction(message_id=sent.message_id, emoji="👍"))
    await scene.do(ben, READ(room_id=room.id, seq=Seq(5)))
    assert [(each.seq, each.message_id) for each in scene.announced] == [(3, None), (5, sent.message_id)]


async def test_what_is_read_was_delivered(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    start = (await marks(scene, ben, room))[1]
    assert await marks(scene, ben, room) == (start, start)
    one, two, three = [sent.seq for sent in await scene.say(ana, room, "1", "2", "3")]
    await scene.do(ben, DELIVERED(room_id=room.id, seq=two))
    assert await marks(scene, ben, room) == (two, start)
    await scene.do(ben, READ(room_id=room.id, seq=one))
    assert await marks(scene, ben, room) == (two, one)
    await scene.do(ben, READ(room_id=room.id, seq=three))
    assert await marks(scene, ben, room) == (three, three)
    assert await scene.do(ben, DELIVERED(room_id=room.id, seq=two)) == three
    assert [type(each) for each in scene.announced] == [DeliveredUpdated, ReadUpdated, ReadUpdated]


async def test_a_mark_goes_to_a_message(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room, other = await scene.room(ana, ben), await scene.room(ana, ben)
    one, two = await scene.say(ana, room, "1", "2")
    assert await scene.do(ben, c.MarkReadTo(message_id=two.message_id)) == two.seq
    assert await scene.do(ben, c.MarkReadTo(message_id=one.message_id, room_id=room.id)) == two.seq
    assert [(each.seq, each.message_id) for each in scene.announced] == [(two.seq, two.message_id)]
    await scene.refuses(NoSuchMessage, ben, c.MarkReadTo(message_id=two.message_id, room_id=other.id))
    [gone] = await scene.say(ana, room, "3")
    await scene.do(ana, c.DeleteMessage(message_id=gone.message_id))
    assert await scene.do(ben, c.MarkReadTo(message_id=gone.message_id)) == gone.seq


async def test_marks_are_a_members_own(scene: Scene) -> None:
    ana, eve, root = await scene.user("ana"), await scene.user("eve"), await scene.user("root", UserRole.ADMIN)
    public, private = await scene.room(ana), await scene.room(ana, is_private=True)
    [open_], [hidden] = await scene.say(ana, public, "open"), await scene.say(ana, private, "hidden")
    for mark in (READ, DELIVERED):
        for who in (eve, root):
            await scene.refuses(NotAMember, who, mark(room_id=public.id, seq=open_.seq))
            await scene.refuses(NoSuchRoom, who, mark(room_id=private.id, seq=hidden.seq))
    await scene.refuses(NotAMember, root, c.MarkReadTo(message_id=open_.message_id))
    for who, message_id in ((eve, open_.message_id), (root, hidden.message_id), (ana, MessageId(4711))):
        await scene.refuses(NoSuchMessage, who, c.MarkReadTo(message_id=message_id))


async def test_who_may_not_speak_reads(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room, direct = await scene.room(ana, ben), await of_kind(scene, RoomKind.DIRECT, ana, ben)
    [there], [here] = await scene.say(ana, room, "1"), await scene.say(ana, direct, "2")
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until))
    await scene.do(ana, c.BlockUser(user_id=ben.user_id))
    assert await scene.do(ben, READ(room_id=room.id, seq=there.seq)) == there.seq
    assert await scene.do(ben, DELIVERED(room_id=direct.id, seq=here.seq)) == here.seq
    assert await scene.do(ben, c.MarkReadTo(message_id=here.message_id)) == here.seq


async def test_in_a_direct_room_messages_tell_when_they_reached_the_other_one(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await of_kind(scene, RoomKind.DIRECT, ana, ben)
    one, two = await scene.say(ana, room, "1", "2")
    [mine] = await scene.say(ben, room, "3")
    [four] = await scene.say(ana, room, "4")

    async def reached(sent: Any) -> tuple[Any, Any]:
        message: Message = await scene.do(ana, c.GetMessage(message_id=sent.message_id))
        return message.delivered_at, message.read_at

    async def move(mark: Any, seq: Seq) -> Any:
        scene.clock.pass_(minutes=1)
        await scene.do(ben, mark(room_id=room.id, seq=seq))
        return scene.announced[-1].at

    nothing = (None, None)
    assert [await reached(sent) for sent in (one, two, mine, four)] == [nothing] * 4
    first = await move(DELIVERED, two.seq)
    assert [await reached(sent) for sent in (one, two, mine, four)] == [(first, None), (first, None), nothing, nothing]
    second = await move(READ, one.seq)
    assert [await reached(sent) for sent in (one, two)] == [(first, second), (first, None)]
    third = await move(READ, four.seq)
    assert [await reached(sent) for sent in (one, two)] == [(first, second), (first, third)]
    assert [await reached(sent) for sent in (mine, four)] == [nothing, (third, third)]
    assert first < second < third
    await scene.do(ana, READ(room_id=room.id, seq=mine.seq))
    at = scene.announced[-1].at
    assert [await reached(sent) for sent in (one, mine)] == [(first, second), (at, at)]


@pytest.mark.parametrize("kind", [RoomKind.CHANNEL, RoomKind.GROUP])
async def test_elsewhere_messages_tell_nothing_of_it(scene: Scene, kind: RoomKind) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await of_kind(scene, kind, ana, ben)
    [sent] = await scene.say(ana, room, "1")
    await scene.do(ben, READ(room_id=room.id, seq=sent.seq))
    message = await scene.do(ana, c.GetMessage(message_id=sent.message_id))
    assert (message.recipient_id, message.delivered_at, message.read_at) == (None, None, None)


# ---- what is unread, and how often it mentions somebody


async def counts(scene: Scene, who: Actor, room: Any) -> tuple[int, int]:
    """(unread, mentions), the same by all ways that they are read by."""
    seen = await scene.do(who, c.GetRoom(room_id=room.id))
    [listed] = [one for one in (await scene.do(who, c.ListRooms())).items if one.id == room.id]
    [head] = [one for one in await scene.do(who, c.ListHeads()) if one.room_id == room.id]
    entered = (await scene.do(who, c.EnterRoom(room_id=room.id))).room
    found = {(one.unread, one.mention_count) for one in (seen, listed, head, entered)}
    assert len(found) == 1, found
    return found.pop()


async def test_mentions_among_what_is_unread_are_counted(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room, other = await scene.room(ana, ben), await scene.room(ana, ben)
    one, two, _ = await scene.say(ana, room, "hi @ben", "hi all", "@here and @ben")
    await scene.say(ana, other, "@ben")
    assert await counts(scene, ben, room) == (3, 2)
    assert await counts(scene, ana, room) == (0, 0)
    await scene.do(ben, READ(room_id=room.id, seq=one.seq))
    assert await counts(scene, ben, room) == (2, 1)
    await scene.do(ana, c.EditMessage(message_id=two.message_id, content="hi all, hi @ben"))
    assert await counts(scene, ben, room) == (2, 2)
    await scene.do(ana, c.DeleteMessage(message_id=two.message_id))
    assert await counts(scene, ben, room) == (1, 1)
    await scene.do(ben, READ(room_id=room.id, seq=Seq(1000)))
    assert await counts(scene, ben, room) == (0, 0)
    assert await counts(scene, ben, other) == (1, 1)


async def test_nobody_is_mentioned_by_themselves(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    await scene.say(ana, room, "@ana @here", "@ana")
    await scene.say(ben, room, "@here")
    assert await counts(scene, ana, room) == (1, 1)
    assert await counts(scene, ben, room) == (2, 1)


async def test_who_comes_later_was_not_mentioned_before(scene: Scene) -> None:
    ana, ben, root = await scene.user("ana"), await scene.user("ben"), await scene.user("root", UserRole.ADMIN)
    room = await scene.room(ana)
    await scene.say(ana, room, "@here @ben")
    assert (await scene.do(root, c.GetRoom(room_id=room.id))).mention_count == 0
    await scene.do(ben, c.JoinRoom(room_id=room.id))
    assert await counts(scene, ben, room) == (0, 0)
    await scene.say(ana, room, "@here", "@ben")
    assert await counts(scene, ben, room) == (2, 2)
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    assert (await scene.do(ben, c.GetRoom(room_id=room.id))).mention_count == 0


async def test_of_very_many_not_all_are_counted(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    half = UNREAD_MOST // 2 + 5
    await asyncio.gather(*(scene.say(ana, room, text) for text in ["@ben"] * half + ["@here"] * half))
    assert await counts(scene, ben, room) == (UNREAD_MOST, UNREAD_MOST)
