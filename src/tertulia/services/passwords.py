"""Passwords: Argon2id on threads of their own, and the rules for new ones (after NIST SP 800-63B §3.1.1)."""

import asyncio
import os
import unicodedata
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from tertulia.domain.errors import Unavailable, WeakPassword
from tertulia.services.attempts import place_of
from tertulia.services.checks import check_text
from tertulia.services.threads import be_nice
from tertulia.store.users import fold

SHORTEST, LONGEST = 8, 256
"""Characters."""
THREADS = 2
MOST_WAITING = 200
"""More than are done within a few seconds, after which nobody waits for their login any more."""
MOST_WAITING_OF_A_PLACE = 50
"""So that a stranger who registers or guesses without end does not keep everybody else out."""

T = TypeVar("T")


class Passwords:
    """Hashes and verifies, never on the event loop. The costs are Argon2's: passes, KiB, lanes.

    The default costs are the least of OWASP's: a login takes about 20 ms of one core. Hashes of other costs stay good,
    and are made anew when their user logs in.
    """

    def __init__(self, *, time_cost: int = 2, memory_cost: int = 19_456, parallelism: int = 1) -> None:
        self._hash = PasswordHash((Argon2Hasher(time_cost, memory_cost, parallelism),))
        # Nobody's hash: of random bytes, so that no password gives it, and it costs what everybody's does.
        salt, digest = (b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
        self._nobody = f"$argon2id$v=19$m={memory_cost},t={time_cost},p={parallelism}${salt}${digest}"
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords", initializer=be_nice)
        self._waiting: Counter[str] = Counter()  # by address

    async def hash(self, password: str, address: str = "") -> str:
        """Of a password that was checked. Raises Unavailable when too many wait, of all or of *address*."""
        return await self._on_a_thread(lambda: self._hash.hash(_normal(password)), address)

    async def verify(self, password: str, hashed: str | None, address: str = "") -> tuple[bool, str | None]:
        """Whether it is right, and a newer hash if the old one is of other costs. None as *hashed*, for a user who is
        not there, takes as long as any. Raises Unavailable as `hash` does."""
        return await self._on_a_thread(lambda: self._compare(password, hashed), address)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _compare(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        if len(password) > LONGEST or not _is_text(password):
            password, hashed = "", None
        try:
            return self._hash.verify_and_update(_normal(password), hashed or self._nobody)
        except UnknownHashError:
            return self._hash.verify_and_update(_normal(password), self._nobody)

    async def _on_a_thread(self, work: Callable[[], T], address: str) -> T:
        place = place_of(address)
        is_too_much = place != "" and self._waiting[place] >= MOST_WAITING_OF_A_PLACE
        if is_too_much or self._waiting.total() >= MOST_WAITING:
            raise Unavailable("Too many logins at once", retry_after=5)
        self._waiting[place] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting[place] -= 1
            self._waiting += Counter()  # without those that are at nought


def check_new_password(password: str, username: str = "", *, field: str = "password") -> None:
    """Raises WeakPassword, or Invalid for what is no text. Length and commonness count; composition does not."""
    check_text(password, field, most=LONGEST)
    if len(_normal(password)) < SHORTEST:
        raise WeakPassword(f"The password must have at least {SHORTEST} characters", field)
    folded = fold(password)
    if folded in common_passwords() or len(set(folded)) == 1:
        raise WeakPassword("This password is too common", field)
    if username and folded == fold(username):
        raise WeakPassword("The password must not be the username", field)


@cache
def common_passwords() -> frozenset[str]:
    """Folded, of eight characters and more. Read when it is first asked for."""
    return frozenset((files("tertulia.services") / "common_passwords.txt").read_text(encoding="utf-8").split())


def _normal(password: str) -> str:
    """One password on every keyboard: NFKC, so that composed and decomposed accents, wide and narrow letters are one."""
    return unicodedata.normalize("NFKC", password)


def _is_text(password: str) -> bool:
    return "\0" not in password and not any("\ud800" <= char <= "\udfff" for char in password)
