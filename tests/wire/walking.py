"""Walking, for the tests of spaces: rooms with floors, furniture, and people who stand on them."""

from typing import Any

from drivers import Cafe, Client, Person


async def hall(owner: Person, *others: Person, **space: Any) -> int:
    """A room with a space of 1,000 by 1,000 units, without a limit of speed unless there is one; all are members."""
    wanted = {"width": 1000, "height": 1000, "speed": 0, "spawn_points": [{"x": 50, "y": 50}], **space}
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Hall", "space": wanted})).json()["id"]
    for other in others:
        await other.ask("POST", f"/rooms/{room}/join", 200)
    return room


async def put(owner: Person, room: int, kind: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """An object that stands there."""
    answer = await owner.ask("POST", "/objects", 201, json={"room_id": room, "type": kind, "x": x, "y": y, **more})
    return answer.json()


async def stand(client: Cafe, room: int, x: float, y: float) -> None:
    """Enter the room, there."""
    client.room_id = room
    await client.join(room, x=x, y=y)


async def walk(client: Client, x: float, y: float, **more: Any) -> None:
    await client.send({"event": "update_position", "data": {"room_id": client.room_id, "x": x, "y": y, **more}})


def place_of(client: Cafe, person: Person) -> tuple[float, float] | None:
    """Where *client* has last been told that they are, by events of any kind."""
    found = None
    for frame in client.heard:
        data = frame["data"]
        if frame["event"] == "room_state" and data["room_id"] == client.room_id:
            for user in data["users"]:
                if user["user_id"] == person.id:
                    found = user["x"], user["y"]
        elif frame["event"] in {"position_updated", "user_joined"} and data["user_id"] == person.id:
            found = data["x"], data["y"]
        elif frame["event"] == "positions":
            for user_id, x, y, _ in data["moves"]:
                if user_id == person.id:
                    found = x, y
            if person.id in data.get("gone", ()):
                found = None
        elif frame["event"] == "user_left" and data["user_id"] == person.id:
            found = None
    return found


async def sees(client: Cafe, person: Person, x: float, y: float) -> None:
    await client.until(lambda: place_of(client, person) == (x, y), f"{person.name} at {x}, {y}")


async def there(person: Person, room: int) -> dict[int, dict[str, Any]]:
    """Who is in the room's space, by REST."""
    answer = (await person.ask("GET", f"/room-users?room_id={room}", 200)).json()
    return {one["user_id"]: one for one in answer["items"]}
