"""The rooms' logs, as they are read: heads, what comes after a position, and pages; and what a deletion blanks.

Who reads a log is told of messages as they are now: an edited text, the quote of another message and the name of
somebody who has deleted their account are put in when it is read. The rows keep what was.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, literal_column, select, text, update

from tertulia.domain.commands import LogPage
from tertulia.domain.errors import NoSuchRoom
from tertulia.domain.events import (
    DurableEvent,
    MessageEdited,
    MessageSent,
    ObjectPlaced,
    ObjectUpdated,
    RoomDeleted,
    RoomUpdated,
    ToolUsed,
)
from tertulia.domain.ids import MessageId, RoomId, Seq, UserId
from tertulia.domain.models import Message, Version
from tertulia.store.quotes import Now, look_up
from tertulia.store.signatures import find_signers, without_names
from tertulia.store.stays import Within, as_known, heard_log, overheard, was_heard
from tertulia.store.tables import room_log
from tertulia.store.users import DELETED_NAME
from tertulia.store.work import Reader, Work, decode_payload

LogPart = tuple[list[DurableEvent], Seq]
"""Events in order, and the head of the log, which was read before them: they may go past it, never fall short."""

_COLUMNS = (room_log.c.payload, room_log.c.room_id, room_log.c.seq, room_log.c.message_id)
# Lists of rooms may be long, so each goes as one value.
_HEADS = {
    engine: text(f"SELECT id, last_seq, parent_id IS NOT NULL AND is_private AS is_secret FROM rooms WHERE id {among}")  # noqa: S608 (our own words)
    for engine, among in (
        ("sqlite", "IN (SELECT value FROM json_each(:ids))"),
        ("postgresql", "= ANY (CAST(:ids AS bigint[]))"),
    )
}
_AFTER_EACH = text(
    "SELECT l.payload, l.room_id, l.seq, l.message_id"
    " FROM unnest(CAST(:rooms AS bigint[]), CAST(:after AS bigint[])) q (room_id, after)"
    " JOIN LATERAL (SELECT payload, room_id, seq, message_id FROM room_log"
    " WHERE room_id = q.room_id AND seq > q.after ORDER BY seq LIMIT :limit) l ON true"
)
_AFTER = "SELECT payload, room_id, seq, message_id FROM room_log WHERE room_id = ? AND seq > ? ORDER BY seq LIMIT ?"

_BLANK = {
    "sqlite": """json_remove(json_set(payload, '$.content', ''), '$.mentions', '$.mentions_here')""",
    "postgresql": """CAST(payload::jsonb - 'mentions' - 'mentions_here' || '{"content": ""}' AS text)""",
}


def heads(reader: Reader, room_ids: Sequence[RoomId]) -> dict[RoomId, Seq]:
    """Of those rooms that exist, archived ones too: their logs have an end as well."""
    return {RoomId(row.id): Seq(row.last_seq) for row in _heads(reader, room_ids)}


def _heads(reader: Reader, room_ids: Sequence[RoomId]) -> Sequence[Any]:
    dialect = reader.sql.dialect.name
    ids = list(room_ids) if dialect == "postgresql" else msgspec.json.encode(room_ids).decode()
    return reader.sql.execute(_HEADS[dialect], {"ids": ids}).all()


def read_log(reader: Reader, wanted: Sequence[tuple[RoomId, Seq]], limit: int) -> dict[RoomId, LogPart]:
    """At most *limit* events after each position. Of a private talk they are told as they are to all who are there at
    once: see `overheard`."""
    rooms = _heads(reader, [room_id for room_id, _ in wanted])
    found: dict[RoomId, LogPart] = {RoomId(row.id): ([], Seq(row.last_seq)) for row in rooms}
    behind = [(room_id, after) for room_id, after in wanted if room_id in found and after < found[room_id][1]]
    for row in _rows_after(reader, behind, limit) if behind else ():
        found[row.room_id][0].append(_event(row))
    _bring_up_to_date(reader, [events for events, _ in found.values() if events])
    for row in rooms:
        if row.is_secret:
            _quote_less(reader, row.id, found[row.id][0])
    return found


def log_page(reader: Reader, room_id: RoomId, after: Seq, limit: int, within: Within | None = None) -> LogPage:
    """Raises NoSuchRoom. Whether the reader may see it is decided elsewhere; *within*: and how much of it."""
    if within is not None:
        return _page_within(reader, room_id, after, limit, within)
    part = read_log(reader, [(room_id, after)], limit).get(room_id)
    if part is None:
        raise NoSuchRoom
    items, head = part
    seq = items[-1].seq if items else after
    return LogPage(epoch=reader.epoch, items=items, seq=seq, head=max(head, seq if items else head))


def _page_within(reader: Reader, room_id: RoomId, after: Seq, limit: int, within: Within) -> LogPage:
    """The log ends for its reader where their last stay does."""
    head = heads(reader, [room_id]).get(room_id) if within.until is None else within.until
    if head is None:
        raise NoSuchRoom
    items = heard_log(reader, room_id, within.user_id, after, limit)
    _bring_up_to_date(reader, [items], knower=within.user_id)
    return LogPage(epoch=reader.epoch, items=items, seq=items[-1].seq if items else after, head=head)


def _quote_less(reader: Reader, room_id: RoomId, events: list[DurableEvent]) -> None:
    """In place."""
    replies = {
        event.seq: event.reply_to
        for event in events
        if isinstance(event, MessageSent) and event.reply_to is not None and event.quote is not None
    }
    silent = overheard(reader, room_id, replies) if replies else ()
    if silent:
        events[:] = [
            replace(event, quote=None) if isinstance(event, MessageSent) and event.seq in silent else event
            for event in events
        ]


def list_versions(reader: Reader, message: Message, limit: int, within: Within | None = None) -> list[Version]:
    """What it said at first and after each edit, the oldest first; of more than *limit*, those that came last."""
    edits = (room_log.c.message_id == message.id) & (room_log.c.type == text("'message_edited'"))
    if within is not None:
        edits &= was_heard(within.user_id, room_log.c.room_id, room_log.c.seq)
    rows = reader.sql.execute(select(*_COLUMNS).where(edits).order_by(room_log.c.seq.desc()).limit(limit)).all()[::-1]
    if len(rows) < limit:
        sent = (room_log.c.room_id == message.room_id) & (room_log.c.seq == message.seq)
        rows = [*reader.sql.execute(select(*_COLUMNS).where(sent)).all(), *rows]
    return [_version(event) for event in map(_event, rows) if isinstance(event, MessageSent | MessageEdited)]


def _version(event: MessageSent | MessageEdited) -> Version:
    created_at = event.created_at if isinstance(event, MessageSent) else event.updated_at
    return Version(content=event.content, user_id=event.user_id, seq=event.seq, created_at=created_at)


def scrub(work: Work, message_id: MessageId, room_id: RoomId, seq: Seq) -> None:
    """Blanks what a message ever said in its room's log; the nonce stays, so that it can not be used again."""
    sent = (room_log.c.room_id == room_id) & (room_log.c.seq == seq) & (room_log.c.type == "message_sent")
    edits = room_log.c.type == text("'message_edited'")
    blank: ColumnElement[str] = literal_column(_BLANK[work.sql.dialect.name])
    for condition in (sent, edits):  # each in one statement: there may be thousands of edits
        of_it = condition & (room_log.c.message_id == message_id)
        work.sql.execute(update(room_log).where(of_it).values(payload=blank, digest=None))


def _bring_up_to_date(reader: Reader, pages: Sequence[list[DurableEvent]], *, knower: UserId | None = None) -> None:
    """In place: one look-up for all of them. *knower*: as somebody knows it who has heard only a part."""
    quoted: set[MessageId] = set()
    said: set[MessageId] = set()
    people: set[UserId] = set()
    for event in (event for events in pages for event in events):
        if isinstance(event, RoomUpdated | RoomDeleted):
            continue
        people.add(event.user_id)
        if isinstance(event, ObjectPlaced | ObjectUpdated | ToolUsed) and event.object is not None:
            people |= find_signers([event.object])
        if isinstance(event, MessageSent | MessageEdited) and event.content:
            said.add(event.message_id)
        if isinstance(event, MessageSent) and event.reply_to is not None:
            quoted.add(event.reply_to)
    now = look_up(reader, quoted=quoted, said=said, people=people)
    if knower is not None:
        now = as_known(reader, knower, now)
    if now.quotes or now.edited or now.gone:
        for events in pages:
            events[:] = [_as_now(event, now) for event in events]


def _as_now(event: DurableEvent, now: Now) -> DurableEvent:
    if isinstance(event, RoomUpdated | RoomDeleted):
        return event
    if event.user_id in now.gone:
        event = replace(event, username=DELETED_NAME)
    if isinstance(event, ObjectPlaced | ObjectUpdated | ToolUsed) and now.gone and event.object is not None:
        event = replace(event, object=without_names(event.object, now.gone))
    if isinstance(event, MessageSent | MessageEdited) and (edited := now.edited.get(event.message_id)):
        called = edited.called
        event = replace(event, content=edited.content, mentions=called.user_ids, mentions_here=called.here)
    if isinstance(event, MessageSent) and event.reply_to is not None:
        event = replace(event, quote=now.quotes.get(event.reply_to))
    return event


def _event(row: Any) -> DurableEvent:
    return decode_payload(row.payload, row.room_id, row.seq, row.message_id)


def _rows_after(reader: Reader, wanted: Sequence[tuple[RoomId, Seq]], limit: int) -> list[Any]:
    if reader.sql.dialect.name == "postgresql":
        values = {"rooms": [room for room, _ in wanted], "after": [seq for _, seq in wanted], "limit": limit}
        return list(reader.sql.execute(_AFTER_EACH, values).all())
    rows: list[Any] = []
    for room_id, after in wanted:
        rows += reader.sql.exec_driver_sql(_AFTER, (room_id, after, limit)).all()
    return rows
