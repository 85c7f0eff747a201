"""Members: who comes, who goes, who may do what to whom, and what the log says of it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import (
    AlreadyMember,
    Banned,
    Forbidden,
    Invalid,
    LastOwner,
    Muted,
    NoSuchInvite,
    NoSuchRoom,
    NoSuchUser,
    NotAMember,
    RoleTooLow,
    TertuliaError,
)
from tertulia.domain.events import MemberAdded, MemberRemoved, MembershipBegan, MemberUpdated, RoomUpdated
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor, Room
from tertulia.domain.roles import LeaveReason, RoomKind, RoomRole, UserRole
from tertulia.services.members import release
from tertulia.store import Work
from tertulia.store.members import add_member
from tertulia.store.rooms import insert_room
from tertulia.store.tables import users

OWNER, MODERATOR, MEMBER = RoomRole.OWNER, RoomRole.MODERATOR, RoomRole.MEMBER


async def members_of(scene: Scene, actor: Actor, room: Room) -> dict[str, RoomRole]:
    page = await scene.do(actor, c.ListMembers(room_id=room.id, limit=100))
    assert (await scene.do(actor, c.GetRoom(room_id=room.id))).member_count == len(page.items)
    return {member.username: member.role for member in page.items}


async def test_joining_and_leaving_are_in_the_log(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana)
    joined = await scene.do(ben, c.JoinRoom(room_id=room.id))
    assert (joined.username, joined.display_name, joined.role, joined.muted_until) == ("ben", "Ben", MEMBER, None)
    assert await scene.do(ben, c.JoinRoom(room_id=room.id)) == joined
    assert await members_of(scene, ben, room) == {"ana": OWNER, "ben": MEMBER}
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    assert await members_of(scene, ana, room) == {"ana": OWNER}
    _, added, removed = await scene.log(room.id)
    assert isinstance(added, MemberAdded)
    assert isinstance(removed, MemberRemoved)
    assert (added.user_id, added.by, removed.reason, removed.by) == (ben.user_id,) * 2 + (LeaveReason.LEFT, ben.user_id)
    await scene.refuses(NotAMember, ben, c.LeaveRoom(room_id=room.id))


async def test_the_list_of_members_has_pages(scene: Scene) -> None:
    ana = await scene.user("ana")
    others = [await scene.user(f"user{i}") for i in range(4)]
    room = await scene.room(ana, *others)
    first = await scene.do(ana, c.ListMembers(room_id=room.id, limit=3))
    rest = await scene.do(ana, c.ListMembers(room_id=room.id, limit=3, cursor=first.next_cursor))
    assert [m.user_id for m in first.items + rest.items] == [who.user_id for who in (ana, *others)]
    assert (first.has_more, rest.has_more) == (True, False)


async def test_the_last_owner_of_others_stays(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    await scene.refuses(LastOwner, ana, c.LeaveRoom(room_id=room.id))
    await scene.refuses(LastOwner, ana, c.UpdateMember(room_id=room.id, user_id=ana.user_id, role=MEMBER))
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    await scene.do(ana, c.LeaveRoom(room_id=room.id))
    left = await scene.do(ana, c.GetRoom(room_id=room.id))
    assert (left.member_count, left.owner_id) == (0, None)


async def test_a_room_is_handed_over_to_the_senior_of_the_other_owners(scene: Scene) -> None:
    ana, ben, cleo = await scene.user("ana"), await scene.user("ben"), await scene.user("cleo")
    room = await scene.room(ana, ben, cleo)
    await scene.promote(ana, room, cleo, OWNER)
    await scene.do(ana, c.LeaveRoom(room_id=room.id))
    assert (await scene.do(cleo, c.GetRoom(room_id=room.id))).owner_id == cleo.user_id
    removed, changed = (await scene.log(room.id))[-2:]
    assert isinstance(removed, MemberRemoved)
    assert isinstance(changed, RoomUpdated)
    assert changed.room.owner_id == cleo.user_id


async def test_an_account_that_goes_leaves_no_room_without_an_owner(scene: Scene) -> None:
    ana, ben, cleo = await scene.user("ana"), await scene.user("ben"), await scene.user("cleo")
    room, alone, theirs = await scene.room(ana, cleo, ben), await scene.room(ana), await scene.room(ben, ana)
    await scene.promote(ana, room, cleo)
    await scene.store.write(lambda work: release(work, ana.user_id, ana.username))
    assert await members_of(scene, ben, room) == {"ben": MEMBER, "cleo": OWNER}
    assert (await scene.do(ben, c.GetRoom(room_id=room.id))).owner_id == cleo.user_id
    assert await members_of(scene, ben, theirs) == {"ben": OWNER}
    assert (await scene.do(ben, c.GetRoom(room_id=alone.id))).member_count == 0
    reasons = [event.reason for event in await scene.log(room.id) if isinstance(event, MemberRemoved)]
    assert reasons == [LeaveReason.DELETED]


async def test_moderators_bring_members_in_and_only_owners_bring_moderators(scene: Scene) -> None:
    ana, mod, ben, eve = [await scene.user(name) for name in ("ana", "mod", "ben", "eve")]
    room = await scene.room(ana, mod, is_private=True)
    await scene.promote(ana, room, mod)
    added = await scene.do(mod, c.AddMember(room_id=room.id, user_id=ben.user_id))
    assert (added.user_id, added.role) == (ben.user_id, MEMBER)
    assert (await scene.log(room.id))[-1].by == mod.user_id
    await scene.refuses(AlreadyMember, mod, c.AddMember(room_id=room.id, user_id=ben.user_id))
    await scene.refuses(RoleTooLow, mod, c.AddMember(room_id=room.id, user_id=eve.user_id, role=MODERATOR))
    await scene.refuses(RoleTooLow, ben, c.AddMember(room_id=room.id, user_id=eve.user_id))
    await scene.refuses(NoSuchUser, mod, c.AddMember(room_id=room.id, user_id=UserId(4711)))
    assert (await scene.do(ana, c.AddMember(room_id=room.id, user_id=eve.user_id, role=MODERATOR))).role is MODERATOR


async def test_who_has_gone_for_good_is_added_nowhere(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana)
    gone = users.update().where(users.c.id == ben.user_id).values(is_deleted=True)
    await scene.store.write(lambda work: work.sql.execute(gone) and None)
    await scene.refuses(NoSuchUser, ana, c.AddMember(room_id=room.id, user_id=ben.user_id))


RANKS = ["member", "moderator", "owner", "admin"]


async def cast(scene: Scene, actor: str, target: str) -> tuple[Room, Actor, Actor, Actor]:
    """A public room with one owner more than is needed: room, who acts, on whom, that owner."""
    ana = await scene.user("ana")
    who = await scene.user("actor", UserRole.ADMIN if actor == "admin" else UserRole.USER)
    whom = await scene.user("target")
    room = await scene.room(ana, whom) if actor == "admin" else await scene.room(ana, who, whom)
    for person, role in ((who, actor), (whom, target)):
        if role in ("moderator", "owner"):
            await scene.promote(ana, room, person, RoomRole(role))
    return room, who, whom, ana


async def check(scene: Scene, is_allowed: bool, actor: Actor, command: c.Command) -> None:
    if is_allowed:
        await scene.do(actor, command)
    else:
        await scene.refuses(RoleTooLow, actor, command)


@pytest.mark.parametrize("target", RANKS[:3])
@pytest.mark.parametrize("actor", RANKS)
async def test_who_mutes_kicks_and_promotes_whom(scene: Scene, actor: str, target: str) -> None:
    room, who, whom, _ = await cast(scene, actor, target)
    mine, theirs = RANKS.index(actor), RANKS.index(target)
    until = scene.clock() + timedelta(hours=1)
    mute = c.UpdateMember(room_id=room.id, user_id=whom.user_id, muted_until=until)
    await check(scene, mine > theirs and mine >= 1, who, mute)
    other = MEMBER if target == "moderator" else MODERATOR
    await check(scene, mine >= 2, who, c.UpdateMember(room_id=room.id, user_id=whom.user_id, role=other))
    if mine >= 2:
        await scene.do(who, c.UpdateMember(room_id=room.id, user_id=whom.user_id, role=RoomRole(target)))
    kick = c.RemoveMember(room_id=room.id, user_id=whom.user_id)
    await check(scene, mine >= 2 or (mine == 1 and theirs == 0), who, kick)


async def test_a_change_of_role_and_of_mute_is_one_event(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    until = datetime(2026, 12, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    command = c.UpdateMember(room_id=room.id, user_id=ben.user_id, role=MODERATOR, muted_until=until)
    member = await scene.do(ana, command)
    assert (member.role, member.muted_until) == (MODERATOR, datetime(2026, 12, 1, 10, 0, tzinfo=UTC))
    told = (await scene.log(room.id))[-1]
    assert isinstance(told, MemberUpdated)
    assert (told.user_id, told.role, told.muted_until, told.by) == (ben.user_id, MODERATOR, until, ana.user_id)
    heard = len(scene.heard)
    assert await scene.do(ana, command) == member
    assert len(scene.heard) == heard
    ended = await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=None))
    assert ended.muted_until is None


async def test_a_mute_ends_in_the_future_of_some_zone(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    now = scene.clock()
    far = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    for until in (now, now - timedelta(days=1), (now + timedelta(days=1)).replace(tzinfo=None), far):
        command = c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until)
        await scene.refuses(Invalid, ana, command)
    await scene.refuses(NoSuchUser, ana, c.UpdateMember(room_id=room.id, user_id=UserId(4711), role=MEMBER))


async def test_leaving_and_coming_back_does_not_end_a_mute(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until))
    await scene.refuses(Muted, ben, c.SendMessage(room_id=room.id, content="hi"))
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    back = await scene.do(ben, c.JoinRoom(room_id=room.id))
    assert back.muted_until == until
    assert [type(event) for event in (await scene.log(room.id))[-2:]] == [MemberAdded, MemberUpdated]
    await scene.refuses(Muted, ben, c.SendMessage(room_id=room.id, content="hi"))
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    scene.clock.pass_(hours=2)
    assert (await scene.do(ben, c.JoinRoom(room_id=room.id))).muted_until is None
    await scene.do(ben, c.SendMessage(room_id=room.id, content="hi"))


async def test_who_was_kicked_comes_back_by_asking_not_by_entering(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=ben.user_id))
    removed = (await scene.log(room.id))[-1]
    assert (removed.reason, removed.by, removed.username) == (LeaveReason.KICKED, ana.user_id, "ben")
    assert (await scene.do(ben, c.GetRoom(room_id=room.id))).member_count == 1
    await scene.refuses(NotAMember, ben, c.ListMessages(room_id=room.id))
    await scene.refuses(NotAMember, ben, c.SendMessage(room_id=room.id, content="hi"))
    await scene.refuses(NotAMember, ben, c.EnterRoom(room_id=room.id))
    await scene.do(ben, c.JoinRoom(room_id=room.id))
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    await scene.do(ben, c.EnterRoom(room_id=room.id))


async def test_who_is_banned_stays_outside_until_added(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    invite = await scene.do(ana, c.CreateInvite(room_id=room.id))
    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=ben.user_id, ban=True))
    assert (await scene.log(room.id))[-1].reason is LeaveReason.BANNED
    assert (await scene.do(ben, c.GetRoom(room_id=room.id))).name == "Room"
    for command in (c.JoinRoom(room_id=room.id), c.EnterRoom(room_id=room.id), c.AcceptInvite(code=invite.code)):
        await scene.refuses(Banned, ben, command)
    await scene.do(ana, c.AddMember(room_id=room.id, user_id=ben.user_id))
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    await scene.do(ben, c.JoinRoom(room_id=room.id))


async def test_who_has_left_can_still_be_banned(scene: Scene) -> None:
    ana, ben, mod = await scene.user("ana"), await scene.user("ben"), await scene.user("mod")
    room = await scene.room(ana, ben, mod)
    await scene.promote(ana, room, mod)
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    heard = len(scene.heard)
    await scene.refuses(NoSuchUser, mod, c.RemoveMember(room_id=room.id, user_id=ben.user_id))
    await scene.refuses(NoSuchUser, mod, c.RemoveMember(room_id=room.id, user_id=UserId(4711), ban=True))
    await scene.do(mod, c.RemoveMember(room_id=room.id, user_id=ben.user_id, ban=True))
    assert len(scene.heard) == heard
    await scene.refuses(Banned, ben, c.JoinRoom(room_id=room.id))


async def test_the_last_owner_is_not_kicked_even_by_an_admin(scene: Scene) -> None:
    ana, ben, root = await scene.user("ana"), await scene.user("ben"), await scene.user("root", UserRole.ADMIN)
    room = await scene.room(ana, ben)
    await scene.refuses(LastOwner, root, c.RemoveMember(room_id=room.id, user_id=ana.user_id))
    await scene.promote(ana, room, ben, OWNER)
    await scene.do(root, c.RemoveMember(room_id=room.id, user_id=ana.user_id))
    assert (await scene.do(ben, c.GetRoom(room_id=room.id))).owner_id == ben.user_id


async def test_removing_oneself_is_leaving(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    await scene.refuses(Invalid, ben, c.RemoveMember(room_id=room.id, user_id=ben.user_id, ban=True))
    await scene.do(ben, c.RemoveMember(room_id=room.id, user_id=ben.user_id))
    assert (await scene.log(room.id))[-1].reason is LeaveReason.LEFT
    await scene.refuses(LastOwner, *(ana, c.RemoveMember(room_id=(await scene.room(ana, ben)).id, user_id=ana.user_id)))


async def test_an_invite_lets_into_a_private_room(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, is_private=True)
    invite = await scene.do(ana, c.CreateInvite(room_id=room.id))
    assert len(invite.code) == 16
    assert invite.expires_at == pytest.approx(scene.clock() + timedelta(days=7), abs=timedelta(seconds=1))
    entered = await scene.do(ben, c.AcceptInvite(code=invite.code))
    assert (entered.id, entered.member_count, entered.unread) == (room.id, 2, 0)
    added = (await scene.log(room.id))[-1]
    assert (added.user_id, added.by) == (ben.user_id, ben.user_id)


async def test_an_invite_is_used_up_by_those_who_come_in(scene: Scene) -> None:
    ana, ben, eve = await scene.user("ana"), await scene.user("ben"), await scene.user("eve")
    room = await scene.room(ana, is_private=True)
    invite = await scene.do(ana, c.CreateInvite(room_id=room.id, max_uses=1, expires_in=None))
    assert (await scene.do(ana, c.AcceptInvite(code=invite.code))).id == room.id
    for _ in range(2):
        assert (await scene.do(ben, c.AcceptInvite(code=invite.code))).id == room.id
    await scene.refuses(NoSuchInvite, eve, c.AcceptInvite(code=invite.code))


async def test_an_invite_ends(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana)
    invite = await scene.do(ana, c.CreateInvite(room_id=room.id, expires_in=60))
    lasting = await scene.do(ana, c.CreateInvite(room_id=room.id, expires_in=None))
    scene.clock.pass_(seconds=61)
    for code in (invite.code, "never-given-out1", "", "\0", "\ud800", "ñ"):
        await scene.refuses(NoSuchInvite, ben, c.AcceptInvite(code=code))
    await scene.do(ana, c.ArchiveRoom(room_id=room.id))
    await scene.refuses(NoSuchInvite, ben, c.AcceptInvite(code=lasting.code))


async def test_who_invites(scene: Scene) -> None:
    ana, ben, eve = await scene.user("ana"), await scene.user("ben"), await scene.user("eve")
    public, private = await scene.room(ana, ben), await scene.room(ana, ben, is_private=True)
    await scene.do(ben, c.CreateInvite(room_id=public.id))
    await scene.refuses(RoleTooLow, ben, c.CreateInvite(room_id=private.id))
    await scene.refuses(NotAMember, eve, c.CreateInvite(room_id=public.id))
    await scene.refuses(NoSuchRoom, eve, c.CreateInvite(room_id=private.id))
    for values in ({"expires_in": 0}, {"expires_in": 10**10}, {"max_uses": 0}, {"max_uses": -1}, {"max_uses": 10**9}):
        await scene.refuses(Invalid, ana, c.CreateInvite(room_id=public.id, **values))


async def test_two_who_race_for_the_last_use_of_an_invite_do_not_both_come_in(scene: Scene) -> None:
    import asyncio

    ana = await scene.user("ana")
    racers = [await scene.user(f"racer{i}") for i in range(5)]
    room = await scene.room(ana, is_private=True)
    invite = await scene.do(ana, c.CreateInvite(room_id=room.id, max_uses=1))
    tries = [scene.do(racer, c.AcceptInvite(code=invite.code)) for racer in racers]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(outcome, TertuliaError) for outcome in outcomes) == 1
    assert len(await members_of(scene, ana, room)) == 2


async def of_kind(scene: Scene, kind: RoomKind, *people: Actor) -> Room:
    """A room that a dialect would make for its conversations; the first of *people* owns it."""

    def make(work: Work) -> RoomId:
        new = Room(
            id=RoomId(0), kind=kind, name="", is_private=True, created_at=work.now, updated_at=work.now, owner_id=None
        )
        room_id = insert_room(work, new)
        for person in people:
            role = OWNER if person is people[0] and kind is RoomKind.GROUP else MEMBER
            add_member(work, room_id, person.user_id, person.username, role, people[0].user_id)
        return room_id

    room_id = await scene.store.write(make)
    found: Room = await scene.do(people[0], c.GetRoom(room_id=room_id))
    return found


async def test_a_direct_room_keeps_its_two_members(scene: Scene) -> None:
    ana, ben, eve = await scene.user("ana"), await scene.user("ben"), await scene.user("eve")
    room = await of_kind(scene, RoomKind.DIRECT, ana, ben)
    await scene.say(ben, room, "only for you")
    await scene.refuses(Forbidden, ana, c.LeaveRoom(room_id=room.id))
    for command in (
        c.AddMember(room_id=room.id, user_id=eve.user_id),
        c.RemoveMember(room_id=room.id, user_id=ben.user_id),
        c.CreateInvite(room_id=room.id),
        c.UpdateRoom(room_id=room.id, is_private=False),
    ):
        await scene.refuses(RoleTooLow, ana, command)
    for command in (c.GetRoom(room_id=room.id), c.JoinRoom(room_id=room.id), c.EnterRoom(room_id=room.id)):
        await scene.refuses(NoSuchRoom, eve, command)
    assert (await scene.do(eve, c.ListRooms())).items == []


async def test_a_group_is_by_invitation_only_and_never_public(scene: Scene) -> None:
    ana, ben, eve = await scene.user("ana"), await scene.user("ben"), await scene.user("eve")
    room = await of_kind(scene, RoomKind.GROUP, ana, ben)
    await scene.refuses(Invalid, ana, c.UpdateRoom(room_id=room.id, is_private=False))
    await scene.refuses(NoSuchRoom, eve, c.JoinRoom(room_id=room.id))
    invite = await scene.do(ana, c.CreateInvite(room_id=room.id))
    assert (await scene.do(eve, c.AcceptInvite(code=invite.code))).member_count == 3


# ---- what the nodes are told


async def test_each_membership_that_begins_is_told_to_all_nodes_with_its_place_in_the_log(scene: Scene) -> None:
    ana, ben, cleo = await scene.user("ana"), await scene.user("ben"), await scene.user("cleo")
    before = scene.clock()
    room = await scene.room(ana, ben)
    await scene.do(cleo, c.JoinRoom(room_id=room.id))
    await scene.do(cleo, c.JoinRoom(room_id=room.id))
    await scene.do(ben, c.LeaveRoom(room_id=room.id))
    invite = await scene.do(ana, c.CreateInvite(room_id=room.id))
    await scene.do(ben, c.AcceptInvite(code=invite.code))

    told = [notice for committed in scene.heard for notice in committed.notices]
    began = [MembershipBegan(user_id=one, room_id=room.id, seq=seq) for one, seq in ((1, 1), (2, 2), (3, 3), (2, 5))]
    assert told == began
    assert [(event.user_id, event.seq) for event in await scene.log(room.id) if isinstance(event, MemberAdded)] == [
        (one.user_id, one.seq) for one in began
    ]
    assert await scene.store.joined_since(before) == [began[0], *began[2:]], "those who are members now"
    assert await scene.store.joined_since(scene.clock()) == []
    await scene.do(ana, c.ArchiveRoom(room_id=room.id))
    assert await scene.store.joined_since(before) == []
