"""Long lists as a stream: JSON in blocks of bytes, each encoded after the previous one has been sent."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

#: Bytes that are copied at once: an item may have megabytes.
PIECE_BYTES: Final = 256 * 1024


async def json_array_stream(blocks: AsyncIterator[Sequence[Any]]) -> AsyncIterator[bytes]:
    """Yield the items of all blocks as one JSON array. For the body of a `SourceResponse`."""
    before = b"["
    async for block in blocks:
        if block:
            encoded = msgspec.json.encode(block)
            end = min(len(encoded) - 1, PIECE_BYTES)
            yield before + encoded[1:end]
            before = b","
            for begin in range(end, len(encoded) - 1, PIECE_BYTES):
                yield encoded[begin : min(begin + PIECE_BYTES, len(encoded) - 1)]
    yield b"]" if before == b"," else b"[]"
