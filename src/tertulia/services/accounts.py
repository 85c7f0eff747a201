"""Accounts: registering, logging in and out, refreshing, passwords, sessions and tickets."""

import re
import secrets
import unicodedata
from datetime import timedelta

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from tertulia.domain import commands as c
from tertulia.domain.clock import Clock, utc_now
from tertulia.domain.errors import (
    Invalid,
    InvalidCredentials,
    InvalidToken,
    NoSuchSession,
    RegistrationClosed,
    TooFast,
)
from tertulia.domain.events import SessionsEnded, UserChanged
from tertulia.domain.ids import STARTER_ROOM, SessionId, UserId
from tertulia.domain.models import Actor, Session, Tokens, User
from tertulia.domain.roles import RoomRole, UserRole
from tertulia.services.authenticator import digest_of
from tertulia.services.checks import check_name, check_text, encode_text
from tertulia.services.passwords import Passwords, check_new_password
from tertulia.services.policy import is_public
from tertulia.services.tokens import Tokens as TokenMaker
from tertulia.store import Reader, Store, Work
from tertulia.store import sessions as stored_sessions
from tertulia.store import users as stored_users
from tertulia.store.members import add_member
from tertulia.store.rooms import find_standing

SAME_SUCCESSOR_WITHIN = timedelta(seconds=10)
"""A refresh token that is used twice within this is two tabs; later it is a thief."""
TICKET_LIFETIME = timedelta(seconds=30)
WINDOW_MINUTES = 5
ATTEMPTS_PER_ADDRESS = 10
"""Times as many wrong passwords from one address, over all its names, as for one name."""
RESERVED = frozenset({"system", "server", "here", "everyone", "all", "deleted", "me"})
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,185}")
_SEPARATORS = frozenset("._-")


class Accounts:
    """*login_attempts*: wrong passwords for one name, from one address, within five minutes."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        tokens: TokenMaker,
        *,
        clock: Clock = utc_now,
        registration_open: bool = True,
        login_attempts: int = 10,
    ) -> None:
        self._store, self._passwords, self._tokens, self._clock = store, passwords, tokens, clock
        self._registration_open = registration_open
        self._failures = Failures(login_attempts)

    # ---- coming

    async def register(self, command: c.Register, actor: Actor | None) -> User:
        """Everybody who registers is a member of the starter café, if there is one. Raises NameTaken, EmailTaken."""
        if not self._registration_open and not (actor and actor.is_admin):
            raise RegistrationClosed
        return await self._register(command, UserRole.USER)

    async def create_admin(self, username: str, password: str) -> User:
        """Make an admin, or make an admin of a user who is there, and give them this password."""
        known = await self._store.read(lambda reader: stored_users.find_by_username(reader, username))
        if known is None:
            return await self._register(c.Register(username=username, password=password), UserRole.ADMIN)
        check_new_password(password, username)
        hashed = await self._passwords.hash(password)

        def promote(work: Work) -> User:
            stored_users.lock_user(work, known.id)
            self._end(work, known.id)
            work.notify(UserChanged(user_id=known.id))
            return stored_users.update_user(
                work, known.id, role=UserRole.ADMIN.value, is_active=True, password_hash=hashed
            )

        return await self._store.write(promote)

    async def _register(self, command: c.Register, role: UserRole) -> User:
        username = check_username(command.username)
        email = None if command.email is None else check_email(command.email)
        display_name = username if command.display_name is None else check_display_name(command.display_name)
        check_new_password(command.password, username)
        hashed = await self._passwords.hash(command.password)

        def create(work: Work) -> User:
            work.lock(STARTER_ROOM)
            user = stored_users.insert_user(
                work, username=username, email=email, display_name=display_name, password_hash=hashed, role=role
            )
            standing = find_standing(work, STARTER_ROOM, user.id)
            if standing is not None and is_public(standing.room):
                add_member(work, STARTER_ROOM, user.id, username, RoomRole.MEMBER, user.id)
            return user

        return await self._store.write(create)

    async def login(self, command: c.Login, actor: Actor | None) -> Tokens:
        """Takes as long for a name that nobody has as for a wrong password. Raises InvalidCredentials, TooFast."""
        self._failures.check(command.address, command.username)
        found = await self._store.read(lambda reader: stored_users.find_credentials(reader, _text(command.username)))
        is_right, newer = await self._passwords.verify(command.password, found.password_hash if found else None)
        if found is None or not is_right or not found.user.is_active or found.user.is_deleted:
            self._failures.note(command.address, command.username)
            raise InvalidCredentials
        self._failures.forgive(command.address, command.username)
        user_id = found.user.id

        def open_session(work: Work) -> Tokens:
            session = Session(
                id=SessionId(secrets.token_urlsafe(16)),
                user_id=user_id,
                user_agent=_text(command.user_agent)[:200],
                address=_text(command.address)[:64],
                created_at=work.now,
                last_used_at=work.now,
                expires_at=work.now + self._tokens.refresh_lifetime,
            )
            stored_sessions.insert_session(work, session)
            changed = {"password_hash": newer} if newer else {}
            user = stored_users.update_user(work, user_id, last_seen_at=work.now, **changed)
            return self._tokens_for(work, session.id, 1, user)

        return await self._store.write(open_session)

    # ---- staying

    async def refresh(self, command: c.RefreshTokens, actor: Actor | None) -> Tokens:
        """A refresh token is good once; shown again soon it gives the same successor, later it ends the session."""
        session_id, generation = self._tokens.read_refresh_token(command.refresh_token)
        tokens = await self._store.write(lambda work: self._refresh(work, session_id, generation))
        if tokens is None:
            raise InvalidToken
        return tokens

    def _refresh(self, work: Work, session_id: SessionId, generation: int) -> Tokens | None:
        """None, and the session is ended, for a token that somebody had used before."""
        stored_sessions.lock_session(work, session_id)
        login = stored_sessions.find_login(work, session_id)
        if login is None:
            raise InvalidToken
        if generation == login.generation:
            successor = stored_sessions.rotate(work, login, work.now + self._tokens.refresh_lifetime)
        elif generation == login.generation - 1 and work.now - login.rotated_at < SAME_SUCCESSOR_WITHIN:
            successor = login.generation
        else:
            self._end(work, login.user.id, only=session_id)
            return None
        return self._tokens_for(work, session_id, successor, login.user)

    async def change_password(self, command: c.ChangePassword, actor: Actor) -> None:
        """Ends all other sessions. Raises InvalidCredentials."""
        self._failures.check("", str(actor.user_id))
        found = await self._store.read(lambda reader: stored_users.get_credentials(reader, actor.user_id))
        is_right, _ = await self._passwords.verify(command.current_password, found.password_hash)
        if not is_right:
            self._failures.note("", str(actor.user_id))
            raise InvalidCredentials("The current password is not right")
        check_new_password(command.new_password, actor.username)
        hashed = await self._passwords.hash(command.new_password)

        def change(work: Work) -> None:
            stored_users.update_user(work, actor.user_id, password_hash=hashed)
            self._end(work, actor.user_id, but=actor.session_id)

        await self._store.write(change)

    def issue_ticket(self, command: c.IssueTicket, actor: Actor, work: Work) -> c.Ticket:
        ticket = secrets.token_urlsafe(32)
        stored_sessions.insert_ticket(work, digest_of(ticket), actor.session_id, work.now + TICKET_LIFETIME)
        return c.Ticket(ticket, int(TICKET_LIFETIME.total_seconds()))

    def list_sessions(self, command: c.ListSessions, actor: Actor, reader: Reader) -> list[Session]:
        return stored_sessions.list_sessions(reader, actor.user_id)

    # ---- going

    def logout(self, command: c.Logout, actor: Actor, work: Work) -> None:
        self._end(work, actor.user_id, only=actor.session_id)

    def end_session(self, command: c.EndSession, actor: Actor, work: Work) -> None:
        """Raises NoSuchSession, also for one of somebody else's."""
        encode_text(command.session_id, "session_id")
        if not self._end(work, actor.user_id, only=command.session_id):
            raise NoSuchSession

    @staticmethod
    def _end(
        work: Work, user_id: UserId, *, only: SessionId | None = None, but: SessionId | None = None
    ) -> list[SessionId]:
        return end_sessions(work, user_id, only=only, but=but)

    def _tokens_for(self, work: Work, session_id: SessionId, generation: int, user: User) -> Tokens:
        return Tokens(
            access_token=self._tokens.access_token(user.id, session_id, work.now),
            refresh_token=self._tokens.refresh_token(session_id, generation),
            expires_in=int(self._tokens.access_lifetime.total_seconds()),
            user=user,
        )


def end_sessions(
    work: Work, user_id: UserId, *, only: SessionId | None = None, but: SessionId | None = None
) -> list[SessionId]:
    """End sessions of a user (see the store), and have every node close their sockets."""
    ended = stored_sessions.end_sessions(work, user_id, only=only, but=but)
    if ended:
        work.notify(SessionsEnded(session_ids=list(ended)))
    return ended


class Failures:
    """Wrong passwords, counted for a name at an address, so that nobody can lock somebody else out from afar; and for
    an address over all names."""

    def __init__(self, attempts: int, window_minutes: int = WINDOW_MINUTES) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_name = RateLimitItemPerMinute(attempts, window_minutes)
        self._per_address = RateLimitItemPerMinute(attempts * ATTEMPTS_PER_ADDRESS, window_minutes)

    def check(self, address: str, name: str) -> None:
        """Raises TooFast."""
        for item, keys in self._keys(address, name):
            if not self._limiter.test(item, *keys):
                reset_at = self._limiter.get_window_stats(item, *keys).reset_time
                raise TooFast(max(1.0, reset_at - _wall_clock()), "Too many wrong passwords; try again later")

    def note(self, address: str, name: str) -> None:
        for item, keys in self._keys(address, name):
            self._limiter.hit(item, *keys)

    def forgive(self, address: str, name: str) -> None:
        item, keys = self._keys(address, name)[0]
        self._limiter.clear(item, *keys)

    def _keys(self, address: str, name: str) -> list[tuple[RateLimitItemPerMinute, tuple[str, ...]]]:
        # A digest: names come from strangers, and may be of any length.
        named = (self._per_name, ("name", digest_of(f"{address}\n{stored_users.fold(_text(name))}")))
        return [named, (self._per_address, ("address", address))] if address else [named]


def _wall_clock() -> float:
    return utc_now().timestamp()


def check_username(username: str) -> str:
    """Letters and digits of any script, with single `.`, `_` and `-` between them: 2 to 32 characters."""
    name = unicodedata.normalize("NFKC", check_text(username, "username", most=128).strip())
    if not 2 <= len(name) <= 32:
        raise Invalid("The username must have from 2 to 32 characters", field="username")
    if not all(char in _SEPARATORS or char.isalnum() or unicodedata.category(char).startswith("M") for char in name):
        raise Invalid("The username may have letters, digits, and . _ - between them", field="username")
    if not name[0].isalnum() or (name[-1] in _SEPARATORS and name[-1] != "_"):
        raise Invalid("The username must begin and end with a letter or a digit", field="username")
    if name.casefold() in RESERVED:
        raise Invalid("This username is reserved", field="username")
    return name


def check_email(email: str) -> str:
    address = check_text(email.strip(), "email", most=254)
    if not _EMAIL.fullmatch(address):
        raise Invalid("This is not an email address", field="email")
    return address


def check_display_name(name: str) -> str:
    return check_name(name, "display_name", most=64)


def _text(value: str) -> str:
    """What is no text, or what no database keeps, is found nowhere."""
    return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


