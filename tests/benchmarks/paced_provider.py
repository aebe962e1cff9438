"""A provider whose streams never end: each gets a chunk at a fixed interval.

    python -m tests.benchmarks.paced_provider PORT INTERVAL_SECONDS

It has one model, and prints a line when it listens. A process of its own, so that the time it takes is not that of a server.
"""

import asyncio
import sys
from typing import Any

from tests.upstream import completion

#: Groups of streams that get their chunks at the same moment.
GROUPS = 10
EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"paced","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Provider(asyncio.Protocol):
    """One connection with one request."""

    streams: tuple[set[asyncio.Transport], ...] = tuple(set() for _ in range(GROUPS))
    count = 0

    def connection_made(self, transport: Any) -> None:
        self.transport, self.received, self.group = transport, b"", -1

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if not blank or len(body) < length:
            return
        self.received = b""
        if b'"stream":true' not in body.replace(b" ", b""):
            answer = completion("word")
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))  # fmt: skip
            return
        self.transport.write(HEAD + CHUNK)
        Provider.count += 1
        self.group = Provider.count % GROUPS
        Provider.streams[self.group].add(self.transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.group >= 0:
            Provider.streams[self.group].discard(self.transport)


async def serve(port: int, interval: float) -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    await loop.create_server(Provider, "127.0.0.1", port, backlog=4096)
    print("listening", flush=True)
    begin, tick = loop.time(), 0
    while True:
        tick += 1
        await asyncio.sleep(max(0.0, begin + tick * interval / GROUPS - loop.time()))
        for transport in Provider.streams[tick % GROUPS]:
            transport.write(CHUNK)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
