"""Who is told whose steps: near ones at once, far ones now and then, a crowd by turns."""

from itertools import pairwise

import pytest

from tertulia.fanout.interest import Interest

ROOM = 1
ANA, BEN, CLEO = 1, 2, 3
CELL = 100.0
FAR_EVERY = 10


class Watcher:
    def __init__(self, user_id):
        self.user_id = user_id


class World:
    """Cells of 100 units, two of which are seen to each side; the second of them every ten ticks."""

    def __init__(self, most=24):
        self.interest = Interest(ROOM, cell=CELL, far=2, far_every=FAR_EVERY, most=most)

    def come(self, user_id, x, y=50.0):
        """Returns who sees for them."""
        self.interest.put(user_id, x, y)
        watcher = Watcher(user_id)
        self.interest.watch(watcher)
        return watcher

    def go(self, user_id, x, y=50.0, direction=None):
        self.interest.put(user_id, x, y, direction)

    def settle(self):
        while not self.interest.is_settled:
            self.interest.tick()
        return self

    def told(self, watcher, ticks=1):
        """What they are told in some ticks: who is where, in the order of it, and who is gone."""
        moves, gone = [], []
        for _ in range(ticks):
            for telling in self.interest.tick():
                if watcher in telling.viewers:
                    moves += [(move.event.user_id, move.event.x) for move in telling.moves]
                    gone += telling.gone
        return moves, gone


@pytest.fixture
def world():
    return World()


# ---- what is seen


def test_nothing_needs_a_tick_until_somebody_moves(world):
    ana = world.come(ANA, 50)
    world.settle()
    world.interest.watch(Watcher(ANA))
    assert world.interest.is_settled
    assert world.told(ana) == ([], [])
    world.go(ANA, 50)  # where they are
    assert world.interest.is_settled
    world.go(ANA, 51)
    assert not world.interest.is_settled


def test_one_alone_is_settled_with_the_first_tick(world):
    ana = world.come(ANA, 50)
    world.settle()
    world.go(ANA, 60)
    assert world.told(ana) == ([(ANA, 60)], [])
    assert world.interest.is_settled


def test_who_is_near_is_told_with_the_next_tick(world):
    ana = world.come(ANA, 50)
    world.come(BEN, 150)
    world.settle()
    world.go(BEN, 140)
    world.go(BEN, 130)
    assert world.told(ana) == ([(BEN, 130)], [])
    assert world.told(ana, 30) == ([], [])


def test_a_turn_is_told_as_a_step_is(world):
    ana = world.come(ANA, 50)
    world.settle()
    world.go(ANA, 50, direction="left")
    ((telling),) = world.interest.tick()
    assert telling.viewers == (ana,)
    assert [move.event.direction for move in telling.moves] == ["left"]


def test_a_place_is_told_to_hundredths(world):
    world.come(ANA, 50)
    world.go(ANA, 12.34567, 0.00123)
    ((telling),) = world.interest.tick()
    event = telling.moves[0].event
    assert (event.room_id, event.user_id, event.x, event.y) == (ROOM, ANA, 12.35, 0.0)


def test_who_is_far_is_told_where_they_are_by_then(world):
    ana = world.come(ANA, 50)
    world.come(BEN, 250)
    world.settle()
    told = []
    for x in range(251, 251 + 3 * FAR_EVERY):
        world.go(BEN, x)
        told.append(world.told(ana)[0])
    assert [len(moves) for moves in told].count(1) == 3
    assert [x for moves in told for _, x in moves] == [251 + place for place, moves in enumerate(told) if moves]
    world.settle()
    world.go(BEN, 255)
    assert world.told(ana, FAR_EVERY) == ([(BEN, 255)], [])
    assert world.interest.is_settled


def test_cells_take_their_turns_to_look_at_the_far_ones():
    world = World()
    for user in range(1, 40):
        world.come(user, user * CELL)
    world.settle()
    for user in range(1, 40):
        world.go(user, user * CELL + 5, 60.0)
    world.interest.tick()
    counts = [sum(len(one.viewers) for one in world.interest.tick()) for _ in range(FAR_EVERY)]
    assert sum(counts) >= 35
    assert max(counts) < 12


def test_who_is_out_of_view_is_not_told(world):
    ana = world.come(ANA, 50)
    world.come(BEN, 350)
    world.come(CLEO, 650)
    world.settle()
    world.go(CLEO, 640)
    world.told(ana, 30)
    world.go(CLEO, 620)
    assert world.told(ana, 30) == ([], [])


def test_who_leaves_the_view_is_gone_and_who_comes_back_is_told(world):
    ana = world.come(ANA, 50)
    world.come(BEN, 250)
    world.settle()
    world.go(BEN, 330)
    assert world.told(ana) == ([], [BEN])
    world.go(BEN, 340)
    assert world.told(ana, 30) == ([], [])
    world.go(BEN, 150)
    assert world.told(ana) == ([(BEN, 150)], [])


def test_who_goes_from_near_to_far_is_told_once_more_at_once(world):
    ana = world.come(ANA, 50)
    world.come(BEN, 150)
    world.settle()
    world.go(BEN, 250)
    assert world.told(ana) == ([(BEN, 250)], [])


def test_who_leaves_the_room_is_not_told_of(world):
    ana, ben = world.come(ANA, 50), world.come(BEN, 60)
    world.settle()
    world.go(BEN, 70)
    world.interest.remove(BEN)
    world.interest.remove(CLEO)
    world.go(ANA, 55)
    assert world.told(ben) == ([], [])
    world.go(ANA, 60)
    assert world.told(ana) == ([(ANA, 60)], [])
    world.come(BEN, 60)
    assert world.told(ana) == ([(BEN, 60)], [])


# ---- who sees


def test_all_who_stand_in_a_cell_are_told_at_once_and_the_step_is_the_same_for_everybody(world):
    ana, ben, cleo = world.come(ANA, 50), world.come(BEN, 60), world.come(CLEO, 150)
    phone = Watcher(ANA)
    world.interest.watch(phone)
    world.settle()
    world.go(CLEO, 140)
    here, there = world.interest.tick()
    assert set(here.viewers) == {ana, phone, ben}
    assert set(there.viewers) == {cleo}
    assert here.moves[0] is there.moves[0]


def test_viewers_may_come_and_go_while_they_are_told(world):
    ana, ben = world.come(ANA, 50), world.come(BEN, 60)
    ((telling),) = world.interest.tick()
    for viewer in telling.viewers:
        world.interest.unwatch(viewer)
        world.interest.unwatch(viewer)
    assert set(telling.viewers) == {ana, ben}
    world.go(ANA, 55)
    assert world.interest.tick() == []


def test_who_is_not_there_sees_nothing(world):
    world.come(ANA, 50)
    ben = Watcher(BEN)
    world.interest.watch(ben)
    world.interest.refresh(ben)
    world.settle()
    world.go(BEN, 60)
    assert world.told(ben) == ([], [])


def test_who_crosses_a_border_is_told_who_comes_into_view_and_who_is_gone(world):
    ana = world.come(ANA, 250)
    for user, x in ((11, 50), (12, 150), (13, 250), (14, 350), (15, 450), (16, 550)):
        world.go(user, x)
    world.settle()
    world.go(ANA, 350)
    moves, gone = world.told(ana)
    assert sorted(moves) == [(ANA, 350), (16, 550)]
    assert gone == [11]
    assert world.told(ana, 30) == ([], [])


def test_who_crosses_a_border_misses_nothing_that_was_still_to_be_told(world):
    ana = world.come(ANA, 250)
    world.come(BEN, 450)
    world.settle()
    world.go(BEN, 460)
    if world.told(ana) == ([], []):
        world.go(ANA, 350)
        assert (BEN, 460) in world.told(ana)[0]
    world.settle()


@pytest.mark.parametrize("pace", [7.0, 11.0, 13.0, 17.0, 23.0, 41.0, 100.0])
def test_who_walks_is_told_of_far_ones_as_often_as_who_stands(world, pace):
    """They walk along with somebody two rows below, and cross a border every few ticks."""
    ana = world.come(ANA, 50)
    world.come(BEN, 0, 250)
    world.settle()
    told = []
    for step in range(1, 40 * FAR_EVERY):
        world.go(ANA, 50 + step * pace)
        world.go(BEN, step * pace, 250)
        moves, gone = world.told(ana)
        assert not gone
        told += [step for user, _ in moves if user == BEN]
    assert max(after - before for before, after in pairwise(told)) <= FAR_EVERY


def test_a_border_is_crossed_an_eighth_of_a_cell_beyond_it(world):
    ana = world.come(ANA, 50)
    world.come(BEN, 310)
    world.settle()
    world.go(ANA, 112.5)  # who would be told of Ben at once in the next cell
    assert world.told(ana) == ([(ANA, 112.5)], [])
    world.go(ANA, 112.6)
    assert sorted(world.told(ana)[0]) == [(ANA, 112.6), (BEN, 310)]
    world.go(ANA, 87.5)
    assert world.told(ana) == ([(ANA, 87.5)], [])
    world.go(ANA, 87.4)
    assert world.told(ana) == ([(ANA, 87.4)], [BEN])


def test_who_jumps_is_told_all_that_is_new_once(world):
    ana = world.come(ANA, 50)
    world.go(BEN, 60)
    for user in range(10, 14):
        world.go(user, 900 + user)
    world.settle()
    world.go(11, 915)
    world.go(ANA, 900)
    moves, gone = world.told(ana)
    assert sorted(moves) == [(ANA, 900), (10, 910), (11, 915), (12, 912), (13, 913)]
    assert gone == [BEN]


def test_who_has_missed_something_is_told_everything(world):
    ana, ben = world.come(ANA, 50), world.come(BEN, 60)
    world.go(CLEO, 900)
    world.settle()
    world.interest.refresh(ana)
    assert not world.interest.is_settled
    world.go(BEN, 70)
    tellings = world.interest.tick()
    assert [one.viewers for one in tellings] == [(ben,), (ana,)]
    assert sorted(move.event.user_id for move in tellings[1].moves) == [ANA, BEN]
    assert tellings[1].gone == [CLEO]
    assert world.interest.is_settled


# ---- old places


def test_who_came_just_now_learns_that_a_place_they_were_told_is_old(world):
    world.come(BEN, 900)
    world.settle()
    ana = world.come(ANA, 50)
    world.settle()
    world.go(BEN, 910)
    assert world.told(ana) == ([], [BEN])
    world.go(BEN, 920)
    assert world.told(ana) == ([], [])


def test_everybody_learns_that_the_place_of_who_came_just_now_is_old(world):
    ana, cleo = world.come(ANA, 50), world.come(CLEO, 1800)
    world.settle()
    world.come(BEN, 900)
    assert world.told(ana) == ([], []), "they stand where they were said to appear"
    world.go(BEN, 910)
    tellings = world.interest.tick()
    assert [(set(one.viewers), one.gone) for one in tellings if one.gone] == [({ana, cleo}, [BEN])]
    world.go(BEN, 920)
    assert world.told(ana) == world.told(cleo) == ([], [])


def test_who_steps_aside_before_the_first_tick_has_an_old_place_too(world):
    ana = world.come(ANA, 50)
    world.settle()
    world.come(BEN, 900)
    world.go(BEN, 910)
    assert world.told(ana) == ([], [BEN])


# ---- a crowd


def test_a_crowd_is_told_by_turns_who_waits_longest_first():
    world = World(most=4)
    ana = world.come(ANA, 50)
    for user in range(11, 21):
        world.go(user, 60)
    told = []
    for tick in range(5):
        for user in range(11, 21):
            world.go(user, 61 + tick)
        told.append(world.told(ana)[0])
    assert [len(moves) for moves in told] == [4] * 5
    assert [user for moves in told for user, _ in moves][:11] == [ANA, *range(11, 21)]
    assert [x for moves in told for _, x in moves][1:] == [61] * 3 + [62] * 4 + [63] * 4 + [64] * 4 + [65] * 4
    world.settle()
    assert world.told(ana) == ([], [])


def test_in_a_crowd_far_ones_get_a_quarter():
    world = World(most=8)
    ana = world.come(ANA, 50)
    for user in range(11, 31):
        world.go(user, 60)
    for user in range(41, 61):
        world.go(user, 250)
    far = []
    for tick in range(1, 2 * FAR_EVERY):
        for user in (*range(11, 31), *range(41, 61)):
            world.go(user, (60 if user < 41 else 250) + tick / 10)
        moves, _ = world.told(ana)
        assert len(moves) == 8
        far.append(sum(user > 40 for user, _ in moves))
    assert set(far[FAR_EVERY:]) == {2}


def test_a_crowd_far_away_fills_what_those_near_leave():
    world = World(most=8)
    ana = world.come(ANA, 50)
    for user in range(11, 31):
        world.go(user, 250)
    counts = [len(world.told(ana)[0]) for _ in range(FAR_EVERY + 3)]
    assert max(counts) == 8
    assert sum(counts) == 21


def test_who_comes_near_while_they_wait_as_a_far_one_is_told_once():
    world = World(most=4)
    ana = world.come(ANA, 50)
    for user in range(11, 31):
        world.go(user, 250)
    while world.told(ana)[0][-1:] < [(11, 0)]:
        pass
    world.go(30, 150)
    assert [user for user, _ in world.told(ana)[0]] == [30, 15, 16, 17]
    assert 30 not in [user for user, _ in world.told(ana, 30)[0]]


def test_who_crosses_a_border_in_a_crowd_is_told_who_was_still_waiting():
    world = World(most=2)
    ana = world.come(ANA, 50)
    for user in range(11, 18):
        world.go(user, 110)
    world.settle()
    for user in range(11, 18):
        world.go(user, 105)
    assert world.told(ana) == ([(11, 105), (12, 105)], [])
    world.go(ANA, 150)
    assert sorted(world.told(ana)[0]) == [(ANA, 150), *((user, 105) for user in range(13, 18))]
    assert world.told(ana, 30) == ([], [])


@pytest.mark.parametrize("began", range(FAR_EVERY))
@pytest.mark.parametrize("wait", range(FAR_EVERY))
def test_who_crosses_a_border_is_told_in_time_of_who_crosses_another_in_the_same_tick(world, began, wait):
    ana, _ = world.come(ANA, 150), world.come(BEN, 350)
    world.told(ana, began)
    world.go(BEN, 349)
    if (BEN, 349) in world.told(ana, wait)[0]:
        return
    world.go(ANA, 250)
    world.go(BEN, 50)  # next to where she was, and far from where she is
    assert (BEN, 50) in world.told(ana, FAR_EVERY - wait)[0]


# ---- what is kept


def test_a_long_walk_leaves_nothing_behind(world):
    world.come(ANA, 50)
    world.go(BEN, 50)
    for x in [*range(0, 20_000, 90)] * 2:
        world.go(ANA, x)
        world.interest.tick()
    cells = set(world.interest._grid._cells.values())
    assert len(cells) < 100
    assert sum(len(one) for one in world.interest._checks) == 1
    for cell in cells:
        assert {*cell.view, *cell.near} <= cells
