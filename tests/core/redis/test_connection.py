"""The connection to Redis: available, unavailable, reachable again; and no command waits longer than the timeout."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.redis_server import RedisServer, TLSFront, free_port

from portico.errors import OperatorError, Unavailable
from portico.redis import RedisConnection, RedisUnavailable
from portico.settings.problems import BadSettings
from portico.settings.redis import RedisSettings

pytestmark = pytest.mark.anyio

Open = Callable[..., Any]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """`await opened(url=…)` is a started connection."""
    made: list[RedisConnection] = []

    async def open_(**settings: Any) -> RedisConnection:
        connection = RedisConnection(RedisSettings(**settings))
        made.append(connection)
        await connection.start()
        return connection

    yield open_
    for connection in made:
        await connection.stop()


async def echo(connection: RedisConnection, text: str = "hi") -> str:
    text_back: str = await connection.run(lambda client: client.echo(text))
    return text_back


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.02)


async def test_without_url_redis_is_unavailable(opened: Open) -> None:
    connection = await opened()
    assert not connection.configured
    with pytest.raises(RedisUnavailable):
        await echo(connection)


async def test_command_returns_its_result(opened: Open, shared_redis: str) -> None:
    assert await echo(await opened(url=shared_redis)) == "hi"


async def test_keys_have_the_prefix(opened: Open) -> None:
    connection = await opened(key_prefix="portico")
    assert connection.key("auth", "token", "x") == "portico:auth:token:x"


@pytest.mark.case("FT-08")
async def test_stopped_redis_is_avoided_and_found_again(opened: Open, redis: RedisServer) -> None:
    connection = await opened(url=redis.url)
    assert await echo(connection) == "hi"
    redis.stop()
    with pytest.raises(RedisUnavailable):
        await echo(connection)
    assert connection.is_unavailable
    with pytest.raises(Unavailable):
        await connection.probe()
    redis.start()
    await until(lambda: not connection.is_unavailable)
    assert await echo(connection) == "hi"
    await connection.probe()


@pytest.mark.case("FT-08")
async def test_hanging_redis_costs_one_timeout(opened: Open, redis: RedisServer) -> None:
    connection = await opened(url=redis.url, timeout=0.1)
    redis.stun()
    results = await asyncio.gather(*(echo(connection) for _ in range(50)), return_exceptions=True)
    assert {type(one) for one in results} == {RedisUnavailable}
    begun = time.monotonic()
    for _ in range(1000):  # a hundred seconds, if each waited
        with pytest.raises(RedisUnavailable):
            await echo(connection)
    assert time.monotonic() - begun < 50
    redis.wake()
    await until(lambda: not connection.is_unavailable)
    assert await asyncio.gather(*(echo(connection, str(n)) for n in range(50))) == [
        str(n) for n in range(50)
    ]


@pytest.mark.case("FT-07")
async def test_redis_missing_at_start_is_found_later(opened: Open, redis: RedisServer) -> None:
    redis.stop()
    connection = await opened(url=redis.url)
    assert connection.is_unavailable
    redis.start()
    await until(lambda: not connection.is_unavailable)
    assert await echo(connection) == "hi"


@pytest.mark.case("FT-07")
async def test_missing_required_redis_is_an_error(opened: Open) -> None:
    with pytest.raises(OperatorError, match="REDIS_URL"):
        await opened(url=f"redis://127.0.0.1:{free_port()}/0", required=True)


@pytest.mark.case("FT-05")
async def test_cancelled_command_leaves_no_reply_for_the_next(
    opened: Open, redis: RedisServer
) -> None:
    connection = await opened(url=redis.url)
    for n in range(200):
        abandoned = asyncio.create_task(echo(connection, f"abandoned-{n}"))
        for _ in range(n % 7):
            await asyncio.sleep(0)
        abandoned.cancel()
        assert await echo(connection, f"next-{n}") == f"next-{n}"
        await asyncio.gather(abandoned, return_exceptions=True)


async def test_refused_command_keeps_redis_available(opened: Open, shared_redis: str) -> None:
    connection = await opened(url=shared_redis)
    with pytest.raises(RedisUnavailable):
        await connection.run(lambda client: client.execute_command("NO-SUCH-COMMAND"))
    assert await echo(connection) == "hi"


@pytest.fixture
def guarded() -> Iterator[RedisServer]:
    server = RedisServer(password="s3cret-word").start()
    yield server
    server.close()


async def test_password_is_used_and_never_shown(
    opened: Open, guarded: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as events, caplog.at_level(logging.DEBUG):
        connection = await opened(url=guarded.url)
        assert await echo(connection) == "hi"
        wrong = await opened(url=guarded.url.replace("s3cret-word", "wr0ng-word"))
        assert wrong.is_unavailable
        with pytest.raises(Unavailable) as refused:
            await wrong.probe()
    texts = f"{events}{caplog.text}{refused.value}{refused.value.detail}"
    assert "s3cret-word" not in texts and "wr0ng-word" not in texts


@pytest.mark.parametrize(
    "url",
    [
        "http://host/0",
        "redis://:s3cret-word@host:port/0",
        "redis://:s3cret-word@host:70000/0",
        "redis://:s3cret-word@host/0?no_such_option=1",
        "redis://:s3cret-word@[host/0",
    ],
)
def test_invalid_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadSettings) as refused:
        RedisConnection(RedisSettings(url=url))
    assert "REDIS_URL" in str(refused.value) and "s3cret-word" not in str(refused.value)


def test_unknown_option_is_refused_with_the_name_of_the_setting() -> None:
    settings = RedisSettings(url="redis://host/0", options={"no_such_option": 1})
    with pytest.raises(BadSettings, match=r"sockets\.redis_url"):
        RedisConnection(settings, "sockets.redis_url")
    RedisConnection(RedisSettings(url="redis://host/0", options={"health_check_interval": 5}))


def test_missing_tls_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"redis\.ca_file"):
        RedisConnection(RedisSettings(url="rediss://host/0", ca_file=str(tmp_path / "none.pem")))


@pytest.fixture
def fronts(redis: RedisServer, tmp_path: Path) -> Iterator[Callable[..., TLSFront]]:
    made: list[TLSFront] = []

    def front(**options: Any) -> TLSFront:
        folder = tmp_path / f"front-{len(made)}"
        folder.mkdir()
        made.append(TLSFront(redis.port, folder, **options))
        return made[-1]

    yield front
    for one in made:
        one.close()


async def test_tls_with_trusted_certificate_connects(
    opened: Open, fronts: Callable[..., TLSFront]
) -> None:
    front = fronts(name="127.0.0.1")
    url = f"rediss://127.0.0.1:{front.port}/0"
    assert await echo(await opened(url=url, ca_file=str(front.folder / "ca.pem"))) == "hi"
    assert await echo(await opened(url=f"{url}?ssl_ca_certs={front.folder}/ca.pem")) == "hi"


async def test_tls_with_unknown_ca_or_other_name_is_refused(
    opened: Open, fronts: Callable[..., TLSFront]
) -> None:
    front = fronts(name="elsewhere.example")
    url = f"rediss://127.0.0.1:{front.port}/0"
    ca_file = str(front.folder / "ca.pem")
    assert (await opened(url=url)).is_unavailable
    assert (await opened(url=url, ca_file=ca_file)).is_unavailable
    assert await echo(await opened(url=url, ca_file=ca_file, tls_verify="ca")) == "hi"
    assert await echo(await opened(url=url, tls_verify="none")) == "hi"
    assert await echo(await opened(url=f"{url}?ssl_cert_reqs=none")) == "hi"


async def test_tls_client_certificate_is_sent(
    opened: Open, fronts: Callable[..., TLSFront]
) -> None:
    front = fronts(name="127.0.0.1", requires_client_certificate=True)
    url, ca_file = f"rediss://127.0.0.1:{front.port}/0", str(front.folder / "ca.pem")
    assert (await opened(url=url, ca_file=ca_file)).is_unavailable
    ours = {
        "cert_file": str(front.folder / "client.pem"),
        "key_file": str(front.folder / "client.key"),
    }
    assert await echo(await opened(url=url, ca_file=ca_file, **ours)) == "hi"


async def test_cluster_runs_commands(opened: Open, cluster: RedisServer) -> None:
    whole = await opened(url=cluster.url, cluster=True)
    await whole.run(lambda client: client.set("a", "1"))
    assert await whole.run(lambda client: client.get("a")) == "1"


async def test_sentinel_fail_over_is_followed(
    opened: Open, redis: RedisServer, sentinel: RedisServer
) -> None:
    hosts = [f"127.0.0.1:{sentinel.port}"]
    connection = await opened(url="redis://primary/0", sentinel_hosts=hosts)
    await until(lambda: not connection.is_unavailable)
    assert await echo(connection) == "hi"
    port = int(hosts.pop().split(":")[1])
    connection = await opened(
        url="redis://primary/0", sentinel_hosts=["127.0.0.1"], sentinel_port=port
    )
    assert await echo(connection) == "hi"
