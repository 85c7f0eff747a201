"""The echo gives back what it gets, as fast as it is allowed to."""

from loopback import masked, serving, text
from tertulia.protocol.session import Pace
from tertulia.transport.echo import EchoReceiver


def test_text_and_binary_come_back_as_they_came() -> None:
    with serving("own", EchoReceiver) as site, site.peer() as peer:
        peer.open().send(text("hola ñ") + masked(0x82, bytes(300)) + text(""))
        assert peer.message() == "hola ñ"
        assert peer.frame() == (0x82, bytes(300))
        assert peer.message() == ""


def test_who_sends_faster_than_the_pace_is_closed() -> None:
    with serving("own", lambda: EchoReceiver(Pace(rate=0.001, burst=3), now=lambda: 0.0)) as site, site.peer() as peer:
        peer.open().send(text("x") * 4)
        assert [peer.message() for _ in range(3)] == ["x"] * 3
        assert peer.close_frame() == (1008, "too many frames")
