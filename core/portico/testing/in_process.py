"""A complete application in the process of the tests, and requests to it without a port."""

import asyncio
import contextlib
import urllib.parse
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from portico.testing.client import Client
from portico.testing.response import Response
from portico.testing.websockets import InProcessSocket, Socket

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from portico.boot import Application


class InProcessApp:
    """A complete application in this process, on its own event loop in another thread."""

    def __init__(
        self,
        environment: Mapping[str, str],
        prepare: Callable[["Application"], None] | None = None,
    ) -> None:
        """Start the application. `prepare` is called with it before the start."""
        from anyio.from_thread import start_blocking_portal

        from portico.app import Portico
        from portico.server.logging import configure_logging
        from portico.settings.load import load_settings

        loaded = load_settings(environ=environment)
        configure_logging(loaded.settings.log)
        self.asgi = Portico(loaded, loaded.settings.identity.secret_key)
        self.portico = self.asgi.application
        if prepare is not None:
            prepare(self.portico)
        self._exit = contextlib.ExitStack()
        self._portal = self._exit.enter_context(start_blocking_portal())
        self._exit.callback(lambda: self._portal.call(self.asgi.stop))
        try:
            self._portal.call(self.asgi.start)
        except BaseException:
            self._exit.close()
            raise

    @property
    def client(self) -> Client:
        """A client that is not signed in."""
        return Client(InProcessTransport(self._portal, self.asgi))

    def client_at(self, address: str) -> Client:
        """Return a client that is not signed in, with this client address."""
        return Client(InProcessTransport(self._portal, self.asgi, address))

    def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Await `work(*arguments)` on the application's event loop, with its database as the current one."""
        return self.start(work, *arguments).result()

    def start(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """As `run`, without waiting for the end. Returns a future."""

        async def inside() -> Any:
            with self.portico.database.use():
                return await work(*arguments)

        return self._portal.start_task_soon(inside)

    def close(self) -> None:
        """Stop the application."""
        self._exit.close()


class InProcessTransport:
    """Sends requests to an ASGI application in this process. `app` runs on the loop of `portal`.

    `address`: the client address of the requests.
    """

    def __init__(
        self, portal: "BlockingPortal", app: Callable[..., Any], address: str = "127.0.0.1"
    ) -> None:
        self._portal, self._app, self._address = portal, app, address

    def __call__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Response:
        """Send one request, and wait for the whole response."""
        length = [("content-length", str(len(body)))]
        scope = self._scope("http", target, [*headers, *length]) | {"method": method}
        answer: Response = self._portal.call(self._ask, scope, body)
        return answer

    def connect(self, target: str, headers: list[tuple[str, str]]) -> Socket:
        """Open a web socket. Raises: HandshakeRefused."""
        scope = self._scope("websocket", target, headers)
        extensions: dict[str, Any] = {"websocket.http.response": {}}
        scope |= {"scheme": "ws", "subprotocols": [], "extensions": extensions}
        return InProcessSocket(self._portal, self._app, scope)

    async def _ask(self, scope: dict[str, Any], body: bytes) -> Response:
        sent, start, parts = False, {}, []

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()  # this client never disconnects early
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        names = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in start["headers"]}
        cookies = tuple(
            v.decode("latin-1") for n, v in start["headers"] if n.lower() == b"set-cookie"
        )
        return Response(start["status"], names, b"".join(parts), cookies)

    def _scope(self, kind: str, target: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
        path, _, query = target.partition("?")
        pairs = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
        host = [] if b"host" in dict(pairs) else [(b"host", b"testserver")]
        return {
            "type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "path": urllib.parse.unquote(path), "raw_path": path.encode(), "query_string": query.encode(),
            "root_path": "", "headers": [*host, *pairs], "client": (self._address, 1),
            "server": ("testserver", 80), "state": {}, "extensions": {},
        }  # fmt: skip
