"""conversations, as the tests speak it."""

from typing import Any

import httpx2
import websockets

from drivers import PATIENCE, PLAIN, Client, Heard, Person


def number(written: str | None) -> int | None:
    """The core's id."""
    return None if written is None else int(written.rpartition("-")[2])


async def call(person: Person, method: str, path: str, status: int | None = None, **more: Any) -> httpx2.Response:
    """A REST call under /api in this person's name, which must be answered with *status* if that is given."""
    async with httpx2.AsyncClient(base_url=person.base, headers=person.headers, timeout=PATIENCE, verify=PLAIN) as http:
        answer = await http.request(method, f"/api{path}", **more)
    assert status is None or answer.status_code == status, answer.text
    return answer


class Conversations(Client):
    dialect = "conversations"
    is_of_one_room = True

    def __init__(self, person: Person, socket: Any, room_id: int | str) -> None:
        super().__init__(person, socket)
        self.room_id = room_id

    @classmethod
    async def connect(cls, person: Person, room_id: int | str = 1, **options: Any) -> "Conversations":
        """*room_id*: as it is to stand in the address, or a number of the core's."""
        written = f"conv-{room_id}" if isinstance(room_id, int) else room_id
        url = person.socket_url(f"/api/chat/ws/{written}?token={person.token}")
        return cls(person, await websockets.connect(url, max_size=None, **options), room_id)

    @classmethod
    async def open(cls, person: Person, room_id: int = 1, **options: Any) -> "Conversations":
        client = await cls.connect(person, room_id, **options)
        await client.frame("system", sender_id=f"user-{person.id}", action="joined")
        return client

    def frames(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [one for one in self.heard if one["type"] == kind and one.items() >= fields.items()]

    async def frame(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first frame of that type with these values."""
        return (await self.until(lambda: self.frames(kind, **fields), f"{kind} {fields}"))[0]

    async def say(self, text: str) -> None:
        await self.send({"type": "message", "content": text})

    async def reply(self, message_id: int, text: str) -> None:
        await self.send({"type": "message", "content": text, "reply_to": f"msg-{message_id}"})

    async def edit(self, message_id: int, text: str) -> None:
        await self.send({"type": "edit", "message_id": f"msg-{message_id}", "content": text})

    async def delete(self, message_id: int) -> None:
        await self.send({"type": "delete", "message_id": f"msg-{message_id}"})

    async def react(self, message_id: int, emoji: str) -> None:
        await self.send({"type": "reaction", "message_id": f"msg-{message_id}", "emoji": emoji})

    async def unreact(self, message_id: int, emoji: str) -> None:
        """The same again takes it back."""
        await self.react(message_id, emoji)

    async def type(self) -> None:
        await self.send({"type": "typing"})

    async def read_to(self, message_id: int) -> None:
        await self.send({"type": "read", "message_id": f"msg-{message_id}"})

    async def leave(self) -> None:
        await self.close()

    @classmethod
    async def resume(cls, person: Person, room_id: int, last: Client) -> "Conversations":
        return await cls.open(person, room_id)

    async def missed(self) -> list[str]:
        """What REST has of the conversation, that which the test itself knows of included."""
        path = f"/chat/conversations/conv-{self.room_id}/messages?limit=100"
        return [message["content"] for message in (await call(self.person, "GET", path, 200)).json()]

    def events(self) -> list[Heard]:
        return [told for frame in self.heard if (told := self._told(frame)) is not None]

    def _told(self, frame: dict[str, Any]) -> Heard | None:
        kind, user_id = frame["type"], number(frame.get("sender_id"))
        message_id = number(frame.get("message_id"))
        match kind:
            case "message":
                assert frame["conversation_id"] == f"conv-{self.room_id}"
                quote = (frame["quote"] or {}).get("content")
                reply_to = number(frame["reply_to"])
                return Heard(kind, user_id, message_id, frame["content"], reply_to=reply_to, quote=quote)
            case "edit":
                return Heard("edited", user_id, message_id, frame["content"])
            case "delete":
                return Heard("deleted", user_id, message_id)
            case "reaction":
                deed = {"added": "reacted", "removed": "unreacted"}[frame["action"]]
                return Heard(deed, user_id, message_id, emoji=frame["emoji"])
            case "typing":
                return Heard(kind, user_id)
            case "read":
                return Heard(kind, user_id, message_id)
            case "system" if user_id != self.person.id:
                return Heard(frame["action"], user_id)
            case _:
                return None
