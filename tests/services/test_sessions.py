"""Sessions over a real store and hub: who hears what, and where they are, with a dialect as plain as can be."""

import json
import secrets
from contextlib import asynccontextmanager

import msgspec
import pytest

from fanout_world import MemorySocket, Plain, turns, until
from tertulia import app
from tertulia.domain import commands as c
from tertulia.domain.clock import utc_now
from tertulia.domain.errors import Unavailable
from tertulia.protocol.dialect import Dialect, Request
from tertulia.protocol.session import Pace
from tertulia.settings import Settings
from tertulia.transport.credentials import Credential, Kind
from tertulia.transport.session import Lobby, SocketSession

PASSWORD = "rubber boots in the hall"


class Toy(Plain, Dialect):
    """A frame is a command's name and its fields; the answer to it is what it gives."""

    def __init__(self, *opening):
        super().__init__("toy")
        self._opening = opening

    def opening(self, room_id):
        return [Request(command) for command in self._opening] or super().opening(room_id)

    def decode(self, frame, room_id):
        said = json.loads(frame)
        return Request(getattr(c, said.pop("do"))(**said))

    def replies(self, request, result):
        told = msgspec.to_builtins(result) if isinstance(result, msgspec.Struct | list) else result
        return [self._frame({"type": "reply", "to": type(request.command).__name__, "result": told})]

    def error(self, error, name, ref):
        return self._frame({"type": "error", "code": error.code})


class Person:
    """A user of a node, over REST as it were; *token* opens their sockets."""

    def __init__(self, parts, actor, token):
        self.parts, self.actor, self.token = parts, actor, token
        self.id = actor.user_id

    async def do(self, command):
        return await self.parts.executor.execute(command, self.actor)

    async def open(self, dialect=None, **options):
        lobby = Lobby(
            executor=self.parts.executor,
            authenticator=self.parts.authenticator,
            hub=self.parts.hub,
            pace=Pace(rate=1000, burst=1000),
            clock=utc_now,
        )
        credential = Credential(Kind.TOKEN, self.token)
        session = SocketSession(lobby, dialect or Toy(c.Listen()), credential, **options)
        client = Client(session)
        session.on_open(client.socket)
        await until(lambda: client.heard("reply") or client.socket.is_closed)
        await until(lambda: not self.parts.hub._wishes._unknown, "whom they have blocked")
        return client


class Client:
    def __init__(self, session):
        self.session, self.socket = session, MemorySocket()
        self.socket.receiver = session

    def heard(self, kind, **fields):
        return [one for one in self.socket.got if one["type"] == kind and fields.items() <= one.items()]

    async def hears(self, kind, count=1, **fields):
        await until(lambda: len(self.heard(kind, **fields)) >= count, f"{count} {kind} in {self.socket.got}")
        found = self.heard(kind, **fields)
        assert len(found) == count
        return found

    async def say(self, do, **fields):
        """Until it is answered; gives the answer's result, or the error."""
        before = len(self.heard("reply", to=do)) + len(self.heard("error"))
        self.session.on_text(json.dumps({"do": do, **fields}))
        await until(lambda: len(self.heard("reply", to=do)) + len(self.heard("error")) > before)
        last = [one for one in self.socket.got if one["type"] == "error" or one.get("to") == do][-1]
        return last if last["type"] == "error" else last["result"]


@asynccontextmanager
async def node_on(url, data_dir, **settings):
    chosen = Settings(
        _env_file=None, database_url=url, data_dir=data_dir, secret_key=secrets.token_urlsafe(48), **settings
    )
    parts = app.build(chosen)
    async with app.running(chosen, parts):
        yield parts


@pytest.fixture
async def node(database_url, tmp_path):
    async with node_on(database_url, tmp_path) as parts:
        yield parts


@pytest.fixture
async def people(node):
    found = []
    for name in ("ana", "ben", "cleo"):
        await node.accounts.register(c.Register(username=name, password=PASSWORD), None)
        tokens = await node.accounts.login(c.Login(username=name, password=PASSWORD), None)
        access = await node.authenticator.access(tokens.access_token)
        found.append(Person(node, access.actor, tokens.access_token))
    return found


# ---- hearing all rooms


async def test_who_listens_is_told_of_their_rooms_and_hears_them_all(people):
    ana, ben, _ = people
    group = await ana.do(c.CreateGroup(member_ids=[ben.id]))
    client = await ben.open()
    [reply] = client.heard("reply")
    assert [(one["room_id"], one["seq"]) for one in reply["result"]] == [(1, 3), (group.id, 2)]
    await ana.do(c.SendMessage(room_id=1, content="in the café"))
    await ana.do(c.SendMessage(room_id=group.id, content="in the group"))
    heard = await client.hears("message_sent", 2)
    assert {one["content"] for one in heard} == {"in the café", "in the group"}


async def test_a_room_that_somebody_else_opens_is_heard_from_its_first_message_on(people):
    ana, ben, cleo = people
    client = await ben.open()
    await ana.do(c.SendDirect(user_id=ben.id, content="first"))
    await cleo.do(c.SendDirect(user_id=ben.id, content="another first"))
    heard = await client.hears("message_sent", 2)
    assert [one["content"] for one in heard] == ["first", "another first"]
    assert [one["recipient_id"] for one in heard] == [ben.id] * 2
    room = await ana.do(c.CreateRoom(name="Later", is_private=True))
    await ana.do(c.AddMember(room_id=room.id, user_id=ben.id))
    await ana.do(c.SendMessage(room_id=room.id, content="welcome"))
    [_] = await client.hears("message_sent", content="welcome")
    assert [one["seq"] for one in client.heard("member_added", room_id=room.id)] == [2]


async def test_one_hears_what_one_sends_to_somebody_for_the_first_time(people):
    ana, ben, _ = people
    client = await ana.open()
    sent = await client.say("SendDirect", user_id=ben.id, content="hello")
    [heard] = await client.hears("message_sent")
    assert heard["message_id"] == sent["message_id"]


async def test_who_listens_is_in_no_room_and_may_be(people):
    ana, ben, _ = people
    watcher = await ana.open(Toy(c.EnterRoom(room_id=1)))
    client = await ben.open()
    entered = await client.say("EnterRoom", room_id=1)
    assert {one["user_id"] for one in entered["users"]} == {ana.id, ben.id}
    [joined] = await watcher.hears("user_joined")
    assert joined["present"] == [ana.id, ben.id]
    await client.say("ExitRoom", room_id=1)
    [left] = await watcher.hears("user_left", user_id=ben.id)
    assert left["present"] == [ana.id]
    await ana.do(c.SendMessage(room_id=1, content="still there?"))
    await client.hears("message_sent", content="still there?")
    client.socket.close()
    await turns()
    assert len(watcher.heard("user_left")) == 1


async def test_who_is_removed_hears_no_more_of_that_room_on_a_socket_for_all_and_is_hung_up_on_one_for_it(people):
    ana, ben, _ = people
    room = await ana.do(c.CreateRoom(name="Strict"))
    await ben.do(c.JoinRoom(room_id=room.id))
    listener, one_room = await ben.open(), await ben.open(Toy(), room_id=room.id)
    await ana.do(c.RemoveMember(room_id=room.id, user_id=ben.id))
    await ana.do(c.SendMessage(room_id=room.id, content="now that they are gone"))
    await ana.do(c.SendMessage(room_id=1, content="elsewhere"))
    for client in (listener, one_room):
        [removed] = await client.hears("member_removed", room_id=room.id)
        assert removed["own"]
    await listener.hears("message_sent", content="elsewhere")
    assert not listener.heard("message_sent", room_id=room.id)
    assert not listener.socket.is_closed
    assert one_room.heard("close") == [{"type": "close", "code": 4000, "reason": "not_a_member"}]


async def test_a_socket_that_would_not_make_one_a_member_is_hung_up_on(people):
    ana, ben, _ = people
    public = await ana.do(c.CreateRoom(name="Open"))
    private = await ana.do(c.CreateRoom(name="Closed", is_private=True))
    for room_id, reason in ((public.id, "not_a_member"), (private.id, "no_such_room"), (99, "no_such_room")):
        client = await ben.open(Toy(c.EnterRoom(room_id=room_id, joins=False)), room_id=room_id)
        assert client.heard("close") == [{"type": "close", "code": 4000, "reason": reason}]
    assert [one.user_id for one in (await ana.do(c.ListMembers(room_id=public.id))).items] == [ana.id]


# ---- typing


async def test_typing_is_told_to_the_other_one_of_a_direct_room_by_their_name(people):
    ana, ben, cleo = people
    writer, reader, stranger = await ana.open(), await ben.open(), await cleo.open()
    assert await writer.say("Type", user_id=ben.id) is None, "there is no such room yet"
    room = await ana.do(c.OpenDirect(user_id=ben.id))
    await writer.say("Type", user_id=cleo.id)
    await writer.say("Type", room_id=room.id)
    [typing] = await reader.hears("user_typing")
    assert (typing["room_id"], typing["user_id"]) == (room.id, ana.id)
    await reader.say("Type", user_id=ana.id)
    await reader.say("Type", user_id=ana.id)
    await writer.hears("user_typing", user_id=ben.id)
    await turns()
    assert len(writer.heard("user_typing")) == 1
    assert not stranger.heard("user_typing")


async def test_nobody_is_told_of_who_types_where_they_may_not_speak(people):
    ana, ben, cleo = people
    room, direct = await ana.do(c.CreateRoom(name="Quiet")), await ana.do(c.OpenDirect(user_id=ben.id))
    await ben.do(c.JoinRoom(room_id=room.id))
    until_when = utc_now().replace(year=utc_now().year + 1)
    await ana.do(c.UpdateMember(room_id=room.id, user_id=ben.id, muted_until=until_when))
    await ana.do(c.BlockUser(user_id=ben.id))
    writer, reader, other = await ben.open(), await ana.open(), await cleo.open()
    for place in ({"room_id": room.id}, {"room_id": direct.id}, {"user_id": ana.id}, {}):
        assert await writer.say("Type", **place) is None
    assert (await writer.say("Type", room_id=99))["code"] == "not_a_member"
    await writer.say("Type", room_id=1)
    await other.hears("user_typing", room_id=1)
    assert not reader.heard("user_typing"), "she has blocked him"


# ---- receipts


async def test_a_direct_message_that_came_to_a_socket_is_delivered_and_who_wrote_it_hears_so(people):
    ana, ben, cleo = people
    first = await ana.do(c.SendDirect(user_id=ben.id, content="nobody is there"))
    writer = await ana.open()
    await turns()
    assert (await ana.do(c.GetMessage(message_id=first.message_id))).delivered_at is None
    reader, bystander = await ben.open(), await cleo.open()
    await turns()
    assert not writer.heard("delivered_updated"), "one hears one's rooms from their ends on"
    second = await ana.do(c.SendDirect(user_id=ben.id, content="hello"))
    [told] = await writer.hears("delivered_updated")
    assert (told["user_id"], told["seq"], told["message_id"]) == (ben.id, second.seq, second.message_id)
    for sent in (first, second):
        message = await ana.do(c.GetMessage(message_id=sent.message_id))
        assert message.delivered_at is not None
        assert message.read_at is None
    await reader.hears("delivered_updated")
    assert not bystander.heard("delivered_updated")


async def test_what_one_catches_up_with_is_delivered_too(people):
    ana, ben, _ = people
    room = await ana.do(c.OpenDirect(user_id=ben.id))
    sent = [await ana.do(c.SendDirect(user_id=ben.id, content=str(n))) for n in range(3)]
    writer = await ana.open()
    await ben.open(Toy(c.EnterRoom(room_id=room.id, after=2)))
    [told] = await writer.hears("delivered_updated")
    assert told["seq"] == sent[-1].seq


async def test_in_other_rooms_nothing_is_marked_as_delivered(people):
    ana, ben, _ = people
    group = await ana.do(c.CreateGroup(member_ids=[ben.id]))
    reader = await ben.open()
    await ana.do(c.SendMessage(room_id=group.id, content="hello"))
    await reader.hears("message_sent")
    await turns()
    [_, member] = (await ana.do(c.ListMembers(room_id=group.id))).items
    assert member.delivered_seq == 2


class Flaky:
    """An executor that is away the first time."""

    def __init__(self, executor):
        self._executor, self.tries = executor, []

    async def execute(self, command, actor):
        self.tries.append(command.seq)
        if len(self.tries) == 1:
            raise Unavailable
        return await self._executor.execute(command, actor)


async def test_a_mark_that_could_not_be_moved_is_moved_with_the_next_message(node, people):
    from tertulia.transport.receipts import Receipts

    ana, ben, _ = people
    flaky = Flaky(node.executor)
    receipts = Receipts(flaky)
    node.hub.on_delivered = receipts.on_delivered
    writer = await ana.open()
    await ben.open()
    first = await ana.do(c.SendDirect(user_id=ben.id, content="one"))
    await until(lambda: flaky.tries)
    second = await ana.do(c.SendDirect(user_id=ben.id, content="two"))
    [told] = await writer.hears("delivered_updated")
    assert (flaky.tries, told["seq"]) == ([first.seq, second.seq], second.seq)
    assert (await ana.do(c.GetMessage(message_id=first.message_id))).delivered_at is not None
    await receipts.stop()


async def test_many_messages_that_come_while_a_mark_is_moved_are_marked_by_one_more(node, people):
    from tertulia.transport.receipts import Receipts

    ana, ben, _ = people
    counting = Flaky(node.executor)
    receipts = Receipts(counting)
    reader = await ben.open()
    node.hub.on_delivered = receipts.on_delivered
    sent = [await ana.do(c.SendDirect(user_id=ben.id, content=str(n))) for n in range(2)]
    await reader.hears("message_sent", 2)
    [connection] = node.hub.connections_of(ben.id)
    for seq in range(1, 200):
        receipts.on_delivered(connection, (await ana.do(c.FindDirect(user_id=ben.id))).id, seq % sent[-1].seq + 1)
    await until(lambda: not receipts._tasks)
    assert max(counting.tries) == sent[-1].seq
    assert len(receipts._wanted) == 0
    await receipts.stop()
