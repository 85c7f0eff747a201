"""cafe, the native dialect: sockets at `/api/v1/ws`, REST under `/api/v1`."""

from tertulia.dialects.cafe.rest import router
from tertulia.dialects.cafe.socket import CafeDialect, cafe_dialects

__all__ = ["CafeDialect", "cafe_dialects", "router"]
