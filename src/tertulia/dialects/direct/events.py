"""direct, server to client: the frame of every event that there is a word for."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType

from tertulia.domain import events as e
from tertulia.domain.clock import rfc3339
from tertulia.domain.models import Quote

E = TypeVar("E", bound=e.Durable | e.Ephemeral)
Shown = Literal["online", "away", "busy", "offline"]
SHOWN: dict[str, Shown] = {"online": "online", "away": "away", "busy": "busy"}
"""What others see of a status; whatever else there is, is offline."""


class Frame(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What the server says."""


class DirectQuote(Struct, frozen=True, kw_only=True):
    """What a message answers: who said it, and its first line as it is now; none once it is deleted."""

    message_id: str
    sender_id: str
    sender_username: str
    content: str
    is_deleted: bool


class DirectReactions(Struct, frozen=True, kw_only=True):
    """*users*: who gave it first, at most 20."""

    emoji: str
    count: int
    users: Sequence[str]


class DirectMessage(Frame, frozen=True, kw_only=True, tag="message"):
    """As REST has it, and once more its text, as *message*. *recipient_id*: the other one, where there are two; null in
    other rooms. *mentions*: members whom it names; *mentions_here*: it calls everybody. *nonce*: to its sender only, if
    there was one."""

    id: str
    sender_id: str
    sender_username: str
    chat_id: str
    recipient_id: str | None
    content: str
    message: str
    message_type: str
    attachments: Sequence[Any]
    reply_to_message_id: str | None
    quote: DirectQuote | None
    mentions: Sequence[str]
    mentions_here: bool
    reactions: Sequence[DirectReactions]
    status: Literal["sent"]
    is_edited: bool
    is_deleted: bool
    created_at: str
    updated_at: str | None
    delivered_at: str | None
    read_at: str | None
    nonce: str | UnsetType = UNSET


class DirectMessageUpdated(Frame, frozen=True, kw_only=True, tag="message_updated"):
    """*id* and *message_id*, *content* and *message*: the same. The mentions are those of the new text."""

    id: str
    message_id: str
    sender_id: str
    sender_username: str
    chat_id: str
    content: str
    message: str
    mentions: Sequence[str]
    mentions_here: bool
    is_edited: Literal[True] = True
    updated_at: str


class DirectMessageDeleted(Frame, frozen=True, kw_only=True, tag="message_deleted"):
    """*user_id*: who deleted it."""

    id: str
    message_id: str
    chat_id: str
    user_id: str
    username: str
    is_deleted: Literal[True] = True
    updated_at: str


class DirectReaction(Frame, frozen=True, kw_only=True, tag="reaction"):
    """*user_id*: whose reaction it is; *count*: of this emoji on the message, from now on."""

    message_id: str
    emoji: str
    action: Literal["added", "removed"]
    user_id: str
    username: str
    count: int
    chat_id: str
    created_at: str


class DirectTyping(Frame, frozen=True, kw_only=True, tag="typing"):
    user_id: str
    username: str
    chat_id: str


class DirectRead(Frame, frozen=True, kw_only=True, tag="read"):
    """*user_id* has read everything up to this message."""

    message_id: str
    user_id: str
    username: str
    chat_id: str
    at: str | None


class DirectDelivered(Frame, frozen=True, kw_only=True, tag="delivered"):
    """Everything up to this message has come to a device of *user_id*."""

    message_id: str
    user_id: str
    username: str
    chat_id: str
    at: str | None


class DirectStatus(Frame, frozen=True, kw_only=True, tag="status"):
    user_id: str
    username: str
    status: Shown
    is_online: bool
    last_seen: str | None


class DirectError(Frame, frozen=True, kw_only=True, tag="error"):
    """*request*: the type of the frame that is answered; *retry_after*: seconds until another try can succeed."""

    message: str
    code: str
    request: str | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET


class DirectPong(Frame, frozen=True, kw_only=True, tag="pong"):
    """*timestamp*: the server's time."""

    timestamp: str


def moment(when: datetime | None) -> str | None:
    return None if when is None else rfc3339(when)


def id_or_none(number: int | None) -> str | None:
    return None if number is None else str(number)


def ids(numbers: Sequence[int]) -> list[str]:
    return [str(number) for number in numbers]


def quote(said: Quote | None) -> DirectQuote | None:
    if said is None:
        return None
    return DirectQuote(
        message_id=str(said.message_id),
        sender_id=str(said.user_id),
        sender_username=said.username,
        content=said.text,
        is_deleted=said.is_deleted,
    )


def sent(event: e.MessageSent, own: bool) -> DirectMessage:
    return DirectMessage(
        id=str(event.message_id),
        sender_id=str(event.user_id),
        sender_username=event.username,
        chat_id=str(event.room_id),
        recipient_id=id_or_none(event.recipient_id),
        content=event.content,
        message=event.content,
        message_type=event.kind,
        attachments=(),
        reply_to_message_id=id_or_none(event.reply_to),
        quote=quote(event.quote),
        mentions=ids(event.mentions),
        mentions_here=event.mentions_here,
        reactions=(),
        status="sent",
        is_edited=False,
        is_deleted=False,
        created_at=rfc3339(event.created_at),
        updated_at=None,
        delivered_at=None,
        read_at=None,
        nonce=event.nonce if own and event.nonce is not None else UNSET,
    )


def updated(event: e.MessageEdited, own: bool) -> DirectMessageUpdated:
    return DirectMessageUpdated(
        id=str(event.message_id),
        message_id=str(event.message_id),
        sender_id=str(event.user_id),
        sender_username=event.username,
        chat_id=str(event.room_id),
        content=event.content,
        message=event.content,
        mentions=ids(event.mentions),
        mentions_here=event.mentions_here,
        updated_at=rfc3339(event.updated_at),
    )


def deleted(event: e.MessageDeleted, own: bool) -> DirectMessageDeleted:
    return DirectMessageDeleted(
        id=str(event.message_id),
        message_id=str(event.message_id),
        chat_id=str(event.room_id),
        user_id=str(event.user_id),
        username=event.username,
        updated_at=rfc3339(event.updated_at),
    )


def reacted(event: e.ReactionAdded | e.ReactionRemoved, own: bool) -> DirectReaction:
    return DirectReaction(
        message_id=str(event.message_id),
        emoji=event.emoji,
        action="added" if isinstance(event, e.ReactionAdded) else "removed",
        user_id=str(event.user_id),
        username=event.username,
        count=event.count,
        chat_id=str(event.room_id),
        created_at=rfc3339(event.created_at),
    )


def typing(event: e.UserTyping, own: bool) -> DirectTyping:
    return DirectTyping(user_id=str(event.user_id), username=event.username, chat_id=str(event.room_id))


def read(event: e.ReadUpdated, own: bool) -> DirectRead | None:
    """A mark before the first message has no word, here and below."""
    return None if event.message_id is None else DirectRead(message_id=str(event.message_id), **_marked(event))


def delivered(event: e.DeliveredUpdated, own: bool) -> DirectDelivered | None:
    return None if event.message_id is None else DirectDelivered(message_id=str(event.message_id), **_marked(event))


def _marked(event: e.ReadUpdated | e.DeliveredUpdated) -> dict[str, Any]:
    return {
        "user_id": str(event.user_id),
        "username": event.username,
        "chat_id": str(event.room_id),
        "at": moment(event.at),
    }


def status(event: e.PresenceUpdated, own: bool) -> DirectStatus:
    shown = SHOWN.get(event.status, "offline")
    return DirectStatus(
        user_id=str(event.user_id),
        username=event.username,
        status=shown,
        is_online=shown != "offline",
        last_seen=moment(event.last_seen_at),
    )


def _says(
    event: type[E], frame: Callable[[E, bool], Frame | None]
) -> tuple[type[Any], Callable[[Any, bool], Frame | None]]:
    """A row of the table, checked: *frame* takes that very event."""
    return event, frame


EVENTS: dict[type[Any], Callable[[Any, bool], Frame | None]] = dict(
    [
        _says(e.MessageSent, sent),
        _says(e.MessageEdited, updated),
        _says(e.MessageDeleted, deleted),
        _says(e.ReactionAdded, reacted),
        _says(e.ReactionRemoved, reacted),
        _says(e.UserTyping, typing),
        _says(e.ReadUpdated, read),
        _says(e.DeliveredUpdated, delivered),
        _says(e.PresenceUpdated, status),
    ]
)
"""Events without a row are not told in this dialect. *own*: for the event's author."""
