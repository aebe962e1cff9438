"""The optional connection to Redis, by which several instances share counters and notify each other."""

from portico.redis.connection import RedisConnection, RedisRequired, RedisUnavailable

__all__ = [
    "RedisConnection",
    "RedisRequired",
    "RedisUnavailable",
]
