"""A provider's stream on its way through: block by block, behind a guard, with a proper end whatever happens."""

import asyncio
import contextlib

import aiohttp

from portico_openai.failures import Failures, error_event
from portico_openai.guard import Guard

#: Seconds a provider gets to close its stream after it said that it is done, so that the connection can be kept.
LINGER = 1.0


class Relay:
    """An iterator of the blocks a client is sent. `first`: what the guard let through already.

    Not a generator: closing one that was never begun would not end the call to the provider.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, guard: Guard, failures: Failures, first: bytes
    ) -> None:
        self._response = response
        self._guard = guard
        self._failures = failures
        self._first = first
        self._over = False

    def __aiter__(self) -> "Relay":
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        trouble = ""
        try:
            while not self._over and not self._guard.done:
                block = await self._response.content.readany()
                if not block:
                    break
                if good := self._guard.feed(block):
                    return good
        except asyncio.CancelledError:
            self._response.close()
            raise
        except TimeoutError:
            trouble = self._failures.timed_out().detail
        except aiohttp.ClientError as error:
            trouble = self._failures.broke_off(error)
        if self._over or not (last := await self._end(trouble)):
            raise StopAsyncIteration
        return last

    async def aclose(self) -> None:
        """End the call to the provider. Called when the client leaves, and at the end."""
        self._over = True
        self._response.close()

    async def _end(self, trouble: str) -> bytes:
        """What is still to be said: the last event, what went wrong, and that this is the end."""
        self._over = True
        was_done = self._guard.done
        if was_done:
            await self._linger()
        self._response.close()
        last, end = self._guard.close()
        trouble = trouble or self._verdict(was_done)
        return last + (error_event(trouble) if trouble else b"") + end

    async def _linger(self) -> None:
        """Wait for the end of the body: only then can the connection be used again."""
        content = self._response.content
        if content.at_eof():
            return
        with contextlib.suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(LINGER):
                while await content.readany():
                    pass

    def _verdict(self, was_done: bool) -> str:
        """What to tell the client about a stream that ended by itself; nothing if all was well."""
        guard = self._guard
        if guard.upstream_error is not None:
            return self._failures.inside(guard.upstream_error)
        if guard.dropped:
            return self._failures.left_out(guard.dropped)
        if not was_done and not guard.finished:
            return self._failures.broke_off()
        return ""
