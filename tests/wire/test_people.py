"""People, from outside: pictures, whom one has blocked, and finding somebody by name."""

import os
from io import BytesIO

import httpx2
import pytest
from PIL import Image

from driver_conversations import Conversations
from drivers import Cafe, CafeV1
from serving import Server

RED, BLUE = (220, 30, 30), (30, 30, 220)
MOST = 3_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), MAX_AVATAR_BYTES=str(MOST)) as running:
        yield running


def image(colour=RED, format_="PNG", size=(300, 200)):
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, format_)
    return out.getvalue()


async def send(person, data, kind="image/png", status=200):
    return (await person.ask("POST", "/users/me/avatar", status, content=data, headers=person.headers | {"Content-Type": kind})).json()  # fmt: skip


async def get(person, path, **headers):
    """As a browser does: without a token."""
    async with httpx2.AsyncClient(base_url=person.base) as http:
        return await http.get(path, headers=headers)


# ---- pictures


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_a_picture_is_sent_as_a_form_or_as_the_body_and_shown_to_everybody(people, format_):
    ana, ben = await people("ana"), await people("ben")
    file = ("../../me.svg", image(BLUE, format_), "text/html")  # neither name nor type counts
    user = (await ana.ask("POST", "/users/me/avatar", 200, files={"file": file})).json()
    for seen in (user, (await ben.ask("GET", f"/users/{ana.id}", 200)).json()):
        answer = await get(ana, seen["avatar_url"])
        assert answer.status_code == 200
        picture = Image.open(BytesIO(answer.content))
        assert (answer.headers["content-type"], picture.format, picture.size) == ("image/webp", "WEBP", (256, 256))
    assert (await send(ana, image(BLUE, format_), "application/octet-stream"))["id"] == ana.id


async def test_a_picture_may_be_kept_for_ever_under_its_own_address(people):
    ana = await people("ana")
    first = (await send(ana, image(RED)))["avatar_url"]
    answer = await get(ana, first)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    again = await get(ana, first, **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]

    second = (await send(ana, image(BLUE)))["avatar_url"]
    assert second != first
    for path in (first, second.partition("?")[0], f"{first}'\"><script>"):
        other = await get(ana, path, **{"If-None-Match": answer.headers["etag"]})
        assert (other.status_code, other.headers["cache-control"]) == (200, "public, no-cache")
        assert other.content != answer.content

    assert (await ana.ask("DELETE", "/users/me/avatar", 200)).json()["avatar_url"] is None
    gone = await get(ana, second)
    assert (gone.status_code, gone.json()["code"]) == (404, "avatar_not_found")
    assert (await get(ana, "/api/v1/users/999999/avatar")).status_code == 404


async def test_a_photo_may_be_larger_than_other_bodies_and_has_its_own_limit(people):
    ana = await people("ana")
    padding = os.urandom(MOST - 100_000)  # behind the picture's end, where nobody looks
    await send(ana, image() + padding)
    await ana.ask("POST", "/users/me/avatar", 200, files={"file": ("a.png", image() + padding, "image/png")})
    for body in ({"content": image() + os.urandom(MOST)}, {"files": {"file": ("a", image() + os.urandom(MOST))}}):
        headers = ana.headers | ({} if "files" in body else {"Content-Type": "image/png"})
        answer = await ana.ask("POST", "/users/me/avatar", 413, headers=headers, **body)
        assert answer.json()["code"] == "too_large"
    answer = await ana.ask("PATCH", "/users/me", 413, content=b"x" * 2_000_000)
    assert answer.json()["code"] == "too_large"


async def test_what_is_no_picture_is_refused_in_so_many_words(people):
    ana = await people("ana")
    bomb = image()[:16] + (60_000).to_bytes(4) * 2 + image()[24:]
    for data, status, code in (
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 422, "invalid"),
        (b"", 422, "invalid"),
        (image()[:80], 422, "invalid"),
        (bomb, 413, "too_large"),
    ):
        assert (await send(ana, data, status=status))["code"] == code
    form = await ana.ask("POST", "/users/me/avatar", 422, files={"other": ("a.png", image(), "image/png")})
    assert form.json()["errors"][0]["loc"][-1] == "file"
    await ana.ask("POST", "/users/me/avatar", 422, files={"file": (None, "text", None)})
    await send(ana, b"{}", "application/json", 415)
    await send(ana, b"--x\r\n", "multipart/form-data; boundary=y", 400)
    await send(ana, b"--x\r\n", "multipart/form-data", 400)
    async with httpx2.AsyncClient(base_url=ana.base) as http:
        answer = await http.post("/api/v1/users/me/avatar", content=image(), headers={"Content-Type": "image/png"})
    assert answer.status_code == 401
    assert (await ana.ask("GET", "/users/me", 200)).json()["avatar_url"] is None


async def test_the_picture_of_who_is_deleted_is_gone(people):
    ana = await people("ana")
    url = (await send(ana, image()))["avatar_url"]
    await ana.ask("DELETE", "/users/me", 204)
    assert (await get(ana, url)).status_code == 404


# ---- blocks


async def block(person, other, method="PUT", status=204):
    return await person.ask(method, f"/users/{other.id}/block", status)


async def test_the_blocked_are_a_list_of_ones_own(people):
    ana, ben, cleo = [await people(name) for name in ("ana", "ben", "cleo")]
    for other in (ben, cleo, ben):
        await block(ana, other)
    page = (await ana.ask("GET", "/users/me/blocked", 200)).json()
    assert [user["id"] for user in page["items"]] == [cleo.id, ben.id]
    assert (page["has_more"], page["next_cursor"]) == (False, None)
    assert "email" not in page["items"][0]
    assert (await ben.ask("GET", "/users/me/blocked", 200)).json()["items"] == []
    await block(ana, ben, "DELETE")
    await block(ana, ben, "DELETE")
    assert len((await ana.ask("GET", "/users/me/blocked", 200)).json()["items"]) == 1
    assert (await block(ana, ana, status=422)).json()["code"] == "invalid"
    await ana.ask("PUT", "/users/999999/block", 404)
    await cleo.ask("DELETE", "/users/me", 204)
    assert (await ana.ask("GET", "/users/me/blocked", 200)).json()["items"] == []


@pytest.mark.parametrize("driver", [Cafe, CafeV1, Conversations])
async def test_one_does_not_see_the_blocked_typing_on_any_socket_until_they_are_blocked_no_more(people, driver):
    ana, ben, cleo = await people.join(driver, "ana"), await people.join(Cafe, "ben"), await people.join(Cafe, "cleo")
    second = people.keep(await driver.open(ana.person))
    await block(ana.person, ben.person)
    late = people.keep(await driver.open(ana.person))

    await ben.type()
    await cleo.hears("typing", user_id=ben.person.id)
    await cleo.type()
    for client in (ana, second, late):
        await client.hears("typing", user_id=cleo.person.id)
        assert [event.user_id for event in client.events() if event.kind == "typing"] == [cleo.person.id]

    await ana.type()
    await ben.hears("typing", user_id=ana.person.id)  # who is blocked is not told, not even so
    await block(ana.person, ben.person, "DELETE")
    while not any(one.kind == "typing" and one.user_id == ben.person.id for one in late.events()):
        again = await Cafe.open(
            ben.person
        )  # one socket says so every few seconds only; and nodes hear of blocks a little later
        await again.type()
        await again.close()
    for client in (ana, second, late):
        await client.hears("typing", user_id=ben.person.id)


async def test_a_block_closes_the_direct_room_of_the_two(people):
    ana, ben = await people("ana"), await people("ben")
    room = (await ana.ask("POST", "/rooms/direct", json={"user_id": ben.id})).json()["id"]
    client = people.keep(await Cafe.open(ben, room))
    await client.say("before")
    await client.hear("before")
    await block(ana, ben)
    refusal = await client.answer("send_message", room_id=room, message="after")
    assert refusal["data"]["code"] == "blocked"
    answer = await ana.ask("POST", f"/rooms/{room}/messages", 403, json={"content": "after"})
    assert answer.json()["code"] == "blocked"
    assert len((await ben.ask("GET", f"/rooms/{room}/messages", 200)).json()["items"]) == 1
    await block(ana, ben, "DELETE")
    await client.say("again")
    await client.hear("again")


# ---- names


async def test_somebody_is_found_by_any_spelling_of_their_name(people):
    ana, jose = await people("ana"), await people("jose")
    await jose.ask("PATCH", "/users/me", 200, json={"display_name": "José Ñandú"})
    for q in ("jose ñ", "NANDU", "ndú"):
        page = (await ana.ask("GET", "/users", 200, params={"q": q})).json()
        assert [user["id"] for user in page["items"]] == [jose.id], q
