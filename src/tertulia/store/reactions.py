"""Reactions: who gave which to a message; and what its readers are shown of them, kept in the message's own row.

That row is changed with each reaction, while the room is locked: so reading a message costs the same with ten reactions
on it as with ten thousand.
"""

from msgspec.structs import replace
from sqlalchemy import delete, insert, literal, select, tuple_, update

from tertulia.domain.events import ReactionAdded, ReactionRemoved
from tertulia.domain.ids import MessageId, Seq, UserId
from tertulia.domain.models import REACTION_USERS, Actor, Message, Page, Reaction, Reactor
from tertulia.store.tables import Id, messages, reactions, users
from tertulia.store.work import Reader, Work


def find_reaction(reader: Reader, message_id: MessageId, emoji: str, user_id: UserId) -> Seq | None:
    """Where the log says that it was given."""
    # Asked for as the first at or after its key: that leaves a planner no other index than the key's. One more begins
    # with the message and the emoji, and looks as good to a planner who has not heard of a message that very many like.
    key = (reactions.c.message_id, reactions.c.emoji, reactions.c.user_id)
    wanted = (literal(message_id, Id), literal(emoji), literal(user_id, Id))
    next_ = select(*key, reactions.c.seq).where(tuple_(*key) >= tuple_(*wanted)).order_by(*key).limit(1)
    row = reader.sql.execute(next_).one_or_none()
    return row.seq if row is not None and tuple(row[:3]) == (message_id, emoji, user_id) else None


def count(message: Message, emoji: str) -> int:
    return next((one.count for one in message.reactions if one.emoji == emoji), 0)


def add_reaction(work: Work, message: Message, emoji: str, by: Actor) -> tuple[Message, Seq]:
    """One that has not been given; expects the room to be locked. Gives the message as it is then."""
    added = ReactionAdded(
        user_id=by.user_id,
        username=by.username,
        emoji=emoji,
        count=count(message, emoji) + 1,
        created_at=work.now,
    )
    seq = work.append(added, message.room_id, message_id=message.id).seq
    new = insert(reactions).values(message_id=message.id, emoji=emoji, user_id=by.user_id, seq=seq, created_at=work.now)
    work.sql.execute(new)
    return _show(work, message, _with(message.reactions, emoji, by.user_id)), seq


def remove_reaction(work: Work, message: Message, emoji: str, by: Actor, given: Seq) -> tuple[Message, Seq]:
    """One that was *given*; expects the room to be locked. Gives the message as it is then."""
    removed = ReactionRemoved(
        user_id=by.user_id,
        username=by.username,
        emoji=emoji,
        count=count(message, emoji) - 1,
        created_at=work.now,
    )
    seq = work.append(removed, message.room_id, message_id=message.id).seq
    work.sql.execute(delete(reactions).where(reactions.c.message_id == message.id, reactions.c.seq == given))
    left = [
        _without(work, message.id, group, by.user_id) if group.emoji == emoji else group for group in message.reactions
    ]
    return _show(work, message, [group for group in left if group.count > 0]), seq


def list_reactions(reader: Reader, message_id: MessageId, cursor: Seq | None, limit: int) -> Page[Reactor]:
    """In the order in which they were given, those after *cursor*."""
    name = select(users.c.username).where(users.c.id == reactions.c.user_id).scalar_subquery().label("username")
    given = select(reactions, name).where(reactions.c.message_id == message_id).order_by(reactions.c.seq)
    if cursor is not None:
        given = given.where(reactions.c.seq > cursor)
    found = [
        Reactor(emoji=row.emoji, user_id=row.user_id, username=row.username, seq=row.seq, created_at=row.created_at)
        for row in reader.sql.execute(given.limit(limit + 1))
    ]
    return Page(found[:limit], found[limit - 1].seq if len(found) > limit else None)


def _with(groups: list[Reaction], emoji: str, user_id: UserId) -> list[Reaction]:
    """A new emoji comes last; a new user too, if there is room for one."""
    if all(group.emoji != emoji for group in groups):
        return [*groups, Reaction(emoji=emoji, count=1, users=[user_id])]
    return [
        Reaction(emoji=emoji, count=group.count + 1, users=[*group.users, user_id][:REACTION_USERS])
        if group.emoji == emoji
        else group
        for group in groups
    ]


def _without(work: Work, message_id: MessageId, group: Reaction, user_id: UserId) -> Reaction:
    """Somebody who was not shown moves up, if there is one."""
    shown = [one for one in group.users if one != user_id]
    if len(shown) < len(group.users) < group.count:
        of_group = (reactions.c.message_id == message_id) & (reactions.c.emoji == group.emoji)
        first = select(reactions.c.user_id).where(of_group).order_by(reactions.c.seq).limit(REACTION_USERS)
        shown = list(work.sql.execute(first).scalars())
    return Reaction(emoji=group.emoji, count=group.count - 1, users=shown)


def _show(work: Work, message: Message, groups: list[Reaction]) -> Message:
    work.sql.execute(update(messages).where(messages.c.id == message.id).values(reactions=groups or None))
    return replace(message, reactions=groups)
