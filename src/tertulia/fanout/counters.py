"""Counters: what the fan-out counts of itself, as plain numbers for the metrics page."""


class Counters:
    """Since this node started. *deliveries*: events × sockets; the rest is explained where it is counted."""

    __slots__ = (
        "announced",
        "catch_ups",
        "deliveries",
        "doubled",
        "early",
        "failed_reads",
        "fetched",
        "filled",
        "jumped",
        "lagging",
        "log_pages",
        "moves",
        "slow_closed",
    )

    def __init__(self) -> None:
        self.deliveries = 0
        """Durable events, each counted for every socket it was written to."""
        self.announced = 0
        """Ephemeral events, counted for every socket."""
        self.moves = 0
        """Positions, counted for every socket that was told."""
        self.doubled = 0
        """Events that a feed had already: the echo of one's own, or published twice."""
        self.early = 0
        """Times that something came before what is due before it."""
        self.fetched = 0
        """Reads of the log that mend a hole."""
        self.filled = 0
        """Events that came by such a read."""
        self.jumped = 0
        """Holes too wide to mend: subscribers read the log themselves."""
        self.lagging = 0
        """Times that a socket stopped reading."""
        self.catch_ups = 0
        """Subscriptions that were behind and are live again."""
        self.log_pages = 0
        """Pages of the log read for those who are behind."""
        self.failed_reads = 0
        """Questions to the store without an answer; they are asked again."""
        self.slow_closed = 0
        """Sockets closed for having read nothing for too long."""
