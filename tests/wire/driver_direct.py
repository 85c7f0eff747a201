"""direct, as the tests speak it."""

from typing import Any, ClassVar

import httpx2
import websockets

from drivers import PATIENCE, PLAIN, Client, Heard, Person

NOT_IN_ROOMS = "the socket hears all rooms of its user, and tells of nobody's coming and going"


def number(written: str | None) -> int | None:
    """The core's id."""
    return None if written is None else int(written)


async def call(person: Person, method: str, path: str, status: int | None = None, **more: Any) -> httpx2.Response:
    """A REST call in this person's name, which must be answered with *status* if that is given."""
    async with httpx2.AsyncClient(base_url=person.base, headers=person.headers, timeout=PATIENCE, verify=PLAIN) as http:
        answer = await http.request(method, path, **more)
    assert status is None or answer.status_code == status, answer.text
    return answer


class Direct(Client):
    """Says by REST what the socket has no word for: edits, deletions and reactions."""

    dialect = "direct"
    cannot_hear: ClassVar[dict[str, str]] = dict.fromkeys(("joined", "left"), NOT_IN_ROOMS)

    def __init__(self, person: Person, socket: Any, room_id: int) -> None:
        super().__init__(person, socket)
        self.room_id = room_id

    @classmethod
    async def connect(cls, person: Person, room_id: int = 1, **options: Any) -> "Direct":
        url = person.socket_url(f"/ws/{person.id}?token={person.token}")
        return cls(person, await websockets.connect(url, max_size=None, **options), room_id)

    @classmethod
    async def open(cls, person: Person, room_id: int = 1, **options: Any) -> "Direct":
        """*room_id*: of all that it hears, the one that `say` and `events` are about."""
        client = await cls.connect(person, room_id, **options)
        await client.ping()
        return client

    async def ping(self) -> dict[str, Any]:
        """When the pong is there, whatever was asked for before is done."""
        so_far = len(self.frames("pong"))
        await self.send({"type": "ping"})
        return (await self.until(lambda: self.frames("pong")[so_far:], "pong"))[0]

    def frames(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [one for one in self.heard if one["type"] == kind and one.items() >= fields.items()]

    async def frame(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first frame of that type with these values."""
        return (await self.until(lambda: self.frames(kind, **fields), f"{kind} {fields}"))[0]

    async def say(self, text: str) -> None:
        await self.send({"message": text, "chat_id": str(self.room_id)})

    async def tell(self, other: Person, text: str, **more: Any) -> None:
        """Say it to somebody."""
        await self.send({"message": text, "recipient_id": str(other.id), **more})

    async def reply(self, message_id: int, text: str) -> None:
        await self.send({"message": text, "chat_id": self.room_id, "reply_to_message_id": str(message_id)})

    async def edit(self, message_id: int, text: str) -> None:
        await call(self.person, "PUT", f"/messages/{message_id}", 200, json={"content": text})

    async def delete(self, message_id: int) -> None:
        await call(self.person, "DELETE", f"/messages/{message_id}", 204)

    async def react(self, message_id: int, emoji: str) -> None:
        await call(self.person, "POST", f"/messages/{message_id}/reactions", 200, params={"emoji": emoji})

    async def unreact(self, message_id: int, emoji: str) -> None:
        await call(self.person, "DELETE", f"/messages/{message_id}/reactions", 200, params={"emoji": emoji})

    async def type(self) -> None:
        await self.send({"type": "typing", "chat_id": str(self.room_id)})

    async def read_to(self, message_id: int) -> None:
        await self.send({"type": "read", "message_id": str(message_id)})

    async def leave(self) -> None:
        await self.close()

    @classmethod
    async def resume(cls, person: Person, room_id: int, last: Client) -> "Direct":
        return await cls.open(person, room_id)

    async def missed(self) -> list[str]:
        """What REST has of the room, that which the test itself knows of included."""
        newest_first = (await call(self.person, "GET", f"/messages/chat/{self.room_id}?limit=100", 200)).json()
        return [message["content"] for message in reversed(newest_first)]

    def events(self) -> list[Heard]:
        told = [_told(frame) for frame in self.heard if frame.get("chat_id") == str(self.room_id)]
        return [event for event in told if event is not None]


def _told(frame: dict[str, Any]) -> Heard | None:
    kind, user_id, message_id = frame["type"], number(frame.get("user_id")), number(frame.get("message_id"))
    match kind:
        case "message":
            assert frame["message"] == frame["content"]
            return Heard(
                kind,
                int(frame["sender_id"]),
                int(frame["id"]),
                frame["message"],
                reply_to=number(frame["reply_to_message_id"]),
                quote=(frame["quote"] or {}).get("content"),
            )
        case "message_updated":
            return Heard("edited", int(frame["sender_id"]), message_id, frame["message"])
        case "message_deleted":
            return Heard("deleted", user_id, message_id)
        case "reaction":
            deed = {"added": "reacted", "removed": "unreacted"}[frame["action"]]
            return Heard(deed, user_id, message_id, emoji=frame["emoji"])
        case "typing":
            return Heard(kind, user_id)
        case "read" | "delivered":
            return Heard(kind, user_id, message_id)
        case _:
            return None
