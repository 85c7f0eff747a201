"""Spaces: what a room's floor and its areas may be like, and how they change. In units, kept to hundredths."""

from collections.abc import Iterable, Iterator
from itertools import product
from math import hypot, inf, isfinite

from msgspec import UNSET
from msgspec.structs import asdict, replace

from tertulia.domain.commands import NewArea, SpaceChange
from tertulia.domain.errors import Invalid
from tertulia.domain.geometry import covers, rectangle
from tertulia.domain.models import Area, Point, Room, Space, SpaceObject
from tertulia.domain.roles import RoomKind
from tertulia.services.checks import check_text
from tertulia.services.names import check_title
from tertulia.store import Reader, Work
from tertulia.store.objects import list_objects
from tertulia.store.rooms import find_last_area_id
from tertulia.store.talks import close_area_talks

LARGEST = 100_000.0
RANGES = {"width": (1.0, LARGEST), "height": (1.0, LARGEST), "speed": (0.0, 10_000.0), "earshot": (10.0, 2_000.0)}
MOST_AREAS = 64
MOST_SPAWN_POINTS = 50
MOST_PEOPLE = 10_000
"""The largest capacity of an area."""
LONGEST_BACKGROUND = 2000
LONGEST_NAME = 100
NEXT_TO = 0.01
"""So far a spawn point is from anything solid, at least."""
NAMED_MOST = 10
"""Objects that a refusal names."""


def new_space(change: SpaceChange) -> Space:
    """Of a room that is made. Raises Invalid."""
    return make_space(None, change)


def changed_space(reader: Reader, room: Room, change: SpaceChange) -> Space:
    """The room's space as it would be, with all that stands in it. Raises Invalid."""
    space = make_space(room, change, last_area_id=find_last_area_id(reader, room.id))
    was = room.space
    if was is not None and _is_another_floor(was, space):
        check_what_stands(space, list_objects(reader, room.id))
    return space


def make_space(room: Room | None, change: SpaceChange, *, last_area_id: int = 0, is_foreign: bool = False) -> Space:
    """The space of *room*, changed, or a new one, whatever stands in it. *last_area_id*: the highest that an area of
    the room ever had; *is_foreign*: the change comes from a plan, in which ids of areas may be another room's. Raises
    Invalid."""
    if room is not None and room.kind is not RoomKind.CHANNEL:
        raise Invalid("Only a channel has a space", field="space")
    was = None if room is None else room.space
    space = _with_values(was, change)
    if change.areas is not UNSET:
        known = {area.id: area for area in (was.areas if was is not None else [])}
        areas = _Areas(known, last_area_id, is_foreign=is_foreign).make(change.areas)
        space = replace(space, areas=areas)
    _check_layout(space)
    return replace(space, spawn_points=_entrances(was, change, space))


def close_changed_areas(work: Work, room: Room, space: Space) -> None:
    """Before *space* becomes the room's: whoever is in an area that is no more, or has other rules for what is said
    there, is put out of its talk."""
    now = {area.id: area for area in space.areas}
    for area in room.space.areas if room.space is not None else ():
        if area.is_gated and _closes(area, now.get(area.id)):
            close_area_talks(work, room.id, area.id)


def check_what_stands(space: Space, things: Iterable[SpaceObject]) -> None:
    """Raises Invalid if something lies outside of the floor, or solid on a spawn point."""
    outside = [thing.id for thing in things if not _is_within(space, thing)]
    if outside:
        named = ", ".join(map(str, outside[:NAMED_MOST]))
        more = f" and {len(outside) - NAMED_MOST} more" if len(outside) > NAMED_MOST else ""
        raise Invalid(f"These objects would lie outside of the floor: {named}{more}", field="space")
    for thing in things:
        number = covered_spawn_point(space, thing)
        if number is not None:
            field = f"space.spawn_points.{number}"
            raise Invalid(f"{field} lies inside of object {thing.id}, which is solid", field=field)


def covered_spawn_point(space: Space, thing: SpaceObject) -> int | None:
    """Which spawn point nobody could come in at any more."""
    if not thing.is_solid:
        return None
    box = rectangle(thing.x, thing.y, thing.width, thing.height, thing.rotation)
    return next((i for i, point in enumerate(space.spawn_points) if covers(box, point.x, point.y, NEXT_TO)), None)


def fitted(thing: SpaceObject, space: Space, where: str = "") -> SpaceObject:
    """Where its box, not looking at how it is turned, lies within the floor. Raises Invalid for impossible numbers, and
    for what is solid and would cover a spawn point."""
    width = check_number(thing.width, f"{where}width", 0, space.width)
    height = check_number(thing.height, f"{where}height", 0, space.height)
    x, y = _finite(thing.x, f"{where}x"), _finite(thing.y, f"{where}y")
    placed = replace(
        thing,
        x=hundredths(min(max(x, 0.0), space.width - width)),
        y=hundredths(min(max(y, 0.0), space.height - height)),
        width=width,
        height=height,
        rotation=hundredths(_finite(thing.rotation, f"{where}rotation") % 360) % 360,
    )
    if covered_spawn_point(space, placed) is not None:
        what = where.removesuffix(".") or "It"
        raise Invalid(f"{what} is solid, and would cover a spawn point", field=f"{where}x")
    return placed


def _finite(value: float, field: str) -> float:
    try:
        number = float(value)
    except OverflowError:  # of an integer
        number = inf
    if not isfinite(number):
        raise Invalid(f"{field} must be a finite number", field=field)
    return number


def check_number(value: float, field: str, least: float, most: float) -> float:
    """To hundredths. Raises Invalid for what is no number, too."""
    if not least <= value <= most:
        raise Invalid(f"{field} must be from {least:.10g} to {most:.10g}", field=field)
    return hundredths(value)


def hundredths(value: float) -> float:
    return round(float(value), 2) + 0.0  # which makes -0.0 a plain 0.0


def _with_values(was: Space | None, change: SpaceChange) -> Space:
    """All but areas and spawn points."""
    if was is None:
        for field, value in (("space.width", change.width), ("space.height", change.height)):
            if value is UNSET:
                raise Invalid(f"{field} is missing: a new space needs it", field=field)
    given = {name: value for name, value in asdict(change).items() if value is not UNSET}
    values = {
        name: check_number(given[name], f"space.{name}", *least_and_most)
        for name, least_and_most in RANGES.items()
        if name in given
    }
    space = Space(width=values["width"], height=values["height"]) if was is None else was
    if change.background is not UNSET:
        background = check_text(change.background or "", "space.background", most=LONGEST_BACKGROUND)
        space = replace(space, background=background or None)
    if change.builders is not UNSET:
        space = replace(space, builders=change.builders)
    return replace(space, **values)


# ---- areas


class _Areas:
    """Makes the areas of a space anew; each one that was there keeps its id."""

    def __init__(self, known: dict[int, Area], last_area_id: int, *, is_foreign: bool) -> None:
        self._known, self._last_id, self._is_foreign = known, max(last_area_id, *known, 0), is_foreign

    def make(self, new: list[NewArea]) -> list[Area]:
        if len(new) > MOST_AREAS:
            raise Invalid(f"space.areas must be at most {MOST_AREAS}", field="space.areas")
        areas = [self._make(area, f"space.areas.{number}") for number, area in enumerate(new)]
        ids = [area.id for area in areas]
        for number, area_id in enumerate(ids):
            if area_id in ids[:number]:
                field = f"space.areas.{number}.id"
                raise Invalid(f"{field} is that of another area in the list", field=field)
        return areas

    def _make(self, new: NewArea, field: str) -> Area:
        was = self._known.get(new.id) if new.id is not None else None
        if new.id is not None and was is None and not self._is_foreign:
            raise Invalid(f"{field}.id is not that of an area of this room", field=f"{field}.id")
        capacity = new.capacity
        if capacity is not None and not 1 <= capacity <= MOST_PEOPLE:
            raise Invalid(f"{field}.capacity must be from 1 to {MOST_PEOPLE}", field=f"{field}.capacity")
        area = Area(
            id=self._next_id() if was is None else was.id,
            name=check_title(new.name, f"{field}.name", most=LONGEST_NAME) if new.name.strip() else "",
            x=check_number(new.x, f"{field}.x", 0, LARGEST),
            y=check_number(new.y, f"{field}.y", 0, LARGEST),
            width=check_number(new.width, f"{field}.width", 1, LARGEST),
            height=check_number(new.height, f"{field}.height", 1, LARGEST),
            is_quiet=new.is_quiet,
            is_private=new.is_private,
            capacity=capacity,
            is_lockable=new.is_lockable,
        )
        stays_locked = was is not None and area.is_lockable and not _closes(was, area)
        return replace(area, locked_by=was.locked_by) if was is not None and stays_locked else area

    def _next_id(self) -> int:
        """No id is ever given twice: what is remembered of an area that is no more must not become another's."""
        self._last_id += 1
        return self._last_id


def _closes(was: Area, now: Area | None) -> bool:
    """Whether nobody is inside any more."""
    return now is None or not now.is_gated or (was.is_quiet, was.is_private) != (now.is_quiet, now.is_private)


def _check_layout(space: Space) -> None:
    """All areas lie within the floor, and none on another."""
    for number, area in enumerate(space.areas):
        field = f"space.areas.{number}"
        if not _is_within(space, area):
            raise Invalid(f"{field} must lie within the floor", field=field)
        for other_number, other in enumerate(space.areas[:number]):
            if _overlap(area, other):
                raise Invalid(f"{field} overlaps space.areas.{other_number}", field=field)


def _is_within(space: Space, box: Area | SpaceObject) -> bool:
    """Not looking at how it is turned."""
    right, bottom = _corner(box)
    return box.x >= 0 and box.y >= 0 and right <= space.width and bottom <= space.height


def _overlap(one: Area, other: Area) -> bool:
    """More than their edges."""
    (one_right, one_bottom), (other_right, other_bottom) = _corner(one), _corner(other)
    return one.x < other_right and other.x < one_right and one.y < other_bottom and other.y < one_bottom


def _corner(box: Area | SpaceObject) -> tuple[float, float]:
    """The lower right one."""
    return hundredths(box.x + box.width), hundredths(box.y + box.height)


# ---- where one comes in


def _entrances(was: Space | None, change: SpaceChange, space: Space) -> list[Point]:
    """The spawn points. The one that a space has because nobody has chosen any gives way to what comes to stand there."""
    if change.spawn_points is not UNSET:
        return _checked_entrances(change.spawn_points, space)
    if was is not None and all(_is_open(point, space) for point in was.spawn_points):
        return was.spawn_points
    if was is not None and was.spawn_points != [_find_entrance(was)]:
        return _checked_entrances(was.spawn_points, space)
    found = _find_entrance(space)
    if found is None:
        field = "space.spawn_points"
        raise Invalid(f"{field} is missing: the areas leave no place to come in", field=field)
    return [found]


def _checked_entrances(points: list[Point], space: Space) -> list[Point]:
    if not 1 <= len(points) <= MOST_SPAWN_POINTS:
        raise Invalid(f"space.spawn_points must be from 1 to {MOST_SPAWN_POINTS}", field="space.spawn_points")
    checked = []
    for number, point in enumerate(points):
        field = f"space.spawn_points.{number}"
        x = check_number(point.x, f"{field}.x", 0, space.width)
        y = check_number(point.y, f"{field}.y", 0, space.height)
        for area in space.areas:
            if area.is_gated and _holds(area, x, y):
                raise Invalid(f"{field} lies inside of an area that one has to be let into", field=field)
        checked.append(Point(x, y))
    return checked


def _find_entrance(space: Space) -> Point | None:
    """The middle, or what is nearest to it outside of all areas that one has to be let into."""
    x, y = space.width / 2, space.height / 2
    places = sorted(_beside_areas(space), key=lambda place: (hypot(place.x - x, place.y - y), place.y, place.x))
    return next((place for place in places if _is_open(place, space)), None)


def _beside_areas(space: Space) -> Iterator[Point]:
    """The nearest open place is one of these, the middle among them: each side of an area, a step away from it."""
    gated = [area for area in space.areas if area.is_gated]
    columns = {space.width / 2, *(x for area in gated for x in (area.x - 1, _corner(area)[0] + 1))}
    lines = {space.height / 2, *(y for area in gated for y in (area.y - 1, _corner(area)[1] + 1))}
    return (Point(hundredths(x), hundredths(y)) for x, y in product(columns, lines))


def _is_open(place: Point, space: Space) -> bool:
    is_inside = 0 <= place.x <= space.width and 0 <= place.y <= space.height
    return is_inside and not any(area.is_gated and _holds(area, place.x, place.y) for area in space.areas)


def _holds(area: Area, x: float, y: float) -> bool:
    """Edges included."""
    right, bottom = _corner(area)
    return area.x <= x <= right and area.y <= y <= bottom


def _is_another_floor(was: Space, now: Space) -> bool:
    """As far as what stands on it is concerned."""
    return (was.width, was.height, was.spawn_points) != (now.width, now.height, now.spawn_points)
