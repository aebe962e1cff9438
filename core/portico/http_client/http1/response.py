"""The response to one request."""

import asyncio
import math
from typing import TYPE_CHECKING, Self

import httptools

from portico.http_client.http1.errors import ConnectionBroken, HTTPClientError, InvalidHTTP
from portico.http_client.limits import RequestLimits

if TYPE_CHECKING:
    from portico.http_client.http1.connection import HTTPConnection

#: Bytes of one header with its name.
MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 512
#: Bytes of all headers, while their end is missing; and of what is no part of the body, such as trailers.
MAX_HEAD_BYTES = 256 * 1024
#: Bytes of a body that wait to be read; then no more is read from the connection.
MAX_BUFFERED_BYTES = 128 * 1024


class HTTPResponse:
    """A response whose body is read in blocks, as they arrive. The sender of the request closes it.

    `headers`: names in lower case; the values of repeated ones are joined. Raises, on reading: TimeoutError,
    HTTPClientError.
    """

    __slots__ = (
        "_blocks", "_buffered", "_connection", "_error", "_has_begun", "_has_head", "_has_length", "_head_bytes",
        "_header_count", "_idle", "_is_complete", "_is_paused", "_keeps_alive", "_parser", "_timer", "_total_timer", "_waiter", "headers",
        "on_body", "status",
    )  # fmt: skip

    def __init__(self, connection: "HTTPConnection", limits: RequestLimits) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._connection: HTTPConnection | None = connection
        self._blocks: list[bytes] = []
        #: Called by the parser with each part of the body: there may be hundreds in what arrives at once.
        self.on_body = self._blocks.append
        self._parser = httptools.HttpResponseParser(self)
        # As other HTTP clients do: providers write the ends of lines and of chunks in several ways.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._buffered = self._head_bytes = self._header_count = 0
        self._has_begun = self._has_head = self._has_length = False
        self._is_complete = self._is_paused = self._keeps_alive = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        loop = connection.loop
        self._idle = limits.idle
        self._timer = _timer(loop, min(limits.first_byte, limits.idle), self)
        self._total_timer = _timer(loop, limits.total, self)

    @property
    def has_begun(self) -> bool:
        """Whether any byte of the response has arrived."""
        return self._has_begun

    @property
    def is_ended(self) -> bool:
        """Whether the response is complete, or has failed."""
        return self._is_complete or self._error is not None

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; `application/octet-stream` if there is none."""
        given = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return given or "application/octet-stream"

    async def wait_for_head(self) -> None:
        """Wait for status and headers."""
        while not self._has_head:
            if self._error is not None:
                raise self._error
            await self._wait()

    async def read_block(self) -> bytes:
        """Return the bytes that have arrived, at least one; none at the end of the body."""
        blocks = self._blocks
        while not blocks:
            if self._error is not None:
                raise self._error
            if self._is_complete:
                return b""
            if self._timer is None:
                self._timer = _timer(self._loop, self._idle, self)
            await self._wait()
        block = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        blocks.clear()
        self._buffered = 0
        if self._is_paused and self._connection is not None:
            self._is_paused = False
            self._connection.resume_reading()
        return block

    async def read(self) -> bytes:
        """Return the whole rest of the body."""
        parts = []
        while block := await self.read_block():
            parts.append(block)
        return b"".join(parts)

    def at_end(self) -> bool:
        """Return whether the whole body has been read."""
        return self._is_complete and not self._blocks

    def fail(self, error: Exception) -> None:
        """End the response: after what has arrived, reading raises the error."""
        if not self.is_ended:
            self._error = error
            self._detach(reuse=False)
            self._wake()

    def hand_over(self) -> None:
        """End the response without its body: what follows on the connection is no HTTP (RFC 9110, 9.3.6)."""
        self._is_complete = True
        self._detach(reuse=True)

    def close(self) -> None:
        """Drop what was not read. The connection is closed too, unless the response is complete."""
        self.fail(ConnectionBroken("the response was closed"))
        self._blocks.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    # -- called by the connection ---------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take bytes from the connection."""
        self._has_begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keeps_alive = False
            if not self._is_complete:
                self._fail_because(InvalidHTTP("the response is not valid HTTP"), error)
                return
        if self._is_complete:
            self._detach(reuse=self._keeps_alive)
        elif not self._blocks:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.fail(InvalidHTTP("the headers are too long"))
                return
            if not self._has_head:
                return
        else:
            self._stop_timer()
            self._head_bytes = 0
            self._buffered += len(data)
            if self._buffered > MAX_BUFFERED_BYTES and not self._is_paused and self._connection:
                self._is_paused = True
                self._connection.pause_reading()
        self._wake()

    def on_connection_lost(self, error: Exception | None) -> None:
        """End the response: a body without a length ends with the connection, all others are incomplete."""
        if self._has_head and not self._has_length and error is None:
            self._is_complete = True
            self._detach(reuse=False)
            self._wake()
        else:
            self._fail_because(ConnectionBroken("the connection was lost"), error)

    # -- called by the parser -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a response. A second one belongs to no request."""
        if self._is_complete:
            raise InvalidHTTP("there is more than one response")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        self._header_count += 1  # repeated ones too: each makes the joined value longer
        if len(name) + len(value) > MAX_HEADER_BYTES or self._header_count > MAX_HEADERS:
            raise InvalidHTTP("the headers are too long")
        if self._has_head:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Take the status."""
        status = self._parser.get_status_code()
        if status < 100:
            raise InvalidHTTP("the status is none")
        if status >= 200:
            self.status, self._has_head = status, True
            encoding = self.headers.get("transfer-encoding", "").lower()
            self._has_length = "content-length" in self.headers or encoding.endswith("chunked")

    def on_message_complete(self) -> None:
        """End the response, unless it only announces another one (RFC 9110, 15.2)."""
        if self._has_head:
            self._is_complete = True
            self._keeps_alive = self._parser.should_keep_alive()
        else:
            self.headers.clear()

    # -------------------------------------------------------------------------------------------------------

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail_because(self, error: HTTPClientError, cause: Exception | None) -> None:
        error.__cause__ = cause
        self.fail(error)

    def _detach(self, *, reuse: bool) -> None:
        """Give the connection back, or close it."""
        self._stop_timer()
        if self._total_timer is not None:
            self._total_timer.cancel()
            self._total_timer = None
        connection, self._connection = self._connection, None
        if connection is not None:
            del (
                self._parser
            )  # it refers to this object, which the garbage collector would have to find
            connection.end_response(reuse=reuse)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _timer(
    loop: asyncio.AbstractEventLoop, seconds: float | None, response: HTTPResponse
) -> asyncio.TimerHandle | None:
    """Return a timer that ends the response; None without a limit."""
    if seconds is None or seconds == math.inf:
        return None
    return loop.call_later(seconds, response.fail, TimeoutError())
