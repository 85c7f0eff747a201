"""Stays: what of a talk somebody has heard, and so may read; and what they know of it that was changed afterwards.

What lies within a stay is its borders, too: the membership that began, and its end. Nothing was said at either.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import BigInteger, ColumnElement, func, literal, literal_column, select, text, tuple_

from tertulia.domain.events import DurableEvent, MessageEdited, MessageSent
from tertulia.domain.ids import MAX_ID, MessageId, RoomId, Seq, UserId
from tertulia.domain.models import Message, Quote
from tertulia.domain.quotes import first_line
from tertulia.store.mentions import Called
from tertulia.store.quotes import Edited, Now
from tertulia.store.tables import messages, room_log, rooms, stays
from tertulia.store.work import Reader, decode_payload

IS_SECRET = rooms.c.parent_id.is_not(None) & rooms.c.is_private
"""Of a room: a talk that one reads as far as one has heard it."""
_END = func.coalesce(stays.c.ended, literal(MAX_ID, BigInteger()))


class Within(Struct, frozen=True):
    """Of a talk, only what lies within the stays of this user. *since*: where the last of them began; *until*: where it
    ended, None if it goes on."""

    user_id: UserId
    since: Seq
    until: Seq | None = None


def find_within(reader: Reader, talk_id: RoomId, user_id: UserId) -> Within | None:
    """None: they were never there."""
    last = select(stays.c.began, stays.c.ended).where(stays.c.talk_id == talk_id, stays.c.user_id == user_id)
    row = reader.sql.execute(last.order_by(stays.c.began.desc()).limit(1)).one_or_none()
    return None if row is None else Within(user_id, row.began, row.ended)


def heard_messages(
    reader: Reader, talk_id: RoomId, user_id: UserId, up_to: Seq, limit: int, skip: int = 0, *, deleted: bool = True
) -> list[MessageId]:
    """The newest first, of those up to that place in the log. *deleted*: with those that are."""
    values = {"talk": talk_id, "user": user_id, "up_to": up_to, "most": limit, "skip": skip, "furthest": limit + skip}
    statement = _MESSAGES[reader.sql.dialect.name, deleted]
    return [MessageId(one) for one in reader.sql.execute(statement, values).scalars()]


def heard_log(reader: Reader, talk_id: RoomId, user_id: UserId, after: Seq, limit: int) -> list[DurableEvent]:
    """In order."""
    values = {"talk": talk_id, "user": user_id, "after": after, "most": limit}
    return [decode_payload(*row) for row in reader.sql.execute(_LOG[reader.sql.dialect.name], values)]


# Stay by stay, and no further than there is to be shown: what others said meanwhile is never looked at. The joins leave
# the planner no choice.
_MESSAGES = {
    (engine, deleted): text(statement.format(which="" if deleted else "AND NOT is_deleted"))
    for deleted in (True, False)
    for engine, statement in (
        (
            "sqlite",
            """
            SELECT m.id FROM stays s CROSS JOIN messages m ON m.id IN (
                SELECT id FROM messages WHERE room_id = s.talk_id
                AND seq BETWEEN s.began AND min(coalesce(s.ended, :up_to), :up_to) {which}
                ORDER BY seq DESC LIMIT :furthest
            )
            WHERE s.talk_id = :talk AND s.user_id = :user AND s.began <= :up_to
            ORDER BY s.began DESC, m.seq DESC LIMIT :most OFFSET :skip""",
        ),
        (
            "postgresql",
            """
            SELECT m.id FROM stays s CROSS JOIN LATERAL (
                SELECT id, seq FROM messages WHERE room_id = s.talk_id
                AND seq BETWEEN s.began AND least(coalesce(s.ended, :up_to), :up_to) {which}
                ORDER BY seq DESC LIMIT :furthest
            ) m
            WHERE s.talk_id = :talk AND s.user_id = :user AND s.began <= :up_to
            ORDER BY s.began DESC, m.seq DESC LIMIT :most OFFSET :skip""",
        ),
    )
}
_LOG = {
    "sqlite": text(f"""
        SELECT l.payload, l.room_id, l.seq, l.message_id FROM stays s CROSS JOIN room_log l ON l.room_id = s.talk_id
        AND l.seq IN (
            SELECT seq FROM room_log WHERE room_id = s.talk_id
            AND seq BETWEEN max(s.began, :after + 1) AND coalesce(s.ended, {MAX_ID})
            ORDER BY seq LIMIT :most
        )
        WHERE s.talk_id = :talk AND s.user_id = :user AND coalesce(s.ended, {MAX_ID}) > :after
        ORDER BY s.began, l.seq LIMIT :most"""),  # noqa: S608 (a number)
    "postgresql": text(f"""
        SELECT l.payload, l.room_id, l.seq, l.message_id FROM stays s CROSS JOIN LATERAL (
            SELECT payload, room_id, seq, message_id FROM room_log WHERE room_id = s.talk_id
            AND seq BETWEEN greatest(s.began, :after + 1) AND coalesce(s.ended, {MAX_ID})
            ORDER BY seq LIMIT :most
        ) l
        WHERE s.talk_id = :talk AND s.user_id = :user AND coalesce(s.ended, {MAX_ID}) > :after
        ORDER BY s.began, l.seq LIMIT :most"""),  # noqa: S608 (a number)
}


def was_heard(user_id: UserId, room_id: ColumnElement[Any], seq: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether that place in a talk's log lies within a stay of *user_id*: in the last that began before it."""
    end = select(_END).where(stays.c.talk_id == room_id, stays.c.user_id == user_id, stays.c.began <= seq)
    return seq <= func.coalesce(end.order_by(stays.c.began.desc()).limit(1).scalar_subquery(), 0)


def has_heard(reader: Reader, user_id: UserId, message: Message) -> bool:
    """*message*, which was said in a talk."""
    return bool(heard_among(reader, user_id, [message.id]))


def heard_among(reader: Reader, user_id: UserId, message_ids: Collection[MessageId]) -> set[MessageId]:
    """Those of *message_ids*, which were said in talks."""
    wanted = select(messages.c.id).where(messages.c.id.in_(message_ids))
    return set(reader.sql.execute(wanted.where(was_heard(user_id, messages.c.room_id, messages.c.seq))).scalars())


# ---- what was changed


def as_heard(reader: Reader, user_id: UserId, found: Sequence[Message]) -> list[Message]:
    """Messages of talks as somebody knows them: an edit that they did not hear is unknown to them, and so is what a reply
    quotes that they did not hear. What is deleted is deleted for all."""
    quoted = {message.quote.message_id: message.quote for message in found if message.quote is not None}
    known = as_known(reader, user_id, Now(quotes=quoted))
    texts = _texts(reader, user_id, [one.id for one in found if one.is_edited and not one.is_deleted])
    return [_as_known(message, texts.get(message.id), known.quotes) for message in found]


def as_known(reader: Reader, user_id: UserId, now: Now) -> Now:
    """How things stand for somebody who knows only what they have heard."""
    if not now.quotes and not now.edited:
        return now
    quotes = heard_among(reader, user_id, now.quotes) if now.quotes else set()
    texts = _texts(reader, user_id, [*now.edited, *quotes])
    return replace(
        now,
        quotes={message_id: _quote(now.quotes[message_id], texts.get(message_id)) for message_id in quotes},
        edited={message_id: _edited(texts[message_id]) for message_id in now.edited if message_id in texts},
    )


def _as_known(message: Message, said: MessageSent | MessageEdited | None, quotes: Mapping[MessageId, Quote]) -> Message:
    if message.quote is not None:
        message = replace(message, quote=quotes.get(message.quote.message_id))
    if said is None:
        return message
    return replace(
        message,
        content=said.content,
        mentions=said.mentions,
        mentions_here=said.mentions_here,
        is_edited=isinstance(said, MessageEdited),
        updated_at=said.updated_at if isinstance(said, MessageEdited) else None,
    )


def _quote(quote: Quote, said: MessageSent | MessageEdited | None) -> Quote:
    return quote if said is None or quote.is_deleted else replace(quote, text=first_line(said.content))


def _edited(said: MessageSent | MessageEdited) -> Edited:
    return Edited(said.content, Called(said.mentions, said.mentions_here))


def _texts(
    reader: Reader, user_id: UserId, message_ids: Collection[MessageId]
) -> dict[MessageId, MessageSent | MessageEdited]:
    """Of those that were edited: the last that *user_id* heard of each, as the log has it."""
    if not message_ids:
        return {}
    wanted = select(messages.c.id, messages.c.room_id, messages.c.seq).where(
        messages.c.id.in_(message_ids), messages.c.is_edited
    )
    places = {row.id: (row.room_id, row.seq) for row in reader.sql.execute(wanted)}
    if not places:
        return {}
    is_edit = room_log.c.type == literal_column("'message_edited'")  # written out: so a partial index answers
    edits = select(room_log.c.message_id, room_log.c.room_id, func.max(room_log.c.seq).label("seq")).where(
        is_edit, room_log.c.message_id.in_(places), was_heard(user_id, room_log.c.room_id, room_log.c.seq)
    )
    for row in reader.sql.execute(edits.group_by(room_log.c.message_id, room_log.c.room_id)):
        places[row.message_id] = row.room_id, row.seq
    columns = (room_log.c.payload, room_log.c.room_id, room_log.c.seq, room_log.c.message_id)
    logged = select(*columns).where(tuple_(room_log.c.room_id, room_log.c.seq).in_(places.values()))
    events = [decode_payload(*row) for row in reader.sql.execute(logged)]
    return {event.message_id: event for event in events if isinstance(event, MessageSent | MessageEdited)}


# ---- what is told to all who are there at once


def overheard(reader: Reader, talk_id: RoomId, replies: Mapping[Seq, MessageId]) -> set[Seq]:
    """Those of the *replies*, by their places in the talk's log, that are told without what they quote: somebody heard
    them who had come after it was said."""
    quoted = select(messages.c.id, messages.c.seq).where(messages.c.id.in_(set(replies.values())))
    said = {row.id: row.seq for row in reader.sql.execute(quoted)}
    asked = {seq: said[message_id] for seq, message_id in replies.items() if message_id in said}
    if not asked:
        return set()
    came = select(stays.c.began, _END.label("end")).where(
        stays.c.talk_id == talk_id, stays.c.began > min(asked.values()), stays.c.began < max(asked)
    )
    between = [(row.began, row.end) for row in reader.sql.execute(came)]
    return {seq for seq, quoted_seq in asked.items() if any(quoted_seq < began < seq <= end for began, end in between)}
