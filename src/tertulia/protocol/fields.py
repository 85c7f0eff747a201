"""Fields: the types of what stands on any dialect's wire, checked alike by msgspec (sockets) and pydantic (REST).

What is let through here can be stored and sent again: ids fit into 64 bits, text has neither NUL (PostgreSQL refuses
it) nor lone surrogates (both decoders refuse those by themselves), numbers are finite.
"""

import sys
from typing import Annotated

import pydantic
from msgspec import Meta

from tertulia.domain.ids import MAX_ID

WITHOUT_NUL = r"^[^\x00]*$"
MAX_NONCE = 64
MAX_DIRECTION = 16
LARGEST_PAGE = 1000
PAGE = 50

Id = Annotated[int, Meta(ge=1, le=MAX_ID), pydantic.Field(ge=1, le=MAX_ID)]
SeqField = Annotated[int, Meta(ge=0, le=MAX_ID), pydantic.Field(ge=0, le=MAX_ID)]
PageLimit = Annotated[int, Meta(ge=1, le=LARGEST_PAGE), pydantic.Field(ge=1, le=LARGEST_PAGE)]

Text = Annotated[str, Meta(pattern=WITHOUT_NUL), pydantic.Field(pattern=WITHOUT_NUL)]
Nonce = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_NONCE, pattern=WITHOUT_NUL),
    pydantic.Field(min_length=1, max_length=MAX_NONCE, pattern=WITHOUT_NUL),
]

# The bounds refuse infinities, and NaN too, which is not within any.
Coordinate = Annotated[
    float,
    Meta(ge=-sys.float_info.max, le=sys.float_info.max),
    pydantic.Field(allow_inf_nan=False),
]

# A word of the client's own ("left"), or an angle in degrees.
# A pattern would cost as much as all the rest of a move, of which there are ten thousand a second: on sockets `as_direction`
# looks for NUL.
DirectionField = (
    Annotated[
        str,
        Meta(max_length=MAX_DIRECTION),
        pydantic.Field(max_length=MAX_DIRECTION, pattern=WITHOUT_NUL),
    ]
    | Coordinate
    | None
)


def as_direction(direction: str | float | None) -> str | float | None:
    """Raises ValueError for what is no text."""
    if type(direction) is str and "\0" in direction:
        raise ValueError("direction has a NUL in it")
    return direction
