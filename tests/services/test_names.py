"""Names: of any script, but seen, and nobody else's by a trick."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.domain.errors import Invalid
from tertulia.services.names import check_display_name, check_email, check_username
from tertulia.store.users import fold

NO_TEXT = ["", " ", "\0", "a\0b", "\ud800", "a\udfffb", "x" * 100_000, "a\nb"]


def refused(check, value, field):
    with pytest.raises(Invalid) as refusal:
        check(value)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "name",
    ["ab", "Ana-Maria", "j.r.r_t", "_ana_", "李小龙", "مريم", "नमस्ते", "สวัสดี", "Nguyễn", "42", "a" * 64,
     "user_550e8400e29b41d4a716446655440000", "root", "admin"],
)  # fmt: skip
def test_usernames_of_any_script(name):
    assert check_username(f" {name} ") == name


def test_usernames_are_kept_in_one_spelling():
    assert check_username("ａｎａ") == "ana"
    assert check_username("jose\u0301") == "jos\u00e9"


@pytest.mark.parametrize(
    "name",
    [*NO_TEXT, "a", "a" * 65, "a b", "ana@home", "-ana", "ana.", "...", "__", "a/b", "<b>", "🙂🙂", "%%", "' OR 1=1 --",
     "system", "System", "Me", "everyone", "deleted", "Deleted_User", "deleted.user.7", "ｄeleted-user",
     "\u202eana", "a\u200bb", "a\u3164b", "\u115f\u1160", "a\ufe0f", "a\u034fb", "e" + "\u0301" * 20],
)  # fmt: skip
def test_usernames_that_would_deceive_are_refused(name):
    refused(check_username, name, "username")


@pytest.mark.parametrize("name", ["Ana Lúcia", "👩‍🚀 Ana", "O'Brien", "a", "محمد", "\U0001fa77", "x" * 64])
def test_display_names_are_free(name):
    assert check_display_name(f" {name} ") == name


@pytest.mark.parametrize(
    "name",
    [*NO_TEXT, "\u200b", "\u3164", "a\u202eb", "a\x85b", "a\u2028b", "x" * 65, "Deleted User", "e" + "\u0301" * 20],
)
def test_display_names_that_cannot_be_seen_are_refused(name):
    refused(check_display_name, name, "display_name")


@pytest.mark.parametrize("email", ["ana@example.org", "a+b@c.example", "ana@intranet", "josé@exämple.org"])
def test_addresses_are_taken_as_they_are(email):
    assert check_email(f" {email} ") == email


@pytest.mark.parametrize(
    "email",
    [*NO_TEXT, "ana", "@x", "ana@", "a@b@c", "a b@c.org", "a\0@c.org", "\ud800@c.org", "a@" + "x" * 300, "a\n@c.org"],
)
def test_what_is_no_address_is_refused(email):
    refused(check_email, email, "email")


@given(st.text(st.characters(), max_size=80))
def test_checking_is_total_and_what_passed_passes_again(text):
    for check in (check_username, check_display_name, check_email):
        try:
            checked = check(text)
        except Invalid:
            continue
        assert check(checked) == checked


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)
