"""Blocks: who will not hear from whom, and the direct rooms that are closed by it."""

from collections.abc import Collection

from sqlalchemy import and_, delete, func, insert, or_, select, update

from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import User
from tertulia.store.tables import blocks, rooms, users
from tertulia.store.users import lock_users, user_of
from tertulia.store.work import Reader, Work


def are_apart(reader: Reader, a: UserId, b: UserId) -> bool:
    """One of the two has blocked the other. In a work, that stays so until the commit."""
    if isinstance(reader, Work):
        lock_users(reader, a, b)
    either = or_(
        and_(blocks.c.user_id == a, blocks.c.blocked_id == b), and_(blocks.c.user_id == b, blocks.c.blocked_id == a)
    )
    return reader.sql.execute(select(blocks.c.user_id).where(either).limit(1)).scalar() is not None


def blockers_among(reader: Reader, user_id: UserId, candidates: Collection[UserId]) -> set[UserId]:
    """Those of *candidates* who have blocked *user_id*."""
    wanted = select(blocks.c.user_id).where(blocks.c.blocked_id == user_id, blocks.c.user_id.in_(candidates))
    return {UserId(blocker) for blocker in reader.sql.execute(wanted).scalars()}


def block(work: Work, user_id: UserId, blocked_id: UserId) -> bool:
    """False: it is so already."""
    lock_users(work, user_id, blocked_id)
    if has_blocked(work, user_id, blocked_id):
        return False
    room_id = _lock_direct_room(work, user_id, blocked_id)
    work.sql.execute(insert(blocks).values(user_id=user_id, blocked_id=blocked_id, created_at=work.now))
    _close(work, room_id, is_blocked=True)
    return True


def unblock(work: Work, user_id: UserId, blocked_id: UserId) -> bool:
    """False: it is so already. Their direct room stays closed if the other one has blocked, too."""
    lock_users(work, user_id, blocked_id)
    if not has_blocked(work, user_id, blocked_id):
        return False
    room_id = _lock_direct_room(work, user_id, blocked_id)
    work.sql.execute(delete(blocks).where(blocks.c.user_id == user_id, blocks.c.blocked_id == blocked_id))
    _close(work, room_id, is_blocked=has_blocked(work, blocked_id, user_id))
    return True


def list_blocked(reader: Reader, user_id: UserId) -> list[User]:
    """The latest first."""
    wanted = (
        select(users)
        .join(blocks, blocks.c.blocked_id == users.c.id)
        .where(blocks.c.user_id == user_id)
        .order_by(blocks.c.created_at.desc(), blocks.c.blocked_id)
    )
    return [user_of(row) for row in reader.sql.execute(wanted)]


def count_blocked(reader: Reader, user_id: UserId) -> int:
    wanted = select(func.count()).select_from(blocks).where(blocks.c.user_id == user_id)
    return reader.sql.execute(wanted).scalar_one()


def blocked_by(reader: Reader, user_ids: Collection[UserId]) -> dict[UserId, set[UserId]]:
    """Whom each of *user_ids* has blocked; who has blocked nobody is left out."""
    found: dict[UserId, set[UserId]] = {}
    wanted = select(blocks.c.user_id, blocks.c.blocked_id).where(blocks.c.user_id.in_(user_ids))
    for user_id, blocked_id in reader.sql.execute(wanted):
        found.setdefault(UserId(user_id), set()).add(UserId(blocked_id))
    return found


def forget_blocks(work: Work, user_id: UserId) -> list[UserId]:
    """Of an account that goes, and those against it. Gives those who had blocked it."""
    wanted = select(blocks.c.user_id).where(blocks.c.blocked_id == user_id).order_by(blocks.c.user_id)
    blockers = [UserId(blocker) for blocker in work.sql.execute(wanted).scalars()]
    work.sql.execute(delete(blocks).where(or_(blocks.c.user_id == user_id, blocks.c.blocked_id == user_id)))
    return blockers


def has_blocked(reader: Reader, user_id: UserId, blocked_id: UserId) -> bool:
    wanted = select(blocks.c.user_id).where(blocks.c.user_id == user_id, blocks.c.blocked_id == blocked_id)
    return reader.sql.execute(wanted).scalar() is not None


def _lock_direct_room(work: Work, a: UserId, b: UserId) -> RoomId | None:
    key = f"{min(a, b)}:{max(a, b)}"
    room_id = work.sql.execute(select(rooms.c.id).where(rooms.c.direct_key == key)).scalar()
    if room_id is None:
        return None
    work.lock(RoomId(room_id))
    return RoomId(room_id)


def _close(work: Work, room_id: RoomId | None, *, is_blocked: bool) -> None:
    if room_id is not None:
        work.sql.execute(update(rooms).where(rooms.c.id == room_id).values(is_blocked=is_blocked))
