"""Pages: the front page, /docs and /redoc. Nothing on them comes from any host but this one."""

from functools import lru_cache
from html import escape
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

_OURS = Path(__file__).parent
_THEIRS = Path(fastapi_offline.__file__).parent / "static"
_BY_REDOC = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
"""The one thing that Redoc's bundle would fetch from elsewhere: a picture of its maker's sign."""

_PLAIN = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'self'; frame-ancestors 'none'"
_VIEWER = (
    "default-src 'none'; script-src 'self'{eval}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'self'; frame-ancestors 'none'"
)
_POLICIES = {
    "index.html": _PLAIN,
    "asyncapi.html": _PLAIN,
    "docs.html": _VIEWER.format(eval=""),
    "redoc.html": _VIEWER.format(eval=" 'unsafe-eval'"),  # it compiles the schemas that it shows
}


def install(app: FastAPI) -> None:
    """Adds the pages to *app*, which must have been made with `docs_url=None, redoc_url=None`."""

    async def front(request: Request) -> HTMLResponse:
        return render("index.html", request, app.version)

    async def docs(request: Request) -> HTMLResponse:
        return render("docs.html", request, app.version)

    async def redoc(request: Request) -> HTMLResponse:
        return render("redoc.html", request, app.version)

    async def redoc_bundle() -> Response:
        return Response(_redoc_bundle(), media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})

    async def favicon() -> FileResponse:
        return FileResponse(_OURS / "static/cup.svg", media_type="image/svg+xml")

    for path, page in (("/", front), ("/docs", docs), ("/redoc", redoc), ("/favicon.ico", favicon)):
        app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/static/viewers/redoc.standalone.js", redoc_bundle, include_in_schema=False)
    app.mount("/static/viewers", StaticFiles(directory=_THEIRS), name="viewers")
    app.mount("/static/pages", StaticFiles(directory=_OURS / "static"), name="pages")


def render(name: str, request: Request, version: str, *, content: str = "") -> HTMLResponse:
    """The pages' addresses are relative to their `<base>`: behind a proxy the server may live below a path. *content*:
    HTML for the page's middle."""
    root = escape(str(request.scope.get("root_path", "")).rstrip("/"))
    text = _template(name).replace("{{root}}", root).replace("{{version}}", escape(version))
    text = text.replace("{{content}}", content)
    headers = {
        "Content-Security-Policy": _POLICIES[name],
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(text, headers=headers)


@lru_cache
def _template(name: str) -> str:
    return (_OURS / name).read_text(encoding="utf-8")


@lru_cache
def _redoc_bundle() -> bytes:
    return (_THEIRS / "redoc.standalone.js").read_bytes().replace(_BY_REDOC, b"data:,")
