"""Sends messages to the other live instances of this installation, and receives theirs.

With Redis they are published there. Without it, or while it does not answer, they are rows of a table that the others
read a few times a second, and only while more than one instance is alive. Each message is signed.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from portico.db import now
from portico.errors import error_location
from portico.instances.messages import outbox
from portico.instances.messages.envelope import Envelope, ReplayGuard, Signer, is_recent
from portico.instances.registry import OwnInstance, live_instances
from portico.periodic_task import PeriodicTask
from portico.plugin_errors.plugin_exit import is_failure
from portico.redis import RedisConnection, RedisUnavailable
from portico.settings.section import Secret
from portico.tracing import Tracing, current_traceparent

#: Seconds between two readings of the table while messages come through it.
POLL_SECONDS = 0.2
#: The same while Redis answers: another instance may not reach it.
BACKGROUND_POLL_SECONDS = 1.0
#: Seconds between two checks whether other instances are alive.
PEERS_SECONDS = 1.0
#: Seconds that such a check may take.
_MARGIN_SECONDS = 0.2
#: Seconds between two deletions of old rows.
CLEANUP_SECONDS = 10.0
#: Bytes of messages that may wait to be sent. Beyond that they are dropped.
MAX_PENDING_BYTES = 32 * 1024 * 1024
#: Bytes that are sent at once. Redis has little time for each command.
_BATCH_BYTES = 512 * 1024
_REDIS_CHANNEL = ("instances", "messages")

INVALID = "message with an invalid signature ignored"
OLD = "message of another time ignored"
NO_OTHERS = "other programs must not write to this channel"

#: Called with the id of the sending instance and the payload.
OnMessage = Callable[[str, bytes], None]
log = structlog.get_logger("portico.instances")


class ChannelCounts(NamedTuple):
    """Messages since the start. `dropped`: could not be sent. `rejected`: not signed, too old, or received before."""

    sent: int
    received: int
    dropped: int
    rejected: int


class InstanceChannel:
    """Messages to the other instances: at most once, in order of each sender, within a second.

    They notify; what must not be lost is in the database. `subscribe` before `start`.
    """

    def __init__(self, instance: OwnInstance, secret: Secret, redis: RedisConnection) -> None:
        self.instance_id = instance.id
        #: Whether another instance is alive. Known within a second of its start.
        self.has_peers = False
        #: Ids of all live instances, this one among them.
        self.live_ids = frozenset({instance.id})
        #: Ids of those that are workers.
        self.live_worker_ids = frozenset({instance.id} if instance.role == "worker" else ())
        #: Set by an application that records traces.
        self.tracing = Tracing()
        self._signer, self._redis = Signer(secret), redis
        self._handlers: dict[str, OnMessage] = {}
        self._guard = ReplayGuard()
        self._reader = outbox.OutboxReader(instance.id)
        self._number = 0
        self._started_at = 0.0
        self._pending: deque[str] = deque()
        self._pending_bytes = 0
        self._sender: asyncio.Task[None] | None = None
        self._warned: dict[str, int] = {}
        self._sent = self._received = self._dropped = self._rejected = 0
        self._peers_as_of = float("-inf")
        self._peers = PeriodicTask("other instances", PEERS_SECONDS, self.find_peers)
        self._poll = PeriodicTask("messages of instances", self._poll_interval, self._read_outbox)
        self._cleanup = PeriodicTask(
            "old messages of instances", CLEANUP_SECONDS, lambda: outbox.delete_old(now())
        )

    @property
    def counts(self) -> ChannelCounts:
        """The numbers of messages since the start, for operators."""
        return ChannelCounts(self._sent, self._received, self._dropped, self._rejected)

    def subscribe(self, topic: str, handle: OnMessage) -> None:
        """Call `handle` with each message of a topic. It must not block; it is not called for own messages.

        Raises: ValueError if the topic has another handler already.
        """
        if self._handlers.get(topic, handle) != handle:
            raise ValueError(
                f"the topic {topic!r} has another handler already; begin it with the plugin's name"
            )
        self._handlers[topic] = handle

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message to the other instances, if there are any. Never blocks and never raises."""
        if not self.has_peers:
            return
        if self._pending_bytes > MAX_PENDING_BYTES:
            if not self._dropped:
                log.warning("messages to other instances dropped", topic=topic)
            self._dropped += 1
            return
        self._number += 1
        envelope = Envelope(
            self.instance_id, self._number, now(), topic, payload, current_traceparent()
        )
        text = self._signer.seal(envelope)
        self._pending.append(text)
        self._pending_bytes += len(text)
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_pending())

    async def start(self) -> None:
        """Begin to receive. Needs a registered instance and the current database."""
        self._started_at = time.monotonic()
        await self._reader.skip_all()
        await self.find_peers()
        self._redis.listen(self._redis.key(*_REDIS_CHANNEL), self._receive)
        for task in (self._peers, self._poll, self._cleanup):
            task.start()

    async def wait_until_known(self) -> None:
        """Wait until the other instances know this one and send it messages. At most a second; not at all if there are none."""
        if self.has_peers:
            await asyncio.sleep(
                self._started_at + PEERS_SECONDS + _MARGIN_SECONDS - time.monotonic()
            )

    async def stop(self) -> None:
        """Send what is pending, and stop receiving."""
        for task in (self._peers, self._poll, self._cleanup):
            await task.stop()
        if self._sender is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._sender
        self.has_peers = False

    async def find_peers(self) -> None:
        """Ask the database which instances are alive. Done once a second; call it where that is not soon enough."""
        had_peers, began = self.has_peers, time.monotonic()
        found = await live_instances()
        if began < self._peers_as_of:
            return  # another task has asked later, and was answered first
        self._peers_as_of = began
        self.live_ids = frozenset({self.instance_id, *(one.id for one in found)})
        self.live_worker_ids = frozenset(one.id for one in found if one.role == "worker")
        self.has_peers = len(self.live_ids) > 1
        if self.has_peers != had_peers:
            self._poll.wake()

    def _poll_interval(self) -> float:
        if not self.has_peers:
            return PEERS_SECONDS
        return POLL_SECONDS if self._redis.is_unavailable else BACKGROUND_POLL_SECONDS

    # -- sending --------------------------------------------------------------------------------------------

    async def _send_pending(self) -> None:
        try:
            while self._pending:
                texts = self._next_batch()
                try:
                    await self._send(texts)
                except Exception as error:  # noqa: BLE001 - the database is unavailable as well: they are lost
                    self._dropped += len(texts)
                    log.warning(
                        "messages to other instances lost",
                        messages=len(texts),
                        error=type(error).__name__,
                    )
                else:
                    self._sent += len(texts)
        finally:
            self._sender = None

    def _next_batch(self) -> list[str]:
        texts, size = [self._pending.popleft()], 0
        size = len(texts[0])
        while self._pending and size + len(self._pending[0]) <= _BATCH_BYTES:
            size += len(self._pending[0])
            texts.append(self._pending.popleft())
        self._pending_bytes -= size
        return texts

    async def _send(self, texts: list[str]) -> None:
        try:
            await self._redis.publish(self._redis.key(*_REDIS_CHANNEL), texts)
        except RedisUnavailable:
            await outbox.insert(self.instance_id, now(), texts)

    # -- receiving ------------------------------------------------------------------------------------------

    async def _read_outbox(self) -> None:
        may_be_more = self.has_peers
        while may_be_more:
            contents, may_be_more = await self._reader.read()
            for content in contents:
                self._receive(content)
            await asyncio.sleep(0)  # SQLite reads on the event loop

    def _receive(self, text: str) -> None:
        envelope = self._signer.open(text)
        if envelope is not None and envelope.sender == self.instance_id:
            return
        if envelope is None:
            self._reject(INVALID, f"all instances need the same secret key; {NO_OTHERS}")
            return
        if not is_recent(envelope, now()):
            self._reject(OLD, f"the clocks of all instances must agree; {NO_OTHERS}")
            return
        if not self._guard.accept(envelope):
            self._rejected += 1  # received before, through Redis or the database
            return
        self._received += 1
        handle = self._handlers.get(envelope.topic)
        if handle is None:
            return  # of a plugin that is not loaded here
        try:
            with self.tracing.attach(envelope.traceparent):
                handle(envelope.sender, envelope.payload)
        except BaseException as error:  # whatever it is, the next message must arrive
            if not is_failure(error):
                raise
            log.warning(
                "message of another instance failed",
                topic=envelope.topic,
                error=type(error).__name__,
                at=error_location(error),
            )

    def _reject(self, event: str, hint: str) -> None:
        self._rejected += 1
        count = self._warned[event] = self._warned.get(event, 0) + 1
        if count & (count - 1) == 0:  # 1, 2, 4, 8 …
            log.warning(event, rejected=count, hint=hint)
