"""The objects of this plugin, built once per application."""

from dataclasses import dataclass

from portico.api import AppContext
from portico_settings_admin.forms import SettingsForms
from portico_settings_admin.transfer import SettingsTransfer


@dataclass(frozen=True, slots=True)
class SettingsAdminPlugin:
    """The objects of this plugin."""

    app: AppContext
    forms: SettingsForms
    transfer: SettingsTransfer


def build(app: AppContext) -> SettingsAdminPlugin:
    """Build the objects of one application. Opens nothing."""
    return SettingsAdminPlugin(app, SettingsForms(app), SettingsTransfer(app))
