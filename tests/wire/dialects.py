"""All dialects' drivers: a client of each kind that meets the others in one room."""

import itertools

from driver_conversations import Conversations
from driver_direct import Direct
from driver_rooms import Rooms, RoomsOne
from drivers import Cafe, CafeMsgpack, CafeV1, Client, Simple

DIALECTS: list[type[Client]] = [Cafe, Simple, Rooms, Conversations, Direct]
VARIANTS: list[type[Client]] = [CafeV1, CafeMsgpack, RoomsOne]
"""Other sockets and encodings of these."""
DRIVERS = DIALECTS + VARIANTS
PAIRS = [
    *itertools.product(DIALECTS, repeat=2),
    *((Cafe, variant) for variant in VARIANTS),
    *((variant, Cafe) for variant in VARIANTS),
]
