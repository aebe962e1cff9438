"""Relays a provider's stream block by block through a filter, with a valid end or the error that ended it."""

import asyncio
import contextlib

from portico.errors import SourceFailed
from portico.http_client import HTTPClientError, HTTPResponse
from portico.upstream.idle_watch import IdleWatch
from portico.upstream.provider_errors import ProviderErrors
from portico.upstream.stream_filter import StreamFilter

#: Seconds to wait for the end of a stream after `[DONE]`, so that the connection can be reused.
DRAIN_SECONDS = 1.0
#: Seconds to wait for more of an answer that is complete: the usage follows it, and some providers never end the stream.
FINISHED_SECONDS = 1.5
#: Seconds after which a complete answer is ended even if the provider sends more.
MAX_FINISHED_SECONDS = 15.0
#: Bytes that are read without an event for the client: twice those of the largest one. An event may have no end.
MAX_SKIPPED_BYTES = 32 * 1024 * 1024


class StreamRelay:
    """Async iterator of the blocks for the client. `first`: the first filtered block. `watch` ends it if its provider is silent.

    Not a generator: closing a generator that never started would not close the provider's response.
    Raises: SourceFailed or SourceTimedOut after all valid blocks, if something of the answer is missing.
    """

    def __init__(
        self,
        response: HTTPResponse,
        stream_filter: StreamFilter,
        errors: ProviderErrors,
        first: bytes,
        watch: IdleWatch,
    ) -> None:
        self._response = response
        self._filter = stream_filter
        self._errors = errors
        self._first = first
        self._ended = False
        self._finished_at = 0.0
        self._error: SourceFailed | None = None
        self._watch = watch
        self.waits_since: int | None = None
        watch.add(self)

    def __aiter__(self) -> "StreamRelay":
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        if valid := await self._next_valid():
            return valid
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the provider's response. Called when the client disconnects, and at the end."""
        self._ended = True
        self._watch.discard(self)
        self._response.close()

    def on_silence(self) -> None:
        """End the stream: the provider was silent for too long (part of `WatchedStream`)."""
        self._watch.discard(self)
        self._response.fail(TimeoutError())

    async def _next_valid(self) -> bytes:
        """Return the next filtered block, or what ends the stream; nothing after its end."""
        error: SourceFailed | None = None
        skipped = 0
        try:
            while not self._ended and not self._filter.done and skipped <= MAX_SKIPPED_BYTES:
                block = await self._next_block()
                if not block:
                    break
                if valid := self._filter.feed(block):
                    return valid
                skipped += len(block)
        except asyncio.CancelledError:
            self._response.close()
            raise
        except (TimeoutError, HTTPClientError) as failure:
            error = self._error_of(failure)
        return b"" if self._ended else await self._end(error)

    def _error_of(self, failure: Exception) -> SourceFailed | None:
        """Return the error for a stream that stopped; None if the answer was complete."""
        if self._filter.finished:
            return None
        if isinstance(failure, TimeoutError):
            return self._errors.timed_out()
        return SourceFailed(self._errors.interrupted(failure))

    async def _next_block(self) -> bytes:
        """Return the next block; nothing at the end. Raises: TimeoutError, also if the answer is complete and no more comes."""
        if not self._filter.finished:
            self.waits_since = self._watch.tick
            block = await self._response.read_block()
            self.waits_since = None
            return block
        now = asyncio.get_running_loop().time()
        self._finished_at = self._finished_at or now
        limit = min(now + FINISHED_SECONDS, self._finished_at + MAX_FINISHED_SECONDS)
        async with asyncio.timeout_at(limit):
            return await self._response.read_block()

    async def _end(self, error: SourceFailed | None) -> bytes:
        """Return what is still to be sent: the last event and, without an error, the end of the stream."""
        self._ended = True
        self._watch.discard(self)
        was_done = self._filter.done
        if was_done:
            await self._drain()
        self._response.close()
        last_event, end = self._filter.close()
        self._error = error or self._final_error(was_done)
        return last_event if self._error else last_event + end

    async def _drain(self) -> None:
        """Wait for the end of the body: only then can the connection be reused."""
        response = self._response
        if response.at_end():
            return
        with contextlib.suppress(TimeoutError, HTTPClientError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while await response.read_block():
                    pass

    def _final_error(self, was_done: bool) -> SourceFailed | None:
        """Return the error of a stream that ended by itself; None if nothing of the answer is missing."""
        stream_filter = self._filter
        if stream_filter.upstream_error is not None:
            return SourceFailed(self._errors.error_in_stream(stream_filter.upstream_error))
        if stream_filter.dropped:
            return SourceFailed(self._errors.dropped_events(stream_filter.dropped))
        if not was_done and not stream_filter.finished:
            return SourceFailed(self._errors.interrupted())
        return None
