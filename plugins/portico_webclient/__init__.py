"""Empty answers for the web client: lists that its pages cannot open without, of features that no plugin provides.

A plugin that provides such a feature takes the path over from here.
"""

from portico.api import PluginInfo, hookimpl

PLUGIN = PluginInfo(
    api_version=1,
    summary="Empty lists that the web client asks for, of features that no plugin provides.",
    route_prefixes=(
        "/api/changelog",
        "/api/v1/channels",
        "/api/v1/configs/banners",
        "/api/v1/functions",
        "/api/v1/knowledge",
        "/api/v1/notes",
        "/api/v1/prompts",
        "/api/v1/tools",
    ),
)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes, all of which read."""
    from portico_webclient.routes import EmptyAnswerRoutes

    return [EmptyAnswerRoutes]
