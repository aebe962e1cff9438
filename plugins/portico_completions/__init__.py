"""Chat completions: from the client's request to the model's answer.

Implements OpenAI's protocol at `/api/chat/completions` and `/api/v1/chat/completions`.
"""

from portico.api import AppContext, PluginInfo, hookimpl

PLUGIN = PluginInfo(
    api_version=1,
    summary="Chat completions: from the client's request to the model's answer.",
    route_prefixes=("/api/chat/completions", "/api/v1/chat/completions"),
)


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the service that completes chats."""
    from portico_completions.service import Completions

    return Completions(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the completion route, under both of its paths."""
    from portico_completions.routes import CompletionRoutes

    return [CompletionRoutes]
