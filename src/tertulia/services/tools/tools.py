"""Using a tool: may it be done, what does it change, and the log of all that was done."""

from tertulia.domain import commands as c
from tertulia.domain.models import Actor, Page, ToolUse
from tertulia.services.floors import Floors, NoFloors
from tertulia.store import Reader, Store, Work


class Tools:
    def __init__(self, store: Store, floors: Floors | None = None) -> None:
        self._store = store
        self._floors = floors or NoFloors()

    def use_tool(self, command: c.UseTool, actor: Actor, work: Work) -> c.ToolResult:
        raise NotImplementedError

    def list_uses(self, command: c.ListToolUses, actor: Actor, reader: Reader) -> Page[ToolUse]:
        raise NotImplementedError

    async def free_seat(self, command: c.FreeSeat, actor: Actor | None) -> None:
        raise NotImplementedError
