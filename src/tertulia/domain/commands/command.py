"""The command: what R is the result of."""

from typing import Generic, TypeVar

from msgspec import Struct

R = TypeVar("R")


class Command(Struct, Generic[R], frozen=True, kw_only=True):
    """A request to change or read something; R is what its handler returns."""


class PageCommand(Command[R], frozen=True, kw_only=True):
    """Asks for one page of a list. *limit*: the most items on it, from 1 to what the server is set to."""

    limit: int = 50
