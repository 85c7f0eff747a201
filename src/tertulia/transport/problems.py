"""HTTP errors: every refusal as `application/problem+json` (RFC 9457), and never a word of what was sent."""

import math
from collections.abc import Container
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from msgspec import json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from tertulia.domain import errors as e
from tertulia.services.executor import fault_of_ours

STATUS: tuple[tuple[type[e.TertuliaError], int], ...] = (
    (e.Malformed, 400),
    (e.Unauthenticated, 401),
    (e.Forbidden, 403),
    (e.NotFound, 404),
    (e.Conflict, 409),
    (e.TooLarge, 413),
    (e.Invalid, 422),
    (e.TooFast, 429),
    (e.Internal, 500),
    (e.Unavailable, 503),
)
"""The status of each family of errors. Total: a test says so."""

CODES = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    503: "unavailable",
}
"""The code of errors that the framework raises by status alone."""


MOST_FINDINGS = 20
"""Invalid values that an answer lists: who sends thousands is not sent a list many times as long."""
LONGEST_PART = 100
"""Characters of a name from the request, where an answer repeats it."""


def status_of(error: e.TertuliaError) -> int:
    return next(status for family, status in STATUS if isinstance(error, family))


def problem(
    status: int, code: str, detail: str, *, errors: list[dict[str, Any]] | None = None, retry_after: float | None = None
) -> Response:
    """*retry_after*: seconds, rounded up for the header."""
    body: dict[str, Any] = {
        "type": f"urn:tertulia:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = errors
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return Response(json.encode(body), status, headers, "application/problem+json")


def problem_of(error: e.TertuliaError, *, in_path: Container[str] = (), in_query: Container[str] = ()) -> Response:
    """*in_path*, *in_query*: the names of the values that did not come in the request's body."""
    errors = None
    if isinstance(error, e.Invalid) and error.field:
        place = "path" if error.field in in_path else "query" if error.field in in_query else "body"
        errors = [{"loc": [place, error.field], "msg": error.message, "type": error.code}]
    retry_after = error.retry_after if isinstance(error, e.TooFast | e.Unavailable) else None
    return problem(status_of(error), error.code, error.message, errors=errors, retry_after=retry_after)


def install(app: FastAPI) -> None:
    """Answer all that can go wrong in *app* with a problem."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, e.TertuliaError)
        return problem_of(error, in_path=request.path_params, in_query=request.query_params)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _invalid(error)

    async def by_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _by_status(error)

    async def gone(request: Request, error: Exception) -> Response:
        return problem(400, "malformed", "The request ended before its body did")  # there is nobody to read it

    async def fault(request: Request, error: Exception) -> Response:
        return problem_of(fault_of_ours(error, f"{request.method} {request.url.path}"))

    app.add_exception_handler(e.TertuliaError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, by_status)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, fault)


def _invalid(error: RequestValidationError) -> Response:
    """Pydantic's findings without its `input` and `ctx`, which hold what was sent: a password, say."""
    findings = error.errors()[:MOST_FINDINGS]
    found = [{"loc": _location(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in findings]
    if any(one["type"] == "json_invalid" for one in found):
        return problem(400, "malformed", "The body is not valid JSON")
    first = found[0] if found else {"loc": [], "msg": "invalid"}
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return problem(422, "invalid", f"{where}: {first['msg']}" if where else str(first["msg"]), errors=found)


def _location(location: tuple[Any, ...]) -> list[str | int]:
    """Names from the request may hold lone surrogates, which no answer can be written with."""
    return [
        part if isinstance(part, int) else str(part)[:LONGEST_PART].encode(errors="replace").decode()
        for part in location
    ]


def _by_status(error: HTTPException) -> Response:
    code = CODES.get(error.status_code, "error")
    answer = problem(error.status_code, code, str(error.detail))
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer
