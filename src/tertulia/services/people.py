"""People: profiles, who is there, and accounts that are changed by admins or deleted by their owners."""

from typing import Any

from msgspec import UNSET

from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, LastAdmin, NoSuchUser, RoleTooLow
from tertulia.domain.events import PresenceUpdated, UserChanged
from tertulia.domain.models import Actor, Page, User
from tertulia.domain.roles import Status, UserRole
from tertulia.services.accounts import end_sessions
from tertulia.services.checks import check_page, check_text
from tertulia.services.members import release
from tertulia.services.names import check_display_name, check_email
from tertulia.services.visibility import IsThere, nobody_is, user_seen_by
from tertulia.store import Reader, Work
from tertulia.store import users as stored
from tertulia.store.avatars import remove_avatar
from tertulia.store.blocks import forget_blocks
from tertulia.store.members import list_room_ids

LONGEST_BIO = 1000
LONGEST_STATUS = 140


MOST_SKIPPED = 10_000
"""Users that a page may pass over: more are passed over by a cursor, which costs nothing."""


class People:
    def __init__(self, *, is_there: IsThere = nobody_is) -> None:
        self._is_there = is_there

    def get_user(self, command: c.GetUser, actor: Actor, reader: Reader) -> User:
        user = stored.get_user(reader, command.user_id)
        if user.is_deleted and user.id != actor.user_id:
            raise NoSuchUser
        return user_seen_by(user, actor, self._is_there)

    def list_users(self, command: c.ListUsers, actor: Actor, reader: Reader) -> Page[User]:
        q = " ".join(check_text(command.q or "", "q", most=100).split())
        if not 0 <= command.skip <= MOST_SKIPPED:
            raise Invalid(f"skip must be from 0 to {MOST_SKIPPED}", field="skip")
        limit = check_page(command.limit)
        page = stored.list_users(reader, q=q, cursor=command.cursor, skip=command.skip, limit=limit)
        return Page([user_seen_by(user, actor, self._is_there) for user in page.items], page.next_cursor)

    def update_profile(self, command: c.UpdateProfile, actor: Actor, work: Work) -> User:
        changes: dict[str, Any] = {}
        if command.display_name is not UNSET:
            changes["display_name"] = check_display_name(command.display_name)
        if command.bio is not UNSET:
            changes["bio"] = check_text(command.bio.strip(), "bio", most=LONGEST_BIO)
        if command.email is not UNSET:
            changes["email"] = None if command.email is None else check_email(command.email)
        return stored.update_user(work, actor.user_id, **changes)

    def set_status(self, command: c.SetStatus, actor: Actor, work: Work) -> User:
        """Told to all rooms, unless others see them as offline before and after, and no other text. Whoever is not
        connected is told as offline. Who hides was last seen at that moment."""
        stored.lock_users(work, actor.user_id)
        before = stored.get_user(work, actor.user_id)
        text = before.status_text
        if command.text is not UNSET:
            text = check_text(command.text.strip(), "text", most=LONGEST_STATUS)
        if before.is_deleted:
            return before
        changes: dict[str, Any] = {}
        if command.status is not before.status:
            changes["status"] = command.status.value
        if text != before.status_text:
            changes["status_text"] = text
        shown = command.status.shown
        was_seen = before.status.shown is not Status.OFFLINE and self._is_there(actor.user_id)
        if shown is Status.OFFLINE and was_seen:
            changes["last_seen_at"] = work.now
        user = stored.update_user(work, actor.user_id, **changes) if changes else before
        is_secret = shown is Status.OFFLINE and not was_seen and text == before.status_text
        told = PresenceUpdated(
            user_id=user.id,
            username=user.username,
            status=shown,
            text=text,
            last_seen_at=user.last_seen_at,
            room_ids=[] if is_secret else list(list_room_ids(work, user.id)),
        )
        work.announce(told)
        if user.status is not before.status:
            work.notify(UserChanged(user_id=user.id))
        return user

    def update_account(self, command: c.UpdateAccount, actor: Actor, work: Work) -> User:
        """There is always an admin left. Who is deactivated, or an admin no more, is logged out everywhere."""
        if not actor.is_admin:
            raise RoleTooLow
        admins = stored.lock_admins(work)
        user = stored.get_user(work, command.user_id)
        if user.is_deleted:
            raise NoSuchUser
        if admins == [user.id] and (command.role is UserRole.USER or command.is_active is False):
            raise LastAdmin
        changes: dict[str, Any] = {}
        if command.role is not UNSET:
            changes["role"] = command.role.value
        if command.is_active is not UNSET:
            changes["is_active"] = command.is_active
        updated = stored.update_user(work, user.id, **changes)
        if not updated.is_active or (user.role is UserRole.ADMIN and updated.role is not UserRole.ADMIN):
            end_sessions(work, user.id)
        work.notify(UserChanged(user_id=user.id))
        return user_seen_by(updated, actor, self._is_there)

    def delete_account(self, command: c.DeleteAccount, actor: Actor, work: Work) -> None:
        """Their rooms stay: one that they alone owned is its next in rank's, of those the longest a member's."""
        if stored.lock_admins(work) == [actor.user_id]:
            raise LastAdmin
        stored.lock_users(work, actor.user_id)
        release(work, actor.user_id, actor.username)
        forget_blocks(work, actor.user_id)
        remove_avatar(work, actor.user_id)
        stored.blank_user(work, actor.user_id)
        end_sessions(work, actor.user_id)
        work.notify(UserChanged(user_id=actor.user_id))
