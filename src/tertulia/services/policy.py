"""Who may see, read, moderate and own a room: all in one place.

What a stranger may not see does not exist for them. A private room (every group and direct room is one) exists for its
members; a public one for everybody, but only members read it. Server admins read, moderate and own every public room;
of a private one they are what their membership says, save that they may archive it unseen.

A talk exists for those who were ever in it, and they read of it what was said meanwhile, members or not. That of a quiet
area exists for the members of its parent, too, and all of them read all of it.
"""

from msgspec.structs import replace

from tertulia.domain.errors import (
    Banned,
    Blocked,
    Forbidden,
    Muted,
    NoSpace,
    NoSuchMessage,
    NoSuchRoom,
    NotAMember,
    RoleTooLow,
    TertuliaError,
)
from tertulia.domain.ids import MessageId, RoomId, UserId
from tertulia.domain.models import Actor, Membership, Message, Room, Space
from tertulia.domain.roles import Builders, RoomKind, RoomRole
from tertulia.store.members import Barrier, find_ban, find_member
from tertulia.store.messages import find_message, find_room_of
from tertulia.store.rooms import Standing, find_standing, is_blocked
from tertulia.store.stays import as_heard, find_within, has_heard
from tertulia.store.work import Reader, Work

STRANGER = -1
ADMIN = RoomRole.OWNER.rank + 1


def is_public(room: Room) -> bool:
    return room.kind is RoomKind.CHANNEL and not room.is_private


def rank(standing: Standing, actor: Actor) -> int:
    """What *actor* may in the room: the rank of a role, ADMIN above them all, or STRANGER."""
    if actor.is_admin and is_public(standing.room):
        return ADMIN
    return STRANGER if standing.member is None else standing.member.role.rank


def see_room(reader: Reader, room_id: RoomId, actor: Actor) -> Standing:
    """Raises NoSuchRoom."""
    standing = find_standing(reader, room_id, actor.user_id)
    if standing is None:
        raise NoSuchRoom
    if standing.room.parent_id is not None:
        return _see_talk(reader, standing, standing.room.parent_id, actor)
    if standing.member is None and not is_public(standing.room):
        raise NoSuchRoom
    return standing


def _see_talk(reader: Reader, standing: Standing, parent_id: RoomId, actor: Actor) -> Standing:
    """Its log ends for who is there no more where they left."""
    talk = standing.room
    if not talk.is_private and find_member(reader, parent_id, actor.user_id) is not None:
        return standing
    within = find_within(reader, talk.id, actor.user_id)
    if within is None:
        raise NoSuchRoom
    if within.until is not None:
        talk = replace(talk, last_seq=within.until)
    return replace(standing, room=talk, within=within)


def read_room(reader: Reader, room_id: RoomId, actor: Actor) -> Standing:
    """What was said in it, as far as the standing's *within* goes. Raises NoSuchRoom, NotAMember."""
    standing = see_room(reader, room_id, actor)
    if rank(standing, actor) == STRANGER and standing.room.parent_id is None:
        raise NotAMember
    return standing


def see_members(reader: Reader, room_id: RoomId, actor: Actor) -> Standing:
    """Who its members are. Raises NoSuchRoom, NotAMember: who was in a talk once does not see who is there now."""
    standing = read_room(reader, room_id, actor)
    if standing.within is not None and standing.member is None:
        raise NotAMember
    return standing


def need_role(reader: Reader, room_id: RoomId, actor: Actor, least: RoomRole) -> Standing:
    """Raises NoSuchRoom, NotAMember, RoleTooLow."""
    standing = read_room(reader, room_id, actor)
    if rank(standing, actor) < least.rank:
        raise RoleTooLow
    return standing


def need_membership(reader: Reader, room_id: RoomId, actor: Actor) -> tuple[Room, Membership]:
    """For what is one's own in a room: being an admin is not enough. Raises NoSuchRoom, NotAMember."""
    standing = see_room(reader, room_id, actor)
    if standing.member is None:
        raise NotAMember
    return standing.room, standing.member


def need_changing_members(room: Room) -> None:
    """Raises Forbidden for a direct room, whose two members are fixed, and for a talk."""
    need_no_talk(room)
    if room.kind is RoomKind.DIRECT:
        raise Forbidden("A direct room has its two members, for ever")


def need_no_talk(room: Room) -> None:
    """Raises Forbidden for a talk: what it is like, and who is in it, follows from where people stand."""
    if room.parent_id is not None:
        raise Forbidden("Its members are those who stand there")


def need_unblocked(reader: Reader, room: Room) -> None:
    """To say or change something in it. Raises Blocked for a direct room one of whose two has blocked the other."""
    if room.kind is RoomKind.DIRECT and is_blocked(reader, room.id):
        raise Blocked


def need_voice(reader: Reader, standing: Standing) -> None:
    """To be heard in it: a member, and not muted. Raises NotAMember, Blocked, Muted."""
    if standing.member is None:
        raise NotAMember
    need_unblocked(reader, standing.room)
    need_unmuted(reader, standing)


def need_unmuted(reader: Reader, standing: Standing) -> None:
    """Raises Muted for a member who is."""
    member = standing.member
    if member is not None and member.muted_until is not None and member.muted_until > reader.now:
        raise Muted


def see_space(standing: Standing, actor: Actor) -> Space:
    """What stands in the room: for who reads it, and where everybody may build, for who sees it. Raises NotAMember,
    NoSpace."""
    space = standing.room.space
    is_open = space is not None and space.builders is Builders.EVERYONE
    if not is_open and rank(standing, actor) == STRANGER:
        raise NotAMember
    if space is None:
        raise NoSpace
    return space


def need_builder(reader: Reader, standing: Standing, actor: Actor) -> Space:
    """To change what stands in the room; gives its space. A mute, a kick and a ban shut out those who build as strangers,
    too. Raises NoSpace, NotAMember, RoleTooLow, Banned, Muted."""
    space = see_space(standing, actor)
    standing_rank = rank(standing, actor)
    if space.builders is Builders.MODERATORS and standing_rank < RoomRole.MODERATOR.rank:
        raise RoleTooLow
    need_unmuted(reader, standing)
    if standing_rank == STRANGER:
        need_entry(reader, standing.room.id, actor.user_id, is_asked=False)
        ban = find_ban(reader, standing.room.id, actor.user_id)
        if ban is not None and ban.muted_until is not None and ban.muted_until > reader.now:
            raise Muted
    return space


def need_entry(reader: Reader, room_id: RoomId, user_id: UserId, *, is_asked: bool) -> None:
    """Raises Banned; and NotAMember for who was kicked and does not ask to join but merely enters: a kicked client
    that reconnects by itself stays outside."""
    ban = find_ban(reader, room_id, user_id)
    if ban is None or ban.kind is Barrier.LEFT:
        return
    if ban.kind is Barrier.BANNED:
        raise Banned
    if not is_asked:
        raise NotAMember


def see_message(reader: Reader, message_id: MessageId, actor: Actor) -> tuple[Message, Standing]:
    """As *actor* knows it; deleted ones too. Raises NoSuchMessage, also for one that *actor* may not read."""
    message, standing = _find_message(reader, message_id, actor)
    return as_known(reader, message, standing), standing


def as_known(reader: Reader, message: Message, standing: Standing) -> Message:
    """What was changed in a talk behind somebody's back, they do not know."""
    if standing.within is None:
        return message
    [known] = as_heard(reader, standing.within.user_id, [message])
    return known


def lock_message(
    work: Work, message_id: MessageId, actor: Actor, room_id: RoomId | None = None
) -> tuple[Message, Standing]:
    """The message as it is while its room is locked, to be changed; deleted ones too. Raises NoSuchMessage, also if it is
    not in *room_id*, where one is given."""
    its_room = find_room_of(work, message_id)
    if its_room is None or room_id not in {None, its_room}:
        raise NoSuchMessage
    work.lock(its_room)
    return _find_message(work, message_id, actor)


def _find_message(reader: Reader, message_id: MessageId, actor: Actor) -> tuple[Message, Standing]:
    message = find_message(reader, message_id)
    if message is None:
        raise NoSuchMessage
    try:
        standing = read_room(reader, message.room_id, actor)
    except TertuliaError:
        raise NoSuchMessage from None
    if standing.within is not None and not has_heard(reader, actor.user_id, message):
        raise NoSuchMessage
    return message, standing
