"""A stream without the event that has nothing but the usage, which its client did not ask for."""

import re
from collections.abc import AsyncIterator
from typing import Final

from portico.catalogue import close_body

_KEY: Final = b'"usage"'
#: What follows the key in events with figures; in all others the usage is null.
_FIGURES: Final = re.compile(rb"\s*:\s*\{")
_NO_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')


class StreamWithoutUsage:
    """Async iterator of the blocks of a stream of whole events. Looks at a block only if it has figures."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body

    def __aiter__(self) -> "StreamWithoutUsage":
        return self

    async def __anext__(self) -> bytes:
        while True:
            block = await self._body.__anext__()
            found = block.rfind(_KEY)
            if found >= 0 and _FIGURES.match(block, found + len(_KEY)):
                block = without_usage(block)
            if block:
                return block

    async def aclose(self) -> None:
        """Close the stream."""
        await close_body(self._body)


def without_usage(block: bytes) -> bytes:
    """Return a block without the events that have a usage and no choices."""
    kept: list[bytes] = []
    is_left_out = False
    for line in block.splitlines(keepends=True):
        # The blank line that ends the event goes with it.
        is_left_out = _is_usage(line) or (is_left_out and not line.strip())
        if not is_left_out:
            kept.append(line)
    return b"".join(kept)


def _is_usage(line: bytes) -> bool:
    found = line.rfind(_KEY)
    return (
        found >= 0
        and _FIGURES.match(line, found + len(_KEY)) is not None
        and _NO_CHOICES.search(line) is not None
    )
