"""Reactions: emoji on messages, one of each kind for each member."""

from tertulia.domain import commands as c
from tertulia.domain.models import Actor, Page, Reactor
from tertulia.store import Reader, Work


class Reactions:
    def add(self, command: c.AddReaction, actor: Actor, work: Work) -> c.Reacted:
        raise NotImplementedError

    def remove(self, command: c.RemoveReaction, actor: Actor, work: Work) -> c.Reacted:
        raise NotImplementedError

    def toggle(self, command: c.ToggleReaction, actor: Actor, work: Work) -> c.Reacted:
        raise NotImplementedError

    def list_reactions(self, command: c.ListReactions, actor: Actor, reader: Reader) -> Page[Reactor]:
        raise NotImplementedError
