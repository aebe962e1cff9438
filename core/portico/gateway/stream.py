"""The streamed answer of a call: edited by filters, measured, and its end told to filters."""

from collections.abc import AsyncIterator, Awaitable, Callable

from portico.catalogue import close_body
from portico.errors import DomainError
from portico.gateway.call_ending import CallEnding
from portico.gateway.stream_editors import Editors
from portico.gateway.text_collector import TextCollector

#: Returns the text to store in place of the whole text of a reply.
Outlet = Callable[[str], Awaitable[str]]


class CallStream:
    """Async iterator of the blocks for the client. `outlet`: is called with the whole text at the end; None = nothing.

    Raises: the domain errors of the source and of filters, after all that could be sent.
    """

    def __init__(
        self,
        body: AsyncIterator[bytes],
        editors: Editors,
        ending: CallEnding,
        outlet: Outlet | None,
    ) -> None:
        self._body, self._editors, self._ending = body, editors, ending
        self._outlet = outlet
        self._collector = TextCollector(ending.codec) if outlet else None
        self._has_ended = False
        self._error: Exception | None = None

    def __aiter__(self) -> "CallStream":
        return self

    async def __anext__(self) -> bytes:
        if self._has_ended:
            return self._after_end()
        try:
            while True:
                block = await self._body.__anext__()
                self._ending.usage.feed(block)
                if self._editors:
                    block = self._editors.feed(block)
                if self._collector is not None:
                    self._collector.feed(block)
                if block:
                    return block
        except StopAsyncIteration:
            last = await self._end()
        except Exception as error:  # noqa: BLE001 - raised after the rest of the text
            last = await self._end(error)
        return last or self._after_end()

    async def aclose(self) -> None:
        """Close the stream. Called when the client disconnects, and at the end."""
        if not self._has_ended:
            self._has_ended = True
            self._ending("completed" if self._ending.usage.has_ended else "cancelled")
            await close_body(self._body)
            await self._run_outlet()
        else:
            await close_body(self._body)

    async def _end(self, error: Exception | None = None) -> bytes:
        """Return what filters still hold, and tell them of the end."""
        self._has_ended = True
        last = b""
        try:
            last = self._editors.close()
            if self._collector is not None:
                self._collector.feed(last)
            await self._run_outlet()
        except DomainError as failure:
            error = error or failure
        self._error = error
        if error is None:
            self._ending("completed")
        else:
            self._ending.fail(error)
        return last

    async def _run_outlet(self) -> None:
        outlet, self._outlet = self._outlet, None
        if outlet is not None and self._collector is not None:
            await outlet(self._collector.text())

    def _after_end(self) -> bytes:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopAsyncIteration
