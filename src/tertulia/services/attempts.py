"""Attempts: how often somebody may be wrong before they have to wait."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from weakref import WeakValueDictionary

from tertulia.domain.clock import Clock
from tertulia.domain.errors import InvalidCredentials, TooFast, WrongPassword

WINDOW = timedelta(minutes=5)
AT_AN_ADDRESS = 50
"""Times as many failures from one address, over all its names, as for one name: an office shares an address."""
MOST_KEYS = 50_000
"""More than can fail within the window: each failure takes a hash's time."""


class Attempts:
    """Failures within five minutes: *most* for a name at an address, so that nobody locks somebody else out from afar;
    and many times that for an address, so that nobody tries one password on all names.

    One attempt for a name at an address at a time: a burst of guesses is counted as it should be. In this node's memory.
    """

    def __init__(self, most: int, *, clock: Clock) -> None:
        self._most, self._clock = most, clock
        self._failures: OrderedDict[bytes, list[datetime]] = OrderedDict()
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, address: str, name: str) -> AsyncIterator[None]:
        """An attempt: it fails by InvalidCredentials or WrongPassword raised inside; when it succeeds, the name's
        failures are forgotten; anything else that is raised says nothing. Raises TooFast."""
        named, whole = _key(address, name), _key(address)
        turn = self._turns.setdefault(named, asyncio.Lock())
        self._check(named, self._most)  # who has to wait is told so without queueing
        async with turn:
            self._check(named, self._most)
            if address:
                self._check(whole, self._most * AT_AN_ADDRESS)
            try:
                yield
            except (InvalidCredentials, WrongPassword):
                self._note(named)
                if address:
                    self._note(whole)
                raise
            self._failures.pop(named, None)

    def _check(self, key: bytes, most: int) -> None:
        recent = self._recent(key)
        if len(recent) >= most:
            wait = recent[-most] + WINDOW - self._clock()
            raise TooFast(max(1.0, wait.total_seconds()), "Too many wrong passwords; try again later")

    def _note(self, key: bytes) -> None:
        self._failures[key] = [*self._recent(key), self._clock()]
        self._failures.move_to_end(key)
        if len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def _recent(self, key: bytes) -> list[datetime]:
        begin = self._clock() - WINDOW
        return [moment for moment in self._failures.get(key, ()) if moment > begin]


def _key(address: str, name: str | None = None) -> bytes:
    """Of fixed size: names come from strangers, and may be of any length."""
    parts = (place_of(address),) if name is None else (place_of(address), name)
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def place_of(address: str) -> str:
    """Whoever has one IPv6 address has 2^64 of them."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    return str(int(ip) >> 64) if isinstance(ip, IPv6Address) and not ip.ipv4_mapped else address
