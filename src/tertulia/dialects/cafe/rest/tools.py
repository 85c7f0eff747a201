"""`tools`: doing something with an object, and the log of what was done."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends

from tertulia.dialects.cafe import models, space_models
from tertulia.domain import commands as c
from tertulia.domain.ids import ObjectId, RoomId, ToolUseId, UserId
from tertulia.domain.models import Actor, Page, ToolUse
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit
from tertulia.rest.requests import JSON_BODY

TOOLS: list[str | Enum] = ["tools"]


def tools(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/tools", tags=TOOLS, response_model=models.Page[space_models.ToolUse], **problems(401, 403, 404))
    async def list_tool_uses(
        actor: Who,
        room_id: Id,
        user_id: Id | None = None,
        target_object_id: Id | None = None,
        cursor: Id | None = None,
        limit: PageLimit = PAGE,
    ) -> Page[ToolUse]:
        """Newest first: all that was done in the room, by *user_id* if given, with *target_object_id* if given.
        *cursor*: an id of the log; what is older than it."""
        command = c.ListToolUses(
            room_id=RoomId(room_id),
            user_id=None if user_id is None else UserId(user_id),
            target_object_id=None if target_object_id is None else ObjectId(target_object_id),
            cursor=None if cursor is None else ToolUseId(cursor),
            limit=limit,
        )
        return await door.execute(command, actor)

    @api.post("/tools", tags=TOOLS, status_code=201, dependencies=JSON_BODY, **problems(401, 403, 404, 409))
    async def use_tool(body: space_models.NewToolUse, actor: Who) -> space_models.NewestToolUse:
        """What the server does not understand is logged, and told to all in the room unchanged."""
        command = c.UseTool(
            room_id=RoomId(body.room_id),
            target_object_id=ObjectId(body.target_object_id),
            action=body.action,
            params=body.params or {},
        )
        result = await door.execute(command, actor)
        use = space_models.ToolUse.model_validate(result.use)
        return space_models.NewestToolUse(
            **dict(use),
            object=None if result.object is None else space_models.SpaceObject.model_validate(result.object),
        )
