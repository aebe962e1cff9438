"""The optional connection to Redis, by which several instances share counters and notify each other."""

from portico.redis.connection import RedisConnection, RedisUnavailable

__all__ = [
    "RedisConnection",
    "RedisUnavailable",
]
