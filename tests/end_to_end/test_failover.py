"""Two connections offer a model, and one dies while many users are answered: only streams under way are cut."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from tests.effort import examples
from tests.upstream import Upstream, environment_of

from portico.testing import Client, Response, ServerProcess

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]

USERS = 12
CALLS = examples(150)
LAST_WORD = b"word4 "


class Call(NamedTuple):
    """One call of a user. `begun`: monotonic seconds."""

    begun: float
    stream: bool
    response: Response

    @property
    def is_complete(self) -> bool:
        body = self.response.body
        return self.response.status == 200 and LAST_WORD in body and b'"error"' not in body


@pytest.fixture
def second() -> Iterator[Upstream]:
    with Upstream() as other:
        yield other


@pytest.mark.parametrize("processes", [1, 2])
def test_death_of_one_connection_is_seen_only_in_streams_under_way(
    servers: Callable[..., ServerProcess], upstream: Upstream, second: Upstream, processes: int
) -> None:
    settings = environment_of(upstream, second) | {"PORTICO_GATEWAY_BREAKER_SECONDS": "0.5"}
    server = servers(**settings).start("--workers", str(processes))
    admin = server.client.sign_up("Ada")
    killed_at = 0.0

    def work(number: int) -> list[Call]:
        user = Client(server.client.transport, admin.token)
        return [call(user, stream=(number + n) % 2 == 0) for n in range(CALLS)]

    def call(user: Client, *, stream: bool) -> Call:
        begun = time.monotonic()
        model = "slow" if stream else "good"
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
        return Call(begun, stream, user.post("/api/chat/completions", json=body))

    with ThreadPoolExecutor(USERS) as pool:
        tasks = [pool.submit(work, number) for number in range(USERS)]
        while len(upstream.completions()) < USERS * CALLS // 6:
            time.sleep(0.01)
        known = len(upstream.completions())
        # A stream that has just begun is under way: it takes a third of a second.
        while not any(one.json["stream"] for one in upstream.completions()[known:]):
            known = len(upstream.completions())
            time.sleep(0.01)
        upstream.kill()
        killed_at = time.monotonic()
        calls = [call for task in tasks for call in task.result()]
    assert len(calls) == USERS * CALLS
    unanswered = [call for call in calls if not call.is_complete]
    assert [call.response.body for call in unanswered if not call.stream] == []
    assert [call.response.body for call in unanswered if call.begun > killed_at] == []
    assert {call.response.status for call in unanswered} <= {200}
    assert 0 < len(unanswered) <= USERS

    upstream.restart()
    before = len(upstream.completions())
    deadline = time.monotonic() + 30
    while len(upstream.completions()) == before:
        assert time.monotonic() < deadline
        assert call(admin, stream=False).is_complete
    server.stop()
