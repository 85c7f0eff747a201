"""rooms, as the tests speak it: many rooms on one socket, one room on one socket, and the public socket."""

from typing import Any, ClassVar

import httpx2
import websockets

from drivers import PATIENCE, PLAIN, Client, Heard, Person

NO_WORD = "the format knows messages, typing, and who comes and goes"
KINDS = {
    "message": "message",
    "user_typing": "typing",
    "user_joined": "joined",
    "user_left": "left",
    "user_disconnected": "left",
}


async def call(person: Person, method: str, path: str, status: int | None = None, **more: Any) -> httpx2.Response:
    """A REST call under /api in this person's name, which must be answered with *status* if that is given."""
    async with httpx2.AsyncClient(base_url=person.base, headers=person.headers, timeout=PATIENCE, verify=PLAIN) as http:
        answer = await http.request(method, f"/api{path}", **more)
    assert status is None or answer.status_code == status, answer.text
    return answer


class Typed(Client):
    """Frames are `{"type": …}`."""

    def frames(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [one for one in self.heard if one["type"] == kind and one.items() >= fields.items()]

    async def frame(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first frame of that type with these values."""
        return (await self.until(lambda: self.frames(kind, **fields), f"{kind} {fields}"))[0]

    async def ping(self) -> None:
        """Whatever was on its way to this client is there when this is answered."""
        before = len(self.frames("pong"))
        await self.send({"type": "ping"})
        await self.until(lambda: len(self.frames("pong")) > before, "pong")


class Rooms(Typed):
    """All of a user's rooms on one socket. *here*: what its frames about the room it is in say of that."""

    dialect = "rooms"
    room_id = 1
    cannot_say: ClassVar[dict[str, str]] = dict.fromkeys(
        ("edit", "delete", "react", "unreact", "reply", "read"), NO_WORD
    )
    cannot_hear: ClassVar[dict[str, str]] = dict.fromkeys(
        ("edited", "deleted", "reacted", "unreacted", "read", "quote"), NO_WORD
    )

    @property
    def here(self) -> dict[str, Any]:
        return {"room_id": self.room_id}

    @classmethod
    async def connect(cls, person: Person, **options: Any) -> "Rooms":
        url = person.socket_url(f"/ws/auth?token={person.token}")
        return cls(person, await websockets.connect(url, max_size=None, **options))

    @classmethod
    async def open(cls, person: Person, room_id: int = 1, **options: Any) -> "Rooms":
        client = await cls.connect(person, **options)
        await client.join(room_id)
        return client

    async def join(self, room_id: int = 1) -> None:
        self.room_id = room_id
        await self.send({"type": "join_room", "room_id": room_id})
        await self.frame("message_history", room_id=room_id)

    async def say(self, text: str) -> None:
        await self.send({"type": "message", "content": text, **self.here})

    async def type(self) -> None:
        await self.send({"type": "typing", **self.here})

    async def leave(self) -> None:
        await self.send({"type": "leave_room", **self.here})
        await self.frame("room_left", room_id=self.room_id)

    @classmethod
    async def resume(cls, person: Person, room_id: int, last: Client) -> "Rooms":
        return await cls.open(person, room_id)

    async def missed(self) -> list[str]:
        """The history's, those that the test itself knows of included."""
        history = await self.frame("message_history", room_id=self.room_id)
        return [message["content"] for message in history["messages"]]

    def events(self) -> list[Heard]:
        return [
            Heard(KINDS[one["type"]], one["user_id"], one.get("id"), one.get("content"))
            for one in self.heard
            if one["type"] in KINDS and one["room_id"] == self.room_id
        ]


class RoomsOne(Rooms):
    """One room, which the frames need not name."""

    is_of_one_room = True

    @property
    def here(self) -> dict[str, Any]:
        return {}

    @classmethod
    async def connect(cls, person: Person, room_id: int | str = 1, **options: Any) -> "RoomsOne":
        url = person.socket_url(f"/ws/room/{room_id}?token={person.token}")
        return cls(person, await websockets.connect(url, max_size=None, **options))

    @classmethod
    async def open(cls, person: Person, room_id: int = 1, **options: Any) -> "RoomsOne":
        client = await cls.connect(person, room_id, **options)
        client.room_id = room_id
        await client.frame("message_history", room_id=room_id)
        return client


class Public(Typed):
    """Somebody without an account."""

    dialect = "ws"

    @classmethod
    async def open(cls, base: str, **options: Any) -> "Public":
        url = base.replace("http", "ws", 1) + "/ws"
        client = cls(Person(base, {}, {}), await websockets.connect(url, max_size=None, **options))
        await client.frame("connection_established")
        return client

    @property
    def client_id(self) -> str:
        return self.frames("connection_established")[0]["client_id"]

    async def say(self, text: str) -> None:
        await self.send({"type": "message", "content": text})

    def texts(self) -> list[str]:
        return [one["content"] for one in self.frames("message")]
