"""The content of a file whose first block was read, so that a response is not begun for content that is not there."""

from collections.abc import AsyncIterator

from portico.api.models import close_body


class OpenedContent:
    """The blocks of a file, the first of which was read already."""

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self._first, self._rest = first, rest

    def __aiter__(self) -> "OpenedContent":
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, b""
        return first or await anext(self._rest)

    async def aclose(self) -> None:
        """Close the content."""
        await close_body(self._rest)


async def opened(content: AsyncIterator[bytes]) -> OpenedContent:
    """Return content after reading its first block. Raises: NotFound, Unavailable."""
    return OpenedContent(await anext(content, b""), content)
