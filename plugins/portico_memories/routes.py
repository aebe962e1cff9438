"""Routes of memories."""

from typing import Annotated, Final

from litestar.params import JSONBody, PathParameter

from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    post,
)
from portico_memories.schemas import (
    FoundMemories,
    Memory,
    MemoryChanges,
    MemoryForm,
    MemoryQuery,
)
from portico_memories.service import MemoryService

MEMORIES: Final = "/api/v1/memories"
MEMORY: Final = f"{MEMORIES}/{{memory_id:str}}"
#: Bytes of a body: JSON may write each byte of the content as an escape.
MAX_FORM_BYTES: Final = 512 * 1024

MemoryId = Annotated[str, PathParameter(description="The memory's id")]


class MemoryRoutes(Controller):
    """`/api/v1/memories`, each account's own."""

    plugin: MemoryService

    @get(MEMORIES, response_type=list[Memory])
    async def list_memories(self, request: Request) -> JSONResponse:
        """List all memories of the caller, newest first."""
        return json_response(await self.plugin.listed(request.user))

    @post(f"{MEMORIES}/add", response_type=Memory, max_body=MAX_FORM_BYTES)
    async def add_memory(self, request: Request, data: JSONBody[MemoryForm]) -> JSONResponse:
        """Store a memory of the caller."""
        return json_response(await self.plugin.add(request.user, data.content))

    @post(f"{MEMORIES}/query", response_type=FoundMemories, max_body=MAX_FORM_BYTES)
    async def search_memories(self, request: Request, data: JSONBody[MemoryQuery]) -> JSONResponse:
        """Return the caller's memories with most words of a text, best first; 404 if the caller has none at all."""
        found = await self.plugin.search(request.user, data.content, data.k or 1)
        return json_response(found)

    @delete(f"{MEMORIES}/delete/user", response_type=bool)
    async def delete_memories(self, request: Request) -> JSONResponse:
        """Delete all memories of the caller."""
        await self.plugin.delete_all(request.user)
        return json_response(True)

    @post(f"{MEMORY}/update", response_type=Memory, max_body=MAX_FORM_BYTES)
    async def update_memory(
        self, request: Request, memory_id: MemoryId, data: JSONBody[MemoryChanges]
    ) -> JSONResponse:
        """Replace the text of a memory."""
        return json_response(await self.plugin.update(request.user, memory_id, data.content))

    @delete(MEMORY, response_type=bool)
    async def delete_memory(self, request: Request, memory_id: MemoryId) -> JSONResponse:
        """Delete a memory."""
        await self.plugin.delete(request.user, memory_id)
        return json_response(True)
