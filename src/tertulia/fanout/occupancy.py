"""Occupancy: who is in a room now, per user and not per socket, on all nodes; and who is connected: who is EVERYWHERE.

Each node keeps a picture of all occupants, and tells its own sockets what changes in that picture; so for every
socket a user's `user_joined` and `user_left` alternate. A node owns the truth about its own users; it numbers its
changes and says each to the others. Who misses a number asks for the whole. A node that is silent for some seconds
is taken for dead, and its users have left. What it does not promise: that all nodes see a change at the same moment,
or at all if it is undone while the nodes do not hear each other; and nothing here is stored.
"""

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from time import monotonic

from msgspec import Struct

from tertulia.domain.events import SHOWN_OCCUPANTS, UserJoined, UserLeft
from tertulia.domain.ids import EVERYWHERE, RoomId, UserId
from tertulia.domain.models import Direction, Occupant
from tertulia.domain.roles import Status
from tertulia.fanout.backplane import AnyWord, Arrived, Ask, Beat, Departed, Emptied, Everyone

SILENCE = 7.0
"""Seconds without a word after which a node is taken for dead."""
BETWEEN_ANSWERS = 1.0
"""Seconds between two tellings, or two askings, of the whole."""

NOWHERE: frozenset[str] = frozenset()
"""One for all who are on no other node, which is nearly everybody."""


def nowhere(room_id: RoomId, user_id: UserId) -> None:
    """For where there are no spaces."""


class Spot(Struct, frozen=True):
    """Where somebody is in a space, and when they were last heard of there."""

    x: float
    y: float
    direction: Direction
    last_seen: datetime


class _Present:
    """A user in a room: *sockets* on this node, and the other *nodes* where they are too. *x* and *y*: where they came
    in. *status*: as others see it; said of those who are EVERYWHERE alone."""

    __slots__ = ("nodes", "sockets", "status", "username", "x", "y")

    def __init__(self, username: str, x: float | None, y: float | None) -> None:
        self.username, self.x, self.y = username, x, y
        self.status = Status.ONLINE
        self.sockets = 0
        self.nodes = NOWHERE


class _Peer:
    """Another node: what it said last. *version* is None until the whole of it is known."""

    __slots__ = ("asked_at", "heard_at", "present", "version")

    def __init__(self) -> None:
        self.version: int | None = None
        self.heard_at = 0.0
        self.asked_at = float("-inf")
        self.present: set[tuple[RoomId, UserId]] = set()


class Occupancy:
    """Sans I/O. *say*: a word to all other nodes; *tell*: an event to this node's sockets in the room; *spot*: where
    somebody is in the room's space."""

    def __init__(
        self,
        node: str,
        *,
        say: Callable[[AnyWord], None],
        tell: Callable[[UserJoined | UserLeft], None],
        spot: Callable[[RoomId, UserId], Spot | None] = nowhere,
    ) -> None:
        self._node, self._say, self._tell, self._spot = node, say, tell, spot
        self._rooms: dict[RoomId, dict[UserId, _Present]] = {}
        self._rooms_of: dict[UserId, set[RoomId]] = {}
        self._lists: dict[RoomId, list[Occupant]] = {}
        self._peers: dict[str, _Peer] = {}
        self._version = 0
        self.lost_at = monotonic()
        """When people were lost of whom this node knew, or could not know: as it started, and with each node that died."""
        self._answered_at = float("-inf")
        self._owes_answer = False

    def occupants(self, room_id: RoomId) -> list[Occupant]:
        """The very same list until something changes: not to be changed by who gets it."""
        known = self._lists.get(room_id)
        if known is None:
            room = self._rooms.get(room_id, {})
            known = [self._occupant(room_id, user, one) for user, one in room.items()]
            if known:
                self._lists[room_id] = known
        return known

    def find(self, room_id: RoomId, user_id: UserId) -> Occupant | None:
        one = self._rooms.get(room_id, {}).get(user_id)
        return None if one is None else self._occupant(room_id, user_id, one)

    def relist(self, room_id: RoomId) -> None:
        """Somebody has moved there."""
        self._lists.pop(room_id, None)

    def is_own(self, room_id: RoomId, user_id: UserId) -> bool:
        """In the room by a socket of this node."""
        one = self._rooms.get(room_id, {}).get(user_id)
        return one is not None and one.sockets > 0

    @property
    def has_peers(self) -> bool:
        return bool(self._peers)

    def is_keeper(self, room_id: RoomId) -> bool:
        """Whether this is the first, by name, of the nodes that somebody is in the room on: all agree which one is."""
        nodes: set[str] = set()
        for one in self._rooms.get(room_id, {}).values():
            nodes |= one.nodes
            if one.sockets:
                nodes.add(self._node)
        return min(nodes, default=self._node) == self._node

    def is_there(self, user_id: UserId) -> bool:
        """Connected, on whichever node."""
        return user_id in self._rooms.get(EVERYWHERE, ())

    def status_of(self, user_id: UserId) -> Status:
        """As others see it, of somebody who is there."""
        one = self._rooms.get(EVERYWHERE, {}).get(user_id)
        return Status.ONLINE if one is None else one.status

    # ---- on this node

    def arrive(
        self,
        room_id: RoomId,
        user_id: UserId,
        username: str,
        x: float | None,
        y: float | None,
        status: Status | None = None,
    ) -> None:
        """With one more socket."""
        one = self._put(room_id, user_id, username, x, y, status, sockets=1)
        if one.sockets == 1:
            self._version += 1
            self._say(Arrived(self._version, room_id, user_id, username, one.x, one.y, status))

    def show(self, user_id: UserId, status: Status) -> None:
        """How others see somebody from now on, if they are there."""
        one = self._rooms.get(EVERYWHERE, {}).get(user_id)
        if one is None or one.status is status:
            return
        self._set_status(user_id, one, status)
        if one.sockets:
            self._version += 1
            self._say(Arrived(self._version, EVERYWHERE, user_id, one.username, status=status))

    def depart(self, room_id: RoomId, user_id: UserId, reason: str) -> None:
        """With one socket."""
        one = self._rooms.get(room_id, {}).get(user_id)
        if one is None or not one.sockets:
            return
        one.sockets -= 1
        if not one.sockets:
            self._version += 1
            self._say(Departed(self._version, room_id, user_id, reason))
            self._drop_if_gone(room_id, user_id, one, reason)

    def empty(self, room_id: RoomId) -> None:
        """The room is no more. There is nobody left to be told."""
        self._version += 1
        self._say(Emptied(self._version, room_id))
        self._lists.pop(room_id, None)
        for user_id in self._rooms.pop(room_id, {}):
            self._forget_room_of(user_id, room_id)
        for peer in self._peers.values():
            peer.present = {(room, user) for room, user in peer.present if room != room_id}

    # ---- the other nodes

    def greet(self) -> None:
        """The others can be heard (again)."""
        self._say(Ask(""))
        self._say(Beat(self._version))

    def beat(self, is_up: bool) -> None:
        """To be called every two seconds. *is_up*: whether the others can be heard; else their silence says nothing."""
        now = monotonic()
        self._say(Beat(self._version))
        if self._owes_answer:
            self._answer(now)
        for node, peer in list(self._peers.items()):
            if not is_up:
                peer.heard_at = now
            elif now - peer.heard_at > SILENCE:
                del self._peers[node]
                self.lost_at = now
                for room_id, user_id in peer.present:
                    self._gone_from(node, room_id, user_id, "disconnected")

    def hear(self, node: str, word: AnyWord) -> None:
        now = monotonic()
        if isinstance(word, Ask):
            if word.node in {"", self._node}:
                self._answer(now)
            return
        peer = self._peers.setdefault(node, _Peer())
        peer.heard_at = now
        match word:
            case Everyone():
                self._replace(node, peer, word)
            case Beat():
                if word.version == 0 and peer.version is None:
                    peer.version = 0
                elif word.version != peer.version:
                    self._ask(node, peer, now)
            case Arrived() | Departed() | Emptied():
                if peer.version is not None and word.version == peer.version + 1:
                    peer.version = word.version
                    self._apply(node, peer, word)
                elif peer.version is None or word.version > peer.version:
                    self._ask(node, peer, now)
            case _:
                pass

    # ---- inside

    def _apply(self, node: str, peer: _Peer, word: Arrived | Departed | Emptied) -> None:
        match word:
            case Arrived():
                peer.present.add((word.room_id, word.user_id))
                self._put(word.room_id, word.user_id, word.username, word.x, word.y, word.status).nodes |= {node}
            case Departed():
                peer.present.discard((word.room_id, word.user_id))
                self._gone_from(node, word.room_id, word.user_id, word.reason)
            case Emptied():
                for room_id, user_id in [place for place in peer.present if place[0] == word.room_id]:
                    peer.present.discard((room_id, user_id))
                    self._gone_from(node, room_id, user_id, "removed")

    def _replace(self, node: str, peer: _Peer, word: Everyone) -> None:
        if peer.version is not None and word.version <= peer.version:
            return
        peer.version = word.version
        before, peer.present = peer.present, {(room_id, user_id) for room_id, user_id, *_ in word.present}
        for room_id, user_id in before - peer.present:
            self._gone_from(node, room_id, user_id, "disconnected")
        for room_id, user_id, username, x, y in word.present:
            status = word.statuses.get(user_id, Status.ONLINE) if room_id == EVERYWHERE else None
            self._put(room_id, user_id, username, x, y, status).nodes |= {node}

    def _put(
        self,
        room_id: RoomId,
        user_id: UserId,
        username: str,
        x: float | None,
        y: float | None,
        status: Status | None,
        sockets: int = 0,
    ) -> _Present:
        """*sockets*: so many more, which count before anybody is told."""
        room = self._rooms.setdefault(room_id, {})
        one = room.get(user_id)
        is_new = one is None
        if one is None:
            one = room[user_id] = _Present(username, x, y)
            self._rooms_of.setdefault(user_id, set()).add(room_id)
        one.sockets += sockets
        if status is not None and one.status is not status:
            self._set_status(user_id, one, status)
        if is_new:
            self._lists.pop(room_id, None)
            present = [] if room_id == EVERYWHERE else self._first(room_id)
            self._tell(UserJoined(room_id=room_id, user_id=user_id, username=username, x=x, y=y, present=present))
        elif x is not None and y is not None and (one.x, one.y) != (x, y):
            one.x, one.y = x, y
            self._lists.pop(room_id, None)
        return one

    def _set_status(self, user_id: UserId, one: _Present, status: Status) -> None:
        one.status = status
        for room_id in self._rooms_of.get(user_id, ()):
            self._lists.pop(room_id, None)

    def _occupant(self, room_id: RoomId, user_id: UserId, one: _Present) -> Occupant:
        spot = self._spot(room_id, user_id)
        status = self.status_of(user_id).value
        if spot is None:
            return Occupant(user_id=user_id, username=one.username, x=one.x, y=one.y, status=status)
        return Occupant(
            user_id=user_id,
            username=one.username,
            x=spot.x,
            y=spot.y,
            direction=spot.direction,
            status=status,
            last_seen=spot.last_seen,
        )

    def _gone_from(self, node: str, room_id: RoomId, user_id: UserId, reason: str) -> None:
        one = self._rooms.get(room_id, {}).get(user_id)
        if one is not None:
            one.nodes -= {node}
            self._drop_if_gone(room_id, user_id, one, reason)

    def _drop_if_gone(self, room_id: RoomId, user_id: UserId, one: _Present, reason: str) -> None:
        if one.sockets or one.nodes:
            return
        self._lists.pop(room_id, None)
        room = self._rooms[room_id]
        del room[user_id]
        if not room:
            del self._rooms[room_id]
        self._forget_room_of(user_id, room_id)
        present = [] if room_id == EVERYWHERE else self._first(room_id)
        self._tell(UserLeft(room_id=room_id, user_id=user_id, username=one.username, reason=reason, present=present))

    def _first(self, room_id: RoomId) -> list[UserId]:
        """Of those who are in the room now, as many as are shown."""
        return list(islice(self._rooms.get(room_id, ()), SHOWN_OCCUPANTS))

    def _forget_room_of(self, user_id: UserId, room_id: RoomId) -> None:
        rooms = self._rooms_of.get(user_id, set())
        rooms.discard(room_id)
        if not rooms:
            self._rooms_of.pop(user_id, None)

    def _ask(self, node: str, peer: _Peer, now: float) -> None:
        if now - peer.asked_at >= BETWEEN_ANSWERS:
            peer.asked_at = now
            self._say(Ask(node))

    def _answer(self, now: float) -> None:
        self._owes_answer = now - self._answered_at < BETWEEN_ANSWERS
        if self._owes_answer:
            return
        self._answered_at = now
        present = [
            (room_id, user_id, one.username, one.x, one.y)
            for room_id, room in self._rooms.items()
            for user_id, one in room.items()
            if one.sockets
        ]
        statuses: dict[UserId, Status] = {}
        for user_id, one in self._rooms.get(EVERYWHERE, {}).items():
            if one.sockets and one.status is not Status.ONLINE:
                statuses[user_id] = one.status
        self._say(Everyone(self._version, present, statuses))
