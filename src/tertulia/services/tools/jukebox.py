"""The jukebox: everybody hears the same, from the same moment on, without another word from the server.

Its metadata says what plays and since when, and what comes next. What plays at the moment *t* follows from that alone:

    while something plays, has a duration, and started_at + duration <= t:
        the first of the queue plays, with started_at + duration as its started_at; nothing, if there is none

and it is t - started_at seconds into it. What has no duration plays until somebody presses a button. With each use the
server brings the metadata up to date by the same rule. *t* is the server's time: a client that sets its clock by it is
in step with all the others.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tertulia.domain.clock import from_rfc3339, rfc3339
from tertulia.domain.errors import TooMany
from tertulia.domain.ids import UserId
from tertulia.services.tools.schemas import Schema
from tertulia.services.tools.use import ShippedTool, Use

LONGEST_QUEUE = 20


class Track(Struct, frozen=True, kw_only=True):
    """*duration*: seconds; None: not known. *by*: the id of who chose it."""

    title: str
    url: str | None = None
    duration: float | None = None
    by: UserId
    username: str


class Playing(Track, frozen=True, kw_only=True):
    """*started_at*: RFC 3339, as all times are."""

    started_at: str

    @property
    def ends_at(self) -> datetime | None:
        return None if self.duration is None else from_rfc3339(self.started_at) + timedelta(seconds=self.duration)


class Jukebox(Struct, frozen=True):
    """There is a queue only while something plays."""

    playing: Playing | None = None
    queue: tuple[Track, ...] = ()


_TRACK: Schema = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 200, "pattern": r"\S"},
        "url": {"type": ["string", "null"], "maxLength": 500, "pattern": r"^https?://\S+$"},
        "duration": {"type": ["number", "null"], "minimum": 1, "maximum": 86_400},
    },
    "required": ["title"],
}
ACTIONS: dict[str, Schema] = {"play": _TRACK, "add": _TRACK, "skip": True, "stop": True}


def now_playing(box: Jukebox, now: datetime) -> Jukebox:
    """*box* as it is at the moment *now*: what has ended is gone, and what came next plays since then."""
    playing, queue = box.playing, box.queue
    while playing is not None and playing.ends_at is not None and playing.ends_at <= now:
        playing, queue = _next(queue, playing.ends_at)
    return Jukebox(playing, queue)


def act(before: Jukebox, use: Use) -> Jukebox:
    box = now_playing(before, use.now)
    match use.action:
        case "play":  # instead of what plays; the queue waits
            after = Jukebox(_started(_track(use), use.now), box.queue)
        case "add" if box.playing is None:
            after = Jukebox(_started(_track(use), use.now))
        case "add":
            after = Jukebox(box.playing, (*box.queue, _track(use)))
        case "skip":
            after = Jukebox(*_next(box.queue, use.now))
        case _:  # stop
            after = Jukebox()
    if len(after.queue) > LONGEST_QUEUE or (after.queue and len(msgspec.json.encode(after)) > use.most_bytes):
        raise TooMany("The queue is full")
    return after


def _track(use: Use) -> Track:
    return Track(
        title=use.params["title"].strip(),
        url=use.params.get("url"),
        duration=use.params.get("duration"),
        by=use.actor.user_id,
        username=use.actor.username,
    )


def _started(track: Track, at: datetime) -> Playing:
    return Playing(**msgspec.structs.asdict(track), started_at=rfc3339(at))


def _next(queue: tuple[Track, ...], at: datetime) -> tuple[Playing | None, tuple[Track, ...]]:
    return (_started(queue[0], at), queue[1:]) if queue else (None, ())


JUKEBOX = ShippedTool(name="jukebox", state=Jukebox, actions=ACTIONS, act=act)
