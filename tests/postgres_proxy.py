"""A proxy in front of PostgreSQL that can stop answering, close connections or refuse them."""

import asyncio
import threading
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class PostgresProxy:
    """The proxy. `url`: the database of `target`, through the proxy. Use it in a `with` block."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self.silent = False

    @property
    def url(self) -> str:
        user = (self._target.netloc or "postgres@").rpartition("@")[0] or "postgres"
        return f"postgresql://{user}@127.0.0.1:{self._port}{self._target.path}?sslmode=disable"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of an application that uses the database through the proxy, and does not wait for it for long."""
        return {
            "DATABASE_TYPE": "",
            "DATABASE_PASSWORD": "",
            "DATABASE_URL": self.url,
            "DATABASE_POOL_TIMEOUT": "1",
            "PORTICO_DATABASE_STATEMENT_TIMEOUT": "1",
        }

    def hang_up(self) -> None:
        """Close all connections; new ones are accepted."""
        self._run(self._hang_up())

    def refuse(self) -> None:
        """Close all connections, and accept no new ones until `accept`."""
        self._run(self._refuse())

    def accept(self) -> None:
        self._run(self._accept())

    def __enter__(self) -> "PostgresProxy":
        self._thread.start()
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.silent = False
        self.refuse()
        self._run(self._cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: "object") -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _accept(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._hang_up()

    async def _hang_up(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _cancel(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        upstream: Streams | None = None
        try:
            upstream = await self._connect()
            self._writers |= {writer, upstream[1]}
            await asyncio.gather(
                self._pass_on(reader, upstream[1]), self._pass_on(upstream[0], writer)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for one in (writer, *(upstream[1:] if upstream else ())):
                self._writers.discard(one)  # type: ignore[arg-type]
                one.transport.abort()  # type: ignore[union-attr]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                while self.silent:
                    await asyncio.sleep(0.02)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def _connect(self) -> Streams:
        folder = parse_qs(self._target.query).get("host", [""])[0]
        if folder.startswith("/"):
            port = self._target.port or 5432
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)
