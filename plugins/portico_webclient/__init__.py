"""Empty answers for the web client, whose pages cannot open without them, for features that no plugin provides.

All routes are placeholders: they give way to a plugin that provides the feature.
"""

from portico.api import AppContext, PluginInfo, Service, hookimpl
from portico.api.interfaces import RefusalNotice

PLUGIN = PluginInfo(
    api_version=1,
    summary="Empty answers that the web client needs, of features that no plugin provides.",
    route_prefixes=(
        "/api/changelog",
        "/api/v1/audio",
        "/api/v1/channels",
        "/api/v1/configs",
        "/api/v1/evaluations",
        "/api/v1/files",
        "/api/v1/functions",
        "/api/v1/images",
        "/api/v1/knowledge",
        "/api/v1/memories",
        "/api/v1/notes",
        "/api/v1/pipelines",
        "/api/v1/prompts",
        "/api/v1/retrieval",
        "/api/v1/terminals",
        "/api/v1/tools",
        "/api/v1/utils",
        "/api/webhook",
    ),
)


@hookimpl
def register_components(app: AppContext) -> object:
    """Return what shows sentences to users."""
    from portico_webclient.notices import RefusalNotices

    return RefusalNotices(app)


@hookimpl
def register_services(plugin: RefusalNotice) -> list[Service]:
    """Return it for other plugins too."""
    return [Service(RefusalNotice, plugin)]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes. None of them changes anything."""
    from portico_webclient.refusals import RefusalRoutes
    from portico_webclient.routes import EmptyListRoutes
    from portico_webclient.settings_routes import EmptySettingsRoutes

    return [EmptyListRoutes, EmptySettingsRoutes, RefusalRoutes]
