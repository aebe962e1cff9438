"""Finds installed plugins: the entry points in the group `portico`, those of the built-in plugins too.

Discovery imports nothing. A plugin that the settings disable is recorded as disabled and never imported.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points

from portico.plugins.registry import FaultKind, PluginRecord, PluginRegistry, PluginState
from portico.settings.schema import CoreSettings, PluginSelection

GROUP = "portico"
#: Names that plugins cannot have, because their settings would be mistaken for those of the core.
RESERVED = {"portico", "x", *CoreSettings.__struct_fields__, *PluginSelection.__struct_fields__}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that is installed and enabled, not yet imported."""

    name: str
    entry_point: EntryPoint


def installed_entry_points() -> list[EntryPoint]:
    """Return the entry points of all installed plugins, sorted by name so that plugins load in the same order each time."""
    return sorted(entry_points(group=GROUP), key=lambda found: (found.name, found.value))


def discover(
    choice: PluginSelection, registry: PluginRegistry, found: Iterable[EntryPoint] | None = None
) -> list[Candidate]:
    """Return the plugins to import, in order. Adds a record for every installed plugin to `registry`."""
    candidates = []
    for entry_point in installed_entry_points() if found is None else found:
        name = entry_point.name
        distribution, version = _name_and_version(entry_point.dist)
        if name in registry:
            other = registry[name]
            if other.distribution != distribution:
                registry[name].fail(
                    f"two distributions contain a plugin of this name: {other.distribution} and "
                    f"{distribution}; uninstall one of them",
                    kind=FaultKind.NAME,
                )
            continue
        package = entry_point.module.partition(".")[0]
        record = PluginRecord(name, version, distribution, package)
        registry.add(record)
        if name in RESERVED or not name.isidentifier() or not name.islower():
            record.fail(
                "a plugin cannot have this name; rename its entry point to another lower-case word",
                kind=FaultKind.NAME,
            )
        elif choice.only and name not in choice.only:
            record.state, record.reason = PluginState.DISABLED, "not named in plugins.only"
        elif name in choice.disable:
            record.state, record.reason = PluginState.DISABLED, "named in plugins.disable"
        else:
            candidates.append(Candidate(name, entry_point))
    return [c for c in candidates if registry[c.name].state is PluginState.ACTIVE]


@lru_cache(maxsize=64)  # reading them parses a file, and one distribution may have many plugins
def _name_and_version(distribution: Distribution | None) -> tuple[str, str]:
    if distribution is None:
        return "?", "?"
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"]


def unknown_names(choice: PluginSelection, registry: PluginRegistry) -> list[str]:
    """Return the plugin names in the settings that no installed plugin has."""
    chosen = {*choice.disable, *choice.enable, *choice.only, *choice.required}
    return sorted(chosen - registry.names)
