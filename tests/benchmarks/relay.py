"""A relay that does nothing but relay, for comparison: granian and aiohttp, with the settings that the server uses.

python -m tests.benchmarks.relay PORT PROVIDER_URL
"""

import sys
from typing import Any

import aiohttp

_session: list[aiohttp.ClientSession] = []


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Send each request to the provider, and each block of its answer to the client."""
    if scope["type"] != "http":
        raise RuntimeError("only HTTP")
    if not _session:
        connector = aiohttp.TCPConnector(limit=0)
        _session.append(aiohttp.ClientSession(connector=connector, auto_decompress=False))
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    provider = sys.argv[2].rstrip("/")
    timeout = aiohttp.ClientTimeout(total=None)
    async with _session[0].post(provider + scope["path"], data=body, timeout=timeout) as answer:
        headers = [(b"content-type", answer.content_type.encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        async for block in answer.content.iter_any():
            await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def main() -> None:
    """Serve until a signal."""
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.server.mp import MPServer

    MPServer(
        "tests.benchmarks.relay:app",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        loop=Loops.uvloop,
        workers=1,
        websockets=False,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    main()
