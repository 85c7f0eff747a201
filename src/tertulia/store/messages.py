"""Messages as they are now, and their pages: read from the unique index (room_id, seq), and nothing else."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, literal_column, select, update

from tertulia.domain.errors import Invalid
from tertulia.domain.events import MessageDeleted, MessageEdited
from tertulia.domain.ids import MessageId, RoomId, Seq, UserId
from tertulia.domain.models import Message, Page
from tertulia.store.log import scrub
from tertulia.store.tables import messages, room_log, users
from tertulia.store.work import Reader, Work


def find_message(reader: Reader, message_id: MessageId) -> Message | None:
    named = select(messages, users.c.username).join(users, users.c.id == messages.c.user_id)
    row = reader.sql.execute(named.where(messages.c.id == message_id)).one_or_none()
    return None if row is None else _message(row)


def list_messages(reader: Reader, room_id: RoomId, cursor: MessageId | None, limit: int) -> Page[Message]:
    """Newest first, and what is older than *cursor*. Raises Invalid if that is no message of the room."""
    # The cursor's seq is looked up first: with a value in its place the planner sees a range of the index,
    # with a sub-select it guesses.
    before = None if cursor is None else _seq_of(reader, room_id, cursor)
    found = _newest(reader, room_id, None if before is None else Seq(before - 1), limit + 1)
    return _page(found, limit)


def newest_messages(reader: Reader, room_id: RoomId, head: Seq, limit: int) -> Page[Message]:
    """The newest up to *head*, oldest first: what was sent since *head* was read is not among them."""
    page = _page(_newest(reader, room_id, head, limit + 1), limit)
    return Page(page.items[::-1], page.next_cursor)


def edit_message(work: Work, message: Message, content: str, by: UserId) -> Seq:
    """Expects the room to be locked. Gives the edit's `seq`."""
    work.sql.execute(
        update(messages).where(messages.c.id == message.id).values(content=content, is_edited=True, updated_at=work.now)
    )
    edited = MessageEdited(user_id=by, content=content, updated_at=work.now)
    return work.append(edited, message.room_id, message_id=message.id).seq


def delete_message(work: Work, message: Message, by: UserId) -> Seq:
    """Expects the room to be locked. What the message said is gone from every table. Gives the deletion's `seq`."""
    work.sql.execute(
        update(messages).where(messages.c.id == message.id).values(content="", is_deleted=True, updated_at=work.now)
    )
    scrub(work, message.id, message.room_id, message.seq)
    deleted = MessageDeleted(user_id=by, updated_at=work.now)
    return work.append(deleted, message.room_id, message_id=message.id).seq


def last_edit_seq(reader: Reader, message: Message) -> Seq:
    """Where the log says that its text became what it is: the last edit, or else where it was sent."""
    return _last_of(reader, message.id, "message_edited") or message.seq


def deletion_seq(reader: Reader, message: Message) -> Seq:
    return _last_of(reader, message.id, "message_deleted") or message.seq


def _last_of(reader: Reader, message_id: MessageId, event_type: str) -> Seq | None:
    # The type is written out, not bound: only so does the planner know that the partial index answers.
    wanted = select(func.max(room_log.c.seq)).where(
        room_log.c.message_id == message_id, room_log.c.type == literal_column(f"'{event_type}'")
    )
    return reader.sql.execute(wanted).scalar()


def _seq_of(reader: Reader, room_id: RoomId, cursor: MessageId) -> Seq:
    wanted = select(messages.c.seq).where(messages.c.id == cursor, messages.c.room_id == room_id)
    seq = reader.sql.execute(wanted).scalar()
    if seq is None:
        raise Invalid("The cursor is no message of this room", field="cursor")
    return Seq(seq)


def _newest(reader: Reader, room_id: RoomId, up_to: Seq | None, count: int) -> Sequence[Row[Any]]:
    # Cut off before names are joined: else a planner that believes a room small joins all of it, and sorts.
    newest = select(messages).where(messages.c.room_id == room_id).order_by(messages.c.seq.desc()).limit(count)
    if up_to is not None:
        newest = newest.where(messages.c.seq <= up_to)
    page = newest.subquery("page")
    named = select(page, users.c.username).join(users, users.c.id == page.c.user_id)
    return reader.sql.execute(named.order_by(page.c.seq.desc())).all()


def _page(rows: Sequence[Row[Any]], limit: int) -> Page[Message]:
    items = [_message(row) for row in rows[:limit]]
    return Page(items, items[-1].id if len(rows) > limit else None)


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        room_id=row.room_id,
        seq=row.seq,
        user_id=row.user_id,
        username=row.username,
        content=row.content,
        kind=row.kind,
        reply_to=row.reply_to,
        is_edited=row.is_edited,
        is_deleted=row.is_deleted,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
