"""Groups, direct rooms and the list of conversations: who talks with whom, and where."""

import asyncio
from typing import Any

import pytest

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import (
    AlreadyMember,
    Blocked,
    EmptyMessage,
    Forbidden,
    Invalid,
    MissingToken,
    NoSuchRoom,
    NoSuchUser,
    NotAMember,
    RoleTooLow,
)
from tertulia.domain.events import MemberAdded, MemberRemoved, MembershipBegan
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import SHOWN_MEMBERS, Actor, Conversation, Room
from tertulia.domain.roles import LeaveReason, RoomKind, RoomRole, UserRole
from tertulia.services.executor import Executor
from tertulia.services.handlers import Entry, How
from tertulia.services.members import release
from tertulia.services.messages import Messages
from tertulia.store import Store, Work
from tertulia.store.blocks import block
from tertulia.store.tables import users

Person = tuple[Actor, Actor, Actor]


@pytest.fixture
async def people(scene: Scene) -> Person:
    return await scene.user("ana"), await scene.user("ben"), await scene.user("cleo")


@pytest.fixture
async def other_node(scene: Scene, database_url: str) -> Any:
    store = Store.open(database_url, clock=scene.clock)
    await store.start(migrate=False)
    yield Scene(store, scene.clock)
    await store.stop()


async def blocks(scene: Scene, who: Actor, whom: Actor) -> None:
    await scene.store.write(lambda work: block(work, who.user_id, whom.user_id))


async def goes(scene: Scene, who: Actor, **values: Any) -> None:
    """*who* deletes their account, or is made what *values* say."""

    def go(work: Work) -> None:
        if not values:
            release(work, who.user_id, who.username)
        changes = values or {"is_deleted": True, "is_active": False}
        work.sql.execute(users.update().where(users.c.id == who.user_id).values(**changes))

    await scene.store.write(go)


async def talks(scene: Scene, who: Actor, **page: int) -> list[Conversation]:
    found: list[Conversation] = await scene.do(who, c.ListConversations(**page))
    for one in found:
        assert await scene.do(who, c.GetConversation(room_id=one.room.id)) == one
    return found


async def open_direct(scene: Scene, who: Actor, other: Actor) -> Room:
    room: Room = await scene.do(who, c.OpenDirect(user_id=other.user_id))
    return room


# ---- groups


async def test_a_group_is_private_and_its_makers_own(scene: Scene, people: Person) -> None:
    ana, ben, cleo = people
    group = await scene.do(
        ana, c.CreateGroup(name=" Trip ", description="Up", member_ids=[cleo.user_id, ana.user_id, ben.user_id] * 2)
    )
    assert (group.kind, group.name, group.description) == (RoomKind.GROUP, "Trip", "Up")
    assert (group.is_private, group.owner_id, group.member_count, group.unread) == (True, ana.user_id, 3, 0)
    log = await scene.log(group.id)
    assert all(isinstance(event, MemberAdded) for event in log)
    assert [(event.user_id, event.role, event.by) for event in log] == [
        (ana.user_id, RoomRole.OWNER, ana.user_id),
        (cleo.user_id, RoomRole.MEMBER, ana.user_id),
        (ben.user_id, RoomRole.MEMBER, ana.user_id),
    ]
    [committed] = scene.heard
    assert [type(notice) for notice in committed.notices] == [MembershipBegan] * 3
    await scene.refuses(RoleTooLow, ben, c.UpdateRoom(room_id=group.id, name="Mine"))
    await scene.do(ben, c.LeaveRoom(room_id=group.id))
    await scene.refuses(NoSuchRoom, ben, c.JoinRoom(room_id=group.id))


async def test_a_group_may_have_no_name_and_may_lose_it(scene: Scene, people: Person) -> None:
    ana, *_ = people
    alone = await scene.do(ana, c.CreateGroup(name="  "))
    assert (alone.name, alone.member_count) == ("", 1)
    named = await scene.do(ana, c.UpdateRoom(room_id=alone.id, name="Named"))
    assert named.name == "Named"
    assert (await scene.do(ana, c.UpdateRoom(room_id=alone.id, name=" "))).name == ""
    room = await scene.room(ana)
    await scene.refuses(Invalid, ana, c.UpdateRoom(room_id=room.id, name=" "))


@pytest.mark.parametrize("name", ["x" * 101, "two\nlines", "\u202e", "\u200b", "a\0b", "\ud800"])
async def test_a_groups_name_is_one_line_that_can_be_seen(scene: Scene, people: Person, name: str) -> None:
    await scene.refuses(Invalid, people[0], c.CreateGroup(name=name))
    await scene.refuses(Invalid, people[0], c.CreateGroup(description="x" * 1001))


async def test_who_is_not_there_or_has_blocked_one_is_brought_into_no_room(scene: Scene, people: Person) -> None:
    ana, ben, cleo = people
    room = await scene.room(ana)
    await blocks(scene, cleo, ana)
    for wanted, error in (([ben.user_id, UserId(99)], NoSuchUser), ([ben.user_id, cleo.user_id], Blocked)):
        await scene.refuses(error, ana, c.CreateGroup(member_ids=wanted))
        await scene.refuses(error, ana, c.AddMember(room_id=room.id, user_id=wanted[1]))
    await scene.do(cleo, c.CreateGroup(member_ids=[ana.user_id]))  # who blocks may call whom they have blocked
    await goes(scene, ben, is_active=False)
    await scene.refuses(NoSuchUser, ana, c.CreateGroup(member_ids=[ben.user_id]))
    await scene.refuses(Invalid, ana, c.CreateGroup(member_ids=[UserId(n) for n in range(1000, 1101)]))
    await scene.do(cleo, c.JoinRoom(room_id=room.id))  # of their own will
    await scene.refuses(AlreadyMember, ana, c.AddMember(room_id=room.id, user_id=cleo.user_id))


# ---- direct rooms


async def test_two_people_have_one_direct_room_whoever_opens_it(scene: Scene, people: Person) -> None:
    ana, ben, cleo = people
    assert await scene.do(ana, c.FindDirect(user_id=ben.user_id)) is None
    room = await open_direct(scene, ben, ana)
    assert (room.kind, room.name, room.owner_id, room.is_private, room.member_count) == (
        RoomKind.DIRECT, "", None, True, 2,
    )  # fmt: skip
    before = await scene.everything()
    assert await open_direct(scene, ana, ben) == await scene.do(ana, c.FindDirect(user_id=ben.user_id))
    assert (await open_direct(scene, ana, ben)).id == (await open_direct(scene, ben, ana)).id == room.id
    assert await scene.everything() == before
    assert (await open_direct(scene, ana, cleo)).id != room.id
    roles = {event.user_id: event.role for event in await scene.log(room.id)}
    assert roles == {ana.user_id: RoomRole.MEMBER, ben.user_id: RoomRole.MEMBER}


async def test_nobody_opens_a_direct_room_with_themselves_or_with_nobody(scene: Scene, people: Person) -> None:
    ana, ben, _ = people
    await scene.refuses(Invalid, ana, c.OpenDirect(user_id=ana.user_id))
    for user_id in (99, 2**63 - 1):
        await scene.refuses(NoSuchUser, ana, c.OpenDirect(user_id=UserId(user_id)))
        assert await scene.do(ana, c.FindDirect(user_id=UserId(user_id))) is None
    await goes(scene, ben, is_active=False)
    await scene.refuses(NoSuchUser, ana, c.OpenDirect(user_id=ben.user_id))


async def test_two_who_are_apart_open_no_direct_room_and_keep_the_one_they_have(scene: Scene, people: Person) -> None:
    ana, ben, cleo = people
    room = await open_direct(scene, ana, ben)
    await scene.say(ana, room, "hello")
    for other in (ben, cleo):
        await blocks(scene, ana, other)
    for one, other in ((ana, cleo), (cleo, ana)):
        await scene.refuses(Blocked, one, c.OpenDirect(user_id=other.user_id))
    for one, other in ((ana, ben), (ben, ana)):
        assert (await open_direct(scene, one, other)).id == room.id
        await scene.refuses(Blocked, one, c.SendMessage(room_id=room.id, content="still here"))
        assert len((await scene.do(one, c.ListMessages(room_id=room.id))).items) == 1


async def test_many_who_open_direct_rooms_at_once_on_two_nodes_get_one_for_each_two(
    scene: Scene, other_node: Scene
) -> None:
    everybody = [await scene.user(f"user{n}") for n in range(6)]
    pairs = [(one, other) for one in everybody for other in everybody if one is not other] * 2
    nodes = [scene, other_node]
    opened = await asyncio.gather(*(open_direct(nodes[n % 2], *pair) for n, pair in enumerate(pairs * 2)))
    rooms: dict[frozenset[int], set[int]] = {}
    for (one, other), room in zip(pairs * 2, opened, strict=True):
        rooms.setdefault(frozenset((one.user_id, other.user_id)), set()).add(room.id)
    assert len(rooms) == 15
    assert all(len(ids) == 1 for ids in rooms.values())
    for ids in rooms.values():
        assert [type(event) for event in await scene.log(RoomId(*ids))] == [MemberAdded] * 2


async def test_a_direct_room_that_is_archived_makes_way_for_another(scene: Scene, people: Person) -> None:
    ana, ben, _ = people
    root = await scene.user("root", UserRole.ADMIN)
    room = await open_direct(scene, ana, ben)
    await scene.do(root, c.ArchiveRoom(room_id=room.id))
    assert await scene.do(ana, c.FindDirect(user_id=ben.user_id)) is None
    assert (await open_direct(scene, ana, ben)).id != room.id


async def test_a_direct_room_stays_with_the_other_one_when_one_is_gone(scene: Scene, people: Person) -> None:
    ana, ben, _ = people
    room = await open_direct(scene, ana, ben)
    await scene.say(ben, room, "bye")
    await goes(scene, ben)
    *_, left = await scene.log(room.id)
    assert isinstance(left, MemberRemoved)
    assert (left.user_id, left.reason) == (ben.user_id, LeaveReason.DELETED)
    assert [message.content for message in (await scene.do(ana, c.ListMessages(room_id=room.id))).items] == ["bye"]
    assert (await scene.do(ana, c.FindDirect(user_id=ben.user_id))).id == room.id
    [talk] = await talks(scene, ana)
    assert (talk.room.id, talk.member_ids, talk.room.owner_id) == (room.id, [ana.user_id], None)
    await scene.refuses(NoSuchUser, ana, c.OpenDirect(user_id=ben.user_id))
    await scene.refuses(Blocked, ana, c.SendMessage(room_id=room.id, content="anybody?"))
    await scene.refuses(Forbidden, ana, c.LeaveRoom(room_id=room.id))
    await goes(scene, ana)
    assert [type(event) for event in (await scene.log(room.id))[-2:]] == [MemberRemoved] * 2


async def test_a_message_to_a_person_goes_into_their_direct_room(scene: Scene, people: Person) -> None:
    ana, ben, _ = people
    open_it = Entry(How.STEPS, scene.conversations.open_direct)
    executor = Executor(scene.store, {c.OpenDirect: open_it}, Messages())

    async def send(actor: Actor | None, other: Actor, content: str, **more: Any) -> c.SendResult:
        return await executor.execute(c.SendDirect(user_id=other.user_id, content=content, **more), actor)

    first = await send(ana, ben, "hello", nonce="n", kind="image")
    second = await send(ben, ana, "and you", reply_to=first.message_id)
    assert (await send(ana, ben, "hello", nonce="n", kind="image")).duplicate
    room = await scene.do(ana, c.FindDirect(user_id=ben.user_id))
    newest, oldest = (await scene.do(ana, c.ListMessages(room_id=room.id))).items
    assert (oldest.id, oldest.content, oldest.kind, oldest.recipient_id) == (
        first.message_id, "hello", "image", ben.user_id,
    )  # fmt: skip
    assert (newest.id, newest.reply_to, newest.recipient_id) == (second.message_id, first.message_id, ana.user_id)
    assert room.unread == 1
    before = await scene.everything()
    for actor, other, error in ((None, ben, MissingToken), (ana, ana, Invalid)):
        with pytest.raises(error):
            await send(actor, other, "hello")
    with pytest.raises(EmptyMessage):
        await send(ana, ben, " ")
    await blocks(scene, ana, ben)
    with pytest.raises(Blocked):
        await send(ben, ana, "hello")
    await goes(scene, ben)
    with pytest.raises(NoSuchUser):
        await send(ana, ben, "hello")
    assert (await scene.everything())["messages"] == before["messages"]


# ---- the list


async def test_conversations_are_listed_with_the_newest_message_first(scene: Scene, people: Person) -> None:
    ana, ben, cleo = people
    early, late = await scene.room(ana, ben), await scene.room(ana)
    direct, group = await open_direct(scene, ana, ben), await scene.do(ana, c.CreateGroup(member_ids=[ben.user_id]))
    await scene.room(cleo)
    gone = await scene.room(ana)
    await scene.do(ana, c.ArchiveRoom(room_id=gone.id))
    assert [one.room.id for one in await talks(scene, ana)] == [group.id, direct.id, late.id, early.id]
    await scene.say(ben, early, "one", "two")
    [said] = await scene.say(ana, direct, "three")

    found = await talks(scene, ana)
    assert [one.room.id for one in found] == [direct.id, early.id, group.id, late.id]
    assert [one.last_message and one.last_message.content for one in found] == ["three", "two", None, None]
    assert [one.member_ids for one in found] == [[1, 2], [1, 2], [1, 2], [1]]
    assert [one.room.unread for one in found] == [0, 2, 0, 0]
    assert [one.room.unread for one in await talks(scene, ben)] == [1, 0, 0]
    assert found[0].last_message == await scene.do(ben, c.GetMessage(message_id=said.message_id))
    assert [one.room.id for one in await talks(scene, ana, skip=1, limit=2)] == [early.id, group.id]
    assert await talks(scene, cleo, skip=1) == []
    for wrong in ({"skip": -1}, {"limit": 0}, {"limit": 1001}):
        await scene.refuses(Invalid, ana, c.ListConversations(**wrong))


async def test_a_conversation_shows_how_often_one_was_mentioned_and_what_was_said_last(
    scene: Scene, people: Person
) -> None:
    ana, ben, _ = people
    room = await scene.room(ana, ben)
    first, *_, last = await scene.say(ana, room, "@ben", "@here", "ben?", "@ana", "last")
    assert [(one.room.unread, one.room.mention_count) for one in await talks(scene, ben)] == [(5, 2)]
    await scene.do(ana, c.DeleteMessage(message_id=last.message_id))
    await scene.do(ben, c.MarkRead(room_id=room.id, seq=first.seq))
    [talk] = await talks(scene, ben)
    assert (talk.room.unread, talk.room.mention_count, talk.room.read_seq) == (3, 1, first.seq)
    assert talk.last_message is not None
    assert talk.last_message.content == "@ana"


async def test_of_many_members_the_first_are_shown(scene: Scene, people: Person) -> None:
    ana, *_ = people
    small, large = await scene.room(ana), await scene.room(ana)

    def crowd(work: Work) -> None:
        from tertulia.store.tables import memberships

        new = [
            {
                "username": f"u{n}",
                "username_key": f"u{n}",
                "display_name": "U",
                "password_hash": "",
                "created_at": work.now,
            }
            for n in range(150)
        ]
        work.sql.execute(users.insert(), new)
        ids = work.sql.execute(users.select().where(users.c.username.startswith("u"))).scalars().all()
        rows = [{"room_id": large.id, "user_id": one, "role": "member", "joined_at": work.now} for one in ids]
        work.sql.execute(memberships.insert(), rows)

    await scene.store.write(crowd)
    by_room = {one.room.id: one.member_ids for one in await talks(scene, ana)}
    assert by_room[small.id] == [ana.user_id]
    assert len(by_room[large.id]) == SHOWN_MEMBERS
    assert by_room[large.id] == sorted(by_room[large.id])
    assert by_room[large.id][0] == ana.user_id


async def test_a_conversation_one_is_not_in_is_none_whether_it_exists_or_not(scene: Scene, people: Person) -> None:
    ana, ben, _ = people
    root = await scene.user("root", UserRole.ADMIN)
    public, private, gone = await scene.room(ana), await scene.room(ana, is_private=True), await scene.room(ana, ben)
    await scene.do(ana, c.ArchiveRoom(room_id=gone.id))
    texts = set()
    for room_id in (public.id, private.id, gone.id, RoomId(99), RoomId(2**63 - 1)):
        for who in (ben, root):
            texts.add(str(await scene.refuses(NotAMember, who, c.GetConversation(room_id=room_id))))
    assert len(texts) == 1


async def test_who_asks_which_rooms_there_are_is_told_of_public_ones_and_of_their_own(
    scene: Scene, people: Person
) -> None:
    ana, ben, _ = people
    public, private, gone = await scene.room(ana), await scene.room(ana, is_private=True), await scene.room(ana)
    direct = await open_direct(scene, ana, ben)
    await scene.do(ana, c.ArchiveRoom(room_id=gone.id))
    asked = [direct.id, gone.id, RoomId(99), private.id, public.id, *(RoomId(n) for n in range(1000, 41_000))]
    for who, told in ((ana, [direct.id, private.id, public.id]), (ben, [direct.id, public.id]), (None, [public.id])):
        assert await scene.rooms.list_visible(c.ListVisibleRooms(room_ids=asked), who) == told
    assert await scene.rooms.list_visible(c.ListVisibleRooms(room_ids=[]), ana) == []


# ---- entering without joining, and having a voice


async def test_who_enters_without_joining_must_be_a_member(scene: Scene, people: Person) -> None:
    ana, ben, _ = people
    public, private = await scene.room(ana), await scene.room(ana, is_private=True)
    await scene.refuses(NotAMember, ben, c.EnterRoom(room_id=public.id, joins=False))
    for room_id in (private.id, RoomId(99)):
        await scene.refuses(NoSuchRoom, ben, c.EnterRoom(room_id=room_id, joins=False))
    await scene.do(ben, c.EnterRoom(room_id=public.id))
    entered = await scene.do(ben, c.EnterRoom(room_id=public.id, joins=False))
    assert entered.membership.user_id == ben.user_id
    await scene.do(ana, c.RemoveMember(room_id=public.id, user_id=ben.user_id))
    await scene.refuses(NotAMember, ben, c.EnterRoom(room_id=public.id, joins=False))
    [committed] = scene.heard[-1:]
    assert [type(event) for event in committed.events] == [MemberRemoved]


async def test_one_has_a_voice_where_one_may_speak_now(scene: Scene, people: Person) -> None:
    ana, ben, cleo = people
    room = await scene.room(ana, ben)
    assert await scene.do(ben, c.FindVoice(room_id=room.id)) == room.id
    for silent in (c.FindVoice(room_id=RoomId(99)), c.FindVoice(user_id=cleo.user_id), c.FindVoice()):
        assert await scene.do(ben, silent) is None
    assert await scene.do(cleo, c.FindVoice(room_id=room.id)) is None
    direct = await open_direct(scene, ana, ben)
    assert await scene.do(ben, c.FindVoice(user_id=ana.user_id)) == direct.id
    await blocks(scene, ana, ben)
    for who, other in ((ana, ben), (ben, ana)):
        assert await scene.do(who, c.FindVoice(user_id=other.user_id)) is None
        assert await scene.do(who, c.FindVoice(room_id=direct.id)) is None
    scene.clock.pass_(seconds=1)
    until = scene.clock().replace(year=2027)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until))
    assert await scene.do(ben, c.FindVoice(room_id=room.id)) is None


async def test_marks_in_a_direct_room_are_its_two_members_own(scene: Scene, people: Person) -> None:
    ana, ben, _ = people
    room = await open_direct(scene, ana, ben)
    [said] = await scene.say(ana, room, "hello")
    assert await scene.do(ben, c.MarkDelivered(room_id=room.id, seq=Seq(said.seq))) == said.seq
    message = await scene.do(ana, c.GetMessage(message_id=said.message_id))
    assert message.delivered_at is not None
    assert message.read_at is None
