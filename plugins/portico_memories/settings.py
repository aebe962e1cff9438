"""Settings of memories."""

from typing import Annotated

from portico.api import Section, setting


class MemoriesSettings(Section):
    """Limits of memories."""

    max_memories: Annotated[
        int, setting("Maximum number of memories of one account", ge=1, le=10_000)
    ] = 500
    max_memory_bytes: Annotated[int, setting("Maximum size of one memory", ge=1, le=64 * 1024)] = (
        4096
    )
    max_context_bytes: Annotated[
        int, setting("Maximum size of the memories in one request to a model", ge=64, le=1024**2)
    ] = 4096
