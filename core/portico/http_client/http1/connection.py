"""One connection to a server, for one request after the other."""

import asyncio
from collections.abc import Callable
from typing import BinaryIO, cast

from portico.http_client.http1.response import HTTPResponse
from portico.http_client.http1.target import ConnectionKey
from portico.http_client.limits import RequestLimits

#: Bytes of a file that are read and written at once.
FILE_BLOCK_BYTES = 256 * 1024


class HTTPConnection(asyncio.Protocol):
    """A connection. `on_idle`: called with it when it can take another request; None = it takes one only."""

    __slots__ = (
        "__weakref__",
        "_on_idle",
        "_resumed",
        "_response",
        "_transport",
        "idle_since",
        "is_ready",
        "is_reused",
        "key",
        "loop",
    )

    def __init__(
        self, key: ConnectionKey, on_idle: "Callable[[HTTPConnection], None] | None" = None
    ) -> None:
        self.key = key
        self.loop = asyncio.get_running_loop()
        #: Whether requests go to the server: before that, they go to the proxy that leads to it.
        self.is_ready = False
        self.is_reused = False
        #: When it became idle, in seconds of the loop's clock.
        self.idle_since = 0.0
        self._on_idle = on_idle
        self._transport: asyncio.Transport | None = None
        self._response: HTTPResponse | None = None
        self._resumed: asyncio.Event | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def transport(self) -> asyncio.Transport:
        """The transport of an open connection."""
        assert self._transport is not None
        return self._transport

    def begin(self, data: bytes, limits: RequestLimits) -> HTTPResponse:
        """Send a request and return its response, which has not arrived."""
        response = self._response = HTTPResponse(self, limits)
        self.transport.write(data)
        return response

    async def write_file(self, file: BinaryIO, response: HTTPResponse) -> None:
        """Send the body of a request from a file, until the response ends."""
        self._on_idle = None  # a response may come before the whole request was sent
        while not response.is_ended and self.is_open:
            block = await asyncio.to_thread(file.read, FILE_BLOCK_BYTES)
            if not block:
                break
            self.transport.write(block)
            if self._resumed is not None:
                await self._resumed.wait()

    def use_transport(self, transport: asyncio.Transport) -> None:
        """Go on with another transport: that which encrypts what is sent through a proxy."""
        self._transport = transport

    def end_response(self, *, reuse: bool) -> None:
        """Become idle, or close. Called by the response when it has ended."""
        self._response = None
        if reuse and not self.is_ready:
            return
        if reuse and self._on_idle is not None and self.is_open:
            self.is_reused = True
            self.idle_since = self.loop.time()
            self._on_idle(self)
        elif self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close the connection. A response that is under way fails."""
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Read no more from the network for now."""
        if self.is_open:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the network again."""
        if self.is_open:
            self.transport.resume_reading()

    # -- called by the event loop ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the response. Bytes that no request has asked for end the connection."""
        if self._response is None:
            self.close()
        else:
            self._response.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the response that is under way."""
        self.resume_writing()
        response, self._response = self._response, None
        if response is not None:
            response.on_connection_lost(exc)

    def pause_writing(self) -> None:
        """Let the writer of a file wait: the server reads more slowly."""
        self._resumed = asyncio.Event()

    def resume_writing(self) -> None:
        """Let the writer of a file go on."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None
