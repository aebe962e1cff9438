"""The objects of this plugin, built once per process."""

from dataclasses import dataclass

from portico.api import AppContext
from portico_settings_admin.forms import SettingsForms


@dataclass(frozen=True, slots=True)
class SettingsAdminPlugin:
    """The objects of this plugin."""

    forms: SettingsForms


def build(app: AppContext) -> SettingsAdminPlugin:
    """Build the objects of one application. Opens nothing."""
    return SettingsAdminPlugin(SettingsForms(app))
