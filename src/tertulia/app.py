"""The composition root: the only module that builds things out of things, and names a concrete dialect."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI
from msgspec import Struct
from starlette.routing import WebSocketRoute

from tertulia import __version__
from tertulia.dialects import cafe, conversations, direct, rooms, simple
from tertulia.domain.clock import utc_now
from tertulia.fanout import Hub, LocalBackplane, RedisBackplane, Spacing
from tertulia.protocol.asyncapi import Channel
from tertulia.protocol.dialect import Dialect, Limits
from tertulia.protocol.door import Door, describe_problems
from tertulia.protocol.session import Pace
from tertulia.services.accounts import Accounts
from tertulia.services.authenticator import Authenticator
from tertulia.services.avatars import Avatars
from tertulia.services.blocks import Blocks
from tertulia.services.checks import check_message
from tertulia.services.conversations import Conversations
from tertulia.services.executor import Executor
from tertulia.services.handlers import Services, handlers
from tertulia.services.marks import Marks
from tertulia.services.members import Members
from tertulia.services.messages import Messages
from tertulia.services.objects import Objects
from tertulia.services.passwords import Passwords
from tertulia.services.people import People
from tertulia.services.pins import Pins
from tertulia.services.reactions import Reactions
from tertulia.services.rooms import Rooms
from tertulia.services.starter import open_starter_cafe
from tertulia.services.talks import Talks
from tertulia.services.tokens import Tokens
from tertulia.services.tools import Tools
from tertulia.services.walks import Walks
from tertulia.settings import Settings, load
from tertulia.store import Store
from tertulia.store.presence import Presences
from tertulia.transport import logs, pages, problems
from tertulia.transport.door import HttpDoor
from tertulia.transport.echo import ECHOED, UNLIMITED_MESSAGE, EchoReceiver
from tertulia.transport.edge import AnySlash, BodyLimit, CrossOrigin, Origins
from tertulia.transport.entrance import Endpoint, Entrance, Plain, TurnedAway
from tertulia.transport.monitoring import Gauges, Node
from tertulia.transport.monitoring import router as monitoring
from tertulia.transport.pages import asyncapi
from tertulia.transport.receipts import Receipts
from tertulia.transport.revocation import Revocation
from tertulia.transport.session import Lobby
from tertulia.transport.sockets import HttpProtocol, SocketEndpoint, SocketLimits, Sockets, WebSocket
from tertulia.transport.square import Square
from tertulia.transport.steward import Steward

FORM_BYTES = 16 * 1024
"""What a form may hold besides its file."""
DESCRIPTION = "People talking in real time. The sockets are described at `/api/v1/chat/websocket-info`."


class Parts(Struct, frozen=True):
    """The collaborators of one node, below the transport."""

    store: Store
    hub: Hub
    executor: Executor
    authenticator: Authenticator
    accounts: Accounts


def build(settings: Settings) -> Parts:
    """Nothing is opened yet."""
    store = Store.open(settings.database_url, synchronous=settings.sqlite_synchronous)
    tokens = Tokens(
        settings.secret_key,
        algorithm=settings.algorithm,
        access_lifetime=timedelta(minutes=settings.access_token_expire_minutes),
        refresh_lifetime=timedelta(days=settings.refresh_token_expire_days),
    )
    accounts = Accounts(
        store,
        Passwords(),
        tokens,
        registration_open=settings.registration == "open",
        login_attempts=settings.login_attempts,
    )
    backplane = (
        RedisBackplane(settings.redis_url, prefix=settings.redis_prefix) if settings.redis_url else LocalBackplane()
    )
    hub = Hub(
        log=store,
        backplane=backplane,
        heartbeat_interval=settings.heartbeat_interval,
        slow_consumer_timeout=settings.slow_consumer_timeout,
        sockets_per_user=settings.sockets_per_user,
        people=Presences(store, most_members=settings.presence_members),
        presence_hold=settings.presence_hold,
        spacing=Spacing(lease=settings.space_lease, kept=settings.place_kept, visit=settings.visit_timeout),
    )
    floors = hub.spaces
    talks = Talks(store)
    messages = Messages(max_length=settings.max_message_length)
    services = Services(
        accounts=accounts,
        people=People(is_there=hub.is_there),
        avatars=Avatars(store, most_bytes=settings.max_avatar_bytes),
        blocks=Blocks(is_there=hub.is_there),
        rooms=Rooms(store, room_creation=settings.room_creation),
        conversations=Conversations(store),
        members=Members(is_there=hub.is_there),
        messages=messages,
        reactions=Reactions(),
        pins=Pins(),
        marks=Marks(),
        walks=Walks(store, floors, places_kept=settings.place_kept),
        objects=Objects(),
        tools=Tools(store, floors),
        talks=talks,
    )
    return Parts(
        store,
        hub,
        Executor(store, handlers(services), messages, max_page=settings.page_size, floors=floors, talks=talks),
        Authenticator(store, tokens),
        accounts,
    )


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application. Everything is opened by its lifespan, which also hands our socket class what it needs."""
    parts = build(settings)
    node = Node(
        version=__version__,
        started=monotonic(),
        database=parts.store.is_alive,
        redis=(lambda: parts.hub.backplane.is_up) if settings.redis_url else (lambda: None),
    )
    origins = Origins(settings.allowed_origins)
    sockets = Sockets(socket_limits(settings))
    square = open_square(settings, parts)
    plain = plain_sockets(settings, square)
    entrance = open_entrance(settings, parts, origins, plain)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with running(settings, parts):
            node.phase = "running"
            yield {"accept": entrance, "sockets": sockets}
            node.phase = "draining"

    app = FastAPI(
        title="Tertulia",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    pages.install(app)
    asyncapi.install(app, channels(settings, plain))
    for router in routers(HttpDoor(parts.executor, parts.authenticator, parts.hub, lambda: len(square))):
        app.include_router(router)
    app.include_router(monitoring(node, Gauges(partial(read_gauges, parts, sockets))))
    app.router.routes.append(WebSocketRoute("/{path:path}", SocketEndpoint(entrance, sockets)))  # not under uvicorn
    describe_problems(app.openapi())  # which keeps what it made
    larger = {"/api/v1/users/me/avatar": max(settings.max_body_bytes, settings.max_avatar_bytes + FORM_BYTES)}
    app.add_middleware(BodyLimit, most=settings.max_body_bytes, larger=larger)
    app.add_middleware(CrossOrigin, origins=origins)
    app.add_middleware(AnySlash)
    app.add_middleware(logs.RequestId)
    return app


def server_config(settings: Settings, app: FastAPI) -> uvicorn.Config:
    """uvicorn with our HTTP and WebSocket classes. Logs are configured by the command line."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="auto",
        http=HttpProtocol,
        ws=WebSocket,
        lifespan="on",
        log_config=None,
        access_log=settings.debug,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        backlog=4096,
        timeout_graceful_shutdown=10,
    )


@asynccontextmanager
async def running(settings: Settings, parts: Parts) -> AsyncIterator[None]:
    """The node lives while this is entered."""
    store, hub = parts.store, parts.hub
    store.on_commit = hub.publish
    revocation = Revocation(parts.authenticator, hub, utc_now)
    receipts = Receipts(parts.executor)
    steward = Steward(parts.executor, hub, lease=settings.space_lease, kept=settings.place_kept)
    hub.spaces.asks = steward
    hub.spaces.lull.is_awaited = lambda: parts.executor.is_busy
    hub.on_notice, hub.on_delivered = revocation.heed, receipts.on_delivered
    await store.start(migrate=settings.migrate_on_start)
    try:
        if settings.starter_room:
            await open_starter_cafe(store)
        await hub.start()
        steward.start()
        watch = asyncio.create_task(revocation.watch())
        try:
            yield
        finally:
            watch.cancel()
            await steward.stop()
            await hub.stop()
            await receipts.stop()
    finally:
        await store.stop()


def open_entrance(settings: Settings, parts: Parts, origins: Origins, plain: Sequence[Plain]) -> Entrance:
    """Which path speaks which dialect."""
    lobby = Lobby(
        executor=parts.executor,
        authenticator=parts.authenticator,
        hub=parts.hub,
        pace=pace_of(settings),
        clock=utc_now,
        spread=settings.shutdown_spread,
    )
    return Entrance(lobby, origins, endpoints(settings), plain)


def open_square(settings: Settings, parts: Parts) -> Square:
    square = Square(
        rooms.RoomsPublicDialect(),
        pace=pace_of(settings),
        clock=utc_now,
        check=partial(check_message, most=settings.max_message_length),
        tell=parts.hub.shout,
    )
    parts.hub.on_shouts = square.hear
    return square


def endpoints(settings: Settings) -> Sequence[Endpoint]:
    limits = Limits(
        frame=settings.max_frame_bytes,
        message=settings.max_message_length,
        page=settings.page_size,
        frames_per_second=settings.frame_rate,
        burst=settings.frame_burst,
        heartbeat_interval=settings.heartbeat_interval,
    )
    plain, *with_subprotocol = cafe.cafe_dialects(limits)
    by_subprotocol: dict[str | None, Dialect] = {dialect.subprotocol: dialect for dialect in with_subprotocol}
    rooms_dialect = rooms.RoomsDialect()
    return [
        Endpoint("/api/v1/ws", {**by_subprotocol, None: plain}, in_band=True, summary="cafe: all rooms on one socket"),
        Endpoint("/api/v1/ws/{room_id}", {None: simple.SimpleDialect()}, summary="simple: one room"),
        Endpoint("/ws/auth", {None: rooms_dialect}, summary="rooms: many rooms on one socket"),
        Endpoint("/ws/room/{room_id}", {None: rooms_dialect}, summary="rooms: one room"),
        Endpoint(
            "/api/chat/ws/{conversation_id}",
            {None: conversations.ConversationsDialect()},
            summary="conversations: one conversation",
        ),
        Endpoint("/ws/{user_id}", {None: direct.DirectDialect()}, summary="direct: all rooms of a user"),
    ]


def plain_sockets(settings: Settings, square: Square) -> Sequence[Plain]:
    """Those that need no account."""
    is_closed = partial(TurnedAway, "The public socket is switched off on this server")
    public = Plain(
        "/ws",
        square.receiver if settings.public_socket else is_closed,
        square.catalogue,
        summary="rooms: the public socket, without an account",
    )
    return [public, echo(settings)]


def channels(settings: Settings, plain: Sequence[Plain]) -> list[Channel]:
    """All sockets, as `/asyncapi` describes them."""
    found = [
        Channel(
            name=dialect.name,
            family=dialect.name.partition(".")[0],
            address=endpoint.address,
            summary=endpoint.summary,
            catalogue=dialect.catalogue(),
            subprotocol=dialect.subprotocol,
            is_binary=dialect.is_binary,
        )
        for endpoint in endpoints(settings)
        for dialect in endpoint.dialects.values()
    ]
    for one in plain:
        name = one.address.strip("/").replace("/", ".")
        public = Channel(
            name=name,
            family=name,
            address=one.address,
            summary=one.summary,
            catalogue=one.catalogue,
            needs_token=False,
        )
        found.append(public)
    return found


def routers(door: Door) -> Iterator[APIRouter]:
    """The REST of each dialect; simple's is cafe's."""
    for dialect in (cafe, rooms, conversations, direct):
        yield dialect.router(door)


def echo(settings: Settings) -> Plain:
    summary = "Sends back each frame as it came"
    if settings.echo_unlimited:
        return Plain("/ws/echo", EchoReceiver, ECHOED, max_message=UNLIMITED_MESSAGE, summary=summary)
    return Plain("/ws/echo", partial(EchoReceiver, pace_of(settings)), ECHOED, summary=summary)


def pace_of(settings: Settings) -> Pace:
    return Pace(rate=settings.frame_rate, burst=settings.frame_burst)


def socket_limits(settings: Settings) -> SocketLimits:
    return SocketLimits(
        max_message=settings.max_frame_bytes,
        high_water=settings.write_high_water,
        max_sockets=settings.max_sockets,
        ping_after=settings.heartbeat_interval,
        silent_after=2 * settings.heartbeat_interval + 10,
        stalled_after=settings.slow_consumer_timeout,
    )


def read_gauges(parts: Parts, sockets: Sockets) -> dict[str, tuple[str, float]]:
    """What /metrics tells besides the process itself."""
    hub, counters, backplane = parts.hub, parts.hub.counters, parts.hub.backplane
    return {
        "sockets": ("Open WebSockets", len(sockets)),
        "connections": ("Authenticated connections", len(hub.connections)),
        "rooms": ("Rooms with a feed on this node", len(hub.rooms)),
        "lagging": ("Connections that read too slowly just now", hub.lagging),
        "deliveries_total": ("Durable events, for each socket that they were written to", counters.deliveries),
        "announced_total": ("Ephemeral events, for each socket that they were written to", counters.announced),
        "moves_total": ("Positions, for each socket that was told", counters.moves),
        "lagged_total": ("Times that a connection read too slowly", counters.lagging),
        "catch_ups_total": ("Subscriptions that were behind, and caught up", counters.catch_ups),
        "log_pages_total": ("Pages of the log read for who was behind", counters.log_pages),
        "slow_closed_total": ("Connections closed for reading nothing", counters.slow_closed),
        "feed_early_total": ("Times that a feed heard of an event before those that precede it", counters.early),
        "feed_filled_total": ("Events that feeds read from the log to fill a hole", counters.filled),
        "backplane_up": ("Whether other nodes are heard", float(backplane.is_up)),
        "backplane_published_total": ("Words said to other nodes", backplane.published),
        "backplane_dropped_total": ("Words that could not be said", backplane.dropped),
    }


def from_environment() -> FastAPI:
    """For other ASGI servers: `uvicorn --factory tertulia.app:from_environment`. They have their own way with sockets,
    which costs more and does the same."""
    settings = load()
    logs.configure(log_format=settings.log_format, level="DEBUG" if settings.debug else settings.log_level)
    return create_app(settings)


async def create_admin(settings: Settings, username: str, password: str) -> None:
    """Make an admin, or make an admin of a user who is there."""
    parts = build(settings)
    await parts.store.start(migrate=settings.migrate_on_start)
    try:
        if settings.starter_room:
            await open_starter_cafe(parts.store)
        await parts.accounts.create_admin(username, password)
    finally:
        await parts.store.stop()
