"""Counts the attempts of all instances in Redis, with the clock of Redis."""

from collections.abc import Sequence
from typing import Any

from portico.rate_limits.rules import RateLimit
from portico.redis import RedisConnection

# Each key is a set of attempts sorted by time. Those from the future were counted before the clock was set back.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local waits, full = {}, false
for i, key in ipairs(KEYS) do
    local most, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    redis.call('ZREMRANGEBYSCORE', key, '(' .. now, '+inf')
    waits[i] = 0
    if redis.call('ZCARD', key) >= most then
        waits[i] = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) + window - now
        full = true
    end
end
if not full then
    for i, key in ipairs(KEYS) do
        redis.call('ZADD', key, now, ARGV[1])
        redis.call('PEXPIRE', key, ARGV[2 * i + 1])
    end
end
return waits
"""


class RedisCounter:
    """As `LocalCounter`, but asynchronous. Raises: RedisUnavailable."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def reserve(self, limits: Sequence[RateLimit], attempt: str) -> list[float]:
        """Count an attempt atomically. Shape: as `LocalCounter.reserve`."""
        keys = [self._key(limit.key) for limit in limits]
        numbers = [n for b in limits for n in (b.limit, round(b.window * 1000))]

        async def reserve(client: Any) -> list[int]:
            waits: list[int] = await client.eval(_RESERVE, len(keys), *keys, attempt, *numbers)
            return waits

        return [wait / 1000 for wait in await self._redis.run(reserve)]

    async def refund(self, keys: Sequence[str], attempt: str) -> None:
        """Do not count an attempt any more."""

        async def remove(client: Any) -> None:
            for key in keys:
                await client.zrem(self._key(key), attempt)

        await self._redis.run(remove)

    def _key(self, key: str) -> str:
        # The part in braces is the hash tag of a Redis cluster: all keys of a script must be on one node.
        return self._redis.key("ratelimit", "{tries}", key)
