"""The entrance: which path of a socket speaks which dialect, and who is turned away at the door."""

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from tertulia.domain.ids import UserId
from tertulia.protocol.dialect import Catalogue, CloseReason, Dialect, read_id
from tertulia.protocol.socket import Accepted, Receiver, Refused, Socket, Upgrade
from tertulia.transport.credentials import BEARER, credential_of
from tertulia.transport.edge import Origins
from tertulia.transport.session import Lobby, SocketSession

NOT_FOUND = Refused(404)


class Endpoint(Struct, frozen=True):
    """A path that speaks a dialect. *address*: the path, with `{user_id}` where it names whose socket it is, or any other
    name in brackets for the room that the socket is of. *dialects*: by subprotocol, the server's favourite first; None for a client
    that names none of them. *in_band*: the token may come in the first frame. *summary*: for `/asyncapi`."""

    address: str
    dialects: Mapping[str | None, Dialect]
    in_band: bool = False
    summary: str = ""


class Plain(Struct, frozen=True):
    """A path whose sockets need no account: whoever comes gets a receiver of their own."""

    address: str
    receiver: Callable[[], Receiver]
    catalogue: Catalogue
    max_message: int | None = None
    summary: str = ""


class TurnedAway:
    """The receiver of a socket that is not welcome where no dialect could say so."""

    def __init__(self, reason: str = "Not allowed") -> None:
        self._reason = reason

    def on_open(self, socket: Socket) -> None:
        socket.close(1008, self._reason)

    def on_text(self, text: str) -> None: ...
    def on_binary(self, data: bytes) -> None: ...
    def on_close(self, code: int, reason: str) -> None: ...
    def on_pause(self) -> None: ...
    def on_resume(self) -> None: ...


class Entrance:
    """An `Accept`: decides on each upgrade. A refusal is accepted and then closed, so that a page can read why."""

    def __init__(
        self, lobby: Lobby, origins: Origins, endpoints: Sequence[Endpoint], plain: Sequence[Plain] = ()
    ) -> None:
        self._lobby, self._origins = lobby, origins
        self._endpoints = [(_pattern(one.address), one) for one in endpoints]
        self._plain = [(_pattern(one.address), one) for one in plain]

    def __call__(self, upgrade: Upgrade, /) -> Accepted | Refused:
        path = upgrade.path.rstrip("/") or "/"
        is_welcome = self._origins.admit(upgrade.header("origin"), upgrade.header("host"))
        for pattern, plain in self._plain:
            if pattern.fullmatch(path):
                return Accepted(plain.receiver() if is_welcome else TurnedAway(), max_message=plain.max_message)
        for pattern, endpoint in self._endpoints:
            if found := pattern.fullmatch(path):
                return self._seat(endpoint, found, upgrade, is_welcome=is_welcome)
        return NOT_FOUND

    def _seat(self, endpoint: Endpoint, found: re.Match[str], upgrade: Upgrade, *, is_welcome: bool) -> Accepted:
        subprotocol, dialect = _choose(endpoint.dialects, upgrade.subprotocols())
        named = found.groupdict()
        room_name = next((text for name, text in named.items() if name != "user_id"), None)
        room_id = None if room_name is None else dialect.read_room_id(room_name)
        user_id = UserId(read_id(named["user_id"])) if "user_id" in named else None
        refusal = None
        if not is_welcome:
            refusal = CloseReason.FORBIDDEN
        elif room_name is not None and room_id is None:
            refusal = CloseReason.NO_SUCH_ROOM
        session = SocketSession(
            self._lobby,
            dialect,
            credential_of(upgrade),
            room_id=room_id,
            user_id=user_id,
            in_band=endpoint.in_band,
            address=upgrade.client[0] if upgrade.client else "",
            refusal=refusal,
        )
        return Accepted(session, subprotocol)


def _choose(dialects: Mapping[str | None, Dialect], offered: Sequence[str]) -> tuple[str | None, Dialect]:
    for subprotocol, dialect in dialects.items():
        if subprotocol in offered:
            return subprotocol, dialect
    return (BEARER if BEARER in offered[:-1] else None), dialects[None]


def _pattern(address: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", address))
