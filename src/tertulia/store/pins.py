"""Pins: the messages that a room keeps at hand. The functions that write expect the room to be locked."""

from sqlalchemy import delete, func, insert, select

from tertulia.domain.events import MessagePinned, MessageUnpinned
from tertulia.domain.ids import MessageId, RoomId, Seq
from tertulia.domain.models import Actor, Message
from tertulia.store.stays import Within, heard_among
from tertulia.store.tables import pins
from tertulia.store.work import Reader, Work


def find_pin(reader: Reader, message_id: MessageId) -> Seq | None:
    """Where the log says that it was pinned."""
    return reader.sql.execute(select(pins.c.seq).where(pins.c.message_id == message_id)).scalar()


def count_pins(reader: Reader, room_id: RoomId) -> int:
    return reader.sql.execute(select(func.count()).where(pins.c.room_id == room_id)).scalar_one()


def list_pinned(reader: Reader, room_id: RoomId, within: Within | None = None) -> list[MessageId]:
    """The one pinned last comes first. *within*: only messages that were heard."""
    wanted = select(pins.c.message_id).where(pins.c.room_id == room_id).order_by(pins.c.seq.desc())
    found = [MessageId(message_id) for message_id in reader.sql.execute(wanted).scalars()]
    if within is None:
        return found
    known = heard_among(reader, within.user_id, found)
    return [message_id for message_id in found if message_id in known]


def add_pin(work: Work, message: Message, by: Actor) -> Seq:
    pinned = MessagePinned(user_id=by.user_id, username=by.username, created_at=work.now)
    seq = work.append(pinned, message.room_id, message_id=message.id).seq
    new = insert(pins).values(
        message_id=message.id, room_id=message.room_id, seq=seq, user_id=by.user_id, created_at=work.now
    )
    work.sql.execute(new)
    return seq


def remove_pin(work: Work, message: Message, by: Actor) -> Seq:
    work.sql.execute(delete(pins).where(pins.c.message_id == message.id))
    unpinned = MessageUnpinned(user_id=by.user_id, username=by.username, created_at=work.now)
    return work.append(unpinned, message.room_id, message_id=message.id).seq
