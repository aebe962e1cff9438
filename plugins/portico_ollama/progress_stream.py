"""Relays the progress of a server that pulls, pushes or makes a model, line by line."""

import asyncio
from collections.abc import Awaitable, Callable

from portico.api import SourceFailed
from portico.api.sources import HTTPResponse, SourceClient


class ProgressStream:
    """Async iterator of the lines. Texts of the server are kept, without its address and key.

    `finished`: awaited when the server has ended. Raises: SourceFailed.
    """

    def __init__(
        self,
        response: HTTPResponse,
        client: SourceClient,
        finished: Callable[[], Awaitable[None]],
    ) -> None:
        self._response, self._client, self._finished = response, client, finished
        self._ended = False

    def __aiter__(self) -> "ProgressStream":
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            block = await self._client.next_block(self._response)
        except SourceFailed:
            await self._end()
            raise
        except asyncio.CancelledError:
            self._response.close()
            raise
        if not block:
            await self._end()
            raise StopAsyncIteration
        return self._client.redact.remove_known(block)

    async def aclose(self) -> None:
        """Close the server's response, which ends its work. Called when the client disconnects, and at the end."""
        self._ended = True
        self._response.close()

    async def _end(self) -> None:
        self._ended = True
        self._response.close()
        await self._finished()
