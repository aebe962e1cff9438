"""Long lists as a stream: JSON in blocks of bytes, each encoded after the previous one has been sent."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec


async def json_array_stream(blocks: AsyncIterator[Sequence[Any]]) -> AsyncIterator[bytes]:
    """Yield the items of all blocks as one JSON array. For the body of a `SourceResponse`."""
    before = b"["
    async for block in blocks:
        if block:
            yield before + msgspec.json.encode(block)[1:-1]
            before = b","
    yield b"]" if before == b"," else b"[]"
