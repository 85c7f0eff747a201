"""Using a tool: may it be done, what does it change, and the log of all that was done."""

from typing import Any

import msgspec

from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, NoSuchObject, NotAMember, RoleTooLow
from tertulia.domain.ids import RoomId, ToolUseId
from tertulia.domain.models import Actor, Page, SpaceObject, ToolUse
from tertulia.domain.roles import RoomRole
from tertulia.services import policy
from tertulia.services.checks import check_json, check_page
from tertulia.services.floors import Floors, NoFloors
from tertulia.services.tools import metadata, seats
from tertulia.services.tools.builtin import BUILT_IN, SEATING
from tertulia.services.tools.metadata import check_action, find_tool
from tertulia.services.tools.reach import need_no_door, need_reach
from tertulia.services.tools.schemas import check_against, compile_schema
from tertulia.services.tools.shipped import SHIPPED, Shipped
from tertulia.services.tools.use import ShippedTool, Use
from tertulia.store import Reader, Store, Work
from tertulia.store import tools as stored
from tertulia.store.objects import find_object
from tertulia.store.rooms import Standing
from tertulia.store.talks import find_open_stays
from tertulia.store.users import get_user

MOST_PARAMS = 4096
"""Bytes of JSON."""
DEPTH = 8


class Tools:
    """*max_metadata*: bytes of JSON, of one object."""

    def __init__(
        self, store: Store, floors: Floors | None = None, *, shipped: Shipped = SHIPPED, max_metadata: int = 8192
    ) -> None:
        self._store = store
        self._floors = floors or NoFloors()
        self._shipped, self._max_metadata = shipped, max_metadata

    def use_tool(self, command: c.UseTool, actor: Actor, work: Work) -> c.ToolResult:
        action = check_action(command.action)
        params = check_json(command.params, "params", most=MOST_PARAMS, depth=DEPTH)
        work.lock(command.room_id)
        standing = policy.see_room(work, command.room_id, actor)
        space = policy.see_space(standing, actor)
        thing = find_object(work, command.target_object_id)
        if thing is None or thing.room_id != command.room_id:
            raise NoSuchObject
        _need_right(work, standing, actor, thing, action)
        place = self._floors.find_place(command.room_id, actor.user_id)
        if action != "stand":
            inside = _find_area(work, command.room_id, actor) if place is None else place.area_id
            need_reach(thing, space, place, inside)
        use = Use(
            thing=thing,
            space=space,
            actor=actor,
            action=action,
            params=params,
            now=work.now,
            place=place,
            is_moderator=policy.rank(standing, actor) >= RoomRole.MODERATOR.rank,
        )
        if action in SEATING:
            return _change_seats(work, use, standing)
        after = self._act(work, use)
        need_no_door(thing, after, space)
        return c.ToolResult(
            *stored.record_use(
                work, thing, after, user_id=actor.user_id, username=actor.username, action=action, params=params
            )
        )

    def list_uses(self, command: c.ListToolUses, actor: Actor, reader: Reader) -> Page[ToolUse]:
        policy.read_room(reader, command.room_id, actor)
        return stored.list_uses(
            reader,
            command.room_id,
            user_id=command.user_id,
            target_object_id=command.target_object_id,
            cursor=command.cursor,
            limit=check_page(command.limit),
        )

    async def free_seat(self, command: c.FreeSeat, actor: Actor | None) -> None:
        await self._store.write(lambda work: _free_seat(command, work))

    def _act(self, work: Work, use: Use) -> SpaceObject | None:
        """The object as it is after that; None: it is gone. Raises Invalid, TooLarge, and what tools refuse by."""
        known, tool = BUILT_IN.get(use.action), find_tool(use.thing.metadata, self._shipped)
        if known is not None:
            check_against(known.schema, use.params)
            after = known.act(use)
        elif tool is not None and use.action in tool.actions:
            check_against(tool.actions[use.action], use.params)
            after = self._operate(
                tool, msgspec.structs.replace(use, last_use_id=stored.last_use_id(work, use.thing.id))
            )
        else:
            _check_declared(use)
            after = use.thing
        if after is not None and after.metadata != use.thing.metadata:
            check_json(after.metadata, "metadata", most=self._max_metadata, depth=DEPTH)
        return after

    def _operate(self, tool: ShippedTool[Any], use: Use) -> SpaceObject:
        known = use.thing.metadata
        most_bytes = self._max_metadata - metadata.size_besides(known, tool)
        state = tool.act(metadata.read_state(known, tool), msgspec.structs.replace(use, most_bytes=most_bytes))
        return msgspec.structs.replace(use.thing, metadata={**known, **metadata.write_state(state)})


def _need_right(work: Work, standing: Standing, actor: Actor, thing: SpaceObject, action: str) -> None:
    """Any member sits; those who are not muted use what there is; builders change it. Raises NotAMember, RoleTooLow,
    Banned, Muted."""
    if action in SEATING:
        if standing.member is None:
            raise NotAMember
        return
    if action in BUILT_IN:
        try:
            policy.need_builder(work, standing, actor)
        except RoleTooLow:
            if not _is_for_members(thing, action):
                raise
        else:
            return
    policy.need_voice(work, standing)


def _is_for_members(thing: SpaceObject, action: str) -> bool:
    """Whether members may do that who are no builders."""
    if action == "write":
        return thing.type in {"sign", "tool"}
    return action in {"move", "rotate"} and thing.metadata.get("movable") is True


def _find_area(work: Work, room_id: RoomId, actor: Actor) -> int | None:
    """Of somebody whom this node does not see in the space: by what they hold there on another one."""
    stays = find_open_stays(work, room_id, actor.user_id)
    return next((stay.area_id for stay in stays if stay.area_id is not None), None)


def _check_declared(use: Use) -> None:
    """Whatever else an object's users do: by the schema that it declares for it, if it does."""
    declared = use.thing.metadata.get("actions")
    if not isinstance(declared, dict) or use.action not in declared:
        return
    try:
        compile_schema(declared[use.action])
    except Invalid as error:  # it was not looked at when it was placed
        raise Invalid(
            f"This object's schema of {use.action} can not be used: {error.message}", field="action"
        ) from None
    check_against(declared[use.action], use.params)


def _change_seats(work: Work, use: Use, standing: Standing) -> c.ToolResult:
    """One event for the seat that is freed, one for the one that is taken. Where nothing changes there is none, and the
    answer has the id 0."""
    room_id, user_id, username = standing.room.id, use.actor.user_id, use.actor.username
    changes = seats.sit(work, use.thing, user_id) if use.action == "sit" else seats.stand(work, room_id, user_id)
    result = None
    for change in changes:
        params = use.params if change.action == use.action else {}
        result = stored.record_use(
            work, change.before, change.after, user_id=user_id, username=username, action=change.action, params=params
        )
    if result is not None:
        return c.ToolResult(*result)
    unchanged = ToolUse(
        id=ToolUseId(0),
        room_id=room_id,
        seq=standing.room.last_seq,
        user_id=user_id,
        username=username,
        target_object_id=use.thing.id,
        action=use.action,
        params=use.params,
        created_at=work.now,
    )
    return c.ToolResult(unchanged, use.thing)


def _free_seat(command: c.FreeSeat, work: Work) -> None:
    work.lock(command.room_id)
    for change in seats.stand(work, command.room_id, command.user_id):
        user = get_user(work, command.user_id)
        stored.record_use(
            work,
            change.before,
            change.after,
            user_id=user.id,
            username=user.username,
            action=change.action,
            params={},
        )
