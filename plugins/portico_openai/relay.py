"""A provider's stream on its way through: block by block, behind a guard, with a proper end or the reason why not."""

import asyncio
import contextlib

import aiohttp

from portico.api import SourceFailed
from portico_openai.failures import Failures
from portico_openai.sse_filter import Guard

#: Seconds a provider gets to close its stream after it said that it is done, so that the connection can be kept.
DRAIN_SECONDS = 1.0


class Relay:
    """An iterator of the blocks a client is sent. `first`: what the guard let through already.

    Not a generator: closing one that was never begun would not end the call to the provider.
    Raises: SourceFailed or SourceTimedOut after all that was good, if something was not.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, guard: Guard, failures: Failures, first: bytes
    ) -> None:
        self._response = response
        self._guard = guard
        self._failures = failures
        self._first = first
        self._over = False
        self._trouble: SourceFailed | None = None

    def __aiter__(self) -> "Relay":
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        trouble: SourceFailed | None = None
        try:
            while not self._over and not self._guard.done:
                block = await self._response.content.readany()
                if not block:
                    break
                if good := self._guard.SSEFilter(block):
                    return good
        except asyncio.CancelledError:
            self._response.close()
            raise
        except TimeoutError:
            trouble = self._failures.timed_out()
        except aiohttp.ClientError as error:
            trouble = SourceFailed(self._failures.interrupted(error))
        if not self._over and (last := await self._end(trouble)):
            return last
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the call to the provider. Called when the client leaves, and at the end."""
        self._over = True
        self._response.close()

    async def _end(self, trouble: SourceFailed | None) -> bytes:
        """What is still to be sent: the last event and, if all was well, the end of the stream."""
        self._over = True
        was_done = self._guard.done
        if was_done:
            await self._linger()
        self._response.close()
        last, end = self._guard.close()
        self._trouble = trouble or self._verdict(was_done)
        return last if self._trouble else last + end

    async def _linger(self) -> None:
        """Wait for the end of the body: only then can the connection be used again."""
        content = self._response.content
        if content.at_eof():
            return
        with contextlib.suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while await content.readany():
                    pass

    def _verdict(self, was_done: bool) -> SourceFailed | None:
        """What was wrong with a stream that ended by itself; None if all was well."""
        guard = self._guard
        if guard.upstream_error is not None:
            return SourceFailed(self._failures.error_in_stream(guard.upstream_error))
        if guard.dropped:
            return SourceFailed(self._failures.dropped_events(guard.dropped))
        if not was_done and not guard.finished:
            return SourceFailed(self._failures.interrupted())
        return None
