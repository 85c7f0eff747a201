"""Names: what users may call themselves, in any script, as long as they can be seen and told apart."""

import re
import unicodedata

from tertulia.domain.errors import Invalid
from tertulia.services.checks import check_name, check_text
from tertulia.store.users import DELETED_NAME, fold

SHORTEST, LONGEST = 2, 64
"""Characters of a username."""
LONGEST_DISPLAY_NAME = 64
MOST_MARKS = 4
"""Accents on one letter: scripts need a few, and towers of them cover the lines above."""

_RESERVED = frozenset({"system", "server", "here", "everyone", "all", "channel", "deleted", "me"})
_SEPARATORS = frozenset("._-")
_BARE = str.maketrans("", "", "._- ")
# Letters and marks that show nothing (Default_Ignorable_Code_Point, Unicode 16): fillers and variation selectors.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_STEERING = re.compile(
    "[\x80-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)  # turns text around, or breaks lines
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,185}")


def check_username(username: str) -> str:
    """Letters and digits of any script with `.`, `_` and `-` between them. Raises Invalid."""
    name = unicodedata.normalize("NFKC", check_text(username, "username", most=4 * LONGEST).strip())
    if not SHORTEST <= len(name) <= LONGEST:
        raise Invalid(f"The username must have from {SHORTEST} to {LONGEST} characters", field="username")
    if not all(char in _SEPARATORS or char.isalnum() or _is_mark(char) for char in name) or _INVISIBLE.search(name):
        raise Invalid("The username may have letters, digits, and . _ - between them", field="username")
    if not _is_edge(name[0]) or not (_is_edge(name[-1]) or _is_mark(name[-1])) or not name.translate(_BARE):
        raise Invalid("The username must begin and end with a letter or a digit", field="username")
    if _piled(name) > MOST_MARKS:
        raise Invalid("The username has too many marks on one letter", field="username")
    if fold(name) in _RESERVED or _is_taken_for_nobody(name):
        raise Invalid("This username is reserved", field="username")
    return name


def check_display_name(name: str) -> str:
    """Raises Invalid."""
    shown = check_title(name, "display_name", most=LONGEST_DISPLAY_NAME)
    if _is_taken_for_nobody(shown):
        raise Invalid("This display name is reserved", field="display_name")
    return shown


def check_title(name: str, field: str, *, most: int) -> str:
    """One line in which something can be seen, and nothing turns the text around it. Raises Invalid."""
    shown = check_name(name, field, most=most)
    if _STEERING.search(shown) or not any(_is_visible(char) for char in shown) or _piled(shown) > MOST_MARKS:
        raise Invalid(f"{field} must be one line of plain text", field=field)
    return shown


def check_email(email: str) -> str:
    """Something, one @, something: what else it takes, only a letter to it can tell. Raises Invalid."""
    address = check_text(email.strip(), "email", most=254)
    if not _EMAIL.fullmatch(address):
        raise Invalid("This is not an email address", field="email")
    return address


def _is_edge(char: str) -> bool:
    return char.isalnum() or char == "_"


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


def _is_visible(char: str) -> bool:
    if "\U0001f000" <= char <= "\U0001fffd":  # emoji, those too that this Python has not heard of
        return True
    return unicodedata.category(char)[0] in "LNPS" and not _INVISIBLE.match(char)


def _is_taken_for_nobody(name: str) -> bool:
    """It reads like the name that deleted users are given."""
    return fold(name).translate(_BARE).startswith(DELETED_NAME.translate(_BARE))


def _piled(name: str) -> int:
    """The longest run of marks."""
    longest = run = 0
    for char in unicodedata.normalize("NFD", name):
        run = run + 1 if _is_mark(char) else 0
        longest = max(longest, run)
    return longest
