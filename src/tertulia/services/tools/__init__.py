"""Tools: what people do with the things that stand in a space."""

from tertulia.services.tools.tools import Tools

__all__ = ["Tools"]
