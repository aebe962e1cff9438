"""Several server processes behind one port: whichever of them answers a request, users see one server."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import socketio
from tests.reply_requests import ask, start_chat, stored, until_end

from portico.testing import Client, ServerProcess, SocketClosed

pytestmark = pytest.mark.timeout(180)
Servers = Callable[..., ServerProcess]
#: Requests, each on a connection of its own, of which the system gives each process some: that one gets none of 24 happens
#: once in millions of runs.
MANY = range(24)
CLIENTS = 12
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"UVICORN_WORKERS": "2"}


def processes_of(server: ServerProcess) -> list[int]:
    assert server.process is not None
    main = server.process.pid
    return [int(one) for one in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def everywhere(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds for many requests in a row."""
    deadline = time.monotonic() + seconds
    while not all(holds() for _ in MANY):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_reply_is_watched_listed_and_stopped_through_any_process(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    chat_id, message_id = start_chat(ada)
    with (
        ada.connect_socket() as one,
        ada.connect_socket(transport="polling") as polling,
        ada.connect_socket() as other,
    ):
        task_id = ask(ada, chat_id, message_id, "endless", session_id=one.id).json["task_id"]
        for watching in (one, polling, other):
            watching.wait_for("events", lambda event: "content" in str(event["data"]))
        for _ in MANY:
            assert ada.get("/api/tasks").json == {"tasks": [task_id]}
            assert ada.get(f"/api/tasks/chat/{chat_id}").json == {"task_ids": [task_id]}
        everywhere(lambda: stored(ada, chat_id, message_id)["content"].startswith("more"))
        answer = ada.post(f"/api/tasks/stop/{task_id}")
        assert answer.json == {"status": True, "message": f"Task {task_id} successfully stopped."}
        for watching in (one, polling, other):
            assert until_end(watching, message_id)[-1][0] == "chat:tasks:cancel"
    for _ in MANY:
        assert ada.get("/api/tasks").json == {"tasks": []}
        assert stored(ada, chat_id, message_id)["done"] is True


def test_presence_and_revocation_are_known_to_every_process(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    ben = ada.add_user("Ben")
    with ben.connect_socket() as one, ben.connect_socket(transport="polling") as two:
        everywhere(lambda: ada.get("/api/usage").json["user_count"] == 2)
        assert ben.get("/api/v1/auths/signout").status == 200
        for ended in (one, two):
            assert isinstance(ended.wait_until_closed(), SocketClosed)
        everywhere(lambda: ben.get("/api/v1/auths/").status == 401)


@pytest.mark.both_databases
def test_first_of_many_sign_ups_at_once_is_the_only_administrator(server: ServerProcess) -> None:
    def sign_up(name: str) -> Client:
        return server.client.sign_up(name)

    with ThreadPoolExecutor(8) as threads:
        accounts = list(threads.map(sign_up, (f"User{number}" for number in range(16))))
    assert [one.account["role"] for one in accounts].count("admin") == 1


def test_limits_and_settings_are_those_of_all_processes(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    wrong = {"email": "ada@example.org", "password": "wrong"}
    statuses = [server.client.post("/api/v1/auths/signin", wrong).status for _ in range(20)]
    assert statuses.index(429) == statuses.count(400) < 20
    assert set(statuses[statuses.index(429) :]) == {429}

    config = ada.get("/api/v1/auths/admin/config").json
    changed = config | {"ENABLE_API_KEYS": not config["ENABLE_API_KEYS"]}
    assert ada.post("/api/v1/auths/admin/config", changed).status == 200

    def is_changed() -> bool:
        features = server.client.get("/api/config").json["features"]
        return bool(features["enable_api_keys"] == changed["ENABLE_API_KEYS"])

    everywhere(is_changed)


@on_sqlite
def test_processes_start_with_one_key_one_database_and_one_record_of_policies(
    servers: Servers, env: dict[str, str], tmp_path: Path
) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "own.csv").write_text("p, chat, export, everyone, deny\n")
    server = servers(PORTICO_ACCESS_POLICY_DIR=str(policies), UVICORN_WORKERS="4")
    del server.environment["WEBUI_SECRET_KEY"]
    ada = server.start().client.sign_up("Ada")
    for _ in MANY:
        assert ada.get("/api/v1/auths/").status == 200
    with closing(sqlite3.connect(f"{env['DATA_DIR']}/portico.db")) as database:
        query = database.execute
        instances = query("SELECT id, socket_path FROM portico_instance").fetchall()
        assert len(instances) == 4
        sockets = [Path(path) for _, path in instances]
        assert all(path.is_socket() for path in sockets)
        changes = query("SELECT 1 FROM portico_audit WHERE event = 'policy.changed'").fetchall()
        assert len(changes) == 1
    names = os.listdir(env["DATA_DIR"])
    assert [name for name in names if name.startswith(".")] == []
    assert server.stop() == 0
    assert not any(path.exists() for path in sockets)


class DefaultClient:
    """The client of python-socketio with its default settings, which polls first and then upgrades."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient()
        self.connects = 0
        self.client.on("connect", self._count)

    def _count(self) -> None:
        self.connects += 1

    async def connect(self, server: ServerProcess, user: Client) -> None:
        auth = {"token": user.token}
        await self.client.connect(server.url, socketio_path="/ws/socket.io", auth=auth)

    async def ask(self) -> Any:
        return await self.client.call("heartbeat", {}, timeout=30)


def test_default_clients_upgrade_and_come_back_after_kill_9_of_a_process(
    server: ServerProcess,
) -> None:
    ada = server.client.sign_up("Ada")
    killed = processes_of(server)[0]

    async def run() -> None:
        clients = [DefaultClient() for _ in range(CLIENTS)]
        await asyncio.gather(*(one.connect(server, ada) for one in clients))
        assert {one.client.transport() for one in clients} == {"websocket"}
        assert await asyncio.gather(*(one.ask() for one in clients)) == [None] * CLIENTS
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while True:
            found = await asyncio.gather(*(one.ask() for one in clients), return_exceptions=True)
            if found == [None] * CLIENTS and not Path(f"/proc/{killed}").exists():
                break
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)
        assert any(one.connects > 1 for one in clients)
        await asyncio.gather(*(one.client.disconnect() for one in clients))

    asyncio.run(run())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@on_sqlite
def test_polls_and_upgrades_reach_an_owner_that_is_known_by_its_url_only(
    servers: Servers, env: dict[str, str]
) -> None:
    """As one on another machine: the Unix sockets are removed."""
    started = []
    for _ in range(2):
        url = f"http://127.0.0.1:{free_port()}"
        server = servers(
            PORTICO_INSTANCE_URL=url, UVICORN_WORKERS="1", WEBSOCKET_SERVER_PING_INTERVAL="2"
        )
        server.url = url  # the port to listen on
        started.append(server.start())
    with closing(sqlite3.connect(f"{env['DATA_DIR']}/portico.db")) as database:
        for (path,) in database.execute("SELECT socket_path FROM portico_instance").fetchall():
            Path(path).unlink()
    one, two = started
    ada = one.client.sign_up("Ada")
    there = Client(two.client.transport, ada.token)
    polling = "/ws/socket.io/?EIO=4&transport=polling"
    key = json.loads(Client(ada.transport).get(polling).body[1:])["sid"]
    path = f"{polling}&sid={key}"
    assert there.post(path, body=b"40" + json.dumps({"token": ada.token}).encode()).body == b"ok"
    assert there.get(path).body.startswith(b'40{"sid":')
    with there.websocket(path.replace("polling", "websocket")) as upgraded:
        upgraded.send("2probe")
        assert upgraded.receive() == "3probe"
        upgraded.send("5")
        upgraded.send('421["heartbeat",{}]')
        assert [upgraded.receive(), upgraded.receive()] == ["6", "431[]"]
        one.kill()
        with pytest.raises(SocketClosed):
            while True:
                upgraded.receive()
    assert there.get(path).status == 400
    with closing(sqlite3.connect(f"{env['DATA_DIR']}/portico.db")) as database:
        # An owner behind the same URL as a live process, that has just died.
        update = "UPDATE portico_instance SET process = '', socket_path = '', url = ? WHERE id = ?"
        database.execute(update, [two.url, key[:36]])
        database.commit()
    refused = there.get(path)
    assert (refused.status, refused.json) == (400, {"detail": "Invalid session"})
