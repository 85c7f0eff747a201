"""One seat, one person: whoever comes at the same instant, and whatever is killed."""

import asyncio
import contextlib
import sqlite3

import pytest

from drivers import Cafe, sign_up
from servers import wait_until
from serving import Server
from walking import hall, place_of, put, sees, stand, walk

ROUNDS = 1000
OFTEN = {"FRAME_RATE": "100000", "FRAME_BURST": "100000"}
SOON = {**OFTEN, "SPACE_LEASE": "0.5"}


async def use(client: Cafe, room: int, thing: int, action: str) -> str:
    """`ack`, or the error's code."""
    answer = await client.answer("use_tool", room_id=room, target_object_id=thing, action=action)
    return answer["data"]["code"] if answer["event"] == "error" else answer["event"]


def written_x(folder, user_id):
    with contextlib.closing(sqlite3.connect(folder / "data" / "tertulia.db")) as database:
        row = database.execute("SELECT x FROM places WHERE user_id = ?", (user_id,)).fetchone()
    return row and row[0]


@pytest.mark.slow
async def test_of_two_sockets_that_sit_down_at_the_same_instant_exactly_one_sits_a_thousand_times(tmp_path):
    with Server(tmp_path, **OFTEN) as server:
        ana, bea = [await sign_up(server.url, name) for name in ("ana", "bea")]
        room = await hall(ana, bea)
        chair = (await put(ana, room, "chair", 400, 400))["id"]
        clients = [await Cafe.open(one, room) for one in (ana, bea)]
        firsts = []
        for turn in range(ROUNDS):
            order = clients if turn % 2 else clients[::-1]
            answers = await asyncio.gather(*(use(client, room, chair, "sit") for client in order))
            assert sorted(answers) == ["ack", "occupied"]
            winner = order[answers.index("ack")]
            firsts.append(winner)
            assert await use(winner, room, chair, "stand") == "ack"
            for client in clients:
                client.heard.clear()
        assert set(firsts) == set(clients)
        for client in clients:
            await client.close()


async def test_a_seat_is_kept_for_who_is_back_in_time_and_free_after_the_lease(tmp_path):
    with Server(tmp_path, SPACE_LEASE=1.5) as server:
        ana, bea = [await sign_up(server.url, name) for name in ("ana", "bea")]
        room = await hall(ana, bea)
        chair = (await put(ana, room, "chair", 400, 400))["id"]
        sitter, other = [await Cafe.open(one, room) for one in (ana, bea)]
        assert await use(sitter, room, chair, "sit") == "ack"

        await sitter.vanish()
        await other.event("user_left", user_id=ana.id)
        assert await use(other, room, chair, "sit") == "occupied"
        sitter = await Cafe.open(ana, room)
        assert place_of(sitter, ana) == (416, 416)
        assert await use(other, room, chair, "sit") == "occupied"

        await sitter.vanish()
        freed = await other.event("tool_used", action="stand", user_id=ana.id)
        assert freed["object"]["occupied_by"] is None
        assert await use(other, room, chair, "sit") == "ack"
        await other.close()


async def test_after_kill_9_the_furniture_is_as_it_was_and_seats_are_free_after_the_lease(tmp_path):
    with Server(tmp_path, **SOON) as server:
        ana, bea = [await sign_up(server.url, name) for name in ("ana", "bea")]
        room = await hall(ana, bea)
        things = [await put(ana, room, kind, 100 * n, 400) for n, kind in enumerate(("chair", "table", "wall"), 1)]
        sitter = await Cafe.open(ana, room)
        assert await use(sitter, room, things[0]["id"], "sit") == "ack"
        await ana.ask("PATCH", f"/objects/{things[1]['id']}", 200, json={"x": 640, "rotation": 90})
        await ana.ask("DELETE", f"/objects/{things[2]['id']}", 204)
        before = (await ana.ask("GET", f"/objects?room_id={room}", 200)).json()["items"]

        server.kill()
        await sitter.closes()
        server.start()

        assert (await bea.ask("GET", f"/objects?room_id={room}", 200)).json()["items"] == before
        other = await Cafe.open(bea, room)
        assert other.data("room_state")[-1]["objects"] == before
        freed = await other.event("tool_used", action="stand", user_id=ana.id)
        assert freed["object"] | {"updated_at": ""} == before[0] | {
            "occupied_by": None,
            "version": before[0]["version"] + 1,
            "updated_at": "",
        }
        assert await use(other, room, things[0]["id"], "sit") == "ack"
        await other.close()


@pytest.mark.parametrize("how", ["kill", "terminate"])
async def test_a_place_survives_a_restart(tmp_path, how):
    with Server(tmp_path, **SOON) as server:
        ana, bea = [await sign_up(server.url, name) for name in ("ana", "bea")]
        room = await hall(ana, bea)
        walker, other = [await Cafe.connect(one) for one in (ana, bea)]
        await stand(walker, room, 100, 100)
        await stand(other, room, 120, 120)
        await walk(walker, 345, 456, direction="up")
        await sees(other, ana, 345, 456)
        if how == "kill":  # places are written down every few seconds, here four times in a lease
            wait_until(lambda: written_x(tmp_path, ana.id) == 345, "the place to be written down")

        getattr(server, how)()
        await walker.closes()
        await other.closes()
        server.start()
        again = await Cafe.open(ana, room)

        me = next(one for one in again.data("room_state")[-1]["users"] if one["user_id"] == ana.id)
        assert (me["x"], me["y"], me["direction"]) == (345, 456, "up")
        await again.close()
