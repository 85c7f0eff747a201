"""What of a message is shown above its replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.domain.quotes import LONGEST, first_line, quote


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("hi", "hi"),
        ("one\ntwo", "one"),
        ("\n \r\n\t two \nthree", "two"),
        ("one\u2028two", "one"),
        ("x" * 200, "x" * LONGEST),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_it_is_the_first_line_with_something_on_it(content: str, line: str) -> None:
    assert first_line(content) == line


@given(st.text())
def test_it_is_one_short_line_of_the_text(content: str) -> None:
    line = first_line(content)
    assert line in content
    assert len(line) <= LONGEST
    assert len(line.splitlines()) <= 1
    assert bool(line) == bool(content.strip())


def test_of_a_deleted_message_nothing_is_shown() -> None:
    assert quote(1, 2, "ana", "secret", is_deleted=True).text == ""
