"""Time: RFC 3339 in UTC, with `Z` and microseconds, everywhere that a time is written."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the time, always with the zone UTC."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """*moment* (in UTC) as `2026-11-21T09:18:35.000000Z`: of fixed length, so that text sorts as time does."""
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def from_rfc3339(text: str) -> datetime:
    return datetime.fromisoformat(text)
