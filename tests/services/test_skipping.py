"""Lists for clients that count what they have: so many passed over, and pages that are full."""

from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid
from tertulia.services.checks import MOST_SKIPPED


async def test_rooms_can_be_passed_over(scene: Scene) -> None:
    ana, ben = await scene.user("ana"), await scene.user("ben")
    public = [(await scene.room(ana)).id for _ in range(4)]
    await scene.room(ana, is_private=True)

    async def listed(**asked: int) -> list[int]:
        return [room.id for room in (await scene.do(ben, c.ListRooms(**asked))).items]

    assert await listed(skip=0) == public
    assert await listed(skip=1, limit=2) == public[1:3]
    assert await listed(skip=2, cursor=public[0]) == public[3:]
    assert await listed(skip=4) == []


async def test_deleted_messages_can_be_passed_over_so_that_pages_are_full(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    sent = [said.message_id for said in await scene.say(ana, room, *"abcdefgh")]
    for message_id in sent[2:6]:
        await scene.do(ana, c.DeleteMessage(message_id=message_id))

    async def listed(**asked: int) -> list[int]:
        command = c.ListMessages(room_id=room.id, includes_deleted=False, **asked)
        return [message.id for message in (await scene.do(ana, command)).items]

    assert await listed(limit=3) == [sent[7], sent[6], sent[1]]
    assert await listed(cursor=sent[6]) == [sent[1], sent[0]]
    assert await listed(cursor=sent[4], limit=1) == [sent[1]], "a deleted message is still a place"
    page = await scene.do(ana, c.ListMessages(room_id=room.id, includes_deleted=False, limit=4))
    assert page.next_cursor is None


async def test_nobody_passes_over_more_than_there_can_be_reason_to(scene: Scene) -> None:
    ana = await scene.user("ana")
    room = await scene.room(ana)
    for skip in (-1, MOST_SKIPPED + 1):
        for command in (c.ListRooms(skip=skip), c.ListMessages(room_id=room.id, skip=skip)):
            refusal = await scene.refuses(Invalid, ana, command)
            assert refusal.field == "skip"
