"""Commands of messages: sending, changing, reading and marking them."""

from datetime import datetime

from msgspec import Struct

from tertulia.domain.commands.command import Command, PageCommand
from tertulia.domain.events import DurableEvent
from tertulia.domain.ids import EVERYTHING_BEFORE, MessageId, RoomId, Seq, UserId
from tertulia.domain.models import (
    Message,
    Page,
    Reactor,
    Version,
)


class SendResult(Struct, frozen=True):
    """*duplicate*: the nonce was known, and this is the result of its first use. *talk_id*: the talk that it went to,
    if it did not go to the room itself."""

    message_id: MessageId
    seq: Seq
    created_at: datetime
    duplicate: bool = False
    talk_id: RoomId | None = None


class SendMessage(Command[SendResult], frozen=True, kw_only=True):
    """*nonce*: at most 64 characters, unique per room and author for ever. *kind*: a word of the client's, such as
    `text` or `image`; `system` is the server's own. *nearby*: to those alone who stand near, in the room's space. Who
    stands in a quiet or private area speaks to those inside."""

    room_id: RoomId
    content: str
    reply_to: MessageId | None = None
    nonce: str | None = None
    kind: str = "text"
    nearby: bool = False


class SendDirect(Command[SendResult], frozen=True, kw_only=True):
    """The same into the direct room with *user_id*, which is made if need be."""

    user_id: UserId
    content: str
    reply_to: MessageId | None = None
    nonce: str | None = None
    kind: str = "text"


class Edited(Struct, frozen=True):
    """*seq* is the edit's; the message keeps its own."""

    message: Message
    seq: Seq


class EditMessage(Command[Edited], frozen=True, kw_only=True):
    """Only the author edits. *room_id*, here and below: the message counts only if it is in that room."""

    message_id: MessageId
    content: str
    room_id: RoomId | None = None


class DeleteMessage(Command[Seq], frozen=True, kw_only=True):
    """The author, or a moderator. Gives the `seq` of the deletion; deleting again gives the first one's."""

    message_id: MessageId
    room_id: RoomId | None = None


class GetMessage(Command[Message], frozen=True, kw_only=True):
    message_id: MessageId


class ListVersions(Command[list[Version]], frozen=True, kw_only=True):
    """All that a message has said, the oldest first; for its author, and for moderators and up."""

    message_id: MessageId


class Reacted(Struct, frozen=True):
    """*seq*: where the log has this; *is_added*: whether the reaction stands now; *count*: of that emoji."""

    message: Message
    seq: Seq
    is_added: bool
    count: int


class AddReaction(Command[Reacted], frozen=True, kw_only=True):
    """*emoji*: a word of up to 32 characters without space. Harmless when it was given; its `seq` is the first one's."""

    message_id: MessageId
    emoji: str
    room_id: RoomId | None = None


class RemoveReaction(Command[Reacted], frozen=True, kw_only=True):
    """One's own. Harmless when there is none; `seq` is then where the log ends."""

    message_id: MessageId
    emoji: str
    room_id: RoomId | None = None


class ToggleReaction(Command[Reacted], frozen=True, kw_only=True):
    """Give it, or take it back if it was given."""

    message_id: MessageId
    emoji: str
    room_id: RoomId | None = None


class ListReactions(PageCommand[Page[Reactor]], frozen=True, kw_only=True):
    """In the order in which they were given; *cursor*: the last `seq` of the page before."""

    message_id: MessageId
    cursor: Seq | None = None


class PinMessage(Command[Seq], frozen=True, kw_only=True):
    """For moderators and up in a channel, for all members of a group or a direct room. Harmless when it is pinned."""

    message_id: MessageId


class UnpinMessage(Command[Seq], frozen=True, kw_only=True):
    """Harmless when it is not pinned; gives then where the log ends."""

    message_id: MessageId


class ListPins(Command[list[Message]], frozen=True, kw_only=True):
    """The one pinned last comes first."""

    room_id: RoomId


class ListMessages(PageCommand[Page[Message]], frozen=True, kw_only=True):
    """Newest first; *cursor*: a message id, what is older than it. *skip*: how many of these to pass over.
    *includes_deleted*: else what was deleted is passed over, too."""

    room_id: RoomId
    cursor: MessageId | None = None
    skip: int = 0
    includes_deleted: bool = True


class ListRecentMessages(PageCommand[list[Message]], frozen=True, kw_only=True):
    """Of all the rooms that one is a member of, newest first. *skip*: how many to pass over."""

    skip: int = 0


class LogPage(Struct, frozen=True):
    """A piece of a room's log. *seq*: of its last event (or *after*); *head*: the last of the log."""

    epoch: str
    items: list[DurableEvent]
    seq: Seq
    head: Seq

    @property
    def has_more(self) -> bool:
        return self.seq < self.head


class ListEvents(PageCommand[LogPage], frozen=True, kw_only=True):
    room_id: RoomId
    after: Seq = EVERYTHING_BEFORE


class MarkRead(Command[Seq], frozen=True, kw_only=True):
    """Only moves forward; gives where the mark stands now. What is read was delivered, too."""

    room_id: RoomId
    seq: Seq


class MarkReadTo(Command[Seq], frozen=True, kw_only=True):
    """The same, up to a message."""

    message_id: MessageId
    room_id: RoomId | None = None


class MarkDelivered(Command[Seq], frozen=True, kw_only=True):
    """The room up to *seq* has come to a device of one's own. Only moves forward."""

    room_id: RoomId
    seq: Seq
