"""What plugins store outside of the database, such as the contents of files, and which of it a backup has to have."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


class NewContent(Protocol):
    """A content that is being written. Nothing is stored before the first `write`."""

    def write(self, data: bytes) -> None:
        """Append bytes. Blocks, so it is called in a thread. Raises: Unavailable."""
        ...

    async def keep(self) -> None:
        """Store the content: after that a crash does not lose it. Raises: Unavailable."""
        ...

    def discard(self) -> None:
        """Free what is kept in this process. Blocks; may be called after `keep`."""
        ...


class ContentStore(Protocol):
    """A store of contents, each of which stays as it is until it is deleted. All methods raise Unavailable."""

    async def start(self) -> None:
        """Open the store. Raises: OperatorError, with what to change."""
        ...

    def create(self, key: str) -> NewContent:
        """Return a new content."""
        ...

    def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Return blocks with the bytes from `start` to before `end`. Raises: NotFound, when it is read."""
        ...

    async def exists(self, key: str) -> bool:
        """Return whether there is such a content."""
        ...

    async def delete(self, key: str) -> None:
        """Delete a content, if there is one."""
        ...

    async def close(self) -> None:
        """Free threads and connections."""
        ...


@dataclass(frozen=True)
class StoredContents:
    """Contents of which each has a row: the key in column `key` of `table`, its size in bytes in column `size`.

    A key has letters, digits, `_`, `-` and, not at its beginning, `.`.
    """

    name: str
    store: ContentStore
    table: str
    key: str = "id"
    size: str = "size"
