"""Who stands together, and who hears what is said there."""

from itertools import count
from math import cos, sin, tau

import pytest
from msgspec.structs import replace

from tertulia.fanout.bubbles import Bubbles, Person

ROOM = 1
ANA, BEN, CLEO, DAN, EVA = 1, 2, 3, 4, 5
EARSHOT = 160.0
"""So one joins within 60 of the centre, and leaves beyond 80; two who are in no bubble join within 120 of each other."""


class World:
    def __init__(self, most=12):
        names = count(1)
        self.bubbles = Bubbles(ROOM, earshot=EARSHOT, most=most, new_id=lambda: f"b{next(names)}")
        self.people = {}

    def put(self, user_id, x, y=0.0, *, is_at_rest=True, enclosure=0):
        self.people[user_id] = Person(x, y, is_at_rest, enclosure)

    def step(self):
        """What has changed: who is in which bubble now."""
        return told(self.bubbles.step(self.people))

    def speak(self, user_id):
        heard_in, changes = self.bubbles.speak(user_id, self.people)
        return heard_in and heard_in.user_ids, told(changes)

    def now(self):
        return told(self.bubbles.list())


def told(events):
    assert all(one.room_id == ROOM for one in events)
    return {one.bubble_id: one.user_ids for one in events}


@pytest.fixture
def world():
    return World()


@pytest.fixture
def trio(world):
    for user_id, x in ((ANA, 0), (BEN, 40), (CLEO, 80)):
        world.put(user_id, x)
    assert world.step() == {"b1": [ANA, BEN, CLEO]}
    return world


# ---- coming together


def test_two_who_have_come_to_rest_near_each_other_are_together(world):
    world.put(ANA, 0)
    world.put(BEN, 119)
    assert world.step() == {"b1": [ANA, BEN]}
    assert world.step() == {}
    assert world.bubbles.find(ANA) == world.bubbles.find(BEN)
    assert world.bubbles.find(CLEO) is None


def test_two_who_are_farther_apart_are_not(world):
    world.put(ANA, 0)
    world.put(BEN, 121)
    assert world.step() == {}


def test_who_passes_by_is_not_drawn_in(world):
    world.put(ANA, 0)
    world.put(BEN, 10, is_at_rest=False)
    assert world.step() == {}
    world.put(BEN, 10)
    assert world.step() == {"b1": [ANA, BEN]}


def test_who_comes_to_rest_joins_the_nearest(world):
    for user_id, x in ((ANA, 0), (BEN, 10), (CLEO, 200), (DAN, 210)):
        world.put(user_id, x)
    assert world.step() == {"b1": [ANA, BEN], "b2": [CLEO, DAN]}
    world.put(EVA, 146)
    assert world.step() == {"b2": [CLEO, DAN, EVA]}


def test_one_joins_within_three_quarters_of_the_radius_and_leaves_beyond_it(world):
    world.put(ANA, 0)
    world.put(BEN, 0)
    world.step()
    world.put(CLEO, 61)
    assert world.step() == {}
    world.put(CLEO, 59)
    assert world.step() == {"b1": [ANA, BEN, CLEO]}
    world.put(CLEO, 119)  # two thirds of that from the centre
    assert world.step() == {}
    world.put(CLEO, 121)
    assert world.step() == {"b1": [ANA, BEN]}
    world.put(CLEO, 61)
    assert world.step() == {}


def test_nobody_joins_who_would_push_somebody_out(world):
    world.put(ANA, -50)
    world.put(BEN, 50)
    world.step()
    world.put(ANA, -79)
    world.put(BEN, 79)
    world.put(CLEO, 50)  # with whom the centre would be at 17, and Ana out of range
    assert world.step() == {}
    assert world.speak(CLEO) == (None, {})
    world.put(CLEO, 2)
    assert world.step() == {"b1": [ANA, BEN, CLEO]}


def test_a_full_bubble_takes_nobody_and_the_rest_make_their_own():
    world = World(most=4)
    for user_id in range(1, 12):
        world.put(user_id, user_id)
    assert sorted(map(len, world.step().values())) == [3, 4, 4]
    assert world.step() == {}


def test_twelve_are_the_most(world):
    for user_id in range(1, 14):
        world.put(user_id, 0)
    assert sorted(map(len, world.step().values())) == [12]
    assert world.bubbles.find(13) is None


def test_the_same_people_come_together_in_whatever_order_they_are_given():
    def pictures():
        for order in (1, -1):
            world = World(most=5)
            places = [(user, 40 * cos(user * tau / 7) * (user % 4), 60 * sin(user * user)) for user in range(1, 30)]
            for user_id, x, y in places[::order]:
                world.put(user_id, x, y)
            world.step()
            yield world.now()

    one, other = pictures()
    assert one == other


# ---- coming apart


def test_who_walks_away_leaves_those_who_stay(trio):
    trio.put(CLEO, 400)
    assert trio.step() == {"b1": [ANA, BEN]}


def test_who_walks_away_from_the_last_one_ends_it(trio):
    trio.put(CLEO, 400)
    trio.put(ANA, -400)
    assert trio.step() == {"b1": []}
    assert trio.now() == {}
    assert trio.bubbles.find(BEN) is None


def test_a_group_may_walk_together(trio):
    for x in range(0, 1000, 40):
        for user_id, aside in ((ANA, 0), (BEN, 40), (CLEO, 80)):
            trio.put(user_id, x + aside, is_at_rest=False)
        assert trio.step() == {}


def test_who_leaves_the_space_leaves_the_bubble(trio):
    assert told(trio.bubbles.remove(CLEO)) == {"b1": [ANA, BEN]}
    assert told(trio.bubbles.remove(CLEO)) == {}
    del trio.people[CLEO]
    del trio.people[BEN]
    assert trio.step() == {"b1": []}
    assert told(trio.bubbles.remove(ANA)) == {}


def test_a_smaller_earshot_lets_go_of_who_is_too_far(trio):
    trio.bubbles.earshot = 60
    assert trio.step() == {"b1": [ANA, BEN]}


def test_two_who_are_let_go_may_find_each_other_in_the_same_step(world):
    world.put(ANA, 0)
    world.put(BEN, 0)
    world.put(CLEO, 10)
    world.put(DAN, 10)
    world.step()
    world.put(CLEO, 400)
    world.put(DAN, 401)
    changes = world.bubbles.step(world.people)
    assert [one.user_ids for one in changes] == [[ANA, BEN], [CLEO, DAN]]


def test_what_is_no_more_is_told_first(world):
    for user_id, x in ((ANA, 0), (BEN, 100), (CLEO, 300), (DAN, 400)):
        world.put(user_id, x)
    assert world.step() == {"b1": [ANA, BEN], "b2": [CLEO, DAN]}
    world.put(EVA, 45)
    world.put(DAN, 900)
    assert [one.user_ids for one in world.bubbles.step(world.people)] == [[], [ANA, BEN, EVA]]


# ---- areas


def test_nobody_hears_through_the_border_of_an_area(world):
    world.put(ANA, 0)
    world.put(BEN, 10, enclosure=7)
    assert world.step() == {}
    assert world.speak(ANA) == (None, {})
    world.put(CLEO, 20, enclosure=7)
    assert world.step() == {"b1": [BEN, CLEO]}
    assert world.speak(ANA) == (None, {})


def test_who_steps_into_an_area_leaves_those_outside(trio):
    trio.put(ANA, 0, enclosure=7)
    assert trio.step() == {"b1": [BEN, CLEO]}
    trio.put(CLEO, 80, enclosure=7)
    assert trio.step() == {"b1": [], "b2": [ANA, CLEO]}


# ---- speaking


def test_who_speaks_is_heard_by_who_is_near_at_rest_or_not(world):
    world.put(ANA, 0, is_at_rest=False)
    world.put(BEN, 100, is_at_rest=False)
    world.put(CLEO, -30, is_at_rest=False)
    world.put(DAN, 130)
    assert world.step() == {}
    assert world.speak(ANA) == ([ANA, BEN, CLEO], {"b1": [ANA, BEN, CLEO]})
    assert world.speak(ANA) == ([ANA, BEN, CLEO], {})


def test_who_is_near_those_who_join_is_near_enough(world):
    for user_id, x in ((ANA, 0), (BEN, 0)):
        world.put(user_id, x)
    world.step()
    world.put(DAN, 78, is_at_rest=False)
    assert world.speak(ANA) == ([ANA, BEN], {})
    world.put(CLEO, 59, is_at_rest=False)
    assert world.speak(ANA) == ([ANA, BEN, CLEO, DAN], {"b1": [ANA, BEN, CLEO, DAN]})


def test_those_whom_one_speaks_to_are_in_earshot_of_each_other(world):
    world.put(ANA, 0)
    world.put(BEN, 110, is_at_rest=False)
    world.put(CLEO, -111, is_at_rest=False)
    assert world.speak(ANA) == ([ANA, BEN], {"b1": [ANA, BEN]})


def test_nobody_is_near(world):
    assert world.speak(ANA) == (None, {})
    world.put(ANA, 0)
    assert world.speak(ANA) == (None, {})
    world.put(BEN, 121)
    assert world.speak(ANA) == (None, {})


def test_who_speaks_in_a_bubble_is_heard_by_who_has_come_but_not_by_who_has_gone(trio):
    trio.put(CLEO, 400, is_at_rest=False)
    trio.put(DAN, 30, is_at_rest=False)
    assert trio.speak(BEN) == ([ANA, BEN, DAN], {"b1": [ANA, BEN, DAN]})


def test_who_speaks_has_gone_themselves(trio):
    trio.put(CLEO, 400, is_at_rest=False)
    assert trio.speak(CLEO) == (None, {"b1": [ANA, BEN]})
    trio.put(DAN, 410, is_at_rest=False)
    assert trio.speak(CLEO) == ([CLEO, DAN], {"b2": [CLEO, DAN]})


def test_who_speaks_joins_the_nearest_bubble_as_it_is_by_now(trio):
    trio.put(DAN, 60, is_at_rest=False)
    trio.put(ANA, -400, is_at_rest=False)
    assert trio.speak(DAN) == ([BEN, CLEO, DAN], {"b1": [BEN, CLEO, DAN]})


def test_who_speaks_beside_a_full_bubble_needs_somebody_else():
    world = World(most=2)
    world.put(ANA, 0)
    world.put(BEN, 1)
    world.step()
    world.put(CLEO, 2)
    assert world.speak(CLEO) == (None, {})
    world.put(DAN, 3, is_at_rest=False)
    assert world.speak(CLEO) == ([CLEO, DAN], {"b2": [CLEO, DAN]})


# ---- other nodes


def test_what_another_node_has_decided_is_followed(trio):
    follower = World()
    follower.people = trio.people
    for one in trio.bubbles.list():
        follower.bubbles.hear(one)
    assert follower.now() == trio.now()
    assert follower.step() == {}
    trio.put(CLEO, 400)
    for one in trio.bubbles.step(trio.people):
        follower.bubbles.hear(one)
    assert follower.now() == trio.now() == {"b1": [ANA, BEN]}
    assert follower.bubbles.find(CLEO) is None
    trio.put(BEN, 400)
    for one in trio.bubbles.step(trio.people):
        follower.bubbles.hear(one)
        follower.bubbles.hear(one)
    assert follower.now() == {"b2": [BEN, CLEO]}


def test_a_talk_stays_with_its_bubble_to_the_end(trio):
    found = trio.bubbles.find(ANA)
    assert found.talk_id is None
    trio.bubbles.hear(replace(found, talk_id=77))
    trio.bubbles.hear(found)  # what had been said before that
    assert trio.bubbles.find(ANA).talk_id == 77
    trio.put(CLEO, 400)
    trio.put(BEN, -400)
    (ended,) = trio.bubbles.step(trio.people)
    assert (ended.user_ids, ended.talk_id) == ([], 77)


def test_who_is_heard_to_be_in_one_bubble_is_in_no_other(trio):
    follower = trio.bubbles
    follower.hear(replace(follower.find(ANA), bubble_id="other", user_ids=[CLEO, DAN]))
    assert trio.now() == {"b1": [ANA, BEN], "other": [CLEO, DAN]}
    follower.hear(replace(follower.find(ANA), bubble_id="third", user_ids=[ANA, BEN]))
    assert trio.now() == {"other": [CLEO, DAN], "third": [ANA, BEN]}


def test_whoever_decides_next_ends_what_was_only_half_heard(trio):
    """That the first bubble ended was lost."""
    trio.bubbles.hear(replace(trio.bubbles.find(ANA), bubble_id="other", user_ids=[BEN, CLEO]))
    assert trio.now() == {"b1": [ANA], "other": [BEN, CLEO]}
    assert trio.step() == {"b1": [], "other": [ANA, BEN, CLEO]}


def test_names_are_not_used_twice():
    names = iter(["one", "one", "two"])
    bubbles = Bubbles(ROOM, earshot=EARSHOT, most=2, new_id=lambda: next(names))
    people = {user_id: Person(user_id, 0, True, 0) for user_id in range(1, 5)}
    assert set(told(bubbles.step(people))) == {"one", "two"}


def test_names_are_short_and_random():
    names = set()
    for _ in range(3):
        bubbles = Bubbles(ROOM, earshot=EARSHOT)
        names |= set(told(bubbles.step({1: Person(0, 0, True, 0), 2: Person(1, 1, True, 0)})))
    assert len(names) == 3
    assert all(len(name) <= 12 for name in names)
