"""What people do with messages in cafe: by REST what sockets hear, on sockets what REST tells afterwards."""

import asyncio
from urllib.parse import quote

import pytest

from drivers import Cafe, CafeMsgpack, CafeV1


async def room_of(people, *names, kind="channel"):
    """A room of its own with these people in it, the first of them its owner."""
    owner, *others = [await people(name) for name in names]
    if kind == "group":
        body = {"kind": "group", "member_ids": [one.id for one in others]}
        return [(await owner.ask("POST", "/rooms", 201, json=body)).json()["id"], owner, *others]
    room = (await owner.ask("POST", "/rooms", 201, json={"name": "Table"})).json()["id"]
    for one in others:
        await one.ask("POST", f"/rooms/{room}/join", 200)
    return [room, owner, *others]


async def send(person, room, content, **more):
    return (await person.ask("POST", f"/rooms/{room}/messages", 201, json={"content": content, **more})).json()


async def get(person, path):
    return (await person.ask("GET", path, 200)).json()


async def test_a_message_sent_by_rest_comes_back_whole_and_twice_as_a_duplicate(people):
    room, ana, bea = await room_of(people, "ana", "bea")
    first = await send(bea, room, "Who wants coffee?\nI do.")
    body = {"reply_to": first["id"], "nonce": "n-1", "kind": "image"}

    sent = await send(ana, room, f"@{bea.name} me! @here", **body)
    again = await send(ana, room, f"@{bea.name} me! @here", **body)

    assert sent["quote"] == {
        "message_id": first["id"],
        "user_id": bea.id,
        "username": bea.name,
        "text": "Who wants coffee?",
        "is_deleted": False,
    }
    assert (sent["mentions"], sent["mentions_here"], sent["kind"]) == ([bea.id], True, "image")
    assert (sent["duplicate"], again) == (False, sent | {"duplicate": True})
    assert await get(ana, f"/messages/{sent['id']}") == {key: sent[key] for key in sent if key != "duplicate"}

    await ana.ask("DELETE", f"/messages/{sent['id']}", 204)
    after = await send(ana, room, f"@{bea.name} me! @here", **body)

    assert (after["id"], after["seq"], after["created_at"]) == (sent["id"], sent["seq"], sent["created_at"])
    assert (after["duplicate"], after["is_deleted"], after["content"], after["quote"]) == (
        True,
        True,
        "",
        sent["quote"],
    )


async def test_a_nonce_used_again_in_chat_gives_the_first_message_too(people):
    room, ana = await room_of(people, "ana")
    body = {"room_id": room, "message": "hola", "nonce": "n"}

    first, second = [(await ana.ask("POST", "/chat", 201, json=body)).json() for _ in range(2)]

    assert (first["duplicate"], second) == (False, first | {"duplicate": True})
    assert first["message"] == "hola"


async def test_a_member_who_was_removed_still_learns_that_a_nonce_was_used(people):
    room, ana, bea = await room_of(people, "ana", "bea")
    first = await send(bea, room, "hola", nonce="n")
    await ana.ask("DELETE", f"/rooms/{room}/members/{bea.id}", 204)

    again = await send(bea, room, "hola", nonce="n")

    assert (again["id"], again["seq"], again["content"], again["duplicate"]) == (
        first["id"],
        first["seq"],
        "hola",
        True,
    )


@pytest.mark.parametrize("kind", ["system", "Image", "", "a" * 33, "a b"])
async def test_a_kind_is_a_small_word_and_not_the_servers_own(people, kind):
    room, ana = await room_of(people, "ana")
    client = people.keep(await Cafe.open(ana, room))

    refused = await ana.ask("POST", f"/rooms/{room}/messages", 422, json={"content": "x", "kind": kind})
    answer = await client.answer("send_message", room_id=room, message="x", kind=kind)

    assert refused.json()["code"] == answer["data"]["code"] == "invalid"


@pytest.mark.parametrize("emoji", ["👍", "+1", ":coffee:", "👩‍👩‍👧‍👦", "n/a", "n/", "/", "é" * 32])
async def test_reactions_by_rest_are_heard_and_seen(people, emoji):
    room, ana, bea = await room_of(people, "ana", "bea")
    client = people.keep(await CafeV1.open(ana, room))
    sent = await send(ana, room, "hola")
    path = f"/messages/{sent['id']}/reactions/{quote(emoji, safe='')}"
    given = (await bea.ask("PUT", path, 200)).json()
    again = (await bea.ask("PUT", path, 200)).json()

    assert given["reactions"] == again["reactions"] == [{"emoji": emoji, "count": 1, "users": [bea.id]}]
    heard = await client.event("reaction_added", message_id=sent["id"], emoji=emoji)
    assert (heard["user_id"], heard["username"], heard["count"]) == (bea.id, bea.name, 1)
    (listed,) = (await get(ana, f"/messages/{sent['id']}/reactions"))["items"]
    assert (listed["emoji"], listed["user_id"], listed["seq"]) == (emoji, bea.id, heard["seq"])

    await bea.ask("DELETE", path, 204)
    await bea.ask("DELETE", path, 204)
    gone = await client.event("reaction_removed", message_id=sent["id"], emoji=emoji)
    assert gone["count"] == 0
    assert (await get(ana, f"/messages/{sent['id']}"))["reactions"] == []
    await client.say("after")
    await client.hear("after")
    assert len(client.data("reaction_added", "reaction_removed")) == 2


@pytest.mark.parametrize("emoji", ["a%20b", "e" * 33, "%0A"])
async def test_what_is_no_emoji_is_refused(people, emoji):
    room, ana = await room_of(people, "ana")
    sent = await send(ana, room, "hola")

    assert (await ana.ask("PUT", f"/messages/{sent['id']}/reactions/{emoji}", 422)).json()["code"] == "invalid"


async def test_reactions_and_their_pages_on_sockets(people):
    room, ana, bea = await room_of(people, "ana", "bea")
    first, second = people.keep(await Cafe.open(ana, room)), people.keep(await CafeMsgpack.open(bea, room))
    sent = await first.ask("send_message", room_id=room, message="hola")

    acks = [await one.ask("add_reaction", message_id=sent["message_id"], emoji="👍") for one in (first, second, first)]

    assert acks[0] == acks[2] == {"seq": sent["seq"] + 1}
    heard = await second.event("reaction_added", user_id=bea.id)
    assert (heard["seq"], heard["count"]) == (acks[1]["seq"], 2)
    page = await first.ask("fetch_messages", room_id=room)
    assert page["messages"][0]["reactions"] == [{"emoji": "👍", "count": 2, "users": [ana.id, bea.id]}]
    head = await get(ana, f"/messages/{sent['message_id']}/reactions?limit=1")
    rest = await get(ana, f"/messages/{sent['message_id']}/reactions?limit=1&cursor={head['next_cursor']}")
    assert [one["user_id"] for one in head["items"] + rest["items"]] == [ana.id, bea.id]
    assert (head["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)


async def test_pins_are_the_moderators_in_a_channel_and_everybodys_in_a_group(people):
    room, ana, bea = await room_of(people, "ana", "bea")
    group, owner, guest = await room_of(people, "owner", "guest", kind="group")
    sent, other = await send(bea, room, "one"), await send(ana, room, "two")
    client = people.keep(await Cafe.open(bea, room))

    assert (await bea.ask("PUT", f"/messages/{sent['id']}/pin", 403)).json()["code"] == "role_too_low"
    assert (await client.answer("pin_message", message_id=sent["id"]))["data"]["code"] == "role_too_low"
    for one in (sent, other, sent):
        await ana.ask("PUT", f"/messages/{one['id']}/pin", 204)

    heard = await client.event("message_pinned", message_id=other["id"])
    assert (heard["user_id"], heard["username"]) == (ana.id, ana.name)
    assert [one["content"] for one in (await get(bea, f"/rooms/{room}/pins"))["items"]] == ["two", "one"]
    late = people.keep(await CafeV1.open(ana, room))
    assert (await late.event("room_state"))["pins"] == [other["id"], sent["id"]]

    await bea.ask("DELETE", f"/messages/{sent['id']}", 204)
    await ana.ask("DELETE", f"/messages/{other['id']}/pin", 204)
    await client.event("message_unpinned", message_id=other["id"])
    assert (await get(bea, f"/rooms/{room}/pins"))["items"] == []

    free = await send(owner, group, "ours")
    theirs = people.keep(await Cafe.open(guest, group))
    pinned = await theirs.ask("pin_message", message_id=free["id"])
    assert pinned == await theirs.ask("pin_message", message_id=free["id"])
    await theirs.ask("unpin_message", message_id=free["id"])
    assert (await get(guest, f"/rooms/{group}/pins"))["items"] == []


async def test_versions_are_for_the_author_and_for_moderators(people):
    room, ana, bea, cleo = await room_of(people, "ana", "bea", "cleo")
    sent = await send(bea, room, "helo")
    await bea.ask("PATCH", f"/messages/{sent['id']}", 200, json={"content": "hello"})

    for one in (ana, bea):
        versions = (await get(one, f"/messages/{sent['id']}/versions"))["items"]
        assert [version["content"] for version in versions] == ["helo", "hello"]
        assert versions[0]["seq"] == sent["seq"] < versions[1]["seq"]
    assert (await cleo.ask("GET", f"/messages/{sent['id']}/versions", 403)).json()["code"] == "role_too_low"


async def test_an_edit_mentions_anew_and_mentions_are_counted_until_they_are_read(people):
    room, ana, bea = await room_of(people, "ana", "bea")
    client = people.keep(await Cafe.open(bea, room))
    sent = await send(ana, room, f"@{bea.name}")
    await send(ana, room, "@here")

    assert (await get(bea, f"/rooms/{room}"))["mention_count"] == 2
    v1 = people.keep(await CafeV1.connect(bea))
    heads = (await v1.event("hello"))["rooms"]
    assert next(head for head in heads if head["room_id"] == room)["mention_count"] == 2

    await ana.ask("PATCH", f"/messages/{sent['id']}", 200, json={"content": "nobody"})
    heard = await client.event("message_edited", message_id=sent["id"])
    assert (heard["username"], heard["mentions"], heard["mentions_here"]) == (ana.name, [], False)
    assert (await get(bea, f"/rooms/{room}"))["mention_count"] == 1
    last = (await get(bea, f"/rooms/{room}"))["last_seq"]
    await bea.ask("POST", f"/rooms/{room}/read", 200, json={"seq": last})
    assert (await get(bea, f"/rooms/{room}"))["mention_count"] == 0


async def test_a_quote_is_of_the_message_as_it_is_now(people):
    room, ana, bea = await room_of(people, "ana", "bea")
    first = await send(ana, room, "helo")
    reply = await send(bea, room, "yes?", reply_to=first["id"])
    await ana.ask("PATCH", f"/messages/{first['id']}", 200, json={"content": "hello"})

    assert (await get(ana, f"/messages/{reply['id']}"))["quote"]["text"] == "hello"
    await ana.ask("DELETE", f"/messages/{first['id']}", 204)
    items = (await get(bea, f"/rooms/{room}/events?limit=100"))["items"]
    heard = next(one["data"] for one in items if one["data"].get("message_id") == reply["id"])
    listed = (await get(bea, f"/rooms/{room}/messages"))["items"][0]
    assert listed["quote"] == heard["quote"]
    assert (listed["quote"]["text"], listed["quote"]["is_deleted"]) == ("", True)


async def test_a_direct_room_is_the_same_each_time_and_tells_what_reached_the_other(people):
    ana, bea = await people("ana"), await people("bea")
    opened = await asyncio.gather(
        *(one.ask("POST", "/rooms/direct", 200, json={"user_id": other.id}) for one, other in ((ana, bea), (bea, ana)))
    )
    room, same = (answer.json() for answer in opened)
    assert (room["id"], room["kind"], room["name"]) == (same["id"], "direct", "")
    assert (await ana.ask("POST", "/rooms/direct", 422, json={"user_id": ana.id})).json()["code"] == "invalid"
    await ana.ask("POST", "/rooms/direct", 404, json={"user_id": 4_000_000_000})

    first = people.keep(await Cafe.open(ana, room["id"]))
    sent = await send(ana, room["id"], "hola")
    assert (sent["recipient_id"], sent["delivered_at"], sent["read_at"]) == (bea.id, None, None)
    second = people.keep(await Cafe.open(bea, room["id"]))
    await second.ask("mark_delivered", room_id=room["id"], seq=sent["seq"])
    delivered = await first.event("delivered_updated", user_id=bea.id)
    await second.ask("mark_read", room_id=room["id"], seq=sent["seq"])
    read = await first.event("read_updated", user_id=bea.id)

    assert (delivered["message_id"], read["message_id"]) == (sent["id"], sent["id"])
    now = await get(ana, f"/messages/{sent['id']}")
    assert (now["delivered_at"], now["read_at"]) == (delivered["at"], read["at"])


async def test_a_group_is_for_those_who_were_asked_in(people):
    group, owner, guest = await room_of(people, "owner", "guest", kind="group")
    stranger = await people("stranger")

    room = await get(guest, f"/rooms/{group}")

    assert (room["kind"], room["name"], room["owner_id"], room["is_private"]) == ("group", "", owner.id, True)
    assert room["member_count"] == 2
    await stranger.ask("GET", f"/rooms/{group}", 404)
    await owner.ask("POST", "/rooms", 422, json={"kind": "channel"})
    await owner.ask("POST", "/rooms", 404, json={"kind": "group", "member_ids": [4_000_000_000]})
