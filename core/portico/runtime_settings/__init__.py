"""Runtime settings: what administrators change while the server runs, stored in the database for all instances.

A setting in the environment or in portico.toml is pinned: it is not stored here, and overrides the stored value.
"""

from portico.runtime_settings.changes import SettingBefore, SettingsChange, SettingsChanges
from portico.runtime_settings.presentation import SettingState
from portico.runtime_settings.runtime_settings import PINNED, RuntimeSettings
from portico.runtime_settings.section import RuntimeSection
from portico.runtime_settings.store import RuntimeSettingsChanged, SettingsStore
from portico.runtime_settings.tables import TABLES

__all__ = [
    "PINNED",
    "TABLES",
    "RuntimeSection",
    "RuntimeSettings",
    "RuntimeSettingsChanged",
    "SettingBefore",
    "SettingState",
    "SettingsChange",
    "SettingsChanges",
    "SettingsStore",
]
