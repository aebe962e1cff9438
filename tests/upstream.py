"""A server with the OpenAI API for tests, with its own port. The names of its models say how they misbehave.

    with Upstream() as upstream:
        upstream.url        # …/v1, for OPENAI_API_BASE_URLS
        upstream.requests   # received requests
        upstream.open_calls # completions in progress

A model answers as its name in `BEHAVIOURS` says; any other answers correctly. `upstream.models`: the list of models;
`upstream.listing`: how the list behaves (`ok`, `hang`, `junk`, `500`). `upstream.answers`: texts of answers, by model;
there are the models `task` and `writer` for them. `upstream.failures`: how often a model answers 500 before it does;
`upstream.hanging`: models that do not answer for now; `upstream.behaviours`: how models of this server behave, by name. `upstream.kill()` and `upstream.restart()`: as if its process died.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.native_endpoints import CHATS, ENDPOINTS

KEY = "sk-upstream-secret-0123456789"
#: Details that a careless provider may reveal: its key, an internal address, a stack trace.
LEAK = f"Traceback (most recent call last): key {KEY} at http://10.1.2.3:8000/internal"


@dataclass(frozen=True)
class Received:
    """One request. `headers`: names in lower case. `names`: those of all headers that were sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    names: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """Return one event of a stream, as OpenAI sends it."""
    delta = {} if content is None else {"content": content}
    document = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return b"data: " + json.dumps(document).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
WORDS = [f"word{n} " for n in range(5)]
#: What `steady` says in three seconds.
STEADY_WORDS = [f"step{n} " for n in range(30)]
GOOD = [chunk(word) for word in WORDS] + [chunk(finish="stop"), DONE]


def completion(text: str = "".join(WORDS)) -> bytes:
    """Return a complete response."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    ).encode()


class Connection:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(
        self, body: bytes, status: int = 200, kind: str = "application/json", **headers: str
    ) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()

    async def begin(self) -> None:
        self.writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        await self.writer.drain()

    async def send(self, block: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(block), block))
        await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def stream_end(self) -> None:
        """Send the last events of a stream."""
        for event in (chunk(finish="stop"), DONE):
            await self.send(event)
        await self.end()

    async def stream(self, *blocks: bytes) -> None:
        """Send a complete stream, one network chunk for each block."""
        await self.begin()
        for block in blocks:
            await self.send(block)
        await self.end()

    async def until_disconnect(self, seconds: float = 120) -> None:
        """Wait until the client disconnects."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(seconds):
                while await self.reader.read(1024):
                    pass


Behaviour = Callable[[Connection], Awaitable[None]]


async def silent(connection: Connection) -> None:
    await connection.until_disconnect()


async def silence_after_first(connection: Connection) -> None:
    await connection.begin()
    await connection.send(chunk("first "))
    await connection.until_disconnect()


async def endless(connection: Connection) -> None:
    await connection.begin()
    with contextlib.suppress(ConnectionError):
        while not connection.reader.at_eof():
            await connection.send(chunk("more "))
            await asyncio.sleep(0.01)


async def slow(connection: Connection) -> None:
    await connection.begin()
    for event in GOOD:
        await connection.send(event)
        await asyncio.sleep(0.05)
    await connection.end()


async def steady(connection: Connection) -> None:
    await connection.begin()
    for word in STEADY_WORDS:
        await connection.send(chunk(word))
        await asyncio.sleep(0.1)
    await connection.stream_end()


async def cut(connection: Connection) -> None:
    await connection.begin()
    for event in GOOD[:3]:
        await connection.send(event)
    await asyncio.sleep(0.05)
    connection.writer.transport.abort()


def streaming(*blocks: bytes) -> Behaviour:
    return lambda connection: connection.stream(*blocks)


def answering(
    body: bytes, status: int = 200, kind: str = "application/json", **headers: str
) -> Behaviour:
    return lambda connection: connection.answer(body, status, kind, **headers)


def _error(message: str) -> bytes:
    return json.dumps(
        {"error": {"message": message, "type": "t", "code": "c", "trace": LEAK}}
    ).encode()


HEAD, TAIL = b"".join(GOOD[:2]), b"".join(GOOD[2:])

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def delta(**fields: Any) -> bytes:
    """Return one event of a stream with these fields of the delta."""
    choice = {"index": 0, "delta": fields, "finish_reason": None}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def _tool_call(**function: str) -> bytes:
    return delta(tool_calls=[{"index": 0, "id": "call_1", "function": function}])


BEHAVIOURS: dict[str, Behaviour] = {
    "silent": silent,
    "silence": silence_after_first,
    "endless": endless,
    "slow": slow,
    "steady": steady,
    "cut": cut,
    "empty": answering(b""),
    "html": answering(b"<html>oops</html>", 200, "text/html"),
    "not-a-completion": answering(b'{"hello": 1}'),
    "status-400": answering(_error(f"max_tokens is too large for {KEY} at http://10.1.2.3/x"), 400),
    "status-401": answering(
        _error(f"Incorrect API key provided: {KEY}"), 401, www_authenticate="Basic"
    ),
    "status-403": answering(_error(LEAK), 403),
    "status-404": answering(_error("The model does not exist"), 404),
    "status-429": answering(_error("slow down"), 429, retry_after="7"),
    "status-500": answering(f"<html>{LEAK}</html>".encode(), 500, "text/html"),
    "status-500-json": answering(_error(LEAK), 500),
    "redirect": answering(b"", 307, "text/plain", location="/v1/chat/completions"),
    "status-502": answering(b"bad gateway", 502, "text/plain"),
    "error-first": streaming(b"data: " + _error(LEAK) + b"\n\n", DONE),
    "error-inside": streaming(HEAD, b"data: " + _error(LEAK) + b"\n\n", DONE),
    "broken-json": streaming(HEAD, b"data: {not json\n\n", TAIL),
    "nul": streaming(HEAD, b'data: {"choices":[{"delta":{"content":"a\x00b"}}]}\n\n', TAIL),
    "invalid-utf-8": streaming(HEAD, b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', TAIL),
    "choices-null": streaming(HEAD, b'data: {"choices":null}\n\n', TAIL),
    "delta-null": streaming(HEAD, b'data: {"choices":[{"index":0,"delta":null}]}\n\n', TAIL),
    "huge-line": streaming(HEAD, chunk("x" * 10_000_000), TAIL),
    "crlf": streaming(b"".join(GOOD).replace(b"\n", b"\r\n")),
    "comments": streaming(b": hello\n\n", HEAD, b": still here\n\n", TAIL),
    "comments-only": streaming(b": one\n\n", b": two\n\n"),
    "reasoning": streaming(
        delta(role="assistant"),
        delta(reasoning_content="first\nsecond"),
        delta(content="The answer"),
        chunk(finish="stop"),
        b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n",
        DONE,
    ),
    "tools": streaming(
        _tool_call(name="weather", arguments='{"city"'),
        _tool_call(arguments=': "Bern"}'),
        chunk(finish="tool_calls"),
        DONE,
    ),
    "no-done": streaming(*GOOD[:-1]),
    "two-dones": streaming(*GOOD, DONE, chunk("late")),
    "split": streaming(*[bytes([byte]) for byte in b"".join([chunk("süß 🙂"), *GOOD])]),
}


@dataclass
class Upstream:
    """The server; a context manager."""

    models: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"id": "good", "object": "model", "created": 7, "owned_by": "them"}
        ]
    )
    listing: str = "ok"
    key: str = KEY
    answers: dict[str, str] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[Received] = field(default_factory=list)
    _open: list[Received] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> "Upstream":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(self._start())
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def environment(self) -> dict[str, str]:
        """Settings with this server as the only provider."""
        listed = [*BEHAVIOURS, *CHATS, "good", "task", "writer"]
        config = {"0": {"access": "public", "model_ids": listed}}
        return {
            "OPENAI_API_BASE_URLS": self.url,
            "OPENAI_API_KEYS": self.key,
            "OPENAI_API_CONFIGS": json.dumps(config),
        }

    def completions(self) -> list[Received]:
        """Return the received completion requests, in order."""
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    def lists(self) -> int:
        """Return the number of received requests for the list of models."""
        return sum(request.path.endswith("/models") for request in self.requests)

    def wait_until_busy(self, seconds: float = 20) -> None:
        """Wait until a completion is in progress. Fails the test if none begins."""
        deadline = time.monotonic() + seconds
        while not self.open_calls:
            assert time.monotonic() < deadline, "no call was made"
            time.sleep(0.01)

    @property
    def open_calls(self) -> int:
        """How many completions are in progress."""
        return len(self._open)

    def wait_until_idle(self, seconds: float = 20, *, without: str = "") -> None:
        """Wait until no completion is in progress. Fails the test if one stays.

        `seconds`: enough for a busy machine, and less than the time limits that would end a call. `without`: a model whose
        calls do not count.
        """
        deadline = time.monotonic() + seconds
        while any(not without or one.json.get("model") != without for one in list(self._open)):
            assert time.monotonic() < deadline, f"{self.open_calls} calls are still open"
            time.sleep(0.01)

    def kill(self) -> None:
        """Close the port and reset all connections, as the system does for a process that is killed."""
        self._run(self._kill())

    def restart(self) -> None:
        """Listen on the same port again."""
        self._server = self._run(self._start())

    async def on_loop(self, work: Coroutine[Any, Any, None]) -> None:
        """Run this on the loop of the server, and wait for it on the caller's own."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> asyncio.Server:
        self._is_over = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        port = int(self.url.split(":")[2].split("/")[0]) if self.url else 0
        return await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def _kill(self) -> None:
        await self._stop()

    async def _stop(self) -> None:
        self._is_over = True
        self._server.close()
        for writer in self._writers:  # what a client did not read would keep its connection open
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(5):  # so that the event loop closes them
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_over:  # accepted just before the end
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            while True:
                await self._one(Connection(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _one(self, connection: Connection) -> None:
        head = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}
        body = await connection.reader.readexactly(int(headers.get("content-length", 0)))
        names = tuple(line.partition(":")[0].lower() for line in lines)
        request = Received(method, path, headers, body, names)
        self.requests.append(request)
        await self._respond(connection, request)

    async def _respond(self, connection: Connection, request: Received) -> None:
        if request.path.endswith("/models"):
            await self._list(connection)
            return
        with self._counted(request):
            endpoint = ENDPOINTS.get(request.path.rpartition("/")[2])
            if endpoint is None:
                await self._complete(connection, request)
            else:
                await endpoint(connection, request.json)

    @contextlib.contextmanager
    def _counted(self, request: Received) -> Iterator[None]:
        self._open.append(request)
        try:
            yield
        finally:
            self._open.remove(request)

    async def _list(self, connection: Connection) -> None:
        match self.listing:
            case "hang":
                await connection.until_disconnect()
            case "junk":
                await connection.answer(b'{"data": "nothing"}')
            case "500":
                await connection.answer(LEAK.encode(), 500, "text/plain")
            case _:
                await connection.answer(
                    json.dumps({"object": "list", "data": self.models}).encode()
                )

    async def _complete(self, connection: Connection, request: Received) -> None:
        form = request.json
        behaviour = self.behaviours.get(form["model"]) or BEHAVIOURS.get(form["model"])
        if self.failures.get(form["model"], 0) > 0:
            self.failures[form["model"]] -= 1
            await connection.answer(_error(LEAK), 500)
        elif form["model"] in self.hanging:
            await connection.until_disconnect()
        elif behaviour is not None:
            await behaviour(connection)
        elif (chat := CHATS.get(form["model"])) is not None:
            await chat(connection, form)
        elif form.get("stream"):
            text = self.answers.get(form["model"])
            await connection.stream(*GOOD if text is None else [chunk(text), *GOOD[-2:]])
        else:
            await connection.answer(completion(self.answers.get(form["model"], "".join(WORDS))))


def environment_of(*upstreams: Upstream, **options: Any) -> dict[str, str]:
    """Return settings with these servers as public connections named `one`, `two`, ….

    `options`: of single connections, by their name.
    """
    names = ["one", "two", "three", "four"][: len(upstreams)]
    listed = {"access": "public", "model_ids": [*BEHAVIOURS, "good"]}
    configs = {
        str(number): listed | {"name": name} | options.get(name, {})
        for number, name in enumerate(names)
    }
    return {
        "OPENAI_API_BASE_URLS": ";".join(one.url for one in upstreams),
        "OPENAI_API_KEYS": ";".join(one.key for one in upstreams),
        "OPENAI_API_CONFIGS": json.dumps(configs),
    }
