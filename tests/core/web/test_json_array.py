"""Lists that are streamed as JSON."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from portico.web.response.json_array import PIECE_BYTES, json_array_stream


@pytest.mark.parametrize(
    "size", [0, 1, PIECE_BYTES - 3, PIECE_BYTES - 2, PIECE_BYTES, 5 * PIECE_BYTES]
)
def test_item_of_any_size_is_streamed_in_pieces(size: int) -> None:
    async def blocks() -> AsyncIterator[list[str]]:
        yield ["a" * size]
        yield []
        yield ["b", "c"]

    async def parts() -> list[bytes]:
        return [part async for part in json_array_stream(blocks())]

    found = asyncio.run(parts())
    assert msgspec.json.decode(b"".join(found)) == ["a" * size, "b", "c"]
    assert max(map(len, found)) <= PIECE_BYTES
