"""The one door: every command, from every dialect, socket or REST, comes through here."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from time import monotonic
from typing import Any, TypeVar, cast

import msgspec

from tertulia.domain.commands import Command, OpenDirect, PageCommand, SendDirect, SendMessage, SendResult
from tertulia.domain.errors import Internal, Invalid, MissingToken, NotThere, RoleTooLow, TertuliaError
from tertulia.domain.ids import EVERYWHERE
from tertulia.domain.models import Actor, Voice
from tertulia.services.floors import Floors, NoFloors
from tertulia.services.handlers import Entry, How
from tertulia.services.messages import Messages
from tertulia.services.talks import Talks
from tertulia.store import Post, Store
from tertulia.store.work import PostDone

STILL_TOLD = 0.01
"""Seconds."""

R = TypeVar("R")
log = logging.getLogger("tertulia.executor")


class Executor:
    """Runs commands, each as one unit of work. What it raises is a TertuliaError, always: a bug becomes `Internal`,
    logged once under its id."""

    def __init__(
        self,
        store: Store,
        handlers: Mapping[type[Command[Any]], Entry],
        messages: Messages,
        *,
        max_page: int = 100,
        floors: Floors | None = None,
        talks: Talks | None = None,
    ) -> None:
        """*max_page*: the most items that anybody may ask for at once. *floors*: who says where that goes what is said in
        a space, and *talks* brings it there."""
        self._store, self._handlers, self._messages, self._max_page = store, handlers, messages, max_page
        self._floors, self._talks = floors or NoFloors(), talks or Talks(store)
        self._under_way = 0
        self._done_at = -inf

    @property
    def is_busy(self) -> bool:
        """Something is under way, or was done a moment ago and is perhaps still to be told."""
        return self._under_way > 0 or monotonic() - self._done_at < STILL_TOLD

    async def execute(self, command: Command[R], actor: Actor | None) -> R:
        self._under_way += 1
        try:
            if isinstance(command, SendMessage):
                return cast(R, await self._send(command, actor))
            if isinstance(command, SendDirect):
                return cast(R, await self._send_direct(command, actor))
            return cast(R, await self._run(command, actor))
        except TertuliaError:
            raise
        except Exception as fault:
            raise fault_of_ours(fault, type(command).__name__) from fault
        finally:
            self._end()

    def _end(self) -> None:
        self._under_way -= 1
        self._done_at = monotonic()

    def post(self, command: SendMessage, actor: Actor, done: Callable[[SendResult | TertuliaError], None]) -> None:
        """Send a message without a task or a future: *done* is called once, after the commit or with the refusal.

        What the store decides is answered in the order of the calls; a refusal that needs no store comes at once.
        """
        try:
            post = self._messages.post(command, actor)
        except TertuliaError as refusal:
            done(refusal)
            return
        self._under_way += 1
        done = partial(self._posted, done)
        try:
            self._post(post, command, actor, done)
        except Exception as fault:  # noqa: BLE001 (else what waits behind it would wait for ever)
            done(fault_of_ours(fault, SendMessage.__name__))

    def _posted(self, done: Callable[[SendResult | TertuliaError], None], outcome: SendResult | TertuliaError) -> None:
        self._end()
        done(outcome)

    def _post(self, post: Post, command: SendMessage, actor: Actor, done: PostDone) -> None:
        try:
            voice = self._floors.voice(command.room_id, actor.user_id, nearby=command.nearby)
        except TertuliaError as refusal:
            self._repeat(post, refusal, actor, done)
            return
        if voice is not None:
            self._say(post, voice, actor, done)
        elif command.nearby:
            self._repeat(post, NotThere(), actor, done)
        else:
            self._store.post(post, done)

    def _say(self, post: Post, voice: Voice, actor: Actor, done: PostDone) -> None:
        """By somebody who stands in a space. What goes to the room as anywhere, and is no repeat for want of a nonce,
        goes there as anywhere."""
        is_said_to_all = voice.area_id is None and voice.bubble_id is None and not voice.is_elsewhere
        if post.nonce is None and is_said_to_all:
            self._store.post(post, done)
            return

        def said(outcome: SendResult | BaseException) -> None:
            if isinstance(outcome, SendResult):
                self._floors.spoken(post.room_id, voice, outcome.talk_id)
            _tell(done, outcome)

        self._store.write_then(lambda work: self._talks.say(work, post, voice, actor), said)

    def _repeat(self, post: Post, refusal: TertuliaError, actor: Actor, done: PostDone) -> None:
        """Refused, unless it is in the log already: who sends it again may have walked on since."""
        self._store.write_then(lambda work: self._talks.repeat(work, post, refusal, actor), partial(_tell, done))

    async def _send(self, command: SendMessage, actor: Actor | None) -> SendResult:
        if actor is None:
            raise MissingToken
        if command.nearby:
            await self._floors.be_ready(command.room_id, actor.user_id)
        answer: asyncio.Future[SendResult | TertuliaError] = asyncio.get_running_loop().create_future()
        self.post(command, actor, lambda outcome: None if answer.done() else answer.set_result(outcome))
        outcome = await answer
        if isinstance(outcome, TertuliaError):
            raise outcome
        return outcome

    async def _send_direct(self, command: SendDirect, actor: Actor | None) -> SendResult:
        if actor is None:
            raise MissingToken
        message = SendMessage(
            room_id=EVERYWHERE,
            content=command.content,
            reply_to=command.reply_to,
            nonce=command.nonce,
            kind=command.kind,
        )
        self._messages.post(message, actor)  # what may be said nowhere opens no room
        room = await self._run(OpenDirect(user_id=command.user_id), actor)
        return await self._send(msgspec.structs.replace(message, room_id=room.id), actor)

    async def _run(self, command: Command[Any], actor: Actor | None) -> Any:
        entry = self._handlers[type(command)]
        if actor is None and not entry.is_public:
            raise MissingToken
        if entry.for_admins and not (actor and actor.is_admin):
            raise RoleTooLow
        if isinstance(command, PageCommand) and command.limit > self._max_page:
            raise Invalid(f"limit must be from 1 to {self._max_page}", field="limit")
        run = entry.run
        if entry.how is How.READ:
            return await self._store.read(lambda reader: run(command, actor, reader))
        if entry.how is How.WRITE:
            return await self._store.write(lambda work: run(command, actor, work))
        return await run(command, actor)


def _tell(done: PostDone, outcome: SendResult | BaseException) -> None:
    if isinstance(outcome, SendResult | TertuliaError):
        done(outcome)
    else:
        done(fault_of_ours(outcome, SendMessage.__name__))


def fault_of_ours(fault: BaseException, where: str) -> Internal:
    """Log a bug once, and give what the client is told of it."""
    error_id = secrets.token_hex(6)
    log.error("%s failed (error %s)", where, error_id, exc_info=fault)
    return Internal(error_id)
