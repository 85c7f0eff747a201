"""Ids as this dialect has them: text of digits out; such text or a number in."""

from typing import Annotated, Any

from msgspec import Meta

from tertulia.domain.errors import Malformed
from tertulia.domain.ids import MAX_ID
from tertulia.protocol.dialect import read_id

TEXT_SCHEMA: dict[str, Any] = {"type": "string", "pattern": "^[0-9]{1,19}$", "examples": ["3"]}
NUMBER_SCHEMA: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
MUST_BE_AN_ID = 'must be an id such as "3"'


def read(written: Any) -> int:
    """The number that *written* means; 0 if that is no id."""
    if isinstance(written, str):
        return read_id(written)
    is_number = isinstance(written, int) and not isinstance(written, bool)
    return written if is_number and 1 <= written <= MAX_ID else 0


AnyId = (
    Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_ID})]
    | Annotated[str, Meta(extra_json_schema=TEXT_SCHEMA)]
)
"""In a frame; `need` reads it."""


def need(written: int | str, field: str) -> int:
    """Raises Malformed for what is no id."""
    number = read(written)
    if not number:
        raise Malformed(f"{field} {MUST_BE_AN_ID}")
    return number
