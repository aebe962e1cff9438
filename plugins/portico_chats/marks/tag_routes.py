"""The routes of tags. What they do is in `tags.py`."""

from typing import Any

from litestar.params import FromPath, JSONBody

from portico.api import House, JSONBytes, Request, delete, get, json_reply, post
from portico_chats.marks.tags import Tags
from portico_chats.schemas import CarriersForm, ListedChat, Tag, TagForm

OF_ONE = "/api/v1/chats/{chat_id:str}/tags"


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    tags = Tags(app)

    @get("/api/v1/chats/all/tags", answers=list[Tag])
    async def all_tags(request: Request) -> JSONBytes:
        """The tags of the caller's chats that are not archived."""
        return json_reply(await tags.all(request.user))

    @post("/api/v1/chats/tags", reads=True, answers=list[ListedChat])
    async def carriers(request: Request, data: JSONBody[CarriersForm]) -> JSONBytes:
        """The caller's chats that carry a tag and are not archived, the last changed first."""
        return json_reply(await tags.carriers(request.user, data.name, data.skip, data.limit))

    @get(OF_ONE, answers=list[Tag])
    async def of_one(request: Request, chat_id: FromPath[str]) -> JSONBytes:
        """The tags of a chat."""
        return json_reply(await tags.of(request.user, chat_id))

    @post(OF_ONE, answers=list[Tag])
    async def add(request: Request, chat_id: FromPath[str], data: JSONBody[TagForm]) -> JSONBytes:
        """Give a chat a tag. The answer is all it has."""
        return json_reply(await tags.add(request.user, chat_id, data.name))

    @delete(OF_ONE, answers=list[Tag])
    async def remove(
        request: Request, chat_id: FromPath[str], data: JSONBody[TagForm]
    ) -> JSONBytes:
        """Take a tag from a chat. The answer is those it still has."""
        return json_reply(await tags.remove(request.user, chat_id, data.name))

    @delete(f"{OF_ONE}/all", answers=bool)
    async def clear(request: Request, chat_id: FromPath[str]) -> JSONBytes:
        """Take all tags from a chat."""
        await tags.clear(request.user, chat_id)
        return json_reply(True)

    return [all_tags, carriers, of_one, add, remove, clear]
