"""Ids as this dialect has them: `conv-1`, `user-3` and `msg-9` out; with or without the prefix in, as text or a number."""

from typing import Annotated, Any

from msgspec import Meta

from tertulia.domain.errors import Malformed
from tertulia.domain.ids import MAX_ID
from tertulia.protocol.dialect import read_id

CONVERSATION, USER, MESSAGE = "conv", "user", "msg"


def conversation(number: int) -> str:
    return f"{CONVERSATION}-{number}"


def user(number: int) -> str:
    return f"{USER}-{number}"


def message(number: int) -> str:
    return f"{MESSAGE}-{number}"


def read(kind: str, written: Any) -> int:
    """The number that is meant by *written*; 0 if that is no id of this kind."""
    if isinstance(written, str):
        return read_id(written.removeprefix(f"{kind}-"))
    is_number = isinstance(written, int) and not isinstance(written, bool)
    return written if is_number and 1 <= written <= MAX_ID else 0


def explain(kind: str) -> str:
    """What is asked for where `read` gave 0."""
    return f'must be an id such as "{kind}-1"'


def schema(kind: str) -> dict[str, Any]:
    """The text form, as JSON Schema has it."""
    return {"type": "string", "pattern": f"^({kind}-)?[0-9]{{1,19}}$", "examples": [f"{kind}-1"]}


AnyMessageId = (
    Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_ID})]
    | Annotated[str, Meta(extra_json_schema=schema(MESSAGE))]
)
"""In a frame; `read_message` says which it is."""


def read_message(written: int | str, field: str) -> int:
    """Raises Malformed for what is no message's id."""
    number = read(MESSAGE, written)
    if not number:
        raise Malformed(f"{field} {explain(MESSAGE)}")
    return number
