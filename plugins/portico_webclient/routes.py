"""Answers for features that no plugin provides: those of a server on which nothing was created and everything is off.

All are placeholders, so a plugin that provides a feature takes its paths over.
"""

import asyncio
from functools import partial
from typing import Any

from portico.api.web import Controller, JSONResponse, get, json_response
from portico_webclient.changelog import changelog_json

placeholder = partial(get, placeholder=True)
for_administrators = partial(placeholder, access="admin", response_type=dict[str, Any])

#: Paths whose answer is a list of what the caller may use.
USER_LISTS = [
    "/api/v1/channels",
    "/api/v1/channels/list",
    "/api/v1/configs/banners",
    "/api/v1/files",
    "/api/v1/functions",
    "/api/v1/images/models",
    "/api/v1/knowledge",
    "/api/v1/knowledge/list",
    "/api/v1/memories",
    "/api/v1/notes",
    "/api/v1/notes/list",
    "/api/v1/prompts",
    "/api/v1/prompts/list",
    "/api/v1/terminals",
    "/api/v1/tools",
    "/api/v1/tools/export",
    "/api/v1/tools/list",
]
#: Paths whose answer is a list for administrators.
ADMIN_LISTS = [
    "/api/v1/evaluations/feedbacks/all",
    "/api/v1/functions/export",
    "/api/v1/functions/list",
]


class EmptyListRoutes(Controller):
    """Lists without elements."""

    @placeholder(USER_LISTS, response_type=list[object])
    async def list_for_users(self) -> JSONResponse:
        """List what the caller may use: nothing, since no plugin provides this."""
        return json_response([])

    @placeholder(ADMIN_LISTS, access="admin", response_type=list[object])
    async def list_for_administrators(self) -> JSONResponse:
        """List everything there is: nothing, since no plugin provides this."""
        return json_response([])

    @for_administrators("/api/v1/evaluations/feedbacks/list")
    async def feedbacks(self) -> JSONResponse:
        """Return one page of the feedback on replies: nothing, since no plugin collects any."""
        return json_response({"items": [], "total": 0})

    @for_administrators(["/api/v1/pipelines", "/api/v1/pipelines/list"])
    async def pipelines(self) -> JSONResponse:
        """List servers of pipelines and their pipelines: nothing, since no plugin provides them."""
        return json_response({"data": []})

    @placeholder("/api/v1/audio/voices", response_type=dict[str, list[object]])
    async def voices(self) -> JSONResponse:
        """List voices of the server: nothing. Clients use those of the browser."""
        return json_response({"voices": []})

    @placeholder("/api/v1/audio/models", response_type=dict[str, list[object]])
    async def audio_models(self) -> JSONResponse:
        """List models that speak: nothing, since no plugin provides them."""
        return json_response({"models": []})

    @placeholder("/api/changelog", access="public", response_type=dict[str, object])
    async def changelog(self) -> JSONResponse:
        """Return what changed in the newest versions, which the web client shows to an administrator once for each version."""
        return JSONResponse(await asyncio.to_thread(changelog_json))
