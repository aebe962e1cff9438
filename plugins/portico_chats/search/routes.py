"""The route that finds chats. How it is done is in `search/finding.py`."""

from typing import Any

from litestar.params import FromQuery

from portico.api import AppContext, JSONResponse, Request, get, json_response
from portico_chats.schemas import ListedChat
from portico_chats.search.search import Search


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""
    search = Search(app)

    @get("/api/v1/chats/search", response_type=list[ListedChat])
    async def find(
        request: Request, text: FromQuery[str], page: FromQuery[int] = 1
    ) -> JSONResponse:
        """The caller's chats that hold a text in their title or in a message, the last changed first; 60 a page.

        Words such as `tag:travel`, `folder:work`, `pinned:true`, `archived:true` and `shared:true` narrow it down.
        """
        return json_response(await search.page(request.user, text, page))

    return [find]
