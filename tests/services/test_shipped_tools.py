"""The tools that ship: a whiteboard, a jukebox and a notice board; and that a tool's state is its own."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.clock import from_rfc3339, rfc3339
from tertulia.domain.errors import Invalid, Muted, RoleTooLow, TertuliaError, TooLarge, TooMany
from tertulia.domain.events import ToolUsed
from tertulia.domain.ids import STARTER_ROOM, UserId
from tertulia.domain.models import Actor, Room, SpaceObject
from tertulia.domain.roles import Builders
from tertulia.services.starter import FURNITURE, open_starter_cafe
from tertulia.services.tools import take_metadata, whiteboard
from tertulia.services.tools.jukebox import Jukebox, Playing, Track, now_playing
from tertulia.services.tools.metadata import read_state
from tertulia.services.tools.notice_board import NOTICE_BOARD
from tertulia.services.tools.shipped import SHIPPED
from tertulia.services.tools.whiteboard import WHITEBOARD
from tertulia.store.users import blank_user

FLOOR = c.SpaceChange(width=800, height=600, builders=Builders.MODERATORS)


async def use(scene: Scene, who: Actor, thing: SpaceObject, action: str, **params: Any) -> dict[str, Any]:
    """The metadata as it is after that; and the event says the same."""
    command = c.UseTool(room_id=thing.room_id, target_object_id=thing.id, action=action, params=params)
    result = await scene.do(who, command)
    event = scene.events[-1]
    assert isinstance(event, ToolUsed)
    assert (event.action, event.params, event.object) == (action, params, result.object)
    assert result.object == await scene.do(who, c.GetObject(object_id=thing.id))
    metadata: dict[str, Any] = result.object.metadata
    return metadata


async def refuses(
    scene: Scene, error: type[TertuliaError], who: Actor, thing: SpaceObject, action: str, **params: Any
) -> Any:
    command = c.UseTool(room_id=thing.room_id, target_object_id=thing.id, action=action, params=params)
    with pytest.raises(error) as refusal:
        await scene.do(who, command)
    assert type(refusal.value) is error
    return refusal.value


@pytest.fixture
async def ana(scene: Scene) -> Actor:
    return await scene.user("ana")


@pytest.fixture
async def ben(scene: Scene) -> Actor:
    return await scene.user("ben")


@pytest.fixture
async def room(scene: Scene, ana: Actor, ben: Actor) -> Room:
    """Ana's, in which Ben builds nothing."""
    return await scene.room(ana, ben, space=FLOOR)


async def tool(scene: Scene, ana: Actor, room: Room, name: str, **more: Any) -> SpaceObject:
    return await scene.thing(ana, room, "tool", x=300, metadata={"tool": name, "name": "Mine", **more})


# ---- whiteboard


async def strokes(scene: Scene, who: Actor, board: SpaceObject) -> list[Any]:
    """What is on the board, as a client finds it out that has just come: from the tool log, page by page."""
    now = await scene.do(who, c.GetObject(object_id=board.id))
    since, found, cursor = now.metadata["cleared_use_id"], [], None
    while True:
        command = c.ListToolUses(room_id=board.room_id, target_object_id=board.id, cursor=cursor, limit=3)
        page = await scene.do(who, command)
        found += [use.params["points"] for use in page.items if use.action == "draw" and use.id > since]
        cursor = page.next_cursor
        if cursor is None or cursor <= since:
            assert len(found) == now.metadata["strokes"]
            return found[::-1]


async def test_what_is_drawn_is_in_the_log_since_it_was_wiped(scene: Scene, ana: Actor, ben: Actor, room: Room) -> None:
    board, other = await tool(scene, ana, room, "whiteboard"), await tool(scene, ana, room, "whiteboard")
    assert board.metadata == {"tool": "whiteboard", "name": "Mine", "strokes": 0, "cleared_use_id": 0, "text": ""}
    assert await strokes(scene, ben, board) == []
    drawn = []
    for number in range(5):
        points = [[number, 0], [number + 0.5, 2 * number]]
        after = await use(scene, (ana, ben)[number % 2], board, "draw", points=points, color="#000", width=2)
        assert after == {**board.metadata, "strokes": number + 1}
        await use(scene, ana, other, "draw", points=[[9, 9]])
        drawn.append(points)
    await use(scene, ben, board, "wave")
    assert await strokes(scene, ben, board) == drawn
    written = await use(scene, ben, board, "write", text="Agenda")
    assert (written["text"], written["strokes"]) == ("Agenda", 5)

    wiped = await use(scene, ben, board, "clear")
    assert (wiped["strokes"], wiped["text"], wiped["name"]) == (0, "", "Mine")
    assert await strokes(scene, ana, board) == []
    await use(scene, ana, board, "draw", points=[[1, 1]])
    assert await strokes(scene, ana, board) == [[[1, 1]]]
    assert await strokes(scene, ana, other) == [[[9, 9]]] * 5


async def test_no_event_grows_with_a_drawing(scene: Scene, ana: Actor, room: Room) -> None:
    board = await tool(scene, ana, room, "whiteboard")
    sizes = set()
    for _ in range(9):
        await use(scene, ana, board, "draw", points=[[1, 1]])
        sizes.add(len(msgspec.json.encode(scene.events[-1].object.metadata)))
    assert len(sizes) == 1


async def test_a_full_whiteboard_is_wiped_first(scene: Scene, ana: Actor, room: Room) -> None:
    from tertulia.store.objects import write_object

    board = await tool(scene, ana, room, "whiteboard")
    full = msgspec.structs.replace(board, metadata={**board.metadata, "strokes": whiteboard.MOST_STROKES})
    await scene.store.write(lambda work: write_object(work, full))
    await refuses(scene, TooMany, ana, board, "draw", points=[[1, 1]])
    await use(scene, ana, board, "clear")
    await use(scene, ana, board, "draw", points=[[1, 1]])


async def test_a_stroke_is_points(scene: Scene, ana: Actor, room: Room) -> None:
    board = await tool(scene, ana, room, "whiteboard")
    for params, field in (
        ({}, "params.points"),
        ({"points": []}, "params.points"),
        ({"points": [[1]]}, "params.points.0"),
        ({"points": [[1, 2], [1, 2, 3]]}, "params.points.1"),
        ({"points": [[1, "2"]]}, "params.points.0.1"),
        ({"points": [[1, 1e6]]}, "params.points.0.1"),
        ({"points": [[1, 2]] * 501}, "params.points"),
        ({"points": [[1, 2]], "width": 0}, "params.width"),
        ({"points": [[1, 2]], "color": 5}, "params.color"),
    ):
        assert (await refuses(scene, Invalid, ana, board, "draw", **params)).field.startswith(field)


# ---- jukebox


async def test_a_jukebox_plays_one_after_the_other(scene: Scene, ana: Actor, ben: Actor, room: Room) -> None:
    box = await tool(scene, ana, room, "jukebox")
    assert (box.metadata["playing"], box.metadata["queue"]) == (None, [])
    first = await use(scene, ana, box, "add", title="First", url="https://example.org/1", duration=60)
    begun = from_rfc3339(first["playing"]["started_at"])
    assert first["playing"] == {
        "title": "First",
        "url": "https://example.org/1",
        "duration": 60,
        "by": ana.user_id,
        "username": "ana",
        "started_at": rfc3339(scene.events[-1].created_at),
    }
    await use(scene, ben, box, "add", title="Second", duration=30.5)
    third = await use(scene, ben, box, "add", title=" Third ")
    assert (third["playing"]["title"], [one["title"] for one in third["queue"]]) == ("First", ["Second", "Third"])
    assert third["queue"][1] == {"title": "Third", "url": None, "duration": None, "by": ben.user_id, "username": "ben"}

    scene.clock.pass_(seconds=70)  # ten seconds into the second
    later = await use(scene, ana, box, "add", title="Fourth", duration=10)
    assert later["playing"]["title"] == "Second"
    assert from_rfc3339(later["playing"]["started_at"]) == begun + timedelta(seconds=60)
    scene.clock.pass_(hours=1)  # the third has no end
    skipped = await use(scene, ben, box, "skip")
    assert (skipped["playing"]["title"], skipped["queue"]) == ("Fourth", [])
    assert skipped["playing"]["started_at"] == rfc3339(scene.events[-1].created_at)
    scene.clock.pass_(seconds=11)
    over = await use(scene, ben, box, "skip")
    assert (over["playing"], over["queue"]) == (None, [])


async def test_play_does_not_wait_and_stop_is_silence(scene: Scene, ana: Actor, ben: Actor, room: Room) -> None:
    box = await tool(scene, ana, room, "jukebox")
    for title in ("one", "two", "three"):
        await use(scene, ana, box, "add", title=title, duration=100)
    played = await use(scene, ben, box, "play", title="Now!", duration=5)
    assert (played["playing"]["title"], [one["title"] for one in played["queue"]]) == ("Now!", ["two", "three"])
    scene.clock.pass_(seconds=6)
    stopped = await use(scene, ben, box, "stop")
    assert (stopped["playing"], stopped["queue"], stopped["name"]) == (None, [], "Mine")


async def test_a_queue_is_only_so_long(scene: Scene, ana: Actor, room: Room) -> None:
    box = await tool(scene, ana, room, "jukebox")
    for number in range(21):
        metadata = await use(scene, ana, box, "add", title=str(number), duration=60)
    assert len(metadata["queue"]) == 20
    refusal = await refuses(scene, TooMany, ana, box, "add", title="one more")
    assert refusal.message == "The queue is full"
    scene.clock.pass_(seconds=61)
    await use(scene, ana, box, "add", title="one more")

    wide = await tool(scene, ana, room, "jukebox")
    most = {"title": "x" * 200, "url": "https://" + "x" * 490, "duration": 60}
    added = 0
    with suppress(TooMany):
        while True:
            metadata = await use(scene, ana, wide, "add", **most)
            added += 1
    assert len(metadata["queue"]) == added - 1
    assert 7000 < len(msgspec.json.encode(metadata)) <= 8192
    await use(scene, ana, wide, "skip")


async def test_a_track_is_a_title_and_perhaps_an_address(scene: Scene, ana: Actor, room: Room) -> None:
    box = await tool(scene, ana, room, "jukebox")
    for params, field in (
        ({}, "params.title"),
        ({"title": " \n"}, "params.title"),
        ({"title": "x" * 201}, "params.title"),
        ({"title": "x", "url": "javascript:alert(1)"}, "params.url"),
        ({"title": "x", "url": "https://a b"}, "params.url"),
        ({"title": "x", "duration": 0}, "params.duration"),
        ({"title": "x", "duration": 1e9}, "params.duration"),
        ({"title": "x", "duration": "long"}, "params.duration"),
    ):
        for action in ("add", "play"):
            assert (await refuses(scene, Invalid, ana, box, action, **params)).field == field
    await use(scene, ana, box, "add", title="x", url=None, duration=None)


TRACKS = st.builds(
    Track,
    title=st.sampled_from(["a", "b", "c"]),
    duration=st.none() | st.floats(1, 86_400),
    by=st.just(UserId(1)),
    username=st.just("ana"),
)
BEGUN = datetime(2026, 11, 21, 9, tzinfo=UTC)


@given(first=TRACKS, queue=st.lists(TRACKS, max_size=20), moments=st.lists(st.floats(0, 1e6), min_size=1, max_size=6))
def test_everybody_finds_out_the_same_whenever_they_look(
    first: Track, queue: list[Track], moments: list[float]
) -> None:
    """Who looks now and then hears what somebody hears who has looked at nothing since the beginning; and that is what
    the durations say."""
    playing = Playing(**msgspec.structs.asdict(first), started_at=rfc3339(BEGUN))
    box = seen = Jukebox(playing, tuple(queue))
    for seconds in sorted(moments):
        now = BEGUN + timedelta(seconds=seconds)
        seen = now_playing(seen, now)
        assert seen == now_playing(box, now)
        assert now_playing(seen, now) == seen
        starts = BEGUN
        for number, track in enumerate([first, *queue]):
            ends = None if track.duration is None else starts + timedelta(seconds=track.duration)
            if ends is None or now < ends:
                assert seen.playing is not None
                assert (seen.playing.title, seen.playing.started_at) == (track.title, rfc3339(starts))
                assert seen.queue == tuple(queue[number:])
                break
            starts = ends
        else:
            assert seen == Jukebox()


# ---- notice board


async def test_notes_are_posted_and_taken_down(scene: Scene, ana: Actor, ben: Actor, room: Room) -> None:
    cem, mod = await scene.user("cem"), await scene.user("mod")
    for who in (cem, mod):
        await scene.do(ana, c.AddMember(room_id=room.id, user_id=who.user_id))
    await scene.promote(ana, room, mod)
    board = await tool(scene, ana, room, "notice_board")
    assert (board.metadata["notes"], board.metadata["last_note_id"]) == ([], 0)
    await use(scene, ben, board, "post", text="Lost: one umbrella\n")
    posted = await use(scene, cem, board, "post", text="Quiz on Friday")
    assert posted["notes"][0] == {
        "id": 1,
        "user_id": ben.user_id,
        "username": "ben",
        "text": "Lost: one umbrella",
        "created_at": rfc3339(scene.events[-2].created_at),
    }
    refusal = await refuses(scene, RoleTooLow, cem, board, "remove", note_id=1)
    assert "author" in refusal.message
    left = await use(scene, mod, board, "remove", note_id=1)
    assert [note["id"] for note in left["notes"]] == [2]
    assert (await refuses(scene, Invalid, mod, board, "remove", note_id=1)).field == "params.note_id"
    assert (await use(scene, cem, board, "remove", note_id=2))["notes"] == []
    assert [note["id"] for note in (await use(scene, cem, board, "post", text="3"))["notes"]] == [3]
    for params, field in (
        ({}, "params.text"),
        ({"text": "  "}, "params.text"),
        ({"text": "x" * 281}, "params.text"),
        ({"text": ["x"]}, "params.text"),
    ):
        assert (await refuses(scene, Invalid, ana, board, "post", **params)).field == field
    assert (await refuses(scene, Invalid, ana, board, "remove", note_id="3")).field == "params.note_id"


async def test_who_has_deleted_their_account_is_named_by_no_tool(
    scene: Scene, ana: Actor, ben: Actor, room: Room
) -> None:
    board, box = await tool(scene, ana, room, "notice_board"), await tool(scene, ana, room, "jukebox")

    async def use(who: Actor, thing: SpaceObject, action: str, **params: Any) -> None:
        await scene.do(who, c.UseTool(room_id=room.id, target_object_id=thing.id, action=action, params=params))

    for who in (ana, ben):
        await use(who, board, "post", text="Hello")
        await use(who, box, "add", title="Fado", duration=600)
    await scene.store.write(lambda work: blank_user(work, ben.user_id))
    logged = [event.object for event in await scene.log(room.id) if isinstance(event, ToolUsed)]
    listed = (await scene.do(ana, c.ListObjects(room_id=room.id))).items
    plan = (await scene.do(ana, c.GetFloorPlan(room_id=room.id))).objects
    each = [await scene.do(ana, c.GetObject(object_id=thing.id)) for thing in (board, box)]
    for told in ([*each, *listed, *plan], logged):
        assert b'"ben"' not in msgspec.json.encode(told)
        assert b'"username":"deleted user"' in msgspec.json.encode(told)
    assert [note["username"] for note in each[0].metadata["notes"]] == ["ana", "deleted user"]
    assert [each[1].metadata["playing"]["username"], each[1].metadata["queue"][0]["username"]] == [
        "ana",
        "deleted user",
    ]
    await use(ana, board, "post", text="They are gone")
    now = await scene.do(ana, c.GetObject(object_id=board.id))
    assert [note["username"] for note in now.metadata["notes"]] == ["ana", "deleted user", "ana"]


async def test_the_oldest_notes_fall_off(scene: Scene, ana: Actor, room: Room) -> None:
    board = await tool(scene, ana, room, "notice_board")
    for number in range(1, 23):
        metadata = await use(scene, ana, board, "post", text=f"note {number}")
    assert [note["id"] for note in metadata["notes"]] == list(range(3, 23))
    for _ in range(9):
        metadata = await use(scene, ana, board, "post", text="👋" * 280)
    assert len(msgspec.json.encode(metadata)) <= 8192
    assert [note["id"] for note in metadata["notes"]] == list(range(32 - len(metadata["notes"]), 32))
    assert 5 <= len(metadata["notes"]) < 20
    crowded = await tool(scene, ana, room, "notice_board", story="x" * 8000)
    await refuses(scene, TooLarge, ana, crowded, "post", text="x" * 280)


# ---- all of them


async def test_all_members_use_them_who_are_not_muted(scene: Scene, ana: Actor, ben: Actor, room: Room) -> None:
    uses = {
        "whiteboard": [("draw", {"points": [[1, 1]]}), ("write", {"text": "x"}), ("clear", {})],
        "jukebox": [("play", {"title": "x"}), ("add", {"title": "x"}), ("skip", {}), ("stop", {})],
        "notice_board": [("post", {"text": "x"}), ("remove", {"note_id": 1})],
    }
    assert uses.keys() == SHIPPED.keys()
    things = {name: await tool(scene, ana, room, name) for name in uses}
    until = scene.clock() + timedelta(hours=1)
    await scene.do(ana, c.UpdateMember(room_id=room.id, user_id=ben.user_id, muted_until=until))
    for name, actions in uses.items():
        assert {action for action, _ in actions} - {"write"} == SHIPPED[name].actions.keys()
        for action, params in actions:
            await refuses(scene, Muted, ben, things[name], action, **params)
    scene.clock.pass_(hours=2)
    for name, actions in uses.items():
        for action, params in actions:
            await use(scene, ben, things[name], action, **params)


async def test_what_a_tool_keeps_is_written_by_nobody_else(scene: Scene, ana: Actor, ben: Actor, room: Room) -> None:
    forged = [{"id": 1, "user_id": ben.user_id, "username": "ben", "text": "I quit", "created_at": "2026"}]
    board = await tool(scene, ana, room, "notice_board", notes=forged, last_note_id=7)
    assert (board.metadata["notes"], board.metadata["last_note_id"]) == ([], 0)
    await use(scene, ben, board, "post", text="Hello")

    async def change(metadata: dict[str, Any]) -> dict[str, Any]:
        changed = await scene.do(ana, c.UpdateObject(object_id=board.id, metadata=metadata))
        now: dict[str, Any] = changed.object.metadata
        return now

    renamed = await change({"tool": "notice_board", "name": "Ours", "notes": forged})
    assert (renamed["name"], [note["text"] for note in renamed["notes"]]) == ("Ours", ["Hello"])
    kept = await change({"tool": "notice_board"})
    assert [note["text"] for note in kept["notes"]] == ["Hello"]
    await change({"notes": forged})  # a thing like any other
    again = await change({"tool": "notice_board", "notes": forged})
    assert again["notes"] == []


async def test_a_tool_that_is_carried_elsewhere_begins_anew(scene: Scene, ana: Actor, room: Room) -> None:
    board = await tool(scene, ana, room, "whiteboard")
    await use(scene, ana, board, "draw", points=[[1, 1]])
    await use(scene, ana, board, "write", text="Agenda")
    metadata = (await scene.do(ana, c.GetObject(object_id=board.id))).metadata
    new = c.NewObject(type="tool", x=0, y=0, metadata=metadata)
    plan = c.ReplaceFloorPlan(room_id=room.id, space=c.SpaceChange(), objects=[new])
    [carried] = (await scene.do(ana, plan)).objects
    assert (carried.metadata["strokes"], carried.metadata["text"]) == (0, "Agenda")
    assert await strokes(scene, ana, carried) == []


async def test_no_object_declares_what_its_tool_does(scene: Scene, ana: Actor, room: Room) -> None:
    for name, shipped in SHIPPED.items():
        for action in shipped.actions:
            metadata = {"tool": name, "actions": {action: True}}
            with pytest.raises(Invalid):
                await scene.do(ana, c.PlaceObject(room_id=room.id, type="tool", x=0, y=0, metadata=metadata))
    box = await tool(scene, ana, room, "jukebox", actions={"kick": {"required": ["how"]}})
    await refuses(scene, Invalid, ana, box, "kick")
    assert (await use(scene, ana, box, "kick", how="hard")) == box.metadata
    assert (await use(scene, ana, box, "post", text="a word like any other")) == box.metadata


def test_what_is_no_state_of_a_tool_is_as_at_first() -> None:
    for metadata in ({}, {"notes": 5}, {"notes": [{"id": "x"}]}, {"last_note_id": None}):
        assert read_state(metadata, NOTICE_BOARD) == NOTICE_BOARD.state()
    assert read_state({"strokes": "many"}, WHITEBOARD) == WHITEBOARD.state()


async def test_the_cafe_has_one_of_each(scene: Scene) -> None:
    await open_starter_cafe(scene.store)
    cem = await scene.user("cem")
    await scene.do(cem, c.JoinRoom(room_id=STARTER_ROOM))
    tools = {number: piece[3] for number, piece in enumerate(FURNITURE, start=1) if piece[0] == "tool"}
    assert {number: metadata["tool"] for number, metadata in tools.items()} == {
        15: "whiteboard",
        16: "jukebox",
        17: "notice_board",
    }
    for number, metadata in tools.items():
        assert take_metadata(metadata) == metadata, "as if somebody had placed it"
        thing = await scene.do(cem, c.GetObject(object_id=number))
        action, params = {
            15: ("draw", {"points": [[0, 0], [10, 10]]}),
            16: ("add", {"title": "Fado"}),
            17: ("post", {"text": "Hello"}),
        }[number]
        await use(scene, cem, thing, action, **params)
