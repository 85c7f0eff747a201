"""Stage 5, who hears it: feeds, connections, occupancy, and the backplane between nodes."""

from tertulia.fanout.backplane import Backplane
from tertulia.fanout.catchup import LogReader
from tertulia.fanout.connection import Connection
from tertulia.fanout.hub import Hub
from tertulia.fanout.local import LocalBackplane
from tertulia.fanout.occupancy import Spot
from tertulia.fanout.redis import RedisBackplane
from tertulia.fanout.rooms import Pacing
from tertulia.fanout.spaces import Spacing

__all__ = [
    "Backplane",
    "Connection",
    "Hub",
    "LocalBackplane",
    "LogReader",
    "Pacing",
    "RedisBackplane",
    "Spacing",
    "Spot",
]
