"""Code that blocks the event loop is logged and counted."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portico.testing import InProcessApp
from portico.web.counters import Counters
from portico.web.loop_watch import LoopWatch

PLUGIN = """
import asyncio, msgspec, time
from litestar.params import FromPath
from portico.api import Listener, PluginInfo, hookimpl
from portico.api.auth import AccountCreated
from portico.api.tasks import TaskType
from portico.api.web import get
PLUGIN = PluginInfo(summary="blocks", api_version=1)

def too_long():
    time.sleep(1)

@get("/api/x/blocking/{way:str}", access="public")
async def block(way: FromPath[str]) -> str:
    if way == "wait":
        await asyncio.sleep(0)
        too_long()
    elif way == "fail":
        raise ValueError("secret")
    return way

@hookimpl
def register_routes():
    return [block]

class Nothing(msgspec.Struct):
    pass

async def block_in_task(run, arguments):
    too_long()

@hookimpl
def register_tasks():
    return [TaskType("blocking:too_long", Nothing, block_in_task)]

@hookimpl
def register_listeners():
    return [Listener(AccountCreated, lambda event: too_long())]
"""


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_SERVER_LOOP_LIMIT": "0.3", "PORTICO_LOG_FORMAT": "json"}


@pytest.fixture(autouse=True)
def blocking(install: Callable[..., None]) -> None:
    install("blocking", PLUGIN)


@pytest.fixture
def stalls_logged(
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """`stalls_logged(n)`: waits for n events about a blocked loop and returns them."""
    output = ""

    def lines(count: int) -> list[dict[str, Any]]:
        nonlocal output
        deadline = time.monotonic() + 30
        while True:
            output += capsys.readouterr().err
            found = [
                json.loads(line) for line in output.splitlines() if "event loop blocked" in line
            ]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    return lines


def counters_of(app: InProcessApp, admin: Any, plugin: str) -> dict[str, float]:
    answer = admin.get("/api/v1/plugins")
    assert answer.status == 200
    return {one["name"]: one for one in answer.json}[plugin]["counters"]  # type: ignore[no-any-return]


def eventually_counted(app: InProcessApp, admin: Any, stalls: int) -> dict[str, float]:
    deadline = time.monotonic() + 30
    while (found := counters_of(app, admin, "blocking"))["stalls"] < stalls:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestLoopWatch:
    def test_blocking_handler_is_logged_with_its_stack(
        self, app: InProcessApp, stalls_logged: Callable[[int], list[dict[str, Any]]]
    ) -> None:
        assert app.client.get("/api/x/blocking/wait").status == 200
        (stall,) = stalls_logged(1)
        assert (stall["plugin"], stall["method"]) == ("blocking", "GET")
        assert stall["route"] == "/api/x/blocking/{way}"
        assert stall["level"] == "warning"
        assert stall["seconds"] >= 0.3
        assert re.search(r"made_up_blocking.py:\d+ too_long$", stall["at"])
        assert any(re.search(r"made_up_blocking.py:\d+ block$", place) for place in stall["trace"])

    def test_plugin_list_counts_stalls_and_errors(self, app: InProcessApp) -> None:
        admin = app.client.sign_up("Ada")
        before = eventually_counted(app, admin, 1)  # the listener has blocked
        assert app.client.get("/api/x/blocking/wait").status == 200
        assert app.client.get("/api/x/blocking/fail").status == 500
        found = eventually_counted(app, admin, int(before["stalls"]) + 1)
        assert found["errors"] == 1
        assert found["stalls"] == before["stalls"] + 1
        assert found["longest_stall"] >= 0.5
        assert found["stalled_seconds"] >= before["stalled_seconds"] + 0.5

    def test_seconds_are_counted_by_place_and_never_by_path(self, app: InProcessApp) -> None:
        admin = app.client.sign_up("Ada")
        before = eventually_counted(app, admin, 1)  # the listener has blocked
        assert app.client.get("/api/x/blocking/wait").status == 200
        app.run(app.portico.tasks.create, "blocking:too_long")
        eventually_counted(app, admin, int(before["stalls"]) + 2)
        lines = admin.get("/metrics").body.decode().splitlines()
        blocked = [
            line.rpartition(" ")[0]
            for line in lines
            if 'plugin="blocking"' in line and "_blocked_" in line
        ]
        assert blocked == [
            f'portico_event_loop_blocked_seconds_total{{place="{place}",plugin="blocking"}}'
            for place in (
                "POST /api/v1/auths/signup",
                "GET /api/x/blocking/{way}",
                "task blocking:too_long",
            )
        ]

    def test_blocking_listener_is_logged_instead_of_the_route_plugin(
        self, app: InProcessApp, stalls_logged: Callable[[int], list[dict[str, Any]]]
    ) -> None:
        app.client.sign_up("Ada")
        (stall,) = stalls_logged(1)
        assert stall["plugin"] == "blocking"
        assert stall["route"] == "/api/v1/auths/signup"

    def test_repeated_stall_is_logged_once_per_interval(
        self, app: InProcessApp, stalls_logged: Callable[[int], list[dict[str, Any]]]
    ) -> None:
        for _ in range(3):
            app.client.get("/api/x/blocking/wait")
        assert len(stalls_logged(1)) == 1

    def test_plugin_list_has_state_and_reason(self, app: InProcessApp) -> None:
        admin = app.client.sign_up("Ada")
        listed = {one["name"]: one for one in admin.get("/api/v1/plugins").json}
        assert set(listed) == {"portico", *app.portico.registry.names}
        assert listed["blocking"] | {"counters": {}, "contributes": {}} == {
            "name": "blocking", "version": "1.0", "distribution": "made-up-blocking", "state": "active",
            "reason": "", "fault": None, "at": "", "summary": "blocks", "requires": [], "contributes": {}, "unusable": {}, "counters": {},
        }  # fmt: skip
        assert "GET /api/x/blocking/{str}" in str(listed["blocking"]["contributes"])


def test_blocked_interpreter_is_counted() -> None:
    counters = Counters()
    watch = LoopWatch(0.05, counters, dict, (lambda: None).__code__)

    async def compute() -> None:
        watch.start()
        await asyncio.sleep(0.2)
        for length in itertools.count(20):
            started = time.monotonic()
            re.match(r"(a+)+$", "a" * length + "b")  # no other thread runs meanwhile
            if time.monotonic() - started > 0.5:
                break
        await asyncio.sleep(0.2)
        watch.stop()

    asyncio.run(compute())
    assert counters.of("portico")["longest_stall"] > 0.2


def test_suspended_process_is_not_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters()
    watch = LoopWatch(0.05, counters, dict, (lambda: None).__code__)
    monkeypatch.setattr("time.process_time", lambda: 0.0)  # nothing is computed

    async def suspended() -> None:
        watch.start()
        monkeypatch.setattr(time, "monotonic", leaping(time.monotonic))
        time.sleep(0.5)
        await asyncio.sleep(0.2)
        watch.stop()

    asyncio.run(suspended())
    assert counters.of("portico")["stalls"] == 0


def leaping(clock: Callable[[], float]) -> Callable[[], float]:
    """A clock that jumps ahead between two readings, as for a process that was suspended."""
    ahead = 0.0

    def leap() -> float:
        nonlocal ahead
        ahead += 10
        return clock() + ahead

    return leap
