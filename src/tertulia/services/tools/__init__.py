"""Tools: what people do with the things that stand in a space."""

from tertulia.services.tools.metadata import check_actions, take_metadata
from tertulia.services.tools.tools import Tools

__all__ = ["Tools", "check_actions", "take_metadata"]
