"""The optional connection to Redis, by which several instances share counters and notify each other."""

from portico.redis.connection import (
    RedisConnection,
    RedisRequired,
    RedisUnavailable,
    cancel_tasks,
)

__all__ = [
    "RedisConnection",
    "RedisRequired",
    "RedisUnavailable",
    "cancel_tasks",
]
