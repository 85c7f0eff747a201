"""The feed, whatever happens between it and the log.

Publishes are lost, doubled, late and out of order; reads of the log are late or fail; looks at the heads are stale or
lost; subscribers come from any place, ahead of this node too, stop and come back. In the end one look at the head gets
through, and then everybody must have everything: in order, once, and no text of a message, nor a quote of it, after
its edit or deletion passed.

Each of these changes to the feed was tried, and fails here: no check for doubles · a hole filled with what comes next
· heads ignored · a failed read not asked again, or never taken for ended · the ring off by one, or its base after a
trim · a jump that keeps the ring, or what it jumped over, or never happens · no mending, or at the old weight, or of
the message but not of its quotes.
"""

from bisect import bisect_right

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from fanout_world import deleted, edited, sent
from tertulia.domain.events import MessageEdited, MessageSent
from tertulia.domain.quotes import quote
from tertulia.fanout.counters import Counters
from tertulia.fanout.feed import Feed

ROOM = 1
HOLD = 0.05


class Subscriber:
    def __init__(self, position):
        self.first, self.position, self.got = position, position, []
        self.is_attached = True


class FeedMachine(RuleBasedStateMachine):
    @initialize(
        ring=st.integers(1, 6),
        ring_bytes=st.sampled_from([300, 1000, 10**6]),
        page=st.integers(1, 5),
        furthest=st.sampled_from([1, 3, 6, 1000, 1000]),
        is_late=st.booleans(),
    )
    def begin(self, ring, ring_bytes, page, furthest, is_late):
        self.feed = Feed(Counters(), ring=ring, ring_bytes=ring_bytes, page=page, furthest=furthest, hold=HOLD)
        self.log = []
        self.texts = {}  # id of a message → what it said from which seq on
        self.on_the_way = []
        self.answers = []
        self.heads = []
        self.subscribers = []
        self.now = 0.0
        if not is_late:
            self.feed.on_start(0, self.now)

    # ---- the truth

    @rule(data=st.data(), fates=st.lists(st.sampled_from([1, 1, 1, 0, 2]), min_size=1, max_size=5))
    def commit(self, data, fates):
        for copies in fates:
            seq = len(self.log) + 1
            event = sent(f"text {seq}").placed(ROOM, seq, seq)
            answered = data.draw(st.sampled_from([None, None, *self.texts]))
            if answered is not None:
                text = self.texts[answered][-1][1]
                event = replace(event, reply_to=answered, quote=quote(answered, 1, "user1", text, is_deleted=not text))
            self.texts[seq] = [(seq, event.content)]
            self.log.append(event)
            self.on_the_way += [event] * copies

    @precondition(lambda self: self.log)
    @rule(data=st.data(), is_edit=st.booleans(), copies=st.integers(0, 2))
    def change(self, data, is_edit, copies):
        message_id = data.draw(st.sampled_from(sorted(self.texts)))
        if not self.texts[message_id][-1][1]:
            return
        seq = len(self.log) + 1
        text = f"text of {message_id} since {seq}" if is_edit else ""
        message = self.log[message_id - 1]
        event = (edited(message, text) if is_edit else deleted(message)).placed(ROOM, seq)
        self.texts[message_id].append((seq, text))
        self.log.append(event)
        self.log[:] = [self.as_now(one, message_id, text) for one in self.log]
        self.on_the_way += [event] * copies

    @staticmethod
    def as_now(event, message_id, text):
        """As the log is read once *message_id* says *text*."""
        if isinstance(event, MessageSent | MessageEdited) and event.message_id == message_id:
            event = replace(event, content=text)
        if isinstance(event, MessageSent) and event.quote and event.quote.message_id == message_id:
            event = replace(event, quote=replace(event.quote, text=text, is_deleted=not text))
        return event

    def is_current(self, message_id, text):
        """It says so at the feed's top, or at a place that the feed has yet to come to."""
        said = self.texts[message_id]
        now = bisect_right([seq for seq, _ in said], self.feed.top) - 1
        return text in [text for _, text in said[max(now, 0) :]]

    # ---- what reaches the feed, when and if it does

    @precondition(lambda self: not self.feed.is_started)
    @rule(data=st.data())
    def start(self, data):
        self.feed.on_start(data.draw(st.integers(0, len(self.log))), self.now)

    @precondition(lambda self: self.on_the_way)
    @rule(count=st.integers(1, 8))
    def deliver_in_order(self, count):
        for event in self.on_the_way[:count]:
            self.feed.on_event(event, self.now)
        del self.on_the_way[:count]

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def deliver_out_of_order(self, data):
        event = self.on_the_way.pop(data.draw(st.integers(0, len(self.on_the_way) - 1)))
        self.feed.on_event(event, self.now)

    @rule()
    def read_the_head(self):
        self.heads.append(len(self.log))

    @precondition(lambda self: self.heads)
    @rule(data=st.data(), is_lost=st.booleans())
    def look_at_a_head(self, data, is_lost):
        head = self.heads.pop(data.draw(st.integers(0, len(self.heads) - 1)))
        if not is_lost:
            self.feed.on_head(head, self.now)

    @rule(seconds=st.sampled_from([0.0, HOLD / 2, HOLD, 3.0]))
    def wait(self, seconds):
        self.now += seconds
        self.ask()

    def ask(self):
        asked = self.feed.poll(self.now)
        if asked is not None:
            after, limit = asked
            head = len(self.log)
            self.answers.append((after, self.log[after : after + limit], head))
        assert len(self.answers) <= 1

    @precondition(lambda self: self.answers)
    @rule(fails=st.booleans())
    def answer(self, fails):
        after, rows, head = self.answers.pop()
        if fails:
            self.feed.on_failed(self.now)
        else:
            self.feed.on_rows(after, rows, head, self.now)

    @rule()
    def trim(self):
        self.feed.trim()
        assert len(self.feed._ring) <= self.feed._most
        assert self.feed._weight <= self.feed._weightiest

    # ---- those who listen

    @precondition(lambda self: len(self.subscribers) < 4)
    @rule(data=st.data())
    def subscribe(self, data):
        self.subscribers.append(Subscriber(data.draw(st.integers(0, len(self.log)))))

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data())
    def leave_or_come_back(self, data):
        one = data.draw(st.sampled_from(self.subscribers))
        one.is_attached = not one.is_attached

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data(), limit=st.integers(1, 4))
    def take(self, data, limit):
        one = data.draw(st.sampled_from(self.subscribers))
        if one.is_attached:
            self.give(one, limit)

    def give(self, one, limit):
        entries = self.feed.take(one.position, limit)
        if entries is None:
            events = self.log[one.position : one.position + limit]
            assert events, "the log is asked only for what it has"
        else:
            events = [entry.event for entry in entries]
            assert all(entry.seq == entry.event.seq for entry in entries)
            for event in events:
                assert event.seq <= self.feed.top
        for event in events:
            one.position += 1
            assert event.seq == one.position, "in order, once"
            one.got.append(event)

    # ---- what holds at all times

    @invariant()
    def the_ring_is_whole(self):
        feed = self.feed
        assert [entry.seq for entry in feed._ring] == list(range(feed.base + 1, feed.top + 1))
        assert feed._weight == sum(entry.weight for entry in feed._ring)
        assert not feed.is_started or all(seq > feed.top for seq in feed._ahead)
        assert len(feed._ahead) <= feed._furthest
        assert feed.top <= len(self.log)

    @invariant()
    def nobody_resumes_into_an_old_text(self):
        for event in [entry.event for entry in self.feed._ring]:
            if isinstance(event, MessageSent | MessageEdited):
                assert self.is_current(event.message_id, event.content)
            if isinstance(event, MessageSent) and event.quote is not None:
                assert self.is_current(event.reply_to, event.quote.text)
                assert event.quote.is_deleted == (not event.quote.text)

    @invariant()
    def a_hole_is_always_being_mended(self):
        feed = self.feed
        if feed.is_started and feed.head > feed.top:
            assert feed.due is not None or self.answers

    # ---- the end

    def teardown(self):
        if not hasattr(self, "feed"):
            return
        feed = self.feed
        if not feed.is_started:
            feed.on_start(len(self.log), self.now)
        feed.on_head(len(self.log), self.now)
        failures = 2
        for _ in range(200):
            if self.answers:
                self.answer_in_the_end(fails=failures > 0)
                failures -= 1
            self.now += 3.0
            self.ask()
            self.the_ring_is_whole()
        assert feed.top == feed.head == len(self.log)
        for one in self.subscribers:
            while one.position < len(self.log):
                self.give(one, 3)
            kinds = [type(event) for event in one.got]
            assert kinds == [type(event) for event in self.log[one.first :]]
            changes = [kind for kind in kinds if kind is not MessageSent]
            assert len(changes) == sum(seq > one.first for said in self.texts.values() for seq, _ in said[1:])

    def answer_in_the_end(self, fails):
        after, rows, head = self.answers.pop()
        if fails:
            self.feed.on_failed(self.now)
        else:
            self.feed.on_rows(after, rows, head, self.now)


FeedMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestTheFeed = FeedMachine.TestCase


def test_a_log_that_no_longer_reaches_back_is_jumped_over():
    feed = Feed(Counters(), hold=HOLD)
    feed.on_start(10, 0.0)
    feed.on_head(100, 0.0)
    assert feed.poll(1.0) == (10, 500)
    feed.on_rows(10, [sent().placed(ROOM, seq, seq) for seq in range(50, 101)], 100, 1.0)
    assert feed.take(10) is None
    assert [entry.seq for entry in feed.take(90)] == list(range(91, 101))


def test_before_it_starts_a_feed_keeps_what_comes_but_not_without_bound():
    feed = Feed(Counters(), furthest=3)
    for seq in range(1, 11):
        feed.on_event(sent().placed(ROOM, seq, seq), 0.0)
    assert len(feed._ahead) == 3
    feed.on_start(8, 0.0)
    assert feed.poll(1.0) == (8, 500)
