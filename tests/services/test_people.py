"""People: what one shows of oneself and to whom, what admins may change, and what is left of who goes."""

import asyncio

import pytest

from accounts_world import PASSWORD, Accounting
from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import (
    EmailTaken,
    Invalid,
    InvalidToken,
    LastAdmin,
    NoSuchUser,
    RoleTooLow,
    TertuliaError,
)
from tertulia.domain.events import MemberRemoved, MemberUpdated, RoomUpdated, UserChanged
from tertulia.domain.models import Actor
from tertulia.domain.roles import LeaveReason, RoomRole, Status, UserRole
from tertulia.services.starter import open_starter_cafe
from tertulia.store import Store

HOSTILE = ["\0", "a\0b", "\ud800", "x" * 100_000]


class World(Accounting):
    async def get(self, user_id, actor):
        return await self.read(self.people.get_user, c.GetUser(user_id=user_id), actor)

    async def find(self, actor, **wanted):
        page = await self.read(self.people.list_users, c.ListUsers(**wanted), actor)
        return [user.username for user in page.items]

    async def profile(self, actor, **changes):
        return await self.write(self.people.update_profile, c.UpdateProfile(**changes), actor)

    async def account(self, actor, user_id, **changes):
        return await self.write(self.people.update_account, c.UpdateAccount(user_id=user_id, **changes), actor)

    async def delete(self, actor):
        await self.write(self.people.delete_account, c.DeleteAccount(), actor)


@pytest.fixture
def world(scene: Scene) -> World:
    return World(scene)


@pytest.fixture
async def other_node(scene: Scene, database_url: str):
    store = Store.open(database_url, clock=scene.clock)
    await store.start(migrate=False)
    yield World(scene, store)
    await store.stop()


# ---- seeing


async def test_an_address_is_for_oneself_and_for_admins(world):
    ana = await world.enter("ana")
    await world.profile(ana, email="ana@example.org")
    ben, root = await world.enter("ben"), await world.admin()
    assert [(await world.get(ana.user_id, actor)).email for actor in (ana, ben, root)] == [
        "ana@example.org", None, "ana@example.org",
    ]  # fmt: skip
    page = await world.read(world.people.list_users, c.ListUsers(), ben)
    assert all(user.email is None for user in page.items if user.id != ben.user_id)


async def test_who_is_not_there_is_not_found(world):
    ana = await world.enter("ana")
    for user_id in (ana.user_id + 1, 2**63 - 1):
        with pytest.raises(NoSuchUser):
            await world.get(user_id, ana)


SEARCHES = [
        ("an", ["ana", "Hans"]), ("AN", ["ana", "Hans"]), ("léo", ["ben"]), ("LÉO", ["ben"]), ("Léon", ["ben"]),
        ("ÉON", ["ben"]), ("%", ["under_score"]), ("_", ["under_score"]), ("\\", []), ("/", []), ("'", []),
        ("straße", ["STRASSE"]), ("", ["ana", "ben", "Hans", "STRASSE", "under_score"]), ("  ", ["ana", "ben", "Hans", "STRASSE", "under_score"]),
        ("nobody", []),
    ]  # fmt: skip


async def test_a_search_finds_parts_of_both_names_in_any_case_and_nothing_by_wildcards(world):
    ana = await world.enter("ana")
    await world.register("ben", display_name="Léonie")
    await world.register("Hans")
    await world.register("STRASSE")
    await world.register("under_score", display_name="100 %")
    for q, found in SEARCHES:
        assert await world.find(ana, q=q) == found, q


NAMES = {
    "jose": "José María", "lukasz": "Łukasz Żółć", "nguyen": "Nguyễn Thị Ánh", "soren": "Søren Æbelø", "ivan": "Иван Ёлкин",
    "yamada": "山田 太郎", "gaku": "がく ラーメン", "kim": "김민수", "muhammad": "مُحَمَّد", "devi": "देवी", "greek": "Ελένη Πάππου", "istanbul": "İstanbul",
}  # fmt: skip
SPELLINGS = [
    ("jose", "jose"), ("MARIA", "jose"), ("maría", "jose"), ("zolc", "lukasz"), ("ŁUK", "lukasz"), ("thi anh", "nguyen"),
    ("SØREN", "soren"), ("aebelo", "soren"), ("иван", "ivan"), ("ЁЛК", "ivan"), ("елкин", "ivan"), ("山", "yamada"),
    ("太郎", "yamada"), ("がく", "gaku"), ("ラ", "gaku"), ("ﾗｰﾒﾝ", "gaku"), ("민수", "kim"), ("محمد", "muhammad"), ("देवी", "devi"),
    ("ελενη", "greek"), ("ΠΑΠΠΟΥ", "greek"), ("istanbul", "istanbul"), ("İSTAN", "istanbul"),
]  # fmt: skip


async def test_a_search_finds_names_in_any_script_with_or_without_accents(world):
    ana = await world.enter("ana")
    for username, display_name in NAMES.items():
        await world.register(username, display_name=display_name)
    for q, found in SPELLINGS:
        assert found in await world.find(ana, q=q), q
    for q in ("か", "ヲ", "दव", "김수", "josejose", "e\nj"):
        assert await world.find(ana, q=q) == [], q


async def test_a_new_name_is_what_is_found(world):
    ana, ben = await world.enter("ana"), await world.enter("ben")
    await world.profile(ben, display_name="Bénédicte")
    assert await world.find(ana, q="benedict") == ["ben"]
    await world.profile(ben, display_name="Zoë", bio="Bénédicte")
    assert await world.find(ana, q="benedict") == []
    assert await world.find(ana, q="zoe") == await world.find(ana, q="ben") == ["ben"]


async def test_pages_may_be_counted(world):
    ana = await world.enter("ana")
    names = ["ana", *("ben", "cleo", "dora", "emil")]
    for name in names[1:]:
        await world.register(name)
    for skip in range(7):
        assert await world.find(ana, skip=skip, limit=2) == names[skip : skip + 2]
    assert await world.find(ana, skip=1, q="e") == ["cleo", "emil"]
    assert await world.find(ana, skip=10_000) == []
    for skip in (-1, 10_001):
        with pytest.raises(Invalid):
            await world.find(ana, skip=skip)


async def test_pages_are_by_id_and_end(world):
    ana = await world.enter("ana")
    for name in ("ben", "cleo", "dora", "emil"):
        await world.register(name)
    seen, cursor = [], None
    for size in (2, 2, 1):
        page = await world.read(world.people.list_users, c.ListUsers(limit=2, cursor=cursor), ana)
        assert len(page.items) == size
        seen += [user.username for user in page.items]
        cursor = page.next_cursor
    assert seen == ["ana", "ben", "cleo", "dora", "emil"]
    assert cursor is None
    for limit in (0, -1, 1001):
        with pytest.raises(Invalid):
            await world.find(ana, limit=limit)


# ---- oneself


async def test_a_profile_changes_in_what_is_given_only(world):
    ana = await world.enter("ana")
    await world.profile(ana, display_name="Ana", bio="Tea.", email="ana@example.org")
    changed = await world.profile(ana, bio=" Coffee. ")
    assert (changed.display_name, changed.bio, changed.email) == ("Ana", "Coffee.", "ana@example.org")
    assert await world.profile(ana) == changed
    assert (await world.profile(ana, email=None)).email is None


async def test_an_address_belongs_to_one_and_is_free_again_when_it_is_given_up(world):
    ana, ben = await world.enter("ana"), await world.enter("ben")
    await world.profile(ana, email="a@example.org")
    await world.profile(ana, email="A@Example.org")
    with pytest.raises(EmailTaken):
        await world.profile(ben, email="a@EXAMPLE.org")
    await world.profile(ana, email=None)
    await world.profile(ben, email="a@example.org")
    assert (await world.login("a@example.org")).user.id == ben.user_id


async def test_two_nodes_do_not_give_one_address_to_two(world, other_node):
    ana, ben = await world.enter("ana"), await world.enter("ben")
    outcomes = await asyncio.gather(
        world.profile(ana, email="a@example.org"),
        other_node.profile(ben, email="a@example.org"),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [EmailTaken]


async def test_hostile_values_are_refused_and_nothing_worse(world):
    ana, root = await world.enter("ana"), await world.admin()
    before = await world.scene.everything()
    for value in HOSTILE:
        for attempt in hostile_attempts(world, ana, root, value):
            with pytest.raises(TertuliaError):
                await attempt
    assert await world.scene.everything() == before


def hostile_attempts(world, ana, root, value):
    return [
        world.profile(ana, display_name=value),
        world.profile(ana, bio=value),
        world.profile(ana, email=value),
        world.write(world.people.set_status, c.SetStatus(status=Status.BUSY, text=value), ana),
        world.find(ana, q=value),
        world.account(root, 2**63 - 1, is_active=False),
    ]


# ---- admins


async def test_only_admins_change_accounts(world):
    ana, ben = await world.enter("ana"), await world.enter("ben")
    for changes in ({"role": UserRole.ADMIN}, {"is_active": False}, {}):
        for user_id in (ana.user_id, ben.user_id):
            with pytest.raises(RoleTooLow):
                await world.account(ana, user_id, **changes)


async def test_a_deactivated_user_is_out_everywhere_until_activated_again(world):
    root = await world.admin()
    ana = await world.register("ana")
    tokens = [await world.login("ana"), await world.login("ana")]
    assert not (await world.account(root, ana.id, is_active=False)).is_active
    assert len(world.ended) == 2
    assert UserChanged(user_id=ana.id) in world.notices
    for one in tokens:
        with pytest.raises(InvalidToken):
            await world.access(one)
    assert "ana" not in await world.find(root)
    assert (await world.get(ana.id, root)).username == "ana"
    assert (await world.account(root, ana.id, is_active=True)).is_active
    with pytest.raises(InvalidToken):
        await world.access(tokens[0])
    await world.access(await world.login("ana"))


async def test_there_is_always_an_admin(world):
    root = await world.admin()
    for changes in ({"role": UserRole.USER}, {"is_active": False}, {"role": UserRole.USER, "is_active": False}):
        with pytest.raises(LastAdmin):
            await world.account(root, root.user_id, **changes)
    with pytest.raises(LastAdmin):
        await world.delete(root)
    ana = await world.enter("ana")
    await world.account(root, ana.user_id, role=UserRole.ADMIN)
    assert (await world.account(root, root.user_id, role=UserRole.USER)).role is UserRole.USER
    second = await world.actor(await world.login("ana"))
    with pytest.raises(LastAdmin):
        await world.delete(second)


async def test_an_inactive_admin_does_not_count(world):
    root, ana = await world.admin(), await world.enter("ana")
    await world.account(root, ana.user_id, role=UserRole.ADMIN, is_active=False)
    with pytest.raises(LastAdmin):
        await world.account(root, root.user_id, role=UserRole.USER)


async def test_two_admins_who_demote_each_other_at_once_leave_one(world, other_node):
    root, ana = await world.admin(), await world.admin("ana")
    outcomes = await asyncio.gather(
        world.account(root, ana.user_id, role=UserRole.USER),
        other_node.account(ana, root.user_id, role=UserRole.USER),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [LastAdmin]


async def test_who_was_deleted_is_not_there_for_admins_either(world):
    root, ana = await world.admin(), await world.enter("ana")
    await world.delete(ana)
    with pytest.raises(NoSuchUser):
        await world.account(root, ana.user_id, is_active=True)


# ---- going


async def test_what_a_deleted_user_said_stays_as_a_deleted_users(world):
    await open_starter_cafe(world.scene.store)
    ana, ben = await world.enter("ana"), await world.enter("ben")
    await world.profile(ana, email="ana@example.org", bio="Tea.", display_name="Ana")
    [said] = await world.scene.say(ana, await world.scene.do(ana, c.GetRoom(room_id=1)), "Hello")
    second = await world.login("ana")
    await world.delete(ana)

    message = await world.scene.do(ben, c.GetMessage(message_id=said.message_id))
    assert (message.content, message.user_id, message.username) == ("Hello", ana.user_id, "deleted user")
    removed = (await world.scene.log(1))[-1]
    assert isinstance(removed, MemberRemoved)
    assert (removed.user_id, removed.username, removed.reason) == (ana.user_id, "deleted user", LeaveReason.DELETED)
    assert set(world.ended) == {ana.session_id, second.refresh_token.split(".")[0]}
    assert UserChanged(user_id=ana.user_id) in world.notices
    with pytest.raises(InvalidToken):
        await world.access(second)
    with pytest.raises(InvalidToken):
        await world.refresh(second)
    with pytest.raises(NoSuchUser):
        await world.get(ana.user_id, ben)
    assert await world.find(ben) == ["ben"]
    assert await world.find(ben, q="deleted") == []
    users = repr((await world.scene.everything())["users"])
    for trace in ("'ana'", "Ana", "Tea.", "example.org"):
        assert trace not in users


async def test_the_name_and_address_of_a_deleted_user_are_free(world):
    ana = await world.enter("ana")
    await world.profile(ana, email="ana@example.org")
    await world.delete(ana)
    again = await world.register("ana", email="ana@example.org")
    assert again.id != ana.user_id
    await world.delete(await world.actor(await world.login("ana")))
    await world.register("ana")


async def test_rooms_of_a_deleted_user_go_to_who_comes_next(world):
    await open_starter_cafe(world.scene.store)
    scene = world.scene
    ana, ben, cleo = [await world.enter(name) for name in ("ana", "ben", "cleo")]
    by_rank = await scene.room(ana, ben, cleo)
    await scene.promote(ana, by_rank, cleo)
    by_age = await scene.room(ana, cleo, ben)
    alone = await scene.room(ana, is_private=True)
    shared = await scene.room(ana, ben)
    await scene.promote(ana, shared, ben, RoomRole.OWNER)
    seqs = {room.id: len(await scene.log(room.id)) for room in (by_rank, by_age, alone, shared)}
    await world.delete(ana)

    async def news(room):
        return [type(event) for event in (await scene.log(room.id))[seqs[room.id] :]]

    assert (await scene.do(ben, c.GetRoom(room_id=by_rank.id))).owner_id == cleo.user_id
    assert (await scene.do(ben, c.GetRoom(room_id=by_age.id))).owner_id == cleo.user_id
    assert (await scene.do(ben, c.GetRoom(room_id=shared.id))).owner_id == ben.user_id
    assert await news(by_rank) == await news(by_age) == [MemberRemoved, MemberUpdated, RoomUpdated]
    assert await news(shared) == [MemberRemoved, RoomUpdated]
    assert await news(alone) == [MemberRemoved, RoomUpdated]
    removed = [event.room_id for event in scene.events if isinstance(event, MemberRemoved)]
    assert removed == sorted(removed)
    assert len(removed) == 5


async def test_what_is_left_of_a_deleted_user_does_not_change(world):
    """A request that was let in just before the deletion."""
    ana = await world.enter("ana")
    await world.delete(ana)
    before = (await world.scene.everything())["users"]
    await world.profile(ana, display_name="Ana", email="ana@example.org", bio="Back!")
    await world.write(world.people.set_status, c.SetStatus(status=Status.ONLINE), ana)
    change = c.ChangePassword(current_password=PASSWORD, new_password="another fine one")
    with pytest.raises(TertuliaError):
        await world.accounts.change_password(change, Actor(ana.user_id, "ana", UserRole.USER, ana.session_id))
    assert (await world.scene.everything())["users"] == before
