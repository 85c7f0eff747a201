"""Pictures over HTTP: how a request brings one, and how one is given out so that browsers keep it and run nothing in it."""

from typing import Any

from fastapi import HTTPException, Request, Response
from starlette.datastructures import UploadFile

from tertulia.domain.errors import Invalid
from tertulia.domain.models import Avatar
from tertulia.rest.requests import media_type

MULTIPART = "multipart/form-data"
FIELD = "file"
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_BINARY = {"type": "string", "format": "binary"}


async def picture(request: Request) -> bytes:
    """A dependency: the file that was sent, as the field `file` of a form or as the whole body. What is in it says what
    it is: no name and no type that the client gives it does."""
    kind = media_type(request)
    if kind == MULTIPART:
        async with request.form(max_files=1, max_fields=10) as fields:
            file = fields.get(FIELD)
            if not isinstance(file, UploadFile):
                raise Invalid(f"The form has no file in its field `{FIELD}`", field=FIELD)
            return await file.read()
    if not kind.startswith("image/") and kind != "application/octet-stream":
        raise HTTPException(415, f"The body must be an image, or {MULTIPART} with one in its field `{FIELD}`")
    return await request.body()


PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            MULTIPART: {"schema": {"type": "object", "properties": {FIELD: _BINARY}, "required": [FIELD]}},
            **{kind: {"schema": _BINARY} for kind in IMAGES},
        },
    }
}
"""What OpenAPI is told of `picture`."""

PICTURE: dict[int, Any] = {
    200: {"description": "The picture", "content": {"image/webp": {"schema": _BINARY}}},
    304: {"description": "The one that the caller has is the one"},
}
"""What OpenAPI is told of `shown`."""

SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
"""Opened as a page of its own, it is nothing but a picture."""
FOR_EVER = "public, max-age=31536000, immutable"
ASK_FIRST = "public, no-cache"


def shown(request: Request, avatar: Avatar, version: str | None) -> Response:
    """*version*: the digest in the address that was asked for. Under it there is never another picture."""
    tag = f'"{avatar.digest}"'
    headers = {**SAFE, "ETag": tag, "Cache-Control": FOR_EVER if version == avatar.digest else ASK_FIRST}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(avatar.data, headers=headers, media_type=avatar.content_type)
