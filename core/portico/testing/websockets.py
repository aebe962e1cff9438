"""Web sockets for tests, in this process and over a real port, with the same interface."""

import asyncio
import contextlib
import queue
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from portico.testing.response import Response

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

#: Seconds after which waiting for a message fails the test.
RECEIVE_TIMEOUT_SECONDS = 10.0


class HandshakeRefused(Exception):
    """The handshake was refused. `answer`: the HTTP response to it."""

    def __init__(self, answer: Response) -> None:
        super().__init__(f"{answer.status} {answer.body!r}")
        self.answer = answer


class SocketClosed(Exception):
    """The other side has closed the socket."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Socket(Protocol):
    """An open web socket. Use it in a `with` block."""

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        ...

    def receive(self) -> str | bytes:
        """Wait for one message. Raises: SocketClosed."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...

    def __enter__(self) -> "Socket": ...

    def __exit__(self, *_: object) -> None: ...


class InProcessSocket:
    """A web socket to an application in this process. Raises: HandshakeRefused."""

    def __init__(
        self, portal: "BlockingPortal", app: Callable[..., Any], scope: dict[str, Any]
    ) -> None:
        self._portal, self._sent = portal, queue.Queue[dict[str, Any]]()
        self._received: asyncio.Queue[dict[str, Any]] = portal.call(_queue)
        self._push({"type": "websocket.connect"})
        self._task = portal.start_task_soon(self._serve, app, scope)
        first = self._next()
        if first["type"] == "websocket.http.response.start":
            body = self._next()["body"]
            names = {n.decode().lower(): v.decode("latin-1") for n, v in first["headers"]}
            self._task.result(RECEIVE_TIMEOUT_SECONDS)
            raise HandshakeRefused(Response(first["status"], names, body))
        if first["type"] != "websocket.accept":
            raise SocketClosed(first.get("code", 0), first.get("reason") or "")

    async def _serve(self, app: Callable[..., Any], scope: dict[str, Any]) -> None:
        async def send(message: dict[str, Any]) -> None:
            self._sent.put(message)

        try:
            await app(scope, self._received.get, send)
        finally:
            self._sent.put({"type": "websocket.close", "code": 1006})

    def _push(self, message: dict[str, Any]) -> None:
        self._portal.call(self._received.put_nowait, message)

    def _next(self) -> dict[str, Any]:
        return self._sent.get(timeout=RECEIVE_TIMEOUT_SECONDS)

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        kind = "text" if isinstance(message, str) else "bytes"
        self._push({"type": "websocket.receive", kind: message})

    def receive(self) -> str | bytes:
        """Wait for one message. Raises: SocketClosed."""
        message = self._next()
        if message["type"] == "websocket.close":
            raise SocketClosed(message.get("code", 1000), message.get("reason") or "")
        content: str | bytes = message["bytes"] if message.get("text") is None else message["text"]
        return content

    def close(self) -> None:
        """Close the socket, and wait until the application has noticed."""
        self._push({"type": "websocket.disconnect", "code": 1000})
        self._task.result(RECEIVE_TIMEOUT_SECONDS)

    def __enter__(self) -> "InProcessSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PortSocket:
    """A web socket to a server with a port. Raises: HandshakeRefused."""

    def __init__(self, url: str, headers: list[tuple[str, str]]) -> None:
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import connect

        self._exit = contextlib.ExitStack()
        address = url.replace("http", "ws", 1)
        try:
            self._connection = self._exit.enter_context(
                connect(
                    address,
                    additional_headers=headers,
                    open_timeout=RECEIVE_TIMEOUT_SECONDS,
                    proxy=None,
                )
            )
        except InvalidStatus as error:
            response = error.response
            names = {name.lower(): value for name, value in response.headers.raw_items()}
            raise HandshakeRefused(
                Response(response.status_code, names, bytes(response.body or b""))
            ) from None

    def send(self, message: str | bytes) -> None:
        """Send one message. Raises: SocketClosed."""
        with _translated_closing():
            self._connection.send(message)

    def receive(self) -> str | bytes:
        """Wait for one message. Raises: SocketClosed."""
        with _translated_closing():
            return self._connection.recv(RECEIVE_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the socket."""
        self._exit.close()

    def __enter__(self) -> "PortSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def _translated_closing() -> Iterator[None]:
    from websockets.exceptions import ConnectionClosed

    try:
        yield
    except ConnectionClosed as error:
        closing = error.rcvd
        raise SocketClosed(
            closing.code if closing else 1006, closing.reason if closing else ""
        ) from None


async def _queue() -> "asyncio.Queue[dict[str, Any]]":
    return asyncio.Queue()
