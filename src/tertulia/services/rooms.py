"""Rooms: making, finding, changing and archiving them, and the snapshot with which one enters."""

from typing import Literal

import msgspec
from msgspec import UNSET

from tertulia.domain.commands import (
    ArchiveRoom,
    CreateRoom,
    EnterRoom,
    GetRoom,
    ListHeads,
    ListRooms,
    ListVisibleRooms,
    RoomHead,
    Snapshot,
    UpdateRoom,
)
from tertulia.domain.errors import Invalid, NoSuchRoom, NotAMember, RoleTooLow
from tertulia.domain.ids import EVERYTHING_BEFORE, RoomId, Seq
from tertulia.domain.models import Actor, Page, Room
from tertulia.domain.roles import RoomKind, RoomRole
from tertulia.services import policy
from tertulia.services.checks import check_json, check_page, check_skip, check_text
from tertulia.services.members import admit
from tertulia.services.names import check_title
from tertulia.services.pictures import Picture, Pictures
from tertulia.services.spaces import changed_space, close_changed_areas, new_space
from tertulia.store import Reader, Store, Work
from tertulia.store import rooms as stored
from tertulia.store.members import add_member
from tertulia.store.messages import newest_messages
from tertulia.store.objects import list_objects
from tertulia.store.pins import list_pinned
from tertulia.store.talks import archive_talks

SNAPSHOT_MESSAGES = 50


class Rooms:
    """*room_creation*: who may make rooms. Lengths in characters, *max_settings* in bytes of JSON."""

    def __init__(
        self,
        store: Store,
        *,
        pictures: Pictures | None = None,
        room_creation: Literal["everyone", "admins"] = "everyone",
        max_name: int = 100,
        max_description: int = 1000,
        max_settings: int = 4096,
    ) -> None:
        self._store = store
        self._pictures = pictures or Pictures()
        self._room_creation = room_creation
        self._max_name, self._max_description, self._max_settings = max_name, max_description, max_settings

    def create_room(self, command: CreateRoom, actor: Actor, work: Work) -> Room:
        """A channel, owned by *actor*, who is its first member: that is the first event of its log."""
        if self._room_creation == "admins" and not actor.is_admin:
            raise RoleTooLow("Only admins create rooms on this server")
        room = Room(
            id=RoomId(0),
            kind=RoomKind.CHANNEL,
            name=self._name(command.name),
            description=self._description(command.description),
            owner_id=actor.user_id,
            is_private=command.is_private,
            space=None if command.space is None else new_space(command.space),
            created_at=work.now,
            updated_at=work.now,
        )
        room_id = stored.insert_room(work, room)
        add_member(work, room_id, actor.user_id, actor.username, RoomRole.OWNER, actor.user_id)
        return self.get_room(GetRoom(room_id=room_id), actor, work)

    def get_room(self, command: GetRoom, actor: Actor, reader: Reader) -> Room:
        return stored.with_unread(reader, policy.see_room(reader, command.room_id, actor))

    def list_rooms(self, command: ListRooms, actor: Actor, reader: Reader) -> Page[Room]:
        q = check_text(command.q or "", "q", most=self._max_name).strip()
        return stored.list_rooms(
            reader,
            actor.user_id,
            q=q,
            mine=command.mine,
            cursor=command.cursor,
            limit=check_page(command.limit),
            skip=check_skip(command.skip),
        )

    async def list_visible(self, command: ListVisibleRooms, actor: Actor | None) -> list[RoomId]:
        user_id = None if actor is None else actor.user_id
        return await self._store.read(lambda reader: stored.list_visible(reader, user_id, command.room_ids))

    def list_heads(self, command: ListHeads, actor: Actor, reader: Reader) -> list[RoomHead]:
        return stored.list_heads(reader, actor.user_id)

    def update_room(self, command: UpdateRoom, actor: Actor, work: Work) -> Room:
        """Without an event if nothing changes. What was said in private is the owner's to open, not a moderator's."""
        work.lock(command.room_id)
        opens = command.is_private is False and not policy.is_public(policy.see_room(work, command.room_id, actor).room)
        room = policy.need_role(work, command.room_id, actor, RoomRole.OWNER if opens else RoomRole.MODERATOR).room
        policy.need_no_talk(room)
        changed = self._changed(work, room, command)
        if changed != room:
            if changed.space is not None:
                close_changed_areas(work, room, changed.space)
            stored.update_room(work, changed, actor.user_id)
        return self.get_room(GetRoom(room_id=room.id), actor, work)

    def archive_room(self, command: ArchiveRoom, actor: Actor, work: Work) -> None:
        work.lock(command.room_id)
        standing = stored.find_standing(work, command.room_id, actor.user_id)
        if standing is None:
            raise NoSuchRoom
        if not actor.is_admin:
            policy.need_role(work, command.room_id, actor, RoomRole.OWNER)
        if standing.room.parent_id is not None:
            policy.need_no_talk(policy.see_room(work, command.room_id, actor).room)
        stored.archive_room(work, command.room_id, actor.user_id)
        archive_talks(work, command.room_id, actor.user_id)

    async def enter(self, command: EnterRoom, actor: Actor) -> Snapshot:
        """The room as it is, after having become a member of it if it is public. Members of a room that others have
        just entered are shown what those were."""
        room_id = command.room_id
        if self._pictures.has(room_id):
            own = await self._store.read(lambda reader: stored.find_own(reader, room_id, actor))
            known = None if own is None else self._pictures.find(room_id, own.head)
            if known is not None and own is not None:
                return _snapshot(known, own, self._store.epoch)
        try:
            return await self._take_a_picture(command, actor)
        except NotAMember:
            if not command.joins:
                raise
            await self._store.write(lambda work: admit(work, room_id, actor, is_asked=False))
        return await self._take_a_picture(command, actor)

    async def _take_a_picture(self, command: EnterRoom, actor: Actor) -> Snapshot:
        picture, own = await self._store.read(lambda reader: self.look(command, actor, reader))
        self._pictures.keep(picture)
        return _snapshot(picture, own, self._store.epoch)

    def look(self, command: EnterRoom, actor: Actor, reader: Reader) -> tuple[Picture, stored.Own]:
        """The head is read first, and messages up to it: whatever else is newer than the head, the events after it
        say again. Raises NoSuchRoom, NotAMember."""
        standing = policy.see_room(reader, command.room_id, actor)
        if standing.member is None:
            raise NotAMember
        room, within = standing.room, standing.within
        own = stored.find_own(reader, room.id, actor)
        if own is None:  # gone between the two looks
            raise NoSuchRoom
        picture = Picture(
            msgspec.structs.replace(room, read_seq=Seq(0)),
            newest_messages(reader, room.id, room.last_seq, SNAPSHOT_MESSAGES, within),
            list_pinned(reader, room.id, within),
            list_objects(reader, room.id),
            EVERYTHING_BEFORE if within is None else within.since,
        )
        return picture, own

    def _changed(self, reader: Reader, room: Room, command: UpdateRoom) -> Room:
        changes: dict[str, object] = {}
        if command.name is not UNSET:
            is_nameless = room.kind is RoomKind.GROUP and not command.name.strip()
            changes["name"] = "" if is_nameless else self._name(command.name)
        if command.description is not UNSET:
            changes["description"] = self._description(command.description)
        if command.is_private is not UNSET:
            if room.kind is not RoomKind.CHANNEL and not command.is_private:
                raise Invalid("Only a channel can be public", field="is_private")
            changes["is_private"] = command.is_private
        if command.settings is not UNSET:
            changes["settings"] = check_json(command.settings, "settings", most=self._max_settings, depth=4)
        if command.space is not UNSET:
            changes["space"] = changed_space(reader, room, command.space)
        return msgspec.structs.replace(room, **changes)

    def _name(self, name: str) -> str:
        return check_title(name, "name", most=self._max_name)

    def _description(self, description: str) -> str:
        return check_text(description.strip(), "description", most=self._max_description)


def _snapshot(picture: Picture, own: stored.Own, epoch: str) -> Snapshot:
    """*picture* as one of its members sees it."""
    room = msgspec.structs.replace(
        picture.room, unread=own.unread, mention_count=own.mention_count, read_seq=own.membership.read_seq
    )
    return Snapshot(
        room=room,
        membership=own.membership,
        epoch=epoch,
        seq=room.last_seq,
        since=picture.since,
        messages=picture.messages,
        pins=picture.pins,
        objects=picture.objects,
    )
