"""The link to Redis, and what happens when it breaks.

Every question has a short time limit. One that fails makes the link leave Redis alone: whoever asks is told at once
that it is away and goes on without, while a probe in the background looks for its return. So a Redis that is stopped,
or that swallows every packet, costs a request a quarter of a second at most, and only the first ones.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from portico.errors import OperatorError, Unavailable
from portico.settings.redis import RedisSettings

#: Seconds between two probes while Redis is away.
PROBE_EVERY = 0.5
#: Seconds that a probe may take: whoever is only slow to greet gets in, and is quicker from then on.
PROBE_LIMIT = 2.0
#: Seconds of silence after which whoever listens sees whether Redis is still there.
LISTEN_SECONDS = 5.0
AWAY = "Redis does not answer"

T = TypeVar("T")
log = structlog.get_logger("portico.redis")


class RedisUnavailable(Exception):
    """Redis cannot be asked just now, or there is none: go on without."""


class RedisRequired(OperatorError):
    """The operator wants to do nothing without Redis, and it does not answer."""


class RedisConnection:
    """One application's link to its Redis, which it may not have.

    Raises: BadSettings for a URL or files that will not do.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self.settings = settings
        self.configured = bool(settings.url)
        self.away = not self.configured
        self._client: Any = None
        self._sentinels: tuple[Any, ...] = ()
        self._failures: tuple[type[Exception], ...] = ()
        self._refusals: type[Exception] = RedisUnavailable
        self._prober: asyncio.Task[None] | None = None
        self._ears: list[asyncio.Task[None]] = []
        if self.configured:
            from portico.redis.connect import AUTH_ERRORS, CONNECTION_ERRORS, connect

            self._client, self._sentinels = connect(settings)
            self._failures, self._refusals = CONNECTION_ERRORS, AUTH_ERRORS
        self._tries = 1 + (settings.sentinel_max_retry_count if settings.sentinel_hosts else 0)

    def key(self, *parts: str) -> str:
        """The name of a key, below the prefix that everything of this house has."""
        return ":".join((self.settings.key_prefix, *parts))

    async def start(self) -> None:
        """See whether it is there. Raises: Required if it is not and has to be."""
        if self.configured:
            with contextlib.suppress(RedisUnavailable):
                await self._ask(lambda client: client.ping(), PROBE_LIMIT)
            if self.away and self.settings.required:
                raise RedisRequired(
                    "redis: it is required, and the one that REDIS_URL names does not answer"
                )

    async def stop(self) -> None:
        """Let go of it."""
        tasks = [*self._ears, *([self._prober] if self._prober else [])]
        self._ears, self._prober = [], None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._client is not None:
            for client in (self._client, *self._sentinels):
                with contextlib.suppress(*self._failures):
                    async with asyncio.timeout(PROBE_LIMIT):
                        await client.aclose()

    async def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """What `work` makes of the client (of redis-py, with texts for answers). Raises: Away.

        `work` may be called again after a fail-over.
        """
        if self.away:
            raise RedisUnavailable
        return await self._ask(work, self.settings.timeout)

    def listen(self, channel: str, on_message: Callable[[str], None]) -> None:
        """Have `hear` called with what is said in a channel, until `stop`. While Redis is away nothing is heard, and
        nothing is made up for; neither is anything heard where there is no Redis, or from a cluster.
        """
        if self.configured and not self.settings.cluster:
            self._ears.append(asyncio.create_task(self._subscribe_loop(channel, on_message)))

    async def _subscribe_loop(self, channel: str, on_message: Callable[[str], None]) -> None:
        while True:
            if self.away:
                await asyncio.sleep(PROBE_EVERY)
                continue
            ear = self._client.pubsub(ignore_subscribe_messages=True)
            try:
                async with asyncio.timeout(PROBE_LIMIT):
                    await ear.subscribe(channel)
                while True:
                    message = await ear.get_message(timeout=LISTEN_SECONDS)
                    if message is not None:
                        on_message(message["data"])
                    elif self.away:
                        break
            except self._failures as error:
                log.debug("redis is not heard", error=type(error).__name__)
                await asyncio.sleep(PROBE_EVERY)
            finally:
                with contextlib.suppress(*self._failures):
                    await ear.aclose()

    async def probe(self) -> None:
        """For `/ready`. Raises: Unavailable."""
        try:
            await self.run(lambda client: client.ping())
        except RedisUnavailable as error:
            raise Unavailable(AWAY) from error

    async def _ask(self, work: Callable[[Any], Awaitable[T]], limit: float) -> T:
        error: Exception | None = None
        for _ in range(self._tries):
            try:
                async with asyncio.timeout(limit):
                    return await work(self._client)
            except self._failures as failure:
                error = failure
        assert error is not None
        if isinstance(
            error, self._refusals
        ):  # it is there, and will not: full, read-only, forbidden
            log.warning("redis refused", error=type(error).__name__, why=str(error)[:80])
        else:
            self._mark_unavailable(error)
        raise RedisUnavailable from error

    def _mark_unavailable(self, error: Exception) -> None:
        self.away = True
        if self._prober is None or self._prober.done():
            log.warning("redis is away", error=type(error).__name__)
            self._prober = asyncio.create_task(self._probe_loop())

    async def _probe_loop(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY)
            try:
                async with asyncio.timeout(PROBE_LIMIT):
                    await self._client.ping()
            except self._failures:
                continue
            self.away = False
            log.info("redis is back")
            return
