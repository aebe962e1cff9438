"""A whole application in the process of the tests."""

import contextlib
import urllib.parse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from portico.testing.client import Answer, Client

if TYPE_CHECKING:
    from portico.app import Portico


class House:
    """A whole application in this process, on an event loop of its own in another thread."""

    def __init__(
        self,
        environment: Mapping[str, str],
        prepare: Callable[["Portico"], None] | None = None,
    ) -> None:
        """Open it. `prepare` is called with the application before that."""
        from anyio.from_thread import start_blocking_portal

        from portico.app import Portico
        from portico.server.log import set_up
        from portico.settings.load import load_settings

        loaded = load_settings(environ=environment)
        set_up(loaded.settings.log)
        self.portico = Portico(loaded, loaded.settings.identity.secret_key)
        if prepare is not None:
            prepare(self.portico)
        self._exit = contextlib.ExitStack()
        self._portal = self._exit.enter_context(start_blocking_portal())
        self._exit.callback(lambda: self._portal.call(self.portico.stop))
        try:
            self._portal.call(self.portico.start)
        except BaseException:
            self._exit.close()
            raise

    @property
    def client(self) -> Client:
        """Somebody who is not signed in."""
        return Client(self._send)

    def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Await `work(*arguments)` where the application lives, with its database as the current one."""

        async def inside() -> Any:
            with self.portico.database.use():
                return await work(*arguments)

        return self._portal.call(inside)

    def close(self) -> None:
        self._exit.close()

    def _send(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        return self._portal.call(self._asgi, method, target, headers, body)

    async def _asgi(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        import asyncio

        path, _, query = target.partition("?")
        pairs = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
        host = [] if b"host" in dict(pairs) else [(b"host", b"testserver")]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": method, "path": urllib.parse.unquote(path), "raw_path": path.encode(),
            "query_string": query.encode(), "root_path": "",
            "headers": [*host, *pairs, (b"content-length", str(len(body)).encode())],
            "client": ("127.0.0.1", 1), "server": ("testserver", 80), "state": {}, "extensions": {},
        }  # fmt: skip
        sent, start, parts = False, {}, []

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()  # this client never leaves early
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self.portico(scope, receive, send)  # type: ignore[arg-type]
        names = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in start["headers"]}
        return Answer(start["status"], names, b"".join(parts))
