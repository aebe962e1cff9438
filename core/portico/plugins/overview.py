"""Views of all installed plugins: by module, and for administrators."""

from typing import Any

import pluggy

from portico import __version__
from portico.plugins.registry import PluginRecord, PluginRegistry
from portico.web.counters import Counters


def plugins_by_module(registry: PluginRegistry, manager: pluggy.PluginManager) -> dict[str, str]:
    """Return the names of the loaded plugins by the name of their module."""
    loaded = [(name, manager.get_plugin(name)) for name in registry.names]
    return {module.__name__: name for name, module in loaded if module is not None}


def described_plugins(registry: PluginRegistry, counters: Counters) -> list[dict[str, Any]]:
    """Return the core, then every installed plugin. Shape: `PluginRecord.described()` and `counters`."""
    core = PluginRecord("portico", __version__, "portico", summary="The core.")
    return [
        record.described() | {"counters": counters.of(record.name)} for record in (core, *registry)
    ]
