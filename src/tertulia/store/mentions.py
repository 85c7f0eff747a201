"""Mentions: who of a room is named in a message. In the message's own row for who reads it, in a table for counting.

The table has one row for each who is called: of a message for everybody that is the one row of `ALL`; and nobody
calls themselves. So what has called a member after their mark is counted without looking at a message twice.
"""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import delete, insert, select

from tertulia.domain.ids import RoomId, Seq, UserId
from tertulia.store.tables import memberships, mentions, users
from tertulia.store.work import Mentions, Reader, Work

ALL = UserId(0)
"""Stands for everybody."""


class Called(Struct, frozen=True):
    """Members that a message mentions, and whether it calls everybody."""

    user_ids: list[UserId] = []
    here: bool = False

    @property
    def column(self) -> list[UserId] | None:
        """As the message's own row has it."""
        return [*self.user_ids, *([ALL] if self.here else [])] or None

    def rows(self, author: UserId) -> list[UserId]:
        """Whom the table has a row for."""
        return [ALL] if self.here else [user_id for user_id in self.user_ids if user_id != author]


def called(column: Sequence[UserId] | None) -> Called:
    """Of a message's own row."""
    return Called([user_id for user_id in column if user_id != ALL], ALL in column) if column else NOBODY


NOBODY = Called()


def find_called(reader: Reader, room_id: RoomId, wanted: Mentions | None) -> Called:
    """Those of *wanted* who are members of the room."""
    if wanted is None:
        return NOBODY
    found = {}
    if wanted.names:
        named = select(users.c.username_key, users.c.id).join(memberships, memberships.c.user_id == users.c.id)
        named = named.where(memberships.c.room_id == room_id, users.c.username_key.in_(wanted.names))
        found = {row.username_key: row.id for row in reader.sql.execute(named)}
    return Called([found[name] for name in wanted.names if name in found], wanted.here)


def replace_rows(work: Work, room_id: RoomId, seq: Seq, author: UserId, old: Called, new: Called) -> None:
    """In the table, of the message at *seq*."""
    gone, come = old.rows(author), new.rows(author)
    if gone == come:
        return
    if gone:
        of_it = (mentions.c.room_id == room_id) & (mentions.c.seq == seq)
        work.sql.execute(delete(mentions).where(of_it, mentions.c.user_id.in_(gone)))
    if come:
        work.sql.execute(insert(mentions), [{"room_id": room_id, "user_id": user_id, "seq": seq} for user_id in come])
