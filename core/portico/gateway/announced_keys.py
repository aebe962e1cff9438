"""Keys that clients get before an answer: in a first event of a stream, or added to a whole answer."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from portico.catalogue import close_body
from portico.gateway.call import GatewayResponse


def with_keys(response: GatewayResponse, keys: Mapping[str, Any]) -> GatewayResponse:
    """Return a response of a chat with these keys first; as it is if there are none, or if it is an error."""
    if not keys or response.status != 200:
        return response
    first = msgspec.json.encode(keys)
    if isinstance(response.body, bytes):
        _, brace, rest = response.body.partition(b"{")
        body: bytes | AsyncIterator[bytes] = first[:-1] + b"," + rest if brace else response.body
    else:
        body = _Announced(b"data: " + first + b"\n\n", response.body)
    return msgspec.structs.replace(response, body=body)


class _Announced:
    """A stream with one event before it."""

    def __init__(self, first: bytes, body: AsyncIterator[bytes]) -> None:
        self._first, self._body = first, body

    def __aiter__(self) -> "_Announced":
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, b""
        return first or await anext(self._body)

    async def aclose(self) -> None:
        """Close the stream of the source."""
        await close_body(self._body)
