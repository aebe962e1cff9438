"""Finds installed plugins: the entry points in the group `portico`, those of the built-in plugins too.

Discovery imports nothing. A plugin that the settings disable is recorded as disabled and never imported.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path

from portico.plugins.conflicts.claims import CORE
from portico.plugins.conflicts.replacements import Replacements
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
    """Return the entry points of all installed plugins, in the order in which they load and keep their place.

    The built-in plugins come first, then distributions by the time of their installation, then by name.
    """
    return sorted(entry_points(group=GROUP), key=_place)


def _place(found: EntryPoint) -> tuple[bool, float, str, str, str]:
    if is_builtin(found.dist):
        return False, 0.0, "", found.name, found.value
    name, _ = _name_and_version(found.dist)
    return True, _installed_at(found.dist), name.casefold(), found.name, found.value


def is_builtin(distribution: Distribution | None) -> bool:
    """Return whether a distribution is Portico itself, with the built-in plugins."""
    return _name_and_version(distribution)[0].casefold() == CORE


def discover(
    choice: PluginSelection,
    registry: PluginRegistry,
    replacements: Replacements,
) -> list[Candidate]:
    """Return the plugins to import, in order. Adds a record for every installed plugin to `registry`.

    Of two plugins of the same name, the second one fails, unless `replacements` chooses it. It is in the registry as
    `name@distribution`.
    """
    by_name: dict[str, list[EntryPoint]] = {}
    for entry_point in installed_entry_points():
        by_name.setdefault(entry_point.name, []).append(entry_point)
    replacements.check_distributions(
        {
            name: [_name_and_version(one.dist)[0] for one in several]
            for name, several in by_name.items()
        }
    )
    candidates = []
    chosen_by_name = {
        name: _chosen(several, replacements.distribution(name)) for name, several in by_name.items()
    }
    for name, chosen in sorted(chosen_by_name.items(), key=lambda pair: _place(pair[1])):
        record = _new_record(name, chosen)
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
            candidates.append(Candidate(name, chosen))
        for other in by_name[name]:
            if other is not chosen:
                _add_other(registry, name, other, record)
    return candidates


def _chosen(several: Sequence[EntryPoint], distribution: str) -> EntryPoint:
    """Return the entry point of this distribution, else the first one."""
    named = [one for one in several if _name_and_version(one.dist)[0] == distribution]
    return (named or several)[0]


def _add_other(
    registry: PluginRegistry, name: str, other: EntryPoint, holder: PluginRecord
) -> None:
    """Record a plugin that is not loaded since another one has its name."""
    record = _new_record(f"{name}@{_name_and_version(other.dist)[0]}", other)
    if record.name in registry:
        return
    registry.add(record)
    if is_builtin(other.dist):
        record.state = PluginState.DISABLED
        record.reason = f"replaced by that of {holder.distribution} in plugins.replace"
    else:
        record.fail(
            f"plugin name {name} belongs to that of the distribution {holder.distribution!r} already; rename the "
            f'entry point, or set [plugins] replace = {{"plugin:{name}" = "{record.distribution}"}} to load this one '
            "in its place",
            kind=FaultKind.NAME,
        )


def _new_record(name: str, entry_point: EntryPoint) -> PluginRecord:
    distribution, version = _name_and_version(entry_point.dist)
    return PluginRecord(name, version, distribution, entry_point.module.partition(".")[0])


@lru_cache(maxsize=64)  # reading them parses a file, and one distribution may have many plugins
def _name_and_version(distribution: Distribution | None) -> tuple[str, str]:
    if distribution is None:
        return "?", "?"
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"]


@lru_cache(maxsize=64)
def _installed_at(distribution: Distribution | None) -> float:
    """Return when a distribution was installed, in epoch seconds; infinite = unknown."""
    # An installer creates this folder. `importlib.metadata` has no public name for it.
    folder = getattr(distribution, "_path", None)
    try:
        return Path(folder).stat().st_mtime if folder else math.inf
    except (OSError, TypeError):
        return math.inf


def unknown_names(choice: PluginSelection, registry: PluginRegistry) -> list[str]:
    """Return the plugin names in the settings that no installed plugin has."""
    chosen = {*choice.disable, *choice.enable, *choice.only, *choice.required}
    return sorted(chosen - registry.names)
