"""Avatars: users' pictures, made small, square and free of metadata."""

from tertulia.domain import commands as c
from tertulia.domain.models import Actor, Avatar, User
from tertulia.store import Store


class Avatars:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def set_avatar(self, command: c.SetAvatar, actor: Actor) -> User:
        raise NotImplementedError

    async def remove_avatar(self, command: c.RemoveAvatar, actor: Actor) -> User:
        raise NotImplementedError

    async def get_avatar(self, command: c.GetAvatar, actor: Actor | None) -> Avatar:
        raise NotImplementedError
