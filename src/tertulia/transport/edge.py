"""The edge of HTTP, in plain ASGI: paths with and without a trailing slash, who may call from another origin, and how
large a body may be."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tertulia.domain.errors import TooLarge
from tertulia.transport.problems import problem_of

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"


class AnySlash:
    """`/rooms/` is `/rooms`: answered, not redirected (a redirect would lose the body, or the token). A slash that was
    written `%2F` is no such slash, but the end of a name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            if path.endswith("/") and path != "/":
                scope = {**scope, "path": path[: len(path) - _slashes_at_end(scope)] or "/"}
        await self._app(scope, receive, send)


def _slashes_at_end(scope: Scope) -> int:
    written: bytes = scope.get("raw_path") or scope["path"].encode()
    return len(written) - len(written.rstrip(b"/"))


class BodyLimit:
    """A body of more than *most* bytes is refused: at once if its length is told, else where it goes over that.
    *larger*: paths that take more, and how much.

    The framework's own limit answers the former in plain text, and before anybody could say who may read the answer.
    """

    def __init__(self, app: ASGIApp, most: int, larger: Mapping[str, int] | None = None) -> None:
        self._app, self._most, self._larger = app, most, larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._larger.get(scope["path"], self._most)
        refusal = TooLarge(f"The body is larger than {most} bytes")
        if _told_length(scope) > most:
            await problem_of(refusal)(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive, most, refusal), send)

    @staticmethod
    def _counted(receive: Receive, most: int, refusal: TooLarge) -> Receive:
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > most:
                raise HTTPException(413, refusal.message)  # of all that is raised, FastAPI lets this through
            return message

        return counted


def _told_length(scope: Scope) -> int:
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(told[:20]) if told.isdigit() else 0  # what is longer is no less


class Origins:
    """Which pages may talk to this server: those it serves itself, on loopback those of any port, and the allowed.

    A request without `Origin` does not come from a page.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self.allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def admit(self, origin: str | None, host: str | None) -> bool:
        """*host*: the request's own `Host`."""
        if origin is None or "*" in self.allowed or origin.lower() in self.allowed:
            return True
        try:
            page, own = urlsplit(origin.lower()), urlsplit(f"//{(host or '').lower()}")
            if page.hostname is None or own.hostname is None or page.scheme not in ("http", "https"):
                return False
            if page.hostname in LOOPBACK and own.hostname in LOOPBACK:
                return True
            return page.hostname == own.hostname and _port(page.port, page.scheme) == _port(own.port, page.scheme)
        except ValueError:  # a port that is no number
            return False


def _port(port: int | None, scheme: str) -> int:
    return port or (443 if scheme == "https" else 80)


class CrossOrigin:
    """CORS for the same origins as sockets have: loopback pages are let in only where we are on loopback ourselves."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        def guard(loopback: str | None) -> CORSMiddleware:
            return CORSMiddleware(
                app,
                allow_origins=sorted(origins.allowed),
                allow_origin_regex=loopback,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=["Retry-After", "WWW-Authenticate"],
                max_age=600,
            )

        self._on_loopback, self._elsewhere = guard(LOOPBACK_ORIGIN), guard(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"), "")
        guard = self._on_loopback if _hostname(host) in LOOPBACK else self._elsewhere
        await guard(scope, receive, send)


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:  # an unclosed bracket, say
        return None
