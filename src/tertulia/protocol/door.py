"""The door, as a REST dialect sees it: commands are executed through it, and it says who is asking."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from pydantic import BaseModel, Field

from tertulia.domain.commands import Command
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor

R = TypeVar("R")


class Live(Struct, frozen=True, kw_only=True):
    """One open socket. *rooms*: those that it hears; *address*: where it comes from."""

    id: str
    user_id: UserId
    username: str
    dialect: str
    rooms: list[RoomId]
    since: datetime
    address: str


class Census(Struct, frozen=True, kw_only=True):
    """How many sockets are open on this node: with an account, without one (*public*), and how many hear each room."""

    authenticated: int
    public: int
    rooms: dict[RoomId, int]


class Door(Protocol):
    """What goes wrong behind it is raised as a domain error; the transport makes problem+json of it."""

    async def execute(self, command: Command[R], actor: Actor | None) -> R: ...

    @property
    def actor(self) -> Callable[..., Awaitable[Actor]]:
        """A FastAPI dependency: the authenticated user, or Unauthenticated."""

    @property
    def anyone(self) -> Callable[..., Awaitable[Actor | None]]:
        """A FastAPI dependency: the authenticated user, None without a token; InvalidToken for a bad one."""

    def census(self) -> Census: ...
    def list_live(self) -> list[Live]:
        """Every open socket of this node with an account."""


class FieldProblem(BaseModel):
    """One value that is not allowed: where it stands, and why."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(BaseModel):
    """The body of every REST error (RFC 9457), as `application/problem+json`. *code*: a stable word."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = Field(default=None, description="For validation errors: one item a field")


DESCRIPTIONS = {
    400: "The request could not be understood",
    401: "No token, or not a good one",
    403: "Not allowed",
    404: "Not there, or not for you to see",
    409: "Somebody or something was first",
    413: "The body is too large",
    415: "The body is of a type that is not understood here",
    422: "A value is not allowed",
    429: "Too many requests: see Retry-After",
    503: "Starting, draining or cut off from the database: see Retry-After",
}
ALWAYS = (400, 413, 415, 422, 429, 503)
"""What any route may answer."""

_RETRY_AFTER = {"Retry-After": {"description": "Seconds until another try can succeed", "schema": {"type": "integer"}}}
_HEADERS = {
    401: {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problems(*statuses: int) -> dict[str, Any]:
    """For a route's decorator: that it may answer *statuses*, and those of `ALWAYS`, with a Problem."""
    return {"responses": {status: _answer(status) for status in sorted({*statuses, *ALWAYS})}}


def _answer(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": DESCRIPTIONS[status], "content": _CONTENT}
    return answer | {"headers": _HEADERS[status]} if status in _HEADERS else answer


def describe_problems(openapi: dict[str, Any]) -> dict[str, Any]:
    """*openapi* with the schema that `problems` refers to, in place of FastAPI's own of its errors."""
    schemas = openapi.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    return openapi
