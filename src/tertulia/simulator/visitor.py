"""A visitor: one user's account, socket and person; comes in, comes back, and counts what happens."""

import asyncio
import contextlib
import itertools
import math
from random import uniform
from time import monotonic, perf_counter
from typing import Any

from msgspec import Struct

from tertulia.simulator import accounts, wire
from tertulia.simulator.accounts import GiveUp, Login, Refused
from tertulia.simulator.crowd import Crowd, Member
from tertulia.simulator.figures import Figures
from tertulia.simulator.floor import Floor
from tertulia.simulator.options import Failure, Options
from tertulia.simulator.person import Person
from tertulia.simulator.rest import NotReached, why
from tertulia.simulator.sockets import ClientSocket, open_socket
from tertulia.simulator.waiting import first_of
from tertulia.simulator.ways import Place
from tertulia.simulator.wire import Ack, Bye, Error, Fact, Heard, Heartbeat, Hello, Placed, Pong, Positions, RoomState

FIRST_BACK_OFF, LONGEST_BACK_OFF = 0.5, 15.0
"""Seconds between two tries to come back; each is up to twice as long as the one before."""
SHORTEST_WAIT = 0.1
JOIN_WITHIN = 30.0
CLOSE_WITHIN = 2.0
SILENT_BEATS = 2.5
"""Heartbeats without a word after which a connection is taken for dead."""
NO_LOGIN = 4401
NO_RETURN = frozenset({1003, 1007, 1008, 1009, 4400, 4403, 4404, 4409})
"""Closes after which there is no use in coming back."""


class Asked(Struct):
    """A frame that an answer is due to. *at*: when it was sent first; *action*: of a `use_tool`; *frame*: kept if it is
    to be sent again."""

    at: float
    event: str
    action: str = ""
    frame: bytes = b""


class World(Struct, frozen=True):
    """What all visitors share. *doors*: how many may come in at a time; *run_id* makes nonces unique."""

    options: Options
    figures: Figures
    floor: Floor
    crowd: Crowd
    listener: wire.Listener
    doors: asyncio.Semaphore
    run_id: str


class Visitor:
    """*heard*: positions it was told; what it is for `Person`, it is as its `Body`. *tried* is done after the first try
    to come in; *failure*: why it is not in, in a line."""

    def __init__(self, number: int, world: World, login: Login | None = None) -> None:
        options = world.options
        self._world, self._figures, self._room_id = world, world.figures, options.room_id
        self.username = options.username(number)
        self.login = login
        seed = f"{options.seed}/{number}"
        self.person = Person(seed, world.floor, self, talk=options.talk, restless=options.restless)
        self.member = Member(self.person)
        world.crowd.add(self.member)
        self.tried = asyncio.Event()
        self.failure = ""
        self.heard = 0
        self._socket: ClientSocket | None = None
        self._bytes_before = 0
        self._joined: asyncio.Future[None] | None = None
        self._refs = itertools.count(1)
        self._nonces = itertools.count(1)
        self._asked: dict[int, Asked] = {}
        self._seq, self._epoch, self._result = 0, "", ""
        self._expected = 0  # the head that the last heartbeat told
        self._interval = 25.0
        self._heard_at = 0.0
        self._bye: Bye | None = None
        self._is_renewing = self._was_in = False

    @property
    def bytes_in(self) -> int:
        return self._bytes_before + (self._socket.bytes_in if self._socket else 0)

    # ---- coming, staying, going

    async def log_in(self) -> None:
        """Before `stay`, which does it otherwise. What keeps us from it, it says."""
        with contextlib.suppress(Failure):
            async with self._world.doors:
                self.login = self.login or await accounts.log_in(self._world.options, self.username)

    async def stay(self) -> None:
        """Until cancelled, or until there is no use in coming back."""
        tries = 0
        try:
            while True:
                wait = None
                try:
                    async with self._world.doors:
                        is_in = await self._come_in()
                    if is_in:
                        tries, self.failure = 0, ""
                        self.tried.set()
                    wait = await self._until_closed()
                except Refused as error:
                    wait = error.retry_after
                    self._failed(error.code, str(error))
                except NotReached as error:
                    self._failed("not_reached", str(error))
                except TimeoutError:
                    self._failed("timeout", "the server does not answer in time")
                except OSError as error:
                    self._failed("connection_lost", why(error))
                self._drop()
                self.tried.set()
                tries += 1
                await asyncio.sleep(back_off(tries) if wait is None else max(wait, SHORTEST_WAIT))
        except GiveUp as error:
            self._failed(error.code, str(error))
            self._drop()
        finally:
            self.tried.set()

    async def leave(self) -> None:
        """In good order; what the server does not answer soon, is cut."""
        socket = self._socket
        if socket is None:
            return
        self.person.leave()
        self._send(wire.say("leave_room", {"room_id": self._room_id}))
        socket.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.shield(socket.closed)
        self._drop()

    async def _come_in(self) -> bool:
        """False: the socket was closed before one was in. Raises GiveUp, Refused, NotReached, OSError, TimeoutError."""
        options = self._world.options
        if self.login is None:
            self.login = await accounts.log_in(options, self.username)
        elif self.login.is_ending(monotonic()):
            self.login = await accounts.renew(options, self.login)
        self._bye, self._heard_at, self._expected = None, monotonic(), 0
        self._joined = asyncio.get_running_loop().create_future()
        self._socket = await open_socket(options.address, wire.PATH, self.login.token, wire.SUBPROTOCOL, self._hear)
        self._join()
        async with asyncio.timeout(JOIN_WITHIN):
            await first_of(self._joined, self._socket.closed)
        if not self._joined.done():
            return False
        self._figures.came()
        self._figures.counts.reconnects += self._was_in
        self._was_in = True
        self._send_again()
        return True

    def _join(self) -> None:
        """With what was heard last, if anything was."""
        known = {"after": self._seq, "epoch": self._epoch} if self._epoch else {}
        self._ask("join_room", {"room_id": self._room_id, **known})

    async def _until_closed(self) -> float | None:
        """Seconds that the server asks us to stay away. Raises GiveUp."""
        assert self._socket is not None
        code, reason = await asyncio.shield(self._socket.closed)  # which others wait for, too
        self._figures.closes[f"{code} {reason}".strip()] += 1
        self.failure = f"the server closes the socket: {code} {reason}".strip()
        if self.person.is_there:
            self._figures.went()
        if code == NO_LOGIN:
            self.login = None
        elif code in NO_RETURN or (self._bye is not None and not self._bye.reconnect):
            raise GiveUp(f"close_{code}", self.failure)
        return self._bye.retry_after if self._bye is not None else None

    def _drop(self) -> None:
        """What belonged to the socket that is gone. Messages that were not acknowledged are sent again, by the next."""
        self.person.leave()
        self._world.crowd.forget(self.member)
        if self._socket is not None:
            self._bytes_before += self._socket.bytes_in
            self._socket.abort()
            self._socket = None
        self._asked = {ref: asked for ref, asked in self._asked.items() if asked.frame}

    def _failed(self, code: str, text: str) -> None:
        self.failure = text
        self._figures.refused(code)

    def _send_again(self) -> None:
        for asked in self._asked.values():
            if asked.frame:
                self._send(asked.frame)

    # ---- looked after by the run, now and then

    async def look_after(self) -> None:
        """A connection that is dead is given up; a token that ends is renewed."""
        now = monotonic()
        if self._socket is None or not self.person.is_there:
            return
        if now - self._heard_at > SILENT_BEATS * self._interval:
            self._socket.abort()
        elif self.login is not None and self.login.is_ending(now) and not self._is_renewing:
            self._is_renewing = True
            try:
                async with self._world.doors:
                    self.login = await accounts.renew(self._world.options, self.login)
                self._ask("authenticate", {"token": self.login.token})
            except (Refused, NotReached, GiveUp) as error:
                self._failed("renewal", str(error))
            finally:
                self._is_renewing = False

    # ---- what the person does: a `Body`

    def move(self, x: float, y: float, direction: int) -> None:
        counts = self._figures.counts
        counts.moves += 1
        if self.member.watched_by is not None:
            counts.shown += 1
            self.member.trail.add(x, y)
        self._send(wire.update_position(self._room_id, x, y, direction))

    def use(self, thing_id: int, action: str, params: dict[str, Any]) -> None:
        what = {"room_id": self._room_id, "target_object_id": thing_id, "action": action, "params": params}
        self._ask("use_tool", what, action=action)

    def say(self, text: str, *, nearby: bool) -> None:
        counts = self._figures.counts
        counts.messages += 1
        nonce = f"{self._world.run_id}-{next(self._nonces)}"
        what = {"room_id": self._room_id, "message": text, "nonce": nonce, "nearby": nearby}
        self._ask("send_message", what, keep=True)

    def set_out(self) -> None:
        self._world.crowd.watch(self.member)

    def near(self, reach: float) -> Place | None:
        found = self._world.crowd.nearest(self.member, reach)
        return None if found is None else (found.person.x, found.person.y)

    def _ask(self, event: str, data: dict[str, Any], *, action: str = "", keep: bool = False) -> None:
        """*keep*: send it again if the connection goes before the answer comes."""
        ref = next(self._refs)
        payload = wire.say(event, data, ref)
        self._asked[ref] = Asked(perf_counter(), event, action, payload if keep else b"")
        self._send(payload)

    def _send(self, payload: bytes) -> None:
        if self._socket is not None:
            self._socket.send(payload)

    # ---- what the server says

    def _hear(self, payload: bytes) -> None:
        self._heard_at = monotonic()
        try:
            heard = self._world.listener.read(payload)
        except wire.UNREADABLE:
            self._figures.counts.unreadable += 1
            return
        for one in heard:
            self._take(one)

    def _take(self, heard: Heard) -> None:
        match heard.data:
            case Positions() as positions:  # most of all that comes
                self._see(positions)
            case Fact() as fact:
                self._hear_fact(heard.event, fact)
            case Ack() as ack:
                self._hear_ack(heard.ref, ack)
            case Error() as error:
                self._hear_error(heard.ref, error)
            case Placed() as placed:
                self._hear_place(placed)
            case _:
                self._take_rare(heard)

    def _take_rare(self, heard: Heard) -> None:
        match heard.data:
            case RoomState() as state:
                self._hear_state(state)
            case Heartbeat() as beat:
                self._hear_beat(beat)
            case Pong():
                self._hear_pong(heard.ref)
            case Hello() as hello:
                self._interval, self.member.user_id = hello.heartbeat_interval, hello.user.id
            case Bye() as bye:
                self._bye = bye
            case _:
                raise AssertionError(heard.event)

    def _see(self, positions: Positions) -> None:
        self.heard += len(positions.moves)
        watches = self.member.watches
        if not watches:
            return
        for move in positions.moves:
            trail = watches.get(move.user_id)
            if trail is not None:
                delay = trail.seen(move.x, move.y)
                if delay is not None:
                    self._figures.counts.seen += 1
                    self._figures.move_delay.recent.add(delay)

    def _hear_place(self, placed: Placed) -> None:
        is_mine = placed.user_id == self.member.user_id and placed.room_id == self._room_id
        if is_mine and self.person.corrected(placed.x, placed.y, monotonic()):
            self._figures.counts.corrections += 1

    def _hear_fact(self, event: str, fact: Fact) -> None:
        if event == "message_received":
            self._figures.counts.messages_heard += 1
        if fact.room_id != self._room_id:
            return  # what is said near us, or in an area, is kept in a room of its own
        if fact.seq <= self._seq:
            self._figures.counts.repeats += 1
            return
        self._figures.counts.gaps += fact.seq - self._seq - 1
        self._seq = fact.seq
        self._world.floor.apply(fact)

    def _hear_state(self, state: RoomState) -> None:
        if state.room_id != self._room_id:
            return
        if self._result != "resumed":
            self._seq = state.seq
        self._world.floor.take(state, is_reset=self._result == "reset")
        mine = next((one for one in state.users if one.user_id == self.member.user_id), None)
        if self._joined is None or self._joined.done():
            return
        if mine is None or mine.x is None or mine.y is None:
            self._joined.set_exception(GiveUp("no_space", f"room {self._room_id} has no space to walk about in"))
            return
        self.person.arrive(mine.x, mine.y, monotonic())
        self._joined.set_result(None)

    def _hear_ack(self, ref: int, ack: Ack) -> None:
        asked = self._asked.pop(ref, None)
        if asked is None:
            return
        counts = self._figures.counts
        match asked.event:
            case "join_room":
                self._epoch, self._result = ack.epoch, ack.result
                counts.resumed += ack.result == "resumed"
                counts.reset += ack.result == "reset"
            case "send_message":
                self._figures.ack_delay.recent.add(perf_counter() - asked.at)
                counts.acked += 1
                counts.duplicates += ack.duplicate
                counts.nearby += ack.talk_id is not None
            case "use_tool":
                self._figures.ack_delay.recent.add(perf_counter() - asked.at)
                counts.sits += asked.action == "sit"
                counts.tools += asked.action not in ("sit", "stand")
                self.person.answered(asked.action, None, monotonic())
            case _:
                pass

    def _hear_error(self, ref: int, error: Error) -> None:
        asked = self._asked.pop(ref, None)
        joined = self._joined
        if asked is not None and asked.event == "join_room" and joined is not None and not joined.done():
            text, wait = f"room {self._room_id}: {error.message}", error.retry_after
            joined.set_exception(GiveUp(error.code, text) if wait is None else Refused(error.code, text, wait))
            return
        self._figures.refused(error.code)
        if asked is not None and asked.action:
            self.person.answered(asked.action, error.code, monotonic())

    def _hear_beat(self, beat: Heartbeat) -> None:
        """Answered, as it has to be; and if what the last one told of has not come yet, something was lost."""
        self._ask("ping", {})
        if self._expected > self._seq:
            self._figures.counts.gaps += self._expected - self._seq
            self._join()
        self._expected = beat.heads.get(str(self._room_id), 0)

    def _hear_pong(self, ref: int) -> None:
        asked = self._asked.pop(ref, None)
        if asked is not None:
            self._figures.round_trip.recent.add(perf_counter() - asked.at)


def back_off(tries: int) -> float:
    """Seconds; each time about twice as many, and never those of all the others."""
    longest = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * math.exp2(tries))
    return uniform(longest / 2, longest)
