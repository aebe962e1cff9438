"""Usage of models is written by real servers: nothing but the last moments is lost, and two add up to one."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from portico.testing import Client, ServerProcess

Servers = Callable[..., ServerProcess]
#: Seconds before the end of a process: what was used earlier is written.
MAX_LOSS_SECONDS = 2.0
ASK = {"model": "reasoning", "messages": [{"role": "user", "content": "hi"}], "stream": True}

pytestmark = pytest.mark.slow


def complete(user: Client, count: int) -> None:
    for _ in range(count):
        assert user.post("/api/chat/completions", ASK).status == 200


def total(admin: Client) -> dict[str, Any]:
    return dict(admin.get("/api/v1/usage").json["total"])


def wait_for_calls(admin: Client, count: int) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while total(admin)["calls"] < count:
        assert time.monotonic() < deadline, "the calls were not written"
        time.sleep(0.05)
    return total(admin)


@pytest.mark.case("FT-02")
def test_killed_server_loses_at_most_the_last_moments_of_usage(servers: Servers) -> None:
    server = servers().start()
    ada = server.client.sign_up("Ada")
    ended: list[float] = []
    begun = time.monotonic()
    while time.monotonic() - begun < MAX_LOSS_SECONDS + 0.7:
        complete(ada, 1)
        ended.append(time.monotonic())
    server.kill()
    killed = time.monotonic()

    server.start()
    written = total(ada)
    assert written["calls"] >= sum(at < killed - MAX_LOSS_SECONDS for at in ended)
    assert written["input_tokens"] == written["calls"]  # one token each
    calls = ada.get("/api/v1/usage/export").json
    assert len({call["id"] for call in calls}) == written["calls"]


def test_stopped_server_writes_all_usage(servers: Servers) -> None:
    server = servers().start()
    ada = server.client.sign_up("Ada")
    complete(ada, 7)
    server.stop()
    server.start()
    assert total(ada)["calls"] == 7


@pytest.mark.both_databases
def test_two_instances_add_to_the_same_sums(servers: Servers) -> None:
    one, other = servers().start(), servers().start()
    ada = one.client.sign_up("Ada")
    there = Client(other.client.transport, ada.token)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(complete, client, 25) for client in (ada, there, ada, there)]:
            done.result()
    written = wait_for_calls(ada, 100)
    assert (written["calls"], written["output_tokens"]) == (100, 200)
    [day] = there.get("/api/v1/usage?group_by=model").json["items"]
    assert (day["model"], day["calls"]) == ("reasoning", 100)
