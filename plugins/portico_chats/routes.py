"""The routes of chats. What they do is in `service.py`."""

from typing import Any

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from portico.api import House, JSONBytes, Misshapen, Request, delete, get, post
from portico_chats.schemas import Chat, ChatForm, ListedChat
from portico_chats.service import Chats

TAGS = ["chats"]
YES, NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    chats = Chats(app)

    @get(["/api/v1/chats", "/api/v1/chats/list"], tags=TAGS, responses=_answer(list[ListedChat]))
    async def page(
        request: Request,
        *,
        page: FromQuery[int | None] = None,
        include_pinned: FromQuery[str] = "",
        include_folders: FromQuery[str] = "",
    ) -> JSONBytes:
        """The caller's chats that are not archived, the last changed first; 60 a page, or all of them."""
        return _json(
            await chats.page(
                request.user,
                page,
                include_pinned=_truth("include_pinned", include_pinned),
                include_folders=_truth("include_folders", include_folders),
            )
        )

    @post("/api/v1/chats/new", tags=TAGS, responses=_answer(Chat))
    async def create(request: Request, data: JSONBody[ChatForm]) -> JSONBytes:
        """A new chat of the caller's."""
        return _json(await chats.create(request.user, data))

    @get("/api/v1/chats/{chat_id:str}", tags=TAGS, responses=_answer(Chat))
    async def one(request: Request, chat_id: FromPath[str]) -> JSONBytes:
        """One chat, whole."""
        return _json(await chats.get(request.user, chat_id))

    @post("/api/v1/chats/{chat_id:str}", tags=TAGS, responses=_answer(Chat))
    async def update(
        request: Request, chat_id: FromPath[str], data: JSONBody[ChatForm]
    ) -> JSONBytes:
        """Replace the top-level keys of the document that are given; the others stay."""
        return _json(await chats.update(request.user, chat_id, data))

    @delete("/api/v1/chats/{chat_id:str}", tags=TAGS, responses=_answer(bool))
    async def remove(request: Request, chat_id: FromPath[str]) -> JSONBytes:
        """Delete a chat."""
        await chats.delete(request.user, chat_id)
        return _json(True)

    return [page, create, one, update, remove]


def _json(value: Any) -> JSONBytes:
    return JSONBytes(msgspec.json.encode(value))


def _answer(kind: Any) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(kind, generate_examples=False)}


def _truth(name: str, text: str) -> bool:
    """A query's yes or no. Raises: Misshapen for anything else."""
    if text.lower() not in (*YES, *NO):
        fault = {"type": "bool_parsing", "loc": ["query", name], "msg": "Expected true or false"}
        raise Misshapen([fault])
    return text.lower() in YES
