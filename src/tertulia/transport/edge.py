"""The edge of HTTP, in plain ASGI: paths with and without a trailing slash, and who may call from another origin."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"


class AnySlash:
    """`/rooms/` is `/rooms`: answered, not redirected (a redirect would lose the body, or the token)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            if path.endswith("/") and path != "/":
                scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


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
