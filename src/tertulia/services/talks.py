"""Talks: what is said near each other or within an area, in rooms of its own, for those who stand there meanwhile.

Who is in which talk of a room is decided while that room is locked.
"""

from collections.abc import Iterable

import msgspec

from tertulia.domain import commands as c
from tertulia.domain.errors import (
    AreaFull,
    AreaLocked,
    Invalid,
    NobodyNear,
    NonceConflict,
    NoSpace,
    NoSuchArea,
    NoSuchRoom,
    NotAMember,
    NotThere,
    RoleTooLow,
    TertuliaError,
)
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor, Area, Page, Room, Stay, Voice
from tertulia.domain.roles import LeaveReason, RoomRole
from tertulia.services import policy
from tertulia.services.checks import check_page
from tertulia.store import Post, Reader, Store, Work
from tertulia.store import talks as stored
from tertulia.store.members import find_members
from tertulia.store.messages import find_message
from tertulia.store.post_now import post_now
from tertulia.store.rooms import Standing, find_standing
from tertulia.store.stays import has_heard
from tertulia.store.talks import Talk


class Talks:
    def __init__(self, store: Store) -> None:
        self._store = store

    # ---- what is said

    def say(self, work: Work, post: Post, voice: Voice, actor: Actor) -> c.SendResult:
        """*post*, which is to the room in whose space its author stands, to where *voice* says that it goes."""
        work.lock(post.room_id)
        first = _find_first(work, post)
        if first is not None:
            return first
        if voice.is_elsewhere:
            voice = Voice(area_id=_find_area(work, post))
        if voice.bubble_id is None and voice.area_id is None:
            return post_now(work, post)
        standing = policy.see_room(work, post.room_id, actor)
        policy.need_voice(work, standing)
        if voice.area_id is not None:
            talk_id = _find_area_talk(work, post, voice.area_id)
        else:
            talk_id = _gather_hearers(work, post, voice)
        sent = post_now(work, msgspec.structs.replace(post, room_id=talk_id))
        return msgspec.structs.replace(sent, talk_id=talk_id)

    def repeat(self, work: Work, post: Post, refusal: TertuliaError, actor: Actor) -> c.SendResult:
        """What can not be said from where its author stands now, but perhaps was said before they walked on. Raises
        *refusal*, NonceConflict; to who has nothing to say in the room, what they would be told of any message."""
        work.lock(post.room_id)
        first = _find_first(work, post)
        if first is None:
            policy.need_voice(work, policy.see_room(work, post.room_id, actor))
            raise refusal
        return first

    # ---- areas

    def lock_area(self, command: c.LockArea, actor: Actor, work: Work) -> Area:
        """Who is inside locks; they or a moderator unlock. Without an event if it is so already."""
        work.lock(command.room_id)
        standing = policy.read_room(work, command.room_id, actor)
        if standing.room.space is None:
            raise NoSpace
        area = _get_area(standing.room, command.area_id)
        if not area.is_lockable:
            raise Invalid("This area has no lock", field="area_id")
        _need_key(work, standing, actor, command)
        if (area.locked_by is not None) is command.is_locked:
            return area
        locked_by = actor.user_id if command.is_locked else None
        return _get_area(stored.lock_area(work, standing.room, area.id, locked_by, actor.user_id), area.id)

    async def enter_area(self, command: c.EnterArea, actor: Actor | None) -> Stay:
        return await self._store.write(lambda work: _enter_area(work, command))

    async def leave_area(self, command: c.LeaveArea, actor: Actor | None) -> None:
        await self._store.write(lambda work: _leave_area(work, command))

    async def gather(self, command: c.Gather, actor: Actor | None) -> None:
        await self._store.write(lambda work: _gather(work, command))

    # ---- reading

    def list_talks(self, command: c.ListTalks, actor: Actor, reader: Reader) -> Page[Room]:
        """Also for who is a member no longer, of those that they were in."""
        standing = find_standing(reader, command.room_id, actor.user_id)
        if standing is None or standing.room.parent_id is not None:
            raise NoSuchRoom
        is_member = standing.member is not None
        if not is_member and not stored.has_stayed(reader, command.room_id, actor.user_id):
            policy.read_room(reader, command.room_id, actor)
        limit = check_page(command.limit)
        return stored.list_talks(
            reader, command.room_id, actor.user_id, is_member=is_member, cursor=command.cursor, limit=limit
        )


def _find_first(work: Work, post: Post) -> c.SendResult | None:
    """The result of the first use of its nonce, wherever in the room or its talks that was. Raises NonceConflict."""
    first = None
    if post.nonce is not None:
        first = stored.find_first_use(work, post.room_id, post.user_id, post.nonce)
    if first is None:
        return None
    if first.digest is not None and post.digest is not None and first.digest != post.digest:
        raise NonceConflict
    return first.result


def _find_area(work: Work, post: Post) -> int | None:
    """The area that the author is in, if it keeps what is said in it."""
    here = {stay.area_id for stay in stored.find_open_stays(work, post.room_id, post.user_id)}
    standing = find_standing(work, post.room_id, post.user_id) if here else None
    space = None if standing is None else standing.room.space
    areas = [] if space is None else space.areas
    return next((area.id for area in areas if area.id in here and area.keeps_talk), None)


def _find_area_talk(work: Work, post: Post, area_id: int) -> RoomId:
    """The talk of the area that the author is in. Raises NotThere."""
    for stay in stored.find_open_stays(work, post.room_id, post.user_id):
        if stay.area_id == area_id:
            return stay.talk_id
    raise NotThere


def _gather_hearers(work: Work, post: Post, voice: Voice) -> RoomId:
    """The bubble's talk, with those in it who hear this. Raises NobodyNear."""
    hearers = {*voice.hearers, post.user_id}
    members = {member.user_id for member in find_members(work, post.room_id, hearers)}
    if members == {post.user_id}:
        raise NobodyNear
    talk = _find_bubble_talk(work, post.room_id, voice, members)
    _need_known(work, post, None if talk is None else talk.id)
    if talk is None:
        talk = stored.make_talk(work, post.room_id, bubble_id=voice.bubble_id)
    work.lock(talk.id)
    stored.gather(work, talk, members)
    return talk.id


def _find_bubble_talk(work: Work, room_id: RoomId, voice: Voice, members: Iterable[UserId]) -> Talk | None:
    assert voice.bubble_id is not None
    if voice.talk_id is None:
        return stored.find_bubble_talk(work, room_id, voice.bubble_id, list(members))
    talk = stored.find_talk(work, voice.talk_id)
    return talk if talk is not None and talk.parent_id == room_id and talk.area_id is None else None


def _need_known(work: Work, post: Post, talk_id: RoomId | None) -> None:
    """One replies in it to what was said there and one has heard. Looked at before anybody is gathered: what is refused
    writes nothing. Raises Invalid."""
    if post.reply_to is None:
        return
    message = find_message(work, post.reply_to)
    if message is None or message.room_id != talk_id or not has_heard(work, post.user_id, message):
        raise Invalid("There is no such message in this room", field="reply_to")


def _get_area(room: Room, area_id: int) -> Area:
    """Raises NoSuchArea."""
    for area in room.space.areas if room.space is not None else ():
        if area.id == area_id:
            return area
    raise NoSuchArea


def _need_key(work: Work, standing: Standing, actor: Actor, command: c.LockArea) -> None:
    """Raises NotThere, RoleTooLow."""
    here = stored.find_open_stays(work, command.room_id, actor.user_id)
    if any(stay.area_id == command.area_id for stay in here):
        return
    if command.is_locked:
        raise NotThere("Who is inside locks an area")
    if policy.rank(standing, actor) < RoomRole.MODERATOR.rank:
        raise RoleTooLow("Who is inside unlocks an area, or a moderator")


def _enter_area(work: Work, command: c.EnterArea) -> Stay:
    work.lock(command.room_id)
    standing = find_standing(work, command.room_id, command.user_id)
    if standing is None:
        raise NoSuchRoom
    member = standing.member
    if member is None:
        raise NotAMember
    area = _get_area(standing.room, command.area_id)
    if not area.is_gated:
        raise NoSuchArea
    talk = stored.find_area_talk(work, command.room_id, area)
    elsewhere = []
    for stay in stored.find_open_stays(work, command.room_id, command.user_id):
        if talk is not None and stay.talk_id == talk.id:
            return stay
        if stay.area_id is not None:
            elsewhere.append(stay)
    if area.locked_by is not None:
        raise AreaLocked
    if area.capacity is not None and talk is not None and talk.member_count >= area.capacity:
        raise AreaFull
    if talk is None:
        talk = stored.make_talk(work, command.room_id, area=area)
    work.lock(talk.id, *(stay.talk_id for stay in elsewhere))
    stored.leave_talks(work, standing.room, elsewhere, member.username, LeaveReason.LEFT, member.user_id)
    stored.rename_talk(work, talk, area.name, member.user_id)
    [stay] = stored.begin_stays(work, talk, [member])
    return stay


def _leave_area(work: Work, command: c.LeaveArea) -> None:
    work.lock(command.room_id)
    standing = find_standing(work, command.room_id, command.user_id)
    if standing is None or standing.member is None:
        return
    over = [
        stay
        for stay in stored.find_open_stays(work, command.room_id, command.user_id)
        if stay.area_id is not None and command.area_id in {None, stay.area_id}
    ]
    work.lock(*(stay.talk_id for stay in over))
    stored.leave_talks(work, standing.room, over, standing.member.username, LeaveReason.LEFT, command.user_id)


def _gather(work: Work, command: c.Gather) -> None:
    """Harmless when it is archived, or no bubble's."""
    talk = stored.find_talk(work, command.talk_id)
    if talk is None or talk.area_id is not None:
        return
    work.lock(talk.parent_id, talk.id)
    if stored.find_talk(work, talk.id) is not None:
        stored.gather(work, talk, command.user_ids)
