"""OpenAI's responses: `POST /api/v1/responses`, for every model.

Passed through to sources that have this endpoint, and translated to chat completions for all others.
"""

from portico.api import AppContext, PluginInfo, hookimpl

PLUGIN = PluginInfo(
    api_version=1,
    summary="OpenAI's responses, with every model.",
    route_prefixes=("/api/v1/responses",),
)


@hookimpl
def register_components(app: AppContext) -> object:
    """Return what answers with responses."""
    from portico_responses.service import Responses

    return Responses(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes of responses."""
    from portico_responses.routes import ResponseRoutes

    return [ResponseRoutes]
