"""What the ring tells of messages that were changed after they were put into it."""

from msgspec.structs import replace

from fanout_world import ROOM, deleted, edited, removed, sent
from tertulia.domain.quotes import quote
from tertulia.domain.roles import LeaveReason
from tertulia.fanout.counters import Counters
from tertulia.fanout.feed import Feed


def told(*events):
    """All that a feed gives of *events*, which are the log from its beginning."""
    feed = Feed(Counters())
    feed.on_start(0, 0.0)
    for seq, event in enumerate(events, 1):
        feed.on_event(event.placed(ROOM, seq, event.message_id or seq), 0.0)
    assert feed._weight == sum(entry.weight for entry in feed._ring)
    return feed, [entry.event for entry in feed.take(0)]


def reply(to, text):
    return replace(sent("yes"), reply_to=to, quote=quote(to, 1, "user1", text, is_deleted=False))


FIRST = replace(sent("@user3, helo\nworld"), message_id=1, mentions=[3])


def test_an_edit_mends_the_text_and_whom_it_mentions():
    edit = replace(edited(FIRST, "@here, hello\nworld"), mentions_here=True)
    _, events = told(FIRST, sent("other"), edit)
    assert [event.content for event in events] == ["@here, hello\nworld", "other", "@here, hello\nworld"]
    assert [(event.mentions, event.mentions_here) for event in events] == [([], True), ([], False), ([], True)]


def test_an_earlier_edit_is_mended_too():
    _, events = told(FIRST, edited(FIRST, "second"), edited(FIRST, "third"))
    assert [event.content for event in events] == ["third"] * 3


def test_an_edit_mends_the_quotes_of_the_message():
    _, events = told(FIRST, reply(1, "@user3, helo"), reply(2, "yes"), edited(FIRST, "\n hello \nworld"))
    assert [event.quote.text for event in events[1:3]] == ["hello", "yes"]
    assert events[1].content == "yes"


def test_a_deletion_blanks_the_text_and_the_quotes_of_the_message():
    _, events = told(FIRST, reply(1, "@user3, helo"), edited(FIRST, "hello"), deleted(FIRST))
    first, answer, edit, _ = events
    assert (first.content, first.mentions, edit.content) == ("", [], "")
    assert (answer.content, answer.quote.text, answer.quote.is_deleted) == ("yes", "", True)
    assert (answer.quote.message_id, answer.quote.username) == (1, "user1")


def test_frames_built_before_a_change_are_not_given_after_it():
    class Dialect:
        name = "text"

        @staticmethod
        def encode(event, own):
            return getattr(event, "content", "").encode()

    feed = Feed(Counters())
    feed.on_start(0, 0.0)
    feed.on_event(FIRST.placed(ROOM, 1, 1), 0.0)
    assert [entry.frame(Dialect) for entry in feed.take(0)] == [FIRST.content.encode()]
    feed.on_event(edited(FIRST, "new").placed(ROOM, 2, 1), 0.0)
    assert [entry.frame(Dialect) for entry in feed.take(0)] == [b"new", b"new"]


def test_a_change_is_known_to_those_who_keep_pages_of_the_log():
    feed, _ = told(sent("a"))
    before = feed.purged
    feed.on_event(edited(sent("a").placed(ROOM, 4711, 4711), "b").placed(ROOM, 2, 4711), 0.0)  # not in the ring
    assert feed.purged == before + 1
    feed.on_event(deleted(sent("a").placed(ROOM, 4711, 4711)).placed(ROOM, 3, 4711), 0.0)
    assert feed.purged == before + 2
    feed.on_event(sent("c").placed(ROOM, 4, 4), 0.0)
    assert feed.purged == before + 2


def test_what_the_log_gave_without_its_text_stays_so():
    """It was read after the deletion; an edit from before that comes in late."""
    feed = Feed(Counters())
    feed.on_start(0, 0.0)
    gone = replace(reply(9, ""), quote=quote(9, 1, "user1", "", is_deleted=True))
    feed.on_rows(0, [sent("").placed(ROOM, 1, 1), gone.placed(ROOM, 2, 2)], 5, 0.0)
    feed.on_event(edited(FIRST, "secret").placed(ROOM, 3, 1), 0.0)
    feed.on_event(edited(replace(FIRST, message_id=9), "secret").placed(ROOM, 4, 9), 0.0)
    first, answer, *_ = [entry.event for entry in feed.take(0)]
    assert (first.content, answer.quote.text, answer.quote.is_deleted) == ("", "", True)


def test_who_has_deleted_their_account_is_named_no_more():
    gone = removed(1, LeaveReason.DELETED)
    feed, events = told(FIRST, replace(reply(1, "@user3, helo"), user_id=2, username="user2"), sent("other", 2), gone)
    assert [event.username for event in events] == ["deleted user", "user2", "user2", gone.username]
    assert [events[1].quote.username, events[1].quote.text] == ["deleted user", "@user3, helo"]
    assert feed.purged == 1


def test_who_merely_goes_keeps_their_name():
    _, events = told(FIRST, removed(1, LeaveReason.LEFT))
    assert events[0].username == FIRST.username
