"""All dialects' drivers: a client of each kind that meets the others in one room."""

from driver_conversations import Conversations
from driver_direct import Direct
from driver_rooms import Rooms, RoomsOne

from drivers import Cafe, CafeMsgpack, CafeV1, Client, Simple

DRIVERS: list[type[Client]] = [Cafe, CafeV1, CafeMsgpack, Simple, Conversations, Direct, Rooms, RoomsOne]
