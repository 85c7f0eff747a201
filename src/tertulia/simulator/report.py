"""Reports: what a stretch of time was like, in numbers that a person or a program reads."""

import statistics
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from tertulia.simulator.figures import Counts, Delays, Figures


class Quantiles(Struct, frozen=True):
    """In milliseconds; None of nothing. *count*: of how many."""

    p50: float | None
    p99: float | None
    count: int


class Report(Struct, frozen=True, kw_only=True):
    """*seconds*: how long the stretch was. *connected*: at its end; *most_connected*: at any time.

    *heard_per_viewer*: positions a second that the median user is told; *bytes_per_viewer*: all bytes a second that
    reach them. *move_delay*: from a move until the nearest other user is told of it; *seen*: the share of the moves that
    they are told of (the others were overtaken by later ones). *round_trip*: of a ping. *cpu* and *lag*: of the simulator
    itself, in cores, and by how much it is late: above a core, or some milliseconds, the other times are its own.
    """

    url: str
    room_id: int
    users: int
    seconds: float
    connected: int
    most_connected: int
    moves_per_second: float
    heard_per_viewer: float
    bytes_per_viewer: float
    messages_per_second: float
    move_delay: Quantiles
    seen: float | None
    ack_delay: Quantiles
    round_trip: Quantiles
    cpu: float
    lag: Quantiles
    counts: Counts
    errors: dict[str, int]
    refusals: dict[str, int]
    closes: dict[str, int]


class Reading(Struct, frozen=True):
    """The state of all meters at a moment. *at* and *cpu*: seconds; *heard* and *bytes_in*: of each user."""

    at: float
    cpu: float
    counts: Counts
    heard: Sequence[int]
    bytes_in: Sequence[int]


class Subject(Struct, frozen=True):
    """What is reported about."""

    url: str
    room_id: int
    users: int


def report(subject: Subject, figures: Figures, before: Reading, after: Reading, *, recent: bool) -> Report:
    """*recent*: with the delays since the last report alone."""
    seconds = max(after.at - before.at, 1e-9)
    counts = after.counts.since(before.counts)
    moved, acked, answered, lag = (quantiles(timing.recent if recent else timing.all()) for timing in figures.timings)
    for timing in figures.timings:
        timing.all()
    return Report(
        url=subject.url,
        room_id=subject.room_id,
        users=subject.users,
        seconds=round(seconds, 3),
        connected=figures.connected,
        most_connected=figures.most_connected,
        moves_per_second=round(counts.moves / seconds, 1),
        heard_per_viewer=_median_rate(before.heard, after.heard, seconds),
        bytes_per_viewer=_median_rate(before.bytes_in, after.bytes_in, seconds),
        messages_per_second=round(counts.messages / seconds, 2),
        move_delay=moved,
        seen=round(counts.seen / counts.shown, 3) if counts.shown else None,
        ack_delay=acked,
        round_trip=answered,
        cpu=round((after.cpu - before.cpu) / seconds, 3),
        lag=lag,
        counts=counts,
        errors=dict(figures.errors),
        refusals=dict(figures.refusals),
        closes=dict(figures.closes),
    )


def as_json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def quantiles(delays: Delays) -> Quantiles:
    middle, late = (
        None if (found := delays.quantile(share)) is None else round(found * 1000, 2) for share in (0.5, 0.99)
    )
    return Quantiles(middle, late, delays.count)


def _median_rate(before: Sequence[int], after: Sequence[int], seconds: float) -> float:
    rates = [(now - then) / seconds for then, now in zip(before, after, strict=True)]
    return round(statistics.median(rates), 1) if rates else 0.0
