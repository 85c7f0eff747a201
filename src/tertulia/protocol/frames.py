"""Frames as bytes: what a server writes on a WebSocket (RFC 6455 §5.2), built once and sent to many."""


def text_frame(payload: bytes) -> bytes:
    return _frame(0x81, payload)


def binary_frame(payload: bytes) -> bytes:
    return _frame(0x82, payload)


def ping_frame(payload: bytes = b"") -> bytes:
    return _frame(0x89, payload)


def pong_frame(payload: bytes) -> bytes:
    return _frame(0x8A, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """*reason* is cut to the 123 bytes that fit, on a whole character. 1005 ("no code") gives an empty Close."""
    if code == 1005:
        return _frame(0x88, b"")
    cut = reason.encode()[:123].decode("utf-8", "ignore").encode()
    return _frame(0x88, code.to_bytes(2, "big") + cut)


def _frame(first: int, payload: bytes) -> bytes:
    n = len(payload)
    if n < 126:
        return bytes((first, n)) + payload
    if n < 65536:
        return bytes((first, 126)) + n.to_bytes(2, "big") + payload
    return bytes((first, 127)) + n.to_bytes(8, "big") + payload
