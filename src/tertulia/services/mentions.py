"""Mentions: whom a text names with an `@`. Which of them are members of the room, the store finds out."""

import re
import unicodedata

from tertulia.services.names import LONGEST
from tertulia.store import Mentions
from tertulia.store.users import fold

MOST = 50
"""Names that one message may mention."""
EVERYBODY = "here"
"""No username: it is reserved."""

# What follows :// is passed over: addresses of people's pages have an @ in them. From À on, the pattern takes whatever
# there is, since none knows all letters with their accents: names are looked at more closely below.
_AT = re.compile(r"://\S*|(?<![\w@+%])@([\w.\-\u00c0-\U0010ffff]+)")


def find_mentions(text: str) -> Mentions | None:
    """The first `MOST` names, folded, and whether everybody is called. None for most texts: nobody is."""
    if "@" not in text:
        return None
    names: dict[str, None] = {}
    calls_everybody = False
    for found in _AT.finditer(text):
        name = _name(text, found)
        if name == EVERYBODY:
            calls_everybody = True
        elif name and len(names) < MOST:
            names[name] = None
    return Mentions(names=tuple(names), here=calls_everybody) if names or calls_everybody else None


def _name(text: str, found: re.Match[str]) -> str:
    """The longest run that may be a name; empty if it is none, or part of a word or of an email address."""
    run: str | None = found[1]
    if run is None or _ends_a_word(text, found.start()):
        return ""
    size = next((place for place, char in enumerate(run) if not _is_part(char)), len(run))
    if text[found.start(1) + size : found.start(1) + size + 1] == "@":
        return ""
    name = run[:size].rstrip(".-")
    return fold(name) if 0 < len(name) <= 4 * LONGEST else ""  # typed with each accent apart it may be that long


def _ends_a_word(text: str, end: int) -> bool:
    """With an accent before *end*; without one the pattern has seen it."""
    start = end
    while start > 0 and _is_mark(text[start - 1]):
        start -= 1
    return 0 < start < end and text[start - 1].isalnum()


def _is_part(char: str) -> bool:
    """Of a name: see `check_username`."""
    return char.isalnum() or char in "_.-" or _is_mark(char)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")
