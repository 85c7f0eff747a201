"""The opening handshake (RFC 6455 §4.2): the head of a request in, an `Upgrade` and the bytes of the answer out."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote

from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tertulia.protocol.socket import Upgrade

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_EXPLAINED = {
    405: "Allow: GET\r\n",
    426: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    503: "Retry-After: 5\r\n",
}

Scope = dict[str, Any]
"""An ASGI scope of type `websocket`, as far as it is needed here."""


def read_head(head: bytes, client: tuple[str, int] | None, scheme: str) -> tuple[str, Scope]:
    """Method and scope of a request. *head* is as uvicorn's HTTP class rebuilds it: well-formed, names in lower case."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, _ = first.decode("latin-1").split(" ", 2)
    path, _, query = target.partition("?")
    return method, {
        "type": "websocket",
        "path": unquote(path),
        "query_string": query.encode("latin-1"),
        "headers": [(name, value) for name, _, value in (line.partition(b": ") for line in lines)],
        "client": client,
        "scheme": scheme,
    }


def upgrade_from(scope: Mapping[str, Any]) -> Upgrade:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").strip())
    path: str = scope["path"]
    client = scope.get("client")
    return Upgrade(
        path=path.removeprefix(scope.get("root_path", "")),
        query=parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True),
        headers=headers,
        client=(client[0], client[1]) if client else None,
        scheme=scope.get("scheme", "ws"),
    )


def fault_of(method: str, upgrade: Upgrade) -> int | None:
    """The status that refuses what is no RFC 6455 handshake."""
    if method != "GET":
        return 405
    if upgrade.headers.get("sec-websocket-version") != ["13"]:
        return 426
    has_body = "transfer-encoding" in upgrade.headers or upgrade.header("content-length") not in (None, "0")
    keys, hosts = upgrade.headers.get("sec-websocket-key", ()), upgrade.headers.get("host", ())
    if has_body or len(hosts) != 1 or len(keys) != 1 or not _is_key(keys[0]):
        return 400
    return None


def _is_key(key: str) -> bool:
    """Whether *key* is 16 bytes in base64."""
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (ValueError, binascii.Error):
        return False


def switching(upgrade: Upgrade, subprotocol: str | None) -> bytes:
    """The 101 that makes the connection a WebSocket."""
    key = (upgrade.header("sec-websocket-key") or "").encode()
    digest = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {digest}\r\n{chosen}\r\n"
    ).encode("latin-1")


def refusal(status: int) -> bytes:
    """A whole response that says no more than its status, and that the connection ends."""
    phrase = HTTPStatus(status).phrase
    return (
        f"HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Type: text/plain\r\n{_EXPLAINED.get(status, '')}"
        f"Content-Length: {len(phrase)}\r\n\r\n{phrase}"
    ).encode("latin-1")


class Proxies:
    """What trusted proxies say about the client. uvicorn's own middleware, which no upgrade of ours passes through."""

    def __init__(self, config: Config) -> None:
        self._middleware = ProxyHeadersMiddleware(_nothing, config.forwarded_allow_ips or "127.0.0.1")
        self._is_on = config.proxy_headers

    def correct(self, scope: Scope) -> None:
        """Set `client` and `scheme` in *scope* to what a trusted peer forwarded."""
        if not self._is_on:
            return
        visit = self._middleware(scope, None, None)  # type: ignore[arg-type]  # neither is ever called
        with suppress(StopIteration):
            visit.send(None)  # it awaits nothing but `_nothing`, so the first step is the last


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    pass
