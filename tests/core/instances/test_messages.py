"""Messages between instances: through Redis, through the database, and none that was not signed by this installation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.redis_server import RedisServer, TLSFront

from portico.boot.schema import CORE_TABLES
from portico.db import DatabaseSettings, execute, fetch_all, migrate, now, open_database
from portico.instances import InstanceChannel, OwnInstance, release_of
from portico.instances.messages.envelope import Envelope, ReplayGuard, Signer, is_recent
from portico.redis import RedisConnection
from portico.settings.redis import RedisSettings
from portico.settings.section import Secret
from portico.testing import InProcessApp

pytestmark = pytest.mark.anyio

SECRET = Secret("one secret key for all instances of the test")


class Instance:
    """An instance with its own connections, and what it has received."""

    def __init__(self, channel: InstanceChannel, database: Any) -> None:
        self.channel, self.database = channel, database
        self.received: list[bytes] = []
        channel.subscribe("test", lambda _, payload: self.received.append(payload))

    async def knows_peers(self) -> None:
        await until(lambda: self.channel.has_peers)

    async def receives(self, *payloads: bytes) -> None:
        await until(lambda: self.received == list(payloads))


Start = Callable[..., Awaitable[Instance]]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def start(database_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """`await start(redis_url=…)` is a new instance of the same installation."""
    async with AsyncExitStack() as opened:

        async def one_more(*, secret: Secret = SECRET, **redis: Any) -> Instance:
            database = open_database(DatabaseSettings(url=database_url), tmp_path)
            await database.start()
            opened.push_async_callback(database.stop)
            opened.enter_context(database.use())
            await migrate(database, CORE_TABLES)
            connection = RedisConnection(RedisSettings(**redis))
            await connection.start()
            opened.push_async_callback(connection.stop)
            own = OwnInstance()
            await own.register(release_of({}))
            opened.push_async_callback(own.unregister)
            channel = InstanceChannel(own, secret, connection)
            instance = Instance(channel, database)
            await channel.start()
            opened.push_async_callback(channel.stop)
            return instance

        yield one_more


async def test_instances_without_redis_exchange_messages_in_order(start: Start) -> None:
    one, two = await start(), await start()
    await one.knows_peers()
    await two.knows_peers()
    payloads = [b"%d" % number for number in range(1200)]

    for payload in payloads:
        one.channel.publish("test", payload)
    two.channel.publish("test", b"back")

    await two.receives(*payloads)
    await one.receives(b"back")
    assert one.channel.counts.dropped == two.channel.counts.rejected == 0


async def test_instance_alone_writes_no_messages(start: Start) -> None:
    one = await start()
    one.channel.publish("test", b"no other instance")
    assert not one.channel.has_peers
    assert await fetch_all("SELECT * FROM portico_instance_message") == []


async def test_messages_pass_through_redis_where_there_is_one(
    start: Start, shared_redis: str, tmp_path: Path
) -> None:
    prefix = tmp_path.name
    one = await start(url=shared_redis, key_prefix=prefix)
    two = await start(url=shared_redis, key_prefix=prefix)
    await one.knows_peers()
    await two.knows_peers()
    while not two.received:  # until it has subscribed
        one.channel.publish("test", b"ready?")
        await asyncio.sleep(0.02)
    await until(lambda: not one.channel._pending and one.channel._sender is None)

    one.channel.publish("test", b"\x00\xff binary")

    await until(lambda: two.received[-1] == b"\x00\xff binary")
    assert await fetch_all("SELECT * FROM portico_instance_message") == []


@pytest.mark.case("FT-08")
async def test_messages_pass_through_the_database_while_redis_is_away(
    start: Start, redis: RedisServer
) -> None:
    one, two = await start(url=redis.url), await start(url=redis.url)
    await one.knows_peers()
    await two.knows_peers()
    redis.stop()

    one.channel.publish("test", b"during the outage")
    await two.receives(b"during the outage")

    redis.start()
    await until(lambda: not one.channel._redis.is_unavailable)
    one.channel.publish("test", b"afterwards")
    while (
        b"afterwards" not in two.received
    ):  # what is published before it has subscribed again is lost
        one.channel.publish("test", b"afterwards")
        await asyncio.sleep(0.05)


async def test_messages_pass_through_a_redis_cluster(start: Start, cluster: RedisServer) -> None:
    one = await start(url=cluster.url, cluster=True)
    two = await start(url=cluster.url, cluster=True)
    await one.knows_peers()
    await two.knows_peers()

    async with asyncio.timeout(20):
        while not two.received:
            one.channel.publish("test", b"through the cluster")
            await asyncio.sleep(0.05)
    assert await fetch_all("SELECT * FROM portico_instance_message") == []


async def test_messages_pass_through_redis_over_tls(
    start: Start, redis: RedisServer, tmp_path: Path
) -> None:
    front = TLSFront(redis.port, tmp_path, "127.0.0.1")
    settings = {"url": f"rediss://127.0.0.1:{front.port}/0", "ca_file": str(tmp_path / "ca.pem")}
    try:
        one, two = await start(**settings), await start(**settings)
        await one.knows_peers()
        await two.knows_peers()
        async with asyncio.timeout(20):
            while not two.received:
                one.channel.publish("test", b"encrypted")
                await asyncio.sleep(0.05)
    finally:
        front.close()


async def test_messages_pass_through_redis_behind_a_sentinel(
    start: Start, sentinel: RedisServer
) -> None:
    settings = {"url": "redis://primary/0", "sentinel_hosts": [f"127.0.0.1:{sentinel.port}"]}
    one, two = await start(**settings), await start(**settings)
    await one.knows_peers()
    await two.knows_peers()
    await until(lambda: not one.channel._redis.is_unavailable)
    async with asyncio.timeout(20):
        while b"through the primary" not in two.received:
            one.channel.publish("test", b"through the primary")
            await asyncio.sleep(0.05)


@pytest.mark.case("AB-62")
async def test_unsigned_message_in_redis_is_ignored_and_counted(
    start: Start, redis: RedisServer
) -> None:
    one = await start(url=redis.url)
    other = await start(url=redis.url, secret=Secret("the secret key of another installation"))
    await one.knows_peers()
    await other.knows_peers()
    channel = one.channel._redis.key("instances", "messages")
    sent = ["cos\nsystem\n(S'true'\ntR.", '{"method": "emit"}', "", "é" * 100]

    while one.channel.counts.rejected < len(sent) + 1:
        other.channel.publish("test", b"with another key")
        await other.channel._redis.publish(channel, sent)
        await asyncio.sleep(0.05)

    assert one.received == []
    assert one.channel.counts.received == 0


async def test_unsigned_row_of_the_outbox_is_ignored(start: Start) -> None:
    one, two = await start(), await start()
    await two.knows_peers()
    await execute(
        "INSERT INTO portico_instance_message (sender, sent_at, content) VALUES ($1, $2, $3)",
        one.channel.instance_id,
        2**31,
        "no signature",
    )
    await until(lambda: two.channel.counts.rejected == 1)
    assert two.received == []


async def test_failing_handler_does_not_stop_later_messages(start: Start) -> None:
    one, two = await start(), await start()
    await one.knows_peers()
    await two.knows_peers()

    def fail(*_: object) -> None:
        raise ValueError

    two.channel.subscribe("broken", fail)
    one.channel.publish("broken", b"")
    one.channel.publish("unknown", b"")
    one.channel.publish("test", b"next")
    await two.receives(b"next")


def test_messages_have_a_redis_of_their_own_where_the_settings_name_one(
    env: dict[str, str], complete_schema: Any, shared_redis: str
) -> None:
    shared = InProcessApp(env | {"REDIS_URL": shared_redis}, complete_schema)
    assert shared.portico.channel_redis is shared.portico.redis
    shared.close()
    options = '{"health_check_interval": 5}'
    own = InProcessApp(
        env | {"WEBSOCKET_REDIS_URL": shared_redis, "WEBSOCKET_REDIS_OPTIONS": options},
        complete_schema,
    )
    assert not own.portico.redis.configured
    assert own.portico.channel_redis.configured
    assert not own.portico.channel_redis.is_unavailable
    assert own.portico.channel_redis.settings.options == {"health_check_interval": 5}
    own.close()


def test_envelope_of_another_key_or_with_a_change_does_not_open() -> None:
    signer, other = Signer(SECRET), Signer(Secret("another secret key of another installation"))
    # A length without padding, whose unused bits could be changed.
    envelope = Envelope("a", 1, 100, "test", b"\x00payloads")
    text = signer.seal(envelope)
    assert signer.open(text) == envelope
    assert other.open(text) is None
    for place in range(0, len(text), 7):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert signer.open(changed) is None


def test_message_is_accepted_once() -> None:
    guard = ReplayGuard()
    envelopes = [Envelope("a", number, 1000, "test", b"") for number in (1, 3, 2)]
    assert [guard.accept(one) for one in envelopes] == [True] * 3
    assert [guard.accept(one) for one in envelopes] == [False] * 3
    assert guard.accept(msgspec.structs.replace(envelopes[0], sender="b"))
    assert guard.accept(Envelope("a", 20_000, 1000, "test", b""))
    assert not guard.accept(Envelope("a", 5, 1000, "test", b""))


def test_message_of_another_time_is_not_recent() -> None:
    envelope = Envelope("a", 1, 1000, "test", b"")
    assert [is_recent(envelope, now) for now in (600, 800, 1000, 1200, 1400)] == [
        False,
        True,
        True,
        True,
        False,
    ]


async def test_ten_thousand_messages_at_once_arrive_in_order(start: Start) -> None:
    one, two = await start(), await start()
    await one.knows_peers()
    await two.knows_peers()
    payloads = [b"%d" % number for number in range(10_000)]
    for payload in payloads:
        one.channel.publish("test", payload)
    await two.receives(*payloads)
    assert one.channel.counts.dropped == two.channel.counts.rejected == 0


async def test_hostile_messages_are_counted_and_the_next_arrives(start: Start) -> None:
    one, two = await start(), await start()
    await one.knows_peers()
    await two.knows_peers()
    channel = two.channel
    sealed = channel._signer.seal(Envelope("x", 1, now(), "test", b"once"))
    old = channel._signer.seal(Envelope("x", 2, now() - 3600, "test", b"old"))
    junk = ["", "=", "A" * 1_000_001, sealed[:40], sealed[:-4], "ü", sealed + sealed, old]
    for text in (*junk, sealed, sealed):
        channel._receive(text)
    assert channel.counts.rejected == len(junk) + 1
    one.channel.publish("test", b"next")
    await two.receives(b"once", b"next")
