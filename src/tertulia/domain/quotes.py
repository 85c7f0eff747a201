"""Quotes: what of a message is shown above the replies to it."""

from tertulia.domain.ids import MessageId, UserId
from tertulia.domain.models import Quote

LONGEST = 140
"""Characters."""


def first_line(content: str) -> str:
    """The first line with something on it, cut to `LONGEST` characters."""
    for line in content.splitlines():
        if shown := line.strip():
            return shown[:LONGEST]
    return ""


def quote(message_id: MessageId, user_id: UserId, username: str, content: str, *, is_deleted: bool) -> Quote:
    """Of a message as it is now."""
    return Quote(
        message_id=message_id,
        user_id=user_id,
        username=username,
        text="" if is_deleted else first_line(content),
        is_deleted=is_deleted,
    )
