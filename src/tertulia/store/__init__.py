"""Stage 4, what is remembered: the only SQL there is, for SQLite and PostgreSQL alike."""

from tertulia.store.engine import Store
from tertulia.store.log import list_versions, log_page, scrub
from tertulia.store.migrate import SchemaTooNew, SchemaTooOld, migrate
from tertulia.store.work import Committed, Mentions, Post, Reader, Work

__all__ = [
    "Committed",
    "Mentions",
    "Post",
    "Reader",
    "SchemaTooNew",
    "SchemaTooOld",
    "Store",
    "Work",
    "list_versions",
    "log_page",
    "migrate",
    "scrub",
]
