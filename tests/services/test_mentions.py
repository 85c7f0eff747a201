"""Mentions, from the text of a message to its row, the table they are counted from, and what everybody is told."""

from typing import Any

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.models import Actor, Message
from tertulia.store.tables import mentions


async def rows(scene: Scene) -> set[tuple[int, int]]:
    """(seq, user id), of everybody 0."""
    found = await scene.store.read(lambda reader: reader.sql.execute(mentions.select()).all())
    return {(row.seq, row.user_id) for row in found}


async def send(scene: Scene, who: Actor, room: Any, content: str, **more: Any) -> Message:
    sent = await scene.do(who, c.SendMessage(room_id=room.id, content=content, **more))
    return await scene.do(who, c.GetMessage(message_id=sent.message_id))


async def test_a_message_mentions_the_members_it_names(scene: Scene) -> None:
    ana, ben, cleo = await scene.user("ana"), await scene.user("ben"), await scene.user("cleo")
    room = await scene.room(ana, ben)
    message = await send(scene, ana, room, "@BEN, (@cleo) and @nobody; mail @ana or ana@ben.org")

    assert (message.mentions, message.mentions_here) == ([ben.user_id, ana.user_id], False)
    assert await rows(scene) == {(message.seq, ben.user_id)}
    assert scene.events[-1].mentions == message.mentions
    assert (await scene.log(room.id))[-1] == scene.events[-1]
    assert cleo.user_id not in message.mentions


async def test_here_calls_everybody_with_one_row(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    message = await send(scene, ana, room, "@here and @ben")
    assert (message.mentions, message.mentions_here) == ([ben.user_id], True)
    assert await rows(scene) == {(message.seq, 0)}


async def test_an_edit_mentions_anew(scene: Scene) -> None:
    ana, ben, cleo = await scene.user("ana"), await scene.user("ben"), await scene.user("cleo")
    room = await scene.room(ana, ben, cleo)
    message = await send(scene, ana, room, "@ben")
    for content, mentioned, here, expected in (
        ("@cleo and @ben", [cleo.user_id, ben.user_id], False, {cleo.user_id, ben.user_id}),
        ("@cleo", [cleo.user_id], False, {cleo.user_id}),
        ("@here @ben", [ben.user_id], True, {0}),
        ("nobody", [], False, set()),
        ("@ben again", [ben.user_id], False, {ben.user_id}),
    ):
        edited = await scene.do(ana, c.EditMessage(message_id=message.id, content=content))
        event = scene.events[-1]
        assert (edited.message.mentions, edited.message.mentions_here) == (mentioned, here)
        assert (event.mentions, event.mentions_here, event.username) == (mentioned, here, "ana")
        assert await rows(scene) == {(message.seq, user_id) for user_id in expected}
        assert (await scene.log(room.id))[-1] == event


async def test_a_deleted_message_mentions_nobody(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    for content in ("@ben", "@here"):
        message = await send(scene, ana, room, content)
        await scene.do(ana, c.DeleteMessage(message_id=message.id))
        gone = await scene.do(ana, c.GetMessage(message_id=message.id))
        assert (gone.mentions, gone.mentions_here) == ([], False)
        assert scene.events[-1].username == "ana"
    assert await rows(scene) == set()
    assert all(not event.mentions for event in await scene.log(room.id) if hasattr(event, "mentions"))
    assert '"mentions' not in str((await scene.everything())["room_log"])


async def test_a_repeat_by_its_nonce_mentions_nobody_again(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    first = await send(scene, ana, room, "@ben", nonce="n")
    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=ben.user_id))
    assert await send(scene, ana, room, "@ben", nonce="n") == first
    assert await rows(scene) == {(first.seq, ben.user_id)}
