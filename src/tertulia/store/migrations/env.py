"""Alembic's entry: runs migrations over the connection it is given, or, for developers, against a scratch database."""

import os
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import BigInteger, Connection, create_engine

from tertulia.store.tables import Json, Moment, metadata


def render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Our own types by their names."""
    if kind != "type":
        return False
    if isinstance(item, Moment | Json):
        autogen_context.imports.add(f"from tertulia.store.tables import {type(item).__name__}")
        return f"{type(item).__name__}()"
    if isinstance(item, BigInteger) and item._variant_mapping:  # noqa: SLF001 (nothing public says it)
        autogen_context.imports.add("from tertulia.store.tables import Id")
        return "Id"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_item,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    url = os.environ.get("TERTULIA_SCRATCH_DATABASE", "sqlite:///scratch.db")
    with create_engine(url).connect() as scratch:
        run(scratch)
