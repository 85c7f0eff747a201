"""The table: a report for people, live on a terminal, or as plain lines where there is none."""

from collections.abc import Mapping
from types import TracebackType
from typing import IO, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tertulia.simulator.report import Quantiles, Report

EVERY_ON_TERMINAL, EVERY_LINE = 1.0, 5.0
"""Seconds."""


class LiveTable:
    """A `Show` on whatever *file* is: on a terminal a table that is drawn anew, else a line now and then."""

    def __init__(self, file: IO[str]) -> None:
        self._console = Console(file=file, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self.every = EVERY_ON_TERMINAL if self._live else EVERY_LINE

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def update(self, report: Report, *, phase: str) -> None:
        if self._live:
            self._live.update(table(report, title=f"{report.url}, room {report.room_id}: {phase}"), refresh=True)
        else:
            self._console.out(line(report, phase=phase))

    def sum_up(self, report: Report) -> None:
        """At the end; the live table goes."""
        if self._live:
            self._live.update("", refresh=True)
            self._live.stop()
        self._console.print(table(report, title=f"{report.url}, room {report.room_id}: {report.seconds:.0f} s in all"))


def table(report: Report, *, title: str) -> Table:
    drawn = Table(title=title, show_header=False, title_justify="left", min_width=64)
    drawn.add_column(style="bold")
    drawn.add_column(justify="right")
    for name, value in rows(report):
        drawn.add_row(name, value)
    return drawn


def rows(report: Report) -> list[tuple[str, str]]:
    counts = report.counts
    seen = "" if report.seen is None else f"; {report.seen:.0%} of the moves"
    return [
        ("users connected", f"{report.connected:,} of {report.users:,}"),
        ("moves sent", f"{report.moves_per_second:,.0f}/s"),
        ("positions heard, median viewer", f"{report.heard_per_viewer:,.0f}/s"),
        ("bytes in, median viewer", size(report.bytes_per_viewer)),
        ("move → nearest viewer, p50 / p99", f"{times(report.move_delay)}{seen}"),
        ("messages sent, nearby, heard", f"{counts.messages:,}, {counts.nearby:,}, {counts.messages_heard:,}"),
        ("message or tool → ack, p50 / p99", times(report.ack_delay)),
        ("ping → pong, p50 / p99", times(report.round_trip)),
        ("sat down, tools used", f"{counts.sits:,}, {counts.tools:,}"),
        ("corrections", f"{counts.corrections:,}"),
        ("refusals", listed(report.refusals)),
        ("errors", listed(report.errors)),
        ("log: gaps, repeats", f"{counts.gaps:,}, {counts.repeats:,}"),
        ("reconnects, resumed, reset", f"{counts.reconnects:,}, {counts.resumed:,}, {counts.reset:,}"),
        ("sockets closed", listed(report.closes)),
        ("simulator: cores, late by p50 / p99", f"{report.cpu:.2f}, {times(report.lag)}"),
    ]


def line(report: Report, *, phase: str) -> str:
    parts = [
        f"{phase}: {report.connected} of {report.users} connected",
        f"{report.moves_per_second:.0f} moves/s",
        f"heard {report.heard_per_viewer:.0f}/s, {size(report.bytes_per_viewer)}",
        f"move {times(report.move_delay)}",
        f"{report.messages_per_second:.1f} messages/s",
        f"ack {times(report.ack_delay)}",
        f"{report.counts.corrections} corrections",
        f"errors {listed(report.errors)}",
        f"{report.cpu:.2f} cores here",
    ]
    return "; ".join(parts)


def times(found: Quantiles) -> str:
    if found.p50 is None or found.p99 is None:
        return "–"
    return f"{found.p50:.1f} / {found.p99:.1f} ms"


def size(count: float) -> str:
    return f"{count / 1000:,.1f} kB/s"


def listed(found: Mapping[str, int]) -> str:
    """The most frequent first."""
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {count:,}" for name, count in ordered) or "none"
