"""People: profiles, who is there, and accounts that are changed by admins or deleted by their owners."""

from typing import Any

import msgspec
from msgspec import UNSET

from tertulia.domain import commands as c
from tertulia.domain.errors import LastAdmin, NoSuchUser, RoleTooLow
from tertulia.domain.events import PresenceUpdated, UserChanged
from tertulia.domain.models import Actor, Page, User
from tertulia.domain.roles import UserRole
from tertulia.services.accounts import end_sessions
from tertulia.services.checks import check_page, check_text
from tertulia.services.members import release
from tertulia.services.names import check_display_name, check_email
from tertulia.store import Reader, Work
from tertulia.store import users as stored

LONGEST_BIO = 1000
LONGEST_STATUS = 140


class People:
    def get_user(self, command: c.GetUser, actor: Actor, reader: Reader) -> User:
        user = stored.get_user(reader, command.user_id)
        if user.is_deleted and user.id != actor.user_id:
            raise NoSuchUser
        return as_seen_by(user, actor)

    def list_users(self, command: c.ListUsers, actor: Actor, reader: Reader) -> Page[User]:
        q = check_text(command.q or "", "q", most=100).strip()
        page = stored.list_users(reader, q=q, cursor=command.cursor, limit=check_page(command.limit))
        return Page([as_seen_by(user, actor) for user in page.items], page.next_cursor)

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
        """Told to those who share a room with them."""
        changes: dict[str, Any] = {"status": command.status.value, "last_seen_at": work.now}
        if command.text is not UNSET:
            changes["status_text"] = check_text(command.text.strip(), "text", most=LONGEST_STATUS)
        user = stored.update_user(work, actor.user_id, **changes)
        work.announce(
            PresenceUpdated(user_id=user.id, status=user.status, text=user.status_text, last_seen_at=user.last_seen_at)
        )
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
        return updated

    def delete_account(self, command: c.DeleteAccount, actor: Actor, work: Work) -> None:
        """Their rooms stay: one that they alone owned is its next in rank's, of those the longest a member's."""
        if stored.lock_admins(work) == [actor.user_id]:
            raise LastAdmin
        release(work, actor.user_id, actor.username)
        stored.blank_user(work, actor.user_id)
        end_sessions(work, actor.user_id)
        work.notify(UserChanged(user_id=actor.user_id))


def as_seen_by(user: User, actor: Actor) -> User:
    """The email address is for the user and for admins alone."""
    return user if actor.is_admin or user.id == actor.user_id else msgspec.structs.replace(user, email=None)
