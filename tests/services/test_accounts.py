"""Accounts: who may come in and by which name, how often one may be wrong, and what ends a login."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from accounts_world import CHEAP, PASSWORD, Accounting
from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import (
    EmailTaken,
    Invalid,
    InvalidCredentials,
    InvalidToken,
    NameTaken,
    NoSuchSession,
    RegistrationClosed,
    TertuliaError,
    TooFast,
    WeakPassword,
    WrongPassword,
)
from tertulia.domain.events import MemberAdded
from tertulia.domain.roles import RoomRole, UserRole
from tertulia.services.accounts import MOST_SESSIONS
from tertulia.services.passwords import Passwords
from tertulia.services.starter import open_starter_cafe
from tertulia.store import Store
from tertulia.store import sessions as stored_sessions

HOSTILE = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "a\udfffb",
    "x" * 100_000,
    "\u202eana",
    "a\nb",
    "%",
    "' OR 1=1 --",
    "{}",
    "1" * 400,
]


@pytest.fixture
def world(scene: Scene) -> Accounting:
    return Accounting(scene)


@pytest.fixture
async def other_node(scene: Scene, database_url: str):
    """Another node on the same database."""
    store = Store.open(database_url, clock=scene.clock)
    await store.start(migrate=False)
    yield Accounting(scene, store)
    await store.stop()


# ---- registering


async def test_who_registers_logs_in_by_name_or_address_in_any_case(world):
    ana = await world.register("Ana", email="Ana@Example.org", display_name="Ana Lúcia")
    assert (ana.username, ana.email, ana.display_name, ana.role) == (
        "Ana",
        "Ana@Example.org",
        "Ana Lúcia",
        UserRole.USER,
    )
    for name in ("Ana", "ana", " ANA ", "ａｎａ", "ana@example.org", "ANA@EXAMPLE.ORG"):
        tokens = await world.login(name)
        assert tokens.user.id == ana.id
        assert tokens.user.email == "Ana@Example.org"
        assert tokens.expires_in == 1800
        assert (await world.actor(tokens)).username == "Ana"


async def test_the_display_name_is_the_username_unless_given(world):
    assert (await world.register("ana")).display_name == "ana"


async def test_passwords_and_tokens_are_not_in_the_database(world):
    await world.register("ana")
    tokens = await world.login("ana")
    actor = await world.actor(tokens)
    ticket = await world.write(world.accounts.issue_ticket, c.IssueTicket(), actor)
    kept = repr(await world.scene.everything())
    for secret in (
        PASSWORD,
        tokens.access_token,
        tokens.refresh_token,
        tokens.refresh_token.split(".")[2],
        ticket.ticket,
    ):
        assert secret not in kept


async def test_everybody_is_in_the_starter_cafe_from_the_first_moment(world):
    await open_starter_cafe(world.scene.store)
    ana = await world.register("ana")
    ben = await world.register("ben")
    assert [(event.user_id, event.username, event.role, event.by) for event in await world.scene.log(1)] == [
        (user.id, user.username, RoomRole.MEMBER, user.id) for user in (ana, ben)
    ]
    assert [type(event) for event in world.scene.events] == [MemberAdded, MemberAdded]


@pytest.mark.parametrize("change", [c.ArchiveRoom(room_id=1), c.UpdateRoom(room_id=1, is_private=True)])
async def test_nobody_is_put_into_a_room_that_is_closed(world, change):
    await open_starter_cafe(world.scene.store)
    root = await world.admin()
    await world.scene.do(root, change)
    heard = len(world.scene.events)
    await world.register("ana")
    assert len(world.scene.events) == heard


LOOKALIKES = [("ana", "ANA"), ("straße", "STRASSE"), ("ben", "ｂｅｎ"), ("josé", "jose\u0301"), ("ΣΊΣΥΦΟΣ", "σίσυφος")]


async def test_names_that_look_the_same_are_taken(world):
    for first, second in LOOKALIKES:
        await world.register(first)
        with pytest.raises(NameTaken):
            await world.register(second)


async def test_an_address_is_taken_in_any_case(world):
    await world.register("ana", email="a@example.org")
    with pytest.raises(EmailTaken):
        await world.register("ben", email="A@EXAMPLE.org")


@pytest.mark.parametrize("taken", ["name", "email"])
async def test_of_two_nodes_that_register_the_same_one_is_refused(world, other_node, taken):
    await open_starter_cafe(world.scene.store)
    names = ["ana", "ana"] if taken == "name" else ["ana", "ben"]
    email = None if taken == "name" else "a@example.org"
    made = [node.register(name, email=email) for node, name in zip((world, other_node), names, strict=True)]
    outcomes = await asyncio.gather(*made, return_exceptions=True)
    expected = NameTaken if taken == "name" else EmailTaken
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [expected]
    assert len(await world.scene.log(1)) == 1


async def test_names_of_any_script_log_in(world):
    for name in ("ab", "Ana-Maria", "李小龙", "مريم", "नमस्ते", "a" * 64, "root", "admin", "42"):
        assert (await world.register(name)).username == name
        assert (await world.login(name)).user.username == name


async def test_bad_names_are_refused_at_the_door(world):
    before = await world.scene.everything()
    for field, bad in (
        ("username", {"name": "a b"}),
        ("email", {"email": "ana"}),
        ("display_name", {"display_name": ""}),
    ):
        with pytest.raises(Invalid) as refusal:
            await world.register(**{"name": "ana", **bad})
        assert refusal.value.field == field
    assert await world.scene.everything() == before


async def test_weak_passwords_are_refused_before_anything_is_kept(world):
    before = await world.scene.everything()
    for password in ("short", "password123", "analuisa"):
        with pytest.raises(WeakPassword):
            await world.register("AnaLuisa", password)
    assert await world.scene.everything() == before


async def test_a_closed_server_takes_nobody_but_whom_an_admin_makes(scene):
    world = Accounting(scene, registration_open=False)
    root = await world.admin()
    with pytest.raises(RegistrationClosed):
        await world.register("ana")
    made = await world.accounts.register(c.Register(username="ana", password=PASSWORD), root)
    assert made.role is UserRole.USER


# ---- logging in


async def test_nobody_is_told_whether_name_or_password_was_wrong(world):
    await world.register("ana")
    root = await world.admin()
    gone = await world.enter("gone")
    await world.write(world.people.delete_account, c.DeleteAccount(), gone)
    off = await world.register("off")
    await world.write(world.people.update_account, c.UpdateAccount(user_id=off.id, is_active=False), root)
    refusals = []
    for name, password in (
        ("ana", "wrong"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("off", PASSWORD),
        ("", ""),
        ("deleted user", ""),
    ):
        with pytest.raises(InvalidCredentials) as refusal:
            await world.login(name, password)
        refusals.append((refusal.value.code, refusal.value.message))
    assert len(set(refusals)) == 1


async def test_a_login_costs_one_verification_whoever_it_is_for(scene):
    class Counting(Passwords):
        count = 0

        def _compare(self, password, hashed):
            self.count += 1
            return super()._compare(password, hashed)

    world = Accounting(scene, passwords=Counting(**CHEAP))
    await world.register("ana", email="ana@example.org")
    root = await world.admin()
    off = await world.register("off")
    await world.write(world.people.update_account, c.UpdateAccount(user_id=off.id, is_active=False), root)
    gone = await world.enter("gone")
    await world.write(world.people.delete_account, c.DeleteAccount(), gone)
    for name in ("ana", "ana@example.org", "nobody", "off", "gone", "no@body.org", *HOSTILE):
        before = world.passwords.count
        with pytest.raises(InvalidCredentials):
            await world.login(name, "wrong")
        assert world.passwords.count == before + 1


async def test_hostile_values_are_refused_and_nothing_worse(world):
    ana = await world.enter("ana")
    before = await world.scene.everything()
    for value in HOSTILE:
        for attempt in hostile_attempts(world, ana, value):
            with pytest.raises(TertuliaError):
                await attempt
    assert await world.scene.everything() == before


def hostile_attempts(world, ana, value):
    accounts = world.accounts
    return [
        world.register(value, "also " + value),
        world.login(value, value),
        world.login("ana", value),
        accounts.refresh(c.RefreshTokens(refresh_token=value), None),
        accounts.change_password(c.ChangePassword(current_password=value, new_password=value), ana),
        world.write(accounts.end_session, c.EndSession(session_id=value), ana),
        world.authenticator.access(value),
        world.authenticator.redeem(value),
        accounts.create_admin(value, value),
    ]


async def test_hostile_clients_log_in_all_the_same(world):
    await world.register("ana")
    for value in HOSTILE:
        ana = await world.actor(await world.login("ana", user_agent=value, address=value))
    sessions = await world.read(world.accounts.list_sessions, c.ListSessions(), ana)
    assert len(sessions) == len(HOSTILE)
    assert all(len(one.user_agent) <= 200 and len(one.address) <= 64 for one in sessions)


async def test_a_hash_of_older_costs_is_replaced_at_the_next_login(scene):
    old = Accounting(scene, passwords=Passwords(time_cost=2, memory_cost=16, parallelism=1))
    await old.register("ana")
    world = Accounting(scene)
    with pytest.raises(InvalidCredentials):
        await world.login("ana", "wrong")
    assert "m=16,t=2" in repr((await scene.everything())["users"])
    await asyncio.gather(*(world.login("ana", address=f"10.0.0.{number}") for number in range(5)))
    assert "m=8,t=1" in repr((await scene.everything())["users"])
    await world.login("ana")


async def test_a_user_has_a_bounded_number_of_sessions(world):
    await world.register("ana")
    first = await world.login("ana")
    second = await world.login("ana")
    world.clock.pass_(minutes=1)
    await world.refresh(first)
    for _ in range(MOST_SESSIONS - 1):
        latest = await world.login("ana")
    ana = await world.actor(latest)
    assert len(await world.read(world.accounts.list_sessions, c.ListSessions(), ana)) == MOST_SESSIONS
    await world.access(first)
    with pytest.raises(InvalidToken):  # the one that was used longest ago
        await world.access(second)
    assert len(world.ended) == 1


async def test_old_sessions_and_their_tickets_are_swept_out(world):
    ana = await world.enter("ana")
    await world.write(world.accounts.issue_ticket, c.IssueTicket(), ana)
    await world.write(world.accounts.logout, c.Logout(), ana)
    await world.login("ana")
    assert len((await world.scene.everything())["sessions"]) == 2
    world.clock.pass_(days=40)
    await world.login("ana")
    kept = await world.scene.everything()
    assert len(kept["sessions"]) == 1
    assert kept["tickets"] == []


# ---- being wrong too often


async def test_who_is_wrong_too_often_waits_even_with_the_right_password(scene):
    world = Accounting(scene, login_attempts=3)
    await world.register("ana")
    for _ in range(3):
        with pytest.raises(InvalidCredentials):
            await world.login("ana", "wrong", address="10.0.0.1")
        world.clock.pass_(minutes=1)
    with pytest.raises(TooFast) as refusal:
        await world.login("ANA", address="10.0.0.1")
    assert refusal.value.retry_after == pytest.approx(120, abs=1)
    await world.login("ana", address="10.0.0.2")  # nobody is locked out by somebody elsewhere
    world.clock.pass_(seconds=refusal.value.retry_after)
    await world.login("ana", address="10.0.0.1")


async def test_the_right_password_makes_up_for_wrong_ones(scene):
    world = Accounting(scene, login_attempts=3)
    await world.register("ana")
    for _ in range(3):
        for _ in range(2):
            with pytest.raises(InvalidCredentials):
                await world.login("ana", "wrong")
        await world.login("ana")


async def test_a_burst_of_guesses_is_counted_as_it_should_be(scene):
    world = Accounting(scene, login_attempts=3)
    await world.register("ana")
    guesses = [world.login("ana", f"guess {number}") for number in range(50)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(InvalidCredentials) == 3
    assert [type(outcome) for outcome in outcomes].count(TooFast) == 47


async def test_many_right_logins_at_once_are_all_let_in(scene):
    world = Accounting(scene, login_attempts=3)
    await world.register("ana")
    tokens = await asyncio.gather(*(world.login("ana") for _ in range(20)))
    assert len({one.refresh_token for one in tokens}) == 20


async def test_one_address_does_not_try_one_password_on_all_names(scene):
    world = Accounting(scene, login_attempts=1)
    await world.register("ana")
    for number in range(50):
        with pytest.raises(InvalidCredentials):
            await world.login(f"user{number}", "wrong", address=f"2001:db8::{number}")
    with pytest.raises(TooFast):  # whoever has one IPv6 address has its neighbours
        await world.login("ana", address="2001:db8::ffff")
    await world.login("ana", address="2001:db8:1::1")
    await world.login("ana", address="10.0.0.1")


async def test_a_stolen_session_does_not_guess_the_password(scene):
    world = Accounting(scene, login_attempts=3)
    ana = await world.enter("ana")
    guess = c.ChangePassword(current_password="wrong", new_password="another fine one")
    for _ in range(3):
        with pytest.raises(WrongPassword):
            await world.accounts.change_password(guess, ana)
    with pytest.raises(TooFast):
        await world.accounts.change_password(msgspec.structs.replace(guess, current_password=PASSWORD), ana)
    await world.login("ana")  # which is another matter


# ---- refreshing


async def test_a_refresh_gives_new_tokens_and_prolongs_the_session(world):
    await world.register("ana")
    first = await world.login("ana")
    world.clock.pass_(days=29)
    with pytest.raises(InvalidToken):
        await world.access(first)
    second = await world.refresh(first)
    assert second.refresh_token != first.refresh_token
    assert second.user == first.user
    world.clock.pass_(days=29)
    third = await world.refresh(second)
    actor = await world.actor(third)
    [session] = await world.read(world.accounts.list_sessions, c.ListSessions(), actor)
    assert session.expires_at - session.last_used_at == timedelta(days=30)
    world.clock.pass_(days=30)
    with pytest.raises(InvalidToken):
        await world.refresh(third)


async def test_two_tabs_get_the_same_successor(world):
    await world.register("ana")
    first = await world.login("ana")
    second = await world.refresh(first)
    before = await world.scene.everything()
    world.clock.pass_(seconds=9.9)
    again = await world.refresh(first)
    assert again.refresh_token == second.refresh_token
    assert await world.scene.everything() == before
    await world.access(again)
    await world.access(await world.refresh(second))


async def test_an_old_refresh_token_ends_the_whole_login(world):
    await world.register("ana")
    first, elsewhere = await world.login("ana"), await world.login("ana")
    second = await world.refresh(first)
    world.clock.pass_(seconds=10.1)
    with pytest.raises(InvalidToken):
        await world.refresh(first)
    for token in (first, second):
        with pytest.raises(InvalidToken):
            await world.access(token)
        with pytest.raises(InvalidToken):
            await world.refresh(token)
    assert world.ended == [first.refresh_token.split(".")[0]]
    await world.access(elsewhere)


async def test_the_token_before_the_last_is_a_thief_even_at_once(world):
    await world.register("ana")
    first = await world.login("ana")
    third = await world.refresh(await world.refresh(first))
    with pytest.raises(InvalidToken):
        await world.refresh(first)
    with pytest.raises(InvalidToken):
        await world.access(third)


async def test_refreshes_at_once_on_two_nodes_have_one_successor(world, other_node):
    await world.register("ana")
    first = await world.login("ana")
    nodes = [world, other_node] * 4
    tokens = await asyncio.gather(*(node.refresh(first) for node in nodes))
    assert len({one.refresh_token for one in tokens}) == 1
    login = await world.store.read(lambda reader: stored_sessions.find_login(reader, first.refresh_token.split(".")[0]))
    assert login.generation == 2
    assert world.ended == []


async def test_no_refresh_after_logging_out_or_being_deactivated(world):
    root = await world.admin()
    ana = await world.register("ana")
    one, two = await world.login("ana"), await world.login("ana")
    await world.write(world.accounts.logout, c.Logout(), await world.actor(one))
    with pytest.raises(InvalidToken):
        await world.refresh(one)
    await world.refresh(two)
    await world.write(world.people.update_account, c.UpdateAccount(user_id=ana.id, is_active=False), root)
    with pytest.raises(InvalidToken):
        await world.refresh(two)


# ---- passwords


async def test_a_new_password_ends_the_other_sessions_only(world):
    await world.register("ana")
    await world.register("ben")
    mine, other, bens = await world.login("ana"), await world.login("ana"), await world.login("ben")
    change = c.ChangePassword(current_password=PASSWORD, new_password="another fine one")
    await world.accounts.change_password(change, await world.actor(mine))
    await world.access(mine)
    await world.refresh(mine)
    await world.access(bens)
    with pytest.raises(InvalidToken):
        await world.access(other)
    assert world.ended == [other.refresh_token.split(".")[0]]
    await world.login("ana", "another fine one")
    with pytest.raises(InvalidCredentials):
        await world.login("ana", PASSWORD)


async def test_a_weak_new_password_changes_nothing(world):
    ana = await world.enter("ana")
    before = await world.scene.everything()
    for weak in ("short", "password123"):
        change = c.ChangePassword(current_password=PASSWORD, new_password=weak)
        with pytest.raises(WeakPassword) as refusal:
            await world.accounts.change_password(change, ana)
        assert refusal.value.field == "new_password"
    assert await world.scene.everything() == before


class Overtaken(Passwords):
    """While it works, something else happens."""

    meanwhile = None

    async def hash(self, password, address=""):
        return await self._after(super().hash(password, address))

    async def verify(self, password, hashed, address=""):
        return await self._after(super().verify(password, hashed, address))

    async def _after(self, work):
        result = await work
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return result


async def test_a_login_that_a_new_password_overtakes_is_refused(scene):
    world, slow = Accounting(scene), Accounting(scene, passwords=Overtaken(**CHEAP))
    ana = await world.enter("ana")
    change = c.ChangePassword(current_password=PASSWORD, new_password="another fine one")
    slow.passwords.meanwhile = lambda: world.accounts.change_password(change, ana)
    with pytest.raises(InvalidCredentials):
        await slow.login("ana")
    assert len(await world.read(world.accounts.list_sessions, c.ListSessions(), ana)) == 1


async def test_a_login_that_a_deactivation_overtakes_is_refused(scene):
    world, slow = Accounting(scene), Accounting(scene, passwords=Overtaken(**CHEAP))
    root, ana = await world.admin(), await world.register("ana")
    off = c.UpdateAccount(user_id=ana.id, is_active=False)
    slow.passwords.meanwhile = lambda: world.write(world.people.update_account, off, root)
    with pytest.raises(InvalidCredentials):
        await slow.login("ana")


async def test_a_new_password_that_is_overtaken_by_the_end_of_its_session_is_refused(scene):
    world, slow = Accounting(scene), Accounting(scene, passwords=Overtaken(**CHEAP))
    thief = await world.enter("ana")
    ana = await world.actor(await world.login("ana"))
    slow.passwords.meanwhile = lambda: world.write(
        world.accounts.end_session, c.EndSession(session_id=thief.session_id), ana
    )
    with pytest.raises(InvalidToken):
        await slow.accounts.change_password(
            c.ChangePassword(current_password=PASSWORD, new_password="of a thief"), thief
        )
    await world.login("ana")


# ---- sessions and tickets


async def test_sessions_are_listed_with_where_they_are_from_the_latest_first(world):
    await world.register("ana")
    await world.register("ben")
    await world.login("ben")
    await world.login("ana", user_agent="Phone", address="10.0.0.1")
    world.clock.pass_(hours=1)
    desk = await world.login("ana", user_agent="Desk", address="10.0.0.2")
    ana = await world.actor(desk)
    sessions = await world.read(world.accounts.list_sessions, c.ListSessions(), ana)
    assert [(one.user_agent, one.address) for one in sessions] == [("Desk", "10.0.0.2"), ("Phone", "10.0.0.1")]
    assert sessions[0].id == ana.session_id


async def test_one_ends_ones_own_sessions_and_nobody_elses(world):
    ana, ben = await world.enter("ana"), await world.enter("ben")
    phone = await world.login("ana")
    phone_id = (await world.actor(phone)).session_id
    for session_id in (ben.session_id, "nothing", ""):
        with pytest.raises(NoSuchSession):
            await world.write(world.accounts.end_session, c.EndSession(session_id=session_id), ana)
    await world.write(world.accounts.end_session, c.EndSession(session_id=phone_id), ana)
    assert world.ended == [phone_id]
    with pytest.raises(InvalidToken):
        await world.access(phone)
    with pytest.raises(NoSuchSession):
        await world.write(world.accounts.end_session, c.EndSession(session_id=phone_id), ana)


async def test_logging_out_twice_is_harmless(world):
    ana = await world.enter("ana")
    for _ in range(2):
        await world.write(world.accounts.logout, c.Logout(), ana)
    assert world.ended == [ana.session_id]


async def test_a_ticket_opens_one_socket_on_one_node(world, other_node):
    ana = await world.enter("ana")
    ticket = await world.write(world.accounts.issue_ticket, c.IssueTicket(), ana)
    assert ticket.expires_in == 30
    nodes = [world, other_node, world, other_node]
    outcomes = await asyncio.gather(
        *(node.authenticator.redeem(ticket.ticket) for node in nodes), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(InvalidToken) == 3
    [access] = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert access.actor == ana
    assert timedelta(minutes=29) < access.expires_at - world.clock() < timedelta(minutes=30)


async def test_a_ticket_is_good_for_half_a_minute_and_for_as_long_as_its_session(world):
    ana = await world.enter("ana")
    late = await world.write(world.accounts.issue_ticket, c.IssueTicket(), ana)
    world.clock.pass_(seconds=30)
    with pytest.raises(InvalidToken):
        await world.authenticator.redeem(late.ticket)
    ended = await world.write(world.accounts.issue_ticket, c.IssueTicket(), ana)
    await world.write(world.accounts.logout, c.Logout(), ana)
    with pytest.raises(InvalidToken):
        await world.authenticator.redeem(ended.ticket)


async def test_tickets_that_nobody_used_are_swept_out(world):
    ana = await world.enter("ana")
    for _ in range(3):
        await world.write(world.accounts.issue_ticket, c.IssueTicket(), ana)
    world.clock.pass_(minutes=1)
    await world.write(world.accounts.issue_ticket, c.IssueTicket(), ana)
    assert len((await world.scene.everything())["tickets"]) == 1


# ---- admins


async def test_an_admin_is_made(world):
    root = await world.accounts.create_admin("root", PASSWORD)
    assert root.role is UserRole.ADMIN
    assert (await world.actor(await world.login("root"))).is_admin


async def test_a_user_becomes_admin_with_the_password_given_and_is_logged_out(world):
    ana = await world.register("Ana")
    before = await world.login("ana")
    promoted = await world.accounts.create_admin("ana", "another fine one")
    assert (promoted.id, promoted.username, promoted.role) == (ana.id, "Ana", UserRole.ADMIN)
    with pytest.raises(InvalidToken):
        await world.access(before)
    assert (await world.actor(await world.login("ana", "another fine one"))).is_admin


async def test_an_admin_too_needs_a_password_worth_the_name(world):
    with pytest.raises(WeakPassword):
        await world.accounts.create_admin("root", "password")
