"""What one command may do to the store: read at one moment, or write as one of the works of a batch.

Both are synchronous, and so a handler is written once: SQLite runs it on a thread of its own, PostgreSQL by `run_sync`.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine, event, select, update
from sqlalchemy.exc import DBAPIError

from tertulia.domain.commands import SendResult
from tertulia.domain.errors import NoSuchRoom, TertuliaError
from tertulia.domain.events import Durable, DurableEvent, EphemeralEvent, MessageSent, Notice
from tertulia.domain.ids import MessageId, RoomId, Seq, UserId
from tertulia.store.tables import room_log, rooms

T = TypeVar("T")
DurableT = TypeVar("DurableT", bound=Durable)
PostDone = Callable[[SendResult | TertuliaError], None]


class Mentions(Struct, frozen=True):
    """Whom a text names: folded usernames, in order, each once; and whether it calls all who are *here*."""

    names: tuple[str, ...] = ()
    here: bool = False


class Post(Struct, frozen=True):
    """A message to be sent: the hot command. *digest*: of the request, signed 64 bits, compared when the nonce is known."""

    room_id: RoomId
    user_id: UserId
    username: str
    content: str
    kind: str = "text"
    reply_to: MessageId | None = None
    nonce: str | None = None
    digest: int | None = None
    mentions: Mentions | None = None

    def sent(self, now: datetime, room_id: int = 0, seq: int = 0, message_id: int = 0) -> MessageSent:
        """The event that it becomes, but for what the store finds out. Without a place it is what the log stores."""
        return MessageSent(
            room_id=RoomId(room_id),
            seq=Seq(seq),
            message_id=MessageId(message_id),
            user_id=self.user_id,
            username=self.username,
            content=self.content,
            kind=self.kind,
            reply_to=self.reply_to,
            nonce=self.nonce,
            created_at=now,
        )


class Committed(Struct):
    """What a committed batch has to say, in the order of its commands."""

    events: list[DurableEvent] = []
    announced: list[EphemeralEvent] = []
    notices: list[Notice] = []

    def __bool__(self) -> bool:
        return bool(self.events or self.announced or self.notices)


class Reader:
    """One read transaction: all that it reads is of one moment."""

    def __init__(self, sql: Connection, now: datetime, epoch: str) -> None:
        self.sql = sql
        self.now = now
        self.epoch = epoch


class Locks:
    """The rooms that a batch has locked so far. Empty on SQLite, where `BEGIN IMMEDIATE` is the one lock."""

    def __init__(self, held: Iterable[RoomId] = ()) -> None:
        self.held: set[RoomId] = set(held)

    def take(self, sql: Connection, room_ids: Iterable[RoomId]) -> None:
        """Locks in the order of ids. What would be out of that order is not waited for: `LockFirst` instead."""
        wanted = sorted(set(room_ids) - self.held)
        if not wanted:
            return
        is_in_order = not self.held or wanted[0] > max(self.held)
        statement = (
            select(rooms.c.id)
            .where(rooms.c.id.in_(wanted))
            .order_by(rooms.c.id)
            .with_for_update(key_share=True, nowait=not is_in_order)
        )
        try:
            sql.execute(statement)
        except DBAPIError as error:
            if is_in_order or getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            raise LockFirst(wanted) from error
        self.held.update(wanted)


LOCK_NOT_AVAILABLE = "55P03"


class LockFirst(Exception):
    """The batch has to start again with these rooms locked at its beginning: else two nodes could wait for each other."""

    def __init__(self, room_ids: list[RoomId]) -> None:
        super().__init__(room_ids)
        self.room_ids = room_ids


class Work(Reader):
    """One command's writing, in a transaction shared with others of its batch.

    It must be safe to run again from the start: a batch that could not be committed is repeated, whole or in halves.
    A `TertuliaError` before the first write refuses this work alone.
    """

    def __init__(self, sql: Connection, now: datetime, epoch: str, locks: Locks) -> None:
        super().__init__(sql, now, epoch)
        self.committed = Committed()
        self._locks = locks
        self._writes_before = count_writes(sql)

    @property
    def is_dirty(self) -> bool:
        """It has written something."""
        return count_writes(self.sql) != self._writes_before

    def lock(self, *room_ids: RoomId) -> None:
        """Until the commit nobody else changes these rooms. To be called before reading what decides."""
        if self.sql.dialect.name == "postgresql":
            self._locks.take(self.sql, room_ids)

    def append(self, event: DurableT, room_id: RoomId, *, message_id: MessageId | None = None) -> DurableT:
        """*event* at the next place of the room's log; it is published after the commit."""
        [placed] = self._append([event], room_id, message_id)
        return placed

    def append_all(self, events: Sequence[DurableT], room_id: RoomId) -> list[DurableT]:
        """The same for many at once, in this order."""
        return self._append(events, room_id, None) if events else []

    def _append(self, events: Sequence[DurableT], room_id: RoomId, message_id: MessageId | None) -> list[DurableT]:
        self.lock(room_id)
        head = update(rooms).where(rooms.c.id == room_id).values(last_seq=rooms.c.last_seq + len(events))
        last = self.sql.execute(head.returning(rooms.c.last_seq)).scalar_one_or_none()
        if last is None:
            raise NoSuchRoom
        first = last - len(events) + 1
        placed = [event.placed(room_id, Seq(seq), message_id) for seq, event in enumerate(events, start=first)]
        self.record(placed)
        return placed

    def record(self, events: Sequence[Durable], *, is_news: bool = True) -> None:
        """*events* at the places that they have been given already. *is_news*: they are published, too."""
        if not events:
            return
        self.sql.execute(room_log.insert(), [self._row(event) for event in events])
        if is_news:
            self.committed.events += cast("Sequence[DurableEvent]", events)

    def _row(self, event: Durable) -> dict[str, Any]:
        """As the log keeps it."""
        news = cast("DurableEvent", event)
        return {
            "room_id": event.room_id,
            "seq": event.seq,
            "type": event.__struct_config__.tag,
            "user_id": getattr(news, "by", None) or news.user_id,
            "message_id": event.message_id or None,
            "payload": encode_payload(news),
            "created_at": self.now,
        }

    def announce(self, event: EphemeralEvent) -> None:
        """To the room's live connections, after the commit."""
        self.committed.announced.append(event)

    def notify(self, notice: Notice) -> None:
        """To all nodes, after the commit."""
        self.committed.notices.append(notice)


_decoder: msgspec.json.Decoder[DurableEvent] = msgspec.json.Decoder(DurableEvent)


def encode_payload(event: DurableEvent) -> str:
    """As the column `payload` keeps it: without its place, which stands in columns of its own."""
    return msgspec.json.encode(event.placed(RoomId(0), Seq(0), MessageId(0))).decode()


def decode_payload(payload: str, room_id: int, seq: int, message_id: int | None) -> DurableEvent:
    return _decoder.decode(payload).placed(RoomId(room_id), Seq(seq), MessageId(message_id or 0))


def watch(engine: Engine) -> None:
    """Counts what is written over *engine*, and forbids works to commit or to set savepoints."""
    event.listen(engine, "before_cursor_execute", _count)
    event.listen(engine, "commit", _refuse_commit)
    event.listen(engine, "savepoint", _refuse_savepoint)


def count_writes(sql: Connection) -> int:
    """Over the life of its connection to the database."""
    return int(sql.info.get("writes", 0))


def note_write(sql: Connection) -> None:
    """Of what is written past SQLAlchemy's eyes."""
    sql.info["writes"] = count_writes(sql) + 1


def _count(sql: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    if statement.lstrip()[:6].upper() != "SELECT":
        note_write(sql)


def _refuse_commit(sql: Connection) -> None:
    raise RuntimeError("a work does not commit: its lane does, for the whole batch")


def _refuse_savepoint(sql: Connection, name: str) -> None:
    raise RuntimeError("no savepoints: lock first, read, refuse before the first write")
