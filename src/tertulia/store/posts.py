"""A run of posts on SQLite, under its write lock: judged, numbered and written, in as few statements as can be.

Each step of a statement lets go of the interpreter's lock, and on a busy server it takes milliseconds to get it back.
So what has to be looked up comes as one row of JSON, and what has to be written goes in as rows of many at a time.
What only some messages need (whom they mention, what they quote, whom they are for) costs the others nothing.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tertulia.domain.clock import from_rfc3339, rfc3339
from tertulia.domain.commands import SendResult
from tertulia.domain.errors import Blocked, Invalid, Muted, NonceConflict, NoSuchRoom, NotAMember, TertuliaError
from tertulia.domain.events import DurableEvent, MessageSent
from tertulia.domain.ids import MessageId, RoomId, Seq, UserId
from tertulia.domain.models import Quote
from tertulia.domain.quotes import quote
from tertulia.store.mentions import NOBODY, Called
from tertulia.store.work import Post

Outcome = SendResult | TertuliaError
Nonce = tuple[int, int, str]
FirstUse = tuple[int | None, SendResult]
"""Of a nonce: the digest of what was sent under it (None: not known any more), and the result to repeat."""

_ROOMS = """
    SELECT json_group_array(json_array(id, last_seq, is_private, is_blocked, direct_key, parent_id)) FROM rooms
    WHERE id IN (SELECT value FROM json_each(?)) AND archived_at IS NULL"""
_MEMBERS = """
    SELECT json_group_array(json_array(m.room_id, m.user_id, coalesce(m.muted_until, ''))) FROM json_each(?) j
    JOIN memberships m ON m.room_id = json_extract(j.value, '$[0]') AND m.user_id = json_extract(j.value, '$[1]')"""
_REPLIES = """
    SELECT json_group_array(json_array(m.room_id, m.id, m.user_id, coalesce(u.username, ''), m.content, m.is_deleted))
    FROM messages m LEFT JOIN users u ON u.id = m.user_id WHERE m.id IN (SELECT value FROM json_each(?))"""
_HEARD = """
    SELECT json_group_array(json_array(m.room_id, json_extract(j.value, '$[1]'), m.id,
        EXISTS (SELECT 1 FROM stays s WHERE s.talk_id = m.room_id AND s.ended IS NULL AND s.began > m.seq)))
    FROM json_each(?) j JOIN messages m
    ON m.room_id = json_extract(j.value, '$[0]') AND m.id = json_extract(j.value, '$[2]')
    AND m.seq <= coalesce((
        SELECT coalesce(s.ended, m.seq) FROM stays s
        WHERE s.talk_id = m.room_id AND s.user_id = json_extract(j.value, '$[1]') AND s.began <= m.seq
        ORDER BY s.began DESC LIMIT 1
    ), 0)"""
_READS = """
    SELECT EXISTS (SELECT 1 FROM stays WHERE talk_id = r.id AND user_id = :user) OR (NOT r.is_private AND EXISTS (
        SELECT 1 FROM memberships WHERE room_id = r.parent_id AND user_id = :user
    )) FROM rooms r WHERE r.id = :talk"""
_CALLED = """
    SELECT json_group_array(json_array(m.room_id, u.username_key, u.id)) FROM json_each(?) j
    CROSS JOIN users u ON u.username_key = json_extract(j.value, '$[1]')
    CROSS JOIN memberships m ON m.room_id = json_extract(j.value, '$[0]') AND m.user_id = u.id"""
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
_MESSAGES_IN_FULL = (
    _MESSAGES[0].replace(")", ", mentions, recipient_id)"),
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
_VALUES_IN_FULL = 10
_MENTIONS = "INSERT INTO mentions (room_id, seq, user_id) VALUES (?, ?, ?)"
_CHUNKS = (64, 16, 4, 1)  # rows at a time: few enough statements for all of them to stay prepared
_HEADS = "UPDATE rooms SET last_seq = ? WHERE id = ?"

_encode = msgspec.json.Encoder().encode
_rooms_in = msgspec.json.Decoder(list[tuple[RoomId, int, int, int, str | None, int | None]]).decode
_members_in = msgspec.json.Decoder(list[tuple[int, int, str]]).decode
_replies_in = msgspec.json.Decoder(list[tuple[int, MessageId, UserId, str, str, int]]).decode
_heard_in = msgspec.json.Decoder(list[tuple[int, int, MessageId, int]]).decode
_called_in = msgspec.json.Decoder(list[tuple[int, str, UserId]]).decode
_nonces_in = msgspec.json.Decoder(list[tuple[int, int, str, int | None, int, int, str]]).decode


class Plan(Struct):
    """What a run comes to: an outcome for each post, and what there is to write and to tell."""

    outcomes: list[Outcome] = []
    log: list[Any] = []
    """Eight values a row, one row after another: nothing that the garbage collector has to look at."""
    messages: list[Any] = []
    """Also eight, or ten *in full*."""
    in_full: bool = False
    mentions: list[tuple[int, int, UserId]] = []
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
        self.heads: dict[int, int] = {}
        """Of the rooms that can be written to."""
        self.private: set[int] = set()
        self.blocked: set[int] = set()
        self.talks: set[int] = set()
        self.pairs: dict[int, int] = {}
        """Of direct rooms: the sum of their members' ids."""
        found = _rooms_in(self._one(_ROOMS, list({r for r, _ in pairs})))
        for room_id, last_seq, is_private, is_blocked, key, parent_id in found:
            if is_private:
                self.private.add(room_id)
            if parent_id is not None:
                self.talks.add(room_id)
            if key is not None:
                self.pairs[room_id] = sum(map(int, key.split(":")))
            if is_blocked:
                self.blocked.add(room_id)
            else:
                self.heads[room_id] = last_seq
        self.muted = {(room_id, user_id): until for room_id, user_id, until in _members_in(self._one(_MEMBERS, pairs))}
        replies = {post.reply_to for post in posts if post.reply_to is not None}
        self.quotes = self._quotes(replies) if replies else {}
        self.heard = self._heard(posts) if replies and self.talks else {}
        calling = [post for post in posts if post.mentions is not None]
        self.members = self._members(calling) if calling else {}
        self.is_plain = not (replies or calling or self.pairs)
        self.next_id: int = (db.execute("SELECT max(id) FROM messages").fetchone()[0] or 0) + 1

    def _quotes(self, replies: set[MessageId]) -> dict[tuple[int, MessageId], Quote]:
        return {
            (room_id, message_id): quote(message_id, user_id, username, content, is_deleted=bool(is_deleted))
            for room_id, message_id, user_id, username, content, is_deleted in _replies_in(self._one(_REPLIES, replies))
        }

    def _heard(self, posts: Sequence[Post]) -> dict[tuple[int, UserId, MessageId], bool]:
        """Replies in private talks to what their authors have heard; and whether somebody is there who has not."""
        asked = {(post.room_id, post.user_id, post.reply_to) for post in posts if self._is_in_private(post)}
        found = _heard_in(self._one(_HEARD, asked)) if asked else ()
        return {(room_id, UserId(user_id), mid): bool(overheard) for room_id, user_id, mid, overheard in found}

    def _is_in_private(self, post: Post) -> bool:
        """A reply in a talk that only those may read who were there."""
        return post.reply_to is not None and post.room_id in self.talks and post.room_id in self.private

    def _members(self, calling: Sequence[Post]) -> dict[tuple[int, str], UserId]:
        """By room and name, those whom the posts name."""
        names = {(post.room_id, name) for post in calling if post.mentions for name in post.mentions.names}
        if not names:
            return {}
        return {(room_id, name): user_id for room_id, name, user_id in _called_in(self._one(_CALLED, names))}

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
        plan = Plan(heads=heads, in_full=not self.is_plain)
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
                or (post.reply_to is not None and not self._knows(post))
            ):
                outcomes.append(self._refusal(post, stamp))
                plan.has_refused_a_nonce |= nonce is not None
                continue
            seq = heads[room_id] = heads[room_id] + 1
            sent, event = post.sent(now), post.sent(now, room_id, seq, next_id)
            messages += (next_id, room_id, seq, user_id, post.content, post.kind, post.reply_to, stamp)
            if plan.in_full:
                sent, event = self._complete(post, sent, event, plan)
            log += (room_id, seq, user_id, next_id, nonce, post.digest, _encode(sent).decode(), stamp)
            events.append(event)
            outcomes.append(SendResult(next_id, seq, now))  # type: ignore[arg-type]
            if nonce is not None:
                known[room_id, user_id, nonce] = post.digest, SendResult(next_id, seq, now, True)  # type: ignore[arg-type]
            next_id += 1
        return plan

    def _knows(self, post: Post) -> bool:
        """The author, what it replies to."""
        is_there = (post.room_id, post.reply_to) in self.quotes
        return is_there and (not self._is_in_private(post) or (post.room_id, post.user_id, post.reply_to) in self.heard)

    def _complete(
        self, post: Post, sent: MessageSent, event: MessageSent, plan: Plan
    ) -> tuple[MessageSent, MessageSent]:
        """What is logged and what is told, with all that belongs to them; the rest of the message's row, and the rows
        of whom it mentions, go into *plan*."""
        called = self._called(post)
        pair = self.pairs.get(post.room_id)
        recipient_id = None if pair is None else UserId(pair - post.user_id)
        column = called.column
        plan.messages += (column and _encode(column).decode(), recipient_id)
        if column is not None or pair is not None:
            more = {"mentions": called.user_ids, "mentions_here": called.here, "recipient_id": recipient_id}
            sent, event = replace(sent, **more), replace(event, **more)
            plan.mentions += [(post.room_id, event.seq, user_id) for user_id in called.rows(post.user_id)]
        if post.reply_to is not None and not self.heard.get((post.room_id, post.user_id, post.reply_to), False):
            event = replace(event, quote=self.quotes[post.room_id, post.reply_to])
        return sent, event

    def _called(self, post: Post) -> Called:
        wanted = post.mentions
        if wanted is None:
            return NOBODY
        found = (self.members.get((post.room_id, name)) for name in wanted.names)
        return Called([user_id for user_id in found if user_id is not None], wanted.here)

    def _refusal(self, post: Post, stamp: str) -> TertuliaError:
        muted_until = self.muted.get((post.room_id, post.user_id))
        is_there = post.room_id in self.heads or post.room_id in self.blocked
        if is_there and muted_until is None and post.room_id in self.talks:
            return NotAMember() if self._reads(post) else NoSuchRoom()
        if not is_there or (muted_until is None and post.room_id in self.private):
            return NoSuchRoom()
        if muted_until is None:
            return NotAMember()
        if post.room_id in self.blocked:
            return Blocked()
        if muted_until > stamp:
            return Muted()
        return Invalid("There is no such message in this room", field="reply_to")

    def _reads(self, post: Post) -> bool:
        """The author, the talk that they are no member of."""
        return bool(self._db.execute(_READS, {"talk": post.room_id, "user": post.user_id}).fetchone()[0])

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
    _insert(db, _LOG, plan.log, _VALUES)
    if plan.in_full:
        _insert(db, _MESSAGES_IN_FULL, plan.messages, _VALUES_IN_FULL)
    else:
        _insert(db, _MESSAGES, plan.messages, _VALUES)
    if plan.mentions:
        db.executemany(_MENTIONS, plan.mentions)
    changed = set(plan.log[::_VALUES])
    db.executemany(_HEADS, [(plan.heads[room_id], room_id) for room_id in changed])


def _insert(db: sqlite3.Connection, statement: tuple[str, str], values: list[Any], width: int) -> None:
    for start, size in _chunks(len(values) // width):
        db.execute(_prepared(statement, size), values[start * width : (start + size) * width])


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
