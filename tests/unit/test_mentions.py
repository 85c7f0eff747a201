"""Mentions in a text: who is named with an @, and who only seems to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.domain.errors import Invalid
from tertulia.services.mentions import MOST, find_mentions
from tertulia.services.names import check_username
from tertulia.store import Mentions
from tertulia.store.users import fold


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ana", ["ana"]),
        ("hi @ana, how is @ben?", ["ana", "ben"]),
        ("@Ana @ANA @ＡＮＡ @ana", ["ana"]),
        (
            "@ana. (@ben) @cy- @di's «@eva» @fay/@gus -@hal Ok.@ian",
            ["ana", "ben", "cy", "di", "eva", "fay", "gus", "hal", "ian"],
        ),
        ("@ana.maria-2_x", ["ana.maria-2_x"]),
        ("@ana\n@ben\t@cy\u3000@di", ["ana", "ben", "cy", "di"]),
        ("@สมชาย ครับ", ["สมชาย"]),
        ("@jose\u0301", ["josé"]),
        ("@小明，@ана", ["小明", "ана"]),
        ("❤️@ana", ["ana"]),
        ("://x @ana", ["ana"]),
    ],
)
def test_a_name_after_an_at_sign_is_mentioned(text: str, names: list[str]) -> None:
    assert find_mentions(text) == Mentions(names=tuple(map(fold, names)), here=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "@",
        "@ ana",
        "@@ana",
        "@...",
        "@.-@",
        "ana@example.org",
        "ana.maria+chat@example.org",
        "é@ana",
        "e\u0301@ana",
        "@ana@example.org",
        "see https://example.org/@ana",
        "@" + "a" * 500,
    ],
)
def test_words_and_addresses_mention_nobody(text: str) -> None:
    assert find_mentions(text) is None


@pytest.mark.parametrize("text", ["@here", "@Here!", "hi @here, @HERE"])
def test_here_is_everybody(text: str) -> None:
    assert find_mentions(text) == Mentions(names=(), here=True)


def test_no_more_than_so_many_are_mentioned() -> None:
    found = find_mentions(" ".join(f"@user{n} @user{n}" for n in range(MOST + 10)) + " @here")
    assert found == Mentions(names=tuple(f"user{n}" for n in range(MOST)), here=True)


words = st.one_of(
    st.text(), st.sampled_from(["@", "@here", "@ana", ".", "-", "://", " ", "\u0301", "\ufe0f", "ß", "ﬃ"])
)


@given(st.lists(words).map("".join))
def test_any_text_has_mentions_or_none(text: str) -> None:
    found = find_mentions(text)
    if found is None:
        return
    assert found.names or found.here
    assert len(found.names) == len(set(found.names)) <= MOST
    assert "here" not in found.names
    for name in found.names:
        assert name == fold(name)
        assert "@" not in name
        assert not name.endswith((".", "-"))


def is_a_username(name: str) -> bool:
    try:
        return check_username(name) == name
    except Invalid:
        return False


@given(st.text(st.characters(categories=["L", "M", "N"]), min_size=2, max_size=20).filter(is_a_username))
def test_every_username_can_be_mentioned(name: str) -> None:
    assert find_mentions(f"(@{name}), @{name}.") == Mentions(names=(fold(name),))
