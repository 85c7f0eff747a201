"""Logs: one line each, for people or for machines; the ASGI server's too; and never a token, ticket or password."""

import logging
import re
import sys
from contextlib import suppress
from secrets import token_hex
from typing import Any, TextIO

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, Processor

_SERVER = ("uvicorn", "uvicorn.error", "uvicorn.access")
_NOISE = (
    "connection open",
    "connection closed",
    "connection rejected",
    # Ways for strangers to fill the disk: a traceback for each frame that is no UTF-8, a line for each wish for HTTP/2.
    "Invalid UTF-8 sequence received from client",
    "Unsupported upgrade request",
    # Said of each upgrade that was refused in good order (uvicorn 0.54, websockets-sansio).
    "ASGI callable returned without completing handshake",
)

_NAMES = r"(?:token|ticket|password|passwd|secret(?:_?key)?|api_?key)"  # or how a name ends
_REDACTIONS = (
    # name=value in an address or form, "name": "value" in JSON or a dict, also when quoted once more
    (
        re.compile(rf"""({_NAMES}(?:\\?["'])?\s*(?:=|:|%3D)\s*(?:b?\\?["'])?)[^\s&;,"'\\#)}}\]]+""", re.IGNORECASE),
        r"\1***",
    ),
    # `Authorization: Bearer X`, also as a pair of header bytes; the subprotocols `bearer, X`
    (re.compile(r"\b(bearer|basic|digest)((?:[\s,]|%20|%2C|\+)+)[\w.~+/=-]{6,}", re.IGNORECASE), r"\1\2***"),
    # whatever begins like a JWT, wherever it stands; a pattern that looked for the dots would try again at each "eyJ"
    (re.compile(r"\beyJ[\w-]{8}[\w-]*(?:\.[\w-]+)*"), "***"),
    # scheme://user:password@host
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+@"), r"\1***@"),
)


def redact(text: str) -> str:
    """*text* without what could let its reader in. When in doubt it takes too much."""
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


class Redaction(logging.Filter):
    """Cleans the ASGI server's records themselves, so that they are safe for any other handler too."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str):
            if record.msg.startswith(_NOISE):
                return False
            record.msg = redact(record.msg)
        if isinstance(record.args, tuple):  # its shape stays: uvicorn's own formatter takes it apart
            record.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The last step of every line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class RequestId:
    """Names each request, in its log lines and in the answer's `X-Request-ID`; a proxy's name for it is kept."""

    _GIVEN = re.compile(rb"[\w.-]{1,64}")

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode() if self._GIVEN.fullmatch(given) else token_hex(8)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, named)


def configure(*, log_format: str = "text", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Route all logging of this process to *stream* (stderr). *log_format*: "text" or "json".

    The server must leave it alone: `uvicorn.Config(log_config=None)`.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        RedactingFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _without_colour],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log_format, stream)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _SERVER:
        server = logging.getLogger(name)
        server.handlers, server.propagate = [], True
        server.setLevel(logging.NOTSET)
        server.filters = [Redaction()]
    for name in ("alembic", "asyncio"):  # each migration's and each loop's housekeeping
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # warns of each form that is none: a 400 says it


def _rendering(log_format: str, stream: TextIO) -> list[Processor]:
    if log_format == "json":
        return [structlog.processors.format_exc_info, _in_order, structlog.processors.JSONRenderer()]
    colours = False
    with suppress(AttributeError, ValueError):  # a stream that is none, or closed
        colours = stream.isatty()
    # Not the pretty traceback: it shows local variables, and with them what people said.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain, pad_event_to=0)]


def _without_colour(logger: Any, method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn's second copy of its message
    return event


def _in_order(logger: Any, method: str, event: EventDict) -> EventDict:
    first = {name: event[name] for name in ("timestamp", "level", "logger", "event") if name in event}
    return {**first, **event}
