"""The backplane over Redis or Valkey: pub/sub, a channel for each room that somebody here hears, and one for all.

redis-py would reconnect by itself and lose messages without a sign, and notices no server that is frozen. So nothing
of that is used: no retries, an own loop that builds everything anew, and an own limit on silence.
"""

import asyncio
import logging
import random
import secrets
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tertulia.domain.ids import RoomId, Seq
from tertulia.fanout.backplane import AnyWord, Happened, Heads, Hear, Look, decoder, encoder

SILENCE = 4.0
"""Seconds without a word from the server, not even an answer to a PING, after which it is given up."""
MOST_WAITING = 5_000
"""Words that may wait to be said; the log has what the dropped ones told."""
AT_ONCE = 200
"""Words in one pipeline, and rooms in one SUBSCRIBE."""

log = logging.getLogger("tertulia.backplane")


class RedisBackplane:
    """A doorbell that may fail at any time, and then is rebuilt. See `Backplane` for what it promises."""

    def __init__(self, url: str, *, prefix: str = "tertulia", silence: float = SILENCE) -> None:
        """*prefix*: of all channels; installations that share a server need one each."""
        self.node = secrets.token_hex(4)
        self.is_up = False
        self.published = self.dropped = 0
        self.heard = 0
        """Words of other nodes."""
        self.unreadable = 0
        """Words of nodes of another version."""
        self.rebuilt = 0
        """Times that the link was lost."""
        self._url, self._silence = url, silence
        self._me = self.node.encode()
        self._all = f"{prefix}:all".encode()
        self._room = f"{prefix}:room:".encode()
        self._followed: set[RoomId] = set()
        self._subscribed: set[RoomId] = set()
        self._changed = asyncio.Event()
        self._waiting: deque[tuple[bytes, AnyWord]] = deque()
        self._unsaid: dict[RoomId, Seq] = {}
        self._to_say, self._all_said = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._hear: Hear = lambda node, word: None
        self._look: Look = lambda room_ids: None

    async def start(self, hear: Hear, look: Look) -> None:
        self._hear, self._look = hear, look
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._listen_on()), loop.create_task(self._say_on())]

    async def stop(self) -> None:
        if self._waiting and self.is_up:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._all_said.wait()
        await _end(*self._tasks)
        self.is_up = False

    def follow(self, room_id: RoomId) -> None:
        self._followed.add(room_id)
        self._changed.set()

    def unfollow(self, room_id: RoomId) -> None:
        self._followed.discard(room_id)
        self._changed.set()

    def send(self, word: AnyWord, room_id: RoomId | None = None) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._drop(word)
            return
        channel = self._all if room_id is None else self._room + b"%d" % room_id
        self._waiting.append((channel, word))
        self._to_say.set()
        self._all_said.clear()

    # ---- saying

    def _drop(self, word: AnyWord) -> None:
        """The others need not wait for their next look at the heads: they are told of them when that works again."""
        if isinstance(word, Heads):
            heads = word.heads
        else:
            self.dropped += 1
            heads = {event.room_id: event.seq for event in word.events} if isinstance(word, Happened) else {}
        for room_id, head in heads.items():
            self._unsaid[room_id] = max(head, self._unsaid.get(room_id, head))

    async def _say_on(self) -> None:
        while True:
            redis = self._client(socket_timeout=2)
            try:
                while True:
                    await self._to_say.wait()
                    await self._say(redis)
            except Exception as error:  # noqa: BLE001  whatever it is, a new client is the cure
                log.debug("publishing failed: %r", error)
            finally:
                await _close(redis)
            await asyncio.sleep(random.uniform(0.1, 0.4))

    async def _say(self, redis: Redis) -> None:
        """The next words, in one round trip. What was under way when that fails is lost."""
        if self._unsaid and len(self._waiting) < MOST_WAITING:
            unsaid, self._unsaid = self._unsaid, {}
            self.send(Heads(unsaid))
        batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        try:
            async with redis.pipeline(transaction=False) as pipeline:
                for channel, word in batch:
                    pipeline.publish(channel, self._me + encoder.encode(word))
                await pipeline.execute()
        except BaseException:
            for _, word in batch:
                self._drop(word)
            raise
        self.published += len(batch)
        if not self._waiting and not self._unsaid:
            self._to_say.clear()
            self._all_said.set()

    # ---- listening

    async def _listen_on(self) -> None:
        while True:
            redis = self._client()
            pubsub = redis.pubsub()
            subscriber: asyncio.Task[None] | None = None
            try:
                await pubsub.subscribe(self._all)
                subscriber = asyncio.get_running_loop().create_task(self._subscribe_on(pubsub))
                await self._listen(pubsub, subscriber)
            except Exception as error:  # noqa: BLE001  whatever it is, a new link is the cure
                if self.is_up:
                    log.warning("the backplane is down: %r", error)
            finally:
                if self.is_up:
                    self.rebuilt += 1
                    self.is_up = False
                self._look(None)
                if subscriber is not None:
                    await _end(subscriber)
                await _close(pubsub)
                await _close(redis)
            await asyncio.sleep(random.uniform(0.1, 0.4))

    async def _listen(self, pubsub: PubSub, subscriber: "asyncio.Task[None]") -> None:
        heard_at = monotonic()
        while True:
            message = await pubsub.get_message(timeout=self._silence / 4)
            if subscriber.done():
                subscriber.result()  # its error is ours
            if message is None:
                if monotonic() - heard_at > self._silence:
                    raise TimeoutError("the server says nothing")
                await pubsub.ping()
                continue
            heard_at = monotonic()
            if message["type"] == "message":
                self._take(message["data"])
            elif message["type"] == "subscribe":
                self._confirmed(message["channel"])

    def _confirmed(self, channel: bytes) -> None:
        """From here on that channel is heard; what was said on it before is in the log."""
        if channel == self._all:
            self.is_up = True
            log.info("the backplane is up")
            self._look(None)
        else:
            self._look([RoomId(int(channel.removeprefix(self._room)))])

    def _take(self, payload: bytes) -> None:
        if payload.startswith(self._me):
            return
        size = len(self._me)
        try:
            word = decoder.decode(payload[size:])
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable += 1
            return
        self.heard += 1
        self._hear(payload[:size].decode("ascii", "replace"), word)

    async def _subscribe_on(self, pubsub: PubSub) -> None:
        """Keep the link's subscriptions as they are wanted. Nothing waits for this."""
        self._subscribed = set()
        while True:
            self._changed.clear()  # before looking: else what changes meanwhile would be forgotten
            new, old = self._followed - self._subscribed, self._subscribed - self._followed
            self._subscribed = set(self._followed)
            for channels in self._channels(new):
                await pubsub.subscribe(*channels)
            for channels in self._channels(old):
                await pubsub.unsubscribe(*channels)
            await self._changed.wait()

    def _channels(self, room_ids: Iterable[RoomId]) -> Iterable[list[bytes]]:
        channels = [self._room + b"%d" % room_id for room_id in room_ids]
        return (channels[start : start + AT_ONCE] for start in range(0, len(channels), AT_ONCE))

    def _client(self, **options: Any) -> Redis:
        return Redis.from_url(
            self._url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=1, socket_keepalive=True, **options
        )


async def _end(*tasks: "asyncio.Task[None]") -> None:
    """Cancelled until they have ended: redis-py 8.1 may swallow a cancellation while it connects."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.2)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close(client: Redis | PubSub) -> None:
    with suppress(Exception):
        await client.aclose()
