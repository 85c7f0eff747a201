"""A run of posts on SQLite, under its write lock: looked up, judged, numbered and written, all in one go."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tertulia.domain.clock import from_rfc3339, rfc3339
from tertulia.domain.commands import SendResult
from tertulia.domain.errors import Invalid, Muted, NoSuchRoom, NonceConflict, NotAMember, TertuliaError
from tertulia.domain.events import MessageSent
from tertulia.domain.ids import MessageId, Seq
from tertulia.store.work import Committed, Post

_ROOM = "SELECT last_seq, is_private FROM rooms WHERE id = ? AND archived_at IS NULL"
_MEMBER = "SELECT muted_until FROM memberships WHERE room_id = ? AND user_id = ?"
_NONCE = (
    "SELECT digest, message_id, seq, created_at FROM room_log WHERE room_id = ? AND user_id = ? AND nonce = ?"
    " AND nonce IS NOT NULL"
)
_REPLY = "SELECT 1 FROM messages WHERE id = ? AND room_id = ?"
_LOG = (
    "INSERT INTO room_log (room_id, seq, type, user_id, message_id, nonce, digest, payload, created_at)"
    " VALUES (?, ?, 'message_sent', ?, ?, ?, ?, ?, ?)"
)
_MESSAGE = (
    "INSERT INTO messages (id, room_id, seq, user_id, content, kind, reply_to, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_encode = msgspec.json.Encoder().encode


class Posts:
    """Applies posts inside the transaction of its caller."""

    def apply(
        self, db: sqlite3.Connection, posts: Sequence[Post], now: datetime, committed: Committed
    ) -> list[SendResult | TertuliaError]:
        stamp = rfc3339(now)
        one = db.execute
        found_rooms: dict[int, tuple[int, int] | None] = {}
        members: dict[tuple[int, int], tuple[str | None] | None] = {}
        heads: dict[int, int] = {}
        known: dict[tuple[int, int, str], tuple[int | None, SendResult]] = {}
        next_id = (one("SELECT max(id) FROM messages").fetchone()[0] or 0) + 1
        outcomes: list[SendResult | TertuliaError] = []
        log: list[tuple[Any, ...]] = []
        messages: list[tuple[Any, ...]] = []
        for post in posts:
            room_id, user_id, nonce, reply_to = post.room_id, post.user_id, post.nonce, post.reply_to
            # The nonce comes before every other check: a repeat gets its first result also in a room closed since.
            if nonce is not None:
                key = (room_id, user_id, nonce)
                first = known.get(key)
                if first is None and (row := one(_NONCE, key).fetchone()) is not None:
                    first = known[key] = row[0], SendResult(row[1], row[2], from_rfc3339(row[3]), True)
                if first is not None:
                    outcomes.append(_repeated(first, post.digest))
                    continue
            if room_id not in found_rooms:
                row = found_rooms[room_id] = one(_ROOM, (room_id,)).fetchone()
                if row is not None:
                    heads[room_id] = row[0]
            pair = (room_id, user_id)
            if pair not in members:
                members[pair] = one(_MEMBER, pair).fetchone()
            room, member = found_rooms[room_id], members[pair]
            if room is None or member is None or (member[0] is not None and member[0] > stamp):
                outcomes.append(_refusal(room, member))
                continue
            if reply_to is not None and one(_REPLY, (reply_to, room_id)).fetchone() is None:
                outcomes.append(Invalid("There is no such message in this room", field="reply_to"))
                continue
            seq = heads[room_id] = heads[room_id] + 1
            event = _event(post, now)
            log.append((room_id, seq, user_id, next_id, nonce, post.digest, _encode(event).decode(), stamp))
            messages.append((next_id, room_id, seq, user_id, post.content, post.kind, reply_to, stamp))
            committed.events.append(event.placed(room_id, Seq(seq), MessageId(next_id)))
            result = SendResult(MessageId(next_id), Seq(seq), now)
            outcomes.append(result)
            if nonce is not None:
                known[key] = post.digest, SendResult(result.message_id, result.seq, now, True)
            next_id += 1
        if log:
            db.executemany(_LOG, log)
            db.executemany(_MESSAGE, messages)
            changed = {row[0] for row in log}
            db.executemany("UPDATE rooms SET last_seq = ? WHERE id = ?", [(heads[room], room) for room in changed])
        return outcomes


def _event(post: Post, now: datetime) -> MessageSent:
    return MessageSent(
        user_id=post.user_id,
        username=post.username,
        content=post.content,
        kind=post.kind,
        reply_to=post.reply_to,
        nonce=post.nonce,
        created_at=now,
    )


def _repeated(first: tuple[int | None, SendResult], digest: int | None) -> SendResult | TertuliaError:
    """The first use's result. A digest that is not known, on either side, conflicts with nothing."""
    if first[0] is not None and digest is not None and first[0] != digest:
        return NonceConflict()
    return first[1]


def _refusal(room: tuple[int, int] | None, member: tuple[str | None] | None) -> TertuliaError:
    if room is None or (member is None and room[1]):
        return NoSuchRoom()
    return Muted() if member is not None else NotAMember()
