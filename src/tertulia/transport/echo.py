"""The echo: each text or binary frame comes back as it came."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from tertulia.protocol.dialect import Catalogue, FrameType
from tertulia.protocol.frames import binary_frame, text_frame
from tertulia.protocol.session import Allowance, Pace
from tertulia.protocol.socket import Socket

ECHOED = Catalogue(
    receives=[FrameType(name="anything", payload=Any, summary="Any text or binary frame")],
    sends=[FrameType(name="the_same", payload=Any, summary="The same frame")],
)
UNLIMITED_MESSAGE = 16 * 1024 * 1024
"""Bytes of a message where the echo is unlimited, for conformance suites."""


class EchoReceiver:
    """One echoing socket. *pace*: how fast the peer may send; None is as fast as it likes."""

    __slots__ = ("_allowance", "_now", "_pace", "_socket")

    _socket: Socket

    def __init__(self, pace: Pace | None = None, now: Callable[[], float] = monotonic) -> None:
        self._pace, self._now = pace, now
        self._allowance = Allowance(pace.burst, now()) if pace else None

    def on_open(self, socket: Socket) -> None:
        self._socket = socket

    def on_text(self, text: str) -> None:
        self._echo(text_frame(text.encode()))

    def on_binary(self, data: bytes) -> None:
        self._echo(binary_frame(data))

    def on_close(self, code: int, reason: str) -> None:
        del self._socket

    def on_pause(self) -> None:
        """Nothing to do: a socket that is paused brings nothing to echo either."""

    def on_resume(self) -> None: ...

    def _echo(self, frame: bytes) -> None:
        if self._pace and self._allowance and self._allowance.spend(self._pace.rate, self._pace.burst, self._now()):
            self._socket.close(1008, "too many frames")
        else:
            self._socket.write(frame)
