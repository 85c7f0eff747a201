"""Pictures: a crowd that enters is shown one, and nobody is shown what was taken back, or less than they know."""

import pytest

from kinds import of_kind
from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import NoSuchRoom, NotAMember
from tertulia.domain.roles import RoomKind
from tertulia.services.pictures import Pictures
from tertulia.services.rooms import Rooms


class Watch:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def rooms(scene: Scene, watch: Watch) -> Rooms:
    return Rooms(scene.store, pictures=Pictures(now=watch))


async def test_who_enters_after_another_is_shown_the_same_picture_with_what_is_their_own(scene, rooms):
    ana, bea = await scene.user("ana"), await scene.user("bea")
    room = await scene.room(ana, bea)
    await scene.say(ana, room, "one", "two")

    first = await rooms.enter(c.EnterRoom(room_id=room.id), ana)
    second = await rooms.enter(c.EnterRoom(room_id=room.id), bea)

    assert second.messages is first.messages
    assert second.objects is first.objects
    assert (first.membership.user_id, second.membership.user_id) == (ana.user_id, bea.user_id)
    assert (first.room.unread, second.room.unread) == (0, 2)


async def test_what_was_sent_since_is_in_the_next_picture(scene, rooms):
    ana = await scene.user("ana")
    room = await scene.room(ana)
    first = await rooms.enter(c.EnterRoom(room_id=room.id), ana)

    sent = (await scene.say(ana, room, "newer than the picture"))[0]
    second = await rooms.enter(c.EnterRoom(room_id=room.id), ana)

    assert second.seq == sent.seq == first.seq + 1
    assert [message.content for message in second.messages.items] == ["newer than the picture"]


async def test_whatever_is_changed_or_taken_back_makes_a_picture_void(scene, rooms):
    ana, bea = await scene.user("ana"), await scene.user("bea")
    room = await scene.room(ana, bea)
    sent = (await scene.say(ana, room, "secret"))[0]
    for change in (
        c.EditMessage(message_id=sent.message_id, content="changed"),
        c.DeleteMessage(message_id=sent.message_id),
        c.UpdateRoom(room_id=room.id, name="Renamed"),
        c.RemoveMember(room_id=room.id, user_id=bea.user_id),
    ):
        before = await rooms.enter(c.EnterRoom(room_id=room.id), ana)
        await scene.do(ana, change)
        after = await rooms.enter(c.EnterRoom(room_id=room.id), ana)
        assert after.seq == before.seq + 1
    assert [message.content for message in after.messages.items] == [""]
    assert after.room.name == "Renamed"


async def test_a_picture_admits_nobody(scene, rooms):
    ana, bea, eve = [await scene.user(name) for name in ("ana", "bea", "eve")]
    room = await scene.room(ana, bea, is_private=True)
    await rooms.enter(c.EnterRoom(room_id=room.id), ana)

    with pytest.raises(NoSuchRoom):
        await rooms.enter(c.EnterRoom(room_id=room.id), eve)
    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=bea.user_id))
    with pytest.raises((NoSuchRoom, NotAMember)):
        await rooms.enter(c.EnterRoom(room_id=room.id), bea)


async def test_a_picture_is_good_for_a_moment(scene, rooms, watch):
    ana = await scene.user("ana")
    room = await scene.room(ana)
    first = await rooms.enter(c.EnterRoom(room_id=room.id), ana)

    watch.now += 1.0
    second = await rooms.enter(c.EnterRoom(room_id=room.id), ana)

    assert second.messages is not first.messages


async def test_who_enters_a_direct_room_sees_what_was_read_a_moment_ago(scene, rooms):
    """A mark moves no head, and was told before the one who enters could hear it."""
    ana, bea = await scene.user("ana"), await scene.user("bea")
    room = await of_kind(scene, RoomKind.DIRECT, ana, bea)
    sent = (await scene.say(ana, room, "Have you read this?"))[0]
    await rooms.enter(c.EnterRoom(room_id=room.id), bea)

    await scene.do(bea, c.MarkRead(room_id=room.id, seq=sent.seq))
    entered = await rooms.enter(c.EnterRoom(room_id=room.id), ana)

    assert entered.messages.items[-1].read_at is not None
