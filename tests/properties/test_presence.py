"""Whoever looks at any moment who is there, and hears what is told from then on, knows in the end who is there."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tertulia.fanout.presence import Gone, Hold

HOLD = 3.0
USERS = (1, 2, 3)
NOW = datetime(2026, 11, 21, tzinfo=UTC)

step = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(USERS)),
    st.tuples(st.just("choose"), st.sampled_from(USERS)),
    st.tuples(st.just("wait"), st.floats(0.1, 4.0)),
    st.tuples(st.just("look"), st.just(0)),
    st.tuples(st.just("settle"), st.just(0)),
)


class Node:
    """*there*: who is connected; *looks*: what each observer believes; *told*: how often each came and went."""

    def __init__(self):
        self.hold = Hold(HOLD)
        self.now = 0.0
        self.there = set()
        self.looks = []
        self.told = {user_id: [] for user_id in USERS}

    def is_there(self, user_id):
        return user_id in self.there or user_id in self.hold.going

    def move(self, user_id):
        if user_id in self.there:
            self.there.remove(user_id)
            self.hold.go(user_id, self.now, NOW, is_ours=True)
        else:
            self.there.add(user_id)
            self.hold.come(user_id, self.now)

    def choose(self, user_id):
        self.hold.tell(user_id)
        self.tell(user_id, self.is_there(user_id))

    def wait(self, seconds):
        self.now += seconds

    def look(self, _):
        self.looks.append({user_id: self.is_there(user_id) for user_id in USERS})

    def settle(self, _):
        while users := self.hold.due(self.now):
            for user_id in users:
                outcome = self.hold.settle(user_id, self.now)
                if outcome is not False:
                    self.tell(user_id, not isinstance(outcome, Gone))

    def tell(self, user_id, is_there):
        self.told[user_id].append(is_there)
        for look in self.looks:
            look[user_id] = is_there


@given(st.lists(step, max_size=60))
def test_a_look_and_what_is_told_after_it_is_the_truth_in_the_end(steps):
    node = Node()
    node.look(0)
    for name, value in steps:
        getattr(node, name)(value)
    node.wait(HOLD)
    node.settle(0)
    assert node.looks == [{user_id: user_id in node.there for user_id in USERS}] * len(node.looks)
    assert node.hold.next_due() is None


@given(st.lists(st.floats(0.01, HOLD - 0.01), max_size=20))
def test_who_is_never_away_for_long_is_told_at_most_once(gaps):
    node = Node()
    node.move(1)
    for gap in gaps:
        node.wait(HOLD)
        node.settle(0)
        node.move(1)
        node.wait(gap)
        node.settle(0)
        node.move(1)
    node.wait(HOLD)
    node.settle(0)
    assert node.told[1] == [True]
