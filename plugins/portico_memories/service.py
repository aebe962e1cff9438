"""Memories of accounts: adding, listing, searching, changing, deleting. Nothing here knows HTTP."""

from collections.abc import Sequence
from typing import Any, Final

from portico.api import AppContext, InvalidRequest, NotFound
from portico.api.auth import Actor
from portico.api.db import (
    ForeignKeyViolation,
    contains_pattern,
    execute,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    new_id,
    now,
    transaction,
)
from portico.api.policy import ResourceKind
from portico.api.resources import ResourceTable
from portico.api.text import likeness
from portico_memories.schemas import FoundMemories, Memory, MemoryTimes
from portico_memories.settings import MemoriesSettings

KIND: Final = "memory"
MEMORIES: Final = ResourceKind(KIND, "memories_memory", ("read", "write", "delete"))
#: Memories that a search returns, and words of a query that it compares.
MAX_FOUND: Final = 100
MAX_QUERY_WORDS: Final = 16
#: Characters of a query that are read.
MAX_QUERY_CHARS: Final = 4096

_COLUMNS: Final = "id, user_id, content, updated_at, created_at"
_INSERT = (
    "INSERT INTO memories_memory (id, user_id, created_at, updated_at, content, search_text) "
    "VALUES ($1, $2, $3, $3, $4, $5)"
)
_UPDATE = "UPDATE memories_memory SET content = $2, search_text = $3, updated_at = $4 WHERE id = $1"


class MemoryService:
    """Memories of all accounts. Unknown memories and those of others raise the same NotFound."""

    def __init__(self, app: AppContext, settings: MemoriesSettings) -> None:
        self._app, self._settings = app, settings
        self._table = ResourceTable(app.permissions, MEMORIES)

    # -- reading --------------------------------------------------------------------------------------------

    async def listed(self, actor: Actor) -> list[Memory]:
        """Return all memories of the actor, newest first."""
        return await self.newest(actor, self._settings.max_memories)

    async def newest(self, actor: Actor, limit: int) -> list[Memory]:
        """Return the actor's memories that were written last. One statement."""
        where, args = await self._own(actor, "read")
        rows = await fetch_all(
            f"SELECT {_COLUMNS} FROM memories_memory WHERE {where} "  # noqa: S608
            f"ORDER BY updated_at DESC, created_at DESC, id LIMIT ${len(args) + 1}",
            *args,
            limit,
        )
        return [Memory(**row) for row in rows]

    async def search(self, actor: Actor, text: str, limit: int) -> FoundMemories:
        """Return the actor's memories with most words of a text, in any case.

        Raises: NotFound if the actor has no memories. Source: the API's answer then.
        """
        where, args = await self._own(actor, "read")
        exists = f"SELECT 1 AS one FROM memories_memory WHERE {where} LIMIT 1"  # noqa: S608
        if await fetch_one(exists, *args) is None:
            raise NotFound("No memories found for user")
        words = list(dict.fromkeys(likeness(text[:MAX_QUERY_CHARS]).split()))[:MAX_QUERY_WORDS]
        rows = await self._with_words(where, args, words, min(max(limit, 1), MAX_FOUND))
        return FoundMemories(
            ids=[[row["id"] for row in rows]],
            documents=[[row["content"] for row in rows]],
            metadatas=[[MemoryTimes(row["created_at"], row["updated_at"]) for row in rows]],
            distances=[[row["found"] / len(words) for row in rows]],
        )

    async def _with_words(
        self, where: str, args: Sequence[Any], words: Sequence[str], limit: int
    ) -> list[dict[str, Any]]:
        if not words:
            return []
        first = len(args) + 1
        found = " + ".join(
            f"CASE WHEN search_text LIKE ${first + place} ESCAPE '!' THEN 1 ELSE 0 END"
            for place in range(len(words))
        )
        return await fetch_all_in_thread(
            f"SELECT * FROM (SELECT {_COLUMNS}, {found} AS found FROM memories_memory "  # noqa: S608
            f"WHERE {where}) searched WHERE found > 0 "
            f"ORDER BY found DESC, updated_at DESC, id LIMIT ${first + len(words)}",
            *args,
            *map(contains_pattern, words),
            limit,
        )

    # -- changing -------------------------------------------------------------------------------------------

    async def add(self, actor: Actor, content: str) -> Memory:
        """Store a memory of the actor.

        Raises: InvalidRequest if it is empty or too long, or the actor has too many memories.
        """
        self._check(content)
        memory_id = new_id()
        try:
            async with transaction():
                await self._table.check_room(actor.id, self._settings.max_memories, "memories")
                await execute(_INSERT, memory_id, actor.id, now(), content, likeness(content))
                return await self._read_back(memory_id)
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error

    async def update(self, actor: Actor, memory_id: str, content: str | None) -> Memory:
        """Replace the text of a memory; None = it stays. Raises: NotFound, InvalidRequest as `add`."""
        async with transaction():
            row, _ = await self._table.find_locked(actor, "write", memory_id)
            if content is not None and content != row["content"]:
                self._check(content)
                await execute(_UPDATE, memory_id, content, likeness(content), now())
            return await self._read_back(memory_id)

    async def delete(self, actor: Actor, memory_id: str) -> None:
        """Delete a memory. Raises: NotFound."""
        async with transaction():
            await self._table.find_locked(actor, "delete", memory_id)
            await self._table.delete([memory_id])

    async def delete_all(self, actor: Actor) -> None:
        """Delete all memories of the actor."""
        where, args = await self._own(actor, "delete")
        await execute(f"DELETE FROM memories_memory WHERE {where}", *args)  # noqa: S608

    # -- internal -------------------------------------------------------------------------------------------

    async def _own(self, actor: Actor, action: str) -> tuple[str, list[Any]]:
        """Return the condition for the actor's own memories to which they may do this, and its values.

        A policy rule that lets administrators read the memories of others must not tell their models about them.
        """
        allowed = await self._app.permissions.where_allowed(actor, action, KIND)
        args = [*allowed.args, actor.id]
        return f"{allowed.sql} AND memories_memory.user_id = ${len(args)}", args

    def _check(self, content: str) -> None:
        limit = self._settings.max_memory_bytes
        if not content.strip() or len(content.encode()) > limit:
            raise InvalidRequest(f"[ERROR: content must be a text of 1 to {limit} bytes]")

    async def _read_back(self, memory_id: str) -> Memory:
        row = await fetch_one(f"SELECT {_COLUMNS} FROM memories_memory WHERE id = $1", memory_id)  # noqa: S608
        if row is None:
            raise NotFound
        return Memory(**row)
