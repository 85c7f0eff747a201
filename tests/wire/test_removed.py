"""Who is removed hears nothing more, in whatever dialect their sockets are open: not a message, not that somebody types."""

import pytest

from dialects import DRIVERS
from drivers import Cafe, Client

HOW = {
    "kicked": ("DELETE", "/rooms/{room}/members/{guest}"),
    "banned": ("DELETE", "/rooms/{room}/members/{guest}?ban=true"),
    "the room is closed": ("DELETE", "/rooms/{room}"),
}


async def settle(client: Client) -> None:
    """Whatever was on its way to *client* has come: it answers a ping, or it is closed."""
    if client.is_of_one_room:
        await client.closes()
        return
    await client.send({"event": "ping"} if isinstance(client, Cafe) else {"type": "ping"})
    await client.until(lambda: any("pong" in (f.get("event"), f.get("type")) for f in client.heard), "a pong")


@pytest.mark.parametrize("is_private", [True, False], ids=["private", "public"])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.dialect)
async def test_an_open_socket_falls_silent_at_once(people, driver, how, is_private):
    owner, guest = await people("owner"), await people("guest")
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Ours", "is_private": is_private})).json()["id"]
    await owner.ask("POST", f"/rooms/{room}/members", 201, json={"user_id": guest.id})
    speaker, client = people.keep(await Cafe.open(owner, room)), people.keep(await driver.open(guest, room))
    await speaker.say("before")
    await client.hear("before")

    method, path = HOW[how]
    await owner.ask(method, path.format(room=room, guest=guest.id), 204)
    await speaker.send({"event": "typing", "data": {"room_id": room}})
    answer = await speaker.answer("send_message", room_id=room, message="secret")
    await settle(client)

    assert answer["event"] == ("error" if how == "the room is closed" else "ack")
    assert "secret" not in str(client.heard)
    assert "typing" not in {event.kind for event in client.events()}


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.dialect)
async def test_a_deleted_account_is_logged_out_of_every_socket(people, driver):
    guest = await people("guest")
    client = people.keep(await driver.open(guest))

    await guest.ask("DELETE", "/users/me", 204)

    assert (await client.closes())[0] in (1008, 4401)
