"""Marks: how far a room has come to somebody's devices, and how far they have read. They only move forward."""

from tertulia.domain import commands as c
from tertulia.domain.events import ReadUpdated
from tertulia.domain.ids import Seq
from tertulia.domain.models import Actor
from tertulia.services import policy
from tertulia.store import Work
from tertulia.store.members import move_read_mark


class Marks:
    def mark_read(self, command: c.MarkRead, actor: Actor, work: Work) -> Seq:
        """A mark beyond the end of the log stands at its end. Told to the room only if it moved."""
        room, member = policy.need_membership(work, command.room_id, actor)
        seq = min(command.seq, room.last_seq)
        if seq <= member.read_seq:
            return member.read_seq
        work.lock(command.room_id)
        if not move_read_mark(work, room.id, actor.user_id, seq):
            return policy.need_membership(work, command.room_id, actor)[1].read_seq
        work.announce(ReadUpdated(room_id=room.id, user_id=actor.user_id, seq=seq))
        return seq

    def mark_read_to(self, command: c.MarkReadTo, actor: Actor, work: Work) -> Seq:
        raise NotImplementedError

    def mark_delivered(self, command: c.MarkDelivered, actor: Actor, work: Work) -> Seq:
        raise NotImplementedError
