"""Replies quote what they answer, as it is now: in pages, live, in the log, and in what the store was told to forget."""

from typing import Any

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.events import MessageSent
from tertulia.domain.models import Actor, Message, Quote, Room
from tertulia.store.users import DELETED_NAME, blank_user


async def answer(scene: Scene, who: Actor, room: Room, to: int, content: str = "yes") -> Message:
    sent = await scene.do(who, c.SendMessage(room_id=room.id, content=content, reply_to=to))
    return await scene.do(who, c.GetMessage(message_id=sent.message_id))


async def seen(scene: Scene, who: Actor, room: Room, message: Message) -> list[Quote | None]:
    """The quote of *message* wherever it can be read; it must be the same one everywhere."""
    one = await scene.do(who, c.GetMessage(message_id=message.id))
    page = await scene.do(who, c.ListMessages(room_id=room.id))
    recent = await scene.do(who, c.ListRecentMessages())
    snapshot = await scene.do(who, c.EnterRoom(room_id=room.id))
    log = await scene.do(who, c.ListEvents(room_id=room.id))
    events = [event for event in [*log.items, *await scene.log(room.id)] if isinstance(event, MessageSent)]
    everywhere: list[Any] = [one, *page.items, *recent, *snapshot.messages.items]
    found = [m.quote for m in everywhere if m.id == message.id] + [
        event.quote for event in events if event.message_id == message.id
    ]
    assert len(found) == 6
    return found


async def test_a_reply_quotes_the_first_line_of_what_it_answers(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    [first] = await scene.say(ana, room, "\n shall we?\nplease")
    reply = await answer(scene, ben, room, first.message_id)

    quote = Quote(message_id=first.message_id, user_id=ana.user_id, username="ana", text="shall we?")
    assert await seen(scene, ben, room, reply) == [quote] * 6
    assert scene.events[-1].quote == quote
    again = await answer(scene, ana, room, reply.id)
    assert again.quote == Quote(message_id=reply.id, user_id=ben.user_id, username="ben", text="yes")
    plain = await scene.do(ana, c.GetMessage(message_id=first.message_id))
    assert plain.quote is None


async def test_a_quote_follows_the_edits_of_what_it_quotes(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    [first] = await scene.say(ana, room, "helo")
    reply = await answer(scene, ben, room, first.message_id)
    await scene.do(ana, c.EditMessage(message_id=first.message_id, content="hello\nworld"))

    assert {quote.text for quote in await seen(scene, ben, room, reply) if quote} == {"hello"}
    assert (await answer(scene, ben, room, first.message_id)).quote == reply_quote(reply, text="hello")
    assert scene.events[-1].quote == reply_quote(reply, text="hello")


async def test_a_quote_of_a_deleted_message_says_nothing(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    [first] = await scene.say(ana, room, "secret")
    reply = await answer(scene, ben, room, first.message_id)
    await scene.do(ana, c.DeleteMessage(message_id=first.message_id))

    gone = reply_quote(reply, text="", is_deleted=True)
    assert await seen(scene, ben, room, reply) == [gone] * 6
    assert (await answer(scene, ben, room, first.message_id)).quote == gone
    assert scene.events[-1].quote == gone
    assert "secret" not in repr(await scene.everything())


def reply_quote(reply: Message, **changes: Any) -> Quote:
    import msgspec

    assert reply.quote is not None
    return msgspec.structs.replace(reply.quote, **changes)


async def test_nobody_is_named_after_their_account_was_deleted(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    [first] = await scene.say(ben, room, "hi")
    reply = await answer(scene, ana, room, first.message_id)
    await answer(scene, ben, room, reply.id)
    await scene.do(ben, c.EditMessage(message_id=first.message_id, content="ho"))
    await scene.do(ana, c.RemoveMember(room_id=room.id, user_id=ben.user_id))
    await scene.store.write(lambda work: blank_user(work, ben.user_id))

    assert {quote.username for quote in await seen(scene, ana, room, reply) if quote} == {DELETED_NAME}
    log = await scene.log(room.id)
    names = {event.seq: event.username for event in log if hasattr(event, "username")}
    told = {event.seq: event.username for event in scene.events if hasattr(event, "username")}
    assert names == {seq: DELETED_NAME if name == "ben" else name for seq, name in told.items()}
    assert DELETED_NAME in names.values()


async def test_the_log_gives_an_edited_text_as_it_is_now(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    one, two = await scene.say(ana, room, "@ben, a", "plain")
    for content in ("b", "@here, c"):
        await scene.do(ana, c.EditMessage(message_id=one.message_id, content=content))

    page = await scene.do(ana, c.ListEvents(room_id=room.id, after=one.seq - 1))
    assert [event.content for event in page.items] == ["@here, c", "plain", "@here, c", "@here, c"]
    assert [(event.mentions, event.mentions_here) for event in page.items if event.message_id == one.message_id] == [
        ([], True)
    ] * 3
    assert page.items[1] == next(event for event in scene.events if event.message_id == two.message_id)
    kept = str((await scene.everything())["room_log"])
    assert "@ben, a" in kept  # what was is for those who may ask for it
