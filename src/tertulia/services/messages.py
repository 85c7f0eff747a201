"""Messages: what may be said, changing and taking back what was said, and reading it."""

import re
from hashlib import blake2b

from tertulia.domain.commands import (
    DeleteMessage,
    Edited,
    EditMessage,
    GetMessage,
    ListEvents,
    ListMessages,
    ListRecentMessages,
    ListVersions,
    LogPage,
    SendMessage,
)
from tertulia.domain.errors import Forbidden, Invalid, NoSuchMessage, RoleTooLow
from tertulia.domain.ids import MessageId, Seq
from tertulia.domain.models import Actor, Message, Page, Version
from tertulia.domain.roles import RoomRole
from tertulia.services import policy
from tertulia.services.checks import check_message, check_page, check_skip, encode_text
from tertulia.services.mentions import find_mentions
from tertulia.store import Post, Reader, Work, list_versions, log_page
from tertulia.store import messages as stored

LONGEST_NONCE = 64
MOST_VERSIONS = 1000
TEXT, SYSTEM = "text", "system"
"""Kinds of messages: what they are if nothing is said, and what the server's own are."""
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


class Messages:
    """*max_length*: characters a message may have."""

    def __init__(self, *, max_length: int = 4000) -> None:
        self._max_length = max_length

    def post(self, command: SendMessage, actor: Actor) -> Post:
        """What the writer lane needs of a message that may be said; whether it may be said there, the lane decides."""
        said = self._checked(command.content)
        nonce = command.nonce
        if nonce is not None:
            if not 1 <= len(nonce) <= LONGEST_NONCE:
                raise Invalid(f"nonce must have from 1 to {LONGEST_NONCE} characters", field="nonce")
            encode_text(nonce, "nonce")
        kind = command.kind if command.kind == TEXT else _check_kind(command.kind)
        return Post(
            room_id=command.room_id,
            user_id=actor.user_id,
            username=actor.username,
            content=command.content,
            kind=kind,
            reply_to=command.reply_to,
            nonce=nonce,
            digest=None if nonce is None else _digest(said, command.reply_to, kind, nearby=command.nearby),
            mentions=find_mentions(command.content),
        )

    def edit_message(self, command: EditMessage, actor: Actor, work: Work) -> Edited:
        """Without an event if it says the same already."""
        self._checked(command.content)
        message, standing = policy.lock_message(work, command.message_id, actor, command.room_id)
        if message.user_id != actor.user_id:
            raise Forbidden("Only its author edits a message")
        if message.is_deleted:
            raise NoSuchMessage
        policy.need_voice(work, standing)
        if message.content == command.content:
            return Edited(message=policy.as_known(work, message, standing), seq=stored.last_edit_seq(work, message))
        seq = stored.edit_message(work, message, command.content, find_mentions(command.content), actor)
        return Edited(message=self.get_message(GetMessage(message_id=message.id), actor, work), seq=seq)

    def delete_message(self, command: DeleteMessage, actor: Actor, work: Work) -> Seq:
        message, standing = policy.lock_message(work, command.message_id, actor, command.room_id)
        if message.user_id != actor.user_id and policy.rank(standing, actor) < RoomRole.MODERATOR.rank:
            raise RoleTooLow("Only its author or a moderator deletes a message")
        if message.is_deleted:
            return stored.deletion_seq(work, message)
        return stored.delete_message(work, message, actor)

    def get_message(self, command: GetMessage, actor: Actor, reader: Reader) -> Message:
        message, _ = policy.see_message(reader, command.message_id, actor)
        return message

    def list_messages(self, command: ListMessages, actor: Actor, reader: Reader) -> Page[Message]:
        within = policy.read_room(reader, command.room_id, actor).within
        return stored.list_messages(
            reader,
            command.room_id,
            command.cursor,
            check_page(command.limit),
            skip=check_skip(command.skip),
            includes_deleted=command.includes_deleted,
            within=within,
        )

    def list_events(self, command: ListEvents, actor: Actor, reader: Reader) -> LogPage:
        if command.after < 0:
            raise Invalid("after must not be negative", field="after")
        within = policy.read_room(reader, command.room_id, actor).within
        return log_page(reader, command.room_id, command.after, check_page(command.limit), within)

    def list_versions(self, command: ListVersions, actor: Actor, reader: Reader) -> list[Version]:
        """At most the last `MOST_VERSIONS`."""
        message, standing = policy.see_message(reader, command.message_id, actor)
        if message.is_deleted:
            raise NoSuchMessage
        if message.user_id != actor.user_id and policy.rank(standing, actor) < RoomRole.MODERATOR.rank:
            raise RoleTooLow("Only its author or a moderator sees what a message said before")
        return list_versions(reader, message, MOST_VERSIONS, standing.within)

    def list_recent(self, command: ListRecentMessages, actor: Actor, reader: Reader) -> list[Message]:
        return stored.list_recent(reader, actor.user_id, check_skip(command.skip), check_page(command.limit))

    def _checked(self, content: str) -> bytes:
        """As UTF-8."""
        return check_message(content, self._max_length)


def _check_kind(kind: str) -> str:
    if kind == SYSTEM or not _KIND.fullmatch(kind):
        raise Invalid("kind must be a word of lower-case letters, digits, - and _, and not system", field="kind")
    return kind


def _digest(said: bytes, reply_to: MessageId | None, kind: str, *, nearby: bool) -> int:
    """Tells whether two requests under one nonce are the same."""
    kinds = b"" if kind == TEXT else b"\0" + kind.encode()  # as it was when there was no other
    near = b"\0\0nearby" if nearby else b""  # no kind is empty
    digest = blake2b(b"%d\0%s%s%s" % (reply_to or 0, said, kinds, near), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
