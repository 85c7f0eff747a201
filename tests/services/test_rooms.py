"""Rooms: made, seen, listed, changed, archived, entered."""

from datetime import timedelta

import pytest

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, NoSuchMessage, NoSuchRoom, NotAMember, RoleTooLow, TooLarge
from tertulia.domain.events import MemberAdded, RoomDeleted, RoomUpdated
from tertulia.domain.ids import MessageId, RoomId, Seq, UserId
from tertulia.domain.roles import RoomRole, UserRole
from tertulia.services.rooms import Rooms
from tertulia.store.rooms import UNREAD_MOST
from tertulia.store.tables import messages


async def test_who_makes_a_room_owns_it_and_is_the_first_event_of_its_log(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.do(ana, c.CreateRoom(name="  Garden ", description="Green"))

    assert (room.name, room.description, room.owner_id, room.member_count) == ("Garden", "Green", ana.user_id, 1)
    assert (room.last_seq, room.unread, room.read_seq, room.space) == (1, 0, 1, None)
    [added] = await scene.log(room.id)
    assert isinstance(added, MemberAdded)
    assert (added.user_id, added.username, added.role, added.by) == (ana.user_id, "ana", RoomRole.OWNER, ana.user_id)
    assert scene.events == [added]


@pytest.mark.parametrize(
    "name",
    ["\u200b", "\u3164", "Caf\u00e9\u202egpj.", "Caf\u00e9\u2028Staff", "Cafe" + "\u0301" * 9, "\u2066Caf\u00e9"],
)
async def test_a_name_that_hides_or_turns_around_what_it_says_is_none(scene: Scene, name: str):
    ana = await scene.user("ana")
    room = await scene.do(ana, c.CreateRoom(name="Garden"))

    await scene.refuses(Invalid, ana, c.CreateRoom(name=name))
    await scene.refuses(Invalid, ana, c.UpdateRoom(room_id=room.id, name=name))


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""},
        {"name": " \n "},
        {"name": "x" * 101},
        {"name": "two\nlines"},
        {"name": "a\0b"},
        {"name": "\ud800"},
        {"name": "ok", "description": "x" * 1001},
        {"name": "ok", "space": c.SpaceChange(width=0.5, height=600)},
    ],
)
async def test_a_room_with_impossible_values_is_not_made(scene: Scene, values: dict) -> None:
    ana = await scene.user("ana")
    await scene.refuses(Invalid, ana, c.CreateRoom(**values))


async def test_room_creation_can_be_for_admins(scene: Scene) -> None:
    ana, root = await scene.user("ana"), await scene.user("root", UserRole.ADMIN)
    closed = Rooms(scene.store, room_creation="admins")
    with pytest.raises(RoleTooLow):
        await scene.store.write(lambda work: closed.create_room(c.CreateRoom(name="Room"), ana, work))
    room = await scene.store.write(lambda work: closed.create_room(c.CreateRoom(name="Room"), root, work))
    assert room.owner_id == root.user_id


async def test_a_list_has_public_rooms_and_ones_own_in_pages(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    public = [await scene.room(ana) for _ in range(3)]
    hidden = await scene.room(ana, is_private=True)
    shared = await scene.room(ana, ben, is_private=True)
    gone = await scene.room(ana, ben)
    await scene.do(ana, c.ArchiveRoom(room_id=gone.id))

    async def ids(**values: object) -> list[RoomId]:
        page = await scene.do(ben, c.ListRooms(**values))
        return [room.id for room in page.items]

    assert await ids() == [*(room.id for room in public), shared.id]
    assert await ids(mine=True) == [shared.id]
    assert hidden.id not in await ids()

    first = await scene.do(ben, c.ListRooms(limit=3))
    assert [room.id for room in first.items] == [room.id for room in public]
    rest = await scene.do(ben, c.ListRooms(limit=3, cursor=first.next_cursor))
    assert ([room.id for room in rest.items], rest.has_more) == ([shared.id], False)
    assert (await scene.do(ben, c.ListRooms(limit=4))).has_more is False


async def test_a_search_takes_no_letter_for_a_pattern(scene: Scene) -> None:
    ana = await scene.user("ana")
    garden = await scene.do(ana, c.CreateRoom(name="Garden"))
    sale = await scene.do(ana, c.CreateRoom(name="Sale", description="50% off_the_list"))

    async def found(q: str) -> list[RoomId]:
        return [room.id for room in (await scene.do(ana, c.ListRooms(q=q))).items]

    assert await found("ARD") == [garden.id]
    assert await found("0% off_") == [sale.id]
    assert await found("%") == [sale.id]
    assert await found("a_d") == []
    assert await found(" ") == [garden.id, sale.id]
    await scene.refuses(Invalid, ana, c.ListRooms(q="a\0"))
    for limit in (0, 1001):
        await scene.refuses(Invalid, ana, c.ListRooms(limit=limit))


async def test_unread_is_what_others_said_and_did_not_take_back_since_the_mark(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    other = await scene.room(ana, ben)
    await scene.say(ana, other, "elsewhere")
    one, two, three = await scene.say(ana, room, "1", "2", "3")
    await scene.say(ben, room, "mine")
    await scene.do(ana, c.DeleteMessage(message_id=two.message_id))

    async def unread() -> list[int]:
        """As each way of asking says it."""
        got = await scene.do(ben, c.GetRoom(room_id=room.id))
        listed = {found.id: found for found in (await scene.do(ben, c.ListRooms())).items}
        heads = {head.room_id: head for head in await scene.do(ben, c.ListHeads())}
        entered = await scene.do(ben, c.EnterRoom(room_id=room.id))
        assert listed[other.id].unread == heads[other.id].unread == 1
        assert listed[room.id] == got == entered.room
        assert (heads[room.id].seq, heads[room.id].read_seq) == (got.last_seq, got.read_seq)
        assert heads[room.id].epoch == scene.store.epoch
        return [got.unread, heads[room.id].unread]

    assert await unread() == [2, 2]
    await scene.do(ben, c.MarkRead(room_id=room.id, seq=one.seq))
    assert await unread() == [1, 1]
    await scene.do(ben, c.MarkRead(room_id=room.id, seq=three.seq))
    assert await unread() == [0, 0]
    assert (await scene.do(ana, c.GetRoom(room_id=room.id))).unread == 1
    stranger = await scene.user("eve")
    assert (await scene.do(stranger, c.GetRoom(room_id=room.id))).unread == 0


async def test_unread_is_not_counted_beyond_a_thousand(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    rows = [
        {"room_id": room.id, "seq": 10 + i, "user_id": ana.user_id, "content": "x", "created_at": room.created_at}
        for i in range(UNREAD_MOST + 50)
    ]
    await scene.store.write(lambda work: work.sql.execute(messages.insert(), rows) and None)
    await scene.say(ana, room, "a message moves the head")
    assert (await scene.do(ben, c.GetRoom(room_id=room.id))).unread == UNREAD_MOST
    assert (await scene.do(ben, c.ListHeads()))[0].unread == UNREAD_MOST


async def test_a_new_member_has_nothing_unread(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana)
    await scene.say(ana, room, "before")
    await scene.do(ben, c.JoinRoom(room_id=room.id))
    assert (await scene.do(ben, c.GetRoom(room_id=room.id))).unread == 0
    await scene.say(ana, room, "after")
    assert (await scene.do(ben, c.GetRoom(room_id=room.id))).unread == 1


async def test_a_change_is_told_as_the_room_is_now(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    await scene.promote(ana, room, ben)
    changed = await scene.do(
        ben,
        c.UpdateRoom(room_id=room.id, name="New", description="D", is_private=True, settings={"objects": "members"}),
    )
    assert (changed.name, changed.description, changed.is_private) == ("New", "D", True)
    assert changed.settings == {"objects": "members"}
    assert changed.updated_at > room.updated_at
    told = (await scene.log(room.id))[-1]
    assert isinstance(told, RoomUpdated)
    assert told.user_id == ben.user_id
    assert (told.room.name, told.room.member_count) == ("New", 2)
    assert (told.room.last_seq, told.room.unread, told.room.read_seq) == (0, 0, 0)
    assert told.room.updated_at == changed.updated_at


async def test_a_change_to_what_it_is_already_is_no_event(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    heard = len(scene.heard)
    assert await scene.do(ana, c.UpdateRoom(room_id=room.id, name=" Room ")) == room
    assert await scene.do(ana, c.UpdateRoom(room_id=room.id)) == room
    assert len(scene.heard) == heard


async def test_settings_are_small_plain_json(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)

    def update(settings: dict) -> c.UpdateRoom:
        return c.UpdateRoom(room_id=room.id, settings=settings)

    fine = {"a": [1, {"b": None}], "text": "ñ"}
    assert (await scene.do(ana, update(fine))).settings == fine
    await scene.refuses(TooLarge, ana, update({"a": "x" * 4096}))
    deep: list = []
    for _ in range(2000):
        deep = [deep]
    for settings in ({"a": deep}, {"a": 10**400}, {"a": "\ud800"}, {"a": "\0"}, {"a": object()}):
        await scene.refuses(Invalid, ana, update(settings))


async def test_members_change_nothing_of_a_room(scene: Scene) -> None:
    ana, ben, eve = await scene.user("ana"), await scene.user("ben"), await scene.user("eve")
    room = await scene.room(ana, ben)
    await scene.refuses(RoleTooLow, ben, c.UpdateRoom(room_id=room.id, name="Mine"))
    await scene.refuses(RoleTooLow, ben, c.ArchiveRoom(room_id=room.id))
    await scene.refuses(NotAMember, eve, c.UpdateRoom(room_id=room.id, name="Mine"))
    await scene.refuses(NotAMember, eve, c.ArchiveRoom(room_id=room.id))
    await scene.promote(ana, room, ben)
    await scene.refuses(RoleTooLow, ben, c.ArchiveRoom(room_id=room.id))


async def test_admins_moderate_public_rooms_and_archive_any_but_read_no_private_one(scene: Scene) -> None:
    ana, root = await scene.user("ana"), await scene.user("root", UserRole.ADMIN)
    public, private = await scene.room(ana), await scene.room(ana, is_private=True)
    [said] = await scene.say(ana, public, "hello")
    [secret] = await scene.say(ana, private, "hush")

    assert (await scene.do(root, c.UpdateRoom(room_id=public.id, name="Tidy"))).name == "Tidy"
    assert (await scene.do(root, c.GetMessage(message_id=said.message_id))).content == "hello"
    await scene.do(root, c.DeleteMessage(message_id=said.message_id))

    for command in (
        c.GetRoom(room_id=private.id),
        c.ListMessages(room_id=private.id),
        c.EnterRoom(room_id=private.id),
        c.UpdateRoom(room_id=private.id, name="Mine"),
    ):
        await scene.refuses(NoSuchRoom, root, command)
    await scene.refuses(NoSuchMessage, root, c.GetMessage(message_id=secret.message_id))
    await scene.do(root, c.ArchiveRoom(room_id=private.id))
    await scene.refuses(NoSuchRoom, ana, c.GetRoom(room_id=private.id))


COMMANDS_ABOUT_A_ROOM = [
    c.GetRoom,
    c.UpdateRoom,
    c.ArchiveRoom,
    c.EnterRoom,
    c.JoinRoom,
    c.LeaveRoom,
    c.ListMembers,
    c.AddMember,
    c.UpdateMember,
    c.RemoveMember,
    c.CreateInvite,
    c.SendMessage,
    c.ListMessages,
    c.ListEvents,
    c.MarkRead,
]
COMMANDS_ABOUT_A_MESSAGE = [c.GetMessage, c.EditMessage, c.DeleteMessage]


def command_of(kind: type, room_id: RoomId, message_id: MessageId, user_id: UserId) -> c.Command:
    """One that would be allowed to who may."""
    values = {"room_id": room_id, "message_id": message_id, "user_id": user_id, "content": "x", "name": "Other"}
    values |= {"seq": Seq(1), "role": RoomRole.MEMBER}
    return kind(**{field: values[field] for field in kind.__struct_fields__ if field in values})


@pytest.mark.parametrize("kind", [*COMMANDS_ABOUT_A_ROOM, *COMMANDS_ABOUT_A_MESSAGE])
async def test_what_a_stranger_may_not_see_does_not_exist(scene: Scene, kind: type) -> None:
    ana, eve, bob = await scene.user("ana"), await scene.user("eve"), await scene.user("bob")
    private, archived = await scene.room(ana, is_private=True), await scene.room(ana, eve)
    [secret] = await scene.say(ana, private, "hush")
    [over] = await scene.say(ana, archived, "gone")
    await scene.do(ana, c.ArchiveRoom(room_id=archived.id))
    missing = NoSuchMessage if kind in COMMANDS_ABOUT_A_MESSAGE else NoSuchRoom

    nothing = command_of(kind, RoomId(987654), MessageId(987654), bob.user_id)
    said = str(await scene.refuses(missing, eve, nothing))
    hidden = command_of(kind, private.id, secret.message_id, bob.user_id)
    assert str(await scene.refuses(missing, eve, hidden)) == said
    for who in (eve, ana):
        assert (
            str(await scene.refuses(missing, who, command_of(kind, archived.id, over.message_id, bob.user_id))) == said
        )


@pytest.mark.parametrize("kind", sorted({*COMMANDS_ABOUT_A_ROOM} - {c.GetRoom, c.JoinRoom, c.EnterRoom}, key=str))
async def test_a_public_room_is_seen_by_all_and_read_by_members(scene: Scene, kind: type) -> None:
    ana, eve, bob = await scene.user("ana"), await scene.user("eve"), await scene.user("bob")
    room = await scene.room(ana)
    [said] = await scene.say(ana, room, "hello")
    assert (await scene.do(eve, c.GetRoom(room_id=room.id))).name == "Room"
    await scene.refuses(NotAMember, eve, command_of(kind, room.id, said.message_id, bob.user_id))


@pytest.mark.parametrize("kind", COMMANDS_ABOUT_A_MESSAGE)
async def test_a_message_in_a_room_one_can_not_read_does_not_exist(scene: Scene, kind: type) -> None:
    ana, eve = await scene.user("ana"), await scene.user("eve")
    room = await scene.room(ana, eve)
    [said] = await scene.say(eve, room, "hello")
    await scene.do(eve, c.LeaveRoom(room_id=room.id))
    await scene.refuses(NoSuchMessage, eve, command_of(kind, room.id, said.message_id, eve.user_id))


async def test_the_log_of_an_archived_room_ends_there(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    await scene.do(ana, c.ArchiveRoom(room_id=room.id))
    last = (await scene.log(room.id))[-1]
    assert isinstance(last, RoomDeleted)
    assert last.user_id == ana.user_id
    assert await scene.do(ana, c.ListHeads()) == []
    await scene.refuses(NoSuchRoom, ana, c.ArchiveRoom(room_id=room.id))


async def test_entering_a_public_room_joins_it_once(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana)
    [said] = await scene.say(ana, room, "hello")
    snapshot = await scene.do(ben, c.EnterRoom(room_id=room.id))
    assert snapshot.membership.user_id == ben.user_id
    assert (snapshot.seq, snapshot.room.last_seq, snapshot.room.member_count) == (3, 3, 2)
    assert [message.id for message in snapshot.messages.items] == [said.message_id]
    assert snapshot.epoch == scene.store.epoch
    again = await scene.do(ben, c.EnterRoom(room_id=room.id))
    assert again == snapshot
    assert [type(event) for event in await scene.log(room.id)][-1] is MemberAdded


async def test_a_snapshot_has_the_newest_fifty_oldest_first(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    sent = await scene.say(ana, room, *map(str, range(60)))
    snapshot = await scene.do(ana, c.EnterRoom(room_id=room.id))
    assert [message.content for message in snapshot.messages.items] == [str(i) for i in range(10, 60)]
    assert snapshot.messages.next_cursor == sent[10].message_id
    older = await scene.do(ana, c.ListMessages(room_id=room.id, cursor=snapshot.messages.next_cursor))
    assert [message.content for message in older.items] == [str(i) for i in range(9, -1, -1)]


async def test_times_come_back_in_utc(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    assert room.created_at.utcoffset() == timedelta(0)


async def test_what_was_said_in_private_is_the_owners_to_open_and_not_a_moderators(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben, is_private=True)
    await scene.promote(ana, room, ben)
    with pytest.raises(RoleTooLow):
        await scene.do(ben, c.UpdateRoom(room_id=room.id, is_private=False))
    assert (await scene.do(ben, c.UpdateRoom(room_id=room.id, name="Renamed", is_private=True))).is_private
    opened = await scene.do(ana, c.UpdateRoom(room_id=room.id, is_private=False))
    assert not opened.is_private
    assert (await scene.do(ben, c.UpdateRoom(room_id=room.id, is_private=True))).is_private
