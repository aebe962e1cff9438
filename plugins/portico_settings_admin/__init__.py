"""Runtime settings over HTTP: banners, prompt suggestions, the order and defaults of models, connections.

The core stores the settings; this plugin owns those that no other plugin has, and shows all of them.
"""

from portico.api import AppContext, PluginInfo, Section, hookimpl
from portico.api.transfer import TransferKind
from portico_settings_admin.settings import SettingsAdminSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Runtime settings: banners, prompt suggestions, order and defaults of models.",
    route_prefixes=("/api/v1/configs",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings that clients show: banners, suggestions and default models."""
    return SettingsAdminSettings


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the object that routes have as `plugin`."""
    from portico_settings_admin.components import build

    return build(app)


@hookimpl
def register_transfer_kinds(app: AppContext) -> list[TransferKind]:
    """Return the settings that administrators have stored."""
    from portico_settings_admin.transfer_kind import StoredSettingsTransfer

    return [StoredSettingsTransfer(app)]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/configs`."""
    from portico_settings_admin.routes import SettingsFormRoutes
    from portico_settings_admin.settings_routes import RuntimeSettingsRoutes

    return [SettingsFormRoutes, RuntimeSettingsRoutes]
