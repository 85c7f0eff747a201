"""Avatars: users' pictures, made small, square and free of metadata."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from tertulia.domain import commands as c
from tertulia.domain.errors import NoSuchAvatar, TooLarge, Unavailable
from tertulia.domain.ids import UserId
from tertulia.domain.models import Actor, Avatar, User
from tertulia.services.images import Header, check_image, square
from tertulia.services.threads import be_nice
from tertulia.store import Store, Work
from tertulia.store import avatars as stored
from tertulia.store.users import get_user, lock_users, update_user

MOST_WAITING = 20
"""Images, held in memory until they are done."""


class Avatars:
    """One image at a time is decoded, on a thread of its own: a large one takes a second, and much memory.
    *most_bytes*: of what is sent; *shrink* makes the picture."""

    def __init__(
        self,
        store: Store,
        *,
        most_bytes: int = 10 * 1024 * 1024,
        shrink: Callable[[bytes, Header], bytes] = square,
    ) -> None:
        self._store, self._most_bytes, self._shrink = store, most_bytes, shrink
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="images", initializer=be_nice)
        self._waiting = 0

    async def set_avatar(self, command: c.SetAvatar, actor: Actor) -> User:
        """Raises TooLarge, Invalid for what is no image or a damaged one, Unavailable when too many wait."""
        if len(command.image) > self._most_bytes:
            raise TooLarge(f"The image has more than {self._most_bytes} bytes")
        header = check_image(command.image)
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too many images at once", retry_after=5)
        self._waiting += 1
        try:
            small = await asyncio.get_running_loop().run_in_executor(self._thread, self._shrink, command.image, header)
        finally:
            self._waiting -= 1
        avatar = Avatar(content_type="image/webp", digest=sha256(small).hexdigest()[:16], data=small)
        return await self._store.write(lambda work: _put(work, actor.user_id, avatar))

    async def remove_avatar(self, command: c.RemoveAvatar, actor: Actor) -> User:
        return await self._store.write(lambda work: _put(work, actor.user_id, None))

    async def get_avatar(self, command: c.GetAvatar, actor: Actor | None) -> Avatar:
        """Raises NoSuchAvatar, also if there is no such user."""
        avatar = await self._store.read(lambda reader: stored.find_avatar(reader, command.user_id))
        if avatar is None:
            raise NoSuchAvatar
        return avatar


def _put(work: Work, user_id: UserId, avatar: Avatar | None) -> User:
    lock_users(work, user_id)
    user = get_user(work, user_id)
    if user.is_deleted:
        return user
    if avatar is None:
        stored.remove_avatar(work, user_id)
        return update_user(work, user_id, avatar_url=None)
    stored.put_avatar(work, user_id, avatar)
    return update_user(work, user_id, avatar_url=f"/api/v1/users/{user_id}/avatar?v={avatar.digest}")
