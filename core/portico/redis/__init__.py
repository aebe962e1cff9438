"""Redis, for those who have one: what instances count and say together. Nothing needs it."""

from portico.redis.connection import RedisConnection, RedisUnavailable

__all__ = [
    "RedisConnection",
    "RedisUnavailable",
]
