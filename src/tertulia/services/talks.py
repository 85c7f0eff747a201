"""Talks: what is said near each other or within an area, in rooms of its own, for those who stand there meanwhile."""

from tertulia.domain import commands as c
from tertulia.domain.models import Actor, Area, Page, Room, Stay, Voice
from tertulia.store import Post, Reader, Store, Work


class Talks:
    def __init__(self, store: Store) -> None:
        self._store = store

    def say(self, work: Work, post: Post, voice: Voice, actor: Actor) -> c.SendResult:
        """*post*, which is to the room in whose space its author stands, to where *voice* says that it goes."""
        raise NotImplementedError

    def lock_area(self, command: c.LockArea, actor: Actor, work: Work) -> Area:
        raise NotImplementedError

    def list_talks(self, command: c.ListTalks, actor: Actor, reader: Reader) -> Page[Room]:
        raise NotImplementedError

    async def enter_area(self, command: c.EnterArea, actor: Actor | None) -> Stay:
        raise NotImplementedError

    async def leave_area(self, command: c.LeaveArea, actor: Actor | None) -> None:
        raise NotImplementedError

    async def gather(self, command: c.Gather, actor: Actor | None) -> None:
        raise NotImplementedError
