"""The body of a streamed answer, which tells once when it has ended."""

import asyncio
from collections.abc import AsyncIterator, Callable

from portico.catalogue import close_body
from portico.plugin_errors.plugin_exit import PluginExit, is_failure


class CountedStream:
    """Async iterator of the blocks of `body`. Calls `ended` once: with the error that broke it off, or None.

    It has ended at the last block, at an error, when it is closed, and at the latest when no one refers to it any more.
    """

    __slots__ = ("_body", "_ended")

    def __init__(
        self, body: AsyncIterator[bytes], ended: Callable[[Exception | None], None]
    ) -> None:
        self._body = body
        self._ended: Callable[[Exception | None], None] | None = ended

    def __aiter__(self) -> "CountedStream":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._body.__anext__()
        except StopAsyncIteration:
            self._end()
            raise
        except (SystemExit, asyncio.CancelledError) as error:
            if not is_failure(error):
                raise
            self._end(failure := PluginExit())
            raise failure from error
        except Exception as error:
            self._end(error)
            raise

    async def aclose(self) -> None:
        """Close the stream."""
        self._end()
        await close_body(self._body)

    def __del__(self) -> None:
        self._end()

    def _end(self, error: Exception | None = None) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(error)
