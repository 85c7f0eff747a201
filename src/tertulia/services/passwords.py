"""Passwords: Argon2id on threads of their own, and the rules for new ones (after NIST SP 800-63B §3.1.1)."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from importlib.resources import files
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from tertulia.domain.errors import Unavailable, WeakPassword
from tertulia.services.checks import check_text

SHORTEST, LONGEST = 8, 256
"""Characters."""
THREADS = 2
"""Each hash takes 64 MiB and a core; more at once would starve the event loop."""
MOST_WAITING = 200

T = TypeVar("T")


class Passwords:
    """Hashes and verifies, never on the event loop. The costs are Argon2's: passes, KiB, lanes."""

    def __init__(self, *, time_cost: int = 3, memory_cost: int = 65_536, parallelism: int = 4) -> None:
        hasher = Argon2Hasher(time_cost=time_cost, memory_cost=memory_cost, parallelism=parallelism)
        self._hash = PasswordHash((hasher,))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self.verified = 0
        """How often a password was compared with a hash: as often for users who are not there."""

    async def hash(self, password: str) -> str:
        return await self._on_a_thread(lambda: self._hash.hash(_normal(password)))

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Whether it is right, and a newer hash if the old one is of other costs. None as *hashed*, for a user who is
        not there, takes as long as any."""
        self.verified += 1
        if len(password) > LONGEST:
            password, hashed = "", None
        return await self._on_a_thread(lambda: self._compare(_normal(password), hashed))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _compare(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        nobody = self._nobody  # made here for everybody, so that the first unknown name does not take longer
        is_right, newer = self._hash.verify_and_update(password, hashed or nobody)
        return is_right and bool(hashed), newer if hashed else None

    @cached_property
    def _nobody(self) -> str:
        return self._hash.hash("nobody has this password")

    async def _on_a_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too many logins at once", retry_after=5)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def check_new_password(password: str, username: str = "") -> None:
    """Raises WeakPassword, or Invalid for what is no text. Length and commonness count; composition does not."""
    check_text(password, "password", most=LONGEST)
    normal = _normal(password)
    if len(normal) < SHORTEST:
        raise WeakPassword(f"The password must have at least {SHORTEST} characters")
    folded = normal.casefold()
    if folded in common_passwords() or len(set(folded)) == 1:
        raise WeakPassword("This password is too common")
    if username and folded == username.casefold():
        raise WeakPassword("The password must not be the username")


@cache
def common_passwords() -> frozenset[str]:
    """Folded, of eight characters and more."""
    return frozenset((files("tertulia.services") / "common_passwords.txt").read_text(encoding="utf-8").split("\n"))


def _normal(password: str) -> str:
    """One password on every keyboard: NFKC, as RFC 8265 §4.2 has it. What is no text matches nothing."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()
