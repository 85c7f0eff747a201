"""Messages: what may be said, what can be changed of it, how it is paged, and how far one has read."""

from datetime import timedelta

import pytest

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import EmptyMessage, Forbidden, Invalid, Muted, NonceConflict, NoSuchMessage, RoleTooLow
from tertulia.domain.events import MessageDeleted, MessageEdited, MessageSent, ReadUpdated
from tertulia.domain.ids import MessageId, Seq
from tertulia.domain.roles import UserRole
from tertulia.services.messages import Messages


async def test_a_sent_message_can_be_read(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    sent = await scene.do(ana, c.SendMessage(room_id=room.id, content=" Olá\n🎈 ", nonce="n"))
    message = await scene.do(ana, c.GetMessage(message_id=sent.message_id))
    assert (message.id, message.seq, message.created_at) == (sent.message_id, sent.seq, sent.created_at)
    assert (message.content, message.username, message.kind, message.reply_to) == (" Olá\n🎈 ", "ana", "text", None)
    assert (message.is_edited, message.is_deleted, message.updated_at) == (False, False, None)


@pytest.mark.parametrize("content", ["", " ", "\n\t\u3000"])
def test_a_message_without_text_is_empty(content: str) -> None:
    with pytest.raises(EmptyMessage):
        post(content)


@pytest.mark.parametrize("content", ["a\0b", "\ud800", "x" * 4001, " " * 4000 + "x"])
def test_a_message_that_can_not_be_kept_is_invalid(content: str) -> None:
    with pytest.raises(Invalid) as refusal:
        post(content)
    assert refusal.value.field == "content"


@pytest.mark.parametrize("nonce", ["", "n" * 65, "\0", "\udfff"])
def test_a_nonce_is_short_text(nonce: str) -> None:
    with pytest.raises(Invalid) as refusal:
        post("hi", nonce=nonce)
    assert refusal.value.field == "nonce"


def test_the_longest_message_is_a_setting() -> None:
    assert post("x" * 4000).content == "x" * 4000
    with pytest.raises(Invalid, match="longer than 3 characters"):
        post("four", messages=Messages(max_length=3))


def test_a_digest_tells_requests_apart() -> None:
    digests = {
        post("a", nonce="n").digest,
        post("b", nonce="n").digest,
        post("a", nonce="n", reply_to=1).digest,
        post("a", nonce="n", reply_to=11).digest,
        post("1\0".replace("\0", "a"), nonce="n").digest,
    }
    assert len(digests) == 5
    assert all(digest is not None and -(2**63) <= digest < 2**63 for digest in digests)
    assert post("a", nonce="n").digest == post("a", nonce="other").digest
    assert post("a").digest is None


def post(content: str, *, messages: Messages | None = None, **more):
    from tertulia.domain.models import Actor

    command = c.SendMessage(room_id=1, content=content, **more)
    return (messages or Messages()).post(command, Actor(1, "ana", UserRole.USER, "s"))


async def test_a_nonce_gives_the_first_result_again_and_guards_the_content(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    first = await scene.do(ana, c.SendMessage(room_id=room.id, content="hi", nonce="n"))
    again = await scene.do(ana, c.SendMessage(room_id=room.id, content="hi", nonce="n"))
    assert (again.message_id, again.seq, again.duplicate) == (first.message_id, first.seq, True)
    await scene.refuses(NonceConflict, ana, c.SendMessage(room_id=room.id, content="ho", nonce="n"))
    await scene.do(ana, c.DeleteMessage(message_id=first.message_id))
    late = await scene.do(ana, c.SendMessage(room_id=room.id, content="hi", nonce="n"))
    assert (late.message_id, late.duplicate) == (first.message_id, True)


async def test_an_edit_changes_the_message_and_is_in_the_log(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    [sent] = await scene.say(ana, room, "helo")
    edited = await scene.do(ana, c.EditMessage(message_id=sent.message_id, content="hello"))
    assert (edited.message.content, edited.message.is_edited, edited.message.seq) == ("hello", True, sent.seq)
    told = (await scene.log(room.id))[-1]
    assert isinstance(told, MessageEdited)
    assert (told.seq, told.message_id, told.content, told.user_id) == (
        edited.seq,
        sent.message_id,
        "hello",
        ana.user_id,
    )
    assert told.updated_at == edited.message.updated_at
    assert await scene.do(ana, c.GetMessage(message_id=sent.message_id)) == edited.message


async def test_an_edit_that_changes_nothing_is_no_event(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    [sent] = await scene.say(ana, room, "a")
    same = await scene.do(ana, c.EditMessage(message_id=sent.message_id, content="a"))
    assert (same.seq, same.message.is_edited) == (sent.seq, False)
    await scene.do(ana, c.EditMessage(message_id=sent.message_id, content="b"))
    last = await scene.do(ana, c.EditMessage(message_id=sent.message_id, content="c"))
    assert await scene.do(ana, c.EditMessage(message_id=sent.message_id, content="c")) == last
    assert len(await scene.log(room.id)) == 4


async def test_only_its_author_edits_a_message(scene: Scene) -> None:
    ana, ben, root = await scene.user("ana"), await scene.user("ben"), await scene.user("root", UserRole.ADMIN)
    room = await scene.room(ana, ben)
    [sent] = await scene.say(ben, room, "hi")
    for who in (ana, root):
        await scene.refuses(Forbidden, who, c.EditMessage(message_id=sent.message_id, content="ho"))
    for content, error in (("", EmptyMessage), ("x" * 4001, Invalid), ("\0", Invalid)):
        await scene.refuses(error, ben, c.EditMessage(message_id=sent.message_id, content=content))
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until))
    await scene.refuses(Muted, ben, c.EditMessage(message_id=sent.message_id, content="ho"))
    await scene.do(ben, c.DeleteMessage(message_id=sent.message_id))
    scene.clock.pass_(hours=2)
    await scene.refuses(NoSuchMessage, ben, c.EditMessage(message_id=sent.message_id, content="ho"))


async def test_a_deleted_message_is_gone_from_every_table(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    sent = await scene.do(ana, c.SendMessage(room_id=room.id, content="secret one", nonce="n"))
    await scene.do(ana, c.EditMessage(message_id=sent.message_id, content="secret two"))
    [after] = await scene.say(ana, room, "harmless")
    seq = await scene.do(ana, c.DeleteMessage(message_id=sent.message_id))
    assert "secret" not in repr(await scene.everything())

    events = await scene.log(room.id)
    assert [type(event) for event in events[1:]] == [MessageSent, MessageEdited, MessageSent, MessageDeleted]
    assert (events[-1].seq, events[-1].message_id, events[-1].user_id) == (seq, sent.message_id, ana.user_id)
    assert events[1].nonce == "n"
    page = await scene.do(ana, c.ListMessages(room_id=room.id))
    assert [(m.id, m.content, m.is_deleted) for m in page.items] == [
        (after.message_id, "harmless", False),
        (sent.message_id, "", True),
    ]
    heard = len(scene.heard)
    assert await scene.do(ana, c.DeleteMessage(message_id=sent.message_id)) == seq
    assert len(scene.heard) == heard


async def test_authors_and_moderators_delete(scene: Scene) -> None:
    ana, ben, mod = await scene.user("ana"), await scene.user("ben"), await scene.user("mod")
    room = await scene.room(ana, ben, mod)
    await scene.promote(ana, room, mod)
    [anas], [bens] = await scene.say(ana, room, "a"), await scene.say(ben, room, "b")
    await scene.refuses(RoleTooLow, ben, c.DeleteMessage(message_id=anas.message_id))
    await scene.do(mod, c.DeleteMessage(message_id=anas.message_id))
    await scene.do(mod, c.DeleteMessage(message_id=bens.message_id))


async def test_pages_go_back_from_the_newest_and_miss_nothing(scene: Scene) -> None:
    ana = await scene.user("ana")
    room, other = await scene.room(ana), await scene.room(ana)
    sent = [(await scene.say(ana, room, str(i)))[0].message_id for i in range(10)]
    [elsewhere] = await scene.say(ana, other, "elsewhere")
    read, cursor = [], None
    while True:
        page = await scene.do(ana, c.ListMessages(room_id=room.id, cursor=cursor, limit=4))
        read += [message.id for message in page.items]
        assert page.has_more == (len(read) < 10)
        if not page.has_more:
            break
        cursor = page.next_cursor
    assert read == sent[::-1]
    assert (await scene.do(ana, c.ListMessages(room_id=room.id, cursor=sent[0]))).items == []
    for bad in (elsewhere.message_id, MessageId(4711)):
        await scene.refuses(Invalid, ana, c.ListMessages(room_id=room.id, cursor=bad))
    for limit in (0, -1, 1001):
        await scene.refuses(Invalid, ana, c.ListMessages(room_id=room.id, limit=limit))


async def test_the_log_is_read_in_pages(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    await scene.say(ana, room, *map(str, range(9)))
    first = await scene.do(ana, c.ListEvents(room_id=room.id, limit=6))
    assert ([event.seq for event in first.items], first.seq, first.head) == ([1, 2, 3, 4, 5, 6], 6, 10)
    rest = await scene.do(ana, c.ListEvents(room_id=room.id, after=first.seq, limit=6))
    assert ([event.seq for event in rest.items], rest.has_more, rest.epoch) == ([7, 8, 9, 10], False, scene.store.epoch)
    for values in ({"after": Seq(-1)}, {"limit": 0}, {"limit": 1001}):
        await scene.refuses(Invalid, ana, c.ListEvents(room_id=room.id, **values))


async def test_a_read_mark_only_moves_forward_and_is_told_when_it_does(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    one, two = await scene.say(ana, room, "1", "2")
    assert await scene.do(ben, c.MarkRead(room_id=room.id, seq=one.seq)) == one.seq
    assert await scene.do(ben, c.MarkRead(room_id=room.id, seq=Seq(0))) == one.seq
    assert await scene.do(ben, c.MarkRead(room_id=room.id, seq=one.seq)) == one.seq
    assert await scene.do(ben, c.MarkRead(room_id=room.id, seq=Seq(2**62))) == two.seq
    assert scene.announced == [
        ReadUpdated(room_id=room.id, user_id=ben.user_id, seq=one.seq),
        ReadUpdated(room_id=room.id, user_id=ben.user_id, seq=two.seq),
    ]
    assert len(await scene.log(room.id)) == two.seq
