"""What browsers get from this server: a built web client, or a page of Portico's own."""

from typing import TYPE_CHECKING

from portico.api import AppContext, PluginInfo, Section, Service, hookimpl
from portico.api.interfaces import BrowserPictures

if TYPE_CHECKING:
    from portico_frontend.components import FrontendPlugin
    from portico_frontend.settings import FrontendSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Serves a built web client, or a page that says what runs here.",
    route_prefixes=("/",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: the folder of the client."""
    from portico_frontend.settings import FrontendSettings

    return FrontendSettings


@hookimpl
def register_components(app: AppContext, settings: "FrontendSettings") -> object:
    """Return what the hooks below share."""
    from portico_frontend.components import FrontendPlugin

    return FrontendPlugin(app, settings)


@hookimpl
def register_services(plugin: "FrontendPlugin") -> list[Service]:
    """Return the pictures that browsers get."""
    return [Service(BrowserPictures, plugin)]


@hookimpl
def register_fallbacks(plugin: "FrontendPlugin") -> list[object]:
    """Return what answers the paths of browsers."""
    return [plugin.fallback()]


@hookimpl
async def startup(plugin: "FrontendPlugin") -> None:
    """Check the folder of the client. A server process does not start with a wrong one."""
    await plugin.check()
