"""A run of posts on SQLite, under its write lock: judged, numbered and written, in as few statements as can be.

Each step of a statement lets go of the interpreter's lock, and on a busy server it takes milliseconds to get it back.
So what has to be looked up comes as one row of JSON, and what has to be written goes in as rows of many at a time.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from tertulia.domain.clock import from_rfc3339, rfc3339
from tertulia.domain.commands import SendResult
from tertulia.domain.errors import Invalid, Muted, NonceConflict, NoSuchRoom, NotAMember, TertuliaError
from tertulia.domain.events import DurableEvent
from tertulia.domain.ids import MessageId, Seq
from tertulia.store.work import Post

Outcome = SendResult | TertuliaError
Nonce = tuple[int, int, str]
FirstUse = tuple[int | None, SendResult]
"""Of a nonce: the digest of what was sent under it (None: not known any more), and the result to repeat."""

_ROOMS = """
    SELECT json_group_array(json_array(id, last_seq, is_private)) FROM rooms
    WHERE id IN (SELECT value FROM json_each(?)) AND archived_at IS NULL"""
_MEMBERS = """
    SELECT json_group_array(json_array(m.room_id, m.user_id, coalesce(m.muted_until, ''))) FROM json_each(?) j
    JOIN memberships m ON m.room_id = json_extract(j.value, '$[0]') AND m.user_id = json_extract(j.value, '$[1]')"""
_REPLIES = """
    SELECT json_group_array(json_array(room_id, id)) FROM messages WHERE id IN (SELECT value FROM json_each(?))"""
_NONCES = """
    SELECT json_group_array(json_array(l.room_id, l.user_id, l.nonce, l.digest, l.message_id, l.seq, l.created_at))
    FROM json_each(?) j JOIN room_log l ON l.room_id = json_extract(j.value, '$[0]')
    AND l.user_id = json_extract(j.value, '$[1]') AND l.nonce = json_extract(j.value, '$[2]')"""
# OR ROLLBACK: a clash ends the whole transaction, so that SQLite keeps no journal of each statement to undo it alone.
_LOG = (
    "INSERT OR ROLLBACK INTO room_log (room_id, seq, type, user_id, message_id, nonce, digest, payload, created_at) VALUES ",
    "(?, ?, 'message_sent', ?, ?, ?, ?, ?, ?)",
)
_MESSAGES = (
    "INSERT OR ROLLBACK INTO messages (id, room_id, seq, user_id, content, kind, reply_to, created_at) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
)
_VALUES = 8  # in a row of either
_CHUNKS = (64, 16, 4, 1)  # rows at a time: few enough statements for all of them to stay prepared
_HEADS = "UPDATE rooms SET last_seq = ? WHERE id = ?"

_encode = msgspec.json.Encoder().encode
_rooms_in = msgspec.json.Decoder(list[tuple[int, int, int]]).decode
_members_in = msgspec.json.Decoder(list[tuple[int, int, str]]).decode
_replies_in = msgspec.json.Decoder(list[tuple[int, int]]).decode
_nonces_in = msgspec.json.Decoder(list[tuple[int, int, str, int | None, int, int, str]]).decode


class Plan(Struct):
    """What a run comes to: an outcome for each post, and what there is to write and to tell."""

    outcomes: list[Outcome] = []
    log: list[Any] = []
    """Eight values a row, one row after another: nothing that the garbage collector has to look at."""
    messages: list[Any] = []
    """Also eight."""
    events: list[DurableEvent] = []
    heads: dict[int, int] = {}
    has_refused_a_nonce: bool = False


class NonceSeen(Exception):
    """A nonce of the run is in the log already, and all is rolled back: apply the batch again with care."""


def apply_posts(
    db: sqlite3.Connection, posts: Sequence[Post], now: datetime, *, with_care: bool
) -> tuple[list[Outcome], list[DurableEvent]]:
    """Inside the transaction of the caller. Gives an outcome for each post, and the events of those that are new.

    Most runs repeat no nonce, so that without care none is looked up: the unique index finds those that are repeated.
    """
    scene = Scene(db, posts)
    plan = scene.judge(posts, now, scene.nonces(posts) if with_care else {})
    if plan.has_refused_a_nonce and not with_care:
        plan = scene.judge(posts, now, scene.nonces(posts))
    try:
        _write(db, plan)
    except sqlite3.IntegrityError as error:
        if with_care:
            raise
        raise NonceSeen from error
    return plan.outcomes, plan.events


class Scene:
    """What a run of posts is judged by, as it is under the write lock."""

    def __init__(self, db: sqlite3.Connection, posts: Sequence[Post]) -> None:
        self._db = db
        pairs = {(post.room_id, post.user_id) for post in posts}
        rooms = _rooms_in(self._one(_ROOMS, list({room_id for room_id, _ in pairs})))
        self.heads = {room_id: last_seq for room_id, last_seq, _ in rooms}
        self.private = {room_id for room_id, _, is_private in rooms if is_private}
        self.muted = {(room_id, user_id): until for room_id, user_id, until in _members_in(self._one(_MEMBERS, pairs))}
        replies = {post.reply_to for post in posts if post.reply_to is not None}
        self.messages = set(_replies_in(self._one(_REPLIES, replies))) if replies else set()
        self.next_id: int = (db.execute("SELECT max(id) FROM messages").fetchone()[0] or 0) + 1

    def nonces(self, posts: Sequence[Post]) -> dict[Nonce, FirstUse]:
        """Those of *posts* that are in the log already."""
        wanted = {(post.room_id, post.user_id, post.nonce) for post in posts if post.nonce is not None}
        return {
            (room_id, user_id, nonce): (digest, SendResult(MessageId(mid), Seq(seq), from_rfc3339(created_at), True))
            for room_id, user_id, nonce, digest, mid, seq, created_at in _nonces_in(self._one(_NONCES, wanted))
        }

    def judge(self, posts: Sequence[Post], now: datetime, known: dict[Nonce, FirstUse]) -> Plan:
        stamp = rfc3339(now)
        heads, muted, next_id = self.heads.copy(), self.muted, self.next_id
        plan = Plan(heads=heads)
        outcomes, log, messages, events = plan.outcomes, plan.log, plan.messages, plan.events
        for post in posts:
            room_id, user_id, nonce = post.room_id, post.user_id, post.nonce
            # The nonce comes before all else: a repeat gets its first result also in a room that was closed since.
            if nonce is not None and (first := known.get((room_id, user_id, nonce))) is not None:
                outcomes.append(_repeated(first, post.digest))
                continue
            if (
                room_id not in heads
                or muted.get((room_id, user_id), "~") > stamp
                or (post.reply_to is not None and (room_id, post.reply_to) not in self.messages)
            ):
                outcomes.append(self._refusal(post, stamp))
                plan.has_refused_a_nonce |= nonce is not None
                continue
            seq = heads[room_id] = heads[room_id] + 1
            payload = _encode(post.sent(now)).decode()
            log += (room_id, seq, user_id, next_id, nonce, post.digest, payload, stamp)
            messages += (next_id, room_id, seq, user_id, post.content, post.kind, post.reply_to, stamp)
            events.append(post.sent(now, room_id, seq, next_id))
            outcomes.append(SendResult(next_id, seq, now))  # type: ignore[arg-type]
            if nonce is not None:
                known[room_id, user_id, nonce] = post.digest, SendResult(next_id, seq, now, True)  # type: ignore[arg-type]
            next_id += 1
        return plan

    def _refusal(self, post: Post, stamp: str) -> TertuliaError:
        muted_until = self.muted.get((post.room_id, post.user_id))
        if post.room_id not in self.heads or (muted_until is None and post.room_id in self.private):
            return NoSuchRoom()
        if muted_until is None:
            return NotAMember()
        if muted_until > stamp:
            return Muted()
        return Invalid("There is no such message in this room", field="reply_to")

    def _one(self, statement: str, values: Iterable[Any]) -> str:
        return str(self._db.execute(statement, (_encode(list(values)).decode(),)).fetchone()[0])


def _repeated(first: FirstUse, digest: int | None) -> Outcome:
    """The first use's result. A digest that is not known, on either side, conflicts with nothing."""
    if first[0] is not None and digest is not None and first[0] != digest:
        return NonceConflict()
    return first[1]


def _write(db: sqlite3.Connection, plan: Plan) -> None:
    if not plan.log:
        return
    _insert(db, _LOG, plan.log)
    _insert(db, _MESSAGES, plan.messages)
    changed = set(plan.log[::_VALUES])
    db.executemany(_HEADS, [(plan.heads[room_id], room_id) for room_id in changed])


def _insert(db: sqlite3.Connection, statement: tuple[str, str], values: list[Any]) -> None:
    for start, size in _chunks(len(values) // _VALUES):
        db.execute(_prepared(statement, size), values[start * _VALUES : (start + size) * _VALUES])


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    """(start, size) of the pieces that *count* rows are written in."""
    start = 0
    for size in _CHUNKS:
        while count - start >= size:
            yield start, size
            start += size


@lru_cache
def _prepared(statement: tuple[str, str], size: int) -> str:
    head, row = statement
    return head + ", ".join([row] * size)
