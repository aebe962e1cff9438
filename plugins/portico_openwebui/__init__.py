"""Import of Open WebUI: `portico import openwebui` reads the database of another server."""

from typing import TYPE_CHECKING

from portico.api import AppContext, PluginInfo, hookimpl

if TYPE_CHECKING:
    from portico.api.transfer import ImportFormat

PLUGIN = PluginInfo(
    api_version=1,
    summary="Import of Open WebUI: accounts, chats, models and all that goes with them.",
)


@hookimpl
def register_import_formats(app: AppContext) -> "list[ImportFormat]":
    """Return the format `openwebui`."""
    from portico_openwebui.import_format import OpenWebUIFormat

    return [OpenWebUIFormat(app)]
