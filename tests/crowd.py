"""A room with very many members, and a message that all of them like: written straight into the tables, in one work,
as the commands would have written it one by one."""

from collections.abc import Sequence
from itertools import count

from sqlalchemy import insert, select, update

from tertulia.domain.events import MemberAdded, ReactionAdded
from tertulia.domain.ids import MessageId, RoomId, SessionId, UserId
from tertulia.domain.models import REACTION_USERS, Actor
from tertulia.domain.roles import RoomRole, UserRole
from tertulia.store import Work
from tertulia.store.tables import memberships, messages, reactions, room_log, rooms, users
from tertulia.store.work import encode_payload

EMOJI = "👍"


def fill(work: Work, room_id: RoomId, message_id: MessageId, size: int) -> list[Actor]:
    """*size* new members, each with a reaction on the message, which has none so far."""
    work.lock(room_id)
    people = _people(work, f"crowd{room_id}x", size)
    seqs = count(work.sql.execute(select(rooms.c.last_seq).where(rooms.c.id == room_id)).scalar_one() + 1)
    _join(work, room_id, people, seqs)
    _react(work, room_id, message_id, people, seqs)
    last_seq = next(seqs) - 1
    grown = update(rooms).where(rooms.c.id == room_id)
    work.sql.execute(grown.values(last_seq=last_seq, member_count=rooms.c.member_count + size))
    return people


def _people(work: Work, prefix: str, size: int) -> list[Actor]:
    names = [f"{prefix}{number:05d}" for number in range(size)]
    rest = {"password_hash": "", "created_at": work.now}
    rows = [
        {"username": name, "username_key": name, "display_name": name, "search_key": name, **rest} for name in names
    ]
    work.sql.execute(insert(users), rows)
    made = select(users.c.id, users.c.username).where(users.c.username.startswith(prefix)).order_by(users.c.id)
    return [
        Actor(UserId(row.id), row.username, UserRole.USER, SessionId(f"s-{row.username}"))
        for row in work.sql.execute(made)
    ]


def _join(work: Work, room_id: RoomId, people: Sequence[Actor], seqs: "count[int]") -> None:
    rows, log = [], []
    for person in people:
        seq = next(seqs)
        who = {"user_id": person.user_id, "username": person.username}
        event = MemberAdded(**who, role=RoomRole.MEMBER, by=person.user_id, created_at=work.now)
        rows.append(
            {
                "room_id": room_id,
                "user_id": person.user_id,
                "role": RoomRole.MEMBER.value,
                "read_seq": seq,
                "delivered_seq": seq,
                "joined_seq": seq,
                "joined_at": work.now,
            }
        )
        log.append(_logged(work, room_id, seq, person, None, event))
    work.sql.execute(insert(memberships), rows)
    work.sql.execute(insert(room_log), log)


def _react(work: Work, room_id: RoomId, message_id: MessageId, people: Sequence[Actor], seqs: "count[int]") -> None:
    rows, log = [], []
    for number, person in enumerate(people, 1):
        seq = next(seqs)
        who = {"user_id": person.user_id, "username": person.username}
        event = ReactionAdded(**who, emoji=EMOJI, count=number, created_at=work.now)
        what = {"message_id": message_id, "emoji": EMOJI, "user_id": person.user_id}
        rows.append({**what, "seq": seq, "created_at": work.now})
        log.append(_logged(work, room_id, seq, person, message_id, event))
    work.sql.execute(insert(reactions), rows)
    work.sql.execute(insert(room_log), log)
    first = [person.user_id for person in people[:REACTION_USERS]]
    shown = [{"emoji": EMOJI, "count": len(people), "users": first}]
    work.sql.execute(update(messages).where(messages.c.id == message_id).values(reactions=shown))


def _logged(
    work: Work,
    room_id: RoomId,
    seq: int,
    by: Actor,
    message_id: MessageId | None,
    event: MemberAdded | ReactionAdded,
) -> dict[str, object]:
    return {
        "room_id": room_id,
        "seq": seq,
        "type": event.__struct_config__.tag,
        "user_id": by.user_id,
        "message_id": message_id,
        "payload": encode_payload(event),
        "created_at": work.now,
    }
