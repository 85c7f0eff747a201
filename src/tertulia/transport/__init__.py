"""Stage 1, bytes to frames and back: ASGI, sockets, errors of HTTP, who may enter, pages, health."""
