"""Messages as they are now, and their pages: read from the unique index (room_id, seq), and nothing else."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, literal_column, select, update

from tertulia.domain.errors import Invalid
from tertulia.domain.events import MessageDeleted, MessageEdited
from tertulia.domain.ids import MAX_ID, MessageId, RoomId, Seq, UserId
from tertulia.domain.models import Actor, Message, Page, Quote, Reaction
from tertulia.store.log import scrub
from tertulia.store.mentions import NOBODY, Called, called, find_called, replace_rows
from tertulia.store.quotes import look_up
from tertulia.store.stays import IS_SECRET, Within, as_heard, heard_messages, was_heard
from tertulia.store.tables import memberships, messages, pins, reactions, room_log, rooms, users
from tertulia.store.work import Mentions, Reader, Work


def find_message(reader: Reader, message_id: MessageId) -> Message | None:
    return next(iter(find_messages(reader, [message_id])), None)


def find_room_of(reader: Reader, message_id: MessageId) -> RoomId | None:
    """For ever the same one."""
    return reader.sql.execute(select(messages.c.room_id).where(messages.c.id == message_id)).scalar()


def find_messages(reader: Reader, message_ids: Sequence[MessageId]) -> list[Message]:
    """Those that there are, the newest first; deleted ones too."""
    named = select(messages, users.c.username).join(users, users.c.id == messages.c.user_id)
    found = named.where(messages.c.id.in_(message_ids)).order_by(messages.c.id.desc())
    return _messages(reader, reader.sql.execute(found).all())


def list_messages(
    reader: Reader,
    room_id: RoomId,
    cursor: MessageId | None,
    limit: int,
    *,
    skip: int = 0,
    includes_deleted: bool = True,
    within: Within | None = None,
) -> Page[Message]:
    """Newest first, and what is older than *cursor*, the first *skip* left out. Raises Invalid if the cursor is no
    message of the room. *within*: only what its reader has heard."""
    # The cursor's seq is looked up first: with a value in its place the planner sees a range of the index,
    # with a sub-select it guesses.
    before = None if cursor is None else _seq_of(reader, room_id, cursor, within)
    up_to = None if before is None else Seq(before - 1)
    if within is not None:
        return _page_within(reader, room_id, up_to, limit, within, skip, includes_deleted=includes_deleted)
    return _page(reader, _newest(reader, room_id, up_to, limit + 1, skip, includes_deleted=includes_deleted), limit)


def newest_messages(
    reader: Reader, room_id: RoomId, head: Seq, limit: int, within: Within | None = None
) -> Page[Message]:
    """The newest up to *head*, oldest first: what was sent since *head* was read is not among them."""
    if within is None:
        page = _page(reader, _newest(reader, room_id, head, limit + 1), limit)
    else:
        page = _page_within(reader, room_id, head, limit, within)
    return Page(page.items[::-1], page.next_cursor)


def list_recent(reader: Reader, user_id: UserId, skip: int, limit: int) -> list[Message]:
    """Of all rooms of *user_id*, newest first. Each room is read only as far as it contributes."""
    newest = (
        select(messages.c.id)
        .where(messages.c.room_id == memberships.c.room_id)
        .order_by(messages.c.seq.desc())
        .limit(1)
        .correlate(memberships)
        .scalar_subquery()
    )
    mine = (
        select(memberships.c.room_id, newest.label("newest"), IS_SECRET.label("is_secret"))
        .join(rooms, rooms.c.id == memberships.c.room_id)
        .where(memberships.c.user_id == user_id, rooms.c.archived_at.is_(None))
    )
    rows = [row for row in reader.sql.execute(mine).all() if row.newest is not None]
    walks = [_walk(reader, row.room_id, row.newest) for row in rows if not row.is_secret]
    talks = {row.room_id for row in rows if row.is_secret}
    end = Seq(MAX_ID)
    walks += [iter(heard_messages(reader, talk_id, user_id, end, skip + limit)) for talk_id in talks]
    found = find_messages(reader, list(islice(merge(*walks, reverse=True), skip, skip + limit)))
    known = {one.id: one for one in as_heard(reader, user_id, [one for one in found if one.room_id in talks])}
    return [known.get(one.id, one) for one in found]


def last_heard(reader: Reader, talk_id: RoomId, user_id: UserId) -> Message | None:
    """The newest that is not deleted."""
    newest = heard_messages(reader, talk_id, user_id, Seq(MAX_ID), 1, deleted=False)
    return next(iter(as_heard(reader, user_id, find_messages(reader, newest))), None)


def _walk(reader: Reader, room_id: RoomId, newest: MessageId) -> Iterator[MessageId]:
    """The ids of a room's messages from *newest* down, read piece by piece, each larger than the one before."""
    yield newest
    of_room = select(messages.c.id, messages.c.seq).where(messages.c.room_id == room_id).order_by(messages.c.seq.desc())
    older, size = of_room, 4
    while True:
        rows = reader.sql.execute(older.limit(size)).all()
        yield from (row.id for row in rows if row.id < newest)
        if len(rows) < size:
            return
        older, size = of_room.where(messages.c.seq < rows[-1].seq), min(4 * size, 1024)


def edit_message(work: Work, message: Message, content: str, mentions: Mentions | None, by: Actor) -> Seq:
    """Expects the room to be locked. Gives the edit's `seq`."""
    now_called = find_called(work, message.room_id, mentions)
    replace_rows(work, message.room_id, message.seq, message.user_id, _called(message), now_called)
    work.sql.execute(
        update(messages)
        .where(messages.c.id == message.id)
        .values(content=content, mentions=now_called.column, is_edited=True, updated_at=work.now)
    )
    edited = MessageEdited(
        user_id=by.user_id,
        username=by.username,
        content=content,
        mentions=now_called.user_ids,
        mentions_here=now_called.here,
        updated_at=work.now,
    )
    return work.append(edited, message.room_id, message_id=message.id).seq


def delete_message(work: Work, message: Message, by: Actor) -> Seq:
    """Expects the room to be locked. What the message said is gone from every table, and so is what was put on it.
    Gives the deletion's `seq`."""
    work.sql.execute(
        update(messages)
        .where(messages.c.id == message.id)
        .values(content="", mentions=None, reactions=None, is_deleted=True, updated_at=work.now)
    )
    replace_rows(work, message.room_id, message.seq, message.user_id, _called(message), NOBODY)
    work.sql.execute(delete(reactions).where(reactions.c.message_id == message.id))
    work.sql.execute(delete(pins).where(pins.c.message_id == message.id))
    scrub(work, message.id, message.room_id, message.seq)
    deleted = MessageDeleted(user_id=by.user_id, username=by.username, updated_at=work.now)
    return work.append(deleted, message.room_id, message_id=message.id).seq


def _called(message: Message) -> Called:
    return Called(message.mentions, message.mentions_here)


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


def _seq_of(reader: Reader, room_id: RoomId, cursor: MessageId, within: Within | None) -> Seq:
    wanted = select(messages.c.seq).where(messages.c.id == cursor, messages.c.room_id == room_id)
    if within is not None:
        wanted = wanted.where(was_heard(within.user_id, messages.c.room_id, messages.c.seq))
    seq = reader.sql.execute(wanted).scalar()
    if seq is None:
        raise Invalid("The cursor is no message of this room", field="cursor")
    return Seq(seq)


def _newest(
    reader: Reader, room_id: RoomId, up_to: Seq | None, count: int, skip: int = 0, *, includes_deleted: bool = True
) -> Sequence[Row[Any]]:
    # Cut off before names are joined: else a planner that believes a room small joins all of it, and sorts.
    newest = select(messages).where(messages.c.room_id == room_id).order_by(messages.c.seq.desc()).limit(count)
    if skip:
        newest = newest.offset(skip)
    if up_to is not None:
        newest = newest.where(messages.c.seq <= up_to)
    if not includes_deleted:
        newest = newest.where(~messages.c.is_deleted)
    page = newest.subquery("page")
    named = select(page, users.c.username).join(users, users.c.id == page.c.user_id)
    return reader.sql.execute(named.order_by(page.c.seq.desc())).all()


def _page(reader: Reader, rows: Sequence[Row[Any]], limit: int) -> Page[Message]:
    items = _messages(reader, rows[:limit])
    return Page(items, items[-1].id if len(rows) > limit else None)


def _page_within(
    reader: Reader,
    talk_id: RoomId,
    up_to: Seq | None,
    limit: int,
    within: Within,
    skip: int = 0,
    *,
    includes_deleted: bool = True,
) -> Page[Message]:
    """As its reader knows it."""
    end = Seq(MAX_ID) if up_to is None else up_to
    found = heard_messages(reader, talk_id, within.user_id, end, limit + 1, skip, deleted=includes_deleted)
    items = as_heard(reader, within.user_id, find_messages(reader, found[:limit]))
    return Page(items, items[-1].id if len(found) > limit else None)


def _messages(reader: Reader, rows: Sequence[Row[Any]]) -> list[Message]:
    """With what they quote."""
    quoted = {row.reply_to for row in rows if row.reply_to is not None}
    quotes = look_up(reader, quoted=quoted).quotes if quoted else {}
    return [_message(row, quotes.get(row.reply_to)) for row in rows]


def _message(row: Row[Any], quote: Quote | None) -> Message:
    mentioned = called(row.mentions)
    return Message(
        id=row.id,
        room_id=row.room_id,
        seq=row.seq,
        user_id=row.user_id,
        username=row.username,
        content=row.content,
        kind=row.kind,
        reply_to=row.reply_to,
        quote=quote,
        mentions=mentioned.user_ids,
        mentions_here=mentioned.here,
        reactions=msgspec.convert(row.reactions, list[Reaction]) if row.reactions else [],
        recipient_id=row.recipient_id,
        delivered_at=row.delivered_at,
        read_at=row.read_at,
        is_edited=row.is_edited,
        is_deleted=row.is_deleted,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
