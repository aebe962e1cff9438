"""How a server starts, stops and dies: signals, limits, and a main process that is gone."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.end_to_end.test_faults import Streaming as ToTheEnd
from tests.forked_processes import popen

from portico.testing import Client, HTTPTransport, ServerProcess
from portico.testing.processes import bare_environment

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),  # nothing of it is about it
]
Servers = Callable[..., ServerProcess]


@pytest.fixture(params=[1, 2], ids=["one-process", "two-processes"])
def count(request: pytest.FixtureRequest) -> int:
    """How many server processes there are."""
    return int(request.param)


@pytest.fixture
def env(env: dict[str, str], count: int) -> dict[str, str]:
    return env | {"UVICORN_WORKERS": str(count)}


#: Seconds that something may take which happens at once; more is a hang.
HANG = 10


class Streaming(ToTheEnd):
    """One that may be cut off."""

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            super().run()
        self.response.close()
        self.connection.close()


def pid(server: ServerProcess) -> int:
    assert server.process is not None
    return server.process.pid


def server_processes(main: int) -> list[int]:
    """The processes that answer requests."""
    return [int(one) for one in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def are_gone(processes: list[int]) -> bool:
    return not any(Path(f"/proc/{one}").exists() for one in processes)


def eventually(check: Callable[[], bool], seconds: float = HANG) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_closed(url: str) -> bool:
    where = urlsplit(url)
    try:
        socket.create_connection((where.hostname or "", where.port or 0), timeout=5).close()
    except OSError:
        return True
    return False


def test_kill_9_of_the_main_process_ends_the_server_processes(
    server: ServerProcess, count: int
) -> None:
    stream = Streaming(server.client.sign_up("Ada"), "endless")
    processes = server_processes(pid(server))
    assert len(processes) == count
    os.kill(pid(server), signal.SIGKILL)
    eventually(lambda: are_gone(processes))
    assert is_closed(server.url)
    assert server.log_text.count("The main process has ended") == count
    stream.join()


def test_sigterm_makes_ready_stopping_and_serves_for_the_drain_delay(
    servers: Servers,
) -> None:
    server = servers(PORTICO_SERVER_DRAIN_DELAY="600").start()
    ada = server.client.sign_up("Ada")
    os.kill(pid(server), signal.SIGTERM)
    eventually(lambda: server.client.get("/ready").status == 503)
    assert server.client.get("/ready").json == {
        "status": False,
        "reasons": [
            {"check": "shutdown", "plugin": "portico", "critical": True, "reason": "stopping"}
        ],
    }
    assert server.client.get("/health").status == 200
    assert ada.post("/api/v1/chats/new", {"chat": {"title": "late"}}).status == 200
    time.sleep(0.05)  # later than what counts as the same
    assert server.process is not None
    os.kill(pid(server), signal.SIGTERM)
    assert server.process.wait(HANG) == 128 + signal.SIGTERM
    assert "Second signal: stopping" in server.log_text


def test_server_drains_after_the_delay_and_exits_with_0(servers: Servers) -> None:
    server = servers(PORTICO_SERVER_DRAIN_DELAY="0.3").start()
    stream = Streaming(server.client.sign_up("Ada"), "slow")
    assert server.stop() == 0
    stream.join()
    assert stream.text.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_signals_in_quick_succession_count_as_one(server: ServerProcess, number: int) -> None:
    """As `timeout` sends them, and a terminal."""
    stream = Streaming(server.client.sign_up("Ada"), "slow")
    os.kill(pid(server), number)
    os.kill(pid(server), number)
    assert server.process is not None
    assert server.process.wait(60) == 0
    stream.join()
    assert stream.text.endswith(b"data: [DONE]\n\n")
    assert "Second signal" not in server.log_text
    assert "Traceback" not in server.log_text


def is_stopping(server: ServerProcess) -> bool:
    try:
        return server.client.get("/ready").status == 503
    except OSError:  # its port is closed
        return True


def test_second_signal_ends_the_server_without_waiting_for_streams(server: ServerProcess) -> None:
    stream = Streaming(server.client.sign_up("Ada"), "endless")
    processes = server_processes(pid(server))
    os.kill(pid(server), signal.SIGINT)
    eventually(lambda: is_stopping(server))
    time.sleep(0.05)  # later than what counts as the same
    os.kill(pid(server), signal.SIGTERM)
    assert server.process is not None
    assert server.process.wait(HANG) == 128 + signal.SIGTERM
    eventually(lambda: are_gone(processes))
    stream.join()


def test_sighup_does_not_end_the_server(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    processes = server_processes(pid(server))
    for one in (pid(server), *processes):
        os.kill(one, signal.SIGHUP)
    eventually(lambda: "SIGHUP has no effect" in server.log_text)
    assert server_processes(pid(server)) == processes
    assert ada.get("/api/v1/auths/").status == 200
    assert server.stop() == 0


STUCK = """
import asyncio, time
from portico.api import PluginInfo, hookimpl
PLUGIN = PluginInfo(summary="never begins", api_version=1)

@hookimpl
{how} startup():
    print("begun", flush=True)
    {wait}
"""

#: A wait that also ignores that it is interrupted, so that the limit of the plugin cannot end it.
ENDLESS = """
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""


class Starting:
    """`portico serve` with a plugin whose startup never ends."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        self.process = popen(
            [sys.executable, "-m", "portico", "serve", "--port", "0"],
            env={**bare_environment(), **environment, "PYTHONPATH": str(directory / "site")},
            cwd=directory,
            stderr=subprocess.PIPE,
        )

    def wait_until_begun(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "begun\n"

    def end(self) -> str:
        """What it said on standard error until it ended."""
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def starting(
    env: dict[str, str], tmp_path: Path, install: Any
) -> Iterator[Callable[..., Starting]]:
    made: list[Starting] = []

    def start(how: str, wait: str, **settings: str) -> Starting:
        install("stuck", STUCK.format(how=how, wait=wait))
        made.append(Starting(env | settings, tmp_path))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.communicate()


def test_start_that_takes_too_long_fails_with_a_reason(
    starting: Callable[..., Starting],
) -> None:
    start = starting("def", ENDLESS, PORTICO_SERVER_START_LIMIT="1")
    said = start.end()
    assert start.process.returncode == 1
    assert said.count("Portico cannot start") == 1
    assert "the server was not ready within 1 s (server.start_limit): it was still " in said


def test_start_ends_on_sigterm(starting: Callable[..., Starting]) -> None:
    start = starting("def", "time.sleep(600)")
    start.wait_until_begun()
    start.process.terminate()
    said = start.end()
    assert start.process.returncode == 0, said
    assert "Traceback" not in said


def test_process_that_dies_at_each_start_ends_the_server_with_a_reason(
    starting: Callable[..., Starting],
) -> None:
    start = starting("def", "__import__('os').kill(__import__('os').getpid(), 9)")
    said = start.end()
    assert start.process.returncode == 1
    assert re.search(r"[Ss]erver process.* was ended by signal 9 \(Killed\); another one is", said)
    assert said.count("again, a few seconds after its start: Portico ends.") == 1


def test_failed_start_is_reported_once(starting: Callable[..., Starting]) -> None:
    start = starting("def", "from portico.api import OperatorError; raise OperatorError('no')")
    said = start.end()
    assert start.process.returncode == 1
    assert said.count("Portico cannot start") == 1
    assert "another one is started" not in said


def test_process_that_is_killed_is_started_again(server: ServerProcess, count: int) -> None:
    ada = server.client.sign_up("Ada")
    killed = server_processes(pid(server))
    for one in killed:
        os.kill(one, signal.SIGKILL)
    eventually(lambda: server.log_text.count("Portico is ready at ") == 2, 60)
    started = server_processes(pid(server))
    assert len(started) == count
    assert not {*started} & {*killed}
    names = ["The server process"] if count == 1 else ["Server process 1", "Server process 2"]
    for name in names:
        ending = f"{name} was ended by signal 9 (Killed); another one is started."
        assert server.log_text.count(ending) == 1
    assert ada.get("/api/v1/auths/").status == 200
    assert server.stop() == 0


def test_log_lines_name_their_process(server: ServerProcess, count: int) -> None:
    server.stop()
    lines = [json.loads(line) for line in server.log_text.splitlines() if line.startswith("{")]
    numbers = {1, 2} if count == 2 else {None}
    assert {line.get("process") for line in lines} == numbers


SPAWNING = """
import multiprocessing
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    from portico.cli import main
    main()
"""


def test_spawned_process_serves_and_ends_with_its_main_process(
    env: dict[str, str], tmp_path: Path
) -> None:
    """As on macOS, and on Linux from Python 3.14 on."""
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING)
    main = subprocess.Popen(
        [sys.executable, str(script), "serve", "--port", "0"],
        # Each process imports all that it serves; what a plugin serves is not the subject.
        env={**bare_environment(), **env, "PORTICO_PLUGINS_ONLY": "accounts,password"},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert main.stderr is not None
        said = next(line for line in main.stderr if "Portico is ready at " in line)
        url = said.split("Portico is ready at ")[1].split()[0]
        assert Client(HTTPTransport(url)).get("/ready").json == {"status": True, "reasons": []}
    finally:
        main.kill()
        main.communicate()
    eventually(lambda: is_closed(url))
