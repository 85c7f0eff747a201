"""The backplane: how nodes call to each other. A doorbell: what is durable is in the log, heard or not."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Struct

from tertulia.domain.events import DurableEvent, EphemeralEvent, Notice
from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.domain.models import Direction
from tertulia.domain.roles import Status


class Word(Struct, frozen=True, array_like=True, tag_field="type"):
    """What one node says to all others."""


class Happened(Word, frozen=True, tag="happened"):
    """A commit's events of one room."""

    events: Sequence[DurableEvent]


class Heads(Word, frozen=True, tag="heads"):
    """Events up to here were committed, and could not be said at the time."""

    heads: dict[RoomId, Seq]


class Passed(Word, frozen=True, tag="passed"):
    event: EphemeralEvent


class Told(Word, frozen=True, tag="told"):
    notice: Notice


class Arrived(Word, frozen=True, tag="arrived"):
    """A user entered a room with the first socket on this node; or, EVERYWHERE, connected, or is seen in another
    *status* now. *version*: of what this node's occupants are."""

    version: int
    room_id: RoomId
    user_id: UserId
    username: str
    x: float | None = None
    y: float | None = None
    status: Status | None = None


class Departed(Word, frozen=True, tag="departed"):
    version: int
    room_id: RoomId
    user_id: UserId
    reason: str


class Emptied(Word, frozen=True, tag="emptied"):
    """The room is gone, and nobody in it."""

    version: int
    room_id: RoomId


class Beat(Word, frozen=True, tag="beat"):
    """I live, and my occupants are at *version*."""

    version: int


class Ask(Word, frozen=True, tag="ask"):
    """Say who your occupants are. *node*: empty for all."""

    node: str


class Everyone(Word, frozen=True, tag="everyone"):
    """All occupants of this node at *version*: (room, user, name, x, y); and who of them is seen otherwise than online."""

    version: int
    present: list[tuple[RoomId, UserId, str, float | None, float | None]]
    statuses: dict[UserId, Status] = {}


class Shout(Struct, frozen=True, array_like=True):
    """What somebody without an account said, to all others without one."""

    client_id: str
    content: str
    created_at: datetime


class Shouted(Word, frozen=True, tag="shouted"):
    shouts: Sequence[Shout]


class Strolled(Word, frozen=True, tag="strolled"):
    """Where bodies of this node are: (user, x, y, direction, the gated area that they were let into)."""

    room_id: RoomId
    moves: Sequence[tuple[UserId, float, float, Direction, int | None]]


class Whereabouts(Word, frozen=True, tag="whereabouts"):
    """Say where your bodies are."""

    room_id: RoomId


class Retreated(Word, frozen=True, tag="retreated"):
    """The user is in the room no longer, whatever sockets and visits put them there."""

    room_id: RoomId
    user_id: UserId


AnyWord = (
    Happened
    | Heads
    | Passed
    | Told
    | Arrived
    | Departed
    | Emptied
    | Beat
    | Ask
    | Everyone
    | Shouted
    | Strolled
    | Whereabouts
    | Retreated
)

encoder = msgspec.msgpack.Encoder()
decoder: msgspec.msgpack.Decoder[AnyWord] = msgspec.msgpack.Decoder(AnyWord)

Hear = Callable[[str, AnyWord], None]
"""(node, word): somebody else's word."""
Look = Callable[[Collection[RoomId] | None], None]
"""The rooms (None: all) of which something may have been missed: look at the heads of their logs."""


class Backplane(Protocol):
    """Carries words from one node to all others; never back to the node itself.

    At most once, in order per node as long as nothing is lost. Loss is allowed, and is repaired above: a feed that
    sees a gap, or a head that it has not reached, reads the log. `send` never waits and never fails: what can not be
    said is dropped and counted. Words of a room are heard only for rooms that are followed; nothing waits until
    following has taken effect: when it has, `look` is called.
    """

    node: str
    """This node's name, new with each start."""
    is_up: bool
    """Whether the others are heard just now."""
    published: int
    dropped: int

    async def start(self, hear: Hear, look: Look) -> None: ...
    async def stop(self) -> None:
        """Says what is still to be said, briefly, and ends."""

    def follow(self, room_id: RoomId) -> None: ...
    def unfollow(self, room_id: RoomId) -> None: ...
    def send(self, word: AnyWord, room_id: RoomId | None = None) -> None:
        """To all nodes that follow *room_id*; without one, to all nodes."""
