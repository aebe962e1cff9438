"""Tells clients which model an arena model has picked, as the first thing in its answer."""

from collections.abc import AsyncIterator

import msgspec

from portico.api.models import GatewayResponse, ResolvedModel, close_body


def with_choice(response: GatewayResponse, target: ResolvedModel) -> GatewayResponse:
    """Return the response with the id of the picked model; as it is if none was picked, or if it is an error."""
    if target.arena_id is None or response.status != 200:
        return response
    choice = msgspec.json.encode({"selected_model_id": target.id})
    if isinstance(response.body, bytes):
        _, brace, rest = response.body.partition(b"{")
        body: bytes | AsyncIterator[bytes] = choice[:-1] + b"," + rest if brace else response.body
    else:
        body = _Announced(b"data: " + choice + b"\n\n", response.body)
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
