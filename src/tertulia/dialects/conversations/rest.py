"""conversations's REST."""

from fastapi import APIRouter

from tertulia.protocol.door import Door


def router(door: Door) -> APIRouter:
    return APIRouter(prefix="/api", generate_unique_id_function=lambda route: f"conversations_{route.name}")
