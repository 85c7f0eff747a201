"""Geometry: what rectangles cover, and where straight ways go into them."""

from math import inf, sqrt

import pytest

from tertulia.domain.geometry import bounds, covers, crossing, entry, rectangle, sides

TABLE = rectangle(10.0, 20.0, 40.0, 30.0)
DIAMOND = rectangle(-10.0, -10.0, 20.0, 20.0, 45.0)
CORNER = 10 * sqrt(2)


def test_a_rectangle_covers_what_is_inside_but_not_its_edge():
    assert covers(TABLE, 11.0, 21.0)
    assert covers(TABLE, 49.999, 49.999)
    for x, y in ((10.0, 30.0), (50.0, 30.0), (30.0, 20.0), (30.0, 50.0), (10.0, 20.0), (9.0, 30.0), (30.0, 51.0)):
        assert not covers(TABLE, x, y)


def test_a_margin_makes_it_larger_or_smaller_on_all_sides():
    assert covers(TABLE, 9.0, 19.0, 2.0)
    assert not covers(TABLE, 8.0, 19.0, 2.0)
    assert not covers(TABLE, 11.0, 30.0, -2.0)


def test_the_sides_of_an_upright_one_are_exact():
    assert bounds(rectangle(0.1, 0.7, 0.2, 0.1)) == (0.1, 0.7, 0.1 + 0.2, 0.7 + 0.1)


def test_it_turns_about_its_middle_and_clockwise_as_seen_with_y_pointing_down():
    hand = rectangle(0.0, 0.0, 100.0, 2.0, 30.0)  # from 9 o'clock to 3 o'clock, and on to 10 and 4
    x, y = 50.0 + 45.0 * sqrt(3) / 2, 1.0 + 45.0 / 2
    assert covers(hand, x, y)
    assert not covers(hand, x, 1.0 - 45.0 / 2)
    assert covers(hand, 50.0, 1.0)


def test_by_45_degrees_it_stands_on_its_corner():
    assert covers(DIAMOND, CORNER - 0.01, 0.0)
    assert not covers(DIAMOND, CORNER + 0.01, 0.0)
    assert not covers(DIAMOND, 9.0, 9.0)
    assert bounds(DIAMOND) == pytest.approx((-CORNER, -CORNER, CORNER, CORNER))
    assert bounds(DIAMOND, 1.0) == pytest.approx(tuple(n * 1.1 for n in bounds(DIAMOND)))


@pytest.mark.parametrize("turned", [0.0, 180.0, -180.0, 360.0, 720.0, 5e-324])
def test_half_turns_change_nothing(turned):
    assert rectangle(10.0, 20.0, 40.0, 30.0, turned) == TABLE


@pytest.mark.parametrize("turned", [90.0, -90.0, 270.0, 450.0])
def test_a_quarter_turn_is_exact(turned):
    assert bounds(rectangle(0.0, 0.0, 100.0, 40.0, turned)) == (30.0, -30.0, 70.0, 70.0)


def test_turned_by_more_than_a_circle_it_is_turned_by_the_rest():
    assert rectangle(0.0, 0.0, 9.0, 3.0, 3600.0 + 30.0) == rectangle(0.0, 0.0, 9.0, 3.0, 30.0)


def test_a_way_goes_in_where_it_meets_the_side():
    assert entry(TABLE, 0.0, 30.0, 100.0, 30.0) == pytest.approx(0.1)
    assert entry(TABLE, 0.0, 30.0, 100.0, 30.0, 5.0) == pytest.approx(0.05)
    assert entry(TABLE, 30.0, 120.0, 30.0, 20.0) == pytest.approx(0.7)
    assert entry(DIAMOND, -CORNER * 2, 0.0, 0.0, 0.0) == pytest.approx(0.5)


def test_a_way_that_begins_inside_went_in_before_it_began():
    begun = entry(TABLE, 30.0, 30.0, 130.0, 30.0)
    assert begun == pytest.approx(-0.2)
    assert entry(TABLE, 30.0, 30.0, 30.0, 30.0) == -inf


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((0.0, 20.0), (100.0, 20.0)),  # along an edge
        ((10.0, 0.0), (10.0, 100.0)),
        ((0.0, 30.0), (20.0, 10.0)),  # through a corner
        ((0.0, 30.0), (10.0, 30.0)),  # up to an edge
        ((10.0, 30.0), (0.0, 30.0)),  # away from it
        ((0.0, 0.0), (5.0, 90.0)),
        ((60.0, 30.0), (160.0, 30.0)),
        ((10.0, 30.0), (10.0, 30.0)),  # nowhere
    ],
)
def test_a_way_past_does_not_go_in(start, end):
    assert entry(TABLE, *start, *end) is None
    assert entry(TABLE, *end, *start) is None


def test_nothing_is_inside_what_has_no_width_but_within_a_margin_there_is():
    line = rectangle(10.0, 0.0, 0.0, 100.0)
    assert not covers(line, 10.0, 50.0)
    assert entry(line, 0.0, 50.0, 20.0, 50.0) is None
    assert covers(line, 10.0, 50.0, 0.1)
    assert entry(line, 0.0, 50.0, 20.0, 50.0, 1.0) == pytest.approx(0.45)
    assert entry(line, 20.0, 50.0, 0.0, 50.0, 1.0) == pytest.approx(0.45)
    assert entry(line, 0.0, 50.0, 20.0, 50.0, -1.0) is None


@pytest.mark.parametrize("shape", [TABLE, DIAMOND, rectangle(100.0, 50.0, 40.0, 8.0, -77.0)])
def test_its_sides_say_how_far_within_them_a_point_is(shape):
    left, top, right, bottom = bounds(shape)
    middle = (left + right) / 2, (top + bottom) / 2
    depths = sorted(side.depth(*middle) for side in sides(shape))
    assert depths[0] == pytest.approx(depths[1])
    assert depths[2] == pytest.approx(depths[3])
    for side, wider in zip(sides(shape), sides(shape, 3.0), strict=True):
        depth = side.depth(*middle)
        assert wider.depth(*middle) == pytest.approx(depth + 3)
        assert side.x**2 + side.y**2 == pytest.approx(1.0)
        out = middle[0] + side.x * depth, middle[1] + side.y * depth
        assert not covers(shape, *out, -1e-9)
        assert covers(shape, *out, 1e-9)


def test_two_sides_cross_in_their_corner_and_parallels_do_not():
    right, left, bottom, top = sides(TABLE)
    assert crossing(right, bottom) == (50.0, 50.0)
    assert crossing(top, left) == (10.0, 20.0)
    assert crossing(left, right) is None
    assert crossing(top, top) is None
