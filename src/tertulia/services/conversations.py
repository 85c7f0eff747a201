"""Conversations: groups and direct rooms, and the list of all that somebody talks in."""

from tertulia.domain import commands as c
from tertulia.domain.errors import Blocked, Forbidden, Invalid, NoSuchUser, NotAMember
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor, Conversation, Room
from tertulia.domain.roles import RoomKind, RoomRole
from tertulia.services import policy
from tertulia.services.checks import check_page, check_skip, check_text
from tertulia.services.names import check_title
from tertulia.store import Reader, Store, Work
from tertulia.store import conversations as stored
from tertulia.store.blocks import are_apart, blockers_among
from tertulia.store.members import add_member, find_usernames
from tertulia.store.rooms import find_standing, insert_room, with_unread
from tertulia.store.users import get_user

MOST_FIRST_MEMBERS = 100
"""Of a new group, besides who makes it: whoever is more is added later."""


class Conversations:
    """Lengths in characters."""

    def __init__(self, store: Store, *, max_name: int = 100, max_description: int = 1000) -> None:
        self._store, self._max_name, self._max_description = store, max_name, max_description

    def create_group(self, command: c.CreateGroup, actor: Actor, work: Work) -> Room:
        """All or none become members. Raises NoSuchUser; Blocked, if one of them has blocked *actor*."""
        others = [user_id for user_id in dict.fromkeys(command.member_ids) if user_id != actor.user_id]
        if len(others) > MOST_FIRST_MEMBERS:
            raise Invalid(f"A group begins with at most {MOST_FIRST_MEMBERS} others", field="member_ids")
        group = Room(
            id=RoomId(0),
            kind=RoomKind.GROUP,
            name=check_title(command.name, "name", most=self._max_name) if command.name.strip() else "",
            description=check_text(command.description.strip(), "description", most=self._max_description),
            owner_id=actor.user_id,
            is_private=True,
            created_at=work.now,
            updated_at=work.now,
        )
        usernames = find_usernames(work, others)
        if len(usernames) < len(others):
            raise NoSuchUser
        if blockers_among(work, actor.user_id, others):
            raise Blocked
        room_id = insert_room(work, group)
        add_member(work, room_id, actor.user_id, actor.username, RoomRole.OWNER, actor.user_id)
        for user_id in others:
            add_member(work, room_id, user_id, usernames[user_id], RoomRole.MEMBER, actor.user_id)
        return _seen(work, room_id, actor)

    async def open_direct(self, command: c.OpenDirect, actor: Actor) -> Room:
        """One that is there is only looked up. Raises NoSuchUser also for who has deleted their account, though what
        was said with them stays; and Blocked, if there is none and one has blocked the other."""
        user_id = command.user_id
        if user_id == actor.user_id:
            raise Invalid("Nobody has a direct room with themselves", field="user_id")
        found = await self._store.read(lambda reader: _find_open(reader, actor, user_id))
        if found is not None:
            return found
        return await self._store.write(lambda work: _open(work, actor, user_id))

    def find_direct(self, command: c.FindDirect, actor: Actor, reader: Reader) -> Room | None:
        room_id = stored.find_direct(reader, actor.user_id, command.user_id)
        return None if room_id is None else _seen(reader, room_id, actor)

    def find_voice(self, command: c.FindVoice, actor: Actor, reader: Reader) -> RoomId | None:
        room_id = command.room_id
        if room_id is None and command.user_id is not None:
            room_id = stored.find_direct(reader, actor.user_id, command.user_id)
        standing = None if room_id is None else find_standing(reader, room_id, actor.user_id)
        if standing is None:
            return None
        try:
            policy.need_voice(reader, standing)
        except Forbidden:
            return None
        return room_id

    def get_conversation(self, command: c.GetConversation, actor: Actor, reader: Reader) -> Conversation:
        found = stored.list_conversations(reader, actor.user_id, [command.room_id])
        if not found:
            raise NotAMember
        return found[0]

    def list_conversations(self, command: c.ListConversations, actor: Actor, reader: Reader) -> list[Conversation]:
        room_ids = stored.list_by_newest(reader, actor.user_id, check_skip(command.skip), check_page(command.limit))
        return stored.list_conversations(reader, actor.user_id, room_ids)


def _find_open(reader: Reader, actor: Actor, user_id: UserId) -> Room | None:
    if get_user(reader, user_id).is_deleted:
        raise NoSuchUser
    room_id = stored.find_direct(reader, actor.user_id, user_id)
    return None if room_id is None else _seen(reader, room_id, actor)


def _open(work: Work, actor: Actor, user_id: UserId) -> Room:
    is_refused = are_apart(work, actor.user_id, user_id)  # first: from here on nobody else opens it or goes away
    found = _find_open(work, actor, user_id)
    if found is not None:
        return found
    usernames = find_usernames(work, [user_id])
    if not usernames:
        raise NoSuchUser
    if is_refused:
        raise Blocked
    direct = Room(
        id=RoomId(0), kind=RoomKind.DIRECT, name="", is_private=True, created_at=work.now, updated_at=work.now
    )
    room_id = insert_room(work, direct, direct_key=stored.direct_key(actor.user_id, user_id))
    add_member(work, room_id, actor.user_id, actor.username, RoomRole.MEMBER, actor.user_id)
    add_member(work, room_id, user_id, usernames[user_id], RoomRole.MEMBER, actor.user_id)
    return _seen(work, room_id, actor)


def _seen(reader: Reader, room_id: RoomId, actor: Actor) -> Room:
    return with_unread(reader, policy.see_room(reader, room_id, actor))
