"""The feed: one room's events on one node, in `seq` order, each once. Sans I/O; what comes in may be lost, doubled,
late or out of order, and is mended from the log.

Invariants: the ring holds exactly base + 1 … top; nothing above top is ever shown; a subscriber is only a position.
"""

from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Raw
from msgspec.structs import replace

from tertulia.domain.events import (
    DurableEvent,
    Event,
    MemberRemoved,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    PositionUpdated,
    RoomDeleted,
    RoomUpdated,
)
from tertulia.domain.ids import Seq, UserId
from tertulia.domain.quotes import first_line
from tertulia.domain.roles import LeaveReason
from tertulia.fanout.counters import Counters
from tertulia.protocol.dialect import Dialect
from tertulia.store.users import DELETED_NAME

NOT_STARTED = Seq(-1)
WEIGHT = 256
"""Bytes that an event is taken to weigh besides its text."""


class Framed:
    """An event with its frames: each is built when it is first asked for."""

    __slots__ = ("event", "frames")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.frames: dict[str, bytes] = {}

    def frame(self, dialect: Dialect) -> bytes:
        """As everybody else gets it; empty if *dialect* has no word for it."""
        frame = self.frames.get(dialect.name)
        if frame is None:
            frame = self.frames[dialect.name] = dialect.encode(self.event, False) or b""
        return frame


class Walked(Framed):
    """A `PositionUpdated`, with its part of the frames that tell many."""

    __slots__ = ("parts",)
    event: PositionUpdated

    def __init__(self, event: PositionUpdated) -> None:
        super().__init__(event)
        self.parts: dict[str, Raw] | None = None

    def part(self, dialect: Dialect) -> Raw:
        parts = self.parts
        if parts is None:
            parts = self.parts = {}
        part = parts.get(dialect.name)
        if part is None:
            part = parts[dialect.name] = dialect.move(self.event)
        return part


class Entry(Framed):
    """An event in a ring, or in a page of the log."""

    __slots__ = ("author", "seq")
    event: DurableEvent

    def __init__(self, event: DurableEvent) -> None:
        super().__init__(event)
        self.seq = event.seq
        self.author: UserId | None = None
        """Whose event it is, who sees more or something else: a message's author, a member who is removed."""
        if (type(event) is MessageSent and event.nonce is not None) or type(event) is MemberRemoved:
            self.author = event.user_id

    def frame_for(self, user_id: UserId, dialect: Dialect) -> bytes:
        if self.author == user_id:
            return dialect.encode(self.event, True) or b""
        return self.frame(dialect)

    @property
    def weight(self) -> int:
        event = self.event
        return WEIGHT + len(event.content) if isinstance(event, MessageSent | MessageEdited) else WEIGHT


class Feed:
    """Feed it events, heads and rows of the log; take from it by position.

    What it is fed returns whether top has moved. Afterwards, when `due` is set and that time has come, `poll` says
    what to read from the log. Who has served its live subscribers calls `trim`.
    """

    __slots__ = (
        "_ahead", "_asked", "_counters", "_failures", "_furthest", "_hold", "_most", "_page", "_ring", "_weight",
        "_weightiest", "base", "due", "head", "purged", "top",
    )  # fmt: skip

    def __init__(
        self,
        counters: Counters,
        *,
        ring: int = 512,
        ring_bytes: int = 256 * 1024,
        hold: float = 0.05,
        furthest: int = 2048,
        page: int = 500,
    ) -> None:
        """*hold*: seconds that a hole may stay, for late events to fill it by themselves. *furthest*: a hole wider
        than this is not filled but jumped over."""
        self.base = self.top = NOT_STARTED
        self.head = Seq(0)
        """The last of the log, as far as is known."""
        self.due: float | None = None
        self.purged = 0
        """Goes up whenever something that was in the ring, or in a page of the log, may be read no more as it was."""
        self._ring: list[Entry] = []
        self._weight = 0
        self._ahead: dict[Seq, Entry] = {}
        self._asked = False
        self._failures = 0
        self._most, self._weightiest, self._hold = ring, ring_bytes, hold
        self._furthest, self._page, self._counters = furthest, page, counters

    @property
    def is_started(self) -> bool:
        return self.top >= 0

    # ---- what comes in

    def on_start(self, head: Seq, now: float) -> bool:
        """Begin after *head*: a position that the log is known to have reached."""
        if not self.is_started:
            self.top = self.base = head
            self._ahead = {seq: entry for seq, entry in self._ahead.items() if seq > head}
        return self._advance(max(self.head, head), now)

    def on_event(self, event: DurableEvent, now: float) -> bool:
        seq = event.seq
        if self.is_started:
            if seq <= self.top or seq in self._ahead:
                self._counters.doubled += 1
                return False
        elif len(self._ahead) >= self._furthest:
            return self._advance(seq, now)  # only that it is there: the log has the rest
        self._ahead[seq] = Entry(event)
        return self._advance(seq, now)

    def on_head(self, head: Seq, now: float) -> bool:
        return self._advance(head, now)

    def on_rows(self, after: Seq, rows: Sequence[DurableEvent], head: Seq, now: float) -> bool:
        """The answer to `poll`: what the log has after *after*, and the head it had before that was read."""
        self._asked = False
        before = self.top
        if rows and rows[0].seq > max(after, self.top) + 1:
            self._jump(Seq(rows[0].seq - 1))  # the log reaches back no further
        for event in rows:
            if event.seq > self.top and event.seq not in self._ahead:
                self._ahead[event.seq] = Entry(event)
                self._counters.filled += 1
        moved = self._advance(head, now) or self.top > before
        self._failures = 0 if moved or self.head <= self.top else self._failures + 1
        if self.head > self.top:  # more of it at once if it went on; else a little later
            self.due = now + (self._backoff() if self._failures else 0)
        return moved

    def on_failed(self, now: float) -> None:
        """No answer to `poll`."""
        self._asked = False
        self._failures += 1
        self.due = now + self._backoff() if self.head > self.top else None

    # ---- what goes out

    def poll(self, now: float) -> tuple[Seq, int] | None:
        """What to read from the log: (after, limit). Ask when `due` has come."""
        if self._asked or self.due is None or now < self.due:
            return None
        self.due, self._asked = None, True
        self._counters.fetched += 1
        return self.top, self._page

    def take(self, position: Seq, limit: int | None = None) -> list[Entry] | None:
        """What comes after *position*, perhaps nothing yet. None: the ring reaches not back to it, the log does."""
        if position >= self.top:
            return []
        if position < self.base:
            return None
        start = position - self.base
        return self._ring[start:] if limit is None else self._ring[start : start + limit]

    def trim(self) -> None:
        """Let go of the oldest. Not done by itself, lest a large batch pushes out what nobody has been given yet."""
        ring = self._ring
        gone = max(0, len(ring) - self._most)
        self._weight -= sum(entry.weight for entry in ring[:gone])
        while self._weight > self._weightiest and gone < len(ring):
            self._weight -= ring[gone].weight
            gone += 1
        del ring[:gone]
        self.base = Seq(self.base + gone)

    # ---- inside

    def _backoff(self) -> float:
        return min(2.0, self._hold * 2.0 ** min(self._failures, 8))

    def _advance(self, head: Seq, now: float) -> bool:
        self.head = max(self.head, head)
        if not self.is_started:
            return False
        start = self.top
        while (entry := self._ahead.pop(Seq(self.top + 1), None)) is not None:
            self._append(entry)
        if self.head - self.top > self._furthest:
            self._jump(self.head)
        if self.head <= self.top:
            self.due = None
        elif self.due is None and not self._asked:
            self._counters.early += 1
            self.due = now + self._hold
        return self.top > start

    def _append(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, MessageEdited | MessageDeleted):
            self._mend(partial(_after, event))
        elif isinstance(event, MemberRemoved) and event.reason is LeaveReason.DELETED:
            self._mend(partial(_without_name, event.user_id))
        self._ring.append(entry)
        self._weight += entry.weight
        self.top = entry.seq

    def _jump(self, top: Seq) -> None:
        """Go on after *top* with an empty ring: whoever is at an older position reads the log."""
        self.base = self.top = top
        self._ring.clear()
        self._weight = 0
        self._ahead = {seq: entry for seq, entry in self._ahead.items() if seq > top}
        self.purged += 1
        self._counters.jumped += 1

    def _mend(self, as_now: Callable[[DurableEvent], DurableEvent]) -> None:
        """Nobody resumes into what a message says no more, nor into a quote of it, nor into a name that is gone."""
        self.purged += 1
        for place, entry in enumerate(self._ring):
            event = as_now(entry.event)
            if event is not entry.event:
                mended = self._ring[place] = Entry(event)
                self._weight += mended.weight - entry.weight


def _after(change: MessageEdited | MessageDeleted, event: DurableEvent) -> DurableEvent:
    """*event* as it is told from now on. What came out of the log without a text was deleted, and stays so."""
    if not isinstance(event, MessageSent | MessageEdited):
        return event
    content, mentions, calls_all = "", [], False
    if isinstance(change, MessageEdited):
        content, mentions, calls_all = change.content, change.mentions, change.mentions_here
    if event.message_id == change.message_id and event.content:
        return replace(event, content=content, mentions=mentions, mentions_here=calls_all)
    quote = event.quote if isinstance(event, MessageSent) else None
    if quote is None or quote.message_id != change.message_id or quote.is_deleted:
        return event
    is_deleted = isinstance(change, MessageDeleted)
    return replace(event, quote=replace(quote, text=first_line(content), is_deleted=is_deleted))


def _without_name(user_id: UserId, event: DurableEvent) -> DurableEvent:
    """*event*, as the log tells it when *user_id* has deleted their account."""
    if isinstance(event, RoomUpdated | RoomDeleted):
        return event
    if event.user_id == user_id:
        event = replace(event, username=DELETED_NAME)
    if isinstance(event, MessageSent) and event.quote is not None and event.quote.user_id == user_id:
        event = replace(event, quote=replace(event.quote, username=DELETED_NAME))
    return event
