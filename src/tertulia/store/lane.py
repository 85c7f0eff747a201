"""The writer lane's rules, the same for both engines: what a job is, how a batch is settled, who hears of it when."""

import itertools
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from tertulia.domain.errors import Internal, TertuliaError
from tertulia.store.work import Committed, LockFirst, Post, Work

logger = logging.getLogger(__name__)

BATCH_CAP = 512
QUEUE_CAP = 20_000
Doing = Post | Callable[[Work], Any]
Job = tuple[Doing, Callable[[Any], None]]
"""What to do, and whom to tell: a post's `done` gets its result or error, a work's gets its value or `Failed`."""


class Failed:
    """A work's outcome that is not a value."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Settled:
    """A batch whose outcome is known: one entry of *outcomes* for each of *jobs*."""

    __slots__ = ("committed", "jobs", "outcomes")

    def __init__(self, jobs: Sequence[Job], outcomes: list[Any], committed: Committed) -> None:
        self.jobs = jobs
        self.outcomes = outcomes
        self.committed = committed

    def deliver(self, on_commit: Callable[[Committed], None]) -> None:
        """Acks first, then the news; no callback's bug reaches the next one."""
        for (_, done), outcome in zip(self.jobs, self.outcomes, strict=True):
            try:
                done(outcome)
            except Exception:
                logger.exception("a callback of the writer lane failed")
        if self.committed:
            try:
                on_commit(self.committed)
            except Exception:
                logger.exception("publishing a committed batch failed")


class Poison(Exception):
    """A work failed after it had written, or in a way that is no refusal: nothing of its batch may be committed."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def failed(jobs: Sequence[Job], error: TertuliaError | BaseException) -> Settled:
    """All of *jobs* failed by *error*, and nothing was stored."""
    return Settled(jobs, [error if type(doing) is Post else Failed(error) for doing, _ in jobs], Committed())


def runs(jobs: Sequence[Job]) -> Iterator[tuple[bool, list[Job]]]:
    """*jobs* in order, as runs of nothing but posts (True) and nothing but works (False)."""
    for are_posts, run in itertools.groupby(jobs, lambda job: type(job[0]) is Post):
        yield are_posts, list(run)


def run_works(
    sql: Connection, run: Sequence[Job], committed: Committed, make: Callable[[Connection], Work]
) -> list[Any]:
    """The outcomes of a run of works; what those that were not refused have to say is added to *committed*.

    Raises Poison, LockFirst.
    """
    outcomes = []
    for doing, _ in run:
        assert not isinstance(doing, Post)
        work = make(sql)
        outcome = _run_work(doing, work)
        if not isinstance(outcome, Failed):
            committed.events += work.committed.events
            committed.announced += work.committed.announced
            committed.notices += work.committed.notices
        outcomes.append(outcome)
    return outcomes


def _run_work(doing: Callable[[Work], Any], work: Work) -> Any:
    """The value, or `Failed` with a refusal."""
    try:
        return doing(work)
    except LockFirst:
        raise
    except TertuliaError as error:
        if work.is_dirty:
            raise Poison(error) from error
        return Failed(error)
    except Exception as error:
        raise Poison(error) from error


def give_up(jobs: Sequence[Job], error: Exception) -> Settled:
    """The poison stands alone: its error goes to whoever asked, a fault of ours in a post as `Internal`."""
    cause = error.error if isinstance(error, Poison) else error
    if type(jobs[0][0]) is Post and not isinstance(cause, TertuliaError):
        error_id = secrets.token_hex(4)
        logger.error("a post could not be stored (error %s)", error_id, exc_info=cause)
        cause = Internal(error_id)
    return failed(jobs, cause)
