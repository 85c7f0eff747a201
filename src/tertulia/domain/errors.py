"""Errors: what can be refused, and why.

TertuliaError
    Malformed            the frame or body could not be understood
        UnknownCommand   no such event or frame type
    Invalid              understood, but a value is not allowed
        WeakPassword · EmptyMessage
    Unauthenticated      who are you?
        MissingToken · InvalidToken · InvalidCredentials
    Forbidden            you may not
        NotAMember · RoleTooLow · Muted · Banned · Blocked · WrongPassword · RegistrationClosed
        AreaLocked · OutOfReach
    NotFound             not there, or not for you to see
        NoSuchRoom · NoSuchMessage · NoSuchUser · NoSuchSession · NoSuchInvite · NoSuchAvatar · NoSuchObject
        NoSpace · NoSuchArea
    Conflict             somebody or something was first
        NameTaken · EmailTaken · NonceConflict · AlreadyMember · LastOwner · LastAdmin · TooMany
        VersionConflict · Occupied · AreaFull · NobodyNear · NotThere
    TooLarge             over a size limit
    TooFast              over a rate limit (retry_after)
    Unavailable          the store is down or full, or the server is going; try again (retry_after)
    Internal             a fault of ours, logged under error_id

`code` is a stable word that clients may rely on; `message` is a sentence for a person. Which HTTP status, close code
or wording an error becomes is a matter of each dialect.
"""

from typing import ClassVar


class TertuliaError(Exception):
    """A refusal. Whatever else is raised is a bug, and is answered as `Internal`."""

    code: ClassVar[str] = "error"
    text: ClassVar[str] = "The request was refused"

    def __init__(self, message: str = "") -> None:
        self.message = message or self.text
        super().__init__(self.message)


class Malformed(TertuliaError):
    code = "malformed"
    text = "The request could not be understood"


class UnknownCommand(Malformed):
    code = "unknown_event"
    text = "Unknown event"

    def __init__(self, name: str = "") -> None:
        self.name = name
        super().__init__(f"Unknown event: {name}" if name else "")


class Invalid(TertuliaError):
    """A value is not allowed; *field* names it, where one is to blame."""

    code = "invalid"
    text = "The request is invalid"

    def __init__(self, message: str = "", field: str = "") -> None:
        super().__init__(message)
        self.field = field


class WeakPassword(Invalid):
    code = "weak_password"
    text = "The password is too common or too short"

    def __init__(self, message: str = "", field: str = "password") -> None:
        super().__init__(message, field=field)


class EmptyMessage(Invalid):
    code = "empty_message"
    text = "Message content cannot be empty"

    def __init__(self, message: str = "") -> None:
        super().__init__(message, field="content")


class Unauthenticated(TertuliaError):
    code = "unauthenticated"
    text = "Not authenticated"


class MissingToken(Unauthenticated):
    code = "missing_token"
    text = "Missing authentication token"


class InvalidToken(Unauthenticated):
    """Wrong, expired, revoked, used up, or of a user who is not there any more: a stranger is not told which."""

    code = "invalid_token"
    text = "Invalid token"


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    text = "Incorrect username or password"


class Forbidden(TertuliaError):
    code = "forbidden"
    text = "Not allowed"


class NotAMember(Forbidden):
    code = "not_a_member"
    text = "Not a member of this room"


class RoleTooLow(Forbidden):
    code = "role_too_low"
    text = "Your role does not allow this"


class Muted(Forbidden):
    code = "muted"
    text = "You are muted in this room"


class Banned(Forbidden):
    code = "banned"
    text = "You are banned from this room"


class Blocked(Forbidden):
    """One of the two has blocked the other: neither is told which."""

    code = "blocked"
    text = "You and this user do not talk to each other"


class WrongPassword(Forbidden):
    """Of somebody who is logged in, and was asked for it once more."""

    code = "wrong_password"
    text = "The current password is not right"


class RegistrationClosed(Forbidden):
    code = "registration_closed"
    text = "Registration is closed on this server"


class AreaLocked(Forbidden):
    code = "area_locked"
    text = "This area is locked from the inside"


class OutOfReach(Forbidden):
    """Too far away, or within an area that one is not in."""

    code = "out_of_reach"
    text = "This is out of your reach: go there first"


class NotFound(TertuliaError):
    code = "not_found"
    text = "Not found"


class NoSuchRoom(NotFound):
    code = "room_not_found"
    text = "Room not found"


class NoSuchMessage(NotFound):
    code = "message_not_found"
    text = "Message not found"


class NoSuchUser(NotFound):
    code = "user_not_found"
    text = "User not found"


class NoSuchSession(NotFound):
    code = "session_not_found"
    text = "Session not found"


class NoSuchInvite(NotFound):
    code = "invite_not_found"
    text = "Invite not found or expired"


class NoSuchAvatar(NotFound):
    code = "avatar_not_found"
    text = "This user has no picture"


class NoSuchObject(NotFound):
    code = "object_not_found"
    text = "Object not found"


class NoSpace(NotFound):
    code = "no_space"
    text = "This room has no space"


class NoSuchArea(NotFound):
    code = "area_not_found"
    text = "Area not found"


class Conflict(TertuliaError):
    code = "conflict"
    text = "This conflicts with what is there"


class NameTaken(Conflict):
    code = "name_taken"
    text = "This username is taken"


class EmailTaken(Conflict):
    code = "email_taken"
    text = "This email address is taken"


class NonceConflict(Conflict):
    code = "nonce_conflict"
    text = "This nonce was used for another message"


class AlreadyMember(Conflict):
    code = "already_member"
    text = "Already a member of this room"


class LastOwner(Conflict):
    code = "last_owner"
    text = "The last owner cannot leave or step down: make somebody else an owner first"


class LastAdmin(Conflict):
    code = "last_admin"
    text = "The last admin cannot go or step down: make somebody else an admin first"


class TooMany(Conflict):
    """There is a most of these, and it is reached."""

    code = "too_many"
    text = "There are too many of these already"


class VersionConflict(Conflict):
    code = "version_conflict"
    text = "This was changed by somebody else meanwhile: look at it again"


class Occupied(Conflict):
    code = "occupied"
    text = "Somebody sits there"


class AreaFull(Conflict):
    code = "area_full"
    text = "This area is full"


class NobodyNear(Conflict):
    code = "nobody_near"
    text = "Nobody is near enough to hear you"


class NotThere(Conflict):
    """Of something that one does with one's body, and without having entered."""

    code = "not_there"
    text = "Enter the room first"


class TooLarge(TertuliaError):
    code = "too_large"
    text = "Too large"


class TooFast(TertuliaError):
    """*retry_after*: seconds until the next try can succeed."""

    code = "rate_limited"
    text = "Too many requests"

    def __init__(self, retry_after: float, message: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(TertuliaError):
    """Nothing was stored, or it is not known: the same nonce sent again is safe. *retry_after*: seconds."""

    code = "unavailable"
    text = "Temporarily unavailable; try again"

    def __init__(self, message: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Internal(TertuliaError):
    code = "internal"
    text = "A fault of ours"

    def __init__(self, error_id: str) -> None:
        super().__init__(f"Something went wrong on the server (error {error_id})")
        self.error_id = error_id


def every_error(root: type[TertuliaError] = TertuliaError) -> list[type[TertuliaError]]:
    """*root* and all below it: for tables that must be total, and their tests."""
    return [root, *(found for child in root.__subclasses__() for found in every_error(child))]
