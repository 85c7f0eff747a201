"""Sessions: logins, the generation of their refresh tokens, and the tickets that open a socket for them."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, Text, bindparam, cast, delete, func, insert, or_, select, update

from tertulia.domain.ids import SessionId, UserId
from tertulia.domain.models import Session, User
from tertulia.store.tables import blocks, sessions, tickets, users
from tertulia.store.users import user_of
from tertulia.store.work import Reader, Work

KEPT_AFTER_THE_END = timedelta(days=1)
"""Longer than any node looks back for logins that ended."""


class Login(Struct, frozen=True, kw_only=True):
    """A session that has not ended. *generation*: of the refresh token that is good now, since *rotated_at*.
    *blocked*: by the user."""

    session: Session
    user: User
    blocked: frozenset[UserId]
    generation: int
    rotated_at: datetime


def insert_session(work: Work, session: Session) -> None:
    """Sweeps out what is left of the user's old ones."""
    _sweep(work, session.user_id)
    work.sql.execute(
        insert(sessions).values(
            id=session.id,
            user_id=session.user_id,
            generation=1,
            rotated_at=work.now,
            user_agent=session.user_agent,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
        )
    )


def find_login(reader: Reader, session_id: SessionId) -> Login | None:
    """None also for a login that has ended or expired, and for that of a user who is gone."""
    row = reader.sql.execute(_LOGIN, {"session_id": session_id}).one_or_none()
    if row is None or row.ended_at is not None or row.expires_at <= reader.now:
        return None
    session = Session(
        id=session_id,
        user_id=UserId(row.id),
        user_agent=row.user_agent,
        address=row.address,
        created_at=row.opened_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
    )
    return Login(
        session=session,
        user=user_of(row),
        blocked=frozenset(UserId(int(one)) for one in row.blocked.split(",")) if row.blocked else frozenset(),
        generation=row.generation,
        rotated_at=row.rotated_at,
    )


# One statement, made once: every socket that opens asks it, and so does every request after a moment.
_LOGIN = (
    select(
        users,
        sessions.c.generation,
        sessions.c.rotated_at,
        sessions.c.user_agent,
        sessions.c.address,
        sessions.c.created_at.label("opened_at"),
        sessions.c.last_used_at,
        sessions.c.expires_at,
        sessions.c.ended_at,
        select(func.aggregate_strings(cast(blocks.c.blocked_id, Text), ","))
        .where(blocks.c.user_id == users.c.id)
        .correlate(users)
        .scalar_subquery()
        .label("blocked"),
    )
    .select_from(sessions.join(users, users.c.id == sessions.c.user_id))
    .where(sessions.c.id == bindparam("session_id"), users.c.is_active, ~users.c.is_deleted)
)


def lock_session(work: Work, session_id: SessionId) -> None:
    """Of two refreshes at once, one waits for the other. SQLite has one writer anyway."""
    if work.sql.dialect.name == "postgresql":
        work.sql.execute(select(sessions.c.id).where(sessions.c.id == session_id).with_for_update())


def rotate(work: Work, login: Login, expires_at: datetime) -> int:
    """The next generation, from now on the good one."""
    work.sql.execute(
        update(sessions)
        .where(sessions.c.id == login.session.id)
        .values(generation=login.generation + 1, rotated_at=work.now, last_used_at=work.now, expires_at=expires_at)
    )
    return login.generation + 1


def list_sessions(reader: Reader, user_id: UserId) -> list[Session]:
    """Those that can still be used, the one used last first."""
    wanted = select(sessions).where(
        sessions.c.user_id == user_id, sessions.c.ended_at.is_(None), sessions.c.expires_at > reader.now
    )
    newest_first = wanted.order_by(sessions.c.last_used_at.desc(), sessions.c.created_at.desc(), sessions.c.id)
    return [_session(row) for row in reader.sql.execute(newest_first)]


def end_sessions(
    work: Work, user_id: UserId, *, only: SessionId | None = None, but: SessionId | None = None
) -> list[SessionId]:
    """End those of a user: all, *only* one, or all *but* one. Gives those that were open until now."""
    ending = update(sessions).where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
    if only is not None:
        ending = ending.where(sessions.c.id == only)
    if but is not None:
        ending = ending.where(sessions.c.id != but)
    ended = work.sql.execute(ending.values(ended_at=work.now).returning(sessions.c.id)).scalars()
    return [SessionId(session_id) for session_id in ended]


def ended_since(reader: Reader, since: datetime) -> list[SessionId]:
    wanted = select(sessions.c.id).where(sessions.c.ended_at >= since)
    return [SessionId(session_id) for session_id in reader.sql.execute(wanted).scalars()]


def insert_ticket(work: Work, digest: str, session_id: SessionId, expires_at: datetime) -> None:
    """Sweeps out those that nobody used."""
    work.sql.execute(delete(tickets).where(tickets.c.expires_at <= work.now))
    work.sql.execute(insert(tickets).values(digest=digest, session_id=session_id, expires_at=expires_at))


def take_ticket(work: Work, digest: str) -> Login | None:
    """Whose it was, if it was good; it is no more."""
    taken = delete(tickets).where(tickets.c.digest == digest).returning(tickets.c.session_id, tickets.c.expires_at)
    row = work.sql.execute(taken).one_or_none()
    return None if row is None or row.expires_at <= work.now else find_login(work, SessionId(row.session_id))


def _sweep(work: Work, user_id: UserId) -> None:
    before = work.now - KEPT_AFTER_THE_END
    old = select(sessions.c.id).where(
        sessions.c.user_id == user_id, or_(sessions.c.ended_at < before, sessions.c.expires_at < before)
    )
    gone = list(work.sql.execute(old).scalars())
    if gone:
        work.sql.execute(delete(tickets).where(tickets.c.session_id.in_(gone)))
        work.sql.execute(delete(sessions).where(sessions.c.id.in_(gone)))


def _session(row: Row[Any]) -> Session:
    return Session(
        id=SessionId(row.id),
        user_id=UserId(row.user_id),
        user_agent=row.user_agent,
        address=row.address,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
    )
