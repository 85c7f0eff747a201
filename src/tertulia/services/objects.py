"""Objects: what stands in a space; placing, changing and removing it, and whole floor plans."""

import re
from typing import Any

from msgspec import UNSET, Struct, json
from msgspec.structs import replace

from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, NoSuchObject, NoSuchRoom, TooMany, VersionConflict
from tertulia.domain.ids import ObjectId, RoomId
from tertulia.domain.models import Actor, FloorPlan, Page, Room, Space, SpaceObject
from tertulia.domain.roles import RoomRole
from tertulia.services import policy
from tertulia.services.checks import check_json, check_page
from tertulia.services.spaces import close_changed_areas, fitted, make_space
from tertulia.services.tools.metadata import count_patterns, take_metadata
from tertulia.services.tools.reach import need_no_door
from tertulia.store import Reader, Work
from tertulia.store import objects as stored
from tertulia.store.rooms import Standing, find_last_area_id, update_room

METADATA_DEPTH = 8
MOST_PATTERNS = 1000
"""Of one plan, in the schemas of all actions: to compile one takes up to a millisecond, and others wait to write."""
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_CHANGEABLE = ("type", "x", "y", "width", "height", "rotation", "is_solid", "metadata")


class Kind(Struct, frozen=True):
    """What things of a type mostly are."""

    width: float
    height: float
    is_solid: bool = False


KINDS = {
    "wall": Kind(64, 16, is_solid=True),
    "table": Kind(96, 64, is_solid=True),
    "chair": Kind(32, 32),
    "tool": Kind(40, 40),
    "door": Kind(48, 16),
    "sign": Kind(32, 32),
}
ANY_KIND = Kind(32, 32)


class Objects:
    def __init__(self, *, most_objects: int = 1000, max_metadata: int = 8192) -> None:
        """*most_objects*: of one room; *max_metadata*: bytes of JSON."""
        self._most_objects, self._max_metadata = most_objects, max_metadata

    def place(self, command: c.PlaceObject, actor: Actor, work: Work) -> c.ObjectChanged:
        work.lock(command.room_id)
        space = policy.need_builder(work, policy.see_room(work, command.room_id, actor), actor)
        thing = self._made(command, command.room_id, space, actor, work)
        if stored.count_objects(work, command.room_id) >= self._most_objects:
            raise TooMany(f"A room has at most {self._most_objects} objects")
        [placed] = stored.place_objects(work, command.room_id, [thing], actor)
        return c.ObjectChanged(placed.object.id, placed.seq, placed.object)

    def update(self, command: c.UpdateObject, actor: Actor, work: Work) -> c.ObjectChanged:
        """Without an event if nothing changes. Who sits on what is no seat any more gets up."""
        old, standing = _lock_object(work, command.object_id, actor)
        space = policy.need_builder(work, standing, actor)
        need_version(old, command.version)
        changes = {name: value for name in _CHANGEABLE if (value := getattr(command, name)) is not UNSET}
        thing = self._checked(replace(old, **changes), space, before=old)
        if _is_same(thing, old):
            return c.ObjectChanged(old.id, standing.room.last_seq, old)
        seat = thing.occupied_by if thing.is_seat else None
        thing = replace(thing, occupied_by=seat, version=old.version + 1, updated_at=work.now)
        need_no_door(old, thing, space)
        return c.ObjectChanged(thing.id, stored.update_object(work, thing, actor), thing)

    def remove(self, command: c.RemoveObject, actor: Actor, work: Work) -> c.ObjectChanged:
        """Whoever sits on it just stands there."""
        thing, standing = _lock_object(work, command.object_id, actor)
        policy.need_builder(work, standing, actor)
        need_version(thing, command.version)
        [gone] = stored.remove_objects(work, thing.room_id, [thing.id], actor)
        return c.ObjectChanged(thing.id, gone.seq)

    def get_object(self, command: c.GetObject, actor: Actor, reader: Reader) -> SpaceObject:
        thing, standing = _see_object(reader, command.object_id, actor)
        policy.see_space(standing, actor)
        return thing

    def list_objects(self, command: c.ListObjects, actor: Actor, reader: Reader) -> Page[SpaceObject]:
        standing = policy.see_room(reader, command.room_id, actor)
        policy.see_space(standing, actor)
        return stored.list_page(reader, standing.room.id, command.cursor, check_page(command.limit))

    def get_plan(self, command: c.GetFloorPlan, actor: Actor, reader: Reader) -> FloorPlan:
        standing = policy.see_room(reader, command.room_id, actor)
        space = policy.see_space(standing, actor)
        return FloorPlan(space=space, objects=stored.list_objects(reader, standing.room.id))

    def replace_plan(self, command: c.ReplaceFloorPlan, actor: Actor, work: Work) -> FloorPlan:
        """In a room without a space it makes one. Whoever sat somewhere just stands there."""
        work.lock(command.room_id)
        standing = policy.need_role(work, command.room_id, actor, RoomRole.MODERATOR)
        policy.need_unmuted(work, standing)
        room = standing.room
        last_area_id = find_last_area_id(work, room.id)
        space = make_space(room, command.space, last_area_id=last_area_id, is_foreign=True)
        if len(command.objects) > self._most_objects:
            raise TooMany(f"A room has at most {self._most_objects} objects")
        things, patterns = [], 0
        for number, new in enumerate(command.objects):
            thing = self._made(new, room.id, space, actor, work, f"objects.{number}.")
            patterns += count_patterns(thing.metadata)
            if patterns > MOST_PATTERNS:
                raise TooMany(f"The actions of a plan's objects have at most {MOST_PATTERNS} patterns")
            things.append(thing)
        _write_space(work, room, space, actor)
        old = [thing.id for thing in stored.list_objects(work, room.id)]
        stored.remove_objects(work, room.id, old, actor)
        placed = stored.place_objects(work, room.id, things, actor)
        return FloorPlan(space=space, objects=[event.object for event in placed])

    def _checked(
        self, thing: SpaceObject, space: Space, where: str = "", before: SpaceObject | None = None
    ) -> SpaceObject:
        """As it can stand there: moved into the floor, if it lies outside. *where*: what the names of fields begin with,
        in a refusal; *before*: what it was. Raises Invalid, TooLarge."""
        if not _TYPE.fullmatch(thing.type):
            rule = "a small letter, and up to 31 more, digits, - or _"
            raise Invalid(f"{where}type must be a word: {rule}", field=f"{where}type")
        metadata = check_json(thing.metadata, f"{where}metadata", most=self._max_metadata, depth=METADATA_DEPTH)
        if before is None or thing.metadata is not before.metadata:
            taken = self._taken(metadata, where, before)
            metadata = check_json(taken, f"{where}metadata", most=self._max_metadata, depth=METADATA_DEPTH)
        return fitted(replace(thing, metadata=metadata), space, where)

    def _taken(self, metadata: dict[str, Any], where: str, before: SpaceObject | None) -> dict[str, Any]:
        """With what is a tool's own. Raises Invalid."""
        try:
            return take_metadata(metadata, before.metadata if before is not None else None)
        except Invalid as error:
            raise Invalid(f"{where}{error.message}", field=f"{where}{error.field}") from None

    def _made(
        self,
        new: c.PlaceObject | c.NewObject,
        room_id: RoomId,
        space: Space,
        actor: Actor,
        work: Work,
        where: str = "",
    ) -> SpaceObject:
        """What is left out is as such things mostly are, or as large as the floor has room for."""
        kind = KINDS.get(new.type, ANY_KIND)
        thing = SpaceObject(
            id=ObjectId(0),
            room_id=room_id,
            type=new.type,
            x=new.x,
            y=new.y,
            width=min(kind.width, space.width) if new.width is None else new.width,
            height=min(kind.height, space.height) if new.height is None else new.height,
            rotation=new.rotation,
            is_solid=kind.is_solid if new.is_solid is None else new.is_solid,
            metadata=new.metadata,
            created_by=actor.user_id,
            updated_at=work.now,
        )
        return self._checked(thing, space, where)


def need_version(thing: SpaceObject, version: int | None) -> None:
    """Raises VersionConflict if somebody knows it as it is no more."""
    if version is not None and version != thing.version:
        raise VersionConflict


def _is_same(one: SpaceObject, other: SpaceObject) -> bool:
    """In JSON, where 1 is not true."""
    return json.encode(one, order="deterministic") == json.encode(other, order="deterministic")


def _see_object(reader: Reader, object_id: ObjectId, actor: Actor) -> tuple[SpaceObject, Standing]:
    """Raises NoSuchObject, also for one in a room that *actor* may not see."""
    thing = stored.find_object(reader, object_id)
    if thing is None:
        raise NoSuchObject
    try:
        return thing, policy.see_room(reader, thing.room_id, actor)
    except NoSuchRoom:
        raise NoSuchObject from None


def _lock_object(work: Work, object_id: ObjectId, actor: Actor) -> tuple[SpaceObject, Standing]:
    """The object as it is while its room is locked. Raises NoSuchObject."""
    room_id = stored.find_room_of(work, object_id)
    if room_id is None:
        raise NoSuchObject
    work.lock(room_id)
    return _see_object(work, object_id, actor)


def _write_space(work: Work, room: Room, space: Space, by: Actor) -> None:
    if space != room.space:
        close_changed_areas(work, room, space)
        update_room(work, replace(room, space=space), by.user_id)
