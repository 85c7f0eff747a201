"""The command line, as a person at a terminal has it."""

import os
import socket
import subprocess
import sys
import urllib.request

import psycopg
import pytest

from serving import Server
from tertulia import __version__
from tertulia.settings import Settings


@pytest.fixture
def tertulia(tmp_path):
    """Runs the command in an empty folder."""
    bare = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}

    def run(*arguments, stdin="", **settings):
        return subprocess.run(
            [sys.executable, "-m", "tertulia", *arguments],
            cwd=tmp_path,
            env={**bare, **settings},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run


def test_version_is_told(tertulia):
    assert tertulia("version").stdout.strip() == __version__


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["create-admin", "ada"]])
def test_an_invalid_setting_stops_the_start_with_one_line_and_code_2(tertulia, command):
    done = tertulia(*command, PORT="abc", SECRET_KEY="hunter2")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("tertulia: PORT 'abc': ")
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr


def test_a_database_address_that_means_nothing_is_one_line_and_code_2(tertulia):
    done = tertulia("migrate", DATABASE_URL="sqlite://")
    assert done.returncode == 2
    assert done.stderr.startswith("tertulia: DATABASE_URL: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line(tertulia, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = tertulia("serve", "--port", str(port))
    assert done.returncode == 1
    assert (
        done.stderr
        == f"tertulia: Cannot listen on 127.0.0.1 port {port}: address already in use (settings HOST, PORT)\n"
    )
    assert not (tmp_path / "data/tertulia.db").exists()


def test_a_database_that_is_away_is_one_line_without_its_password(tertulia):
    done = tertulia("migrate", DATABASE_URL="postgresql://ada:hunter2@127.0.0.1:1/db")
    assert done.returncode == 1
    assert done.stderr.startswith("tertulia: ")
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr


def test_migrate_makes_and_keeps_a_database(tertulia, sqlite_url):
    first, second = tertulia("migrate", DATABASE_URL=sqlite_url), tertulia("migrate", DATABASE_URL=sqlite_url)
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert first.stderr == ""


def test_a_server_refuses_an_unmigrated_postgresql_by_saying_what_to_run(tertulia, pg_server):
    with psycopg.connect(pg_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare")
    try:
        done = tertulia("serve", "--port", "0", DATABASE_URL=pg_server.replace("/postgres?", "/bare?"))
    finally:
        with psycopg.connect(pg_server, autocommit=True) as connection:
            connection.execute("DROP DATABASE bare WITH (FORCE)")
    assert done.returncode == 3
    assert "tertulia migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_administrator_is_made_from_the_standard_input(tertulia, database_url):
    for _ in range(2):  # and one who is there stays one
        done = tertulia("create-admin", "ada", stdin="a long enough passphrase\n", DATABASE_URL=database_url)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "ada is an administrator.\n"


def test_a_server_starts_serves_and_stops(tmp_path):
    with Server(tmp_path) as server:
        with urllib.request.urlopen(f"{server.url}/docs?token=hunter2hunter2") as page:
            assert page.status == 200
        server.terminate()
    assert "Listening on" in server.log()
    assert "Traceback" not in server.log()
    assert "hunter2" not in server.log()


def test_a_killed_server_comes_back_on_its_port(tmp_path):
    with Server(tmp_path) as server:
        secret = (tmp_path / "data/secret_key").read_text()
        server.kill()
        server.start()
        assert (tmp_path / "data/secret_key").read_text() == secret
