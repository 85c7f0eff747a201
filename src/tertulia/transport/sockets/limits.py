"""What a peer may cost the server: sizes in bytes, times in seconds."""

from msgspec import Struct

BYTES_PER_FRAGMENT = 64
"""A message may have one fragment for each so many bytes that it might have had: empty fragments weigh too."""


class SocketLimits(Struct, frozen=True, kw_only=True):
    """The deadlines are kept by one sweep over all connections: they may pass by up to one *sweep_every* later."""

    max_sockets: int = 50_000
    max_message: int = 65_536
    high_water: int = 65_536
    """Waiting to be sent, beyond what the kernel holds, before a receiver is told to pause."""

    unsent: int = 131_072
    """Waiting in the kernel, unsent, before it takes no more."""

    ping_after: float = 20.0
    silent_after: float = 60.0
    stalled_after: float = 20.0
    """How long a peer may leave us above the high-water mark."""
    unfinished_after: float = 10.0
    """How long a message may take to come in, beyond what *slowest_rate* allows for its size."""
    unacked_after: float = 30.0
    """How long the kernel lets sent bytes go unacknowledged, or the peer's window stay shut."""
    close_wait: float = 5.0
    """For the peer's Close, or for ours to go out, before the connection is dropped."""
    fail_wait: float = 1.0
    """The same after a fault of the peer's."""

    head_after: float = 10.0
    idle_after: float = 30.0
    """How long a connection may be open before the first byte of its first request."""
    body_after: float = 10.0
    """As *unfinished_after*, for the body of a request."""
    slowest_rate: int = 1_024
    """Bytes a second that earn a body or a message more time."""
    max_head: int = 65_536
    max_pipelined: int = 32

    sweep_every: float = 2.0
