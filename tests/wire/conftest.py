"""Fixtures of the black-box tests: a real server process, and people with sockets."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from drivers import Client, Person, sign_up
from serving import Server

_names = itertools.count(1)


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for a module's tests; they keep out of each other's way by users and rooms of their own."""
    with Server(tmp_path_factory.mktemp("server"), kind=getattr(request, "param", "own")) as running:
        yield running


class People:
    """Makes users whose names begin as asked, and hangs up all their sockets at the end."""

    def __init__(self, base: str) -> None:
        self.base, self.clients = base, []

    async def __call__(self, name: str) -> Person:
        return await sign_up(self.base, f"{name}{next(_names)}")

    def keep(self, client: Client) -> Client:
        self.clients.append(client)
        return client

    async def join(self, driver: type[Client], name: str, room_id: int = 1, **options) -> Client:
        return self.keep(await driver.open(await self(name), room_id, **options))


@pytest_asyncio.fixture
async def people(server: Server) -> AsyncIterator[People]:
    people = People(server.url)
    yield people
    for client in people.clients:
        await client.close()
