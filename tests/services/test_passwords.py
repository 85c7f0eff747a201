"""Passwords: hashed off the event loop, at the same cost for everybody, and what a new one may be."""

import asyncio

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from accounts_world import CHEAP
from tertulia.domain.errors import Invalid, Unavailable, WeakPassword
from tertulia.services.passwords import (
    MOST_WAITING,
    MOST_WAITING_OF_A_PLACE,
    Passwords,
    check_new_password,
    common_passwords,
)


@pytest.fixture
def passwords():
    passwords = Passwords(**CHEAP)
    yield passwords
    passwords.close()


async def test_a_password_is_right_and_others_are_not(passwords):
    hashed = await passwords.hash("rubber boots")
    assert hashed.startswith("$argon2id$")
    assert "rubber" not in hashed
    assert await passwords.hash("rubber boots") != hashed
    assert await passwords.verify("rubber boots", hashed) == (True, None)
    for wrong in ("Rubber boots", "rubber boots ", "", "x" * 10_000, "rubber boots\0", "\ud800", "?"):
        assert await passwords.verify(wrong, hashed) == (False, None)


async def test_two_keyboards_give_one_password(passwords):
    hashed = await passwords.hash("cafe\u0301 ﬁne")
    assert await passwords.verify("caf\u00e9 fine", hashed) == (True, None)


async def test_what_is_no_text_is_nobodys_password(passwords):
    hashed = await passwords.hash("what? what?")
    assert await passwords.verify("what\ud800 what\ud800", hashed) == (False, None)


@pytest.mark.parametrize(
    "hashed", [None, "", "plain", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=8,t=1,p=1$x$y"]
)
async def test_nobody_and_unreadable_hashes_match_nothing(passwords, hashed):
    for password in ("", "plain", "rubber boots"):
        assert await passwords.verify(password, hashed) == (False, None)


async def test_a_hash_of_older_costs_is_made_anew_when_the_password_was_right(passwords):
    old = Argon2Hasher(2, 16, 1).hash("rubber boots")
    assert await passwords.verify("wrong", old) == (False, None)
    is_right, newer = await passwords.verify("rubber boots", old)
    assert is_right
    assert newer is not None
    assert "m=8,t=1,p=1" in newer
    assert await passwords.verify("rubber boots", newer) == (True, None)


async def test_an_unknown_user_costs_what_a_wrong_password_costs(passwords, monkeypatch):
    costs = []
    verify = Argon2Hasher.verify

    def counting(self, password, hashed):
        costs.append(hashed.split("$")[1:4])
        return verify(self, password, hashed)

    hashed = await passwords.hash("rubber boots")
    monkeypatch.setattr(Argon2Hasher, "verify", counting)
    for against in (hashed, None, "", "unreadable"):
        await passwords.verify("wrong", against)
    await passwords.verify("x" * 300, hashed)
    assert costs == [["argon2id", "v=19", "m=8,t=1,p=1"]] * 5


async def test_nobodys_hash_is_computed_as_any_is():
    """Argon2 refuses a hash that it cannot read without doing any work."""
    from argon2.exceptions import VerifyMismatchError
    from argon2.low_level import Type, verify_secret

    with pytest.raises(VerifyMismatchError):
        verify_secret(Passwords(**CHEAP)._nobody.encode(), b"anything", Type.ID)


async def test_the_event_loop_turns_while_passwords_are_verified():
    passwords = Passwords()  # at what it costs in earnest
    hashed = await passwords.hash("rubber boots")
    turns = 0
    logins = asyncio.gather(*(passwords.verify("rubber boots", hashed) for _ in range(8)))
    while not logins.done():
        turns += 1
        await asyncio.sleep(0)
    assert await logins == [(True, None)] * 8
    assert turns > 8 * 10  # on the loop it would be a turn or two for each
    passwords.close()


async def test_too_many_at_once_are_refused_and_the_others_served(passwords):
    verified = [passwords.verify("rubber boots", None) for _ in range(MOST_WAITING + 3)]
    outcomes = await asyncio.gather(*verified, return_exceptions=True)
    assert outcomes[:MOST_WAITING] == [(False, None)] * MOST_WAITING
    assert [type(outcome) for outcome in outcomes[MOST_WAITING:]] == [Unavailable] * 3
    assert await passwords.verify("rubber boots", None) == (False, None)


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::{:x}"])
async def test_one_place_does_not_keep_the_others_out(passwords, address):
    async with asyncio.TaskGroup() as group:
        greedy = [
            group.create_task(_outcome(passwords.verify("?", None, address.format(number))))
            for number in range(MOST_WAITING + 100)
        ]
        await asyncio.sleep(0)
        other = group.create_task(passwords.verify("rubber boots", None, "198.51.100.1"))
    refused = [task.result() for task in greedy if isinstance(task.result(), Unavailable)]

    assert len(greedy) - len(refused) == MOST_WAITING_OF_A_PLACE
    assert other.result() == (False, None)
    assert await passwords.verify("?", None, address.format(0)) == (False, None)


async def _outcome(work):
    try:
        return await work
    except Unavailable as refusal:
        return refusal


async def test_who_hangs_up_leaves_the_queue(passwords):
    waiting = [asyncio.create_task(passwords.verify("rubber boots", None)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await passwords.verify("rubber boots", None) == (False, None)


@pytest.mark.parametrize(
    "password",
    ["12345678", "PassWord1", "password123", "ｐａｓｓｗｏｒｄ", "qwertyuiop", "££££££££", "short", "", "   a   "],
)
def test_common_and_short_passwords_are_refused(password):
    with pytest.raises(WeakPassword) as refusal:
        check_new_password(password, field="new_password")
    assert refusal.value.field == "new_password"
    assert not password.strip() or password not in refusal.value.message


def test_the_username_is_no_password():
    with pytest.raises(WeakPassword):
        check_new_password("Ana-Maria", "ana-maria")


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "paßwörter", "密码密码密码密码", "x1" * 128, "a-b-c-d-"]
)
def test_length_and_rarity_count_and_nothing_else(password):
    check_new_password(password, "ana")


@pytest.mark.parametrize("password", ["x1" * 129, "x" * 100_000, "null\0null", "lone\ud800lone"])
def test_what_is_too_long_or_no_text_is_refused(password):
    with pytest.raises(Invalid) as refusal:
        check_new_password(password)
    assert refusal.value.field == "password"


def test_the_list_of_common_passwords_is_folded_and_small():
    words = common_passwords()
    assert 5_000 < len(words) < 20_000
    assert all(len(word) >= 8 and word == word.casefold() for word in words)
    assert common_passwords() is words
