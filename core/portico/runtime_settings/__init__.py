"""What is set while the house runs: one value for each name, the same on every instance.

What the operator sets in the environment or in portico.toml is not kept here, and beats what is.
"""

from portico.runtime_settings.runtime_settings import PINNED, RuntimeSection, RuntimeSettings
from portico.runtime_settings.store import RuntimeSettingsChanged, SettingsStore
from portico.runtime_settings.tables import TABLES

__all__ = [
    "PINNED",
    "TABLES",
    "RuntimeSection",
    "RuntimeSettings",
    "RuntimeSettingsChanged",
    "SettingsStore",
]
