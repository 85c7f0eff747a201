"""Pins: messages that a room keeps at hand."""

from tertulia.domain import commands as c
from tertulia.domain.ids import Seq
from tertulia.domain.models import Actor, Message
from tertulia.store import Reader, Work


class Pins:
    def pin(self, command: c.PinMessage, actor: Actor, work: Work) -> Seq:
        raise NotImplementedError

    def unpin(self, command: c.UnpinMessage, actor: Actor, work: Work) -> Seq:
        raise NotImplementedError

    def list_pins(self, command: c.ListPins, actor: Actor, reader: Reader) -> list[Message]:
        raise NotImplementedError
