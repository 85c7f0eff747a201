"""Database addresses: every usual spelling, mapped to the drivers that we use."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_CONNECT = {"sslmode": "ssl", "ssl": "ssl", "connect_timeout": "timeout", "passfile": "passfile"}


@dataclass(frozen=True)
class SqliteUrl:
    path: Path


@dataclass(frozen=True)
class PostgresUrl:
    url: URL
    connect_args: dict[str, Any]


def parse_url(text: str) -> SqliteUrl | PostgresUrl:
    """`sqlite:///relative`, `sqlite:////absolute`, `postgres://…`, `postgresql://…`, each also with a driver's name.

    Raises ValueError, with a sentence that does not contain the password.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("The database URL can not be understood: sqlite:///PATH or postgresql://…") from None
    match url.drivername.partition("+")[0]:
        case "sqlite":
            if not url.database or url.database == ":memory:":
                raise ValueError("A SQLite database needs a file: sqlite:///PATH")
            return SqliteUrl(Path(url.database))
        case "postgresql" | "postgres":
            return _postgres(url)
        case other:
            raise ValueError(f"The database {other} is not supported: use sqlite:///PATH or postgresql://…")


def _postgres(url: URL) -> PostgresUrl:
    query = dict(url.query)
    connect_args: dict[str, Any] = {"timeout": 3, "command_timeout": 10, "server_settings": {}}
    for name, ours in _CONNECT.items():
        if (value := query.pop(name, None)) is not None:
            connect_args[ours] = float(str(value)) if ours == "timeout" else value
    connect_args["server_settings"]["application_name"] = str(query.pop("application_name", "tertulia"))
    url = url.set(drivername="postgresql+asyncpg", query={})
    for part in ("user", "password", "port", "host", "dbname"):
        if (value := query.pop(part, None)) is None:
            continue
        if part == "host":
            connect_args["host"] = value
        else:
            field = {"user": "username", "dbname": "database"}.get(part, part)
            url = url.set(**{field: int(str(value)) if part == "port" else str(value)})  # type: ignore[arg-type]
    if query:
        raise ValueError(f"Unknown in the database URL: {', '.join(sorted(query))}")
    return PostgresUrl(url, connect_args)
