"""The floor: where one may walk, stand and sit, and what the log changes about it."""

from datetime import UTC, datetime
from math import dist, inf, nan, sqrt

import pytest

from tertulia.domain.events import (
    MessageSent,
    ObjectPlaced,
    ObjectRemoved,
    ObjectUpdated,
    RoomUpdated,
    ToolUsed,
)
from tertulia.domain.geometry import entry, rectangle
from tertulia.domain.models import Area, Point, Room, Space, SpaceObject
from tertulia.domain.roles import RoomKind
from tertulia.fanout.budget import Budget
from tertulia.fanout.floor import Change, Floor
from tertulia.fanout.ground import MOST_CELLS, SKIN

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ANA, BEN = 1, 2
SAID = {"user_id": ANA, "username": "ana", "created_at": NOW, "room_id": 1}


def room(width=800.0, height=600.0, areas=(), spawn_points=((100.0, 200.0),), **rules):
    points = [Point(*point) for point in spawn_points]
    space = Space(width=width, height=height, spawn_points=points, areas=list(areas), **rules)
    return Room(id=1, kind=RoomKind.CHANNEL, name="Café", space=space, created_at=NOW, updated_at=NOW)


def thing(number, x, y, width=0.0, height=0.0, rotation=0.0, *, is_solid=True, **more):
    return SpaceObject(
        id=number,
        room_id=1,
        type=more.pop("type", "wall"),
        x=x,
        y=y,
        width=width,
        height=height,
        rotation=rotation,
        is_solid=is_solid,
        updated_at=NOW,
        **more,
    )


def floor(*things, **of_room):
    return Floor(room(**of_room), things, 7)


def walk(there, start, wish, inside=None, reach=inf):
    return there.walk(*start, *wish, inside=inside, reach=reach)


def shown(step):
    return round(step.x, 2), round(step.y, 2)


WALL = thing(1, 200.0, 100.0, 100.0, 50.0)
OFFICE = Area(id=3, x=400.0, y=100.0, width=200.0, height=200.0, is_private=True)
LIBRARY = Area(id=4, x=600.0, y=100.0, width=100.0, height=200.0, is_quiet=True)
TERRACE = Area(id=5, x=0.0, y=400.0, width=100.0, height=100.0)


# ---- walking


def test_where_nothing_is_one_gets_where_one_wants_to_be():
    step = walk(floor(WALL), (100.0, 200.0), (150.125, 250.0625))
    assert (step.x, step.y, step.area_id, step.blocked_by, step.door) == (150.125, 250.0625, None, None, None)
    assert step.length == dist((100.0, 200.0), (150.125, 250.0625))


@pytest.mark.parametrize(
    ("start", "wish", "end"),
    [
        ((150.0, 120.0), (250.0, 120.0), (200.0, 120.0)),
        ((350.0, 120.0), (250.0, 120.0), (300.0, 120.0)),
        ((250.0, 50.0), (250.0, 120.0), (250.0, 100.0)),
        ((250.0, 200.0), (250.0, 120.0), (250.0, 150.0)),
        ((150.0, 120.0), (700.0, 120.0), (200.0, 120.0)),  # nor through it
        ((100.0, 0.0), (300.0, 200.0), (200.0, 100.0)),  # into a corner
        ((150.0, 70.0), (250.0, 130.0), (200.0, 100.0)),
    ],
)
def test_what_is_solid_stops_one_at_its_edge(start, wish, end):
    step = walk(floor(WALL), start, wish)
    assert shown(step) == end
    assert step.blocked_by == "solid"
    assert step.door is None
    assert step.length == pytest.approx(dist(start, end), abs=0.01)


def test_who_has_reached_the_edge_that_they_wished_to_reach_was_not_blocked():
    step = walk(floor(WALL), (150.0, 120.0), (200.0, 120.0))
    assert (shown(step), step.blocked_by) == ((200.0, 120.0), None)
    again = walk(floor(WALL), (step.x, step.y), (200.0, 120.0))
    assert (again.x, again.y, again.length, again.blocked_by) == (step.x, step.y, 0, None)


@pytest.mark.parametrize("start", [(200.0, 120.0), (200.0 - SKIN, 120.0)])  # as shown, and as it is
def test_from_an_edge_one_goes_along_it_and_away_but_not_in(start):
    there = floor(WALL)
    assert shown(walk(there, start, (start[0], 110.0))) == (200.0, 110.0)
    assert shown(walk(there, start, (100.0, 120.0))) == (100.0, 120.0)
    stopped = walk(there, start, (290.0, 121.0))
    assert (shown(stopped), stopped.blocked_by) == ((200.0, 120.0), "solid")
    assert stopped.length < 0.01


def test_nobody_slides_along():
    step = walk(floor(WALL), (150.0, 110.0), (250.0, 130.0))
    assert shown(step) == (200.0, 120.0)


def test_what_is_not_solid_is_walked_over():
    assert walk(floor(thing(1, 200.0, 100.0, 100.0, 50.0, is_solid=False)), (150.0, 120.0), (350.0, 120.0)).x == 350.0


def test_there_is_no_way_through_the_seam_of_two_walls():
    there = floor(thing(1, 200.0, 0.0, 20.0, 100.0), thing(2, 200.0, 100.0, 20.0, 500.0))
    for start, wish in (((100.0, 100.0), (300.0, 100.0)), ((300.0, 100.0), (100.0, 100.0))):
        step = walk(there, start, wish)
        assert shown(step) == (200.0 if start[0] < 200 else 220.0, 100.0)
        onwards = walk(there, shown(step), wish)
        assert shown(onwards) == shown(step)
    assert not there.is_free(210.0, 100.0)
    assert there.settle(210.0, 100.0, inside=None)[0] in {200.0 - SKIN, 220.0 + SKIN}


def test_there_is_no_way_through_two_corners_that_touch():
    there = floor(thing(1, 0.0, 0.0, 100.0, 100.0), thing(2, 100.0, 100.0, 700.0, 500.0))
    for start, wish in (((120.0, 80.0), (80.0, 120.0)), ((80.0, 120.0), (120.0, 80.0))):
        step = walk(there, start, wish)
        for _ in range(3):
            assert dist((step.x, step.y), start) < dist((step.x, step.y), wish)
            step = walk(there, shown(step), wish)


def test_a_gap_of_a_hundredth_is_one_all_the_same():
    there = floor(thing(1, 200.0, 0.0, 20.0, 100.0), thing(2, 200.0, 100.02, 20.0, 400.0))
    assert walk(there, (100.0, 100.01), (300.0, 100.01)).x == 300.0


@pytest.mark.parametrize(
    "line",
    [thing(1, 200.0, 0.0, 0.0, 600.0), thing(1, -100.0, 300.0, 600.0, 0.0, 90.0), thing(1, 200.0, 0.0, 0.001, 600.0)],
)
def test_a_line_stops_one_on_either_side(line):
    there = floor(line)
    for start, wish in (((150.0, 250.0), (250.0, 250.0)), ((250.0, 250.0), (150.0, 250.0))):
        step = walk(there, start, wish)
        assert abs(step.x - 200.0) < 0.02
        assert (step.x < 200) == (start[0] < 200)
        for _ in range(3):
            step = walk(there, shown(step), wish)
            assert (step.x < 200) == (start[0] < 200)


def test_a_point_that_is_solid_is_in_the_way_of_who_walks_straight_to_it():
    there = floor(thing(1, 200.0, 200.0))
    assert walk(there, (100.0, 200.0), (300.0, 200.0)).blocked_by == "solid"
    assert walk(there, (100.0, 200.1), (300.0, 200.1)).blocked_by is None


def test_turned_by_45_degrees_it_is_in_the_way_where_it_stands():
    there = floor(thing(1, 200.0, 200.0, 100.0, 100.0, 45.0))  # its left corner is at (179.29, 250)
    assert walk(there, (100.0, 210.0), (205.0, 210.0)).blocked_by is None
    step = walk(there, (100.0, 250.0), (300.0, 250.0))
    assert step.blocked_by == "solid"
    assert 250 - 50 * sqrt(2) - 0.02 < step.x < 250 - 50 * sqrt(2)
    to_the_side = walk(there, (250.0, 100.0), (210.0, 240.0))
    assert to_the_side.blocked_by == "solid"
    assert (250 - to_the_side.x) + (250 - to_the_side.y) == pytest.approx(50 * sqrt(2), abs=0.03)


def test_into_a_corner_of_two_walls_one_gets_as_far_as_its_edges():
    there = floor(thing(1, 0.0, 0.0, 100.0, 600.0), thing(2, 0.0, 0.0, 800.0, 100.0))
    step = walk(there, (200.0, 200.0), (50.0, 50.0))
    assert shown(step) == (100.0, 100.0)
    for wish in ((50.0, 50.0), (100.0, 50.0), (50.0, 100.0)):
        assert shown(walk(there, shown(step), wish)) == (100.0, 100.0)
    assert shown(walk(there, shown(step), (100.0, 150.0))) == (100.0, 150.0)


def test_who_has_something_put_over_them_stays_until_they_are_settled():
    there = floor(WALL)
    step = walk(there, (250.0, 120.0), (250.0, 300.0))
    assert (step.x, step.y, step.length, step.blocked_by, step.door) == (250.0, 120.0, 0, "solid", None)


@pytest.mark.parametrize(
    ("wish", "end"),
    [
        ((-50.0, 300.0), (0.0, 300.0)),
        ((900.0, 700.0), (800.0, 600.0)),
        ((inf, -inf), (800.0, 0.0)),
        ((1e308, -1e308), (800.0, 0.0)),
        ((nan, 300.0), (100.0, 300.0)),
        ((nan, nan), (100.0, 200.0)),
    ],
)
def test_beyond_the_edge_of_the_floor_is_on_the_edge(wish, end):
    step = walk(floor(), (100.0, 200.0), wish)
    assert (step.x, step.y, step.blocked_by) == (*end, None)


def test_the_floor_ends_at_a_whole_hundredth():
    step = walk(floor(width=100.128), (10.0, 10.0), (500.0, 10.0))
    assert step.x == 100.12
    assert walk(floor(width=0.29), (0.1, 10.0), (500.0, 10.0)).x == 0.29


def test_one_gets_no_farther_than_one_can_reach():
    step = walk(floor(), (100.0, 200.0), (400.0, 600.0), reach=50.0)
    assert (step.x, step.y) == pytest.approx((130.0, 240.0))
    assert (step.blocked_by, step.length) == ("speed", pytest.approx(50.0))
    assert step.length <= 50.0
    assert walk(floor(), (100.0, 200.0), (130.0, 240.0), reach=50.0).blocked_by is None


@pytest.mark.parametrize("reach", [0.0, -1.0])
def test_who_can_reach_nothing_stays(reach):
    step = walk(floor(), (100.0, 200.0), (400.0, 600.0), reach=reach)
    assert (step.x, step.y, step.length, step.blocked_by) == (100.0, 200.0, 0.0, "speed")


def test_what_is_solid_and_nearer_than_one_can_reach_is_what_stops_one():
    assert walk(floor(WALL), (150.0, 120.0), (250.0, 120.0), reach=60.0).blocked_by == "solid"
    assert walk(floor(WALL), (150.0, 120.0), (250.0, 120.0), reach=40.0).blocked_by == "speed"


def test_far_ways_are_stopped_by_the_first_thing_on_them():
    posts = [thing(n, 1000.0 * n, 0.0, 10.0, 1000.0) for n in range(1, 90)]
    there = Floor(room(width=100_000.0, height=1000.0), posts, 0)
    for n in (1, 50, 89):
        west, east = 1000.0 * n - 500, 1000.0 * n + 500
        assert shown(walk(there, (west, 5.0), (100_000.0, 900.0)))[0] == 1000.0 * n
        assert shown(walk(there, (east, 5.0), (0.0, 900.0)))[0] == 1000.0 * n + 10
        assert shown(walk(there, (west, 5.0), (west + 600, 5.0)))[0] == 1000.0 * n


def test_a_wide_floor_remembers_no_more_than_so_many_cells():
    there = Floor(room(width=100_000.0, height=100_000.0), [thing(1, 50_000.0, 0.0, 10.0, 100_000.0)], 0)
    for n in range(MOST_CELLS + 10):
        at = 300.0 * (n % 160), 300.0 * (n // 160)
        assert walk(there, at, (at[0] + 1, at[1])).blocked_by is None
    assert len(there._ground.cells) <= MOST_CELLS
    assert walk(there, (49_999.0, 10.0), (50_005.0, 10.0)).blocked_by == "solid"


def test_who_stands_at_the_border_of_a_cell_meets_what_is_beyond_it():
    there = floor(thing(1, 130.0, 0.0, 20.0, 500.0), thing(2, 0.0, 260.0, 100.0, 20.0))
    assert shown(walk(there, (120.0, 100.0), (140.0, 100.0))) == (130.0, 100.0)
    assert shown(walk(there, (50.0, 250.0), (50.0, 270.0))) == (50.0, 260.0)


@pytest.mark.parametrize("edge", [0.1 + 0.2, 100.0045, 99.9995])
def test_however_an_edge_is_rounded_nobody_is_shown_beyond_it(edge):
    there = floor(thing(1, 0.1, 0.0, edge - 0.1, 600.0))
    step = walk(there, (150.0, 100.0), (-1.0, 100.0))
    assert edge <= shown(step)[0] < edge + 0.02


def test_not_even_out_of_a_skin_one_gets_farther_than_one_can_reach():
    step = walk(floor(WALL), (200.0, 120.0), (290.0, 120.0), reach=0.001)
    assert (step.x, step.y, step.length) == (200.0, 120.0, 0.0)


def test_between_two_walls_that_nearly_touch_one_is_not_put_through_one_of_them():
    there = floor(thing(1, 100.0, 0.0, 0.005, 600.0), thing(2, 50.0, 0.0, 49.995, 600.0))
    assert not there.is_free(100.0, 50.0)
    assert there.is_free(100.01, 50.0)


# ---- areas and doors


def test_a_gated_area_lets_in_whom_the_store_has_let_in():
    there = floor(areas=[OFFICE])
    at_the_door = walk(there, (350.0, 200.0), (450.0, 200.0))
    assert shown(at_the_door) == (400.0, 200.0)
    assert (at_the_door.blocked_by, at_the_door.door, at_the_door.area_id) == ("area", OFFICE.id, None)
    within = walk(there, (at_the_door.x, at_the_door.y), (450.0, 200.0), inside=OFFICE.id)
    assert (within.x, within.blocked_by, within.door, within.area_id) == (450.0, None, None, OFFICE.id)
    still = walk(there, (450.0, 200.0), (460.0, 210.0), inside=OFFICE.id)
    assert still.area_id == OFFICE.id
    out = walk(there, (450.0, 200.0), (350.0, 200.0), inside=OFFICE.id)
    assert (out.x, out.blocked_by, out.area_id) == (350.0, None, None)


def test_who_was_let_in_and_changed_their_mind_is_not_in_it():
    there = floor(areas=[OFFICE])
    step = walk(there, (400.0 - SKIN, 200.0), (300.0, 200.0), inside=OFFICE.id)
    assert (step.x, step.area_id) == (300.0, None)


def test_nobody_walks_through_a_gated_area():
    assert walk(floor(areas=[OFFICE]), (350.0, 200.0), (790.0, 200.0)).door == OFFICE.id


def test_areas_side_by_side_have_no_seam_between_them():
    there = floor(areas=[OFFICE, LIBRARY])
    assert walk(there, (600.0, 50.0), (600.0, 350.0)).blocked_by == "area"


def test_from_one_area_into_the_next():
    there = floor(areas=[OFFICE, LIBRARY])
    step = walk(there, (550.0, 200.0), (650.0, 200.0), inside=OFFICE.id)
    assert (step.door, step.blocked_by, step.area_id) == (LIBRARY.id, "area", OFFICE.id)
    assert there.gate_at(*shown(step)) == OFFICE
    for place in ((step.x, step.y), shown(step)):
        onwards = walk(there, place, (650.0, 200.0), inside=LIBRARY.id)
        assert (onwards.x, onwards.area_id, onwards.blocked_by) == (650.0, LIBRARY.id, None)


def test_who_is_let_into_the_next_area_gets_there_around_what_stands_between():
    post = thing(1, 500.0, 210.0, 99.998, 10.0)
    step = walk(floor(post, areas=[OFFICE, LIBRARY]), (599.99, 200.0), (600.01, 230.0), inside=LIBRARY.id)
    assert step.length > 0
    assert entry(rectangle(post.x, post.y, post.width, post.height), 599.99, 200.0, step.x, step.y) is None


@pytest.mark.parametrize("wish", [599.99, 599.996, 599.999, 600.0, 600.001, 600.004, 600.01])
def test_on_which_side_of_an_areas_edge_one_is_shown_is_where_one_is(wish):
    there = floor(areas=[OFFICE])
    step = walk(there, (550.0, 200.0), (wish, 200.0), inside=OFFICE.id)
    gate = there.gate_at(*shown(step))
    assert step.area_id == (gate and gate.id)
    assert there.settle(step.x, step.y, inside=step.area_id) == (step.x, step.y)
    assert abs(step.x - wish) <= 0.011


def test_who_stands_where_an_area_is_made_is_asked_to_the_door():
    step = walk(floor(areas=[OFFICE]), (450.0, 200.0), (460.0, 200.0))
    assert (step.x, step.blocked_by, step.door, step.length) == (450.0, "area", OFFICE.id, 0)


def test_a_wall_on_the_edge_of_an_area_is_no_door():
    there = floor(thing(1, 400.0, 100.0, 10.0, 200.0), areas=[OFFICE])
    step = walk(there, (350.0, 200.0), (450.0, 200.0))
    assert (shown(step), step.blocked_by, step.door) == ((400.0, 200.0), "solid", None)


def test_an_area_without_a_gate_is_in_nobodys_way():
    there = floor(areas=[TERRACE])
    step = walk(there, (150.0, 450.0), (50.0, 450.0))
    assert (step.x, step.area_id) == (50.0, None)
    assert there.gate_at(50.0, 450.0) is None
    assert there.find_area(TERRACE.id) == TERRACE
    assert there.find_area(99) is None


def test_areas_that_keep_what_is_said_are_enclosures():
    hall = Area(id=6, x=0.0, y=0.0, width=50.0, height=50.0, capacity=3)
    there = floor(areas=[OFFICE, LIBRARY, TERRACE, hall])
    at = {(500.0, 200.0): 3, (650.0, 200.0): 4, (50.0, 450.0): 0, (25.0, 25.0): 0, (300.0, 300.0): 0, (-9.0, 5.0): 0}
    assert {point: there.enclosure_at(*point) for point in at} == at
    assert there.gate_at(25.0, 25.0) == hall
    assert there.gate_at(50.0, 25.0) is None
    assert there.gate_at(-9.0, 5.0) is None


# ---- standing


def test_one_stands_where_nothing_solid_is_and_on_edges():
    there = floor(WALL)
    assert there.is_free(100.0, 100.0)
    assert there.is_free(200.0, 120.0)
    assert there.is_free(200.0 - SKIN, 120.0)
    assert not there.is_free(200.01, 120.0)
    assert not there.is_free(800.01, 120.0)
    assert not there.is_free(nan, 120.0)


def test_one_stands_on_the_edge_of_what_leans_against_the_border_of_the_floor():
    there = floor(thing(1, 0.0, 120.0, 3.3, 0.02, -0.001), thing(2, 0.0, 300.0, 100.0, 100.0, 20.0))
    assert shown(walk(there, (0.0, 100.0), (0.0, 130.0))) == (0.0, 120.0)
    assert there.is_free(0.0, 120.0)
    step = walk(there, (0.0, 250.0), (0.0, 350.0))
    assert walk(there, shown(step), (0.0, 250.0)).y == 250.0


def test_who_may_stand_where_they_are_is_left_alone():
    there = floor(WALL, areas=[OFFICE])
    for place in ((100.0, 200.0), (123.456, 78.9), (0.0, 0.0), (800.0, 600.0), (200.0 - SKIN, 120.0)):
        assert there.settle(*place, inside=None) == place
    assert there.settle(450.0, 200.0, inside=OFFICE.id) == (450.0, 200.0)


@pytest.mark.parametrize(
    ("place", "beside"),
    [
        ((205.0, 125.0), (200.0, 125.0)),
        ((295.0, 120.0), (300.0, 120.0)),
        ((250.0, 101.0), (250.0, 100.0)),
        ((250.0, 149.0), (250.0, 150.0)),
    ],
)
def test_who_is_under_something_comes_out_by_its_nearest_side(place, beside):
    x, y = floor(WALL).settle(*place, inside=None)
    assert (round(x, 2), round(y, 2)) == beside


def test_who_comes_out_under_something_else_goes_on():
    there = floor(WALL, thing(2, 150.0, 90.0, 60.0, 100.0))
    x, y = there.settle(204.0, 110.0, inside=None)
    assert there.is_free(x, y)
    assert dist((x, y), (204.0, 110.0)) < 21


def test_who_is_off_the_floor_comes_onto_it():
    assert floor().settle(900.0, -5.0, inside=None) == (800.0, 0.0)
    assert floor().settle(inf, 5.0, inside=None) == (800.0, 5.0)
    assert floor().settle(nan, 5.0, inside=None) == (0.0, 5.0)


def test_of_two_things_over_each_other_either_is_in_the_way():
    there = floor(thing(1, 1000.0, 0.0, 900.0, 900.0), thing(2, 1000.0, 0.0, 900.0, 900.0), width=3000.0, height=3000.0)
    for gone in (8, 9):
        assert not there.is_free(1450.0, 450.0)
        assert walk(there, (990.0, 450.0), (1010.0, 450.0)).blocked_by == "solid"
        assert round(there.settle(1800.0, 450.0, inside=None)[0], 2) == 1900.0
        there.apply(ObjectRemoved(object_id=gone - 7, seq=gone, **SAID))
    assert there.is_free(1450.0, 450.0)


def test_nobody_is_settled_in_an_area_that_they_are_not_in():
    x, y = floor(areas=[OFFICE]).settle(410.0, 200.0, inside=None)
    assert (round(x, 2), y) == (400.0, 200.0)


def test_out_of_a_thousand_things_one_is_settled_in_no_time():
    """They cover each other, as the scales of a fish do, and leave a hole or two."""
    things = [thing(n, n % 40 * 18.0 - 5, n // 40 * 22.0, 30.0, 30.0, n * 7.0) for n in range(1000)]
    there = floor(*things)
    x, y = there.settle(300.0, 250.0, inside=None)
    assert there.is_free(x, y)
    assert there.settle(x, y, inside=None) == (x, y)


def test_where_no_place_is_near_one_begins_anew_at_the_nearest_spawn_point():
    things = [thing(n, n * 9.0 + 100.0, -10.0, 20.0, 8000.0) for n in range(900)]
    there = floor(*things, width=9000.0, height=7000.0, spawn_points=((10.0, 5.0), (40.0, 9.0), (4000.0, 10.0)))
    assert there.settle(4000.0, 3000.0, inside=None) == (40.0, 9.0)


def test_where_even_the_spawn_points_are_covered_one_stands_wherever_there_is_room():
    around = [
        (0.0, 0.0, 700.0, 600.0),
        (720.0, 0.0, 80.0, 600.0),
        (700.0, 0.0, 20.0, 390.0),
        (700.0, 410.0, 20.0, 190.0),
    ]
    there = floor(*(thing(n, *place) for n, place in enumerate(around, 1)))
    x, y = there.settle(5.0, 5.0, inside=None)
    assert 700 <= x <= 720
    assert 390 <= y <= 410

    there.apply(ObjectPlaced(object=thing(9, 690.0, 380.0, 40.0, 40.0), **SAID).placed(1, 8))
    assert there.settle(5.0, 5.0, inside=None) == (5.0, 5.0)
    there.apply(ObjectRemoved(object_id=1, **SAID).placed(1, 9))
    assert there.settle(5.0, 5.0, inside=None) == (5.0, 5.0)
    assert there.is_free(5.0, 5.0)


def test_where_there_is_no_place_at_all_one_stays_on_the_floor():
    there = floor(thing(1, -10.0, -10.0, 900.0, 900.0))
    assert there.settle(900.0, 300.0, inside=None) == (800.0, 300.0)


def test_spawn_points_take_turns():
    there = floor(spawn_points=((1.0, 2.0), (3.0, 4.0)))
    assert [there.spawn(n) for n in range(4)] == [(1.0, 2.0), (3.0, 4.0), (1.0, 2.0), (3.0, 4.0)]


# ---- seats


def test_one_sits_in_the_middle_or_beside_what_is_solid():
    chair = thing(5, 50.0, 60.0, 20.0, 30.0, is_solid=False, type="chair")
    assert floor(chair).seat_place(chair) == (60.0, 75.0)
    bench = thing(6, 50.0, 60.0, 20.0, 30.0, type="chair")
    assert floor(bench).seat_place(bench) is None
    assert floor(chair, thing(7, 40.0, 50.0, 100.0, 100.0)).seat_place(chair) is None


def test_seats_say_who_sits_where():
    chair, stool = (thing(n, 50.0 * n, 60.0, 20.0, 20.0, is_solid=False, type="chair") for n in (5, 6))
    taken, free = thing(5, 250.0, 60.0, 20.0, 20.0, is_solid=False, type="chair", occupied_by=ANA), chair
    there = floor(taken, stool)
    assert there.seats == {ANA: 5}
    assert there.apply(used(8, free)) is Change.OBJECTS
    assert there.seats == {}
    assert there.apply(used(9, taken)) is Change.OBJECTS
    by_ben = thing(5, 250.0, 60.0, 20.0, 20.0, is_solid=False, type="chair", occupied_by=BEN)
    there.apply(used(10, by_ben))
    assert there.seats == {BEN: 5}
    there.apply(ObjectRemoved(object_id=5, seq=11, **SAID))
    assert there.seats == {}


def test_who_changes_seats_sits_on_the_new_one_in_whatever_order_that_is_told():
    first, second = (thing(n, 50.0 * n, 60.0, is_solid=False, type="chair", occupied_by=ANA) for n in (5, 6))
    there = floor(first)
    there.apply(used(8, second))
    there.apply(used(9, thing(5, 250.0, 60.0, is_solid=False, type="chair")))
    assert there.seats == {ANA: 6}


# ---- the log


def placed(seq, one):
    return ObjectPlaced(object=one, seq=seq, **SAID)


def updated(seq, one):
    return ObjectUpdated(object=one, seq=seq, **SAID)


def used(seq, one, target=5):
    return ToolUsed(use_id=seq, target_object_id=target, action="move", object=one, seq=seq, **SAID)


def redone(anew, seq):
    return RoomUpdated(user_id=ANA, created_at=NOW, room_id=1, room=anew, seq=seq)


def blocks(there, y=120.0):
    return walk(there, (150.0, y), (350.0, y)).blocked_by == "solid"


def test_what_is_placed_moved_and_removed_is_in_the_way_where_it_is():
    there = floor()
    assert not blocks(there)
    assert there.apply(placed(8, WALL)) is Change.OBJECTS
    assert blocks(there)
    assert there.apply(updated(9, thing(1, 200.0, 400.0, 100.0, 50.0))) is Change.OBJECTS
    assert not blocks(there)
    assert blocks(there, 420.0)
    assert there.apply(ObjectRemoved(object_id=1, seq=10, **SAID)) is Change.OBJECTS
    assert not blocks(there, 420.0)
    assert there.objects == {}
    assert there.seq == 10


def test_a_tool_moves_and_removes_things_too():
    there = floor(WALL)
    assert there.apply(used(8, thing(1, 200.0, 400.0, 100.0, 50.0), target=1)) is Change.OBJECTS
    assert not blocks(there)
    assert there.apply(used(9, None, target=1)) is Change.OBJECTS
    assert not blocks(there, 420.0)
    assert there.apply(used(10, None, target=1)) is Change.NOTHING


def test_what_becomes_solid_is_in_the_way_from_then_on():
    there = floor(thing(1, 200.0, 100.0, 100.0, 50.0, is_solid=False))
    assert not blocks(there)
    assert there.apply(updated(8, WALL)) is Change.OBJECTS
    assert blocks(there)
    there.apply(updated(9, thing(1, 200.0, 100.0, 100.0, 50.0, is_solid=False)))
    assert not blocks(there)


def test_what_is_only_written_on_stands_where_it_stood():
    there = floor(WALL)
    written = thing(1, 200.0, 100.0, 100.0, 50.0, metadata={"text": "Hola"}, version=2)
    assert there.apply(used(8, written, target=1)) is Change.NOTHING
    assert there.objects[1] == written


def test_what_is_known_already_changes_nothing():
    there = floor(WALL)
    assert there.apply(ObjectRemoved(object_id=1, seq=7, **SAID)) is Change.NOTHING
    assert blocks(there)
    assert there.seq == 7


def test_all_other_events_only_move_on_the_place_in_the_log():
    there = floor(WALL)
    assert there.apply(MessageSent(content="Hola", seq=8, **SAID)) is Change.NOTHING
    assert there.seq == 8


def test_the_floor_may_be_made_larger_and_smaller():
    there = floor(width=400.0)
    assert walk(there, (100.0, 100.0), (700.0, 100.0)).x == 400.0
    larger = redone(room(width=900.0, speed=10.0), 8)
    assert there.apply(larger) is Change.SPACE
    assert walk(there, (100.0, 100.0), (700.0, 100.0)).x == 700.0
    assert there.space.speed == 10.0
    assert there.apply(redone(room(width=300.0), 9)) is Change.SPACE
    assert there.settle(700.0, 100.0, inside=None) == (300.0, 100.0)
    step = walk(there, (700.0, 100.0), (200.0, 100.0))
    assert (step.x, step.length, step.blocked_by) == (700.0, 0, "solid")


def test_areas_come_and_go_with_the_space():
    there = floor()
    assert walk(there, (350.0, 200.0), (450.0, 200.0)).door is None
    assert there.apply(redone(room(areas=[OFFICE]), 8)) is Change.SPACE
    assert walk(there, (350.0, 200.0), (450.0, 200.0)).door == OFFICE.id
    assert there.apply(redone(room(areas=[LIBRARY]), 9)) is Change.SPACE
    assert walk(there, (350.0, 200.0), (450.0, 200.0)).door is None
    assert walk(there, (450.0, 200.0), (460.0, 200.0), inside=OFFICE.id).area_id is None


def test_a_room_that_is_only_renamed_has_the_same_floor():
    there = floor(areas=[OFFICE])
    assert there.apply(redone(room(areas=[OFFICE]), 8)) is Change.NOTHING


def test_the_last_space_of_a_room_that_has_none_any_more_is_kept():
    there = floor(WALL)
    without = Room(id=1, kind=RoomKind.CHANNEL, name="Café", created_at=NOW, updated_at=NOW)
    assert there.apply(redone(without, 8)) is Change.NOTHING
    assert there.space == room().space
    assert there.seq == 8


# ---- the budget


def test_a_budget_is_full_at_first_and_refilled_by_the_speed():
    budget = Budget()
    assert budget.left(100.0, 400.0) == 200
    budget.spend(150.0)
    assert budget.left(100.0, 400.0) == 50
    assert budget.left(100.25, 400.0) == 150
    assert budget.left(100.5, 400.0) == 200
    assert budget.left(900.0, 400.0) == 200


def test_without_a_limit_one_may_go_as_far_as_one_likes_and_a_limit_that_comes_begins_then():
    budget = Budget()
    assert budget.left(100.0, 0.0) == inf
    budget.spend(1e9)
    assert budget.left(100.5, 0.0) == inf
    assert budget.left(100.75, 400.0) == 100


def test_a_clock_that_goes_back_gives_nothing():
    budget = Budget()
    budget.left(100.0, 400.0)
    budget.spend(200.0)
    assert budget.left(99.0, 400.0) == 0
    assert budget.left(99.25, 400.0) == 100
