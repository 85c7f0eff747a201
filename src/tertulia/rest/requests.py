"""What of a request is more than its JSON body: credentials that may come as a form, and who asks from where."""

import json
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from msgspec import Struct
from pydantic import ValidationError

from tertulia.domain.commands import Login
from tertulia.domain.errors import Malformed
from tertulia.rest.bodies import Credentials

MAX_USER_AGENT = 200
FORM = "application/x-www-form-urlencoded"
FORMS = (FORM, "multipart/form-data")


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_json(kind: str) -> bool:
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


async def json_only(request: Request) -> None:
    """A dependency: 415 for a body that is not JSON."""
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body and not _is_json(media_type(request)):
        raise HTTPException(415, "The body must be application/json")


JSON_BODY: list[Any] = [Depends(json_only)]
"""The `dependencies=` of a route with a body."""


async def no_store(response: Response) -> None:
    """A dependency: nobody on the way keeps the answer (RFC 6749 §5.1)."""
    response.headers["Cache-Control"] = "no-store"


NOT_TO_BE_KEPT: list[Any] = [Depends(no_store)]
"""The `dependencies=` of a route that gives tokens."""


NO_CONTENT: dict[str, Any] = {"status_code": 204, "response_class": Response}
"""For a route that has nothing to say."""


async def credentials(request: Request) -> Credentials:
    """A dependency: username and password, as JSON or as the form of OAuth2's password flow."""
    kind = media_type(request)
    if kind in FORMS:
        fields = await request.form()
        return _checked({name: value for name, value in fields.items() if isinstance(value, str)})
    if not _is_json(kind):
        raise HTTPException(415, f"The body must be application/json or {FORM}")
    try:
        return _checked(json.loads(await request.body()))
    except (ValueError, RecursionError):
        raise Malformed("The body is not valid JSON") from None


def _checked(fields: Any) -> Credentials:
    try:
        return Credentials.model_validate(fields)
    except ValidationError as error:
        found = [one | {"loc": ("body", *one["loc"])} for one in error.errors(include_input=False, include_url=False)]
        raise RequestValidationError(found) from None


CREDENTIALS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": Credentials.model_json_schema()} for kind in ("application/json", FORM)},
    }
}
"""What OpenAPI is told of `credentials`."""


class Caller(Struct, frozen=True):
    """Where a login comes from."""

    user_agent: str
    address: str


async def caller(request: Request) -> Caller:
    """A dependency."""
    agent = request.headers.get("user-agent", "")[:MAX_USER_AGENT]
    return Caller(agent, request.client.host if request.client else "")


FromCaller = Annotated[Caller, Depends(caller)]


async def login_command(body: Annotated[Credentials, Depends(credentials)], caller: FromCaller) -> Login:
    """A dependency: the login that the request asks for, in any dialect."""
    return Login(username=body.username, password=body.password, user_agent=caller.user_agent, address=caller.address)


FromLogin = Annotated[Login, Depends(login_command)]
