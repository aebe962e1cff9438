"""Sockets of two instances: events, calls and the list of sockets, through Redis and through the database."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.redis_server import RedisServer

from portico.errors import NotFound
from portico.sockets import session_pool
from portico.testing import Client, InProcessApp

Two = tuple[InProcessApp, InProcessApp]


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(params=["redis", "database"])
def env(env: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "database":
        return env
    redis: RedisServer = request.getfixturevalue("redis")
    return env | {"REDIS_URL": redis.url}


@pytest.fixture
def two(app: InProcessApp, env: dict[str, str]) -> Iterator[Two]:
    other = InProcessApp(env)
    until(lambda: all(one.portico.instance_channel.has_peers for one in (app, other)))
    yield app, other
    other.close()


def emit(app: InProcessApp, account: Client, data: Any, **options: Any) -> None:
    async def inside() -> None:
        app.portico.sockets.emit_to_account(account.account["id"], "events", data, **options)

    app.run(inside)


def there(two: Two, account: Client) -> Client:
    return Client(two[1].client.transport, account.token, account.account)


def known(app: InProcessApp, account: Client, socket_id: str) -> bool:
    return app.portico.sockets.is_connected(account.account["id"], socket_id)


def test_socket_that_has_just_signed_in_elsewhere_is_waited_for(two: Two, user: Client) -> None:
    def is_found(socket_id: str) -> bool:
        account_id = user.account["id"]
        return bool(two[0].run(two[0].portico.sockets.wait_for_socket, account_id, socket_id))

    for _ in range(3):
        with there(two, user).connect_socket() as far:
            assert is_found(far.id)
    assert not is_found("none")


def test_event_reaches_the_sockets_of_the_account_on_every_instance_in_order(
    two: Two, admin: Client, user: Client
) -> None:
    here, far = user.connect_socket(), there(two, user).connect_socket()
    unrelated = there(two, admin).connect_socket()
    with here, far, unrelated:
        for number in range(50):
            emit(two[0], user, number)
        assert [here.wait_for("events") for _ in range(50)] == list(range(50))
        assert [far.wait_for("events") for _ in range(50)] == list(range(50))
        emit(two[1], user, "back")
        assert here.wait_for("events") == "back"
        assert unrelated.events() == []


def test_whole_texts_are_coalesced_and_do_not_overtake_other_events(two: Two, user: Client) -> None:
    with there(two, user).connect_socket() as far:
        until(lambda: known(two[0], user, far.id))
        before = two[0].portico.sockets.counts.since_start.sent_to_instances
        for number in range(100):
            emit(two[0], user, {"text": number}, replaces="reply")
        emit(two[0], user, "done")
        received = []
        while "done" not in received:
            received.append(far.wait_for("events"))
        assert received[-2:] == [{"text": 99}, "done"]
        assert two[0].portico.sockets.counts.since_start.sent_to_instances - before < 100
        emit(two[0], user, {"text": 100}, replaces="reply")
        assert far.wait_for("events") == {"text": 100}


def test_whole_texts_stay_here_while_the_account_is_connected_nowhere_else(
    two: Two, user: Client
) -> None:
    before = two[0].portico.sockets.counts.since_start.sent_to_instances
    with user.connect_socket() as here:
        emit(two[0], user, {"text": 1}, replaces="reply")
        assert here.wait_for("events") == {"text": 1}
    assert two[0].portico.sockets.counts.since_start.sent_to_instances == before


def test_call_reaches_a_socket_of_another_instance(two: Two, admin: Client, user: Client) -> None:
    async def call(account: str, socket_id: str) -> Any:
        return await two[0].portico.sockets.call(account, socket_id, "events", {"n": 1}, 20.0)

    with there(two, user).connect_socket() as far:
        calling = two[0].start(call, user.account["id"], far.id)
        payload, ack_id = far.wait_for_call("events")
        assert payload == {"n": 1} and ack_id is not None
        far.answer(ack_id, {"value": "ä"})
        assert calling.result(10) == {"value": "ä"}
        with pytest.raises(NotFound):
            two[0].start(call, admin.account["id"], far.id).result(10)
        calling = two[0].start(call, user.account["id"], far.id)
        far.wait_for_call("events")
    with pytest.raises(NotFound):
        calling.result(10)


def test_listener_hears_a_socket_of_another_instance(two: Two, user: Client) -> None:
    heard: list[Any] = []

    async def listen(account: str, socket_id: str) -> None:
        import asyncio

        done = asyncio.Event()

        def hear(payload: msgspec.Raw) -> None:
            heard.append(msgspec.json.decode(payload))
            if heard[-1] == "done":
                done.set()

        sockets = two[0].portico.sockets
        async with sockets.listen(account, socket_id, "u:s:r", hear):
            sockets.emit_to_account(account, "events", "go")
            await done.wait()

    with there(two, user).connect_socket() as far:
        listening = two[0].start(listen, user.account["id"], far.id)
        far.wait_for("events")
        for number in range(10):
            far.emit("u:s:r", number)
        far.emit("u:s:r", "done")
        listening.result(10)
        assert heard == [*range(10), "done"]
        until(lambda: far.call("u:s:r", 1) is not None)  # an error: no request listens any more


def test_sockets_of_other_instances_are_known_until_they_end_or_their_instance_stops(
    two: Two, env: dict[str, str], user: Client
) -> None:
    with user.connect_socket() as here:
        first, second = there(two, user).connect_socket(), there(two, user).connect_socket()
        until(lambda: all(known(two[0], user, one.id) for one in (first, second)))
        until(lambda: known(two[1], user, here.id))
        instances = {instance for instance, _ in two[0].portico.sockets.sessions()}
        assert len(instances) == 2
        first.close()
        until(lambda: not known(two[0], user, first.id))
        third = InProcessApp(env)  # it starts later, and is told
        try:
            until(lambda: known(third, user, here.id) and known(third, user, second.id))
        finally:
            third.close()
        two[1].close()
        until(lambda: not known(two[0], user, second.id))


def test_lost_list_of_sockets_is_repeated(
    two: Two, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with user.connect_socket() as here:
        until(lambda: known(two[1], user, here.id))
        pool: session_pool.SessionPool = two[1].portico.sockets._sessions
        pool._others.clear()
        assert not known(two[1], user, here.id)
        two[0].run(two[0].portico.sockets._sessions._repeat_all)
        until(lambda: known(two[1], user, here.id))


def test_socket_whose_end_was_not_heard_is_forgotten_with_the_next_list(
    two: Two, user: Client
) -> None:
    with user.connect_socket() as here:
        until(lambda: known(two[1], user, here.id))
        pool: session_pool.SessionPool = two[1].portico.sockets._sessions
        (there,) = pool._others.values()
        there.add(session_pool.SocketSession("ended", user.account["id"], "127.0.0.1", 0))
        assert known(two[1], user, "ended")
        two[0].run(two[0].portico.sockets._sessions._repeat_all)
        until(lambda: not known(two[1], user, "ended"))
        assert known(two[1], user, here.id)


def test_sockets_of_an_instance_that_says_nothing_are_forgotten(
    two: Two, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with user.connect_socket() as here:
        until(lambda: known(two[1], user, here.id))
        monkeypatch.setattr(session_pool, "EXPIRY_SECONDS", -1.0)
        two[1].run(two[1].portico.sockets._sessions._repeat_all)
        assert not known(two[1], user, here.id)


@pytest.mark.case("FT-08")
def test_events_and_calls_go_through_the_database_while_redis_is_away(
    two: Two, user: Client, request: pytest.FixtureRequest
) -> None:
    if "REDIS_URL" in request.getfixturevalue("env"):
        request.getfixturevalue("redis").stop()
    with user.connect_socket() as here, there(two, user).connect_socket() as far:
        for number in range(10):
            emit(two[0], user, number)
        assert [far.wait_for("events") for _ in range(10)] == list(range(10))
        assert [here.wait_for("events") for _ in range(10)] == list(range(10))
        until(lambda: known(two[0], user, far.id))


def test_sockets_of_an_account_are_limited_on_all_instances_together(
    app: InProcessApp, env: dict[str, str], user: Client
) -> None:
    other = InProcessApp(env | {"PORTICO_SOCKETS_MAX_SOCKETS_PER_ACCOUNT": "1"})
    try:
        until(lambda: app.portico.instance_channel.has_peers)
        with user.connect_socket() as here:
            until(lambda: known(other, user, here.id))
            with Client(other.client.transport, user.token).connect_socket(None) as far:
                joined = far.call("user-join", {"auth": {"token": user.token}})
                assert "Too many connections" in joined["error"]
    finally:
        other.close()
