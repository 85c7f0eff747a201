"""Tokens: what proves a login. Access tokens are JWTs (RFC 7519); refresh tokens are signed, not stored."""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import jwt
from msgspec import Struct

from tertulia.domain.errors import InvalidToken
from tertulia.domain.ids import MAX_ID, SessionId, UserId

LONGEST = 4096
"""Characters of a token that are looked at at all."""


class Claims(Struct, frozen=True):
    """What an access token says. Whether the login still stands, the store knows."""

    user_id: UserId
    session_id: SessionId
    expires_at: datetime


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
    ) -> None:
        self._secret, self._algorithm = secret, algorithm
        self._refresh_key = hmac.digest(secret.encode(), b"tertulia refresh token", sha256)
        self.access_lifetime, self.refresh_lifetime = access_lifetime, refresh_lifetime

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
        """Raises InvalidToken: for a wrong signature, another algorithm, a missing claim, an expired one."""
        if len(token) > LONGEST:
            raise InvalidToken
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[self._algorithm],
                options={"require": ["exp", "sub", "sid"], "verify_aud": False},
            )
        except (jwt.InvalidTokenError, ValueError):
            raise InvalidToken from None
        user_id, session_id = claims["sub"], claims["sid"]
        if claims.get("type") != "access" or not isinstance(session_id, str):
            raise InvalidToken
        if not (user_id.isascii() and user_id.isdigit() and len(user_id) <= 19 and 0 < int(user_id) <= MAX_ID):
            raise InvalidToken
        return Claims(UserId(int(user_id)), SessionId(session_id), datetime.fromtimestamp(claims["exp"], UTC))

    def refresh_token(self, session_id: SessionId, generation: int) -> str:
        body = f"{session_id}.{generation}"
        signature = urlsafe_b64encode(hmac.digest(self._refresh_key, body.encode(), sha256)).decode().rstrip("=")
        return f"{body}.{signature}"

    def read_refresh_token(self, token: str) -> tuple[SessionId, int]:
        """Whose it is, and of which generation. Raises InvalidToken."""
        session_id, _, rest = token.partition(".")
        number = rest.partition(".")[0]
        if len(token) > LONGEST or not (number.isascii() and number.isdigit() and len(number) <= 9):
            raise InvalidToken
        expected = self.refresh_token(SessionId(session_id), int(number))
        if not hmac.compare_digest(expected.encode("utf-8", "replace"), token.encode("utf-8", "replace")):
            raise InvalidToken
        return SessionId(session_id), int(number)
