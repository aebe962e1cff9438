"""OpenTelemetry: sends traces of requests to a collector, over OTLP and HTTP. Does nothing until it is enabled."""

from typing import TYPE_CHECKING

from portico.api import AppContext, PluginInfo, Section, hookimpl

if TYPE_CHECKING:
    from portico.api.models import ModelFilter
    from portico.api.tracing import Tracer
    from portico_opentelemetry.components import OpenTelemetryPlugin
    from portico_opentelemetry.settings import OpenTelemetrySettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sends traces of requests, model calls and tasks to an OpenTelemetry collector.",
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: whether traces are recorded, and where they are sent."""
    from portico_opentelemetry.settings import OpenTelemetrySettings

    return OpenTelemetrySettings


@hookimpl
def register_components(app: AppContext, settings: "OpenTelemetrySettings") -> object:
    """Return what records traces; None while it is not enabled. Raises: OperatorError if the packages are missing."""
    if not settings.is_on:
        return None
    from portico_opentelemetry.components import build

    return build(app, settings)


@hookimpl
def register_tracer(plugin: "OpenTelemetryPlugin | None") -> "Tracer | None":
    """Return what records spans."""
    return plugin.tracer if plugin is not None else None


@hookimpl
def register_model_filters(plugin: "OpenTelemetryPlugin | None") -> "list[ModelFilter]":
    """Return what records how calls of models ended, with their tokens."""
    return [plugin.calls.model_filter] if plugin is not None else []


@hookimpl
def startup(plugin: "OpenTelemetryPlugin | None") -> None:
    """Begin to record and to send."""
    if plugin is not None:
        plugin.start()


@hookimpl
async def shutdown(plugin: "OpenTelemetryPlugin | None") -> None:
    """Send what has been recorded."""
    if plugin is not None:
        await plugin.stop()
