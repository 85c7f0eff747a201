"""A message sent as a part of a work, on either engine: by the very code that sends runs of them."""

from typing import Any, cast

from tertulia.domain.commands import SendResult
from tertulia.domain.errors import TertuliaError
from tertulia.store.post_batch import POST_BATCH, arguments, outcome_of
from tertulia.store.posts import apply_posts
from tertulia.store.work import Post, Work, note_write


def post_now(work: Work, post: Post) -> SendResult:
    """Raises what a post is refused for."""
    work.lock(post.room_id)
    outcome = _on_postgres(work, post) if work.sql.dialect.name == "postgresql" else _on_sqlite(work, post)
    if isinstance(outcome, TertuliaError):
        raise outcome
    note_write(work.sql)
    return outcome


def _on_postgres(work: Work, post: Post) -> SendResult | TertuliaError:
    # A nonce of ours, as for posts in batches, is not needed: the work as a whole is never committed twice.
    values = tuple(arguments([post], cast("list[str]", [post.nonce]), work.now))
    outcome, event = outcome_of(post, work.sql.exec_driver_sql(POST_BATCH, values).one(), work.now)
    if event is not None:
        work.committed.events.append(event)
    return outcome


def _on_sqlite(work: Work, post: Post) -> SendResult | TertuliaError:
    raw: Any = work.sql.connection.dbapi_connection
    [outcome], events = apply_posts(raw, [post], work.now, with_care=True)
    work.committed.events += events
    return outcome
