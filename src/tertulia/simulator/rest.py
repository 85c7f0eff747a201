"""REST, as far as a client needs it: one request, one answer, each on a connection of its own."""

import asyncio
import contextlib
import os
import re
import ssl
from typing import Any

import httptools
import msgspec
from msgspec import Struct

from tertulia.simulator.options import Address, Failure

TIMEOUT = 30.0
PATIENCE = 60.0
"""Seconds that a server may put us off in all before that is its answer."""
SHORTEST_WAIT = 0.5
PUT_OFF = (429, 503)


class NotReached(Failure):
    """Nobody is there, or whoever is there speaks no HTTP."""


class Problem(Struct):
    """A refusal's body (RFC 9457), as far as it matters here."""

    code: str = ""
    detail: str = ""


class Answer:
    """An answer to a request, as it is read."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.is_complete = False

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True

    # What it says

    @property
    def retry_after(self) -> float | None:
        """Seconds; None if it says nothing, or says it in another way than we do."""
        try:
            return float(self.headers[b"retry-after"])
        except (KeyError, ValueError):
            return None

    @property
    def problem(self) -> Problem:
        try:
            problem = msgspec.json.decode(self.body, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            problem = Problem()
        return Problem(problem.code or f"http_{self.status}", problem.detail or f"it says {self.status}")


def secured(address: Address) -> ssl.SSLContext | None:
    return ssl.create_default_context() if address.is_tls else None


async def ask(
    address: Address, method: str, path: str, *, body: dict[str, Any] | None = None, token: str | None = None
) -> Answer:
    """*path*: below `/api/v1`. Waits when it is put off, up to `PATIENCE`. Raises NotReached."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    request = _request(address, method, path, body, token)
    while True:
        answer = await _exchange(address, request)
        wait = max(answer.retry_after or 1.0, SHORTEST_WAIT)
        if answer.status not in PUT_OFF or loop.time() + wait > until:
            return answer
        await asyncio.sleep(wait)


def _request(address: Address, method: str, path: str, body: dict[str, Any] | None, token: str | None) -> bytes:
    payload = b"" if body is None else msgspec.json.encode(body)
    lines = [
        f"{method} {address.prefix}/api/v1{path} HTTP/1.1",
        f"Host: {address.authority}",
        "Connection: close",
        "User-Agent: tertulia-simulate",
        f"Content-Length: {len(payload)}",
    ]
    if payload:
        lines.append("Content-Type: application/json")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode() + payload


async def _exchange(address: Address, request: bytes) -> Answer:
    answer = Answer()
    parser = httptools.HttpResponseParser(answer)
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=secured(address))
            try:
                writer.write(request)
                while not answer.is_complete and (data := await reader.read(65_536)):
                    parser.feed_data(data)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise NotReached(f"{address} does not answer within {TIMEOUT:.0f} s") from None
    except OSError as error:
        raise NotReached(f"cannot reach {address}: {why(error)}") from None
    except httptools.HttpParserError:
        raise NotReached(f"what answers at {address} is no web server") from None
    answer.status = parser.get_status_code()
    if not answer.status:
        raise NotReached(f"{address} closes the connection without an answer")
    return answer


def why(error: OSError) -> str:
    """In a few words, without the address once more: asyncio's own text has it, perhaps several times."""
    text = str(error)
    if number := re.search(r"\[Errno (\d+)\]", text):
        text = os.strerror(int(number.group(1)))
    return re.sub(r"^\[[^]]*\] | \(.*", "", text).lower() or "the connection is lost"
