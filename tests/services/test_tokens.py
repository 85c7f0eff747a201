"""Tokens: what is signed by us and not expired is believed, and nothing else, whatever it looks like."""

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts_world import SECRET
from scene import HandClock
from tertulia.domain.errors import InvalidToken
from tertulia.services.tokens import Tokens

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TOKENS = Tokens(SECRET, clock=lambda: NOW)
GOOD = {"sub": "7", "sid": "s-1", "exp": int(NOW.timestamp()) + 60, "iat": int(NOW.timestamp()), "type": "access"}


def signed(claims, key=SECRET, algorithm="HS256"):
    return jwt.encode(claims, key, algorithm)


def refused(token):
    with pytest.raises(InvalidToken):
        TOKENS.read_access_token(token)


def test_an_access_token_says_who_and_until_when():
    claims = TOKENS.read_access_token(TOKENS.access_token(7, "s-1", NOW))
    assert (claims.user_id, claims.session_id) == (7, "s-1")
    assert claims.expires_at == NOW + timedelta(minutes=30)


def test_an_access_token_is_a_jwt_as_the_protocol_says():
    claims = jwt.decode(TOKENS.access_token(7, "s-1", NOW), SECRET, ["HS256"], options={"verify_exp": False})
    assert claims == {"sub": "7", "sid": "s-1", "type": "access", "iat": 1795251600, "exp": 1795253400}


def test_a_token_expires_by_our_clock():
    clock = HandClock()
    tokens = Tokens(SECRET, clock=clock, access_lifetime=timedelta(minutes=5))
    token = tokens.access_token(7, "s-1", clock())
    clock.pass_(minutes=4, seconds=58)
    assert tokens.read_access_token(token).user_id == 7
    clock.pass_(seconds=2)
    with pytest.raises(InvalidToken):
        tokens.read_access_token(token)


@pytest.mark.parametrize(
    "change",
    [
        {"sub": None}, {"sid": None}, {"exp": None}, {"type": None},
        {"type": "refresh"}, {"sid": ""}, {"sid": 5}, {"sid": "a\n"}, {"sid": "a" * 65}, {"sid": "\0"},
        {"sub": 7}, {"sub": ""}, {"sub": "0"}, {"sub": "-7"}, {"sub": "7.0"}, {"sub": "٧"}, {"sub": " 7"}, {"sub": "7\n"},
        {"sub": "07"}, {"sub": str(2**63)}, {"sub": "9" * 4000}, {"sub": True}, {"sub": ["7"]},
        {"exp": "soon"}, {"exp": GOOD["iat"]}, {"exp": 0}, {"exp": -1}, {"exp": 10**400}, {"exp": 1e300}, {"exp": True}, {"exp": {}},
    ],
)  # fmt: skip
def test_claims_that_are_missing_or_wrong_are_refused_though_signed(change):
    claims = {name: value for name, value in (GOOD | change).items() if value is not None}
    header, payload = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "HS256"}, claims)
    )
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = algorithm.sign(f"{header}.{payload}".encode(), algorithm.prepare_key(SECRET))
    refused(f"{header}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


def test_the_largest_user_id_is_read():
    assert TOKENS.read_access_token(signed(GOOD | {"sub": str(2**63 - 1)})).user_id == 2**63 - 1


def test_other_keys_and_algorithms_are_refused():
    TOKENS.read_access_token(signed(GOOD))
    refused(signed(GOOD, key=SECRET + "!"))
    refused(signed(GOOD, key=SECRET * 2, algorithm="HS512"))
    refused(signed(GOOD, algorithm="HS384"))
    refused(signed(GOOD, key="", algorithm="none"))
    token = signed(GOOD)
    refused(token.rpartition(".")[0] + ".")
    refused(token[:-4] + "AAAA")


def test_a_refresh_token_is_no_access_token_and_the_reverse():
    refused(TOKENS.refresh_token("s-1", 1))
    with pytest.raises(InvalidToken):
        TOKENS.read_refresh_token(TOKENS.access_token(7, "s-1", NOW))


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "\0", "\ud800", "é.é.é", "x" * 100_000, "." * 5000,
     base64.urlsafe_b64encode(b"[" * 2000).decode() + ".e30.AA", "eyJhbGciOiJub25lIn0.e30."],
)  # fmt: skip
def test_hostile_tokens_are_invalid_and_nothing_worse(token):
    refused(token)
    with pytest.raises(InvalidToken):
        TOKENS.read_refresh_token(token)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_=-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_reading_is_total(token):
    refused(token)
    with pytest.raises(InvalidToken):
        TOKENS.read_refresh_token(token)


def test_the_same_generation_gives_the_same_refresh_token():
    token = TOKENS.refresh_token("s-1", 3)
    assert TOKENS.read_refresh_token(token) == ("s-1", 3)
    assert TOKENS.refresh_token("s-1", 3) == token
    others = {
        TOKENS.refresh_token("s-1", 4),
        TOKENS.refresh_token("s-2", 3),
        Tokens(SECRET + "!").refresh_token("s-1", 3),
    }
    assert len({one.rpartition(".")[2] for one in others | {token}}) == 4


@pytest.mark.parametrize("tamper", [
    lambda s, g, m: f"{s}.{int(g) + 1}.{m}", lambda s, g, m: f"{s}x.{g}.{m}", lambda s, g, m: f"{s}.0{g}.{m}",
    lambda s, g, m: f"{s}.{g}.{m[:-1]}", lambda s, g, m: f"{s}.{g}.{m}=", lambda s, g, m: f"{s}.{g}.{m}\n",
    lambda s, g, m: f"{s}.{g}.", lambda s, g, m: f"{s}.-1.{m}", lambda s, g, m: f"{s}.٣.{m}",
])  # fmt: skip
def test_a_refresh_token_that_was_tampered_with_is_refused(tamper):
    with pytest.raises(InvalidToken):
        TOKENS.read_refresh_token(tamper(*TOKENS.refresh_token("s-1", 3).split(".")))


def test_a_login_lasts_at_least_as_long_as_its_access_tokens():
    tokens = Tokens(SECRET, access_lifetime=timedelta(days=60), refresh_lifetime=timedelta(days=30))
    assert tokens.refresh_lifetime == timedelta(days=60)
