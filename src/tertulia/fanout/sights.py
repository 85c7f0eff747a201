"""Sights: the connections that see a space, and what is written to them. One tick says all that has changed."""

from collections.abc import Callable, Mapping

from tertulia.domain.ids import RoomId, UserId
from tertulia.fanout.body import Body
from tertulia.fanout.connection import Connection
from tertulia.fanout.counters import Counters
from tertulia.fanout.interest import Interest, Telling

CELL = 200.0
"""Units. Who is nearer than that is seen at once; up to 800 units in any direction are in view."""


class Viewer:
    """A connection that sees the space from where its user stands. *has_missed*: it was not told something, for its
    socket took nothing."""

    __slots__ = ("connection", "has_missed", "user_id")

    def __init__(self, connection: Connection) -> None:
        self.connection, self.user_id = connection, connection.user_id
        self.has_missed = False


class Sights:
    """Of one room. *bodies*: who is there; *wake*: there is something to tell with the next tick."""

    def __init__(
        self, room_id: RoomId, bodies: Mapping[UserId, Body], counters: Counters, *, wake: Callable[[], None]
    ) -> None:
        self._room_id, self._bodies, self._counters, self._wake = room_id, bodies, counters, wake
        self._interest: Interest[Viewer] = Interest(room_id, cell=CELL)
        self._viewers: dict[Connection, Viewer] = {}
        self._corrections: dict[Connection, Body] = {}

    # ---- who is seen

    def appear(self, body: Body) -> None:
        """All in the room are told by `user_joined` where; but not which way they look."""
        self._interest.put(body.user_id, body.x, body.y, body.direction, is_told=body.direction is None)

    def put(self, body: Body) -> None:
        """Where it is now."""
        self._interest.put(body.user_id, body.x, body.y, body.direction)
        self._wake()

    def vanish(self, user_id: UserId) -> None:
        self._interest.remove(user_id)

    def correct(self, body: Body, connection: Connection) -> None:
        """Its own user is told, on that connection, where it really is."""
        self._corrections[connection] = body
        self._wake()

    def correct_all(self, body: Body) -> None:
        for connection in self._viewers:
            if connection.user_id == body.user_id:
                self.correct(body, connection)

    # ---- who sees

    def has(self, connection: Connection) -> bool:
        return connection in self._viewers

    def watch(self, connection: Connection) -> None:
        """It has just been told where everybody is."""
        self.unwatch(connection)
        viewer = self._viewers[connection] = Viewer(connection)
        self._interest.watch(viewer)

    def unwatch(self, connection: Connection) -> None:
        viewer = self._viewers.pop(connection, None)
        self._corrections.pop(connection, None)
        if viewer is not None:
            self._interest.unwatch(viewer)
        body = self._bodies.get(connection.user_id)
        if body is not None and body.by is connection:
            body.by = None

    def show_all(self, connection: Connection) -> None:
        """With the next tick: it has not been told where anybody is."""
        viewer = self._viewers.get(connection)
        if viewer is not None:
            self._interest.refresh(viewer)
            self._wake()

    def resume(self, connection: Connection) -> None:
        """Its socket takes again: it is shown all that it sees."""
        viewer = self._viewers.get(connection)
        if viewer is not None and viewer.has_missed:
            viewer.has_missed = False
            self.show_all(connection)
            body = self._bodies.get(connection.user_id)
            if body is not None:
                self.correct(body, connection)

    # ---- ticks

    @property
    def is_settled(self) -> bool:
        return self._interest.is_settled and not self._corrections

    def tick(self, at: int) -> None:
        """*at*: milliseconds since 1970."""
        for telling in self._interest.tick():
            self._tell(telling, at)
        corrections, self._corrections = self._corrections, {}
        for connection, body in corrections.items():
            if connection.paused_since is not None:
                if connection in self._viewers:
                    self._viewers[connection].has_missed = True
                continue
            frame = connection.dialect.encode(body.position(self._room_id), False)
            if frame is not None:
                connection.write(frame)

    def _tell(self, telling: Telling[Viewer], at: int) -> None:
        """To all viewers what was built once for each dialect; but who walks is not told by single events of the very
        steps that they took."""
        moves = telling.moves
        batches: dict[str, bytes] = {}
        for viewer in telling.viewers:
            connection = viewer.connection
            if connection.paused_since is not None:
                viewer.has_missed = True
                continue
            dialect = connection.dialect
            if dialect.batches_moves:
                data = batches.get(dialect.name)
                if data is None:
                    frame = dialect.moves(self._room_id, at, [move.part(dialect) for move in moves], telling.gone)
                    data = batches[dialect.name] = frame or b""
            else:
                body = self._bodies.get(viewer.user_id)
                skipped = viewer.user_id if body is not None and body.by is connection else None
                data = b"".join(move.frame(dialect) for move in moves if move.event.user_id != skipped)
            if data:
                self._counters.moves += len(moves)
                connection.write(data)
