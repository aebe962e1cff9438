"""An HTTP server whose answers are bytes, for what no well-behaved server sends."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Answer = Callable[[int, str], bytes | None]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """A server whose answers are bytes. `answer(number of the connection, head of the request)`; None = close the connection."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.closes = False
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                self.heads.append(head)
                length = head.lower().partition("content-length: ")[2].partition("\r")[0]
                self.bodies.append(await reader.readexactly(int(length or 0)))
                answer = self.answer(number, head)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    answer: Answer, context: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    raw = RawServer(answer)
    async with listening(raw.serve, context) as raw.url:
        yield raw


@asynccontextmanager
async def listening(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve connections. Yields the URL; at the end all connections are closed."""
    writers: list[asyncio.StreamWriter] = []
    is_over = False

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if is_over:
            writer.transport.abort()
            return
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0, ssl=context)
    try:
        scheme = "https" if context else "http"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        is_over = True
        for writer in writers:
            writer.transport.abort()
        for _ in range(
            5
        ):  # so that connections which were accepted just now, and the aborted ones, are closed
            await asyncio.sleep(0)


def redirect(target: str) -> bytes:
    """Return a redirect that keeps the method."""
    return f"HTTP/1.1 307 X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode()
