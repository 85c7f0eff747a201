"""What is said of other messages and of people, as it is now: never stored a second time, and looked up many at once."""

from collections.abc import Collection

import msgspec
from msgspec import Struct
from sqlalchemy import text

from tertulia.domain.ids import MessageId, UserId
from tertulia.domain.models import Quote
from tertulia.domain.quotes import quote
from tertulia.store.mentions import Called, called
from tertulia.store.work import Reader

_LOOK_UP = """
    SELECT 'quoted' AS what, m.id, m.user_id, u.username, m.content, m.mentions, m.is_deleted
    FROM {quoted} q {message} {author}
    UNION ALL SELECT 'edited', m.id, m.user_id, '', m.content, m.mentions, m.is_deleted
    FROM {said} q {message} WHERE m.is_edited
    UNION ALL SELECT 'gone', u.id, u.id, '', '', NULL, u.is_deleted
    FROM {people} q {person} WHERE u.is_deleted"""
_NAMES = ("quoted", "said", "people")
# Lists of ids may be long, so each goes as one value. The joins leave the planner no choice but to look up each id.
_STATEMENTS = {
    "sqlite": text(
        _LOOK_UP.format(
            **{name: f"json_each(:{name})" for name in _NAMES},
            message="CROSS JOIN messages m ON m.id = q.value",
            author="CROSS JOIN users u ON u.id = m.user_id",
            person="CROSS JOIN users u ON u.id = q.value",
        )
    ),
    "postgresql": text(
        _LOOK_UP.format(
            **{name: f"unnest(CAST(:{name} AS bigint[]))" for name in _NAMES},
            message="CROSS JOIN LATERAL (SELECT * FROM messages WHERE id = q OFFSET 0) m",
            author="CROSS JOIN LATERAL (SELECT username FROM users WHERE id = m.user_id OFFSET 0) u",
            person="CROSS JOIN LATERAL (SELECT id, is_deleted FROM users WHERE id = q OFFSET 0) u",
        )
    ),
}


class Edited(Struct, frozen=True):
    """What a message says now, and whom that mentions."""

    content: str
    called: Called


class Now(Struct):
    """How things stand. *edited*: only those that say something else than at first; *gone*: accounts that were deleted."""

    quotes: dict[MessageId, Quote] = {}
    edited: dict[MessageId, Edited] = {}
    gone: set[UserId] = set()


def look_up(
    reader: Reader,
    *,
    quoted: Collection[MessageId] = (),
    said: Collection[MessageId] = (),
    people: Collection[UserId] = (),
) -> Now:
    now = Now()
    if not (quoted or said or people):
        return now
    dialect = reader.sql.dialect.name
    wanted = dict(zip(_NAMES, map(list, (quoted, said, people)), strict=True))
    values = wanted if dialect == "postgresql" else {name: _json(ids) for name, ids in wanted.items()}
    for row in reader.sql.execute(_STATEMENTS[dialect], values):
        if row.what == "quoted":
            now.quotes[row.id] = quote(row.id, row.user_id, row.username, row.content, is_deleted=bool(row.is_deleted))
        elif row.what == "edited":
            now.edited[row.id] = Edited(row.content, called(row.mentions and msgspec.json.decode(row.mentions)))
        else:
            now.gone.add(row.id)
    return now


def _json(ids: list[int]) -> str:
    return msgspec.json.encode(ids).decode()
