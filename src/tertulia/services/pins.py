"""Pins: messages that a room keeps at hand."""

from tertulia.domain import commands as c
from tertulia.domain.errors import NoSuchMessage, RoleTooLow, TooMany
from tertulia.domain.ids import Seq
from tertulia.domain.models import Actor, Message
from tertulia.domain.roles import RoomKind, RoomRole
from tertulia.services import policy
from tertulia.store import Reader, Work
from tertulia.store import pins as stored
from tertulia.store.messages import find_messages
from tertulia.store.rooms import Standing

MOST = 100
"""In a room."""


class Pins:
    def pin(self, command: c.PinMessage, actor: Actor, work: Work) -> Seq:
        message, standing = policy.lock_message(work, command.message_id, actor)
        if message.is_deleted:
            raise NoSuchMessage
        _need_right(work, standing, actor)
        known = stored.find_pin(work, message.id)
        if known is not None:
            return known
        if stored.count_pins(work, message.room_id) >= MOST:
            raise TooMany(f"A room has at most {MOST} pins")
        return stored.add_pin(work, message, actor)

    def unpin(self, command: c.UnpinMessage, actor: Actor, work: Work) -> Seq:
        message, standing = policy.lock_message(work, command.message_id, actor)
        _need_right(work, standing, actor)
        if stored.find_pin(work, message.id) is None:
            return standing.room.last_seq
        return stored.remove_pin(work, message, actor)

    def list_pins(self, command: c.ListPins, actor: Actor, reader: Reader) -> list[Message]:
        standing = policy.read_room(reader, command.room_id, actor)
        pinned = stored.list_pinned(reader, command.room_id, standing.within)
        found = {message.id: message for message in find_messages(reader, pinned)}
        return [policy.as_known(reader, found[message_id], standing) for message_id in pinned]


def _need_right(work: Work, standing: Standing, actor: Actor) -> None:
    """Moderators pin in a channel; in a group or a direct room every member who may speak. Raises RoleTooLow, Blocked,
    Muted."""
    if policy.rank(standing, actor) >= RoomRole.MODERATOR.rank:
        return
    if standing.room.kind is RoomKind.CHANNEL:
        raise RoleTooLow("Moderators pin messages in a channel")
    policy.need_voice(work, standing)
