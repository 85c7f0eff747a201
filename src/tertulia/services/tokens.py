"""Tokens: what proves a login. Access tokens are JWTs (RFC 7519); refresh tokens are signed, not stored."""

import hmac
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Literal

import jwt
from jwt.types import Options
from msgspec import Meta, Struct, ValidationError, convert

from tertulia.domain.clock import Clock, utc_now
from tertulia.domain.errors import InvalidToken
from tertulia.domain.ids import MAX_ID, SessionId, UserId

LONGEST = 4096
"""Characters of a token that are looked at at all."""
LAST_SECOND = 253_402_300_800
"""The year 10000, in seconds since 1970."""
MOST_READ = 10_000
"""Tokens that are remembered as good: some hundred bytes each."""
SESSION_ID = r"\A[A-Za-z0-9_-]{1,64}\Z"


class Claims(Struct, frozen=True):
    """What an access token says. Whether the login still stands, the store knows."""

    user_id: UserId
    session_id: SessionId
    expires_at: datetime


class _Payload(Struct):
    sub: Annotated[str, Meta(pattern=r"\A[1-9][0-9]{0,18}\Z")]
    sid: Annotated[str, Meta(pattern=SESSION_ID)]
    exp: Annotated[int, Meta(ge=0, lt=LAST_SECOND)]
    type: Literal["access"]


class Tokens:
    """Signs and reads tokens. *secret*: at least 32 bytes, the same on all nodes.

    A refresh token is `session.generation.signature`: which generation is the good one stands in the session's row,
    so nothing secret is stored, and the same generation always gives the same token.
    """

    def __init__(
        self,
        secret: str,
        *,
        algorithm: str = "HS256",
        access_lifetime: timedelta = timedelta(minutes=30),
        refresh_lifetime: timedelta = timedelta(days=30),
        clock: Clock = utc_now,
    ) -> None:
        self._secret, self._algorithm, self._clock = secret, algorithm, clock
        self._read: dict[str, Claims] = {}
        self._refresh_key = hmac.digest(secret.encode(), b"tertulia refresh token", sha256)
        self.access_lifetime = access_lifetime
        self.refresh_lifetime = max(refresh_lifetime, access_lifetime)  # a login lasts as long as its tokens

    def access_token(self, user_id: UserId, session_id: SessionId, now: datetime) -> str:
        claims = {
            "sub": str(user_id),
            "sid": session_id,
            "type": "access",
            "iat": now,
            "exp": now + self.access_lifetime,
        }
        return jwt.encode(claims, self._secret, self._algorithm)

    def read_access_token(self, token: str) -> Claims:
        """Raises InvalidToken: for a wrong signature, another algorithm, a missing claim, an expired one. A token that
        was good is not verified again, but whether it has expired is looked at each time."""
        claims = self._read.get(token)
        if claims is None:
            claims = self._verified(token)
            if len(self._read) >= MOST_READ:
                del self._read[next(iter(self._read))]
            self._read[token] = claims
        if claims.expires_at <= self._clock():
            self._read.pop(token, None)
            raise InvalidToken
        return claims

    def _verified(self, token: str) -> Claims:
        if len(token) > LONGEST or not token.isascii():
            raise InvalidToken
        try:
            payload = convert(jwt.decode(token, self._secret, algorithms=[self._algorithm], options=_CHECKS), _Payload)
        except (jwt.PyJWTError, ValidationError, ValueError, RecursionError):
            raise InvalidToken from None
        user_id, expires_at = int(payload.sub), datetime.fromtimestamp(payload.exp, UTC)
        if user_id > MAX_ID:
            raise InvalidToken
        return Claims(UserId(user_id), SessionId(payload.sid), expires_at)

    def refresh_token(self, session_id: SessionId, generation: int) -> str:
        body = f"{session_id}.{generation}"
        signature = urlsafe_b64encode(hmac.digest(self._refresh_key, body.encode(), sha256)).decode().rstrip("=")
        return f"{body}.{signature}"

    def read_refresh_token(self, token: str) -> tuple[SessionId, int]:
        """Whose it is, and of which generation. Raises InvalidToken."""
        shape = _REFRESH_TOKEN.fullmatch(token)
        if shape is None:
            raise InvalidToken
        session_id, generation = SessionId(shape[1]), int(shape[2])
        if not hmac.compare_digest(self.refresh_token(session_id, generation), token):
            raise InvalidToken
        return session_id, generation


_REFRESH_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,64})\.([1-9][0-9]{0,8})\.[A-Za-z0-9_-]{43}")
# Of what else a token may say, nothing concerns us; when it expires, our own clock says.
_CHECKS: Options = {
    "require": ["exp", "sub", "sid"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_jti": False,
}
