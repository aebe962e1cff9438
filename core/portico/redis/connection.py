"""The connection to Redis, and how the server continues while Redis is unavailable.

Every command has a short time limit. After a failure, `run` raises RedisUnavailable at once and callers continue without
Redis, while a background task probes until it answers again. So a Redis that is stopped, or that drops every packet,
costs a request `redis.timeout` at most, and only the first ones.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import structlog

from portico.errors import OperatorError, Unavailable
from portico.metrics import Histogram
from portico.settings.redis import RedisSettings

#: Seconds between two probes while Redis is unavailable.
PROBE_SECONDS = 0.5
#: Seconds that a probe may take: connecting can be slow, later commands are faster.
PROBE_TIMEOUT_SECONDS = 2.0
#: Seconds without a message after which a subscriber checks whether Redis is still available.
LISTEN_SECONDS = 5.0
#: Seconds after which a task that has not ended is cancelled again.
CANCEL_AGAIN_SECONDS = 0.5
_BOUNDS: Final = (0.0005, 0.002, 0.01, 0.05, 0.25, 1.0)
NOT_ANSWERING = "Redis does not answer"

T = TypeVar("T")
log = structlog.get_logger("portico.redis")


async def cancel_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks that use the client library, and wait for their end.

    The library sends with `asyncio.wait_for`, which before Python 3.12 loses a cancellation that arrives just when the
    command is sent. So they are cancelled until they end.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)


class RedisUnavailable(Exception):
    """Redis is unavailable now, or none is configured: continue without it."""


class RedisRequired(OperatorError):
    """Redis is required by the settings and does not answer."""


class RedisConnection:
    """One application's connection to Redis, which is optional. `key`: the setting with its URL.

    Raises: BadSettings for an invalid URL or missing files.
    """

    def __init__(self, settings: RedisSettings, key: str = "redis.url") -> None:
        self.settings = settings
        self.configured = bool(settings.url)
        self.is_unavailable = not self.configured
        #: Seconds until commands were answered, and how many were not, since the start.
        self.seconds, self.failed = Histogram(_BOUNDS), 0
        self._client: Any = None
        self._sentinels: tuple[Any, ...] = ()
        self._failures: tuple[type[Exception], ...] = ()
        self._refusals: type[Exception] = RedisUnavailable
        self._prober: asyncio.Task[None] | None = None
        self._subscribers: list[asyncio.Task[None]] = []
        if self.configured:
            from portico.redis.connect import AUTH_ERRORS, CONNECTION_ERRORS, connect

            self._client, self._sentinels = connect(settings, key)
            self._failures, self._refusals = CONNECTION_ERRORS, AUTH_ERRORS
        self._tries = 1 + (settings.sentinel_max_retry_count if settings.sentinel_hosts else 0)

    def key(self, *parts: str) -> str:
        """Return the name of a key, with the prefix that all keys of this installation have."""
        return ":".join((self.settings.key_prefix, *parts))

    async def start(self) -> None:
        """Check whether Redis answers. Raises: RedisRequired if it does not and is required."""
        if self.configured:
            with contextlib.suppress(RedisUnavailable):
                await self._ask(lambda client: client.ping(), PROBE_TIMEOUT_SECONDS)
            if self.is_unavailable and self.settings.required:
                raise RedisRequired(
                    "redis: redis.required is set, and the Redis at REDIS_URL does not answer; start it, or unset redis.required"
                )

    async def stop(self) -> None:
        """Stop the background tasks and close the connections."""
        tasks = [*self._subscribers, *([self._prober] if self._prober else [])]
        self._subscribers, self._prober = [], None
        await cancel_tasks(tasks)
        if self._client is not None:
            for client in (self._client, *self._sentinels):
                with contextlib.suppress(*self._failures):
                    async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                        await client.aclose()

    async def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Return the result of `work`, which is called with the redis-py client (it decodes replies to str).

        `work` may be called again after a fail-over. Raises: RedisUnavailable.
        """
        if self.is_unavailable:
            raise RedisUnavailable
        return await self._ask(work, self.settings.timeout)

    def listen(self, channel: str, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with each message of a channel, until `stop`.

        Messages that are sent while Redis is unavailable are lost. Does nothing without Redis.
        """
        if self.configured:
            self._subscribers.append(asyncio.create_task(self._subscribe_loop(channel, on_message)))

    async def publish(self, channel: str, messages: Sequence[str]) -> None:
        """Publish messages on a channel, in order. Raises: RedisUnavailable; then some may have been published."""

        async def send(client: Any) -> None:
            if self.settings.cluster:  # its pipelines know only commands about keys
                for message in messages:
                    await client.execute_command(
                        "PUBLISH", channel, message, target_nodes=client.RANDOM
                    )
                return
            pipeline = client.pipeline(transaction=False)
            for message in messages:
                pipeline.publish(channel, message)
            await pipeline.execute()

        await self.run(send)

    async def _subscribe_loop(self, channel: str, on_message: Callable[[str], None]) -> None:
        while True:
            if self.is_unavailable:
                await asyncio.sleep(PROBE_SECONDS)
                continue
            try:
                async with contextlib.AsyncExitStack() as stack:
                    async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                        subscription = await self._subscribe(channel, stack)
                    while True:
                        message = await subscription.get_message(timeout=LISTEN_SECONDS)
                        if message is not None:
                            on_message(message["data"])
                        elif self.is_unavailable:
                            break
            except self._failures as error:
                log.debug("redis subscription failed", error=type(error).__name__)
                await asyncio.sleep(PROBE_SECONDS)

    async def _subscribe(self, channel: str, stack: contextlib.AsyncExitStack) -> Any:
        """Return a subscription to a channel, which is closed with the stack."""
        client = self._client
        if self.settings.cluster:
            from portico.redis.connect import client_of_any_node

            client = await client_of_any_node(client)
            stack.push_async_callback(self.close_quietly, client)
        subscription = client.pubsub(ignore_subscribe_messages=True)
        stack.push_async_callback(self.close_quietly, subscription)
        await subscription.subscribe(channel)
        return subscription

    async def close_quietly(self, opened: Any) -> None:
        """Close a client or a subscription, whether Redis answers or not."""
        with contextlib.suppress(*self._failures):
            await opened.aclose()

    async def probe(self) -> None:
        """Check that Redis answers; for `/ready`. Raises: Unavailable."""
        try:
            await self.run(lambda client: client.ping())
        except RedisUnavailable as error:
            raise Unavailable(NOT_ANSWERING) from error

    async def _ask(self, work: Callable[[Any], Awaitable[T]], limit: float) -> T:
        error: Exception | None = None
        for _ in range(self._tries):
            began = time.perf_counter()
            try:
                async with asyncio.timeout(limit):
                    answer = await work(self._client)
                self.seconds.observe(time.perf_counter() - began)
                return answer
            except self._failures as failure:
                self.failed += 1
                error = failure
        assert error is not None
        # Redis answers, but refuses the command: full, read-only, not permitted.
        if isinstance(error, self._refusals):
            log.warning(
                "redis refused a command", error=type(error).__name__, reason=str(error)[:80]
            )
        else:
            self._mark_unavailable(error)
        raise RedisUnavailable from error

    def _mark_unavailable(self, error: Exception) -> None:
        self.is_unavailable = True
        if self._prober is None or self._prober.done():
            log.warning("redis unavailable", error=type(error).__name__)
            self._prober = asyncio.create_task(self._probe_loop())

    async def _probe_loop(self) -> None:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                    await self._client.ping()
            except self._failures:
                continue
            self.is_unavailable = False
            log.info("redis reachable again")
            return
