"""Requests and responses. Times are epoch seconds."""

import msgspec


class MemoryForm(msgspec.Struct):
    """A new memory. Id, owner and times cannot be set by the client."""

    content: str


class MemoryChanges(msgspec.Struct):
    """Changes of a memory; null = none."""

    content: str | None = None


class MemoryQuery(msgspec.Struct):
    """A text search. `k`: the number of memories to return, at most 100."""

    content: str
    k: int | None = 1


class Memory(msgspec.Struct):
    """A memory as its owner reads it."""

    id: str
    user_id: str
    content: str
    updated_at: int
    created_at: int


class MemoryTimes(msgspec.Struct):
    """When a found memory was written."""

    created_at: int
    updated_at: int


class FoundMemories(msgspec.Struct):
    """Memories that match a query, best first: each field has one list, of equal length.

    `distances`: the part of the query's words that the memory contains, up to 1.0. Source: the search of the API, where a
    larger number is nearer.
    """

    ids: list[list[str]]
    documents: list[list[str]]
    metadatas: list[list[MemoryTimes]]
    distances: list[list[float]]
