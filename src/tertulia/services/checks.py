"""Which values are allowed, whichever door they came in by."""

import math
from typing import Any

import msgspec

from tertulia.domain.errors import EmptyMessage, Invalid, TooLarge
from tertulia.domain.ids import MAX_ID

LARGEST_PAGE = 1000
"""Items; what a server is set to give at most is checked where every command passes."""
MOST_SKIPPED = 10_000
"""Items; to go further, use a cursor where there is one."""


def check_page(limit: int) -> int:
    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid(f"limit must be from 1 to {LARGEST_PAGE}", field="limit")
    return limit


def check_skip(skip: int) -> int:
    if not 0 <= skip <= MOST_SKIPPED:
        raise Invalid(f"skip must be from 0 to {MOST_SKIPPED}", field="skip")
    return skip


def check_text(value: str, field: str, *, most: int, least: int = 0) -> str:
    """Raises Invalid for text that is too long or too short, or that a database can not keep."""
    if len(value) > most:
        raise Invalid(f"{field} is longer than {most} characters", field=field)
    if len(value) < least:
        raise Invalid(f"{field} must have at least {least} character{'s' * (least > 1)}", field=field)
    encode_text(value, field)
    return value


def check_name(value: str, field: str, *, most: int) -> str:
    """One line with something on it; without the space around it."""
    name = check_text(value.strip(), field, most=most, least=1)
    if any(char < " " or char == "\x7f" for char in name):
        raise Invalid(f"{field} must be one line of plain text", field=field)
    return name


def check_message(content: str, most: int) -> bytes:
    """What somebody says, as UTF-8. *most*: characters. Raises EmptyMessage, Invalid."""
    if not content or content.isspace():
        raise EmptyMessage
    if len(content) > most:
        raise Invalid(f"The message is longer than {most} characters", field="content")
    return encode_text(content, "content")


def encode_text(value: str, field: str) -> bytes:
    """As UTF-8. Raises Invalid for NUL, which PostgreSQL refuses, and for lone surrogates, which are no text."""
    if "\0" in value:
        raise Invalid(f"{field} contains a NUL character", field=field)
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{field} contains a lone surrogate", field=field) from None


def check_json(value: dict[str, Any], field: str, *, most: int, depth: int) -> dict[str, Any]:
    """A copy. *most*: bytes of JSON; *depth*: how many containers may stand in each other."""
    if not _is_plain(value, depth):
        raise Invalid(f"{field} must be plain JSON, nested no deeper than {depth}", field=field)
    try:
        encoded = msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError):
        raise Invalid(f"{field} must be plain JSON", field=field) from None
    if len(encoded) > most:
        raise TooLarge(f"{field} is larger than {most} bytes")
    again: dict[str, Any] = msgspec.json.decode(encoded)
    return again


def _is_plain(value: Any, depth: int) -> bool:
    """Whether every encoding and every client can carry it: numbers in 64 bits, and finite; no NUL in a text."""
    match value:
        case None | bool():
            return True
        case str():
            return "\0" not in value
        case int():
            return -MAX_ID <= value <= MAX_ID
        case float():
            return math.isfinite(value)
        case list() | tuple():
            return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
        case dict():
            return depth > 0 and all("\0" not in str(key) and _is_plain(item, depth - 1) for key, item in value.items())
        case _:
            return False
