"""Invites: codes that let their bearer into a room."""

import msgspec
from sqlalchemy import insert, select, update

from tertulia.domain.models import Invite
from tertulia.store.tables import invites
from tertulia.store.work import Reader, Work


def insert_invite(work: Work, invite: Invite) -> None:
    work.sql.execute(insert(invites).values(**msgspec.structs.asdict(invite), created_at=work.now))


def find_invite(reader: Reader, code: str) -> Invite | None:
    """Used up and expired ones too."""
    wanted = select(*(invites.c[name] for name in Invite.__struct_fields__)).where(invites.c.code == code)
    row = reader.sql.execute(wanted).mappings().one_or_none()
    return None if row is None else Invite(**row)


def count_use(work: Work, code: str) -> None:
    work.sql.execute(update(invites).where(invites.c.code == code).values(uses=invites.c.uses + 1))
