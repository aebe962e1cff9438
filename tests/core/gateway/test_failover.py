"""Two providers offer the same model, and one of them fails: what users of the model notice."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.core.catalogue.factories import actor
from tests.upstream import Upstream, answering, cut, environment_of

from portico.api.models import SourceActivity, SourceRequest, close_body
from portico.testing import Client, InProcessApp, Response

LAST_WORD = b"word4 "
Activity = Callable[[str], SourceActivity]


@pytest.fixture
def second() -> Iterator[Upstream]:
    with Upstream() as other:
        yield other


@pytest.fixture
def options() -> dict[str, Any]:
    """Options of the connection `one`."""
    return {}


@pytest.fixture
def env(
    env: dict[str, str], upstream: Upstream, second: Upstream, options: dict[str, Any]
) -> dict[str, str]:
    """Two connections with the same models: `one` is asked first, `two` only if `one` fails."""
    return (
        env
        | environment_of(upstream, second, one=options, two={"order": 1})
        | {"PORTICO_GATEWAY_BREAKER_FAILURES": "3", "PORTICO_GATEWAY_BREAKER_SECONDS": "0.2"}
    )


@pytest.fixture
def user(app: InProcessApp) -> Client:
    admin = app.client.sign_up("Ada")
    return admin.add_user("Ben")


@pytest.fixture
def activity(app: InProcessApp) -> Activity:
    """`activity("one")` is what the connection does now."""

    def read(name: str) -> SourceActivity:
        portico = app.portico
        (source,) = (one for one in portico.catalogue.sources() if one.name == name)
        return portico.gateway.activity(source)

    return read


def complete(user: Client, model: str = "good", *, stream: bool = False) -> Response:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    return user.post("/api/chat/completions", json=body)


def is_answered(response: Response) -> bool:
    return response.status == 200 and LAST_WORD in response.body


def asked(*upstreams: Upstream) -> list[int]:
    return [len(one.completions()) for one in upstreams]


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("stream", [False, True])
def test_dead_provider_is_not_noticed(
    user: Client, upstream: Upstream, second: Upstream, activity: Activity, stream: bool
) -> None:
    assert is_answered(complete(user, stream=stream))
    assert asked(upstream, second) == [1, 0]
    upstream.kill()
    assert all(is_answered(complete(user, stream=stream)) for _ in range(10))
    assert asked(upstream, second) == [1, 10]
    shown = activity("one")
    assert (
        shown.failures >= 3 and shown.last_error == "The model source 'one' could not be reached."
    )


def test_provider_that_comes_back_is_asked_again(
    user: Client, upstream: Upstream, activity: Activity
) -> None:
    upstream.kill()
    assert all(is_answered(complete(user)) for _ in range(5))
    upstream.restart()
    until(lambda: is_answered(complete(user)) and upstream.completions())
    assert (activity("one").breaker, activity("one").failures) == ("closed", 0)


@pytest.mark.parametrize("options", [{"first_byte_timeout": 0.2}])
def test_provider_that_does_not_answer_in_time_is_not_noticed(
    user: Client, upstream: Upstream, second: Upstream, activity: Activity
) -> None:
    upstream.hanging.add("good")
    assert is_answered(complete(user)) and is_answered(complete(user, stream=True))
    assert asked(upstream, second) == [2, 2]
    assert activity("one").calls == {"timed_out": 2}


def test_provider_over_its_limit_is_not_asked_before_the_time_it_names(
    user: Client, upstream: Upstream, second: Upstream
) -> None:
    upstream.behaviours["good"] = answering(b"{}", 429, retry_after="60")
    assert all(is_answered(complete(user)) for _ in range(5))
    assert asked(upstream, second) == [1, 5]
    assert is_answered(complete(user, "slow", stream=True))  # another model is not limited
    assert asked(upstream, second) == [2, 5]
    second.behaviours["good"] = answering(b"{}", 429, retry_after="7")
    for _ in range(3):
        response = complete(user)
        assert (response.status, response.headers["retry-after"]) == (429, "7")
        assert response.detail == "The model source 'two' is over its rate limit."
    assert asked(upstream, second) == [2, 6]


def test_busy_provider_is_not_asked_before_the_time_it_names(
    user: Client, upstream: Upstream, second: Upstream
) -> None:
    for one in (upstream, second):
        one.behaviours["good"] = answering(b"{}", 503, retry_after="30")
    for _ in range(3):
        response = complete(user)
        assert (response.status, response.headers["retry-after"]) == (502, "30")
    assert asked(upstream, second) == [1, 1]


def test_answer_about_the_request_comes_from_the_first_provider(
    user: Client, upstream: Upstream, second: Upstream, activity: Activity
) -> None:
    for _ in range(5):
        assert complete(user, "status-400").status == 400
    assert asked(upstream, second) == [5, 0]
    assert (activity("one").breaker, activity("one").calls) == ("closed", {"refused": 5})


def test_requests_that_make_both_providers_fail_do_not_keep_others_from_them(
    user: Client, upstream: Upstream, second: Upstream, activity: Activity
) -> None:
    upstream.failures["good"] = second.failures["good"] = 10
    assert [complete(user).status for _ in range(10)] == [502] * 10
    assert is_answered(complete(user))
    assert asked(upstream, second) == [11, 10]
    assert activity("one").calls == {"failed": 10, "answered": 1}


def test_users_are_told_which_source_failed_if_all_do(
    user: Client, upstream: Upstream, second: Upstream
) -> None:
    upstream.kill()
    second.kill()
    for _ in range(5):
        response = complete(user)
        assert response.status == 502
        assert response.detail == "The model source 'two' could not be reached."
        assert upstream.url not in response.body.decode()


def test_stream_that_breaks_off_is_not_begun_again(
    user: Client, upstream: Upstream, second: Upstream, activity: Activity
) -> None:
    upstream.behaviours["good"] = cut
    response = complete(user, stream=True)
    assert response.status == 200 and "'one' broke off" in response.body.decode()
    assert asked(upstream, second) == [1, 0]
    assert (activity("one").in_flight, activity("one").calls) == (0, {"broken_off": 1})


def test_users_who_leave_in_mid_stream_free_the_source(
    app: InProcessApp, upstream: Upstream, user: Client, activity: Activity
) -> None:
    async def leave() -> None:
        gateway = app.portico.gateway
        target = await app.portico.catalogue.find_for_operator("silence")
        assert target is not None
        body = {"messages": msgspec.Raw(b"[]"), "model": msgspec.Raw(b'"silence"')}
        request = SourceRequest(model="silence", body=body, params={}, stream=True, actor=actor())
        responses = await asyncio.gather(*(gateway.send(target, request) for _ in range(20)))
        assert activity("one").in_flight == 20
        for response in responses:
            await close_body(response.body)

    app.run(leave)
    assert (activity("one").in_flight, activity("one").breaker) == (0, "closed")
    upstream.wait_until_idle()
