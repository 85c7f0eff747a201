"""`objects`: what stands in a room's space, each by its id, and all of it as a floor plan."""

from enum import Enum
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Header, Response

from tertulia.dialects.cafe import models, space_models
from tertulia.domain import commands as c
from tertulia.domain.ids import ObjectId, RoomId
from tertulia.domain.models import Actor, FloorPlan, Page, SpaceObject
from tertulia.protocol.door import Door, problems
from tertulia.protocol.fields import PAGE, Id, PageLimit
from tertulia.rest.requests import JSON_BODY, NO_CONTENT

OBJECTS: list[str | Enum] = ["objects"]
AN_ETAG = r'^(\*|"[1-9][0-9]{0,17}")$'


async def if_match(
    if_match: Annotated[
        str | None, Header(pattern=AN_ETAG, description='The version that is known, as the ETag has it: `"3"`')
    ] = None,
) -> int | None:
    """A dependency: the version that the header (RFC 9110 §13.1.1) asks for. None: whichever it is."""
    return None if if_match is None or if_match == "*" else int(if_match.strip('"'))


IfMatch: TypeAlias = Annotated[int | None, Depends(if_match)]


def objects(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/objects", tags=OBJECTS, response_model=models.Page[space_models.SpaceObject], **problems(401, 403, 404))
    async def list_objects(
        actor: Who, room_id: Id, cursor: Id | None = None, limit: PageLimit = PAGE
    ) -> Page[SpaceObject]:
        """By id. *cursor*: the last id of the page before."""
        at = None if cursor is None else ObjectId(cursor)
        return await door.execute(c.ListObjects(room_id=RoomId(room_id), cursor=at, limit=limit), actor)

    @api.post(
        "/objects",
        tags=OBJECTS,
        status_code=201,
        response_model=space_models.SpaceObject,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def place_object(body: space_models.NewObject, actor: Who, response: Response) -> SpaceObject:
        """For those who may build in the room's space. Who stands where something solid comes is moved out of its way."""
        return _placed(await door.execute(c.PlaceObject(**body.given()), actor), response)

    @api.get("/objects/{object_id}", tags=OBJECTS, response_model=space_models.SpaceObject, **problems(401, 403, 404))
    async def get_object(object_id: Id, actor: Who, response: Response) -> SpaceObject:
        return _tagged(await door.execute(c.GetObject(object_id=ObjectId(object_id)), actor), response)

    @api.patch(
        "/objects/{object_id}",
        tags=OBJECTS,
        response_model=space_models.SpaceObject,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def update_object(
        object_id: Id, body: space_models.ObjectChange, actor: Who, known: IfMatch, response: Response
    ) -> SpaceObject:
        """For those who may build. With a *version*, or as the header `If-Match`, only if it is still that one."""
        return _placed(await door.execute(_changing(object_id, body, known), actor), response)

    @api.put(
        "/objects/{object_id}",
        tags=OBJECTS,
        response_model=space_models.SpaceObject,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def put_object(
        object_id: Id, body: space_models.ObjectChange, actor: Who, known: IfMatch, response: Response
    ) -> SpaceObject:
        """The same as PATCH: what is left out stays as it is."""
        return _placed(await door.execute(_changing(object_id, body, known), actor), response)

    @api.delete("/objects/{object_id}", tags=OBJECTS, **NO_CONTENT, **problems(401, 403, 404, 409))
    async def remove_object(object_id: Id, actor: Who, known: IfMatch, version: Id | None = None) -> None:
        """For those who may build. With a *version*, or as the header `If-Match`, only if it is still that one."""
        at = known if version is None else version
        await door.execute(c.RemoveObject(object_id=ObjectId(object_id), version=at), actor)


def floor_plans(api: APIRouter, door: Door) -> None:
    Who: TypeAlias = Annotated[Actor, Depends(door.actor)]

    @api.get("/rooms/{room_id}/plan", tags=OBJECTS, response_model=space_models.FloorPlan, **problems(401, 403, 404))
    async def get_floor_plan(room_id: Id, actor: Who) -> FloorPlan:
        """The whole floor, to be kept, or put into another room."""
        return await door.execute(c.GetFloorPlan(room_id=RoomId(room_id)), actor)

    @api.put(
        "/rooms/{room_id}/plan",
        tags=OBJECTS,
        response_model=space_models.FloorPlan,
        dependencies=JSON_BODY,
        **problems(401, 403, 404, 409),
    )
    async def put_floor_plan(room_id: Id, body: space_models.NewFloorPlan, actor: Who) -> FloorPlan:
        """For moderators and up: what stood there is removed, and this is placed, all of it or nothing."""
        return await door.execute(body.to_command(RoomId(room_id)), actor)


def _changing(object_id: int, body: space_models.ObjectChange, known: int | None) -> c.UpdateObject:
    """What the body says of the version counts before what the header says."""
    return c.UpdateObject(object_id=ObjectId(object_id), **{"version": known, **body.given()})


def _placed(changed: c.ObjectChanged, response: Response) -> SpaceObject:
    assert changed.object is not None
    return _tagged(changed.object, response)


def _tagged(thing: SpaceObject, response: Response) -> SpaceObject:
    response.headers["ETag"] = f'"{thing.version}"'
    return thing
