"""Avatars: users' pictures, as they are given out."""

from sqlalchemy import delete, insert, select

from tertulia.domain.ids import UserId
from tertulia.domain.models import Avatar
from tertulia.store.tables import avatars
from tertulia.store.work import Reader, Work


def find_avatar(reader: Reader, user_id: UserId) -> Avatar | None:
    wanted = select(avatars.c.content_type, avatars.c.digest, avatars.c.data).where(avatars.c.user_id == user_id)
    row = reader.sql.execute(wanted).one_or_none()
    return None if row is None else Avatar(content_type=row.content_type, digest=row.digest, data=row.data)


def put_avatar(work: Work, user_id: UserId, avatar: Avatar) -> None:
    """In place of the one there may be. The user is locked."""
    remove_avatar(work, user_id)
    work.sql.execute(
        insert(avatars).values(
            user_id=user_id,
            digest=avatar.digest,
            content_type=avatar.content_type,
            data=avatar.data,
            updated_at=work.now,
        )
    )


def remove_avatar(work: Work, user_id: UserId) -> None:
    work.sql.execute(delete(avatars).where(avatars.c.user_id == user_id))
