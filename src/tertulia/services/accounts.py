"""Accounts: registering, logging in and out, refreshing, passwords, sessions and tickets."""

import secrets
from datetime import timedelta
from typing import Any

from tertulia.domain import commands as c
from tertulia.domain.clock import Clock, utc_now
from tertulia.domain.errors import InvalidCredentials, InvalidToken, NoSuchSession, RegistrationClosed, WrongPassword
from tertulia.domain.events import SessionsEnded, UserChanged
from tertulia.domain.ids import STARTER_ROOM, SessionId, UserId
from tertulia.domain.models import Actor, Session, Tokens, User
from tertulia.domain.roles import RoomRole, Status, UserRole
from tertulia.services.attempts import Attempts
from tertulia.services.authenticator import digest_of
from tertulia.services.checks import encode_text
from tertulia.services.names import check_display_name, check_email, check_username
from tertulia.services.passwords import Passwords, check_new_password
from tertulia.services.policy import is_public
from tertulia.services.tokens import Tokens as TokenMaker
from tertulia.store import Reader, Store, Work
from tertulia.store import sessions as stored_sessions
from tertulia.store import users as stored_users
from tertulia.store.members import add_member
from tertulia.store.rooms import find_standing
from tertulia.store.users import Credentials, fold

SAME_SUCCESSOR_WITHIN = timedelta(seconds=10)
"""A refresh token that is used twice within this is two tabs; later it is a thief."""
TICKET_LIFETIME = timedelta(seconds=30)
MOST_SESSIONS = 100
"""Of one user. With one more, the one that was used longest ago ends."""
LONGEST_NAME = 254
"""Characters of a username or an email address: what is longer is nobody's."""


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
        self._attempts = Attempts(login_attempts, clock=clock)

    # ---- coming

    async def register(self, command: c.Register, actor: Actor | None) -> User:
        """Everybody who registers is a member of the starter café, if there is one. Raises NameTaken, EmailTaken."""
        if not self._registration_open and not (actor and actor.is_admin):
            raise RegistrationClosed
        return await self._register(command, UserRole.USER)

    async def create_admin(self, username: str, password: str) -> User:
        """Make an admin, or make an admin of a user who is there: with this password, and logged out everywhere."""
        username = check_username(username)
        known = await self._store.read(lambda reader: stored_users.find_by_username(reader, username))
        if known is None:
            return await self._register(c.Register(username=username, password=password), UserRole.ADMIN)
        check_new_password(password, username)
        hashed = await self._passwords.hash(password)

        def promote(work: Work) -> User:
            changes = {"role": UserRole.ADMIN.value, "is_active": True, "password_hash": hashed}
            promoted = stored_users.update_user(work, known.id, **changes)
            end_sessions(work, known.id)
            work.notify(UserChanged(user_id=known.id))
            return promoted

        return await self._store.write(promote)

    async def _register(self, command: c.Register, role: UserRole) -> User:
        username = check_username(command.username)
        email = None if command.email is None else check_email(command.email)
        display_name = username if command.display_name is None else check_display_name(command.display_name)
        check_new_password(command.password, username)
        await self._store.read(lambda reader: stored_users.need_free(reader, username, email))  # cheaper than a hash
        hashed = await self._passwords.hash(command.password, command.address)

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
        name = _needle(command.username)
        async with self._attempts.one(command.address, fold(name)):
            while True:
                tokens = await self._log_in(name, command)
                if tokens is not None:
                    return tokens

    async def _log_in(self, name: str, command: c.Login) -> Tokens | None:
        """None: the account was changed meanwhile, and has to be looked at again."""
        found = await self._store.read(lambda reader: stored_users.find_credentials(reader, name))
        hashed = found.password_hash if found else None
        is_right, newer = await self._passwords.verify(command.password, hashed, command.address)
        if found is None or not is_right or not found.user.is_active:
            raise InvalidCredentials
        return await self._store.write(lambda work: self._open_session(work, command, found, newer))

    def _open_session(self, work: Work, command: c.Login, checked: Credentials, newer: str | None) -> Tokens | None:
        user_id = checked.user.id
        now = stored_users.lock_credentials(work, user_id)
        if now.password_hash != checked.password_hash or not now.user.is_active:
            return None
        for too_old in stored_sessions.list_sessions(work, user_id)[MOST_SESSIONS - 1 :]:
            end_sessions(work, user_id, only=too_old.id)
        session = Session(
            id=SessionId(secrets.token_urlsafe(16)),
            user_id=user_id,
            user_agent=_shown(command.user_agent, 200),
            address=_shown(command.address, 64),
            created_at=work.now,
            last_used_at=work.now,
            expires_at=work.now + self._tokens.refresh_lifetime,
        )
        stored_sessions.insert_session(work, session)
        changes: dict[str, Any] = {"password_hash": newer} if newer else {}
        if now.user.status.shown is not Status.OFFLINE:  # who hides is not seen to log in
            changes["last_seen_at"] = work.now
        user = stored_users.update_user(work, user_id, **changes)
        return self._tokens_for(work, session.id, 1, user)

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
        elif generation == login.generation - 1 and work.now - login.rotated_at <= SAME_SUCCESSOR_WITHIN:
            successor = login.generation
        else:
            end_sessions(work, login.user.id, only=session_id)
            return None
        return self._tokens_for(work, session_id, successor, login.user)

    async def change_password(self, command: c.ChangePassword, actor: Actor) -> None:
        """Ends all other sessions. Raises WrongPassword, WeakPassword, TooFast."""
        async with self._attempts.one("", f"@{actor.user_id}"):  # no name begins so
            found = await self._store.read(lambda reader: stored_users.get_credentials(reader, actor.user_id))
            is_right, _ = await self._passwords.verify(command.current_password, found.password_hash)
            if not is_right:
                raise WrongPassword
        check_new_password(command.new_password, actor.username, field="new_password")
        hashed = await self._passwords.hash(command.new_password)
        await self._store.write(lambda work: self._change_password(work, actor, found, hashed))

    def _change_password(self, work: Work, actor: Actor, checked: Credentials, hashed: str) -> None:
        now = stored_users.lock_credentials(work, actor.user_id)
        if stored_sessions.find_login(work, actor.session_id) is None:  # ended while we were hashing
            raise InvalidToken
        if now.password_hash != checked.password_hash:
            raise WrongPassword
        stored_users.update_user(work, actor.user_id, password_hash=hashed)
        end_sessions(work, actor.user_id, but=actor.session_id)

    def issue_ticket(self, command: c.IssueTicket, actor: Actor, work: Work) -> c.Ticket:
        ticket = secrets.token_urlsafe(32)
        stored_sessions.insert_ticket(work, digest_of(ticket), actor.session_id, work.now + TICKET_LIFETIME)
        return c.Ticket(ticket, int(TICKET_LIFETIME.total_seconds()))

    def list_sessions(self, command: c.ListSessions, actor: Actor, reader: Reader) -> list[Session]:
        return stored_sessions.list_sessions(reader, actor.user_id)

    # ---- going

    def logout(self, command: c.Logout, actor: Actor, work: Work) -> None:
        end_sessions(work, actor.user_id, only=actor.session_id)

    def end_session(self, command: c.EndSession, actor: Actor, work: Work) -> None:
        """Raises NoSuchSession, also for one of somebody else's."""
        encode_text(command.session_id, "session_id")
        if not end_sessions(work, actor.user_id, only=command.session_id):
            raise NoSuchSession

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


def _needle(name: str) -> str:
    """What to look for. What is no text, or too long to be a name, is found nowhere."""
    needle = name.strip()
    is_text = "\0" not in needle and not any("\ud800" <= char <= "\udfff" for char in needle[:LONGEST_NAME])
    return needle if is_text and len(needle) <= LONGEST_NAME else ""


def _shown(value: str, most: int) -> str:
    """What a client says of itself, for the list of sessions."""
    return "".join(char for char in value[:most] if char.isprintable())
