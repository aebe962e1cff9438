"""Long-lived connections: a plugin with a web socket, and clients that stay connected until the server closes."""

import asyncio
import contextlib
import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import aiohttp

from portico.testing import Client, ServerProcess

ECHO = "/api/x/probe/echo"
_PLUGIN = """
from litestar import WebSocket, websocket
from portico.api import PluginInfo, hookimpl

PLUGIN = PluginInfo(api_version=1, summary="Repeats messages over a web socket.")


@hookimpl
def register_routes():
    @websocket("/api/x/probe/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())

    return [echo]
"""


def install_probe(site: Path) -> None:
    """Put the plugin into a directory for the PYTHONPATH, as an installed distribution."""
    site.mkdir()
    (site / "made_up_probe.py").write_text(_PLUGIN)
    info = site / "made_up_probe-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-probe\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[portico]\nprobe = made_up_probe\n")


class LiveSocket:
    """An open web socket. `code`: its close code; None while it is open."""

    def __init__(self, server: ServerProcess, client: Client) -> None:
        self._url = server.url.replace("http", "ws", 1) + ECHO
        self._headers = {"Authorization": f"Bearer {client.token}"}
        self.code: int | None = None
        self.ended_at = 0.0
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._open.wait(20) and self.is_live, f"the socket was closed with {self.code}"

    @property
    def is_live(self) -> bool:
        return self.code is None

    def close(self) -> None:
        """Close the socket, if it is still open."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._live())

    async def _live(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(self._url, headers=self._headers) as socket,
            ):
                await socket.send_str("hello")
                if await socket.receive_str() == "hello":
                    self._open.set()
                async for _ in socket:
                    pass
                self._end(socket.close_code or 0)
        except aiohttp.WSServerHandshakeError as error:
            self._end(error.status)
        except (TypeError, aiohttp.ClientError):
            self._end(-1)

    def _end(self, code: int) -> None:
        self.ended_at, self.code = time.monotonic(), code
        self._open.set()


class LiveStream:
    """A streamed reply. `received`: the last bytes so far; `is_live` until the server ends it."""

    def __init__(self, server: ServerProcess, client: Client, model: str = "endless") -> None:
        parts = urllib.parse.urlsplit(server.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        headers = {
            "Authorization": f"Bearer {client.token}",
            "Content-Type": "application/json",
        }
        self._connection.request("POST", "/api/chat/completions", json.dumps(body), headers)
        self._response = self._connection.getresponse()
        self.status, self.received = self._response.status, self._response.read1(1)
        self.is_live, self.ended_at = self.status == 200, 0.0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait until the stream has been read to its end."""
        self._thread.join(20)

    def _read(self) -> None:
        try:
            while block := self._response.read1(65536):
                self.received = (self.received + block)[-4096:]
        except (OSError, http.client.HTTPException):
            self.received += b"<broken>"
        self.ended_at, self.is_live = time.monotonic(), False
        self._connection.close()


class LiveRequests:
    """A client that sends requests. `is_live` until one is refused."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.ended_at = 0.0
        assert self.is_live

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    @property
    def is_live(self) -> bool:
        if self._client.get("/api/v1/auths/").status == 200:
            return True
        self.ended_at = self.ended_at or time.monotonic()
        return False


def eventually(holds: Callable[[], bool], timeout: float = 10) -> bool:
    """Return whether the condition becomes true in time. One second is promised; the test allows for a busy machine."""
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
