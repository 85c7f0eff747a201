"""What a run is told: where, how many, how fast, how long."""

import hashlib
import hmac
import math
import secrets
import string
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

LETTERS = string.ascii_lowercase + string.digits
SHOWN_URL = "http://127.0.0.1:8000"


class Failure(Exception):
    """Why a run is none: one line for the person at the terminal."""


class Unusable(Failure):
    """An option that cannot be used as it is."""


class Address(Struct, frozen=True):
    """Where a server listens. *prefix*: what all its paths begin with, behind a proxy; without a slash at its end."""

    host: str
    port: int
    is_tls: bool
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Raises Unusable."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise Unusable(f"--url {url!r}: {error}") from None
        if parts.scheme not in ("http", "https", "ws", "wss") or not host or not (port is None or port > 0):
            raise Unusable(f"--url {url!r} should be the address of a server, such as {SHOWN_URL}")
        is_tls = parts.scheme in ("https", "wss")
        return cls(host, port or (443 if is_tls else 80), is_tls, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://{self.authority}{self.prefix}"


class Options(Struct, frozen=True, kw_only=True):
    """*rate*: positions a second of who walks. *talk*: messages a minute of each. *duration*: seconds from when all are
    in; None: until told to stop. *restless*: nobody ever stands, sits or talks to anybody: the most that so many can ask
    for. *removes_accounts*: those that were made in this run are deleted at its end."""

    address: Address
    users: int
    room_id: int
    prefix: str
    password: str
    seed: str
    rate: float = 20.0
    talk: float = 1.0
    duration: float | None = None
    restless: bool = False
    removes_accounts: bool = False

    def username(self, number: int) -> str:
        """Of the *number*th user, from 1 on."""
        return f"{self.prefix}-{number}"

    def password_of(self, username: str) -> str:
        """Each has one of their own, all from the run's."""
        return hmac.new(self.password.encode(), username.encode(), hashlib.sha256).hexdigest()[:32]


def options_from(url: str, *, prefix: str | None, password: str | None, **others: Any) -> Options:
    """*others*: as in `Options`. Without a *prefix* the names are of chance: the accounts are of no use to anybody
    afterwards, and are removed. Raises Unusable."""
    if prefix is not None and not password:
        raise Unusable("--prefix needs a --password (or SIMULATE_PASSWORD), so that the next run can log in as well")
    for name, value in others.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise Unusable(f"--{name} should be a number")
    return Options(
        address=Address.parse(url),
        prefix=prefix or f"sim-{''.join(secrets.choice(LETTERS) for _ in range(5))}",
        password=password or secrets.token_urlsafe(),
        removes_accounts=prefix is None,
        **others,
    )
