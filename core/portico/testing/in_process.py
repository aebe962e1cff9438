"""A whole application in the process of the tests."""

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from portico.testing.client import Client
from portico.testing.transports import InProcessTransport

if TYPE_CHECKING:
    from portico.boot import Application


class InProcessApp:
    """A whole application in this process, on an event loop of its own in another thread."""

    def __init__(
        self,
        environment: Mapping[str, str],
        prepare: Callable[["Application"], None] | None = None,
    ) -> None:
        """Open it. `prepare` is called with the application before that."""
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
        """Somebody who is not signed in."""
        return Client(InProcessTransport(self._portal, self.asgi))

    def client_at(self, address: str) -> Client:
        """Somebody who is not signed in, and comes from another address than the others."""
        return Client(InProcessTransport(self._portal, self.asgi, address))

    def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Await `work(*arguments)` where the application lives, with its database as the current one."""

        async def inside() -> Any:
            with self.portico.database.use():
                return await work(*arguments)

        return self._portal.call(inside)

    def close(self) -> None:
        self._exit.close()
