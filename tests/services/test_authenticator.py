"""The authenticator: what is remembered is never believed for longer than it may be."""

import asyncio

import pytest

from accounts_world import Accounting
from scene import Scene, scene_on
from tertulia.domain import commands as c
from tertulia.domain.errors import InvalidToken, Unavailable
from tertulia.domain.events import BlocksChanged, SessionsEnded, UserChanged
from tertulia.domain.roles import Status, UserRole
from tertulia.services import authenticator as module
from tertulia.services.authenticator import Authenticator
from tertulia.services.blocks import Blocks
from tertulia.store import Store


class Asked:
    """A store that counts what it is asked, and can be overtaken while it answers."""

    def __init__(self, store: Store) -> None:
        self._store, self.count, self.meanwhile = store, 0, None

    async def read(self, query):
        self.count += 1
        answer = await self._store.read(query)
        if self.meanwhile is not None:
            await self.meanwhile()
        return answer


class World(Accounting):
    """With a memory of two seconds, by a clock of its own."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.seconds, self.asked = 0.0, Asked(scene.store)
        self.authenticator = Authenticator(self.asked, self.tokens, remember=2.0, now=lambda: self.seconds)


@pytest.fixture
def world(scene: Scene) -> World:
    return World(scene)


async def test_the_store_is_asked_once_within_the_memory(world):
    await world.register("ana")
    tokens = await world.login("ana")
    actors = [await world.actor(tokens) for _ in range(5)]
    assert world.asked.count == 1
    assert len(set(actors)) == 1
    world.seconds = 2.0
    await world.actor(tokens)
    assert world.asked.count == 2


async def test_a_log_out_is_known_at_once_by_its_notice_and_after_two_seconds_without(world):
    await world.register("ana")
    told, untold = await world.login("ana"), await world.login("ana")
    for tokens in (told, untold):
        await world.write(world.accounts.logout, c.Logout(), await world.actor(tokens))
    world.authenticator.forget(SessionsEnded(session_ids=[told.refresh_token.split(".")[0]]))
    with pytest.raises(InvalidToken):
        await world.access(told)
    await world.access(untold)
    world.seconds = 2.0
    with pytest.raises(InvalidToken):
        await world.access(untold)


async def test_a_change_of_role_is_known_at_once_by_its_notice(world):
    root = await world.admin()
    ana = await world.register("ana")
    await world.register("ben")
    tokens, bens = await world.login("ana"), await world.login("ben")
    assert not (await world.actor(tokens)).is_admin
    await world.actor(bens)
    await world.write(world.people.update_account, c.UpdateAccount(user_id=ana.id, role=UserRole.ADMIN), root)
    world.authenticator.forget(UserChanged(user_id=ana.id))
    asked = world.asked.count
    assert (await world.actor(tokens)).is_admin
    await world.actor(bens)
    assert world.asked.count == asked + 1


async def test_whom_one_has_blocked_and_how_one_wants_to_be_seen_is_known_at_once_by_its_notice(world):
    ana, ben, cleo = [await world.enter(name) for name in ("ana", "ben", "cleo")]
    tokens = [await world.login("ana"), await world.login("ana")]
    for one in tokens:
        access = await world.access(one)
        assert (access.status, access.blocked) == (Status.ONLINE, frozenset())
    for other in (ben, cleo):
        await world.write(Blocks().block, c.BlockUser(user_id=other.user_id), ana)
    await world.write(world.people.set_status, c.SetStatus(status=Status.INVISIBLE), ana)
    assert (await world.access(tokens[0])).blocked == frozenset()
    notices = [notice for notice in world.notices if notice.user_id == ana.user_id]
    assert [type(notice) for notice in notices] == [BlocksChanged, BlocksChanged, UserChanged]
    for notice in (notices[0], notices[-1]):
        world.authenticator.forget(notice)
        for one in tokens:
            access = await world.access(one)
            assert (access.status, access.blocked) == (Status.INVISIBLE, {ben.user_id, cleo.user_id})

    ticket = await world.write(world.accounts.issue_ticket, c.IssueTicket(), ana)
    access = await Authenticator(world.store, world.tokens).redeem(ticket.ticket)
    assert (access.status, access.blocked) == (Status.INVISIBLE, {ben.user_id, cleo.user_id})


async def test_an_answer_older_than_a_notice_is_not_remembered(world):
    await world.register("ana")
    tokens = await world.login("ana")
    ana = await world.actor(tokens)
    world.authenticator.forget(UserChanged(user_id=ana.user_id))

    async def end():
        await world.write(world.accounts.logout, c.Logout(), ana)
        world.authenticator.forget(SessionsEnded(session_ids=[ana.session_id]))

    world.asked.meanwhile = end
    await world.access(tokens)  # asked before the end, answered after it
    world.asked.meanwhile = None
    with pytest.raises(InvalidToken):
        await world.access(tokens)


async def test_a_token_of_another_user_for_the_same_session_is_refused(world):
    ben = await world.register("ben")
    await world.register("ana")
    ana = await world.actor(await world.login("ana"))
    forged = world.tokens.access_token(ben.id, ana.session_id, world.clock())
    with pytest.raises(InvalidToken):
        await world.authenticator.access(forged)


async def test_an_expired_token_is_refused_though_its_session_is_remembered(world):
    await world.register("ana")
    tokens = await world.login("ana")
    await world.access(tokens)
    world.clock.pass_(minutes=30)
    with pytest.raises(InvalidToken):
        await world.access(tokens)


async def test_access_lasts_as_long_as_its_own_token(world):
    await world.register("ana")
    first = await world.login("ana")
    early = (await world.access(first)).expires_at
    world.clock.pass_(minutes=10)
    late = (await world.access(await world.refresh(first))).expires_at
    assert 599 <= (late - early).total_seconds() <= 601


async def test_without_a_store_what_is_remembered_counts_and_the_rest_is_unavailable(tmp_path):
    file, away = tmp_path / "tertulia.db", tmp_path / "away.db"
    async with scene_on(f"sqlite:///{file}") as scene:
        world = World(scene)
        await world.register("ana")
        await world.register("ben")
        anas, bens = await world.login("ana"), await world.login("ben")
        await world.access(anas)
        file.rename(away)
        await world.access(anas)
        with pytest.raises(Unavailable):
            await world.access(bens)
        world.seconds = 2.0
        with pytest.raises(Unavailable):
            await world.access(anas)
        with pytest.raises(Unavailable):
            await world.refresh(bens)
        with pytest.raises(Unavailable):
            await world.login("ana")
        with pytest.raises(InvalidToken):  # which needs no store
            await world.authenticator.access("nonsense")
        away.rename(file)
        await world.access(anas)
        await world.refresh(bens)


async def test_the_memory_is_bounded(world, monkeypatch):
    monkeypatch.setattr(module, "MOST_REMEMBERED", 3)
    await world.register("ana")
    tokens = [await world.login("ana") for _ in range(6)]
    for one in tokens:
        await world.access(one)
    assert len(world.authenticator._known) == 3
    assert sum(map(len, world.authenticator._known_of.values())) == 3
    world.authenticator.forget(UserChanged(user_id=(await world.actor(tokens[-1])).user_id))
    assert not world.authenticator._known
    assert not world.authenticator._known_of


async def test_ended_sessions_can_be_asked_for_when_notices_were_lost(world):
    before = world.clock()
    ana, ben = await world.enter("ana"), await world.enter("ben")
    assert await world.authenticator.ended_since(before) == []
    await world.write(world.accounts.logout, c.Logout(), ana)
    between = world.clock()
    await world.write(world.people.delete_account, c.DeleteAccount(), ben)
    assert set(await world.authenticator.ended_since(before)) == {ana.session_id, ben.session_id}
    assert await world.authenticator.ended_since(between) == [ben.session_id]


async def test_tokens_of_sessions_that_never_were_are_refused(world):
    ana = await world.register("ana")
    outcomes = await asyncio.gather(
        *(
            world.authenticator.access(world.tokens.access_token(user_id, session_id, world.clock()))
            for user_id in (ana.id, 2**63 - 1)
            for session_id in ("nothing", "x" * 64)
        ),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [InvalidToken] * 4
