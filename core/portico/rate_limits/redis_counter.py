"""The same tries, counted by all instances together in Redis, and by its clock."""

from collections.abc import Sequence
from typing import Any

from portico.rate_limits.rules import RateLimit
from portico.redis import RedisConnection

# Each key is a set of tries, sorted by when they came. Those from the future are of a clock that was set back.
_TAKE = """
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
    """As `LocalCounter`, but awaited. Raises: Away."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def reserve(self, budgets: Sequence[RateLimit], attempt: str) -> list[float]:
        """Count a try, in one step for everybody. Shape: as that of `Ledger.take`."""
        keys = [self._key(budget.key) for budget in budgets]
        numbers = [n for b in budgets for n in (b.most, round(b.window * 1000))]

        async def reserve(client: Any) -> list[int]:
            found: list[int] = await client.eval(_TAKE, len(keys), *keys, attempt, *numbers)
            return found

        return [wait / 1000 for wait in await self._redis.run(reserve)]

    async def refund(self, keys: Sequence[str], attempt: str) -> None:
        """Count a try no longer."""

        async def give(client: Any) -> None:
            for key in keys:
                await client.zrem(self._key(key), attempt)

        await self._redis.run(give)

    def _key(self, key: str) -> str:
        # What stands in braces decides where in a cluster a key is; these have to be together.
        return self._redis.key("ratelimit", "{tries}", key)
