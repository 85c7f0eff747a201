"""Users: accounts, what they are found by, and what becomes of them."""

import unicodedata
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, Select, insert, select, update

from tertulia.domain.errors import EmailTaken, NameTaken, NoSuchUser
from tertulia.domain.ids import UserId
from tertulia.domain.models import Page, User
from tertulia.domain.roles import Status, UserRole
from tertulia.store.tables import users
from tertulia.store.work import Reader, Work

DELETED_NAME = "deleted user"


class Credentials(Struct, frozen=True):
    """For those who check a password, and nobody else."""

    user: User
    password_hash: str


def fold(name: str) -> str:
    """What names are compared by: "Ana", "ana" and "ＡＮＡ" are one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def searchable(text: str) -> str:
    """What searches compare: folded, and without the marks that are often left out. "jose" finds "José", "lodz" finds
    "Łódź"; vowel signs and the marks of kana, which make another letter, stay."""
    decomposed = unicodedata.normalize("NFKD", fold(text)).translate(_PLAIN)
    bare = "".join(char for char in decomposed if not _is_left_out(unicodedata.combining(char)))
    return unicodedata.normalize("NFC", bare)


def search_key(username: str, display_name: str) -> str:
    """Both names, which nothing that is searched for goes across."""
    return f"{searchable(username)}\n{searchable(display_name)}"


def _is_left_out(combining_class: int) -> bool:
    """Hebrew and Arabic vowels (10 to 36); accents and whatever else stands above or below a letter (200 and up)."""
    return 10 <= combining_class <= 36 or combining_class >= 200


_PLAIN = str.maketrans({"æ": "ae", "đ": "d", "ħ": "h", "ı": "i", "ł": "l", "œ": "oe", "ø": "o"})
"""Letters with a stroke, which Unicode does not take apart."""


def insert_user(
    work: Work,
    *,
    username: str,
    email: str | None,
    display_name: str,
    password_hash: str,
    role: UserRole = UserRole.USER,
) -> User:
    """Raises NameTaken, EmailTaken."""
    need_free(work, username, email)
    # Should another node be first between our look and our write, the lane tries again, and then we see it.
    new = insert(users).values(
        username=username,
        username_key=fold(username),
        email=email,
        email_key=None if email is None else fold(email),
        display_name=display_name,
        search_key=search_key(username, display_name),
        role=role.value,
        password_hash=password_hash,
        status=Status.ONLINE.value,
        created_at=work.now,
    )
    return get_user(work, UserId(work.sql.execute(new.returning(users.c.id)).scalar_one()))


def need_free(reader: Reader, username: str, email: str | None) -> None:
    """Raises NameTaken, EmailTaken."""
    if find_by_username(reader, username) is not None:
        raise NameTaken
    if email is not None and _find(reader, users.c.email_key == fold(email)) is not None:
        raise EmailTaken


def get_user(reader: Reader, user_id: UserId) -> User:
    """Deleted ones too. Raises NoSuchUser."""
    user = _find(reader, users.c.id == user_id)
    if user is None:
        raise NoSuchUser
    return user


def find_by_username(reader: Reader, username: str) -> User | None:
    return _find(reader, users.c.username_key == fold(username))


def find_credentials(reader: Reader, name: str) -> Credentials | None:
    """By username or email address: no username has an @ in it."""
    folded = fold(name)
    key = users.c.email_key if "@" in folded else users.c.username_key
    row = reader.sql.execute(select(users).where(key == folded)).one_or_none()
    return None if row is None else Credentials(user_of(row), row.password_hash)


def get_credentials(reader: Reader, user_id: UserId) -> Credentials:
    """Raises NoSuchUser."""
    row = reader.sql.execute(select(users).where(users.c.id == user_id)).one_or_none()
    if row is None:
        raise NoSuchUser
    return Credentials(user_of(row), row.password_hash)


def lock_credentials(work: Work, user_id: UserId) -> Credentials:
    """As they stay until the commit. Raises NoSuchUser."""
    if work.sql.dialect.name == "postgresql":  # SQLite has one writer anyway
        work.sql.execute(select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True))
    return get_credentials(work, user_id)


def lock_users(work: Work, *user_ids: UserId) -> None:
    """What concerns two people, and no room of theirs, is decided under these locks."""
    if work.sql.dialect.name == "postgresql":
        wanted = select(users.c.id).where(users.c.id.in_(user_ids)).order_by(users.c.id)
        work.sql.execute(wanted.with_for_update(key_share=True))


def list_users(reader: Reader, *, q: str, cursor: UserId | None, skip: int, limit: int) -> Page[User]:
    """By id, ascending; those who are gone left out. *q*: part of the username or display name, in any case, with or
    without accents."""
    wanted: Select[Any] = select(users).where(users.c.is_active, ~users.c.is_deleted)
    if q:
        wanted = wanted.where(users.c.search_key.contains(searchable(q), autoescape=True))
    if cursor is not None:
        wanted = wanted.where(users.c.id > cursor)
    found = [user_of(row) for row in reader.sql.execute(wanted.order_by(users.c.id).offset(skip).limit(limit + 1))]
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def update_user(work: Work, user_id: UserId, **values: Any) -> User:
    """What is left of a deleted one stays as it is. Raises EmailTaken."""
    email = values.get("email")
    if email is not None:
        other = _find(work, users.c.email_key == fold(email))
        if other is not None and other.id != user_id:
            raise EmailTaken
    if "email" in values:
        values["email_key"] = None if email is None else fold(email)
    if "display_name" in values and "search_key" not in values:
        values["search_key"] = search_key(get_user(work, user_id).username, values["display_name"])
    if values:
        work.sql.execute(update(users).where(users.c.id == user_id, ~users.c.is_deleted).values(**values))
    return get_user(work, user_id)


def lock_admins(work: Work) -> list[UserId]:
    """The active admins, none of whom can be changed until the commit."""
    wanted = select(users.c.id).where(users.c.role == UserRole.ADMIN.value, users.c.is_active, ~users.c.is_deleted)
    if work.sql.dialect.name == "postgresql":
        wanted = wanted.order_by(users.c.id).with_for_update(key_share=True)
    return [UserId(user_id) for user_id in work.sql.execute(wanted).scalars()]


def blank_user(work: Work, user_id: UserId) -> None:
    """What is left of an account that was deleted: a row for its messages to belong to. Its name becomes free."""
    update_user(
        work,
        user_id,
        username=DELETED_NAME,
        username_key=f"\x1fdeleted {user_id}",  # no name that anybody can take begins like this
        email=None,
        display_name=DELETED_NAME,
        search_key="",
        avatar_url=None,
        bio="",
        role=UserRole.USER.value,
        password_hash="",
        is_active=False,
        is_deleted=True,
        status=Status.OFFLINE.value,
        status_text="",
        last_seen_at=None,
    )


def _find(reader: Reader, condition: Any) -> User | None:
    row = reader.sql.execute(select(users).where(condition)).one_or_none()
    return None if row is None else user_of(row)


def user_of(row: Row[Any]) -> User:
    return User(
        id=UserId(row.id),
        username=row.username,
        email=row.email,
        display_name=row.display_name,
        avatar_url=row.avatar_url,
        bio=row.bio,
        role=UserRole(row.role),
        is_active=row.is_active,
        is_deleted=row.is_deleted,
        status=Status(row.status),
        status_text=row.status_text,
        last_seen_at=row.last_seen_at,
        created_at=row.created_at,
    )
