"""Whoever sees a space holds the truth about it, whatever people do there.

People appear, walk, jump, turn, leave and come back; viewers come, go, miss what they are told and are told all again.
Each viewer's picture is what they were told when they came, who appeared and left since, and what `tick` says. The
model knows nothing of how the grid is kept: only which cell somebody is in, where they were at each tick, and who
should see whom.

Each of these changes to it was tried, and fails here: no hysteresis · steps told to the same cell only · nothing told of
who leaves the nearest cells, or the view · far ones never looked at, or only where somebody moved just now · a border
crossed without the new cells, or the old ones, or the far ones that were still to be told · newcomers left with the places
they were told at first · more than `most` at once · whoever waits forgotten · settled a tick early · a step told twice to
who crosses, or is told everything · who left told of after all.
"""

from math import floor

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tertulia.fanout.interest import Interest

ROOM = 1
SIDE = 16.0
WIDTH = 144
USERS = range(1, 8)

coordinate = st.integers(0, 576).map(lambda quarters: quarters / 4)
pace = st.sampled_from([-40.0, -16.0, -3.0, -1.25, 0.0, 1.25, 3.0, 16.0, 40.0])
which = st.integers(0, 6)


class Watcher:
    def __init__(self, user_id, picture):
        self.user_id, self.picture = user_id, picture
        self.misses = False
        self.crossed_at = 0
        self.is_stale = False


class InterestMachine(RuleBasedStateMachine):
    @initialize(
        far=st.integers(1, 3),
        far_every=st.integers(1, 5),
        most=st.sampled_from([1, 2, 4, 100, 100, 100]),
        places=st.lists(st.tuples(coordinate, coordinate), max_size=len(USERS)),
    )
    def begin(self, far, far_every, most, places):
        self.far, self.far_every, self.most = far, far_every, most
        self.interest = Interest(ROOM, cell=SIDE, far=far, far_every=far_every, most=most)
        self.places = {}
        self.cells = {}
        self.watchers = []
        self.now = 0
        self.before = []  # where everybody was: (tick, places, cells)
        for user, (x, y) in enumerate(places, 1):
            self.put(user, x, y, None)
            self.watch(user, is_twice=False)

    # ---- what happens

    @rule(user=st.sampled_from(USERS), x=coordinate, y=coordinate, direction=st.sampled_from([None, "left", 90.0]))
    def put(self, user, x, y, direction):
        is_new = user not in self.places
        self.interest.put(user, x, y, direction)
        self.places[user] = round(x, 2), round(y, 2), direction
        if is_new:
            self.cells[user] = floor(x / SIDE), floor(y / SIDE)
            for watcher in self.watchers:
                watcher.picture[user] = self.places[user]
            self.remember()

    @precondition(lambda self: self.places)
    @rule(number=which, aside=pace, down=pace, steps=st.integers(1, 3), ticks=st.integers(0, 2))
    def walk(self, number, aside, down, steps, ticks):
        user = sorted(self.places)[number % len(self.places)]
        for _ in range(steps):
            x, y, direction = self.places[user]
            self.put(user, min(max(x + aside, 0), WIDTH), min(max(y + down, 0), WIDTH), direction)
            self.tick(ticks)

    @precondition(lambda self: self.places)
    @rule(aside=pace, down=pace, ticks=st.integers(0, 2))
    def all_walk(self, aside, down, ticks):
        for user, (x, y, direction) in list(self.places.items()):
            self.put(user, min(max(x + aside, 0), WIDTH), min(max(y + down, 0), WIDTH), direction)
        self.tick(ticks)

    @precondition(lambda self: self.places)
    @rule(number=which)
    def leave(self, number):
        user = sorted(self.places)[number % len(self.places)]
        self.interest.remove(user)
        del self.places[user], self.cells[user]
        self.watchers = [one for one in self.watchers if one.user_id != user]
        for watcher in self.watchers:
            watcher.picture.pop(user, None)

    @rule(user=st.sampled_from(USERS), is_twice=st.booleans())
    def watch(self, user, is_twice):
        was_settled = self.interest.is_settled
        watcher = Watcher(user, dict(self.places))
        for _ in range(1 + is_twice):
            self.interest.watch(watcher)
        if user in self.places:
            self.watchers.append(watcher)
        self.remember()
        assert self.interest.is_settled == was_settled

    @precondition(lambda self: self.watchers)
    @rule(number=which)
    def unwatch(self, number):
        watcher = self.watchers[number % len(self.watchers)]
        self.watchers.remove(watcher)
        self.interest.unwatch(watcher)

    @precondition(lambda self: self.watchers)
    @rule(number=which, ticks=st.integers(0, 2))
    def miss(self, number, ticks):
        watcher = self.watchers[number % len(self.watchers)]
        watcher.misses = True
        self.tick(ticks)
        self.interest.refresh(watcher)
        watcher.misses, watcher.is_stale = False, True
        assert not self.interest.is_settled

    # ---- what is told

    @rule(times=st.integers(1, 3))
    def tick(self, times):
        for _ in range(times):
            self.tick_once()

    def tick_once(self):
        tellings = self.interest.tick()
        self.now += 1
        crossed = self.move_cells()
        self.remember()
        self.check_tellings(tellings)
        for watcher in self.watchers:
            moves = [move.event for one in tellings if watcher in one.viewers for move in one.moves]
            gone = {user for one in tellings if watcher in one.viewers for user in one.gone}
            users = [move.user_id for move in moves]
            assert len(users) == len(set(users)), "told twice"
            assert not gone & set(users)
            assert len(moves) <= self.most or watcher.user_id in crossed or watcher.is_stale
            watcher.is_stale = False
            if watcher.user_id in crossed:
                watcher.crossed_at = self.now
            if watcher.misses:
                continue
            for move in moves:
                assert (move.x, move.y, move.direction) == self.places[move.user_id]
                assert self.distance(watcher, move.user_id) <= self.far
                watcher.picture[move.user_id] = self.places[move.user_id]
            for user in gone:
                assert self.distance(watcher, user) > self.far
                watcher.picture.pop(user, None)
        if self.most >= len(USERS):
            self.check_pictures()

    @rule()
    def settle(self):
        for _ in range(self.far_every + 3 * len(USERS)):
            if self.interest.is_settled:
                break
            self.tick_once()
        assert self.interest.is_settled
        for watcher in self.watchers:
            assert watcher.picture.items() <= self.places.items()
            for user in self.places:
                assert user in watcher.picture or self.distance(watcher, user) > self.far
        assert self.interest.tick() == []
        assert self.interest.is_settled
        self.now += 1
        self.remember()

    def teardown(self):
        if hasattr(self, "interest"):
            self.settle()

    # ---- the truth

    def remember(self):
        self.before.append((self.now, dict(self.places), dict(self.cells)))
        self.before = [one for one in self.before if one[0] >= self.now - self.far_every]

    def move_cells(self):
        """Returns who is in another cell than before."""
        crossed = set()
        for user, (x, y, _) in self.places.items():
            column, row = self.cells[user]
            column = column if abs(x / SIDE - column - 0.5) <= 0.5 + 1 / 8 else floor(x / SIDE)
            row = row if abs(y / SIDE - row - 0.5) <= 0.5 + 1 / 8 else floor(y / SIDE)
            if (column, row) != self.cells[user]:
                self.cells[user] = column, row
                crossed.add(user)
        return crossed

    def distance(self, watcher, user, cells=None):
        """In cells; none if either was not there."""
        cells = self.cells if cells is None else cells
        if user in cells and watcher.user_id in cells:
            return max(abs(one - other) for one, other in zip(cells[watcher.user_id], cells[user], strict=True))
        return 99

    def check_tellings(self, tellings):
        steps = {}
        for telling in tellings:
            assert telling.viewers
            assert telling.moves or telling.gone
            for move in telling.moves:
                assert move.event.room_id == ROOM
                assert steps.setdefault(move.event.user_id, move) is move, "the same frames for all"

    def check_pictures(self):
        """Where nobody has to wait for their turn."""
        for watcher in self.watchers:
            if watcher.misses:
                continue
            for user, place in self.places.items():
                if self.distance(watcher, user) <= 1:
                    assert watcher.picture[user] == place
                elif all(self.distance(watcher, user, cells) <= self.far for _, _, cells in self.before):
                    assert user in watcher.picture, "in view for far_every ticks"
            for user, place in watcher.picture.items():
                if self.distance(watcher, user) > self.far:
                    assert place == self.places[user]
                known = [cells for _, places, cells in self.before if places.get(user) == place]
                assert known, "older than far_every ticks"
                if place != self.places[user] and self.now - watcher.crossed_at >= self.far_every:
                    assert any(self.distance(watcher, user, {**self.cells, user: cells[user]}) > 1 for cells in known)


InterestMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestEveryPictureIsTrue = InterestMachine.TestCase
