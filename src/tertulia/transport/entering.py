"""Entering: how a room's log goes on for who enters it, who they are to the others, and why one is turned away."""

from tertulia.domain import commands as c
from tertulia.domain import errors as e
from tertulia.domain.models import Occupant
from tertulia.fanout import Connection, Spot
from tertulia.protocol.dialect import CloseReason, Resume

REASONS: tuple[tuple[type[e.TertuliaError], CloseReason], ...] = (
    (e.MissingToken, CloseReason.MISSING_TOKEN),
    (e.Unauthenticated, CloseReason.INVALID_TOKEN),
    (e.NoSuchRoom, CloseReason.NO_SUCH_ROOM),
    (e.NotAMember, CloseReason.NOT_A_MEMBER),
    (e.Banned, CloseReason.NOT_A_MEMBER),
    (e.Forbidden, CloseReason.FORBIDDEN),
    (e.Unavailable, CloseReason.OVERLOADED),
    (e.TooFast, CloseReason.TOO_FAST),
)
"""Why a socket is hung up on when what it was opened for is refused."""


def reason_for(error: e.TertuliaError) -> CloseReason:
    return next((reason for family, reason in REASONS if isinstance(error, family)), CloseReason.FAULT)


def how_to_go_on(command: c.EnterRoom, snapshot: c.Snapshot) -> Resume:
    if command.from_stay:
        return Resume.RESUMED
    if command.after is None:
        return Resume.FRESH
    if not snapshot.since <= command.after <= snapshot.seq or command.epoch not in (None, snapshot.epoch):
        return Resume.RESET  # another log than the one the client knows: a restored backup
    return Resume.RESUMED


def occupant(connection: Connection, status: str, spot: Spot | None) -> Occupant:
    """Somebody who is about to be in a room."""
    actor = connection.actor
    if spot is None:
        return Occupant(user_id=actor.user_id, username=actor.username, status=status)
    return Occupant(
        user_id=actor.user_id,
        username=actor.username,
        x=spot.x,
        y=spot.y,
        direction=spot.direction,
        status=status,
        last_seen=spot.last_seen,
    )
