"""conversations' ids: with and without their prefix, as text and as numbers; of the wrong kind they are none."""

import pytest

from tertulia.dialects.conversations import ConversationsDialect, ids

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("msg-9", 9),
        ("9", 9),
        (9, 9),
        (f"msg-{LARGEST}", LARGEST),
        (LARGEST, LARGEST),
        ("msg-0", 0),
        (0, 0),
        (-1, 0),
        ("msg--1", 0),
        (LARGEST + 1, 0),
        (f"msg-{LARGEST + 1}", 0),
        (10**400, 0),
        ("9" * 5000, 0),
        ("user-9", 0),
        ("conv-9", 0),
        ("msg-msg-9", 0),
        ("MSG-9", 0),
        ("msg-", 0),
        ("msg-9\n", 0),
        ("msg-٩", 0),
        ("", 0),
        (True, 0),
        (9.0, 0),
        (None, 0),
        ([9], 0),
    ],
)
def test_an_id_is_read_as_its_number_or_as_none(written, number):
    assert ids.read(ids.MESSAGE, written) == number


def test_what_is_written_is_read_again():
    assert ids.read(ids.CONVERSATION, ids.conversation(123)) == 123
    assert ids.read(ids.USER, ids.user(1)) == 1
    assert ids.read(ids.MESSAGE, ids.message(456)) == 456
    assert (ids.conversation(123), ids.user(1), ids.message(456)) == ("conv-123", "user-1", "msg-456")


@pytest.mark.parametrize(
    ("text", "room_id"), [("conv-1", 1), ("1", 1), ("user-1", None), ("conv-0", None), ("x", None), ("conv-1 ", None)]
)
def test_a_path_names_a_conversation(text, room_id):
    assert ConversationsDialect().read_room_id(text) == room_id
