"""The tools that ship: a row for each."""

from collections.abc import Mapping
from typing import Any

from tertulia.services.tools.jukebox import JUKEBOX
from tertulia.services.tools.notice_board import NOTICE_BOARD
from tertulia.services.tools.use import ShippedTool
from tertulia.services.tools.whiteboard import WHITEBOARD

Shipped = Mapping[str, ShippedTool[Any]]

SHIPPED: Shipped = {
    tool.name: tool
    for tool in (
        JUKEBOX,
        NOTICE_BOARD,
        WHITEBOARD,
    )
}
