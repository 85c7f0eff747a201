"""The server's process: it takes its port before all else, and says in one line why it does not start."""

import gc
import logging
import socket

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GARBAGE = 20_000, 20, 50
"""When the collector looks for circles: after so many new objects, and among older ones after so many looks. Python's own
700 is a look for every few hundred steps of people who walk, and one among all that there is every second or so: a
seventh of a core with five hundred of them. What is said and walked leaves no circles."""

log = logging.getLogger("tertulia")


class CannotListen(Exception):
    """The text is one line for the person at the terminal."""


class Server(uvicorn.Server):
    """uvicorn, in our words."""

    def __init__(self, config: uvicorn.Config) -> None:
        config.app = PlainRefusals(config.app)  # type: ignore[arg-type]  # never an import string here
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()  # modules, routes, schemas: they stay, and need not be looked at again
        gc.set_threshold(*GARBAGE)
        for listener in sockets or ():  # uvicorn tells only of those that it has made itself
            host, port = listener.getsockname()[:2]
            log.info("Listening on http://%s:%d (Ctrl+C ends it)", f"[{host}]" if ":" in host else host, port)


class PlainRefusals:
    """A start that our own code refuses is told by the reason, without the way there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, _plainly(send))
        else:
            await self._app(scope, receive, send)


def _plainly(send: Send) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            reason = message.get("message", "").strip().rpartition("\n")[2]
            kind, _, text = reason.partition(": ")
            if kind.startswith("tertulia.") and text:
                message = {**message, "message": text}
        await send(message)

    return tell


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; connections are taken once the server runs. Raises CannotListen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and host == "::":
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # all means all
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotListen(
            f"Cannot listen on {host} port {port}: {str(reason).lower()} (settings HOST, PORT)"
        ) from None
    return bound
