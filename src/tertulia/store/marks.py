"""Marks: how far a room has come to each member's devices, and how far they have read it. They only move forward.

The functions that write expect the room to be locked.
"""

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import case, func, literal, select, update

from tertulia.domain.ids import MessageId, RoomId, Seq, UserId
from tertulia.domain.models import Membership
from tertulia.store.tables import Moment, memberships, messages
from tertulia.store.work import Reader, Work


class Mark(Enum):
    DELIVERED = "delivered"
    READ = "read"
    """What is read was delivered, too."""

    def of(self, member: Membership) -> Seq:
        return member.read_seq if self is Mark.READ else member.delivered_seq


def move_mark(work: Work, mark: Mark, room_id: RoomId, user_id: UserId, seq: Seq) -> bool:
    """Says whether it moved."""
    is_read = mark is Mark.READ
    delivered = case((memberships.c.delivered_seq < seq, seq), else_=memberships.c.delivered_seq)
    column = memberships.c.read_seq if is_read else memberships.c.delivered_seq
    values = {"delivered_seq": delivered, "read_seq": seq} if is_read else {"delivered_seq": seq}
    moved = work.sql.execute(
        update(memberships)
        .where(memberships.c.room_id == room_id, memberships.c.user_id == user_id, column < seq)
        .values(values)
    )
    return moved.rowcount > 0


def stamp_messages(work: Work, mark: Mark, member: Membership, seq: Seq, at: datetime) -> None:
    """In a direct room: each of the other's messages that the mark passes on its way from where *member* has it to
    *seq* says since when."""
    column = messages.c.read_at if mark is Mark.READ else messages.c.delivered_at
    values: dict[str, Any] = {"delivered_at": func.coalesce(messages.c.delivered_at, literal(at, Moment()))}
    if mark is Mark.READ:
        values["read_at"] = at
    work.sql.execute(
        update(messages)
        .where(messages.c.room_id == member.room_id, messages.c.seq > mark.of(member), messages.c.seq <= seq)
        .where(messages.c.user_id != member.user_id, column.is_(None))
        .values(values)
    )


def newest_message(reader: Reader, room_id: RoomId, seq: Seq) -> MessageId | None:
    """The newest message at or before *seq*."""
    upto = select(messages.c.id).where(messages.c.room_id == room_id, messages.c.seq <= seq)
    return reader.sql.execute(upto.order_by(messages.c.seq.desc()).limit(1)).scalar()
