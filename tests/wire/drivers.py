"""Drivers: one client for each dialect, in that dialect's own words, with one vocabulary for the tests.

A driver hears frames into a list and waits for what a test asks of it; it never sleeps and hopes.
"""

import asyncio
import itertools
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2
import msgspec
import websockets
from websockets.asyncio.client import ClientConnection

import frames

PATIENCE = 10.0
"""Seconds after which what has not come is taken for lost. No test passes by waiting this long."""
PASSWORD = "a long one, please"
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here is encrypted. Left out, each HTTP client reads all certificates of the world, for longer than a call."""
_refs = itertools.count(1)


class Person:
    """An account, and its token."""

    def __init__(self, base: str, user: dict[str, Any], login: dict[str, Any]) -> None:
        self.base, self.user, self.login = base, user, login

    @property
    def id(self) -> int:
        return self.user["id"]

    @property
    def name(self) -> str:
        return self.user["username"]

    @property
    def token(self) -> str:
        return self.login["access_token"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def socket_url(self, path: str) -> str:
        return self.base.replace("http", "ws", 1) + path

    async def ask(self, method: str, path: str, status: int | None = None, **more: Any) -> httpx2.Response:
        """A REST call under /api/v1 in this person's name, which must be answered with *status* if that is given."""
        async with httpx2.AsyncClient(base_url=self.base, headers=self.headers, timeout=PATIENCE, verify=PLAIN) as http:
            answer = await http.request(method, f"/api/v1{path}", **more)
        assert status is None or answer.status_code == status, answer.text
        return answer


async def sign_up(base: str, name: str) -> Person:
    async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE, verify=PLAIN) as http:
        made = await http.post("/api/v1/auth/register", json={"username": name, "password": PASSWORD})
        assert made.status_code in (201, 409), made.text
        login = await http.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
        assert login.status_code == 200, login.text
    return Person(base, login.json()["user"], login.json())


@dataclass(frozen=True)
class Heard:
    """Something that a client heard live, in words that all dialects share. *kind*: message, edited, deleted, reacted,
    unreacted, typing, read, joined or left. Ids are numbers, as the core has them; what a format does not say is None."""

    kind: str
    user_id: int | None = None
    message_id: int | None = None
    text: str | None = None
    reply_to: int | None = None
    quote: str | None = None
    """The quoted text."""
    emoji: str | None = None


class Client:
    """A socket that remembers all it heard. Sub-classes know the words.

    *cannot_say* and *cannot_hear*: what this dialect has no word for (edit, delete, react, unreact, reply, type, read,
    leave, resume / the kinds of `Heard`, and `quote`), and why, in a sentence. Everything else works.
    """

    dialect = ""
    is_of_one_room = False
    """Whether the socket is there for one room, and closes with the membership."""
    cannot_say: ClassVar[dict[str, str]] = {}
    cannot_hear: ClassVar[dict[str, str]] = {}

    def __init__(self, person: Person, socket: ClientConnection) -> None:
        self.person, self.socket = person, socket
        self.heard: list[Any] = []
        self.wrong: AssertionError | None = None
        """What the server said that it should not have."""
        self._news = asyncio.Condition()
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, person: Person, room_id: int = 1, **options: Any) -> "Client":
        raise NotImplementedError

    async def say(self, text: str) -> None:
        """Send a message to the room; its echo is proof that it was stored."""
        raise NotImplementedError

    async def reply(self, message_id: int, text: str) -> None:
        raise NotImplementedError

    async def edit(self, message_id: int, text: str) -> None:
        raise NotImplementedError

    async def delete(self, message_id: int) -> None:
        raise NotImplementedError

    async def react(self, message_id: int, emoji: str) -> None:
        raise NotImplementedError

    async def unreact(self, message_id: int, emoji: str) -> None:
        raise NotImplementedError

    async def type(self) -> None:
        raise NotImplementedError

    async def read_to(self, message_id: int) -> None:
        """Say that one has read up to this message."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Be in the room no longer, deliberately; by a frame if there is one, else by closing."""
        raise NotImplementedError

    @classmethod
    async def resume(cls, person: Person, room_id: int, last: "Client") -> "Client":
        """Come back after *last* was lost. What was said meanwhile is then among `missed()`."""
        raise NotImplementedError

    async def missed(self) -> list[str]:
        """The texts said while one was away, in order, as one learns of them after `resume`: from the log, the history
        that comes with joining, or the dialect's REST."""
        raise NotImplementedError

    def events(self) -> list[Heard]:
        """All that was heard live in the room, in order."""
        raise NotImplementedError

    async def hears(self, kind: str, **fields: Any) -> Heard:
        """The first event of that kind with these values."""

        def found() -> Heard | None:
            return next(
                (e for e in self.events() if e.kind == kind and all(getattr(e, k) == v for k, v in fields.items())),
                None,
            )

        return await self.until(found, f"{kind} {fields}")

    def texts(self) -> list[str]:
        """The messages heard live, in order."""
        return [event.text or "" for event in self.events() if event.kind == "message"]

    async def hear(self, text: str) -> None:
        await self.until(lambda: text in self.texts(), f"{text!r}")

    async def until(self, is_so: Callable[[], Any], what: str = "it") -> Any:
        async def wait() -> Any:
            async with self._news:
                while not (found := is_so()):
                    if self.wrong is not None:
                        raise self.wrong
                    if self._listener.done():
                        raise AssertionError(f"closed {self.closed} before {what} came; heard {self.heard[-5:]}")
                    await self._news.wait()
                return found

        try:
            return await asyncio.wait_for(wait(), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"{what} never came; heard {self.heard[-5:]}") from None

    @property
    def closed(self) -> tuple[int | None, str | None]:
        return self.socket.close_code, self.socket.close_reason

    async def close(self) -> None:
        await self.socket.close()
        await self._listener
        if self.wrong is not None:
            raise self.wrong

    async def closes(self) -> tuple[int | None, str | None]:
        """Wait until the server closes; the code and the reason."""
        await asyncio.wait_for(self._listener, PATIENCE)
        return self.closed

    async def vanish(self) -> None:
        """Be gone without a word."""
        self.socket.transport.abort()
        await self._listener

    async def _listen(self) -> None:
        try:
            async for frame in self.socket:
                heard = self.read(frame)
                for one in heard:
                    frames.check(self.person.base, self.dialect, "server", one)
                async with self._news:
                    self.heard += heard
                    self._news.notify_all()
        except websockets.ConnectionClosed:
            pass
        except AssertionError as error:
            self.wrong = error
        async with self._news:
            self._news.notify_all()

    def read(self, frame: str | bytes) -> list[Any]:
        return [json.loads(frame)]

    async def send(self, frame: Any) -> None:
        """A frame that is right; what is wrong goes to `mumble`."""
        frames.check(self.person.base, self.dialect, "client", frame)
        await self.mumble(frame)

    async def mumble(self, frame: Any) -> None:
        """A frame that may be wrong."""
        await self.socket.send(json.dumps(frame))


CAFE_KINDS = {
    "message_received": "message",
    "message_edited": "edited",
    "message_deleted": "deleted",
    "reaction_added": "reacted",
    "reaction_removed": "unreacted",
    "user_typing": "typing",
    "read_updated": "read",
    "user_joined": "joined",
    "user_left": "left",
}
DURABLE = ("message_received", "message_edited", "message_deleted", "reaction_added", "reaction_removed")


class Cafe(Client):
    dialect = "cafe"
    room_id = 1
    subprotocols: list[Any] | None = None

    @classmethod
    async def connect(cls, person: Person, **options: Any) -> "Cafe":
        url = person.socket_url(f"/api/v1/ws?token={person.token}")
        socket = await websockets.connect(url, subprotocols=cls.subprotocols, max_size=None, **options)
        return cls(person, socket)

    @classmethod
    async def open(cls, person: Person, room_id: int = 1, **options: Any) -> "Cafe":
        client = await cls.connect(person, **options)
        await client.join(room_id)
        return client

    async def join(self, room_id: int = 1, **data: Any) -> dict[str, Any]:
        self.room_id = room_id
        return await self.ask("join_room", room_id=room_id, **data)

    async def ask(self, event: str, **data: Any) -> dict[str, Any]:
        """Send with an id and give the ack's data; an error is an AssertionError that holds it."""
        answer = await self.answer(event, **data)
        assert answer["event"] != "error", answer
        return answer["data"]

    async def answer(self, event: str, **data: Any) -> dict[str, Any]:
        ref = next(_refs)
        await self.send({"event": event, "data": data, "id": ref})
        return await self.until(
            lambda: next((f for f in self.heard if f.get("id") == ref), None), f"an answer to {event}"
        )

    async def say(self, text: str) -> None:
        await self.send({"event": "send_message", "data": {"room_id": self.room_id, "message": text}})

    def data(self, *names: str) -> list[dict[str, Any]]:
        """The data of all events of these names, in order."""
        return [frame["data"] for frame in self.heard if frame["event"] in names]

    async def event(self, name: str, **fields: Any) -> dict[str, Any]:
        """The first event of that name with these values in its data."""
        found = lambda: next((d for d in self.data(name) if d.items() >= fields.items()), None)  # noqa: E731
        return await self.until(found, f"{name} {fields}")

    async def reply(self, message_id: int, text: str) -> None:
        await self.ask("send_message", room_id=self.room_id, message=text, reply_to=message_id)

    async def edit(self, message_id: int, text: str) -> None:
        await self.ask("edit_message", message_id=message_id, message=text)

    async def delete(self, message_id: int) -> None:
        await self.ask("delete_message", message_id=message_id)

    async def react(self, message_id: int, emoji: str) -> None:
        await self.ask("add_reaction", message_id=message_id, emoji=emoji)

    async def unreact(self, message_id: int, emoji: str) -> None:
        await self.ask("remove_reaction", message_id=message_id, emoji=emoji)

    async def type(self) -> None:
        await self.ask("typing", room_id=self.room_id)

    async def read_to(self, message_id: int) -> None:
        message = (await self.person.ask("GET", f"/messages/{message_id}", 200)).json()
        await self.ask("mark_read", room_id=self.room_id, seq=message["seq"])

    async def leave(self) -> None:
        await self.ask("leave_room", room_id=self.room_id)

    @classmethod
    async def resume(cls, person: Person, room_id: int, last: "Client") -> "Cafe":
        assert isinstance(last, Cafe)
        client = await cls.connect(person)
        ack = next(f["data"] for f in last.heard if f["event"] == "ack" and "epoch" in f["data"])
        seqs = [d["seq"] for d in last.data(*DURABLE) if d["room_id"] == room_id]
        await client.join(room_id, after=max([ack["seq"], *seqs]), epoch=ack["epoch"])
        return client

    async def missed(self) -> list[str]:
        await self.event("caught_up")
        return self.texts()

    def events(self) -> list[Heard]:
        return [told for frame in self.heard if (told := self._told(frame["event"], frame.get("data"))) is not None]

    def _told(self, name: str, data: Any) -> Heard | None:
        if name not in CAFE_KINDS or data["room_id"] != self.room_id:
            return None
        quote = data.get("quote") or {}
        is_mark = name == "read_updated"
        return Heard(
            CAFE_KINDS[name],
            user_id=data["user_id"],
            message_id=data.get("message_id"),
            text=None if is_mark else data.get("message"),
            reply_to=data.get("reply_to"),
            quote=quote.get("text"),
            emoji=data.get("emoji"),
        )


class CafeV1(Cafe):
    dialect = "cafe.v1"
    subprotocols = ["tertulia.v1"]

    def read(self, frame: str | bytes) -> list[Any]:
        one = json.loads(frame)
        return one if isinstance(one, list) else [one]


class CafeMsgpack(Cafe):
    dialect = "cafe.v1+msgpack"
    subprotocols = ["tertulia.v1+msgpack"]

    def read(self, frame: str | bytes) -> list[Any]:
        assert isinstance(frame, bytes)
        one = msgspec.msgpack.decode(frame)
        return one if isinstance(one, list) else [one]

    async def mumble(self, frame: Any) -> None:
        await self.socket.send(msgspec.msgpack.encode(frame))


NO_WORD = "the format knows messages alone"


class Simple(Client):
    dialect = "simple"
    is_of_one_room = True
    cannot_say: ClassVar[dict[str, str]] = dict.fromkeys(
        ("edit", "delete", "react", "unreact", "reply", "type", "read"), NO_WORD
    )
    cannot_hear: ClassVar[dict[str, str]] = dict.fromkeys(
        ("edited", "deleted", "reacted", "unreacted", "typing", "read", "joined", "left", "quote"), NO_WORD
    )

    @classmethod
    async def connect(cls, person: Person, room_id: int = 1, **options: Any) -> "Simple":
        url = person.socket_url(f"/api/v1/ws/{room_id}?token={person.token}")
        return cls(person, await websockets.connect(url, max_size=None, **options))

    @classmethod
    async def open(cls, person: Person, room_id: int = 1, **options: Any) -> "Simple":
        client = await cls.connect(person, room_id, **options)
        await client.frame("messages_history")
        return client

    async def say(self, text: str) -> None:
        await self.send({"type": "message", "content": text})

    def frames(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.heard if frame["type"] == kind]

    async def frame(self, kind: str) -> dict[str, Any]:
        """The first frame of that type."""
        return (await self.until(lambda: self.frames(kind), kind))[0]

    async def leave(self) -> None:
        await self.close()

    @classmethod
    async def resume(cls, person: Person, room_id: int, last: Client) -> "Simple":
        return await cls.open(person, room_id)

    async def missed(self) -> list[str]:
        """The history's, those that the test itself knows of included."""
        history = (await self.frame("messages_history"))["data"]["messages"]
        return [message["content"] for message in reversed(history)]

    def events(self) -> list[Heard]:
        return [
            Heard("message", user_id=data["user_id"], message_id=data["id"], text=data["content"])
            for data in (frame["data"] for frame in self.frames("message"))
        ]
