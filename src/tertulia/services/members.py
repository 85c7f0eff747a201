"""Members: joining and leaving, adding, muting, kicking and banning, roles, and invites. Each change is an event."""

import secrets
from collections.abc import Callable
from datetime import UTC, timedelta

import msgspec
from msgspec import UNSET

from tertulia.domain.commands import (
    AcceptInvite,
    AddMember,
    CreateInvite,
    JoinRoom,
    LeaveRoom,
    ListMembers,
    RemoveMember,
    UpdateMember,
)
from tertulia.domain.errors import (
    AlreadyMember,
    Blocked,
    Invalid,
    LastOwner,
    NoSuchInvite,
    NoSuchUser,
    NotAMember,
    RoleTooLow,
)
from tertulia.domain.ids import RoomId, UserId
from tertulia.domain.models import Actor, Invite, Membership, Page, Room
from tertulia.domain.roles import LeaveReason, RoomKind, RoomRole
from tertulia.services import policy
from tertulia.services.checks import check_page
from tertulia.services.visibility import IsThere, member_seen_by, nobody_is
from tertulia.store import Reader, Work
from tertulia.store import members as stored
from tertulia.store.blocks import blockers_among
from tertulia.store.conversations import close_direct
from tertulia.store.invites import count_use, find_invite, insert_invite
from tertulia.store.rooms import Standing, find_standing, update_room, with_unread
from tertulia.store.talks import carry_over, end_all_stays

LONGEST_INVITE = 10 * 365 * 86400
MOST_USES = 1_000_000


def new_invite_code() -> str:
    """16 URL-safe characters: 96 bits that nobody guesses."""
    return secrets.token_urlsafe(12)


def admit(work: Work, room_id: RoomId, actor: Actor, *, is_asked: bool) -> Membership:
    """Make *actor* a member of a public room, or leave them the one they are. *is_asked*: see `policy.need_entry`."""
    work.lock(room_id)
    standing = policy.see_room(work, room_id, actor)
    if standing.member is not None:
        return standing.member
    if not is_asked and standing.room.parent_id is not None:
        raise NotAMember
    policy.need_no_talk(standing.room)
    policy.need_entry(work, room_id, actor.user_id, is_asked=is_asked)
    return stored.add_member(work, room_id, actor.user_id, actor.username, RoomRole.MEMBER, actor.user_id)


def release(work: Work, user_id: UserId, username: str) -> None:
    """End all memberships of an account that goes, those in talks with those in their parents. Rooms that would be
    without an owner get their senior member; a direct room stays with the other one, who reads what was said in it, and
    says no more."""
    room_ids = stored.list_room_ids(work, user_id)
    work.lock(*room_ids)
    for room_id in room_ids:
        standing = find_standing(work, room_id, user_id)
        if standing is None or standing.member is None or standing.room.parent_id is not None:
            continue
        room = end_all_stays(work, standing.room, user_id, username, LeaveReason.DELETED, user_id)
        stored.remove_member(work, room_id, user_id, username, LeaveReason.DELETED, user_id)
        if room.kind is RoomKind.DIRECT:
            close_direct(work, room_id)
            continue
        heir = stored.find_successor(work, room_id)
        if heir is not None and standing.member.role is RoomRole.OWNER and heir.role is not RoomRole.OWNER:
            promoted = stored.update_member(work, heir, RoomRole.OWNER, heir.muted_until, user_id)
            carry_over(work, promoted, user_id)
        hand_over(work, room, user_id, user_id)


class Members:
    """*new_code* makes the codes of invites."""

    def __init__(self, *, new_code: Callable[[], str] = new_invite_code, is_there: IsThere = nobody_is) -> None:
        self._new_code, self._is_there = new_code, is_there

    def join(self, command: JoinRoom, actor: Actor, work: Work) -> Membership:
        return admit(work, command.room_id, actor, is_asked=True)

    def leave(self, command: LeaveRoom, actor: Actor, work: Work) -> None:
        work.lock(command.room_id)
        room, member = policy.need_membership(work, command.room_id, actor)
        policy.need_changing_members(room)
        if room.member_count > 1:
            _need_another_owner(work, member)
        room = end_all_stays(work, room, actor.user_id, actor.username, LeaveReason.LEFT, actor.user_id)
        stored.remove_member(work, room.id, actor.user_id, actor.username, LeaveReason.LEFT, actor.user_id)
        hand_over(work, room, actor.user_id, actor.user_id)

    def list_members(self, command: ListMembers, actor: Actor, reader: Reader) -> Page[Membership]:
        policy.see_members(reader, command.room_id, actor)
        page = stored.list_members(reader, command.room_id, command.cursor, check_page(command.limit))
        return Page([member_seen_by(member, actor, self._is_there) for member in page.items], page.next_cursor)

    def add_member(self, command: AddMember, actor: Actor, work: Work) -> Membership:
        """Lifts a ban. Moderators add members; only owners add moderators and owners. Nobody adds one who has blocked
        them."""
        work.lock(command.room_id)
        least = RoomRole.MODERATOR if command.role is RoomRole.MEMBER else RoomRole.OWNER
        room = policy.need_role(work, command.room_id, actor, least).room
        policy.need_changing_members(room)
        username = stored.find_username(work, command.user_id)
        if username is None:
            raise NoSuchUser
        if stored.find_member(work, room.id, command.user_id) is not None:
            raise AlreadyMember
        if blockers_among(work, actor.user_id, [command.user_id]):
            raise Blocked
        added = stored.add_member(work, room.id, command.user_id, username, command.role, actor.user_id)
        return member_seen_by(added, actor, self._is_there)

    def update_member(self, command: UpdateMember, actor: Actor, work: Work) -> Membership:
        """Owners give roles; moderators and up mute those below them. Without an event if nothing changes."""
        wanted = _checked(command, work)
        work.lock(command.room_id)
        standing = policy.need_role(work, command.room_id, actor, RoomRole.MODERATOR)
        policy.need_no_talk(standing.room)
        member = stored.get_member(work, command.room_id, command.user_id)
        role = member.role if wanted.role is UNSET else wanted.role
        muted_until = member.muted_until if wanted.muted_until is UNSET else wanted.muted_until
        if role is member.role and muted_until == member.muted_until:
            return member_seen_by(member, actor, self._is_there)
        _need_right_to_change(standing, actor, member, role, is_muting=muted_until != member.muted_until)
        if role is not RoomRole.OWNER:
            _need_another_owner(work, member)
        changed = stored.update_member(work, member, role, muted_until, actor.user_id)
        carry_over(work, changed, actor.user_id)
        if member.role is RoomRole.OWNER:
            hand_over(work, standing.room, member.user_id, actor.user_id)
        return member_seen_by(changed, actor, self._is_there)

    def remove_member(self, command: RemoveMember, actor: Actor, work: Work) -> None:
        """Removing oneself is leaving. A ban also goes against somebody who is no member (any more)."""
        if command.user_id == actor.user_id:
            if command.ban:
                raise Invalid("Nobody bans themselves", field="ban")
            return self.leave(LeaveRoom(room_id=command.room_id), actor, work)
        work.lock(command.room_id)
        standing = policy.need_role(work, command.room_id, actor, RoomRole.MODERATOR)
        policy.need_changing_members(standing.room)
        member = stored.find_member(work, command.room_id, command.user_id)
        if member is None:
            return _ban_a_stranger(command, actor, work)
        mine = policy.rank(standing, actor)
        if mine <= member.role.rank and mine < RoomRole.OWNER.rank:
            raise RoleTooLow
        _need_another_owner(work, member)
        reason = LeaveReason.BANNED if command.ban else LeaveReason.KICKED
        room = end_all_stays(work, standing.room, member.user_id, member.username, reason, actor.user_id)
        stored.remove_member(work, command.room_id, member.user_id, member.username, reason, actor.user_id)
        return hand_over(work, room, member.user_id, actor.user_id)

    def create_invite(self, command: CreateInvite, actor: Actor, work: Work) -> Invite:
        """Any member invites to a public room, moderators and up to a private one."""
        if command.expires_in is not None and not 1 <= command.expires_in <= LONGEST_INVITE:
            raise Invalid(f"expires_in must be from 1 to {LONGEST_INVITE} seconds", field="expires_in")
        if command.max_uses is not None and not 1 <= command.max_uses <= MOST_USES:
            raise Invalid(f"max_uses must be from 1 to {MOST_USES}", field="max_uses")
        work.lock(command.room_id)
        room = policy.read_room(work, command.room_id, actor).room
        if not policy.is_public(room):
            policy.need_role(work, command.room_id, actor, RoomRole.MODERATOR)
        policy.need_changing_members(room)
        invite = Invite(
            code=self._new_code(),
            room_id=room.id,
            created_by=actor.user_id,
            expires_at=None if command.expires_in is None else work.now + timedelta(seconds=command.expires_in),
            max_uses=command.max_uses,
        )
        insert_invite(work, invite)
        return invite

    def accept_invite(self, command: AcceptInvite, actor: Actor, work: Work) -> Room:
        """Who is a member already gets the room, and uses nothing up: accepting twice is harmless."""
        room_id = _find_valid_code(work, command.code).room_id
        work.lock(room_id)
        standing = find_standing(work, room_id, actor.user_id)
        if standing is None:
            raise NoSuchInvite
        if standing.member is None:
            _need_usable(work, command.code)
            policy.need_entry(work, room_id, actor.user_id, is_asked=True)
            count_use(work, command.code)
            stored.add_member(work, room_id, actor.user_id, actor.username, RoomRole.MEMBER, actor.user_id)
        return with_unread(work, policy.see_room(work, room_id, actor))


def _need_right_to_change(
    standing: Standing, actor: Actor, member: Membership, role: RoomRole, *, is_muting: bool
) -> None:
    mine = policy.rank(standing, actor)
    if role is not member.role and mine < RoomRole.OWNER.rank:
        raise RoleTooLow
    if is_muting and mine <= member.role.rank:
        raise RoleTooLow("Only those below you can be muted")


def _ban_a_stranger(command: RemoveMember, actor: Actor, work: Work) -> None:
    if not command.ban or stored.find_username(work, command.user_id) is None:
        raise NoSuchUser("No such member in this room")
    known = stored.find_ban(work, command.room_id, command.user_id)
    muted_until = None if known is None else known.muted_until
    ban = stored.Ban(kind=stored.Barrier.BANNED, muted_until=muted_until)
    stored.put_ban(work, command.room_id, command.user_id, ban, actor.user_id)


def _checked(command: UpdateMember, work: Work) -> UpdateMember:
    """With *muted_until* in UTC."""
    until = command.muted_until
    if until is UNSET or until is None:
        return command
    if until.tzinfo is None:
        raise Invalid("muted_until needs a time zone", field="muted_until")
    try:
        until = until.astimezone(UTC)
    except OverflowError:
        raise Invalid("muted_until is out of range", field="muted_until") from None
    if until <= work.now:
        raise Invalid("muted_until must be in the future", field="muted_until")
    return msgspec.structs.replace(command, muted_until=until)


def _need_another_owner(reader: Reader, member: Membership) -> None:
    """Raises LastOwner if *member* is the only one."""
    if member.role is RoomRole.OWNER and stored.count_owners(reader, member.room_id) == 1:
        raise LastOwner


def hand_over(work: Work, room: Room, user_id: UserId, by: UserId) -> None:
    """If the room was *user_id*'s, who owns it no longer, then it is the senior one's of the other owners."""
    if room.owner_id != user_id:
        return
    heir = stored.find_successor(work, room.id)
    owner_id = heir.user_id if heir is not None and heir.role is RoomRole.OWNER else None
    update_room(work, msgspec.structs.replace(room, owner_id=owner_id), by)


def _find_valid_code(reader: Reader, code: str) -> Invite:
    invite = find_invite(reader, code) if code.isascii() and code.isprintable() else None
    if invite is None:
        raise NoSuchInvite
    return invite


def _need_usable(reader: Reader, code: str) -> None:
    invite = _find_valid_code(reader, code)  # again, now that the room is locked: its uses are exact
    is_over = invite.expires_at is not None and invite.expires_at <= reader.now
    is_used_up = invite.max_uses is not None and invite.uses >= invite.max_uses
    if is_over or is_used_up:
        raise NoSuchInvite
