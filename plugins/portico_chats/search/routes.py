"""Route of the search."""

from typing import Any

from litestar.params import FromQuery

from portico.api import AppContext, JSONResponse, Request, get, json_response
from portico_chats.schemas import ListedChat
from portico_chats.search.search import Search


def routes(app: AppContext) -> list[Any]:
    """Return the route handlers."""
    search = Search(app)

    @get("/api/v1/chats/search", response_type=list[ListedChat])
    async def find(
        request: Request, text: FromQuery[str], page: FromQuery[int] = 1
    ) -> JSONResponse:
        """Search the caller's chats for a text in their title or messages, the last changed first; 60 a page.

        Operators such as `tag:travel`, `folder:work`, `pinned:true`, `archived:true` and `shared:true` narrow the
        search.
        """
        return json_response(await search.page(request.user, text, page))

    return [find]
