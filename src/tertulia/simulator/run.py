"""A run: all come in, live their lives while somebody looks on, and leave in good order."""

import asyncio
import contextlib
import itertools
import secrets
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from tertulia.simulator import accounts
from tertulia.simulator.accounts import GiveUp, Login, Refused
from tertulia.simulator.crowd import Crowd
from tertulia.simulator.figures import Figures
from tertulia.simulator.floor import Floor
from tertulia.simulator.options import Options, Unusable
from tertulia.simulator.report import Reading, Report, Subject, report
from tertulia.simulator.rest import NotReached
from tertulia.simulator.visitor import Visitor, World
from tertulia.simulator.waiting import cancelled, first_of
from tertulia.simulator.wire import Listener

DOORS = 16
"""Who come in at a time: a login costs the server a hash, and more than 50 of one address are put off."""
TURNS = 20
"""Parts in which the crowd moves: not all in one moment."""
FINEST = 0.0025
"""Seconds between two turns at least: clocks of loops go by the millisecond."""
LOOK_AFTER = 5.0
SPARE_FILES = 64


class Show(Protocol):
    """Somebody who looks on. *every*: seconds between two reports."""

    every: float

    def update(self, report: Report, *, phase: str) -> None:
        """*report*: since the last one."""


class Run:
    """Use it once. Raises from `run` GiveUp, Refused, NotReached or Unusable if nobody can come in."""

    def __init__(self, options: Options, show: Show) -> None:
        self._options, self._show = options, show
        self._figures = Figures()
        self._phase = ""
        self._stop = asyncio.Event()
        self._visitors: list[Visitor] = []
        self._subject = Subject(str(options.address), options.room_id, options.users)
        self._began = self._last = self._read()

    def stop(self) -> None:
        """Come to an end, in good order."""
        self._stop.set()

    async def run(self) -> Report:
        """What it was like from when all were in until the end."""
        raise_file_limit(self._options.users)
        first = await self._first_login()
        self._visitors = self._invite(first)
        self._last = self._read()
        with on_signal(self.stop):
            others = [asyncio.create_task(work) for work in (self._look_on(), self._look_after())]
            stays: list[asyncio.Task[None]] = []
            try:
                await first_of(self._all_log_in(), self._stop.wait(), *others)
                stays = [asyncio.create_task(visitor.stay()) for visitor in self._visitors]
                await first_of(self._all_have_tried(), self._stop.wait(), *others)
                self._begin()
                others.append(asyncio.create_task(self._walk()))
                await self._until_the_end(stays, others)
                final = report(self._subject, self._figures, self._began, self._read(), recent=False)
            finally:
                await cancelled(*stays, *others)
                await asyncio.gather(*(visitor.leave() for visitor in self._visitors))
                await self._remove_accounts([visitor.login for visitor in self._visitors if visitor.login])
        if not self._figures.most_connected:
            why = next((one.failure for one in self._visitors if one.failure), "there was no time")
            raise GiveUp("nobody", f"nobody could come in: {why}")
        return final

    async def _first_login(self) -> Login:
        """Of one user alone, so that what is wrong for all is said once."""
        options = self._options
        login = await accounts.log_in(options, options.username(1))
        try:
            await accounts.look_at_room(options, login)
        except BaseException:
            await self._remove_accounts([login])
            raise
        return login

    def _invite(self, first: Login) -> list[Visitor]:
        options = self._options
        world = World(
            options=options,
            figures=self._figures,
            floor=Floor(options.seed),
            crowd=Crowd(options.seed),
            listener=Listener(),
            doors=asyncio.Semaphore(DOORS),
            run_id=secrets.token_urlsafe(6),
        )
        return [Visitor(number, world, first if number == 1 else None) for number in range(1, options.users + 1)]

    # ---- the phases

    async def _all_log_in(self) -> None:
        """Before anybody comes in, as all come in before anybody walks: a server that is busy with people who walk has
        little time for passwords, and it is of those who are in that the report tells."""
        await asyncio.gather(*(visitor.log_in() for visitor in self._visitors))
        self._phase = "coming in"

    async def _all_have_tried(self) -> None:
        for visitor in self._visitors:
            await visitor.tried.wait()

    def _begin(self) -> None:
        for timing in self._figures.timings:
            timing.clear()
        for visitor in self._visitors:
            visitor.person.begin(time.monotonic())
        self._began = self._last = self._read()
        self._phase = "in"

    async def _until_the_end(self, stays: list[asyncio.Task[None]], others: list[asyncio.Task[None]]) -> None:
        """Until we are told to stop, or the time is over, or all have gone for good."""
        ends: list[Awaitable[object]] = [self._stop.wait(), asyncio.wait(stays), *others]
        if self._options.duration is not None:
            ends.append(asyncio.sleep(self._options.duration))
        await first_of(*ends)

    async def _remove_accounts(self, logins: list[Login]) -> None:
        """Those that were made for this run, unless they are to be used again."""
        doors = asyncio.Semaphore(DOORS)

        async def remove(login: Login) -> None:
            with contextlib.suppress(Refused, GiveUp, NotReached):
                async with doors:
                    await accounts.remove(self._options.address, login)

        if self._options.removes_accounts:
            await asyncio.gather(*(remove(login) for login in logins if login.is_new))

    # ---- at the side

    async def _walk(self) -> None:
        """Give everybody their turns, a part of the crowd at a time; and see how late we are with it."""
        period = 1 / self._options.rate
        turns = max(1, min(TURNS, len(self._visitors), int(period / FINEST)))
        parts = itertools.cycle([[one.person for one in self._visitors[turn::turns]] for turn in range(turns)])
        due = time.monotonic()
        while True:
            due += period / turns
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self._figures.lag.recent.add(now - due)
            missed = int((now - due) * turns / period)
            due += missed * period / turns
            for _ in range(min(1 + missed, turns)):  # nobody is asked twice at once
                for person in next(parts):
                    person.step(now)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._show.every)
            now = self._read()
            phase = self._phase or f"{sum(one.login is not None for one in self._visitors)} logged in"
            self._show.update(report(self._subject, self._figures, self._last, now, recent=True), phase=phase)
            self._last = now

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AFTER)
            await asyncio.gather(*(visitor.look_after() for visitor in self._visitors))

    def _read(self) -> Reading:
        heard = [visitor.heard for visitor in self._visitors]
        bytes_in = [visitor.bytes_in for visitor in self._visitors]
        counts = self._figures.counts
        counts.heard, counts.bytes_in = sum(heard), sum(bytes_in)
        return Reading(time.monotonic(), time.process_time(), counts.copy(), heard, bytes_in)


def simulate(options: Options, show: Show) -> Report:
    """Raises GiveUp, Refused, NotReached, Unusable; KeyboardInterrupt for who is in a hurry."""
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        return runner.run(Run(options, show).run())


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where there is one."""
    try:
        import uvloop  # noqa: PLC0415 (not everywhere)
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextlib.contextmanager
def on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C, or SIGTERM, asks for an end in good order; the second does not ask."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop_once() -> None:
        for one in signals:
            loop.remove_signal_handler(one)
        stop()

    with contextlib.suppress(NotImplementedError, ValueError):  # there are loops, and threads, that know no signals
        for one in signals:
            loop.add_signal_handler(one, stop_once)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError):
            for one in signals:
                loop.remove_signal_handler(one)


def raise_file_limit(users: int) -> None:
    """Each user is an open file. Raises Unusable if there may not be so many."""
    try:
        import resource  # noqa: PLC0415 (not everywhere)
    except ImportError:  # not on Windows, which knows no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = users + SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Unusable(f"--users {users}: this machine lets a program open {hard} files at most (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
