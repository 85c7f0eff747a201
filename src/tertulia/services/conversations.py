"""Conversations: groups and direct rooms, and the list of all that somebody talks in."""

from tertulia.domain import commands as c
from tertulia.domain.models import Actor, Conversation, Room
from tertulia.store import Reader, Work


class Conversations:
    def create_group(self, command: c.CreateGroup, actor: Actor, work: Work) -> Room:
        raise NotImplementedError

    def open_direct(self, command: c.OpenDirect, actor: Actor, work: Work) -> Room:
        raise NotImplementedError

    def find_direct(self, command: c.FindDirect, actor: Actor, reader: Reader) -> Room | None:
        raise NotImplementedError

    def get_conversation(self, command: c.GetConversation, actor: Actor, reader: Reader) -> Conversation:
        raise NotImplementedError

    def list_conversations(self, command: c.ListConversations, actor: Actor, reader: Reader) -> list[Conversation]:
        raise NotImplementedError
