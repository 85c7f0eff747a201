"""Reactions: who gave which to a message; and what its readers are shown of them, kept in the message's own row.

That row is changed with each reaction, while the room is locked: so reading a message costs the same with ten reactions
on it as with ten thousand.
"""

from msgspec.structs import replace
from sqlalchemy import delete, insert, select, update

from tertulia.domain.events import ReactionAdded, ReactionRemoved
from tertulia.domain.ids import MessageId, Seq, UserId
from tertulia.domain.models import REACTION_USERS, Actor, Message, Page, Reaction, Reactor
from tertulia.store.tables import messages, reactions, users
from tertulia.store.work import Reader, Work


def find_reaction(reader: Reader, message_id: MessageId, emoji: str, user_id: UserId) -> Seq | None:
    """Where the log says that it was given."""
    one = (reactions.c.message_id == message_id) & (reactions.c.emoji == emoji) & (reactions.c.user_id == user_id)
    return reader.sql.execute(select(reactions.c.seq).where(one)).scalar()


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


def remove_reaction(work: Work, message: Message, emoji: str, by: Actor) -> tuple[Message, Seq]:
    """One that has been given; expects the room to be locked. Gives the message as it is then."""
    one = (reactions.c.message_id == message.id) & (reactions.c.emoji == emoji) & (reactions.c.user_id == by.user_id)
    removed = ReactionRemoved(
        user_id=by.user_id,
        username=by.username,
        emoji=emoji,
        count=count(message, emoji) - 1,
        created_at=work.now,
    )
    seq = work.append(removed, message.room_id, message_id=message.id).seq
    work.sql.execute(delete(reactions).where(one))
    left = [
        _without(work, message.id, group, by.user_id) if group.emoji == emoji else group for group in message.reactions
    ]
    return _show(work, message, [group for group in left if group.count > 0]), seq


def list_reactions(reader: Reader, message_id: MessageId, cursor: Seq | None, limit: int) -> Page[Reactor]:
    """In the order in which they were given, those after *cursor*."""
    given = select(reactions).where(reactions.c.message_id == message_id).order_by(reactions.c.seq).limit(limit + 1)
    if cursor is not None:
        given = given.where(reactions.c.seq > cursor)
    page = given.subquery("page")  # cut off before names are joined, as pages of messages are
    named = select(page, users.c.username).join(users, users.c.id == page.c.user_id).order_by(page.c.seq)
    found = [
        Reactor(emoji=row.emoji, user_id=row.user_id, username=row.username, seq=row.seq, created_at=row.created_at)
        for row in reader.sql.execute(named)
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
