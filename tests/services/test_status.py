"""Statuses: what somebody chooses, what others see of it, and when they were seen last."""

from datetime import timedelta

import pytest

from accounts_world import Accounting
from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.events import PresenceUpdated
from tertulia.domain.roles import RoomRole, Status
from tertulia.services.members import Members
from tertulia.store.presence import Presences

SHOWN = {
    Status.ONLINE: Status.ONLINE,
    Status.AWAY: Status.AWAY,
    Status.BUSY: Status.BUSY,
    Status.OFFLINE: Status.OFFLINE,
    Status.INVISIBLE: Status.OFFLINE,
}


class World(Accounting):
    async def choose(self, actor, status, **more):
        return await self.write(self.people.set_status, c.SetStatus(status=status, **more), actor)

    async def see(self, actor, user_id):
        return await self.read(self.people.get_user, c.GetUser(user_id=user_id), actor)

    def told(self):
        told, self.scene.heard[:] = self.scene.announced, []
        return told


@pytest.fixture
def world(scene: Scene) -> World:
    return World(scene)


@pytest.fixture
async def two(world):
    return await world.enter("ana"), await world.enter("ben")


async def test_others_see_a_status_while_one_is_there_and_wants_to_be_seen(world, two):
    ana, ben = two
    root = await world.admin()
    for status, shown in SHOWN.items():
        await world.choose(ana, status)
        for is_there in (False, True):
            world.there = {ana.user_id} if is_there else set()
            world.people._is_there = world.there.__contains__
            assert (await world.see(ana, ana.user_id)).status is status
            for other in (ben, root):
                expected = shown if is_there else Status.OFFLINE
                assert (await world.see(other, ana.user_id)).status is expected
                page = await world.read(world.people.list_users, c.ListUsers(q="ana"), other)
                assert [user.status for user in page.items] == [expected]


async def test_who_is_new_is_online_when_they_come(world, two):
    ana, ben = two
    world.there.add(ana.user_id)
    assert (await world.see(ben, ana.user_id)).status is Status.ONLINE


async def test_a_status_is_told_to_all_rooms_as_others_see_it(world, two):
    ana, _ = two
    world.there.add(ana.user_id)
    room = await world.scene.room(ana)
    world.told()
    user = await world.choose(ana, Status.AWAY, text=" Lunch ")
    assert (user.status, user.status_text) == (Status.AWAY, "Lunch")
    await world.choose(ana, Status.INVISIBLE)
    away, gone = world.told()
    expected = PresenceUpdated(
        user_id=ana.user_id,
        username="ana",
        status=Status.AWAY,
        text="Lunch",
        last_seen_at=user.last_seen_at,
        room_ids=[room.id],
    )
    assert away == expected
    assert (gone.status, gone.text, gone.room_ids) == (Status.OFFLINE, "Lunch", [room.id])


async def test_what_an_unseen_one_does_unseen_is_told_to_nobody_else(world, two):
    ana, _ = two
    await world.scene.room(ana)
    await world.choose(ana, Status.INVISIBLE)
    world.told()
    for status in (Status.INVISIBLE, Status.OFFLINE, Status.INVISIBLE):
        await world.choose(ana, status)
    assert [event.room_ids for event in world.told()] == [[], [], []]
    await world.choose(ana, Status.OFFLINE, text="Gone fishing")
    await world.choose(ana, Status.ONLINE)
    assert [len(event.room_ids) for event in world.told()] == [1, 1]


async def test_to_hide_is_to_be_seen_last_and_nothing_that_the_unseen_do_moves_that(world, two):
    ana, ben = two
    world.there.add(ana.user_id)
    presences = Presences(world.store, most_members=10)
    before = (await world.see(ben, ana.user_id)).last_seen_at
    world.clock.pass_(minutes=10)
    await world.choose(ana, Status.INVISIBLE)
    hidden = (await world.see(ben, ana.user_id)).last_seen_at
    assert hidden - before >= timedelta(minutes=10)

    world.clock.pass_(minutes=10)
    await world.choose(ana, Status.OFFLINE, text="x")
    await world.login("ana")
    await presences.note_last_seen({ana.user_id: world.clock()})
    await world.write(world.people.update_profile, c.UpdateProfile(bio="Hm."), ana)
    assert (await world.see(ben, ana.user_id)).last_seen_at == hidden

    await world.choose(ana, Status.ONLINE)
    assert (await world.see(ben, ana.user_id)).last_seen_at == hidden
    later = world.clock()
    await presences.note_last_seen({ana.user_id: later, 99: later})
    await presences.note_last_seen({ana.user_id: hidden})
    await presences.note_last_seen({})
    assert (await world.see(ben, ana.user_id)).last_seen_at == later


async def test_without_a_socket_hiding_does_not_say_that_one_was_there(world, two):
    ana, ben = two
    await world.scene.room(ana)
    world.told()
    before = (await world.see(ben, ana.user_id)).last_seen_at
    await world.choose(ana, Status.INVISIBLE)
    assert (await world.see(ben, ana.user_id)).last_seen_at == before
    assert [event.room_ids for event in world.told()] == [[]]


async def test_the_same_again_is_written_nowhere_and_told_all_the_same(world, two):
    ana, _ = two
    await world.scene.room(ana)
    await world.choose(ana, Status.BUSY, text="Work")
    before = await world.scene.everything()
    world.told()
    await world.choose(ana, Status.BUSY, text="Work")
    assert await world.scene.everything() == before
    assert [event.status for event in world.told()] == [Status.BUSY]


async def test_large_rooms_are_told_who_sets_a_status_and_not_who_comes(world, two):
    ana, ben = two
    small, large = await world.scene.room(ana), await world.scene.room(ana, ben)
    closed = await world.scene.room(ana)
    await world.scene.do(ana, c.ArchiveRoom(room_id=closed.id))
    world.told()
    await world.choose(ana, Status.AWAY)
    (event,) = world.told()
    assert event.room_ids == [small.id, large.id]
    for most, rooms in ((1, [small.id]), (2, [small.id, large.id])):
        seen = await Presences(world.store, most_members=most).seen([ana.user_id, ben.user_id, 99])
        assert sorted(seen) == [ana.user_id, ben.user_id]
        assert sorted(seen[ana.user_id].room_ids) == rooms
        assert (seen[ana.user_id].username, seen[ana.user_id].status) == ("ana", Status.AWAY)


async def test_who_is_deleted_is_seen_no_more(world, two):
    ana, ben = two
    await world.write(world.people.delete_account, c.DeleteAccount(), ana)
    presences = Presences(world.store, most_members=10)
    await presences.note_last_seen({ana.user_id: world.clock()})
    assert list(await presences.seen([ana.user_id, ben.user_id])) == [ben.user_id]
    wishes = await presences.wishes([ana.user_id, ben.user_id])
    assert list(wishes) == [ben.user_id]
    assert (wishes[ben.user_id].status, wishes[ben.user_id].blocked) == (Status.ONLINE, frozenset())


async def test_a_token_says_what_its_user_has_chosen(world, two):
    ana, _ = two
    await world.choose(ana, Status.INVISIBLE)
    assert (await world.access(await world.login("ana"))).status is Status.INVISIBLE


async def test_the_list_of_members_shows_statuses_as_others_see_them(world, two):
    ana, ben = two
    room = await world.scene.room(ana, ben)
    members = Members(is_there=world.there.__contains__)

    async def listed(actor):
        page = await world.read(members.list_members, c.ListMembers(room_id=room.id), actor)
        return [member.status for member in page.items]

    await world.choose(ana, Status.INVISIBLE)
    await world.choose(ben, Status.BUSY)
    assert await listed(ben) == [Status.OFFLINE, Status.BUSY]
    world.there |= {ana.user_id, ben.user_id}
    assert await listed(ana) == [Status.INVISIBLE, Status.BUSY]
    assert await listed(ben) == [Status.OFFLINE, Status.BUSY]
    change = c.UpdateMember(room_id=room.id, user_id=ben.user_id, role=RoomRole.MODERATOR)
    assert (await world.write(members.update_member, change, ana)).status is Status.BUSY
