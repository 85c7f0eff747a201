"""Reactions: who gives them, what a reader sees of them, and that it is the same however many there are."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from scene import Scene, scene_on
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, Muted, NoSuchMessage, NotAMember, TooMany
from tertulia.domain.events import ReactionAdded, ReactionRemoved
from tertulia.domain.ids import MessageId, UserId
from tertulia.domain.models import REACTION_KINDS, REACTION_USERS, Actor, Message, Reaction
from tertulia.domain.roles import UserRole
from tertulia.services.reactions import check_emoji


async def said(scene: Scene, who: Actor, room: Any) -> MessageId:
    [sent] = await scene.say(who, room, "hola")
    return sent.message_id


async def see(scene: Scene, who: Actor, message_id: MessageId) -> Message:
    """The message, the same by all ways that it is read by."""
    message: Message = await scene.do(who, c.GetMessage(message_id=message_id))
    page = await scene.do(who, c.ListMessages(room_id=message.room_id))
    entered = await scene.do(who, c.EnterRoom(room_id=message.room_id))
    assert [one for one in page.items if one.id == message_id] == [message]
    assert [one for one in entered.messages.items if one.id == message_id] == [message]
    return message


async def test_a_reaction_is_in_the_log_and_on_the_message(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    message_id = await said(scene, ana, room)

    first = await scene.do(ben, c.AddReaction(message_id=message_id, emoji="👍"))
    second = await scene.do(ana, c.AddReaction(message_id=message_id, emoji="👍", room_id=room.id))
    await scene.do(ana, c.AddReaction(message_id=message_id, emoji=":coffee:"))

    shown = [
        Reaction(emoji="👍", count=2, users=[ben.user_id, ana.user_id]),
        Reaction(emoji=":coffee:", count=1, users=[ana.user_id]),
    ]
    assert (await see(scene, ben, message_id)).reactions == shown
    assert (first.is_added, first.count, second.count, second.message.reactions) == (True, 1, 2, shown[:1])
    one, two, _ = (await scene.log(room.id))[-3:]
    assert (one, two) == tuple(scene.events[-3:-1])
    assert isinstance(one, ReactionAdded)
    assert (one.message_id, one.user_id, one.username, one.emoji, one.count) == (
        message_id,
        ben.user_id,
        "ben",
        "👍",
        1,
    )
    assert (one.seq, two.seq, two.count) == (first.seq, second.seq, 2)


async def test_it_is_given_once_and_taken_back_once(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    message_id = await said(scene, ana, room)
    given = await scene.do(ana, c.AddReaction(message_id=message_id, emoji="🎉"))
    await scene.do(ben, c.AddReaction(message_id=message_id, emoji="🎉"))
    told = len(scene.heard)

    again = await scene.do(ana, c.AddReaction(message_id=message_id, emoji="🎉"))
    never = await scene.do(ana, c.RemoveReaction(message_id=message_id, emoji="👍"))
    assert len(scene.heard) == told
    assert (again.seq, again.is_added, again.count) == (given.seq, True, 2)
    assert (never.seq, never.is_added, never.count) == (scene.events[-1].seq, False, 0)

    gone = await scene.do(ana, c.RemoveReaction(message_id=message_id, emoji="🎉"))
    removed = scene.events[-1]
    assert isinstance(removed, ReactionRemoved)
    assert (removed.seq, removed.message_id, removed.count) == (gone.seq, message_id, 1)
    assert (removed.user_id, removed.username, removed.emoji) == (ana.user_id, "ana", "🎉")
    assert (await see(scene, ana, message_id)).reactions == [Reaction(emoji="🎉", count=1, users=[ben.user_id])]
    await scene.do(ben, c.RemoveReaction(message_id=message_id, emoji="🎉"))
    assert (await see(scene, ana, message_id)).reactions == []
    assert await scene.do(ana, c.RemoveReaction(message_id=message_id, emoji="🎉")) == await scene.do(
        ana, c.RemoveReaction(message_id=message_id, emoji="🎉")
    )


async def test_a_toggle_gives_it_or_takes_it_back(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    message_id = await said(scene, ana, room)
    toggle = c.ToggleReaction(message_id=message_id, emoji="👍", room_id=room.id)
    results = [await scene.do(ana, toggle) for _ in range(3)]
    assert [(one.is_added, one.count) for one in results] == [(True, 1), (False, 0), (True, 1)]
    assert [type(event) for event in scene.events[-3:]] == [ReactionAdded, ReactionRemoved, ReactionAdded]
    assert [one.seq for one in results] == [event.seq for event in scene.events[-3:]]


async def test_what_cannot_be_seen_gets_no_reaction(scene: Scene) -> None:
    ana, eve, root = await scene.user("ana"), await scene.user("eve"), await scene.user("root", UserRole.ADMIN)
    public, private, other = await scene.room(ana), await scene.room(ana, is_private=True), await scene.room(ana)
    open_, hidden, gone = [await said(scene, ana, room) for room in (public, private, public)]
    await scene.do(ana, c.DeleteMessage(message_id=gone))
    for kind in (c.AddReaction, c.RemoveReaction, c.ToggleReaction):
        for who, message_id in ((eve, hidden), (root, hidden), (eve, open_), (ana, gone), (ana, MessageId(4711))):
            await scene.refuses(NoSuchMessage, who, kind(message_id=message_id, emoji="👍"))
        await scene.refuses(NoSuchMessage, ana, kind(message_id=open_, emoji="👍", room_id=other.id))
        await scene.refuses(NotAMember, root, kind(message_id=open_, emoji="👍"))
    for who, message_id in ((eve, hidden), (eve, open_), (ana, gone)):
        await scene.refuses(NoSuchMessage, who, c.ListReactions(message_id=message_id))
    assert (await scene.do(root, c.ListReactions(message_id=open_))).items == []
    await scene.do(ana, c.ArchiveRoom(room_id=public.id))
    await scene.refuses(NoSuchMessage, ana, c.AddReaction(message_id=open_, emoji="👍"))


async def test_who_is_muted_gives_none_and_takes_none_back(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    message_id = await said(scene, ana, room)
    await scene.do(ben, c.AddReaction(message_id=message_id, emoji="👍"))
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until))
    for kind in (c.AddReaction, c.RemoveReaction, c.ToggleReaction):
        await scene.refuses(Muted, ben, kind(message_id=message_id, emoji="👍"))
    scene.clock.pass_(hours=2)
    await scene.do(ben, c.RemoveReaction(message_id=message_id, emoji="👍"))


@pytest.mark.parametrize(
    "emoji",
    ["👍", "+1", ":coffee:", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️", "5️⃣", "🩷", "\U0001fae9", "n/a", "é" * 32, "لا"],
)
def test_an_emoji_is_any_short_word_that_can_be_seen(emoji: str) -> None:
    assert check_emoji(emoji) == emoji


@pytest.mark.parametrize(
    "emoji",
    [
        "",
        " ",
        "a b",
        " 👍",
        "👍\n",
        ".",
        "..",
        "e" * 33,
        "\0",
        "\x1b",
        "\x7f",
        "a\u0085",
        "\ud800",
        "\u200b",
        "\ufe0f",
        "\u3164",
        "a\u202eb",
        "a\u3000",
    ],
)
def test_what_cannot_be_seen_is_no_emoji(emoji: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_emoji(emoji)
    assert refusal.value.field == "emoji"


async def test_a_bad_emoji_is_refused_by_every_command(scene: Scene) -> None:
    ana = await scene.user("ana")
    message_id = await said(scene, ana, await scene.room(ana))
    for kind in (c.AddReaction, c.RemoveReaction, c.ToggleReaction):
        await scene.refuses(Invalid, ana, kind(message_id=message_id, emoji="a b"))


async def test_a_message_bears_so_many_different_emoji(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    message_id = await said(scene, ana, room)
    for number in range(REACTION_KINDS):
        await scene.do(ana, c.AddReaction(message_id=message_id, emoji=f"e{number}"))
    for kind in (c.AddReaction, c.ToggleReaction):
        await scene.refuses(TooMany, ben, kind(message_id=message_id, emoji="another"))
    await scene.do(ben, c.AddReaction(message_id=message_id, emoji="e0"))
    await scene.do(ana, c.RemoveReaction(message_id=message_id, emoji="e1"))
    await scene.do(ben, c.AddReaction(message_id=message_id, emoji="another"))
    shown = [one.emoji for one in (await see(scene, ana, message_id)).reactions]
    assert shown == ["e0", *(f"e{number}" for number in range(2, REACTION_KINDS)), "another"]


async def test_they_are_listed_in_the_order_in_which_they_were_given(scene: Scene) -> None:
    people = [await scene.user(f"user{number}") for number in range(5)]
    ana = people[0]
    room = await scene.room(*people)
    message_id = await said(scene, ana, room)
    given = []
    for number, person in enumerate(people[::-1]):
        emoji = "👍" if number % 2 else "🎉"
        result = await scene.do(person, c.AddReaction(message_id=message_id, emoji=emoji))
        given.append((emoji, person.user_id, person.username, result.seq))
    found, cursor = [], None
    for size in (2, 2, 1):
        page = await scene.do(ana, c.ListReactions(message_id=message_id, cursor=cursor, limit=2))
        assert (len(page.items), page.has_more) == (size, len(found) + size < 5)
        found += [(one.emoji, one.user_id, one.username, one.seq) for one in page.items]
        cursor = page.next_cursor
    assert found == given
    await scene.refuses(Invalid, ana, c.ListReactions(message_id=message_id, limit=0))


async def test_a_deletion_takes_them_along_and_an_edit_does_not(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    message_id = await said(scene, ana, room)
    await scene.do(ana, c.AddReaction(message_id=message_id, emoji="👍"))
    edited = await scene.do(ana, c.EditMessage(message_id=message_id, content="adiós"))
    assert [one.emoji for one in edited.message.reactions] == ["👍"]
    await scene.do(ana, c.DeleteMessage(message_id=message_id))
    assert (await see(scene, ana, message_id)).reactions == []
    assert (await scene.everything())["reactions"] == []


async def test_of_many_the_first_are_shown_and_others_move_up(scene: Scene) -> None:
    people = [await scene.user(f"user{number}") for number in range(REACTION_USERS + 3)]
    ids = [person.user_id for person in people]
    message_id = await said(scene, people[0], await scene.room(*people))
    for person in people:
        await scene.do(person, c.AddReaction(message_id=message_id, emoji="👍"))

    async def shown(*taken_back_by: Actor) -> tuple[int, list[UserId]]:
        for person in taken_back_by:
            await scene.do(person, c.RemoveReaction(message_id=message_id, emoji="👍"))
        [group] = (await see(scene, people[0], message_id)).reactions
        return group.count, group.users

    assert await shown() == (REACTION_USERS + 3, ids[:REACTION_USERS])
    assert await shown(people[-1]) == (REACTION_USERS + 2, ids[:REACTION_USERS])
    assert await shown(people[1]) == (REACTION_USERS + 1, [ids[0], *ids[2 : REACTION_USERS + 1]])
    assert await shown(people[0]) == (REACTION_USERS, ids[2 : REACTION_USERS + 2])
    assert await shown(people[2]) == (REACTION_USERS - 1, ids[3 : REACTION_USERS + 2])


async def test_what_many_give_at_once_is_counted_once_each(scene: Scene, database_url: str) -> None:
    """On PostgreSQL by way of two nodes."""
    people = [await scene.user(f"user{number}") for number in range(12)]
    message_id = await said(scene, people[0], await scene.room(*people))
    toggle = c.ToggleReaction(message_id=message_id, emoji="👍")
    async with AsyncExitStack() as stack:
        nodes = [scene]
        if scene.store.dialect_name == "postgresql":
            nodes.append(await stack.enter_async_context(scene_on(database_url)))
        deeds = [nodes[number % len(nodes)].do(person, toggle) for number, person in enumerate(people * 3)]
        results = await asyncio.gather(*deeds)
    [group] = (await see(scene, people[0], message_id)).reactions
    page = await scene.do(people[0], c.ListReactions(message_id=message_id))
    given = [one.user_id for one in page.items]
    assert (group.count, group.users) == (len(people), given)
    assert sorted(given) == sorted(person.user_id for person in people)
    log = await scene.log(results[0].message.room_id)
    told = [event for event in log if isinstance(event, ReactionAdded | ReactionRemoved)]
    counts = [0, *(event.count for event in told)]
    for event, before, now in zip(told, counts, counts[1:], strict=False):
        assert now == before + (1 if isinstance(event, ReactionAdded) else -1)
    assert sorted(result.seq for result in results) == [event.seq for event in told]
