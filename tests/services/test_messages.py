"""Messages: what may be said, what can be changed of it, and how it is paged."""

from datetime import timedelta
from functools import partial

import pytest

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import (
    Blocked,
    EmptyMessage,
    Forbidden,
    Invalid,
    Muted,
    NonceConflict,
    NoSuchMessage,
    RoleTooLow,
)
from tertulia.domain.events import MessageDeleted, MessageEdited, MessageSent
from tertulia.domain.ids import MessageId, RoomId, Seq
from tertulia.domain.models import Actor, Reaction, Room, Version
from tertulia.domain.roles import RoomKind, RoomRole, UserRole
from tertulia.services.messages import Messages
from tertulia.store import Work
from tertulia.store.members import add_member
from tertulia.store.rooms import insert_room
from tertulia.store.tables import messages, pins, reactions, rooms
from tertulia.store.work import count_writes

DIGEST = 2235112343361349949
"""Of `Olá`, as databases have it."""


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


def test_the_digest_of_a_plain_message_is_what_it_always_was() -> None:
    assert post("Olá", nonce="n").digest == DIGEST
    assert post("Olá", nonce="n", kind="text").digest == DIGEST
    kinds = {post("Olá", nonce="n", kind=kind).digest for kind in ("text", "image", "file")}
    assert len(kinds) == 3


@pytest.mark.parametrize("kind", ["text", "image", "x", "a_b-2", "k" * 32])
def test_a_kind_is_a_word(kind: str) -> None:
    assert post("hi", kind=kind).kind == kind


@pytest.mark.parametrize("kind", ["", "system", "Image", "2d", "-x", "a b", "é", "k" * 33, "text\n", "\0"])
def test_what_is_no_kind_is_invalid(kind: str) -> None:
    with pytest.raises(Invalid) as refusal:
        post("hi", kind=kind)
    assert refusal.value.field == "kind"


def post(content: str, *, messages: Messages | None = None, **more):
    command = c.SendMessage(room_id=1, content=content, **more)
    return (messages or Messages()).post(command, Actor(1, "ana", UserRole.USER, "s"))


async def test_a_message_keeps_its_kind(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    sent = await scene.do(ana, c.SendMessage(room_id=room.id, content="cat.png", kind="image", nonce="n"))
    assert (await scene.do(ana, c.GetMessage(message_id=sent.message_id))).kind == "image"
    assert scene.events[-1].kind == (await scene.log(room.id))[-1].kind == "image"
    await scene.refuses(NonceConflict, ana, c.SendMessage(room_id=room.id, content="cat.png", nonce="n"))


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


async def test_what_was_put_on_a_deleted_message_is_gone_too(scene: Scene) -> None:
    """Everything that names it, however it came there; and nothing of its neighbour's."""
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await scene.room(ana, ben)
    gone, kept = await scene.say(ana, room, "@ben, a secret", "@ben, harmless")

    def put(work: Work) -> None:
        for message in (gone, kept):
            own = {"message_id": message.message_id, "user_id": ben.user_id, "created_at": work.now}
            work.sql.execute(reactions.insert().values(emoji="👍", seq=message.seq, **own))
            work.sql.execute(pins.insert().values(room_id=room.id, seq=message.seq, **own))
            shown = [{"emoji": "👍", "count": 1, "users": [ben.user_id]}]
            work.sql.execute(messages.update().where(messages.c.id == message.message_id).values(reactions=shown))

    await scene.store.write(put)
    shown = await scene.do(ana, c.GetMessage(message_id=gone.message_id))
    assert shown.reactions == [Reaction(emoji="👍", count=1, users=[ben.user_id])]
    await scene.do(ben, c.SendMessage(room_id=room.id, content="why?", reply_to=gone.message_id))
    await scene.do(ana, c.EditMessage(message_id=gone.message_id, content="another secret, @here"))
    await scene.do(ana, c.DeleteMessage(message_id=gone.message_id))

    after = await scene.do(ana, c.GetMessage(message_id=gone.message_id))
    assert (after.content, after.mentions, after.mentions_here, after.reactions) == ("", [], False, [])
    everything = await scene.everything()
    assert "secret" not in repr(everything)
    for table in ("reactions", "pins", "mentions"):
        assert len(everything[table]) == 1
    neighbour = await scene.do(ana, c.GetMessage(message_id=kept.message_id))
    assert (neighbour.mentions, len(neighbour.reactions)) == ([ben.user_id], 1)


async def test_a_deletion_takes_no_more_statements_for_more_edits(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    once, often = [sent.message_id for sent in await scene.say(ana, room, "one", "another")]
    for message_id, edits in ((once, 1), (often, 20)):
        for n in range(edits):
            await scene.do(ana, c.EditMessage(message_id=message_id, content=f"secret {n}"))

    def count(message_id: MessageId, work: Work) -> int:
        before = count_writes(work.sql)
        scene.messages.delete_message(c.DeleteMessage(message_id=message_id), ana, work)
        return count_writes(work.sql) - before

    taken = [await scene.store.write(partial(count, message_id)) for message_id in (once, often)]
    assert taken[0] == taken[1]
    assert "secret" not in repr(await scene.everything())


async def test_a_message_is_changed_in_its_own_room_alone(scene: Scene) -> None:
    ana = await scene.user("ana")
    room, other = await scene.room(ana), await scene.room(ana)
    [sent] = await scene.say(ana, room, "hi")
    for command in (
        c.EditMessage(message_id=sent.message_id, content="ho", room_id=other.id),
        c.DeleteMessage(message_id=sent.message_id, room_id=other.id),
    ):
        await scene.refuses(NoSuchMessage, ana, command)
    await scene.do(ana, c.EditMessage(message_id=sent.message_id, content="ho", room_id=room.id))
    await scene.do(ana, c.DeleteMessage(message_id=sent.message_id, room_id=room.id))


async def test_in_a_blocked_direct_room_nothing_is_said_and_all_can_be_read(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    room = await direct_room(scene, ana, ben)
    [sent] = await scene.say(ana, room, "hi")
    assert (await scene.do(ben, c.GetMessage(message_id=sent.message_id))).recipient_id == ben.user_id
    block = rooms.update().where(rooms.c.id == room.id).values(is_blocked=True)
    await scene.store.write(lambda work: work.sql.execute(block) and None)

    for who in (ana, ben):
        await scene.refuses(Blocked, who, c.SendMessage(room_id=room.id, content="hi"))
        page = await scene.do(who, c.ListMessages(room_id=room.id))
        assert [message.content for message in page.items] == ["hi"]
    await scene.refuses(Blocked, ana, c.EditMessage(message_id=sent.message_id, content="ho"))
    await scene.do(ana, c.DeleteMessage(message_id=sent.message_id))


async def direct_room(scene: Scene, one: Actor, other: Actor) -> Room:
    def make(work: Work) -> RoomId:
        new = Room(
            id=RoomId(0),
            kind=RoomKind.DIRECT,
            name="",
            is_private=True,
            created_at=work.now,
            updated_at=work.now,
        )
        room_id = insert_room(work, new, direct_key=f"{one.user_id}:{other.user_id}")
        for who in (one, other):
            add_member(work, room_id, who.user_id, who.username, RoomRole.MEMBER, by=one.user_id)
        return room_id

    return await scene.do(one, c.GetRoom(room_id=await scene.store.write(make)))


async def test_all_that_a_message_has_said_is_for_its_author_and_moderators(scene: Scene) -> None:
    ana, ben, mod, stranger = [await scene.user(name) for name in ("ana", "ben", "mod", "stranger")]
    room = await scene.room(ana, ben, mod)
    await scene.promote(ana, room, mod)
    [sent] = await scene.say(ben, room, "one")
    edits = [
        await scene.do(ben, c.EditMessage(message_id=sent.message_id, content=content)) for content in ("two", "three")
    ]
    list_versions = c.ListVersions(message_id=sent.message_id)

    for who in (ben, mod, ana):
        assert await scene.do(who, list_versions) == [
            Version(content="one", user_id=ben.user_id, seq=sent.seq, created_at=sent.created_at),
            *(
                Version(content=content, user_id=ben.user_id, seq=edit.seq, created_at=edit.message.updated_at)
                for content, edit in zip(("two", "three"), edits, strict=True)
            ),
        ]
    [other] = await scene.say(ana, room, "anas")
    await scene.refuses(RoleTooLow, ben, c.ListVersions(message_id=other.message_id))
    await scene.refuses(NoSuchMessage, stranger, list_versions)
    await scene.refuses(NoSuchMessage, ben, c.ListVersions(message_id=MessageId(4711)))
    await scene.do(mod, c.DeleteMessage(message_id=sent.message_id))
    for who in (ben, mod):
        await scene.refuses(NoSuchMessage, who, list_versions)


async def test_the_recent_messages_of_all_ones_rooms_are_one_list(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    mine = [await scene.room(ana, ben) for _ in range(4)]
    others, empty, archived = await scene.room(ben), await scene.room(ana, ben), await scene.room(ana, ben)
    said = []
    for n in range(40):
        room = mine[(n * n) % 3 if n < 30 else 3]  # some busy, some quiet, one only of late
        [sent] = await scene.say(ben, room, str(n))
        said.insert(0, sent.message_id)
        await scene.say(ben, others, "unheard")
    await scene.say(ben, archived, "unheard")
    await scene.do(ana, c.ArchiveRoom(room_id=archived.id))

    for skip, limit in ((0, 5), (0, 1000), (3, 20), (39, 5), (40, 5), (10_000, 5)):
        found = await scene.do(ana, c.ListRecentMessages(skip=skip, limit=limit))
        assert [message.id for message in found] == said[skip : skip + limit]
    assert empty.id not in {message.room_id for message in found}
    await scene.promote(ana, mine[3], ben, RoomRole.OWNER)
    await scene.do(ana, c.LeaveRoom(room_id=mine[3].id))
    assert [message.id for message in await scene.do(ana, c.ListRecentMessages())] == said[10:]
    for values in ({"skip": -1}, {"skip": 10_001}, {"limit": 0}):
        await scene.refuses(Invalid, ana, c.ListRecentMessages(**values))
    nobody = await scene.user("nobody")
    assert await scene.do(nobody, c.ListRecentMessages()) == []


async def test_pages_may_begin_further_back(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    said = [sent.message_id for sent in await scene.say(ana, room, *map(str, range(10)))][::-1]
    page = await scene.do(ana, c.ListMessages(room_id=room.id, skip=3, limit=4))
    assert ([message.id for message in page.items], page.next_cursor) == (said[3:7], said[6])
    page = await scene.do(ana, c.ListMessages(room_id=room.id, cursor=said[4], skip=1, limit=4))
    assert ([message.id for message in page.items], page.next_cursor) == (said[6:10], None)
    assert (await scene.do(ana, c.ListMessages(room_id=room.id, skip=10_000))).items == []
    for skip in (-1, 10_001):
        await scene.refuses(Invalid, ana, c.ListMessages(room_id=room.id, skip=skip))


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
