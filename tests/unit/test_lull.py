"""Rests of the loop while steps come by the thousand."""

import asyncio
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest

from fanout_world import World, until
from tertulia.fanout.lull import BUSY, REST, Lull


async def turns(lull, *steps):
    """So many steps come in, turn by turn of the loop."""
    for count in steps:
        for _ in range(count):
            lull.step()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.fixture
def rests():
    return []


@pytest.fixture
def lull(rests):
    """On a loop that has just begun, and has time."""
    lull = Lull(rests.append, spent=lambda: 0.0)
    lull.look(0.0)
    return lull


async def test_there_is_one_rest_a_turn_when_there_are_many_steps_a_second(lull, rests):
    await turns(lull, 100)
    lull.look(100 / BUSY)
    assert rests == []

    await turns(lull, 1, 0, 19, 2)
    assert rests == [REST] * 3
    lull.look(1.0)
    await turns(lull, 1)
    assert rests == [REST] * 3


async def test_a_loop_that_has_no_time_does_not_rest(lull, rests):
    worked = iter([0.0, 0.08, 0.1])
    lull = Lull(rests.append, spent=lambda: next(worked))
    lull.look(0.0)
    for now in (0.1, 0.2):
        await turns(lull, 1000)
        lull.look(now)
        assert rests == []
    await turns(lull, 1)
    assert rests == [REST]


async def test_nobody_who_waits_for_something_else_is_made_to_wait(lull, rests):
    await turns(lull, 1000)
    lull.look(0.1)
    lull.is_awaited = lambda: True
    await turns(lull, 1)
    assert rests == []


class Slow:
    """A space that takes long to tell, and always has something to tell."""

    room_id = 1

    def __init__(self):
        self.told = []
        self.outbox = {}
        self.sights = SimpleNamespace(tick=self._tick, is_settled=False)

    def _tick(self, at):
        began = time.monotonic()
        time.sleep(0.1)
        self.told.append((began, time.monotonic()))


async def test_who_takes_long_to_tell_rests_as_long():
    spaces, space = World().hub.spaces, Slow()
    spaces._spaces[1] = space
    spaces._wake(space)
    await until(lambda: len(space.told) > 3)
    await spaces.stop()
    rests = [later[0] - earlier[1] for earlier, later in pairwise(space.told)]
    assert min(rests) > 0.09
