"""Logs of requests: one line per request on standard error, and a file with who sent what. Both are off by default."""

from typing import TYPE_CHECKING

from portico.api import AppContext, HealthCheck, PluginInfo, Section, hookimpl

if TYPE_CHECKING:
    from portico.api.web import RequestObserver
    from portico_request_log.components import RequestLogPlugin
    from portico_request_log.settings import RequestLogSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="A log of requests, and a file with who changed what, with masked bodies. Off by default.",
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: which of the two are written, and where."""
    from portico_request_log.settings import RequestLogSettings

    return RequestLogSettings


@hookimpl
def register_components(app: AppContext, settings: "RequestLogSettings") -> object:
    """Return what writes them. Raises: OperatorError for a size that is none."""
    from portico_request_log.components import RequestLogPlugin

    return RequestLogPlugin(app, settings)


@hookimpl
def register_request_observers(plugin: "RequestLogPlugin") -> "list[RequestObserver]":
    """Return what is told of requests; nothing while both are off."""
    return plugin.observers


@hookimpl
def register_health_checks(plugin: "RequestLogPlugin") -> list[HealthCheck]:
    """Return the check of the file, which is not critical: requests are answered without it."""
    return plugin.health_checks


@hookimpl
async def shutdown(plugin: "RequestLogPlugin") -> None:
    """Write what waits to be written."""
    await plugin.close()
