"""The authenticator: what a token or a ticket proves, asked for every request and every socket."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from time import monotonic

from msgspec import Struct

from tertulia.domain.errors import InvalidToken
from tertulia.domain.events import BlocksChanged, Notice, SessionsEnded, UserChanged
from tertulia.domain.ids import SessionId, UserId
from tertulia.domain.models import Access, Actor
from tertulia.domain.roles import Status
from tertulia.services.tokens import Tokens
from tertulia.store import Reader, Store, Work
from tertulia.store.sessions import Login, ended_since, find_login, take_ticket

MOST_REMEMBERED = 20_000


class Remembered(Struct, frozen=True):
    actor: Actor
    status: Status
    blocked: frozenset[UserId]
    asked_at: float


class Authenticator:
    """Looks a login up in the store, and remembers the answer for *remember* seconds at the most.

    `forget` drops it at once: this node's own log-outs never have to wait, and another node's only if their notice was
    lost. What is refused is InvalidToken, always: a stranger is not told why.
    """

    def __init__(
        self, store: Store, tokens: Tokens, *, remember: float = 2.0, now: Callable[[], float] = monotonic
    ) -> None:
        self._store, self._tokens = store, tokens
        self._remember, self._now = remember, now
        self._known: OrderedDict[SessionId, Remembered] = OrderedDict()
        self._known_of: dict[UserId, set[SessionId]] = {}
        self._forgotten = 0

    async def access(self, token: str) -> Access:
        claims = self._tokens.read_access_token(token)
        known = await self._remembered(claims.session_id)
        if known.actor.user_id != claims.user_id:
            raise InvalidToken
        return Access(known.actor, claims.expires_at, known.status, known.blocked)

    async def actor(self, session_id: SessionId) -> Actor:
        """Whose login this is, as they are now. Raises InvalidToken if it is nobody's any more."""
        return (await self._remembered(session_id)).actor

    async def redeem(self, ticket: str) -> Access:
        """The ticket is used up. Access lasts as long as that of a token made now."""
        digest = digest_of(ticket)

        def take(work: Work) -> Access | None:
            login = take_ticket(work, digest)
            if login is None:
                return None
            expires_at = work.now + self._tokens.access_lifetime
            return Access(actor_of(login), expires_at, login.user.status, login.blocked)

        # A refusal is raised after the commit: of a ticket that is used up, too.
        access = await self._store.write(take)
        if access is None:
            raise InvalidToken
        return access

    def forget(self, notice: Notice) -> None:
        """What this says is known to have changed."""
        self._forgotten += 1
        if isinstance(notice, SessionsEnded):
            for session_id in notice.session_ids:
                self._drop(SessionId(session_id))
        elif isinstance(notice, UserChanged | BlocksChanged):
            for session_id in list(self._known_of.get(notice.user_id, ())):
                self._drop(session_id)

    async def ended_since(self, moment: datetime) -> list[SessionId]:
        return await self._store.read(lambda reader: ended_since(reader, moment))

    async def _remembered(self, session_id: SessionId) -> Remembered:
        known = self._known.get(session_id)
        if known is None or self._now() - known.asked_at >= self._remember:
            known = await self._look_up(session_id)
        return known

    async def _look_up(self, session_id: SessionId) -> Remembered:
        asked_at, forgotten = self._now(), self._forgotten

        def find(reader: Reader) -> Login | None:
            return find_login(reader, session_id)

        login = await self._store.read(find)
        if login is None:
            self._drop(session_id)
            raise InvalidToken
        known = Remembered(actor_of(login), login.user.status, login.blocked, asked_at)
        if forgotten == self._forgotten:  # else the answer may be older than what was to be forgotten
            self._known[session_id] = known
            self._known.move_to_end(session_id)
            self._known_of.setdefault(known.actor.user_id, set()).add(session_id)
            if len(self._known) > MOST_REMEMBERED:
                self._drop(next(iter(self._known)))
        return known

    def _drop(self, session_id: SessionId) -> None:
        known = self._known.pop(session_id, None)
        if known is not None:
            others = self._known_of[known.actor.user_id]
            others.discard(session_id)
            if not others:
                del self._known_of[known.actor.user_id]


def actor_of(login: Login) -> Actor:
    return Actor(login.user.id, login.user.username, login.user.role, login.session.id)


def digest_of(ticket: str) -> str:
    return sha256(ticket.encode("utf-8", "replace")).hexdigest()
