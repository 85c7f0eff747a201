"""Credentials: where a socket's upgrade says who it is, in the order in which the places are looked at."""

from enum import Enum

from msgspec import Struct

from tertulia.protocol.socket import Upgrade

BEARER = "bearer"


class Kind(Enum):
    TOKEN = "token"
    TICKET = "ticket"


class Credential(Struct, frozen=True):
    kind: Kind
    secret: str


def credential_of(upgrade: Upgrade) -> Credential | None:
    """`Authorization: Bearer`, `?token=`, `?ticket=`, the subprotocol pair `bearer, TOKEN`; None without any."""
    scheme, _, token = (upgrade.header("authorization") or "").partition(" ")
    if scheme.lower() == BEARER and token.strip():
        return Credential(Kind.TOKEN, token.strip())
    if by_query := upgrade.parameter("token"):
        return Credential(Kind.TOKEN, by_query)
    if ticket := upgrade.parameter("ticket"):
        return Credential(Kind.TICKET, ticket)
    offered = upgrade.subprotocols()
    if BEARER in offered[:-1]:
        return Credential(Kind.TOKEN, offered[offered.index(BEARER) + 1])
    return None
