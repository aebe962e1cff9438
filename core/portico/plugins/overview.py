"""Views of all installed plugins: by module, for administrators, and those that prevent a start."""

from collections.abc import Sequence
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


def plugins_that_block_start(
    registry: PluginRegistry, required: Sequence[str], strict: bool
) -> list[PluginRecord]:
    """Return the plugins that prevent a start: required ones that are not active, and if `strict` all that have failed."""
    missing = [
        registry[name]
        if name in registry
        else PluginRecord(name, "?", "?", reason="it is not installed")
        for name in required
        if name not in registry or registry[name].state != "active"
    ]
    return missing + [record for record in registry.failed if strict and record not in missing]
