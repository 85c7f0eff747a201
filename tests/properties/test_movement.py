"""Whoever walks, however, is where they may be, has gone as far as they may, and through nothing.

Floors are random: furniture that touches and overlaps, upright, turned, and without any width; areas beside each other.
So are the walks: far and near, along edges and into corners, by people who come and go as the areas' doors let them.
Each walk is gone on from the exact place, and from the one shown, which is rounded. What has happened is judged by exact
arithmetic, in fractions, and by a look at many points of each way: by none of the code that is tested.

Each of these changes was tried, and fails here: no skin · no gates · no rounding of what is shown · things turned the
other way · of a far way only its beginning looked at · cells that forget nothing, or look no farther than themselves ·
a budget that is refilled beyond its burst, or for the same time twice.
"""

from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import cos, hypot, inf, radians, sin

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tertulia.domain.events import ObjectPlaced, ObjectRemoved, ObjectUpdated
from tertulia.domain.models import Area, Point, Room, Space, SpaceObject
from tertulia.domain.roles import RoomKind
from tertulia.fanout.budget import Budget
from tertulia.fanout.floor import Floor

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SKIN = Fraction("0.0035")
"""A little less than what solids count as larger by: nobody comes that near to one, on their exact way."""
ROUNDING = Fraction("0.0075")
INEXACT = Fraction("1e-9")
TURNS = (0.0, 0.0, 0.0, 90.0, 180.0, 45.0, 30.0, 100.5, -0.001)


# ---- floors


def floor_of(things, areas=(), width=240.0, height=160.0, speed=0.0):
    space = Space(width=width, height=height, speed=speed, spawn_points=[Point(0.0, 0.0)], areas=list(areas))
    room = Room(id=1, kind=RoomKind.CHANNEL, name="Café", space=space, created_at=NOW, updated_at=NOW)
    return Floor(room, things, 0)


def thing(number, x, y, width, height, rotation=0.0, *, is_solid=True):
    return SpaceObject(
        id=number,
        room_id=1,
        type="wall",
        x=x,
        y=y,
        width=width,
        height=height,
        rotation=rotation,
        is_solid=is_solid,
        updated_at=NOW,
    )


def tens(low, high):
    """So that things touch, often."""
    return st.integers(low, high).map(lambda n: n * 10.0)


hundredths = st.integers(-2000, 26000).map(lambda n: n / 100)
anywhere = st.one_of(tens(-2, 26), hundredths, st.floats(-20, 260))
sizes = st.one_of(tens(0, 6), tens(1, 20), st.sampled_from([0.0, 0.01, 0.02, 0.2, 3.3]))
solids = st.lists(
    st.tuples(st.one_of(tens(-2, 24), hundredths), tens(-2, 16), sizes, sizes, st.sampled_from(TURNS)), max_size=9
).map(lambda places: [thing(n, *place) for n, place in enumerate(places, 1)])
tiles = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=5)
"""Areas of 40 units a side, edge to edge."""


def areas_on(places):
    return [
        Area(id=n, x=x * 40.0, y=y * 40.0, width=40.0, height=40.0, is_private=True)
        for n, (x, y) in enumerate(sorted(places), 1)
    ]


moves = st.one_of(
    st.tuples(st.just("to"), anywhere, anywhere),
    st.tuples(st.just("by"), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)),
    st.tuples(st.just("by"), st.floats(-60, 60), st.floats(-60, 60)),
    st.tuples(st.just("by"), tens(-3, 3), tens(-3, 3)),
    st.tuples(st.just("by"), st.just(0.0), tens(-30, 30)),
    st.tuples(st.just("to corner"), st.integers(0, 8), st.integers(0, 3)),
    st.tuples(st.just("to"), st.sampled_from([-1e300, 1e300, -inf, 0.0]), anywhere),
)
reaches = st.one_of(st.just(inf), st.floats(0, 60), st.floats(0, 0.02))


def goal(floor, move, x, y):
    kind, a, b = move
    if kind == "to":
        return a, b
    if kind == "by":
        return x + a, y + b
    if not floor.objects:
        return 0.0, 0.0
    corner = corners(list(floor.objects.values())[a % len(floor.objects)])[b]
    return float(corner[0]), float(corner[1])


# ---- the judge


def corners(one, grown=0):
    """Clockwise, in fractions."""
    return corners_of(one.x, one.y, one.width, one.height, one.rotation, grown)


@lru_cache(maxsize=200)
def corners_of(x, y, width, height, rotation, grown):
    right, bottom = Fraction(x + width), Fraction(y + height)
    x, y, width, height = (Fraction(n) for n in (x, y, width, height))
    if rotation % 180 == 0:
        left, top, grown = x, y, max(grown, -(right - x) / 2, -(bottom - y) / 2)
        return [
            (left - grown, top - grown),
            (right + grown, top - grown),
            (right + grown, bottom + grown),
            (left - grown, bottom + grown),
        ]
    grown -= INEXACT
    across, down = max(width / 2 + grown, Fraction(0)), max(height / 2 + grown, Fraction(0))
    if rotation % 90 == 0:
        c, s = Fraction(0), Fraction(1)
    else:
        c, s = Fraction(cos(radians(rotation))), Fraction(sin(radians(rotation)))
    middle_x, middle_y = x + width / 2, y + height / 2
    return [
        (middle_x + a * c - b * s, middle_y + a * s + b * c)
        for a, b in ((-across, -down), (across, -down), (across, down), (-across, down))
    ]


def turn(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def passes(shape, start, end):
    """Whether a straight way goes through the inside of a convex shape."""
    low, high = Fraction(0), Fraction(1)
    for a, b in zip(shape, shape[1:] + shape[:1], strict=True):
        at_start, at_end = turn(a, b, start), turn(a, b, end)  # positive inside
        if at_start <= 0 and at_end <= 0:
            return False
        if at_start < 0 < at_end:
            low = max(low, at_start / (at_start - at_end))
        elif at_end < 0 < at_start:
            high = min(high, at_start / (at_start - at_end))
    return low < high


def crosses(shape, start, end):
    """Whether a straight way goes from one side of a thing without width to the other."""
    a, b = min(shape), max(shape)
    return turn(a, b, start) * turn(a, b, end) < 0 and turn(start, end, a) * turn(start, end, b) < 0


def exact(point):
    return Fraction(point[0]), Fraction(point[1])


def shown(point):
    return round(point[0], 2), round(point[1], 2)


def is_within(one, point):
    return is_near(one, point, point) and passes(corners(one), exact(point), exact(point))


def is_deep_in(one, x, y):
    """By the way of floats: within by more than they are inexact."""
    x, y, angle = x - one.x - one.width / 2, y - one.y - one.height / 2, radians(-one.rotation)
    across, down = x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle)
    return abs(across) < one.width / 2 - 1e-9 and abs(down) < one.height / 2 - 1e-9


def is_near(one, start, end):
    """Whether it is worth to compute with fractions."""
    x, y, far = one.x + one.width / 2, one.y + one.height / 2, hypot(one.width, one.height) / 2 + 1
    return all(min(a, b) - far < c < max(a, b) + far for a, b, c in zip(start, end, (x, y), strict=True))


def judge(floor, start, step, reach, inside, *, is_exact):
    """One step, from *start*."""
    end = step.x, step.y
    space, solid = floor.space, [one for one in floor.objects.values() if is_near(one, start, (step.x, step.y))]
    gates = [area for area in space.areas if area.id != inside]
    assert step.length <= reach + 1e-12
    assert abs(step.length - hypot(end[0] - start[0], end[1] - start[1])) < 1e-8
    if end == start:
        assert step.length == 0
        return
    for x, y in (end, shown(end)):
        assert 0 <= x <= space.width
        assert 0 <= y <= space.height
        assert not any(is_within(one, (x, y)) for one in solid)
        assert not any(gate.x < x < gate.x + gate.width and gate.y < y < gate.y + gate.height for gate in gates)
        assert floor.is_free(x, y)
        gate = floor.gate_at(x, y)
        assert (gate and gate.id) == step.area_id
    assert step.area_id in {None, inside}
    way = exact(start), exact(end)
    for one in solid:
        shape = corners(one, SKIN if is_exact else -INEXACT)
        assert not passes(shape, *way)
        if one.width == 0 or one.height == 0:
            is_shown_on_it = not is_exact and passes(corners(one, ROUNDING), way[0], way[0])
            assert is_shown_on_it or not crosses(corners(one), *way)
    if is_exact:
        left = [gate for gate in gates if is_within(Tile(gate), start)]  # for where one has been let in
        assert not any(passes(corners(Tile(gate), SKIN), *way) for gate in gates if gate not in left)
    for n in range(1, 40):
        x, y = start[0] + (end[0] - start[0]) * n / 40, start[1] + (end[1] - start[1]) * n / 40
        assert not any(is_deep_in(one, x, y) for one in solid)
    assert floor.settle(*end, inside=step.area_id) == end


class Tile:
    rotation = 0.0

    def __init__(self, area):
        self.x, self.y, self.width, self.height = area.x, area.y, area.width, area.height


def judge_words(floor, step, start, wish, reach):
    """What a step says of itself."""
    wished = min(max(wish[0], 0.0), floor.space.width), min(max(wish[1], 0.0), floor.space.height)
    assert (step.blocked_by == "area") == (step.door is not None)
    assert step.door is None or any(area.id == step.door for area in floor.space.areas)
    if step.blocked_by is None:
        assert shown((step.x, step.y)) == shown(wished)
    length = hypot(wished[0] - start[0], wished[1] - start[1])
    if step.blocked_by == "speed":
        assert length > reach
    if length <= reach and not any(
        is_near(one, start, wished) and passes(corners(one, Fraction("0.03")), exact(start), exact(wished))
        for one in (*floor.objects.values(), *(Tile(area) for area in floor.space.areas))
    ):
        assert (step.x, step.y, step.blocked_by) == (*wished, None), "nothing was in the way"


@given(solids, tiles, st.tuples(anywhere, anywhere), st.lists(st.tuples(moves, reaches, st.booleans()), max_size=12))
@settings(deadline=None, max_examples=80)
def test_whoever_walks_is_where_they_may_be_and_went_through_nothing(things, places, start, steps):
    for is_exact in (True, False):
        floor = floor_of(things, areas_on(places))
        place, inside = floor.settle(*start, inside=None), None
        assume(floor.settle(*place, inside=None) == place and not any(is_within(one, place) for one in things))
        for move, reach, lets_in in steps:
            wish = goal(floor, move, *place)
            step = floor.walk(*place, *wish, inside=inside, reach=reach)
            judge(floor, place, step, reach, inside, is_exact=is_exact)
            judge_words(floor, step, place, wish, reach)
            place = (step.x, step.y) if is_exact else shown((step.x, step.y))
            inside = step.door if step.door is not None and lets_in else step.area_id


# ---- seams


@st.composite
def walls(draw):
    """A wall of tiles across the floor, at any angle, and a function that says on which side of it a point is. The
    tiles share their edges, or only their corners, as the fields of a chessboard do."""
    angle = draw(st.one_of(st.sampled_from([0.0, 90.0, 180.0, 45.0, 30.0]), st.floats(0, 360)))
    length = draw(st.sampled_from([7.0, 10.0, 24.3]))
    is_staircase = draw(st.booleans())
    thickness = length if is_staircase else draw(st.sampled_from([0.0, 0.0, 0.001, 0.01, 0.02, 5.0]))
    middle_x, middle_y = draw(st.sampled_from([(120.0, 80.0), (120.003, 80.0), (119.996, 80.004)]))
    c, s = cos(radians(angle)), sin(radians(angle))
    tiles = []
    for n in range(-int(300 / length), int(300 / length) + 1):
        along, across = n * length, n * length if is_staircase else 0.0
        x, y = middle_x + along * c - across * s, middle_y + along * s + across * c
        tiles.append(thing(n + 1000, x - length / 2, y - thickness / 2, length, thickness, angle))

    def side(x, y):
        x, y = x - middle_x, y - middle_y
        along, across = x * c + y * s, y * c - x * s
        return across - along if is_staircase else across

    return tiles, side, (middle_x, middle_y)


@given(
    walls(),
    st.tuples(st.floats(-30, 30), st.floats(-30, 30)),
    st.lists(st.tuples(moves, reaches), max_size=15),
)
@settings(deadline=None, max_examples=60)
def test_nobody_gets_to_the_other_side_of_a_wall_of_tiles(wall, start, steps):
    tiles, side, (x, y) = wall
    floor = floor_of(tiles)
    for is_exact in (True, False):
        place = floor.settle(x + start[0], y + start[1], inside=None)
        was_right = side(*place) > 0
        for move, reach in steps:
            kind, a, b = move
            wish = (x + a - 120, y + b - 80) if kind == "to" else goal(floor, move, *place)  # often right into the wall
            step = floor.walk(*place, *wish, inside=None, reach=reach)
            if (step.x, step.y) != place:  # which may be the one shown, on the wall itself
                assert (side(step.x, step.y) > 0) is was_right
            place = (step.x, step.y) if is_exact else shown((step.x, step.y))


# ---- time


@given(
    st.sampled_from([40.0, 400.0, 1234.5]),
    st.lists(st.tuples(st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 5)), moves), min_size=1, max_size=25),
    solids,
)
@settings(deadline=None, max_examples=40)
def test_nobody_is_faster_than_the_limit(speed, steps, things):
    floor = floor_of(things, width=5000.0, height=5000.0, speed=speed)
    budget, now, place = Budget(), 1000.0, floor.settle(120.0, 80.0, inside=None)
    gone = [(now, 0.0, place)]
    for wait, move in steps:
        now += wait
        a, b = goal(floor, move, *place)
        wish = place[0] + (a - place[0]) * 20, b
        step = floor.walk(*place, *wish, inside=None, reach=budget.left(now, speed))
        budget.spend(step.length)
        place = step.x, step.y
        gone.append((now, gone[-1][1] + step.length, place))
    for n, (first, before, was_at) in enumerate(gone):
        for last, after, is_at in gone[n + 1 :]:
            # The first step of the time from `first` on is the one after it, and may use all that was left then.
            assert after - before <= 200 + speed * (last - first) + 1e-6
            assert hypot(is_at[0] - was_at[0], is_at[1] - was_at[1]) <= after - before + 1e-6


# ---- changes


@given(
    solids,
    solids,
    st.lists(st.tuples(st.sampled_from(["place", "move", "remove", "open"]), st.integers(0, 8)), max_size=12),
    st.lists(st.tuples(anywhere, anywhere), min_size=2, max_size=6),
)
@settings(deadline=None, max_examples=40)
def test_a_floor_that_was_changed_is_like_one_made_anew(things, others, changes, points):
    floor, there = floor_of(things), {one.id: one for one in things}
    said = {"user_id": 1, "username": "ana", "created_at": NOW, "room_id": 1}
    for seq, (change, n) in enumerate(changes, 1):
        for place, wish in pairwise(points):  # so that cells are known
            floor.walk(*floor.settle(*place, inside=None), *wish, inside=None, reach=inf)
        new = others[n % len(others)] if others else None
        if change == "remove" and there:
            gone = sorted(there)[n % len(there)]
            del there[gone]
            floor.apply(ObjectRemoved(object_id=gone, seq=seq, **said))
        elif change in {"place", "move", "open"} and new is not None:
            new = thing(new.id, new.x, new.y, new.width, new.height, new.rotation, is_solid=change != "open")
            there[new.id] = new
            event = ObjectPlaced if change == "place" else ObjectUpdated
            floor.apply(event(object=new, seq=seq, **said))
    anew = floor_of(there.values())
    assert floor.objects == anew.objects
    for place, wish in pairwise(points):
        start = floor.settle(*place, inside=None)
        assert start == anew.settle(*place, inside=None)
        step, same = (one.walk(*start, *wish, inside=None, reach=inf) for one in (floor, anew))
        assert step == same


@given(solids, tiles, st.tuples(anywhere, anywhere), st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_wherever_one_is_settled_one_may_stand_and_stays(things, places, point, inside):
    floor = floor_of(things, areas_on(places))
    x, y = floor.settle(*point, inside=inside)
    for at in ((x, y), shown((x, y))):
        assert floor.is_free(*at)
        assert not any(is_within(one, at) for one in things)
        gate = floor.gate_at(*at)
        assert gate is None or gate.id == inside
    assert floor.settle(x, y, inside=inside) == (x, y)
    clear = [corners(one, Fraction("0.02")) for one in (*things, *(Tile(area) for area in floor.space.areas))]
    wished = min(max(point[0], 0.0), 240.0), min(max(point[1], 0.0), 160.0)
    if not any(passes(shape, exact(wished), exact(wished)) for shape in clear):
        assert (x, y) == wished
