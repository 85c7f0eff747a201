"""simple: one socket, one room, at `/api/v1/ws/{room_id}`. Its REST is cafe's."""

from tertulia.dialects.simple.socket import SimpleDialect

__all__ = ["SimpleDialect"]
