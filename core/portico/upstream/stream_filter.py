"""The protocol of filters that remove what clients could not read from a provider's stream."""

from collections.abc import Callable
from typing import Protocol


class StreamFilter(Protocol):
    """The state of one stream. Call `feed` with each block, then `close`, and send what they return. Neither raises.

    `dropped`: number of parts removed because they could not be read. `upstream_error`: the first error inside the stream,
    never sent to the client. `done`: the end was found; all that follows is dropped. `finished`: what follows is not missed.
    """

    dropped: int
    upstream_error: bytes | None
    done: bool

    @property
    def finished(self) -> bool:
        """Return whether the answer is complete."""
        ...

    def feed(self, block: bytes) -> bytes:
        """Return what is complete, valid and not yet returned."""
        ...

    def close(self) -> tuple[bytes, bytes]:
        """Return what is left at the end of the stream, and what ends it for the client."""
        ...


#: Creates the filter of one stream. Its parameter removes the key and address of the source from bytes.
StreamFilterFactory = Callable[[Callable[[bytes], bytes]], StreamFilter]
