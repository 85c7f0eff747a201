"""The servers that the other tests stand on."""

import psycopg
import redis

from servers import postgres, valkey


def test_a_database_is_fresh_and_can_be_written(pg_url):
    with psycopg.connect(pg_url) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        connection.execute("INSERT INTO mine VALUES (1)")


def test_another_database_knows_nothing_of_it(pg_url):
    with psycopg.connect(pg_url) as connection:
        assert connection.execute("SELECT to_regclass('mine')").fetchone() == (None,)


def test_a_killed_postgres_comes_back_with_its_data():
    with postgres(fsync="on") as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (id int)")
        server.kill()
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_killed_valkey_comes_back_on_its_port(redis_url):
    with valkey() as server:
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
    assert server.url != redis_url
