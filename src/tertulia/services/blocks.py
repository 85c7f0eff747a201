"""Blocks: whom somebody will not hear from directly."""

from tertulia.domain import commands as c
from tertulia.domain.models import Actor, User
from tertulia.store import Reader, Work


class Blocks:
    def block(self, command: c.BlockUser, actor: Actor, work: Work) -> None:
        raise NotImplementedError

    def unblock(self, command: c.UnblockUser, actor: Actor, work: Work) -> None:
        raise NotImplementedError

    def list_blocked(self, command: c.ListBlocked, actor: Actor, reader: Reader) -> list[User]:
        raise NotImplementedError
