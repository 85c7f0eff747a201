"""conversations, server to client: the frame of every event that there is a word for."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType

from tertulia.dialects.conversations import ids
from tertulia.domain import events as e
from tertulia.domain.clock import rfc3339
from tertulia.domain.models import Quote

E = TypeVar("E", bound=e.Durable | e.Ephemeral)
Shown = Literal["online", "away", "busy", "offline"]
SHOWN: dict[str, Shown] = {"online": "online", "away": "away", "busy": "busy"}
"""What others see of a status; whatever else there is, is offline."""


class Frame(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What the server says."""


class ConversationQuote(Struct, frozen=True, kw_only=True):
    """What a message answers: who said it, and its first line as it is now; none once it is deleted."""

    message_id: str
    sender_id: str
    sender_username: str
    content: str
    is_deleted: bool


class ConversationMessage(Frame, frozen=True, kw_only=True, tag="message"):
    """*kind*: `text`, or another word of its sender's. *mentions*: members whom it names; *mentions_here*: it calls
    everybody."""

    content: str
    sender_id: str
    sender_username: str
    message_id: str
    timestamp: str
    is_edited: bool
    reply_to: str | None
    conversation_id: str
    kind: str
    quote: ConversationQuote | None
    mentions: Sequence[str]
    mentions_here: bool


class ConversationTyping(Frame, frozen=True, kw_only=True, tag="typing"):
    sender_id: str
    sender_username: str


class ConversationReaction(Frame, frozen=True, kw_only=True, tag="reaction"):
    """*count*: of this emoji on the message, from now on."""

    message_id: str
    emoji: str
    action: Literal["added", "removed"]
    sender_id: str
    sender_username: str
    count: int


class ConversationEdited(Frame, frozen=True, kw_only=True, tag="edit"):
    """The mentions are those of the new text."""

    message_id: str
    content: str
    sender_id: str
    timestamp: str
    is_edited: Literal[True] = True
    mentions: Sequence[str]
    mentions_here: bool


class ConversationDeleted(Frame, frozen=True, kw_only=True, tag="delete"):
    """*sender_id*: who deleted it."""

    message_id: str
    sender_id: str


class ConversationPresence(Frame, frozen=True, kw_only=True, tag="presence"):
    sender_id: str
    sender_username: str
    status: Shown


class ConversationReadTo(Frame, frozen=True, kw_only=True, tag="read"):
    """*sender_id* has read everything up to this message."""

    message_id: str
    sender_id: str


class ConversationSystem(Frame, frozen=True, kw_only=True, tag="system"):
    """*active_users*: who is in the conversation now, at most 500 of them."""

    content: str
    sender_id: str
    active_users: Sequence[str]
    action: Literal["joined", "left"]


class ConversationError(Frame, frozen=True, kw_only=True, tag="error"):
    """*request*: the type of the frame that is answered; *retry_after*: seconds until another try can succeed."""

    content: str
    code: str
    request: str | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET


class ConversationPong(Frame, frozen=True, kw_only=True, tag="pong"):
    timestamp: str


def quote(said: Quote | None) -> ConversationQuote | None:
    if said is None:
        return None
    return ConversationQuote(
        message_id=ids.message(said.message_id),
        sender_id=ids.user(said.user_id),
        sender_username=said.username,
        content=said.text,
        is_deleted=said.is_deleted,
    )


def users(numbers: Iterable[int]) -> list[str]:
    return [ids.user(number) for number in numbers]


def sent(event: e.MessageSent) -> ConversationMessage:
    return ConversationMessage(
        content=event.content,
        sender_id=ids.user(event.user_id),
        sender_username=event.username,
        message_id=ids.message(event.message_id),
        timestamp=rfc3339(event.created_at),
        is_edited=False,
        reply_to=None if event.reply_to is None else ids.message(event.reply_to),
        conversation_id=ids.conversation(event.room_id),
        kind=event.kind,
        quote=quote(event.quote),
        mentions=users(event.mentions),
        mentions_here=event.mentions_here,
    )


def edited(event: e.MessageEdited) -> ConversationEdited:
    return ConversationEdited(
        message_id=ids.message(event.message_id),
        content=event.content,
        sender_id=ids.user(event.user_id),
        timestamp=rfc3339(event.updated_at),
        mentions=users(event.mentions),
        mentions_here=event.mentions_here,
    )


def deleted(event: e.MessageDeleted) -> ConversationDeleted:
    return ConversationDeleted(message_id=ids.message(event.message_id), sender_id=ids.user(event.user_id))


def reacted(event: e.ReactionAdded | e.ReactionRemoved) -> ConversationReaction:
    return ConversationReaction(
        message_id=ids.message(event.message_id),
        emoji=event.emoji,
        action="added" if isinstance(event, e.ReactionAdded) else "removed",
        sender_id=ids.user(event.user_id),
        sender_username=event.username,
        count=event.count,
    )


def typing(event: e.UserTyping) -> ConversationTyping:
    return ConversationTyping(sender_id=ids.user(event.user_id), sender_username=event.username)


def read(event: e.ReadUpdated) -> ConversationReadTo | None:
    """A mark before the first message has no word."""
    if event.message_id is None:
        return None
    return ConversationReadTo(message_id=ids.message(event.message_id), sender_id=ids.user(event.user_id))


def presence(event: e.PresenceUpdated) -> ConversationPresence:
    return ConversationPresence(
        sender_id=ids.user(event.user_id), sender_username=event.username, status=SHOWN.get(event.status, "offline")
    )


def arrived(user_id: int, username: str, present: Iterable[int]) -> ConversationSystem:
    return ConversationSystem(
        content=f"User {username} joined the conversation",
        sender_id=ids.user(user_id),
        active_users=users(present),
        action="joined",
    )


def joined(event: e.UserJoined) -> ConversationSystem:
    return arrived(event.user_id, event.username, event.present)


def left(event: e.UserLeft) -> ConversationSystem:
    return ConversationSystem(
        content=f"User {event.username} left the conversation",
        sender_id=ids.user(event.user_id),
        active_users=users(event.present),
        action="left",
    )


def _says(event: type[E], frame: Callable[[E], Frame | None]) -> tuple[type[Any], Callable[[Any], Frame | None]]:
    """A row of the table, checked: *frame* takes that very event."""
    return event, frame


EVENTS: dict[type[Any], Callable[[Any], Frame | None]] = dict(
    [
        _says(e.MessageSent, sent),
        _says(e.MessageEdited, edited),
        _says(e.MessageDeleted, deleted),
        _says(e.ReactionAdded, reacted),
        _says(e.ReactionRemoved, reacted),
        _says(e.UserTyping, typing),
        _says(e.ReadUpdated, read),
        _says(e.PresenceUpdated, presence),
        _says(e.UserJoined, joined),
        _says(e.UserLeft, left),
    ]
)
"""Events without a row are not told in this dialect."""
