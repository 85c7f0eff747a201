"""Reactions: emoji on messages, one of each kind for each member."""

from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, NoSuchMessage, TooMany
from tertulia.domain.ids import MessageId, RoomId, Seq
from tertulia.domain.models import REACTION_KINDS, Actor, Message, Page, Reactor
from tertulia.services import policy
from tertulia.services.checks import check_page
from tertulia.services.names import check_title
from tertulia.store import Reader, Work
from tertulia.store import reactions as stored
from tertulia.store.rooms import Standing

LONGEST = 32
"""Characters of an emoji: the longest that Unicode has are of ten."""
DOTS = (".", "..")
"""In an address they are steps, however they are written (RFC 3986 §5.2.4): who took back `..` by REST would ask for the
message itself to be deleted."""


class Reactions:
    """Who gives one, or takes it back, is a member who may speak."""

    def add(self, command: c.AddReaction, actor: Actor, work: Work) -> c.Reacted:
        emoji = check_emoji(command.emoji)
        message, standing = _lock(work, command.message_id, actor, command.room_id)
        known = stored.find_reaction(work, message.id, emoji, actor.user_id)
        if known is not None:
            return _reacted(work, standing, message, known, emoji, is_added=True)
        return _add(work, standing, message, emoji, actor)

    def remove(self, command: c.RemoveReaction, actor: Actor, work: Work) -> c.Reacted:
        emoji = check_emoji(command.emoji)
        message, standing = _lock(work, command.message_id, actor, command.room_id)
        given = stored.find_reaction(work, message.id, emoji, actor.user_id)
        if given is None:
            return _reacted(work, standing, message, standing.room.last_seq, emoji, is_added=False)
        return _remove(work, standing, message, emoji, actor, given)

    def toggle(self, command: c.ToggleReaction, actor: Actor, work: Work) -> c.Reacted:
        emoji = check_emoji(command.emoji)
        message, standing = _lock(work, command.message_id, actor, command.room_id)
        given = stored.find_reaction(work, message.id, emoji, actor.user_id)
        if given is None:
            return _add(work, standing, message, emoji, actor)
        return _remove(work, standing, message, emoji, actor, given)

    def list_reactions(self, command: c.ListReactions, actor: Actor, reader: Reader) -> Page[Reactor]:
        message, _ = policy.see_message(reader, command.message_id, actor)
        if message.is_deleted:
            raise NoSuchMessage
        return stored.list_reactions(reader, message.id, command.cursor, check_page(command.limit))


def check_emoji(emoji: str) -> str:
    """Any short word that can be seen: what clients call an emoji is more than Unicode does. Raises Invalid."""
    if any(char.isspace() for char in emoji):
        raise Invalid("emoji must be one word", field="emoji")
    if emoji in DOTS:
        raise Invalid("emoji must be more than dots", field="emoji")
    return check_title(emoji, "emoji", most=LONGEST)


def _lock(work: Work, message_id: MessageId, actor: Actor, room_id: RoomId | None) -> tuple[Message, Standing]:
    """Raises NoSuchMessage, NotAMember, Blocked, Muted."""
    message, standing = policy.lock_message(work, message_id, actor, room_id)
    if message.is_deleted:
        raise NoSuchMessage
    policy.need_voice(work, standing)
    return message, standing


def _add(work: Work, standing: Standing, message: Message, emoji: str, by: Actor) -> c.Reacted:
    if len(message.reactions) >= REACTION_KINDS and stored.count(message, emoji) == 0:
        raise TooMany(f"A message bears at most {REACTION_KINDS} different emoji")
    changed, seq = stored.add_reaction(work, message, emoji, by)
    return _reacted(work, standing, changed, seq, emoji, is_added=True)


def _remove(work: Work, standing: Standing, message: Message, emoji: str, by: Actor, given: Seq) -> c.Reacted:
    changed, seq = stored.remove_reaction(work, message, emoji, by, given)
    return _reacted(work, standing, changed, seq, emoji, is_added=False)


def _reacted(
    reader: Reader, standing: Standing, message: Message, seq: Seq, emoji: str, *, is_added: bool
) -> c.Reacted:
    shown = policy.as_known(reader, message, standing)
    return c.Reacted(message=shown, seq=seq, is_added=is_added, count=stored.count(message, emoji))
