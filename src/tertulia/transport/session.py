"""Sessions: a socket's frames become commands, in order; what the commands give becomes frames. Knows no wire format."""

import asyncio
import logging
import secrets
from collections import deque
from functools import partial
from random import random
from time import monotonic
from typing import Any

from msgspec import UNSET, Struct

from tertulia.domain import commands as c
from tertulia.domain import errors as e
from tertulia.domain.clock import Clock
from tertulia.domain.events import DurableEvent, RoomDeleted, UserTyping
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Access
from tertulia.fanout import Connection, Hub
from tertulia.protocol.dialect import CloseReason, Dialect, Entered, Request, Resume
from tertulia.protocol.session import HangUp, Later, Pace, Refuse, Session
from tertulia.protocol.socket import Socket
from tertulia.services.authenticator import Authenticator
from tertulia.services.executor import Executor, fault_of_ours
from tertulia.transport.credentials import Credential, Kind
from tertulia.transport.entering import how_to_go_on, occupant, reason_for

FIRST_FRAME_WITHIN = 5.0
"""Seconds that a socket without a token has for its `authenticate` frame."""
MOST_WAITING = 64
"""Frames of one socket that wait for the one before; above this it is read no further until they are done."""
TYPING_EVERY = 3.0
"""Seconds between two tellings that somebody is typing in a room."""
TALK = "(talk)"
"""What a request is called by which the server lets a socket into a talk. Nobody asked, so a refusal is not told."""
TALK_AGAIN = 1.0
"""Seconds until a socket is let into a talk that it could not be let into because the store was away."""
MOST_TYPED = 256
"""Places of which it is remembered when one was typing there."""

log = logging.getLogger("tertulia.session")


class Lobby(Struct, frozen=True):
    """What all sessions of a node share."""

    executor: Executor
    authenticator: Authenticator
    hub: Hub
    pace: Pace
    clock: Clock
    spread: float = 5.0
    """Seconds over which clients are told to come back after a restart, each at a moment of its own."""


class SocketSession:
    """One socket's conversation, from the handshake to the close. A `Receiver`.

    Commands of one socket take effect in the order they came in: a message is posted without waiting for the one
    before it (the writer lane keeps their order), everything else waits until all before it are answered.
    """

    __slots__ = (
        "_address", "_backlog", "_connection", "_credential", "_dialect", "_in_band", "_is_paused", "_late",
        "_lobby", "_posted", "_refusal", "_room_id", "_session", "_socket", "_task", "_timer", "_typed_at",
        "_user_id",
    )  # fmt: skip

    def __init__(
        self,
        lobby: Lobby,
        dialect: Dialect,
        credential: Credential | None,
        *,
        room_id: RoomId | None = None,
        user_id: UserId | None = None,
        in_band: bool = False,
        address: str = "",
        refusal: CloseReason | None = None,
    ) -> None:
        """*user_id*: whose token it must be. *in_band*: the first frame may authenticate. *refusal*: accept, then close
        at once, so that a page can read why."""
        self._lobby, self._dialect, self._credential = lobby, dialect, credential
        self._room_id, self._in_band, self._address, self._refusal = room_id, in_band, address, refusal
        self._user_id = user_id
        self._session = Session(dialect, room_id, lobby.pace, monotonic())
        self._socket: Socket | None = None
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._backlog: deque[str | bytes | Request] | None = None
        self._posted = 0
        self._late: dict[RoomId, Request] = {}
        self._is_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._typed_at: dict[c.Type, float] | None = None

    # ---- what the socket tells

    def on_open(self, socket: Socket) -> None:
        self._socket = socket
        if self._refusal is not None:
            self._hang_up(self._refusal)
            return
        self._start(self._open())

    def on_text(self, text: str | bytes) -> None:
        now = monotonic()
        if self._connection is not None:
            self._connection.last_heard = now
        if self._task is not None or self._backlog:
            self._wait(text)
        else:
            self._take(text, now)

    on_binary = on_text

    def on_pause(self) -> None:
        self._is_paused = True
        if self._connection is not None:
            self._connection.on_pause()

    def on_resume(self) -> None:
        self._is_paused = False
        if self._connection is not None:
            self._connection.on_resume()

    def on_shutdown(self) -> None:
        self._hang_up(CloseReason.RESTARTING, random() * self._lobby.spread)

    def on_stalled(self) -> None:
        self._give_up(CloseReason.SLOW_CONSUMER)

    def on_silent(self) -> None:
        self._give_up(CloseReason.SILENT)

    def on_close(self, code: int, reason: str) -> None:
        self._socket = self._backlog = None
        self._cancel_timer()
        if self._connection is not None:
            self._lobby.hub.disconnect(self._connection, "closed" if code in (1000, 1001) else "disconnected")
            self._connection = None

    # ---- frames in, in order

    def _wait(self, what: str | bytes | Request) -> None:
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(what)
        if len(self._backlog) >= MOST_WAITING and self._socket is not None:
            self._socket.pause_reading()

    def _take(self, frame: str | bytes, now: float) -> None:
        """Decode *frame* and do what it asks; or, if it must wait for those before it, leave it in the backlog."""
        do = self._session.receive(frame, now)
        if do is None:
            return
        if isinstance(do, Refuse):
            self._refuse(do)
        elif isinstance(do, Later):
            self._move_later(do.request, do.move, do.wait)
        elif isinstance(do, HangUp):
            if do.refusal is not None:
                self._refuse(do.refusal)
            self._hang_up(do.reason, do.retry_after)
        else:
            self._do(do)

    def _do(self, request: Request) -> None:
        if type(request.command) is c.Move and self._connection is not None:
            self._move(request, request.command, self._connection)
            return
        while self._late:
            self._take_late()  # they came before this
        if type(request.command) is c.SendMessage and self._connection is not None:
            self._posted += 1
            self._lobby.executor.post(request.command, self._connection.actor, partial(self._answer_post, request))
        elif self._posted:
            if self._backlog is None:
                self._backlog = deque()
            self._backlog.appendleft(request)
        else:
            self._start(self._run(request))

    def _move(self, request: Request, move: c.Move, connection: Connection) -> None:
        """At once, and without waiting for what was sent before: where one is now has nothing to do with it."""
        try:
            is_open = self._lobby.hub.spaces.walk(connection, move.room_id, move.x, move.y, move.direction)
        except e.TertuliaError as error:
            self._answer(request, error)
            return
        if not is_open:
            self._start(self._run(request))
        elif request.ref is not UNSET:
            self._answer(request, None)
        if self._late:
            self._late.pop(move.room_id, None)  # this one is newer

    def _move_later(self, request: Request, move: c.Move, wait: float) -> None:
        """More moves than it may send: of those in one room that come before it may again the last one counts."""
        if not self._walks_in(move.room_id):
            return
        if not self._late:
            asyncio.get_running_loop().call_later(wait, self._take_late)
        self._late[move.room_id] = request

    def _take_late(self) -> None:
        """One room's; the others' after that, at the pace of all frames."""
        if not self._late:
            return
        room_id = next(iter(self._late))
        late = self._late.pop(room_id)
        if self._late:
            asyncio.get_running_loop().call_later(1 / self._lobby.pace.rate, self._take_late)
        if self._walks_in(room_id):
            (self._wait if self._task is not None or self._backlog else self._do)(late)

    def _walks_in(self, room_id: RoomId) -> bool:
        subscription = None if self._connection is None else self._connection.rooms.get(room_id)
        return subscription is not None and subscription.is_present

    def _enter_talk(self, talk_id: RoomId, *, is_new: bool = True) -> None:
        """Its user has come into a talk: it hears that from now on, as if it had asked to. *is_new*: all that was said
        since they came is news to it."""
        request = Request(c.EnterRoom(room_id=talk_id, joins=False, from_stay=is_new), TALK)
        if self._task is not None or self._backlog:
            self._wait(request)
        else:
            self._do(request)

    def _answer_post(self, request: Request, outcome: c.SendResult | e.TertuliaError) -> None:
        self._posted -= 1
        try:
            self._answer(request, outcome)
        except Exception as fault:  # noqa: BLE001 (else what waits behind it would wait for ever)
            fault_of_ours(fault, "an answer")
            self._hang_up(CloseReason.FAULT)
        if self._backlog:
            self._next()

    def _start(self, work: Any) -> None:
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (fault := task.exception()) is not None:
            fault_of_ours(fault if isinstance(fault, Exception) else RuntimeError(repr(fault)), "a session")
            self._hang_up(CloseReason.FAULT)
        self._next()

    def _next(self) -> None:
        """Go on with what has waited."""
        while self._backlog and self._task is None:
            what = self._backlog[0]
            if isinstance(what, Request) and self._posted:
                return
            self._backlog.popleft()
            if len(self._backlog) == MOST_WAITING - 1 and self._socket is not None:
                self._socket.resume_reading()
            if isinstance(what, Request):
                self._do(what)
            else:
                self._take(what, monotonic())

    # ---- opening

    async def _open(self) -> None:
        if self._credential is None:
            if not self._in_band:
                self._hang_up(CloseReason.MISSING_TOKEN)
                return
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(FIRST_FRAME_WITHIN, self._hang_up, CloseReason.MISSING_TOKEN)
            if self._dialect.greets:
                self._send(self._dialect.replies(Request(c.Greet()), c.Welcome(session_id=secrets.token_urlsafe(12))))
            return
        credential, self._credential = self._credential, None
        try:
            access = await self._access(credential)
            self._admit(access)
            greeting = []
            if self._dialect.greets:
                greeting = self._dialect.replies(Request(c.Greet()), await self._welcome(access))
            for request in self._dialect.opening(self._room_id):
                result = await self._result(request)
                self._send(greeting)  # now: who is refused is not greeted
                greeting = []
                self._answer(request, result)
            self._send(greeting)
        except e.TertuliaError as error:
            self._hang_up(reason_for(error))

    async def _access(self, credential: Credential) -> Access:
        if credential.kind is Kind.TICKET:
            return await self._lobby.authenticator.redeem(credential.secret)
        return await self._lobby.authenticator.access(credential.secret)

    def _admit(self, access: Access) -> None:
        """From now on this socket is that user's; or, on a renewal, is so for longer."""
        if self._socket is None:
            raise e.Unavailable  # closed meanwhile
        if self._user_id is not None and access.actor.user_id != self._user_id:
            raise e.InvalidToken
        if self._connection is None:
            self._connection = Connection(self._socket, self._dialect, access, address=self._address)
            self._connection.on_removed = self._removed
            if self._dialect.enters_talks:
                self._connection.on_talk = self._enter_talk
            self._lobby.hub.connect(self._connection)
            if self._is_paused:
                self._connection.on_pause()
        elif self._connection.actor.user_id != access.actor.user_id:
            raise e.InvalidToken
        else:
            self._connection.renew(access)
        self._session.is_ready = True
        self._cancel_timer()

    async def _welcome(self, access: Access) -> c.Welcome:
        execute, actor = self._lobby.executor.execute, access.actor
        user = await execute(c.GetUser(user_id=actor.user_id), actor)
        rooms = await execute(c.ListHeads(), actor)
        return c.Welcome(
            session_id=self._connection.id if self._connection else "",
            user=user,
            expires_in=max(0, int((access.expires_at - self._lobby.clock()).total_seconds())),
            rooms=rooms,
        )

    # ---- commands

    async def _run(self, request: Request) -> None:
        try:
            self._answer(request, await self._result(request))
        except e.TertuliaError as error:
            if request.name == TALK:
                if isinstance(request.command, c.EnterRoom) and self._connection is not None:
                    self._shut_out(request.command, error, self._connection)
                return
            self._answer(request, error)
            if self._connection is None and isinstance(error, e.Unauthenticated):
                self._hang_up(reason_for(error))

    def _shut_out(self, talk: c.EnterRoom, error: e.TertuliaError, connection: Connection) -> None:
        """Of a talk. Who is in it, and could not be let in just now, is let in later."""
        if not isinstance(error, e.Unavailable):
            self._lobby.hub.spaces.ended(talk.room_id, connection.user_id)
            return
        asyncio.get_running_loop().call_later(TALK_AGAIN, self._enter_again, talk)

    def _enter_again(self, talk: c.EnterRoom) -> None:
        if self._connection is not None:
            self._enter_talk(talk.room_id, is_new=talk.from_stay)

    async def _result(self, request: Request) -> Any:
        command, connection = request.command, self._connection
        if isinstance(command, c.Ping):
            return self._lobby.clock()
        if isinstance(command, c.Authenticate):
            access = await self._lobby.authenticator.access(command.token)
            self._admit(access)
            return await self._welcome(access)
        if connection is None:
            raise e.MissingToken
        match command:
            case c.EnterRoom():
                return await self._enter(command, connection)
            case c.Move():
                return await self._walk(command, connection)
            case c.ExitRoom():
                return self._lobby.hub.exit(connection, command.room_id, "left")
            case c.Listen():
                self._lobby.hub.follow(connection)
                return await self._lobby.executor.execute(c.ListHeads(), connection.actor)
            case c.Type():
                return await self._type(command, connection)
            case _:
                return await self._lobby.executor.execute(command, connection.actor)

    async def _enter(self, command: c.EnterRoom, connection: Connection) -> Entered:
        snapshot = await self._lobby.executor.execute(command, connection.actor)
        if snapshot.room.space is not None:
            await self._lobby.hub.spaces.open(command.room_id)
        return self._entered(command, snapshot, connection)

    async def _walk(self, move: c.Move, connection: Connection) -> None:
        """Where nobody has walked before on this node."""
        spaces = self._lobby.hub.spaces
        if move.room_id not in connection.rooms:
            raise e.NotThere
        if await spaces.open(move.room_id) is None:
            raise e.NoSpace
        spaces.walk(connection, move.room_id, move.x, move.y, move.direction)

    def _entered(self, command: c.EnterRoom, snapshot: c.Snapshot, connection: Connection) -> Entered:
        hub, room_id, user_id = self._lobby.hub, snapshot.room.id, connection.user_id
        result = how_to_go_on(command, snapshot)
        spot = hub.spaces.arrive(room_id, user_id, command.x, command.y)
        users = hub.occupants(room_id)
        if hub.find_occupant(room_id, user_id) is None:
            users = [*users, occupant(connection, hub.status_of(user_id).value, spot)]
        return Entered(
            snapshot=snapshot,
            users=users,
            result=result,
            x=None if spot is None else spot.x,
            y=None if spot is None else spot.y,
            bubbles=hub.spaces.bubbles(room_id),
            now=self._lobby.clock(),
        )

    async def _type(self, command: c.Type, connection: Connection) -> None:
        """Of what is said too often, or where one may say nothing just now, nobody is told."""
        hub, room_id, actor = self._lobby.hub, command.room_id, connection.actor
        if room_id is not None and not hub.is_in(connection, room_id):
            raise e.NotAMember("Join the room first")
        if self._typed_at is None or len(self._typed_at) == MOST_TYPED:
            self._typed_at = {}
        now = monotonic()
        if now - self._typed_at.get(command, -TYPING_EVERY) < TYPING_EVERY:
            return
        self._typed_at[command] = now
        voice = c.FindVoice(room_id=room_id, user_id=command.user_id)
        room_id = await self._lobby.executor.execute(voice, actor)
        if room_id is not None:
            is_inside, talk_id = hub.spaces.find_area_talk(room_id, actor.user_id)
            room_id = talk_id if is_inside else room_id  # who is in a quiet area is seen typing there alone
        if room_id is not None:
            event = UserTyping(room_id=room_id, user_id=actor.user_id, username=actor.username)
            hub.announce(event, skip=connection)

    # ---- frames out

    def _answer(self, request: Request, outcome: Any) -> None:
        if isinstance(outcome, e.TertuliaError):
            self._refuse(Refuse(outcome, request.name, request.ref))
            return
        self._send(self._dialect.replies(request, outcome))
        if isinstance(outcome, Entered) and isinstance(request.command, c.EnterRoom):
            self._hear(request.command, outcome)
        elif isinstance(request.command, c.Listen) and self._connection is not None:
            self._lobby.hub.listen(self._connection, outcome)

    def _hear(self, command: c.EnterRoom, entered: Entered) -> None:
        """Hear the room from the very place in its log where the answer ended."""
        if self._connection is None:
            return
        snapshot = entered.snapshot
        after = snapshot.since if command.from_stay else command.after
        self._lobby.hub.enter(
            self._connection,
            command.room_id,
            position=after if entered.result is Resume.RESUMED and after is not None else snapshot.seq,
            announce_backlog=command.after is not None,
            head=snapshot.seq,
            x=entered.x,
            y=entered.y,
        )
        if self._connection.on_talk is not None:
            for talk_id in self._lobby.hub.spaces.talks_of(command.room_id, self._connection.user_id):
                self._enter_talk(talk_id, is_new=False)

    def _refuse(self, refusal: Refuse) -> None:
        frame = self._dialect.error(refusal.error, refusal.name, refusal.ref)
        if frame is not None:
            self._send([frame])

    def _send(self, frames: list[bytes]) -> None:
        if self._socket is not None and frames:
            self._socket.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def _removed(self, event: DurableEvent) -> None:
        """The membership or the room ended: a socket that is there for this room alone has no more use."""
        if event.room_id == self._room_id:
            is_gone = isinstance(event, RoomDeleted)
            self._hang_up(CloseReason.NO_SUCH_ROOM if is_gone else CloseReason.NOT_A_MEMBER)

    def _give_up(self, reason: CloseReason) -> None:
        """The peer is not there, or does not read: the hub knows how to part from such, and counts them."""
        if self._connection is not None:
            self._lobby.hub.hang_up(self._connection, reason)
        else:
            self._hang_up(reason)

    def _hang_up(self, reason: CloseReason, retry_after: float | None = None) -> None:
        if self._socket is None:
            return
        farewell = self._dialect.farewell(reason, retry_after)
        if farewell is not None:
            self._socket.write(farewell)
        self._socket.close(*self._dialect.closing(reason))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
