"""Health and metrics: what an operator, a load balancer and Prometheus ask for."""

from collections.abc import Awaitable, Callable, Iterator
from time import monotonic
from typing import Any, Literal

from fastapi import APIRouter, Response
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel

from tertulia.transport.problems import problem

State = Literal["ok", "unavailable", "off"]


class Health(BaseModel):
    """*uptime*: seconds."""

    status: Literal["ok", "degraded", "starting", "draining"]
    version: str
    database: State
    redis: State
    uptime: float


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Node(Struct):
    """What this node tells of itself. *phase* is set by the composition root."""

    version: str
    started: float
    database: Callable[[], Awaitable[bool]]
    redis: Callable[[], bool | None]
    phase: Literal["starting", "running", "draining"] = "starting"

    async def health(self) -> Health:
        has_database, has_redis = await self.database(), self.redis()
        status: Literal["ok", "degraded", "starting", "draining"] = "ok"
        if self.phase != "running":
            status = self.phase
        elif not has_database or has_redis is False:
            status = "degraded"
        return Health(
            status=status,
            version=self.version,
            database="ok" if has_database else "unavailable",
            redis="off" if has_redis is None else "ok" if has_redis else "unavailable",
            uptime=round(monotonic() - self.started, 3),
        )


class Gauges(Collector):
    """Numbers read at the moment they are asked for: nothing is counted twice, and the hot path counts by itself."""

    def __init__(self, read: Callable[[], dict[str, tuple[str, float]]]) -> None:
        """*read*: name → (help, value); a name that ends in `_total` is a counter."""
        self._read = read

    def collect(self) -> Iterator[Metric]:
        for name, (explanation, value) in self._read().items():
            if name.endswith("_total"):
                yield CounterMetricFamily(f"tertulia_{name.removesuffix('_total')}", explanation, value)
            else:
                yield GaugeMetricFamily(f"tertulia_{name}", explanation, value)

    def describe(self) -> list[Metric]:
        return []


def router(node: Node, gauges: Gauges) -> APIRouter:
    routes = APIRouter(tags=["operations"])
    registry = CollectorRegistry()
    registry.register(gauges)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "Starting, draining, or without its database"}}

    @routes.get("/health", summary="How this node is")
    async def health() -> Health:
        return await node.health()

    @routes.get("/health/live", summary="Whether the process answers")
    async def live() -> Alive:
        return Alive()

    @routes.get(
        "/health/ready", summary="Whether this node should be sent requests", responses=not_ready, response_model=Health
    )
    async def ready() -> Any:
        found = await node.health()
        if node.phase != "running" or found.database != "ok":
            return problem(503, "unavailable", f"Not ready: {found.status}, database {found.database}", retry_after=1)
        return found

    @routes.get("/metrics", summary="Metrics in the Prometheus text format", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes
