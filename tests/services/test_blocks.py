"""Blocks: who closes what to whom, and what they ask of nobody."""

import asyncio

import pytest

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import Blocked, Invalid, NoSuchUser, TooMany
from tertulia.domain.events import BlocksChanged
from tertulia.services import blocks
from tertulia.services.blocks import Blocks
from tertulia.store import Store
from tertulia.store.blocks import are_apart, blocked_by, blockers_among, forget_blocks


def block(other):
    return c.BlockUser(user_id=other.user_id)


def unblock(other):
    return c.UnblockUser(user_id=other.user_id)


def hello(room):
    return c.SendMessage(room_id=room.id, content="Hello")


async def names(scene, actor):
    return [user.username for user in await scene.do(actor, c.ListBlocked())]


def notices(scene):
    return [notice for committed in scene.heard for notice in committed.notices if isinstance(notice, BlocksChanged)]


@pytest.fixture
async def three(scene: Scene):
    return [await scene.user(name) for name in ("ana", "ben", "cleo")]


async def test_the_blocked_are_listed_the_latest_first_and_once(scene, three):
    ana, ben, cleo = three
    for other in (ben, cleo, ben):
        await scene.do(ana, block(other))
    assert await names(scene, ana) == ["cleo", "ben"]
    assert await names(scene, ben) == []
    assert notices(scene) == [BlocksChanged(user_id=ana.user_id)] * 2
    await scene.do(ana, unblock(cleo))
    await scene.do(ana, unblock(cleo))
    assert await names(scene, ana) == ["ben"]
    assert len(notices(scene)) == 3


async def test_nobody_blocks_themselves_or_somebody_who_is_not_there(scene, three):
    ana = three[0]
    for command in (c.BlockUser, c.UnblockUser):
        await scene.refuses(Invalid, ana, command(user_id=ana.user_id))
        for user_id in (99, 2**63 - 1):
            await scene.refuses(NoSuchUser, ana, command(user_id=user_id))


async def test_there_is_a_most_of_them(scene, three, monkeypatch):
    monkeypatch.setattr(blocks, "MOST_BLOCKED", 1)
    ana, ben, cleo = three
    await scene.do(ana, block(ben))
    await scene.do(ana, block(ben))
    await scene.refuses(TooMany, ana, block(cleo))


async def test_a_block_closes_the_room_of_the_two_to_both_until_neither_blocks(scene, three):
    ana, ben, cleo = three
    room = await scene.do(ana, c.OpenDirect(user_id=ben.user_id))
    other = await scene.do(ana, c.OpenDirect(user_id=cleo.user_id))
    [said] = await scene.say(ben, room, "Hi")
    head = len(await scene.log(room.id))
    await scene.do(ana, block(ben))
    await scene.do(ben, block(ana))
    for actor in (ana, ben):
        await scene.refuses(Blocked, actor, hello(room))
        assert [one.id for one in (await scene.do(actor, c.ListMessages(room_id=room.id))).items] == [said.message_id]
    await scene.say(ana, other, "Hello")
    await scene.do(ana, unblock(ben))
    await scene.refuses(Blocked, ana, hello(room))
    await scene.do(ben, unblock(ana))
    assert len(await scene.log(room.id)) == head  # whoever blocks whom is in no log
    await scene.say(ana, room, "Hello")


async def test_a_block_before_there_is_a_room_keeps_it_from_being_made(scene, three):
    ana, ben, _ = three
    await scene.do(ana, block(ben))
    for actor, other in ((ana, ben), (ben, ana)):
        await scene.refuses(Blocked, actor, c.OpenDirect(user_id=other.user_id))
    await scene.do(ana, unblock(ben))
    room = await scene.do(ben, c.OpenDirect(user_id=ana.user_id))
    await scene.say(ana, room, "Hello")


async def test_a_block_at_the_moment_a_room_is_made_holds_for_it(scene, three, database_url):
    """On two nodes, many times over: whoever is first, afterwards either there is no room, or it is closed."""
    store = Store.open(database_url, clock=scene.clock)
    await store.start(migrate=False)
    ana = three[0]
    try:
        for number in range(12):
            other = await scene.user(f"other{number}")
            made, _ = await asyncio.gather(
                scene.do(other, c.OpenDirect(user_id=ana.user_id)),
                store.write(lambda work, other=other: Blocks().block(block(other), ana, work)),
                return_exceptions=True,
            )
            if isinstance(made, BaseException):
                assert isinstance(made, Blocked), made
            else:
                await scene.refuses(Blocked, other, hello(made))
    finally:
        await store.stop()


async def test_what_others_ask_of_blocks(scene, three):
    ana, ben, cleo = (actor.user_id for actor in three)
    await scene.do(three[0], block(three[1]))

    def ask(reader):
        return (
            [are_apart(reader, *pair) for pair in ((ana, ben), (ben, ana), (ana, cleo), (cleo, ben))],
            [blockers_among(reader, user, {ana, ben, cleo}) for user in (ana, ben, cleo)],
            blockers_among(reader, ben, [cleo]) | blockers_among(reader, ben, []),
            blocked_by(reader, [ana, ben, cleo]),
        )

    assert await scene.store.read(ask) == (
        [True, True, False, False], [set(), {ana}, set()], set(), {ana: {ben}},
    )  # fmt: skip
    assert await scene.store.write(lambda work: are_apart(work, ben, ana))


async def test_blocks_of_who_goes_and_against_them_are_gone(scene, three):
    ana, ben, cleo = three
    for actor, other in ((ana, ben), (ben, cleo), (cleo, ana)):
        await scene.do(actor, block(other))
    assert await scene.store.write(lambda work: forget_blocks(work, ben.user_id)) == [ana.user_id]
    assert [row[:2] for row in (await scene.everything())["blocks"]] == [(cleo.user_id, ana.user_id)]
