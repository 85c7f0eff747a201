from pathlib import Path

import pytest

from tertulia.store.urls import PostgresUrl, SqliteUrl, parse_url


@pytest.mark.parametrize("driver", ["", "+aiosqlite", "+pysqlite"])
@pytest.mark.parametrize("path", ["app.db", "./app.db", "/var/lib/app.db"])
def test_every_spelling_of_a_sqlite_file_is_its_path(driver: str, path: str):
    assert parse_url(f"sqlite{driver}:///{path}") == SqliteUrl(Path(path))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_goes_to_our_driver(scheme: str):
    found = parse_url(f"{scheme}://ana:se%40cret@db.example:5433/chat?sslmode=require")
    assert isinstance(found, PostgresUrl)
    assert found.url.render_as_string(hide_password=False) == "postgresql+asyncpg://ana:se%40cret@db.example:5433/chat"
    assert found.connect_args["ssl"] == "require"


def test_a_socket_s_folder_can_be_the_host():
    found = parse_url("postgresql:///chat?host=/run/postgresql&user=ana&port=5433&connect_timeout=7&application_name=x")
    assert isinstance(found, PostgresUrl)
    assert (found.url.username, found.url.port, found.url.database) == ("ana", 5433, "chat")
    assert (found.connect_args["host"], found.connect_args["timeout"]) == ("/run/postgresql", 7.0)
    assert found.connect_args["server_settings"]["application_name"] == "x"


@pytest.mark.parametrize(
    "url",
    ["", "chat.db", "sqlite://", "sqlite:///:memory:", "mysql://ana:secret@db/chat", "postgresql://u:secret@db/c?a=b"],
)
def test_what_can_not_be_used_is_refused_in_a_sentence_without_secrets(url: str):
    with pytest.raises(ValueError) as refusal:
        parse_url(url)
    assert "secret" not in str(refusal.value)
