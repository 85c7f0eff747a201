"""Commands of accounts and people."""

from msgspec import UNSET, Struct, UnsetType

from tertulia.domain.commands.command import Command, PageCommand
from tertulia.domain.ids import SessionId, UserId
from tertulia.domain.models import (
    Avatar,
    Page,
    Session,
    Tokens,
    User,
)
from tertulia.domain.roles import Status, UserRole


class Register(Command[User], frozen=True, kw_only=True):
    """*address*: where it comes from, for none may take all the server's time."""

    username: str
    password: str
    email: str | None = None
    display_name: str | None = None
    address: str = ""


class Login(Command[Tokens], frozen=True, kw_only=True):
    """*username* may be the email address. *user_agent* and *address* are for the list of sessions."""

    username: str
    password: str
    user_agent: str = ""
    address: str = ""


class RefreshTokens(Command[Tokens], frozen=True, kw_only=True):
    refresh_token: str


class Logout(Command[None], frozen=True, kw_only=True):
    """Ends the session of the one who asks."""


class ChangePassword(Command[None], frozen=True, kw_only=True):
    """Ends all other sessions of the user."""

    current_password: str
    new_password: str


class ListSessions(Command[list[Session]], frozen=True, kw_only=True):
    pass


class EndSession(Command[None], frozen=True, kw_only=True):
    session_id: SessionId


class Ticket(Struct, frozen=True):
    """Good for one socket, within *expires_in* seconds."""

    ticket: str
    expires_in: int


class IssueTicket(Command[Ticket], frozen=True, kw_only=True):
    pass


# ---- people


class GetUser(Command[User], frozen=True, kw_only=True):
    user_id: UserId


class ListUsers(PageCommand[Page[User]], frozen=True, kw_only=True):
    """By id, ascending. *cursor*: the last id of the page before; *skip*: how many to pass over, for who counts pages.
    *q* is looked for in username and display name."""

    q: str | None = None
    cursor: UserId | None = None
    skip: int = 0


class UpdateProfile(Command[User], frozen=True, kw_only=True):
    display_name: str | UnsetType = UNSET
    bio: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET


class SetStatus(Command[User], frozen=True, kw_only=True):
    status: Status
    text: str | UnsetType = UNSET


class UpdateAccount(Command[User], frozen=True, kw_only=True):
    """For admins."""

    user_id: UserId
    role: UserRole | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class SetAvatar(Command[User], frozen=True, kw_only=True):
    """*image*: a PNG, JPEG, GIF or WebP file. It is made small and square, and nothing of its metadata is kept."""

    image: bytes


class RemoveAvatar(Command[User], frozen=True, kw_only=True):
    pass


class GetAvatar(Command[Avatar], frozen=True, kw_only=True):
    """Needs no login: a page shows it by its address alone."""

    user_id: UserId


class BlockUser(Command[None], frozen=True, kw_only=True):
    """From now on the two have no direct messages, and one does not see the other typing. Harmless when it is so."""

    user_id: UserId


class UnblockUser(Command[None], frozen=True, kw_only=True):
    user_id: UserId


class ListBlocked(Command[list[User]], frozen=True, kw_only=True):
    """Those whom one has blocked, the latest first."""


class DeleteAccount(Command[None], frozen=True, kw_only=True):
    """One's own: logged out everywhere; what was said stays readable under "deleted user"."""
