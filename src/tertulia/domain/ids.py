"""Ids: whole numbers from 1 to 2^63 - 1, each kind a type of its own."""

from typing import NewType

MAX_ID = 2**63 - 1

UserId = NewType("UserId", int)
RoomId = NewType("RoomId", int)
MessageId = NewType("MessageId", int)
ObjectId = NewType("ObjectId", int)
ToolUseId = NewType("ToolUseId", int)
Seq = NewType("Seq", int)
"""Place of a durable event in its room's log: 1, 2, 3, … without gaps."""

SessionId = NewType("SessionId", str)
"""A login. Opaque, URL-safe; carried by its access tokens as the claim `sid`."""

EVERYTHING_BEFORE = Seq(0)
STARTER_ROOM = RoomId(1)
EVERYWHERE = RoomId(0)
"""No room but the whole server, for what is told of a user wherever they are."""
