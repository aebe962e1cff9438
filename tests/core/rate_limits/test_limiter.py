"""Rate limits by account and address, by address and by account; in one process and for all instances."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.database_templates import Templates, started_database
from tests.redis_server import RedisServer

from portico.db import Database, execute, fetch_all, now
from portico.errors import InvalidRequest, RateLimited, Unavailable
from portico.rate_limits import TABLES, RateLimiter
from portico.rate_limits.local_counter import LocalCounter
from portico.rate_limits.rules import RateLimit
from portico.redis import RedisConnection
from portico.settings.identity import RateLimitSettings
from portico.settings.redis import RedisSettings
from portico.settings.section import Secret

pytestmark = pytest.mark.anyio

HERE, THERE = "192.0.2.1", "192.0.2.2"
ADA = "ada@example.org"
Make = Callable[..., Any]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[Database]:
    async with started_database(templates, database_url, tmp_path, {"limits": TABLES}) as database:
        yield database


@pytest.fixture
async def limiter(database: Database) -> AsyncIterator[Make]:
    """`await limiter(account_attempts=3)` is the limiter of one process; with `url`, one that shares a Redis."""
    links: list[RedisConnection] = []

    async def make(url: str = "", prefix: str = "test", **settings: Any) -> RateLimiter:
        links.append(RedisConnection(RedisSettings(url=url, key_prefix=prefix)))
        await links[-1].start()
        return RateLimiter(RateLimitSettings(**settings), Secret("for tests only"), links[-1])

    yield make
    for link in links:
        await link.stop()


async def fail(limiter: RateLimiter, account: str | None = ADA, address: str = HERE) -> None:
    await limiter.acquire("signin", address, account)


async def succeed(limiter: RateLimiter, account: str | None = ADA, address: str = HERE) -> None:
    async with await limiter.acquire("signin", address, account):
        pass


async def count_allowed(times: int, work: Callable[[int], Any]) -> int:
    """Return how many of these attempts are allowed."""
    passed = 0
    for n in range(times):
        try:
            await work(n)
        except RateLimited:
            continue
        passed += 1
    return passed


async def test_sixteenth_attempt_for_an_account_is_refused(
    limiter: Make,
) -> None:
    rate_limiter = await limiter()
    assert await count_allowed(20, lambda _: succeed(rate_limiter)) == 15
    assert await count_allowed(20, lambda _: fail(rate_limiter, "ben@example.org")) == 15


async def test_account_names_are_case_insensitive(limiter: Make) -> None:
    rate_limiter = await limiter(account_attempts=3)
    names = ["ada@example.org", "ADA@example.org", "Ada@Example.ORG"]
    assert await count_allowed(9, lambda n: fail(rate_limiter, names[n % 3])) == 3


async def test_refusal_has_a_retry_time_and_is_not_counted(limiter: Make) -> None:
    rate_limiter = await limiter(account_attempts=2, window_seconds=100)
    await count_allowed(2, lambda _: fail(rate_limiter))
    for _ in range(5):
        with pytest.raises(RateLimited) as refused:
            await fail(rate_limiter)
        assert 1 <= refused.value.retry_after <= 100
        assert refused.value.detail == "API rate limit exceeded"


@pytest.mark.case("AB-12")
async def test_address_is_refused_after_thirty_failures_of_any_account(
    limiter: Make,
) -> None:
    rate_limiter = await limiter()
    assert await count_allowed(200, lambda n: fail(rate_limiter, f"{n}@example.org")) == 30
    await fail(rate_limiter, address=THERE)


@pytest.mark.case("AB-12")
async def test_password_endpoints_share_their_limits(limiter: Make) -> None:
    rate_limiter = await limiter()
    await count_allowed(30, lambda n: fail(rate_limiter, f"{n}@example.org"))
    with pytest.raises(RateLimited):
        await rate_limiter.acquire("ldap", HERE, "new")
    await rate_limiter.acquire("oauth", HERE, None)


@pytest.mark.case("AB-12")
async def test_concurrent_attempts_do_not_exceed_the_limit(limiter: Make) -> None:
    rate_limiter = await limiter(address_failures=10)
    outcomes = await asyncio.gather(
        *(fail(rate_limiter, f"{n}@example.org") for n in range(200)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 10


async def test_many_successful_users_behind_one_address_are_allowed(limiter: Make) -> None:
    rate_limiter = await limiter(address_failures=10)

    async def sign_in(account: str) -> None:
        async with await rate_limiter.acquire("signin", HERE, account):
            await asyncio.sleep(0.01)  # the password

    await asyncio.gather(*(sign_in(f"{n}@example.org") for n in range(100)))


async def test_waiting_attempt_is_refused_when_the_last_one_failed(limiter: Make) -> None:
    rate_limiter = await limiter(address_failures=1)
    first = await rate_limiter.acquire("signin", HERE, ADA)
    second = asyncio.create_task(rate_limiter.acquire("signin", HERE, "ben@example.org"))
    await asyncio.sleep(0)
    del first
    with pytest.raises(RateLimited):
        await second


async def test_withdrawn_attempt_does_not_count(limiter: Make) -> None:
    rate_limiter = await limiter(account_attempts=3)
    for _ in range(10):
        with pytest.raises(RateLimited, match="busy"):
            async with await rate_limiter.acquire("signin", HERE, ADA):
                raise RateLimited(5, "busy")
    assert await count_allowed(10, lambda _: fail(rate_limiter)) == 3


async def test_cancelled_attempt_counts(limiter: Make) -> None:
    rate_limiter = await limiter(address_failures=3)

    async def hang_up(n: int) -> None:
        with pytest.raises(asyncio.CancelledError):
            async with await rate_limiter.acquire("signin", HERE, f"{n}@example.org"):
                raise asyncio.CancelledError

    assert await count_allowed(10, hang_up) == 3


@pytest.mark.case("AB-11")
async def test_user_can_sign_in_while_the_account_is_attacked_from_another_address(
    limiter: Make,
) -> None:
    rate_limiter = await limiter()
    assert await count_allowed(100, lambda _: fail(rate_limiter, address=THERE)) == 15
    await succeed(rate_limiter)


@pytest.mark.case("AB-11")
async def test_distributed_attack_leaves_known_locations_allowed(limiter: Make) -> None:
    rate_limiter = await limiter(account_failures=20)
    await succeed(rate_limiter)
    assert await count_allowed(50, lambda n: fail(rate_limiter, address=f"198.51.100.{n}")) == 20
    for _ in range(5):
        await succeed(rate_limiter)
    with pytest.raises(RateLimited):
        await succeed(rate_limiter, address="203.0.113.1")
    await succeed(rate_limiter, "ben@example.org", "203.0.113.1")


@pytest.mark.case("AB-11")
async def test_known_location_does_not_bypass_the_other_limits(limiter: Make) -> None:
    rate_limiter = await limiter(account_failures=20)
    await succeed(rate_limiter)
    await count_allowed(50, lambda n: fail(rate_limiter, address=f"198.51.100.{n}"))
    assert await count_allowed(50, lambda _: fail(rate_limiter)) == 14


async def test_location_is_stored_as_digest_and_expires(
    limiter: Make,
) -> None:
    rate_limiter = await limiter(account_failures=1)
    await succeed(rate_limiter)
    kept = await fetch_all("SELECT id FROM portico_known_location")
    assert len(kept) == 1 and ADA not in str(kept) and HERE not in str(kept)
    await fail(rate_limiter, address=THERE)
    await succeed(rate_limiter)
    await execute("UPDATE portico_known_location SET seen_at = $1", now() - 100 * 86400)
    with pytest.raises(RateLimited):
        await succeed(rate_limiter)


async def test_ipv6_addresses_of_one_network_count_together(limiter: Make) -> None:
    rate_limiter = await limiter(address_failures=5)
    assert (
        await count_allowed(20, lambda n: fail(rate_limiter, f"{n}@x.org", f"2001:db8:1:2::{n:x}"))
        == 5
    )
    await fail(rate_limiter, ADA, "2001:db8:1:3::1")
    assert (
        await count_allowed(20, lambda n: fail(rate_limiter, f"{n}@x.org", f"::ffff:{THERE}")) == 5
    )
    with pytest.raises(RateLimited):
        await fail(rate_limiter, ADA, THERE)


@pytest.mark.parametrize("account", ["", "\x00", "\ud800", "a" * 100_000, "a\x00b", "{x}", "*"])
async def test_any_text_is_accepted_as_account_or_address(
    limiter: Make, account: str, shared_redis: str, tmp_path: Path
) -> None:
    rate_limiter = await limiter(shared_redis, str(tmp_path), account_attempts=2)
    assert await count_allowed(5, lambda _: succeed(rate_limiter, account)) == 2
    assert await count_allowed(5, lambda _: succeed(rate_limiter, ADA, account)) == 2


async def test_rate_limits_can_be_disabled(limiter: Make) -> None:
    rate_limiter = await limiter(enabled=False)
    assert await count_allowed(500, lambda _: succeed(rate_limiter)) == 500
    assert not await fetch_all("SELECT id FROM portico_known_location")


# -- several instances --------------------------------------------------------------------------------------


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return str(tmp_path)


async def test_instances_with_redis_count_together(
    limiter: Make, shared_redis: str, prefix: str
) -> None:
    limiters = [await limiter(shared_redis, prefix) for _ in range(2)]
    assert await count_allowed(100, lambda n: fail(limiters[n % 2], f"{n}@example.org")) == 30
    assert await count_allowed(100, lambda n: succeed(limiters[n % 2], address=THERE)) == 15


async def test_instances_with_redis_refund_together(
    limiter: Make, shared_redis: str, prefix: str
) -> None:
    limiters = [await limiter(shared_redis, prefix, address_failures=3) for _ in range(2)]
    assert await count_allowed(30, lambda n: succeed(limiters[n % 2], f"{n}@example.org")) == 30


async def test_redis_keys_have_the_prefix_expire_and_are_digests(
    limiter: Make, redis: RedisServer
) -> None:
    rate_limiter = await limiter(redis.url, "open-webui")
    await fail(rate_limiter)
    link = RedisConnection(RedisSettings(url=redis.url))
    keys = await link.run(lambda client: client.keys("*"))
    assert len(keys) == 3 and all(key.startswith("open-webui:ratelimit:") for key in keys)
    assert "ada" not in str(keys) and HERE not in str(keys)
    for key in keys:
        assert 0 < await link.run(lambda client, key=key: client.ttl(key)) <= 3600
    await link.stop()


async def test_attempt_refused_by_redis_is_refunded_locally(
    limiter: Make, redis: RedisServer
) -> None:
    here, there = [await limiter(redis.url, account_attempts=3) for _ in range(2)]
    assert await count_allowed(3, lambda _: fail(there)) == 3
    assert await count_allowed(5, lambda _: fail(here)) == 0
    link = RedisConnection(RedisSettings(url=redis.url))
    await link.run(lambda client: client.flushall())  # as when the window has ended for the others
    await link.stop()
    assert await count_allowed(5, lambda _: fail(here)) == 3


@pytest.mark.case("FT-08")
async def test_process_counts_while_redis_is_unavailable(limiter: Make, redis: RedisServer) -> None:
    rate_limiter = await limiter(redis.url)
    assert await count_allowed(10, lambda _: fail(rate_limiter)) == 10
    redis.stop()
    assert await count_allowed(20, lambda _: fail(rate_limiter)) == 5
    redis.start()
    second = await limiter(redis.url)
    assert await count_allowed(50, lambda n: fail(second, f"{n}@example.org", THERE)) == 30


# -- the counter ---------------------------------------------------------------------------------------------


def limit(key: str, attempts: int = 2, window: float = 10) -> RateLimit:
    return RateLimit(key, attempts, window, refund_on_success=True)


@pytest.mark.case("FT-06")
def test_window_slides_by_a_monotonic_clock() -> None:
    at = 0.0
    counter = LocalCounter(lambda: at)
    for seconds, wait in [(0, 0), (4, 0), (5, 5), (9, 1), (10, 0), (11, 3), (14, 0), (14, 6)]:
        at = float(seconds)
        assert counter.reserve([limit("a")], f"attempt-{seconds}-{wait}") == [wait]


def test_attempt_counts_against_all_limits_or_none() -> None:
    counter = LocalCounter()
    assert counter.reserve([limit("a", 1), limit("b")], "first") == [0, 0]
    for n in range(5):
        assert counter.reserve([limit("a", 1), limit("b")], f"{n}")[0] > 0
    assert counter.reserve([limit("b")], "second") == [0]
    counter.refund(["a", "b"], "first")
    assert counter.reserve([limit("a", 1), limit("b")], "third") == [0, 0]


def test_many_invented_accounts_use_limited_memory_and_keep_full_keys() -> None:
    counter = LocalCounter(max_keys=1000)
    guessed = limit("guessed", 2)
    for n in range(10_000):
        counter.reserve([limit(f"invented-{n}")], f"{n}")
        if n % 100 == 0:
            waits = counter.reserve([guessed], f"guess-{n}")
            assert bool(waits[0]) == (n > 100)
    assert len(counter) <= 1000


def test_expired_keys_are_dropped() -> None:
    at = 0.0
    counter = LocalCounter(lambda: at)
    for n in range(1000):
        counter.reserve([limit(f"{n}")], f"{n}")
    at = 100_000.0
    for n in range(1000, 1200):
        counter.reserve([limit(f"{n}")], f"{n}")
    assert len(counter) == 200


async def test_exception_in_the_block_counts_as_failure(limiter: Make) -> None:
    rate_limiter = await limiter(address_failures=2)

    async def wrong(n: int) -> None:
        with pytest.raises(InvalidRequest):
            async with await rate_limiter.acquire("signin", HERE, f"{n}@example.org"):
                raise InvalidRequest("wrong")

    assert await count_allowed(5, wrong) == 2


async def test_reached_limit_is_logged_once_until_it_allows_attempts_again(
    limiter: Make,
) -> None:
    limits = await limiter(account_attempts=100, address_failures=2)
    with structlog.testing.capture_logs() as lines:
        for number in range(20):
            with contextlib.suppress(RateLimited):
                await limits.acquire("signin", HERE, f"{number}@example.org")
    assert lines == [
        {
            "event": "limit reached", "log_level": "warning", "limit": "address", "endpoint": "signin",
            "attempts": 2, "window_seconds": 180.0, "client": HERE, "own_line": True,
        }
    ]  # fmt: skip
    with structlog.testing.capture_logs() as lines, pytest.raises(RateLimited):
        for _ in range(3):
            await limits.acquire("signin", THERE, ADA)
    assert [line["client"] for line in lines] == [THERE]


async def test_instances_without_redis_count_together(limiter: Make) -> None:
    limiters = [await limiter() for _ in range(2)]
    passed = await asyncio.gather(
        count_allowed(150, lambda _: fail(limiters[0])),
        count_allowed(150, lambda _: fail(limiters[1])),
    )
    assert sum(passed) == 15


async def test_instances_without_redis_refund_together(limiter: Make) -> None:
    limiters = [await limiter(address_failures=3, account_attempts=1000) for _ in range(2)]
    for n in range(20):
        await succeed(limiters[n % 2], f"{n}@example.org")
    assert await count_allowed(9, lambda n: fail(limiters[n % 2], f"x{n}@example.org")) == 3


async def test_window_in_the_database_expires(limiter: Make) -> None:
    limiters = [await limiter(account_attempts=2, window_seconds=100) for _ in range(2)]
    assert await count_allowed(4, lambda _: fail(limiters[0])) == 2
    await execute("UPDATE portico_attempt SET attempts = REPLACE(attempts, ',17', ',16')")
    assert await count_allowed(4, lambda _: fail(limiters[1])) == 2


async def test_refused_attempts_write_nothing(limiter: Make) -> None:
    rate_limiter, other = await limiter(account_attempts=3), await limiter(account_attempts=3)
    assert await count_allowed(3, lambda _: fail(rate_limiter)) == 3
    before = await fetch_all("SELECT * FROM portico_attempt ORDER BY key")
    assert len(before) == 3
    assert await count_allowed(50, lambda _: fail(other)) == 0
    assert await count_allowed(50, lambda _: fail(rate_limiter)) == 0
    assert await fetch_all("SELECT * FROM portico_attempt ORDER BY key") == before


async def test_attempts_in_the_database_expire_and_are_digests(limiter: Make) -> None:
    rate_limiter = await limiter()
    await fail(rate_limiter)
    kept = await fetch_all("SELECT * FROM portico_attempt")
    assert "ada" not in str(kept) and HERE not in str(kept)
    await execute("UPDATE portico_attempt SET expires_at = 1, attempts = '[]'")
    await fail(await limiter(), "ben@example.org", THERE)
    assert len(await fetch_all("SELECT * FROM portico_attempt")) == 3


async def test_attempts_are_refused_while_the_database_is_unavailable(
    limiter: Make, database: Database
) -> None:
    rate_limiter = await limiter(account_attempts=2)
    await fail(rate_limiter)
    await database.stop()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await fail(rate_limiter)
    await database.start()
    assert await count_allowed(5, lambda _: fail(rate_limiter)) == 1


async def test_waiting_attempts_are_refused_while_other_instances_fill_the_limit(
    limiter: Make,
) -> None:
    here, there = await limiter(address_failures=2), await limiter(address_failures=2)
    begun = await here.acquire("signin", HERE, "a@example.org")
    taken = await there.acquire("signin", HERE, "b@example.org")
    waiting = [
        asyncio.create_task(here.acquire("signin", HERE, f"{n}@example.org")) for n in range(20)
    ]
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(task.done() for task in waiting[1:])
    del begun
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(rate_limiter, RateLimited) for rate_limiter in found)
    del taken


async def test_instances_without_reachable_redis_count_in_the_database(
    limiter: Make, redis: RedisServer
) -> None:
    limiters = [await limiter(redis.url) for _ in range(2)]
    redis.stop()
    assert await count_allowed(40, lambda n: fail(limiters[n % 2])) == 15
