"""Geometry of floors: rectangles, turned or not, and straight ways past them. Pure; all lengths in units.

y points down, and angles are in degrees, clockwise. What a rectangle covers is its inside without its edge, so that one
may stand on the edge; *margin* makes it larger on all sides, or smaller if it is negative.
"""

from math import cos, inf, radians, remainder, sin

from msgspec import Struct


class Rectangle(Struct, frozen=True, gc=False):
    """From *left* to *right* and from *top* to *bottom* as seen from (x, y), by eyes that are turned by the angle whose
    cosine and sine these are. What is not turned is seen from (0, 0): its sides are where it says, to the last bit."""

    left: float
    top: float
    right: float
    bottom: float
    x: float = 0.0
    y: float = 0.0
    cos: float = 1.0
    sin: float = 0.0

    @property
    def is_turned(self) -> bool:
        return self.sin != 0.0


class Side(Struct, frozen=True, gc=False):
    """The line of all points whose product with the outward normal (x, y), of length 1, is *offset*."""

    x: float
    y: float
    offset: float

    def depth(self, x: float, y: float) -> float:
        """How far within the side the point is; negative outside."""
        return self.offset - x * self.x - y * self.y


def rectangle(x: float, y: float, width: float, height: float, rotation: float = 0.0) -> Rectangle:
    """(x, y): the upper left corner, before it is turned about its middle."""
    angle = remainder(rotation, 360.0)
    turn = radians(angle)
    if angle in {180.0, -180.0} or turn == 0.0:
        return Rectangle(x, y, x + width, y + height)
    middle_x, middle_y = x + width / 2, y + height / 2
    across, down = width / 2, height / 2
    if angle in {90.0, -90.0}:  # exact, which sine and cosine would not be
        return Rectangle(middle_x - down, middle_y - across, middle_x + down, middle_y + across)
    return Rectangle(-across, -down, across, down, middle_x, middle_y, cos(turn), sin(turn))


def bounds(shape: Rectangle, margin: float = 0.0) -> tuple[float, float, float, float]:
    """The least upright rectangle around it: left, top, right, bottom."""
    left, top, right, bottom = shape.left - margin, shape.top - margin, shape.right + margin, shape.bottom + margin
    if not shape.is_turned:
        return left, top, right, bottom
    across, down = abs(shape.cos), abs(shape.sin)  # what is turned is seen from its middle, so right is -left
    width, height = right * across + bottom * down, right * down + bottom * across
    return shape.x - width, shape.y - height, shape.x + width, shape.y + height


def covers(shape: Rectangle, x: float, y: float, margin: float = 0.0) -> bool:
    """Whether the point is inside; one on the edge is not."""
    x, y = x - shape.x, y - shape.y
    across, down = x * shape.cos + y * shape.sin, y * shape.cos - x * shape.sin
    return shape.left - margin < across < shape.right + margin and shape.top - margin < down < shape.bottom + margin


def entry(shape: Rectangle, x: float, y: float, to_x: float, to_y: float, margin: float = 0.0) -> float | None:
    """Where a straight way goes into the inside, as a share of the way, below 1; negative if it begins inside. None if
    it never does: along an edge, or through a corner only, it does not."""
    along_x, along_y = to_x - x, to_y - y
    x, y = x - shape.x, y - shape.y
    across, down = x * shape.cos + y * shape.sin, y * shape.cos - x * shape.sin
    to_across, to_down = along_x * shape.cos + along_y * shape.sin, along_y * shape.cos - along_x * shape.sin
    begins, ends = -inf, inf
    low, high = shape.left - margin - across, shape.right + margin - across
    if to_across:
        begins, ends = low / to_across, high / to_across
        if to_across < 0:
            begins, ends = ends, begins
    elif not low < 0 < high:
        return None
    low, high = shape.top - margin - down, shape.bottom + margin - down
    if to_down:
        first, last = low / to_down, high / to_down
        if to_down < 0:
            first, last = last, first
        begins, ends = max(begins, first), min(ends, last)
    elif not low < 0 < high:
        return None
    return begins if begins < ends and ends > 0 and begins < 1 else None


def sides(shape: Rectangle, margin: float = 0.0) -> tuple[Side, Side, Side, Side]:
    """Its four lines."""
    c, s = shape.cos, shape.sin
    across, down = shape.x * c + shape.y * s, shape.y * c - shape.x * s
    return (
        Side(c, s, across + shape.right + margin),
        Side(-c, -s, -across - shape.left + margin),
        Side(-s, c, down + shape.bottom + margin),
        Side(s, -c, -down - shape.top + margin),
    )


def crossing(one: Side, other: Side) -> tuple[float, float] | None:
    """Where two lines cross; None if they hardly do."""
    area = one.x * other.y - one.y * other.x
    if abs(area) < 1e-9:  # nearly parallel: they meet far away
        return None
    return (
        (one.offset * other.y - other.offset * one.y) / area,
        (other.offset * one.x - one.offset * other.x) / area,
    )
