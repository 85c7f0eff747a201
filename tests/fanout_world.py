"""What the fan-out's tests stand on: sockets in memory that keep the contract to the byte, a log in memory, and a
dialect as plain as can be."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from tertulia.domain.commands import RoomHead
from tertulia.domain.errors import Unavailable
from tertulia.domain.events import (
    MemberAdded,
    MemberRemoved,
    MembershipBegan,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    RoomDeleted,
)
from tertulia.domain.ids import RoomId, Seq
from tertulia.domain.models import Access, Actor
from tertulia.domain.roles import LeaveReason, RoomRole, Status, UserRole
from tertulia.fanout import Connection, Hub, LocalBackplane, Pacing
from tertulia.protocol.frames import close_frame, text_frame
from tertulia.store import Committed
from tertulia.store.presence import Seen, Wishes

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ROOM = RoomId(1)


class Plain:
    """Every event as JSON, with `own` saying whose it is."""

    subprotocol = None
    is_binary = greets = False

    def __init__(self, name="plain", heartbeats=False):
        self.name, self.heartbeats = name, heartbeats
        self.encoded = 0

    def encode(self, event, own):
        self.encoded += 1
        return self._frame({"own": own, **msgspec.to_builtins(event)})

    def caught_up(self, room_id, seq):
        return self._frame({"type": "caught_up", "room_id": room_id, "seq": seq})

    def heartbeat(self, heads):
        return self._frame({"type": "heartbeat", "heads": heads})

    def farewell(self, reason, retry_after):
        return self._frame({"type": "bye", "reason": reason.word, "retry_after": retry_after})

    def closing(self, reason):
        return 4000, reason.word

    @staticmethod
    def _frame(value):
        return text_frame(msgspec.json.encode(value))


PLAIN = Plain()


class MemorySocket:
    """A `Socket` whose peer reads, or does not: then bytes wait, and above *high* of them its receiver is paused."""

    def __init__(self, high=1000):
        self.high = high
        self.receiver = None
        self.reads = True
        self.is_closed = self.is_aborted = False
        self.writes = 0
        self.got = []
        self._waiting = b""
        self._is_paused = False

    def write(self, data):
        assert isinstance(data, bytes)
        assert data, "an empty write is a system call for nothing"
        if not self.is_closed:
            self.writes += 1
            self._waiting += data
            if self.reads:
                self._deliver()
            elif len(self._waiting) > self.high and not self._is_paused:
                self._is_paused = True
                self.receiver.on_pause()

    def close(self, code=1000, reason=""):
        if not self.is_closed:
            self._waiting += close_frame(code, reason)
            if self.reads:
                self._deliver()
            self._end(code, reason)

    def abort(self):
        self.is_aborted = True
        self._end(1006, "")

    def pause_reading(self): ...
    def resume_reading(self): ...

    def stop_reading(self):
        self.reads = False

    def read_on(self):
        """The peer reads all that waits, and what comes."""
        self.reads = True
        self._deliver()
        if self._is_paused and not self.is_closed:
            self._is_paused = False
            self.receiver.on_resume()

    def _end(self, code, reason):
        if not self.is_closed:
            self.is_closed = True
            self.receiver.on_close(code, reason)

    def _deliver(self):
        data, self._waiting = self._waiting, b""
        while data:
            assert data[0] in {0x81, 0x88}, "a whole, unmasked text or close frame"
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(data[2:10], "big"), 10
            payload, rest = data[start : start + size], data[start + size :]
            assert len(payload) == size, "half a frame"
            if data[0] == 0x81:
                self.got.append(json.loads(payload))
            else:
                self.got.append(
                    {"type": "close", "code": int.from_bytes(payload[:2], "big"), "reason": payload[2:].decode()}
                )
            data = rest


class Client:
    """One client and the session it would have: the `Receiver` of a socket that knows only its hub."""

    def __init__(
        self, hub, user_id, *, dialect=PLAIN, high=1000, session="", expires_at=None, status=Status.ONLINE, blocked=()
    ):
        self.hub = hub
        self.socket = MemorySocket(high)
        self.socket.receiver = self
        actor = Actor(user_id, f"user{user_id}", UserRole.USER, session or f"session{user_id}")
        access = Access(actor, expires_at or datetime.now(UTC) + timedelta(hours=1), status, frozenset(blocked))
        self.connection = Connection(self.socket, dialect, access)
        self.removed_from = []
        self.connection.on_removed = lambda event: self.removed_from.append(event.room_id)
        hub.connect(self.connection)

    def on_pause(self):
        self.connection.on_pause()

    def on_resume(self):
        self.connection.on_resume()

    def on_close(self, code, reason):
        self.hub.disconnect(self.connection, "disconnected")

    def enter(self, room_id=ROOM, position=0, *, backlog=False, **options):
        self.hub.enter(self.connection, room_id, position=Seq(position), announce_backlog=backlog, **options)

    def listen(self, *rooms):
        """As a session does, when all of it is done at once."""
        self.hub.follow(self.connection)
        self.hub.listen(self.connection, [head(room_id, seq) for room_id, seq in rooms])

    def exit(self, room_id=ROOM):
        self.hub.exit(self.connection, room_id, "left")

    @property
    def got(self):
        return self.socket.got

    def seqs(self, room_id=ROOM):
        """Of the durable events heard, in the order they came in."""
        return [
            frame["seq"] for frame in self.got if frame.get("room_id") == room_id and "own" in frame and "seq" in frame
        ]

    def heard(self, kind):
        return [frame for frame in self.got if frame["type"] == kind]


class MemoryLog:
    """A `LogReader`: the truth, shared by the nodes of a test. It can be down, and it can be slow."""

    def __init__(self):
        self.rooms = {}
        self.joined = {}
        self.is_down = False
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def heads(self, room_ids: Sequence[RoomId]) -> dict[RoomId, Seq]:
        found = {room: Seq(len(self.rooms.get(room, ()))) for room in room_ids}
        await self._answer()
        return found

    async def read_log(self, wanted, limit):
        found = {}
        for room, after in wanted:
            events = self.rooms.get(room, [])
            found[room] = list(events[after : after + limit]), Seq(len(events))
        self.reads += 1
        await self._answer()
        return found

    async def joined_since(self, moment):
        found = list(self.joined.values())  # all there are: what is known already is to be harmless
        await self._answer()
        return found

    async def _answer(self):
        await asyncio.sleep(0)
        await self.gate.wait()
        if self.is_down:
            raise Unavailable

    def append(self, event, room_id=ROOM, message_id=None):
        events = self.rooms.setdefault(room_id, [])
        seq = Seq(len(events) + 1)
        placed = event.placed(room_id, seq, message_id or event.message_id or 1000 * room_id + seq)
        events.append(placed)
        return placed


class MemoryPeople:
    """A `PeopleReader`: users by id, with the rooms that hear of them. It can be down, and it can be slow."""

    def __init__(self, rooms):
        self.rooms = rooms
        self.blocked = {}
        self.chosen = {}
        self.last_seen = {}
        self.is_down = False
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def choose(self, user_id, status):
        self.chosen[user_id] = status

    def status(self, user_id):
        return self.chosen.get(user_id, Status.ONLINE)

    async def seen(self, user_ids):
        found = {user_id: self._seen(user_id) for user_id in user_ids if user_id in self.rooms}
        await self._answer()
        return found

    def _seen(self, user_id):
        return Seen(
            username=f"user{user_id}",
            status=self.status(user_id),
            text="",
            last_seen_at=self.last_seen.get(user_id),
            room_ids=list(self.rooms[user_id]),
        )

    async def wishes(self, user_ids):
        found = {
            user_id: Wishes(status=self.status(user_id), blocked=frozenset(self.blocked.get(user_id, ())))
            for user_id in user_ids
        }
        await self._answer()
        return found

    async def note_last_seen(self, moments):
        await self._answer()
        self.last_seen |= {
            user_id: at for user_id, at in moments.items() if self.status(user_id).shown is not Status.OFFLINE
        }

    async def _answer(self):
        self.reads += 1
        await asyncio.sleep(0)
        await self.gate.wait()
        if self.is_down:
            raise Unavailable


class World:
    """A node, and its log."""

    def __init__(self, log=None, backplane=None, **settings):
        self.log = log or MemoryLog()
        chosen = {name: settings.pop(name) for name in Pacing.__struct_fields__ if name in settings}
        pacing = Pacing(**{"rest": 0.0, **chosen})  # so that tests may count turns of the loop
        self.hub = Hub(log=self.log, backplane=backplane or LocalBackplane(), pacing=pacing, **settings)

    def client(self, user_id, **options):
        return Client(self.hub, user_id, **options)

    def commit(self, *events, room_id=ROOM, publish=True):
        """As the store does: to the log, then to the hub."""
        placed = [self.log.append(event, room_id) for event in events]
        if publish:
            self.hub.publish(Committed(events=placed))
        return placed

    def say(self, text="hi", user_id=1, nonce=None, **options):
        return self.commit(sent(text, user_id, nonce), **options)[0]

    def join(self, user_id, room_id=ROOM, *more, is_noticed=True):
        """One commit, with *more* events after it. Returns the notice that all nodes hear of, or do not."""
        placed = [self.log.append(event, room_id) for event in (added(user_id), *more)]
        notice = MembershipBegan(user_id=user_id, room_id=room_id, seq=placed[0].seq)
        self.log.joined[user_id, room_id] = notice
        self.hub.publish(Committed(events=placed, notices=[notice] if is_noticed else []))
        return notice

    def leave(self, user_id, room_id=ROOM):
        self.log.joined.pop((user_id, room_id), None)
        self.commit(removed(user_id), room_id=room_id)


def head(room_id, seq):
    return RoomHead(room_id=room_id, epoch="e", seq=Seq(seq), read_seq=Seq(seq), unread=0)


def sent(text="hi", user_id=1, nonce=None):
    return MessageSent(user_id=user_id, username=f"user{user_id}", content=text, nonce=nonce, created_at=NOW)


def edited(message, text):
    return MessageEdited(message_id=message.message_id, user_id=message.user_id, content=text, updated_at=NOW)


def deleted(message):
    return MessageDeleted(message_id=message.message_id, user_id=message.user_id, updated_at=NOW)


def removed(user_id, reason=LeaveReason.KICKED):
    return MemberRemoved(user_id=user_id, username=f"user{user_id}", reason=reason, by=1, created_at=NOW)


def added(user_id):
    return MemberAdded(user_id=user_id, username=f"user{user_id}", role=RoomRole.MEMBER, by=user_id, created_at=NOW)


def room_deleted():
    return RoomDeleted(user_id=1, created_at=NOW)


async def until(is_true: Callable[[], object], what: str = "", timeout: float = 10.0) -> None:
    """Let the loop turn until that is so."""
    end = time.monotonic() + timeout
    turns = 0
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError(what or "not in time")
        turns += 1
        await asyncio.sleep(0 if turns < 50 else 0.002)


async def turns(count: int = 10) -> None:
    """Let what is scheduled happen."""
    for _ in range(count):
        await asyncio.sleep(0)
