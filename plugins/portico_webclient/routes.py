"""Routes of features that no plugin provides. Their answers are those of a server on which nothing was created."""

from portico.api.web import Controller, JSONResponse, get, json_response

#: Paths whose answer is a list of what the caller may use.
USER_LISTS = [
    "/api/v1/channels",
    "/api/v1/configs/banners",
    "/api/v1/functions",
    "/api/v1/knowledge",
    "/api/v1/knowledge/list",
    "/api/v1/notes",
    "/api/v1/notes/list",
    "/api/v1/prompts",
    "/api/v1/prompts/list",
    "/api/v1/tools",
    "/api/v1/tools/list",
]
#: Paths whose answer is a list for administrators.
ADMIN_LISTS = ["/api/v1/functions/list"]


class EmptyAnswerRoutes(Controller):
    """Lists without elements, and a changelog without releases."""

    @get(USER_LISTS, response_type=list[object], placeholder=True)
    async def list_for_users(self) -> JSONResponse:
        """List what the caller may use: nothing, since no plugin provides this."""
        return json_response([])

    @get(ADMIN_LISTS, access="admin", response_type=list[object], placeholder=True)
    async def list_for_administrators(self) -> JSONResponse:
        """List everything there is: nothing, since no plugin provides this."""
        return json_response([])

    @get("/api/changelog", access="public", response_type=dict[str, object], placeholder=True)
    async def changelog(self) -> JSONResponse:
        """Return what is new by version: nothing, since the web client describes its own releases."""
        return json_response({})
