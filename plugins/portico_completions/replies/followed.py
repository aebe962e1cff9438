"""Plain streams whose text is stored with a message: they end with their client, or are received to their end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from portico.api import DomainError
from portico.api.models import close_body
from portico_completions.replies.ending import BROKE_OFF, DISCONNECTED, SHUTDOWN, Ending
from portico_completions.replies.running import Replies, RunningReply

#: Blocks of a stream that wait for a client which reads slowly.
MAX_QUEUED_BLOCKS: Final = 64


class FollowedReply:
    """The reply of a plain stream: it receives each block that is sent, and stores the text when the stream ends."""

    def __init__(self, replies: Replies, running: RunningReply) -> None:
        self._replies, self._running = replies, running
        self._has_ended = False
        self._failure: Ending | None = None

    def feed(self, block: bytes) -> None:
        """Read a block of the stream. After a failure the rest is relayed only, as without a stored message."""
        if self._failure is None:
            try:
                self._running.reply.feed(block)
            except DomainError as refusal:
                self._failure = Ending("failed", refusal.detail)

    @property
    def is_complete(self) -> bool:
        """Whether the end of the stream was received."""
        return self._running.reply.is_complete

    def end(self, ending: Ending) -> None:
        """Store the reply in the background: the request may be cancelled already."""
        if not self._has_ended:
            self._has_ended = True
            ending = self._running.ending or self._failure or ending
            self._replies.in_background(self._replies.finish(self._running, ending))

    def end_early(self) -> None:
        """Store the reply of a stream that is closed before it was read to its end."""
        if self.is_complete:
            self.end(Ending("finished"))
        else:
            reason = SHUTDOWN if self._replies.are_stopping else DISCONNECTED
            self.end(Ending("interrupted", reason))

    @property
    def was_stopped(self) -> bool:
        """Whether the user has stopped it, or the server ends."""
        return self._running.ending is not None

    def on_stop(self, interrupt: Callable[[], None]) -> None:
        """Call this when the reply is stopped."""
        self._running.interrupt = interrupt

    def generate(self, work: Callable[[], Awaitable[None]]) -> None:
        """Receive the whole stream in the background: `work` feeds the reply, which is stored when it returns."""
        self._has_ended = True
        self._running.task = self._replies.in_background(
            self._replies.generate(self._running, lambda: self._receive(work))
        )

    async def _receive(self, work: Callable[[], Awaitable[None]]) -> None:
        await work()
        if self._failure is not None:
            raise DomainError(self._failure.reason)


class FollowedStream:
    """A stream whose text is stored with its message, also if it breaks off. It ends when the reply is stopped."""

    def __init__(self, body: AsyncIterator[bytes], reply: FollowedReply) -> None:
        self._body, self._reply = body, reply
        self._waiting: asyncio.Timeout | None = None
        reply.on_stop(self._interrupt)

    def __aiter__(self) -> "FollowedStream":
        return self

    async def __anext__(self) -> bytes:
        try:
            if self._reply.was_stopped:
                raise StopAsyncIteration
            async with asyncio.timeout(None) as self._waiting:
                block = await anext(self._body)
        except StopAsyncIteration:
            self._reply.end(Ending("finished"))
            raise
        except DomainError as refusal:
            self._reply.end(Ending("failed", refusal.detail))
            raise
        except Exception:
            if self._reply.was_stopped:  # the time for waiting was ended
                await self.aclose()
                raise StopAsyncIteration from None
            self._reply.end(Ending("failed", BROKE_OFF))
            raise
        finally:
            self._waiting = None
        self._reply.feed(block)
        return block

    async def aclose(self) -> None:
        """Close the stream. Called when the client disconnects, and at the end."""
        self._reply.end_early()
        await close_body(self._body)

    def _interrupt(self) -> None:
        if self._waiting is not None:
            self._waiting.reschedule(0.0)


class DetachedStream:
    """A stream that is received, and stored with its message, in a task of its own: to its end, whatever the client does."""

    def __init__(self, body: AsyncIterator[bytes], reply: FollowedReply) -> None:
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_QUEUED_BLOCKS)
        self._body, self._is_read = body, True
        self._error: Exception | None = None
        reply.generate(self._receive)
        self._feed = reply.feed

    def __aiter__(self) -> "DetachedStream":
        return self

    async def __anext__(self) -> bytes:
        block = await self._blocks.get()
        if block is not None:
            return block
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Let the client go. Called when it disconnects, and at the end."""
        self._is_read = False
        while not self._blocks.empty():
            self._blocks.get_nowait()

    async def _receive(self) -> None:
        try:
            async for block in self._body:
                self._feed(block)
                await self._put(block)
        except Exception as error:
            self._error = error
            raise
        finally:
            await close_body(self._body)
            await self._put(None)

    async def _put(self, block: bytes | None) -> None:
        if self._is_read:
            await self._blocks.put(block)
