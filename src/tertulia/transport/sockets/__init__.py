"""WebSockets, of two kinds with one behaviour: our own under uvicorn (no task, no queue), and any ASGI server's."""

from tertulia.transport.sockets.asgi import SocketEndpoint
from tertulia.transport.sockets.http_protocol import HttpProtocol
from tertulia.transport.sockets.keepalive import Sockets
from tertulia.transport.sockets.limits import SocketLimits
from tertulia.transport.sockets.websocket import WebSocket

__all__ = ["HttpProtocol", "SocketEndpoint", "SocketLimits", "Sockets", "WebSocket"]
