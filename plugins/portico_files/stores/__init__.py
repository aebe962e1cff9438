"""Where the contents of files are stored. An object of a store has the id of its file."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

#: Bytes of a block that a store returns.
BLOCK_BYTES: Final = 256 * 1024
NO_SPACE: Final = "There is no space left for files on the server. Tell its administrator."
AWAY: Final = "The store of files does not answer. Try again later, or tell the administrator."


class NewObject(Protocol):
    """An object that is being written. Nothing is stored before the first `write`."""

    def write(self, data: bytes) -> None:
        """Append bytes. Blocks, so it is called in a thread. Raises: Unavailable."""
        ...

    async def keep(self) -> None:
        """Store the object: after that a crash does not lose it. Raises: Unavailable."""
        ...

    def discard(self) -> None:
        """Free what is kept in this process, and what was not stored. Blocks; may be called again, and after `keep`."""
        ...


class FileStore(Protocol):
    """A store. All of its methods raise Unavailable while it is away or full."""

    async def start(self) -> None:
        """Check that objects can be stored. Raises: OperatorError, with what to change."""
        ...

    def create(self, key: str) -> NewObject:
        """Return a new object."""
        ...

    def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Return blocks with the bytes from `start` to before `end`. Raises: NotFound, when it is read."""
        ...

    async def exists(self, key: str) -> bool:
        """Return whether there is such an object."""
        ...

    async def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        ...

    def keys(self) -> AsyncIterator[str]:
        """Return the keys of all objects."""
        ...

    async def close(self) -> None:
        """Free threads and connections."""
        ...
