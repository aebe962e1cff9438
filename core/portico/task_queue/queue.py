"""The queue itself: a client of arq over the connections of `portico.redis`, so TLS and sentinels work."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from portico.redis import RedisConnection
from portico.settings.section import Secret
from portico.task_queue.job_signature import FUNCTION, JobSigner

if TYPE_CHECKING:
    from arq.connections import ArqRedis

#: Seconds that closing a connection may take.
CLOSE_SECONDS: Final = 2.0


class TaskQueue:
    """Entries that tell workers of tasks. Nothing is imported or connected before it is used."""

    def __init__(self, redis: RedisConnection, secret: Secret) -> None:
        self.redis, self.signer = redis, JobSigner(secret)
        # Not "tasks": Open WebUI, which may use the same Redis, has a hash of that name.
        self.name = redis.key("task_queue")
        #: The channel on which workers are told that the queue has new entries.
        self.news = redis.key("task_queue", "news")
        self._clients: tuple[Any, ...] = ()
        self._arq: ArqRedis | None = None

    @property
    def is_possible(self) -> bool:
        """Whether there is a Redis that can have the queue. arq's commands need all keys on one node of a cluster."""
        return self.redis.configured and not self.redis.settings.cluster

    @property
    def client(self) -> "ArqRedis":
        """The client of arq."""
        if self._arq is None:
            from arq.connections import ArqRedis

            from portico.redis.connect import connect

            client, sentinels = connect(self.redis.settings, decode=False)
            self._clients = (client, *sentinels)
            self._arq = ArqRedis(
                client.connection_pool,
                job_serializer=self.signer.dump,
                job_deserializer=self.signer.load,
                default_queue_name=self.name,
            )
        return self._arq

    async def put(self, task_id: str, claims: int, delay: float) -> None:
        """Add an entry for a task, unless it is there already. `delay`: seconds. Raises: RedisUnavailable."""
        await self.redis.run(
            lambda _: self.client.enqueue_job(
                FUNCTION, task_id, _job_id=f"{task_id}-{claims}", _defer_by=delay or None
            )
        )

    async def announce(self) -> None:
        """Tell the workers to look into the queue now. Raises: RedisUnavailable."""
        await self.redis.publish(self.news, ["new"])

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients, self._arq = self._clients, (), None
        for client in clients:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.redis.close_quietly(client)
