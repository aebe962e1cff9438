"""Finding plugins: entry points in the group `portico`, the built-in ones like anybody's.

Finding imports nothing. A plugin that the settings leave out is recorded as disabled and never imported.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from portico.plugins.registry import PluginRecord, PluginRegistry, PluginState
from portico.settings.schema import CoreSettings, PluginSelection

GROUP = "portico"
#: Names whose settings would be mistaken for the core's.
RESERVED = {"portico", "x", *CoreSettings.__struct_fields__, *PluginSelection.__struct_fields__}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that is installed and wanted, not yet imported."""

    name: str
    entry_point: EntryPoint


def installed_entry_points() -> list[EntryPoint]:
    """Every plugin there is on this machine, sorted by name so that the order of boot is always the same."""
    return sorted(entry_points(group=GROUP), key=lambda found: (found.name, found.value))


def discover(
    choice: PluginSelection, registry: PluginRegistry, found: Iterable[EntryPoint] | None = None
) -> list[Candidate]:
    """The plugins to import, in order. Adds a record for every installed one, wanted or not."""
    candidates = []
    labels: dict[
        int, tuple[str, str]
    ] = {}  # each is read out of a file, and one distribution may offer many
    for entry_point in installed_entry_points() if found is None else found:
        name, dist = entry_point.name, entry_point.dist
        if id(dist) not in labels:
            labels[id(dist)] = (dist.name, dist.version) if dist else ("?", "?")
        distribution, version = labels[id(dist)]
        if name in registry:
            other = registry[name]
            if other.distribution != distribution:
                registry[name].fail(
                    f"two distributions offer a plugin of this name: {other.distribution} and "
                    f"{distribution}; uninstall one of them"
                )
            continue
        record = PluginRecord(name=name, version=version, distribution=distribution)
        registry.add(record)
        if name in RESERVED or not name.isidentifier() or not name.islower():
            record.fail("a plugin cannot have this name: use another lower-case word")
        elif choice.only and name not in choice.only:
            record.state, record.reason = PluginState.DISABLED, "not named in plugins.only"
        elif name in choice.disable:
            record.state, record.reason = PluginState.DISABLED, "named in plugins.disable"
        else:
            candidates.append(Candidate(name, entry_point))
    return [c for c in candidates if registry[c.name].state is PluginState.ACTIVE]


def unknown_names(choice: PluginSelection, registry: PluginRegistry) -> list[str]:
    """Names that the settings choose among, but that no installed plugin has."""
    chosen = {*choice.disable, *choice.enable, *choice.only, *choice.required}
    return sorted(chosen - registry.names)
