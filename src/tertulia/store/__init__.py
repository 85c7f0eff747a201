"""Stage 4, what is remembered: the only SQL there is, for SQLite and PostgreSQL alike."""

from tertulia.store.engine import Store
from tertulia.store.log import log_page, scrub
from tertulia.store.migrate import SchemaTooNew, SchemaTooOld, migrate
from tertulia.store.work import Committed, Post, Reader, Work

__all__ = [
    "Committed",
    "Post",
    "Reader",
    "SchemaTooNew",
    "SchemaTooOld",
    "Store",
    "Work",
    "log_page",
    "migrate",
    "scrub",
]
