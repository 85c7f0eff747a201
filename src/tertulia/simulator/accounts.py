"""Accounts: made when they are not there yet, logged in, kept logged in, and removed."""

from time import monotonic
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tertulia.simulator.options import Address, Failure, Options
from tertulia.simulator.rest import Answer, ask

T = TypeVar("T")

RENEW_BEFORE = 60.0
"""Seconds before a token ends."""


class GiveUp(Failure):
    """There is no use in trying again. *code*: a word for it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Refused(Failure):
    """Not now; later it may be otherwise. *code*: a word for it."""

    def __init__(self, code: str, text: str = "", retry_after: float | None = None) -> None:
        super().__init__(text or code)
        self.code, self.retry_after = code, retry_after


class _Tokens(Struct):
    access_token: str
    expires_in: float
    refresh_token: str = ""


class Login(Struct, frozen=True):
    """*ends_at*: when the token ends, by the monotonic clock. *is_new*: the account was made for this."""

    username: str
    token: str
    refresh_token: str
    ends_at: float
    is_new: bool

    def is_ending(self, now: float) -> bool:
        return now > self.ends_at - RENEW_BEFORE


async def log_in(options: Options, username: str) -> Login:
    """Raises GiveUp, Refused, NotReached."""
    who = {"username": username, "password": options.password_of(username)}
    made = await ask(options.address, "POST", "/auth/register", body=who)
    _understood(options.address, made)
    if made.status not in (201, 403, 409):
        raise _refusal(made)
    found = await ask(options.address, "POST", "/auth/login", body=who)
    if found.status == 401 and made.status == 403:
        raise GiveUp(made.problem.code, f"{options.address} registers nobody, and has no {username} with this password")
    if found.status == 401:
        raise GiveUp(
            made.problem.code,
            f"{username} is there with another password: say the --password of then, or another --prefix",
        )
    if found.status != 200:
        raise _refusal(found)
    return _login(username, found, is_new=made.status == 201)


async def renew(options: Options, login: Login) -> Login:
    """The same, for longer. Raises GiveUp, Refused, NotReached."""
    answer = await ask(options.address, "POST", "/auth/refresh", body={"refresh_token": login.refresh_token})
    if answer.status == 200:
        return _login(login.username, answer, is_new=login.is_new)
    again = await log_in(options, login.username)
    return msgspec.structs.replace(again, is_new=login.is_new)


async def remove(address: Address, login: Login) -> None:
    """The account. Raises Refused, NotReached."""
    answer = await ask(address, "DELETE", "/users/me", token=login.token)
    if answer.status not in (204, 401):
        raise _refusal(answer)


async def look_at_room(options: Options, login: Login) -> None:
    """Raises GiveUp if it is no place to walk about in; Refused, NotReached."""
    answer = await ask(options.address, "GET", f"/rooms/{options.room_id}", token=login.token)
    if answer.status in (403, 404):
        raise GiveUp(
            answer.problem.code, f"room {options.room_id} is not there, or not for {login.username} to see (--room)"
        )
    if answer.status != 200:
        raise _refusal(answer)
    room = _decode(answer, dict[str, Any])
    if not room.get("space"):
        raise GiveUp("no_space", f"room {options.room_id} has no space to walk about in (--room)")


def _understood(address: Address, answer: Answer) -> None:
    """Whether this is a server of ours: what answers `register` in another way is none."""
    is_ours = b"json" in answer.headers.get(b"content-type", b"")
    if not is_ours or answer.status in (404, 405) or answer.status < 200 or 300 <= answer.status < 400:
        raise GiveUp("no_tertulia", f"what answers at {address} is no Tertulia server: it says {answer.status}")


def _login(username: str, answer: Answer, *, is_new: bool) -> Login:
    tokens = _decode(answer, _Tokens)
    return Login(username, tokens.access_token, tokens.refresh_token, monotonic() + tokens.expires_in, is_new)


def _decode(answer: Answer, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise GiveUp("unreadable", f"the server's answer is not understood: {answer.body[:80]!r}") from None


def _refusal(answer: Answer) -> GiveUp | Refused:
    problem = answer.problem
    if answer.status in (429, 503) or answer.status >= 500:
        return Refused(problem.code, problem.detail, answer.retry_after)
    return GiveUp(problem.code, f"the server refuses: {problem.detail}")
