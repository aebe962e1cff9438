"""Client libraries of Socket.IO against a real server: every event of the contract, over each transport."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import socketio
from tests.node_packages import install_packages

from portico.testing import Client, ServerProcess

pytestmark = pytest.mark.timeout(180)
SCENARIO = Path(__file__).parent / "socket_io_client"
TRANSPORTS = ["websocket", "polling", "polling,websocket"]
PLUGIN = """
    import asyncio
    import msgspec
    from portico.api import PluginInfo, hookimpl
    from portico.api.sockets import SocketEvent

    PLUGIN = PluginInfo(api_version=1, summary="Does what the client asks for.")

    class Relay:
        def __init__(self, app):
            self.sockets = app.sockets

        async def relay(self, socket, data):
            self.sockets.emit_to_account(socket.actor.id, "events", data)

        async def call(self, socket, asked):
            data = {"type": "execute:python", "data": {"code": "1", "session_id": socket.id}}
            event = {"chat_id": "c", "message_id": "m", "data": data}
            return await self.sockets.call(socket.actor.id, asked["socket"], "events", event)

        async def listen(self, socket, asked):
            heard, done = [], asyncio.Event()

            def hear(line):
                heard.append(msgspec.json.decode(line))
                if heard[-1] == {"done": True}:
                    done.set()

            async with self.sockets.listen(socket.actor.id, socket.id, asked["name"], hear):
                self.sockets.emit_to_account(socket.actor.id, "ready", None)
                await done.wait()
            return heard

    @hookimpl
    def register_components(app):
        return Relay(app)

    @hookimpl
    def register_socket_events(plugin):
        return [
            SocketEvent("live:relay", msgspec.Raw, plugin.relay),
            SocketEvent("live:call", dict, plugin.call),
            SocketEvent("live:listen", dict, plugin.listen),
        ]
"""


def event(kind: str, *data: Any) -> dict[str, Any]:
    content = {"type": kind} | ({"data": data[0]} if data else {})
    return {"chat_id": "c", "message_id": "m", "data": content}


#: What the core and plugins send, in the order of one turn.
EVENTS = [
    event("status", {"action": "web_search", "description": "…", "done": False}),
    event("chat:completion", {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}),
    event("chat:completion", {"content": "Hel"}),
    event("chat:completion", {"content": 'Hello "Ünï" \U0001f44b \u2028'}),
    event("chat:completion", {"usage": {"total_tokens": 3}}),
    event("chat:completion", {"sources": [{"source": {"name": "a"}, "document": []}]}),
    event("chat:completion", {"selected_model_id": "m"}),
    event("chat:completion", {"done": True, "content": "Hello", "title": "New Chat"}),
    event("chat:message:error", {"error": {"content": "no"}}),
    event("chat:tasks:cancel"),
    event("chat:message:follow_ups", {"follow_ups": ["Why?"]}),
    event("chat:title", "\U0001f44b Greeting"),
    event("chat:tags", ["General"]),
    event("chat:message", {"chat_id": "c", "message_id": "m", "content": "x" * 200_000}),
    event("files", {"files": [{"type": "image", "url": "/a"}]}),
    event("source", {"source": {"name": "n", "id": "i"}, "document": [], "metadata": []}),
    event("notification", {"type": "info", "content": "hi"}),
]


@pytest.fixture
def env(
    env: dict[str, str],
    request: pytest.FixtureRequest,
    install: Callable[..., None],
    tmp_path: Path,
    processes: str,
) -> dict[str, str]:
    install("live", PLUGIN)
    env |= {"PYTHONPATH": str(tmp_path / "site"), "UVICORN_WORKERS": processes}
    if "DATABASE_URL" not in env:
        return env
    # PostgreSQL and Redis together.
    return env | {"REDIS_URL": request.getfixturevalue("shared_redis")}


@pytest.fixture(
    params=[("1", one) for one in TRANSPORTS] + [("2", one) for one in TRANSPORTS[1:]], ids="-".join
)
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The number of server processes, and the transports of the client."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def processes(way: tuple[str, str]) -> str:
    return way[0]


@pytest.fixture
def transports(way: tuple[str, str]) -> str:
    return way[1]


def check(result: dict[str, Any], account: Client, transports: str) -> None:
    call = event("execute:python", {"code": "1"})
    assert result["transport"] == transports.rsplit(",", maxsplit=1)[-1]
    assert result["anonymous"] == {"error": "Not authenticated"}
    assert result["joined"] == {"id": account.account["id"], "name": "Ada"}
    assert result["unavailable"] == [{"error": "Not available"}] * 4
    assert result["received"][:-1] == EVENTS
    assert result["received"][-1]["data"]["type"] == call["data"]["type"]
    assert result["answer"] == {"stdout": "1", "session": True}
    assert result["heard"] == [*(f"data: {line}" for line in range(20)), {"done": True}]
    assert result["after"] == {"error": "Not authenticated"}


async def run_python_client(url: str, account: Client, transports: str) -> dict[str, Any]:
    """Do what `scenario.mjs` does, with the client of python-socketio."""
    result: dict[str, Any] = {"received": []}
    client = socketio.AsyncClient(reconnection_delay=0.05, randomization_factor=0)
    closed, ready, again = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def on_events(data: Any) -> Any:
        result["received"].append(data)
        if data["data"]["type"] != "execute:python":
            return None
        return {"stdout": "1", "session": data["data"]["data"]["session_id"] == client.get_sid()}

    handlers = {"disconnect": lambda *_: closed.set(), "ready": lambda _: ready.set()}
    for name, handle in handlers.items():
        client.on(name, handle)
    await client.connect(url, socketio_path="/ws/socket.io", transports=transports.split(","))
    result["transport"] = client.transport()
    result["anonymous"] = await client.call("heartbeat", {})
    auth = {"auth": {"token": account.token}}
    result["joined"] = await client.call("user-join", auth)
    await client.call("usage", {"action": "chat", "model": "none", "chat_id": "c"})
    names = ("join-channels", "join-note", "events:channel", "ydoc:document:join")
    result["unavailable"] = [await client.call(name, auth) for name in names]
    client.on("events", on_events)
    for data in EVENTS:
        await client.call("live:relay", data)
    opened = client.get_sid()
    result["answer"] = await client.call("live:call", {"socket": opened})
    channel = f"user:{opened}:request"
    listening = asyncio.create_task(client.call("live:listen", {"name": channel}))
    await ready.wait()
    for line in range(20):
        await client.emit(channel, f"data: {line}")
    await client.emit(channel, {"done": True})
    result["heard"] = await listening
    client.on("connect", again.set)
    await asyncio.to_thread(account.get, "/api/v1/auths/signout")
    await closed.wait()
    await again.wait()  # the library connects again by itself
    result["after"] = await client.call("heartbeat", {})
    await client.disconnect()
    return result


def test_python_client_runs_every_event(server: ServerProcess, transports: str) -> None:
    account = server.client.sign_up("Ada")
    check(asyncio.run(run_python_client(server.url, account, transports)), account, transports)


def test_javascript_client_runs_every_event(
    server: ServerProcess, transports: str, javascript_client: Path
) -> None:
    account = server.client.sign_up("Ada")
    arguments = [server.url, str(account.token), transports]
    done = subprocess.run(
        ["node", "scenario.mjs", *arguments],
        cwd=javascript_client,
        input=json.dumps(EVENTS),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    check(result, account, transports)
    assert result["reconnects"] and result["hasNewId"]


@pytest.fixture(scope="session")
def javascript_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which node finds the client library of browsers."""
    return install_packages(SCENARIO, tmp_path_factory)
