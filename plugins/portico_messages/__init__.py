"""Anthropic's messages: `POST /api/v1/messages`, for every model.

Passed through to sources that have this endpoint, and translated to chat completions for all others.
"""

from portico.api import AppContext, PluginInfo, hookimpl

PLUGIN = PluginInfo(
    api_version=1,
    summary="Anthropic's messages, with every model.",
    route_prefixes=("/api/v1/messages",),
)


@hookimpl
def register_components(app: AppContext) -> object:
    """Return what answers messages."""
    from portico_messages.service import Messages

    return Messages(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes of messages."""
    from portico_messages.routes import MessageRoutes

    return [MessageRoutes]
