"""Objects: what stands in a space; placing, changing and removing it, and whole floor plans."""

from tertulia.domain import commands as c
from tertulia.domain.models import Actor, FloorPlan, Page, SpaceObject
from tertulia.store import Reader, Work


class Objects:
    def __init__(self, *, most_objects: int = 1000, max_metadata: int = 8192) -> None:
        """*most_objects*: of one room; *max_metadata*: bytes of JSON."""
        self._most_objects, self._max_metadata = most_objects, max_metadata

    def place(self, command: c.PlaceObject, actor: Actor, work: Work) -> c.ObjectChanged:
        raise NotImplementedError

    def update(self, command: c.UpdateObject, actor: Actor, work: Work) -> c.ObjectChanged:
        raise NotImplementedError

    def remove(self, command: c.RemoveObject, actor: Actor, work: Work) -> c.ObjectChanged:
        raise NotImplementedError

    def get_object(self, command: c.GetObject, actor: Actor, reader: Reader) -> SpaceObject:
        raise NotImplementedError

    def list_objects(self, command: c.ListObjects, actor: Actor, reader: Reader) -> Page[SpaceObject]:
        raise NotImplementedError

    def get_plan(self, command: c.GetFloorPlan, actor: Actor, reader: Reader) -> FloorPlan:
        raise NotImplementedError

    def replace_plan(self, command: c.ReplaceFloorPlan, actor: Actor, work: Work) -> FloorPlan:
        raise NotImplementedError
