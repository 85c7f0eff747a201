"""Which values are allowed, whichever door they came in by."""

from typing import Any

import msgspec

from tertulia.domain.errors import Invalid, TooLarge

MOST_ON_A_PAGE = 100


def check_page(limit: int) -> int:
    if not 1 <= limit <= MOST_ON_A_PAGE:
        raise Invalid(f"limit must be from 1 to {MOST_ON_A_PAGE}", field="limit")
    return limit


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


def encode_text(value: str, field: str) -> bytes:
    """As UTF-8. Raises Invalid for NUL, which PostgreSQL refuses, and for lone surrogates, which are no text."""
    if "\0" in value:
        raise Invalid(f"{field} contains a NUL character", field=field)
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{field} contains a lone surrogate", field=field) from None


def check_json(value: dict[str, Any], field: str, *, most: int, depth: int) -> dict[str, Any]:
    """As it will be read back. *most*: bytes of JSON; *depth*: how many containers may stand in each other."""
    if _is_deeper(value, depth):
        raise Invalid(f"{field} is nested too deeply", field=field)
    try:
        encoded = msgspec.json.encode(value)
        if len(encoded) > most:
            raise TooLarge(f"{field} is larger than {most} bytes")
        again: dict[str, Any] = msgspec.json.decode(encoded)
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        raise Invalid(f"{field} is no JSON that can be kept", field=field) from None
    return again


def _is_deeper(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth == 0 or any(_is_deeper(item, depth - 1) for item in value.values())
    if isinstance(value, list):
        return depth == 0 or any(_is_deeper(item, depth - 1) for item in value)
    return False
