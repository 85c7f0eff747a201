"""A run of posts on PostgreSQL is one call of the function `post_batch`: what it is given, and what it gives back."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tertulia.domain.commands import SendResult
from tertulia.domain.errors import Blocked, Invalid, Muted, NonceConflict, NoSuchRoom, NotAMember, TertuliaError
from tertulia.domain.events import DurableEvent, MessageSent
from tertulia.domain.ids import MessageId, UserId
from tertulia.domain.models import Quote
from tertulia.domain.quotes import quote
from tertulia.store.mentions import called
from tertulia.store.work import Post, decode_payload

POST_BATCH = "SELECT * FROM post_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
REFUSALS: dict[str, Callable[[], TertuliaError]] = {
    "no_such_room": NoSuchRoom,
    "not_a_member": NotAMember,
    "blocked": Blocked,
    "muted": Muted,
    "no_such_message": lambda: Invalid("There is no such message in this room", field="reply_to"),
    "nonce_conflict": NonceConflict,
}

_encode = msgspec.json.Encoder().encode


class More(Struct, frozen=True):
    """What it has found out about a message. *quoted*: who said what it replies to, what, and whether that is deleted."""

    mentions: list[UserId] | None = None
    recipient_id: UserId | None = None
    quoted: tuple[UserId, str | None, str, bool] | None = None


_decode = msgspec.json.Decoder(More).decode


def arguments(posts: Sequence[Post], nonces: Sequence[str], now: datetime) -> list[Any]:
    names, here = _mentions(posts)
    return [
        [post.room_id for post in posts],
        [post.user_id for post in posts],
        [post.content for post in posts],
        [post.kind for post in posts],
        [post.reply_to for post in posts],
        nonces,
        [post.digest for post in posts],
        [_encode(post.sent(now)).decode() for post in posts],
        names,
        here,
        now,
    ]


def outcome_of(
    post: Post, row: Sequence[Any], now: datetime, tried_at: Collection[datetime] = ()
) -> tuple[SendResult | TertuliaError, DurableEvent | None]:
    """What became of *post*, by its row of the answer, and the event if it is new. *tried_at*: of this batch's earlier
    tries, whose answers were lost: what they have stored is new to everybody."""
    status, seq, message_id, created_at, payload, more = row
    if status == "new":
        event = post.sent(now, post.room_id, seq, message_id)
        return SendResult(message_id, seq, now), event if more is None else completed(event, more)
    if status == "duplicate":
        is_ours = created_at != now and created_at in tried_at
        told = quoting(decode_payload(payload, post.room_id, seq, message_id), more) if is_ours else None
        return SendResult(message_id, seq, created_at, duplicate=not is_ours), told
    return REFUSALS[status](), None


def _mentions(posts: Sequence[Post]) -> tuple[list[str | None] | None, list[bool] | None]:
    """The names in each post, as JSON, and whether it calls everybody; None if no post does either."""
    wanted = [post.mentions for post in posts]
    if not any(wanted):
        return None, None
    names = [_encode(one.names).decode() if one is not None and one.names else None for one in wanted]
    return names, [one is not None and one.here for one in wanted]


def completed(event: MessageSent, more: str) -> MessageSent:
    """With all that was found out."""
    found = _decode(more)
    mentioned = called(found.mentions)
    return replace(
        event,
        mentions=mentioned.user_ids,
        mentions_here=mentioned.here,
        recipient_id=found.recipient_id,
        quote=_quote(event.reply_to, found),
    )


def quoting(logged: DurableEvent, more: str | None) -> DurableEvent:
    """The rest is in the log already."""
    if more is None or not isinstance(logged, MessageSent):
        return logged
    return replace(logged, quote=_quote(logged.reply_to, _decode(more)))


def _quote(reply_to: MessageId | None, found: More) -> Quote | None:
    if reply_to is None or found.quoted is None:
        return None
    user_id, username, content, is_deleted = found.quoted
    return quote(reply_to, user_id, username or "", content, is_deleted=is_deleted)
