"""Marks: how far a room has come to somebody's devices, and how far they have read. They only move forward.

They are everybody's own: who is muted reads as before, and so do two of whom one has blocked the other.
"""

from tertulia.domain import commands as c
from tertulia.domain.errors import NoSuchMessage, NotAMember
from tertulia.domain.events import DeliveredUpdated, ReadUpdated
from tertulia.domain.ids import RoomId, Seq
from tertulia.domain.models import Actor
from tertulia.domain.roles import RoomKind
from tertulia.services import policy
from tertulia.store import Work
from tertulia.store.marks import Mark, move_mark, newest_message, stamp_messages

_EVENTS: dict[Mark, type[ReadUpdated] | type[DeliveredUpdated]] = {
    Mark.READ: ReadUpdated,
    Mark.DELIVERED: DeliveredUpdated,
}


class Marks:
    """A mark beyond the end of the log stands at its end. Told to the room only if it moved."""

    def mark_read(self, command: c.MarkRead, actor: Actor, work: Work) -> Seq:
        return _move(Mark.READ, command.room_id, command.seq, actor, work)

    def mark_read_to(self, command: c.MarkReadTo, actor: Actor, work: Work) -> Seq:
        message, standing = policy.see_message(work, command.message_id, actor)
        if command.room_id is not None and message.room_id != command.room_id:
            raise NoSuchMessage
        if standing.member is None:
            raise NotAMember
        return _move(Mark.READ, message.room_id, message.seq, actor, work)

    def mark_delivered(self, command: c.MarkDelivered, actor: Actor, work: Work) -> Seq:
        return _move(Mark.DELIVERED, command.room_id, command.seq, actor, work)


def _move(mark: Mark, room_id: RoomId, seq: Seq, actor: Actor, work: Work) -> Seq:
    """Gives where it stands now. Raises NoSuchRoom, NotAMember."""
    room, member = policy.need_membership(work, room_id, actor)
    seq = min(seq, room.last_seq)
    if seq <= mark.of(member):
        return mark.of(member)
    work.lock(room_id)
    if not move_mark(work, mark, room_id, actor.user_id, seq):  # somebody was faster, or the membership has ended
        return mark.of(policy.need_membership(work, room_id, actor)[1])
    if room.kind is RoomKind.DIRECT:
        stamp_messages(work, mark, member, seq, work.now)
    moved = _EVENTS[mark](
        room_id=room_id,
        user_id=actor.user_id,
        username=actor.username,
        seq=seq,
        message_id=newest_message(work, room_id, seq),
        at=work.now,
    )
    work.announce(moved)
    return seq
