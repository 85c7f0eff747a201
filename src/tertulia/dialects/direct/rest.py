"""direct's REST."""

from fastapi import APIRouter

from tertulia.protocol.door import Door


def router(door: Door) -> APIRouter:
    return APIRouter(prefix="", generate_unique_id_function=lambda route: f"direct_{route.name}")
