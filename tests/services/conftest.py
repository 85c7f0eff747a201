"""Services are tested over a real store, on each engine."""

from collections.abc import AsyncIterator

import pytest

from scene import Scene, scene_on


@pytest.fixture
async def scene(database_url: str) -> AsyncIterator[Scene]:
    async with scene_on(database_url) as scene:
        yield scene
