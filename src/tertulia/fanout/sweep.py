"""The sweep: once a second, whose heartbeat is due, and who has been silent, slow or logged in for too long."""

from collections.abc import Callable, Collection
from time import monotonic

from tertulia.domain.clock import Clock
from tertulia.fanout.connection import Connection
from tertulia.protocol.dialect import CloseReason


class Sweep:
    """*connections* and *lagging* are the hub's. Heartbeats go round a wheel of seconds, a few sockets in each, so
    that they neither go out nor are answered all at once. An interval of 0: no heartbeats."""

    def __init__(
        self,
        connections: Collection[Connection],
        lagging: Collection[Connection],
        *,
        clock: Clock,
        heartbeat_interval: float,
        slow_consumer_timeout: float,
        beat: Callable[[Connection], None],
        hang_up: Callable[[Connection, CloseReason], None],
    ) -> None:
        self._connections, self._lagging, self._clock = connections, lagging, clock
        self._interval, self._patience = heartbeat_interval, slow_consumer_timeout
        self._beat, self._hang_up = beat, hang_up
        self._wheel: list[dict[Connection, None]] = [{} for _ in range(max(1, round(heartbeat_interval)))]
        self._next_place = 0
        self._turns = 0
        self._began_at = self._turned_at = monotonic()

    def add(self, connection: Connection) -> None:
        if connection.dialect.heartbeats and self._interval > 0:
            connection.place = self._next_place = (self._next_place + 1) % len(self._wheel)
            connection.beat_at = monotonic()
            self._wheel[connection.place][connection] = None

    def remove(self, connection: Connection) -> None:
        self._wheel[connection.place].pop(connection, None)

    def turn(self) -> None:
        now = monotonic()
        if now - self._turned_at > max(5.0, self._interval / 2):
            self._forgive(now)
        self._turned_at = now
        self._close_expired()
        self._close_slow(now)
        due = int(now - self._began_at)
        for turn in range(max(self._turns, due - len(self._wheel)), due):
            for connection in list(self._wheel[turn % len(self._wheel)]):
                self._beat_or_close(connection, now)
        self._turns = due

    def _forgive(self, now: float) -> None:
        """It was this process that slept: what the clients said meanwhile has not been read yet."""
        for connection in self._connections:
            connection.last_heard = now
        for connection in self._lagging:
            connection.paused_since = now

    def _close_expired(self) -> None:
        now = self._clock()
        for connection in [one for one in self._connections if one.expires_at <= now]:
            self._hang_up(connection, CloseReason.INVALID_TOKEN)

    def _close_slow(self, now: float) -> None:
        for connection in list(self._lagging):
            if connection.paused_since is not None and now - connection.paused_since > self._patience:
                self._hang_up(connection, CloseReason.SLOW_CONSUMER)

    def _beat_or_close(self, connection: Connection, now: float) -> None:
        if connection.paused_since is not None:
            return  # it can not hear the beat; how long it may be so is another limit
        if now - connection.last_heard > 2 * self._interval:
            self._hang_up(connection, CloseReason.SILENT)
        else:
            self._beat(connection)
