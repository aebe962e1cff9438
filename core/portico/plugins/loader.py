"""Letting plugins in: import, API version, requirements, hooks that exist. A refusal always says why."""

import difflib
import graphlib
from types import ModuleType
from typing import Any

import pluggy

from portico import hookspecs
from portico.plugins.discovery import Candidate, installed_entry_points
from portico.plugins.info import API, PluginInfo
from portico.plugins.isolation import PluginError, call
from portico.plugins.registry import PluginRegistry, PluginState
from portico.settings.schema import PluginSelection


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that belongs to one application."""
    manager = pluggy.PluginManager("portico")
    manager.add_hookspecs(hookspecs)
    return manager


def import_plugins(
    candidates: list[Candidate],
    choice: PluginSelection,
    registry: PluginRegistry,
    manager: pluggy.PluginManager,
) -> list[str]:
    """Import and register the candidates. Returns the admitted names, each after those it requires."""
    infos: dict[str, PluginInfo] = {}
    for candidate in candidates:
        try:
            module = call(candidate.name, "import", candidate.entry_point.load)
            info = _plugin_info(module)
        except PluginError as fault:
            registry[candidate.name].fail(fault.reason, fault.trace)
            continue
        except ValueError as refusal:
            registry[candidate.name].fail(str(refusal))
            continue
        record = registry[candidate.name]
        record.summary, record.requires = info.summary, info.requires
        if info.disabled_by_default and candidate.name not in choice.enable and not choice.only:
            record.state = PluginState.DISABLED
            record.reason = "off until plugins.enable names it"
            continue
        if reason := _register_hooks(manager, module, candidate.name):
            record.fail(reason)
            continue
        infos[candidate.name] = info
    return _sort_by_requirements(infos, registry, manager)


def former_names() -> dict[str, str]:
    """Return the former names of the installed plugins, each with the present name.

    Imports every plugin, even a disabled one: call it only to complete an error.
    """
    found: dict[str, str] = {}
    for entry_point in installed_entry_points():
        try:
            info = _plugin_info(call(entry_point.name, "import", entry_point.load))
        except (PluginError, ValueError):
            continue
        found |= dict.fromkeys(info.formerly, entry_point.name)
    return found


def _plugin_info(module: Any) -> PluginInfo:
    """The module's `PLUGIN`, or a ValueError with the reason it is not fit."""
    if not isinstance(module, ModuleType):
        raise ValueError(f"the entry point leads to {type(module).__name__}; it must name a module")
    info = getattr(module, "PLUGIN", None)
    if not isinstance(info, PluginInfo):
        raise ValueError(
            f"{module.__name__} has no constant PLUGIN; add PLUGIN = PluginInfo(api={API}, summary=…)"
        )
    if info.api_version != API:
        age = "a newer" if info.api_version > API else "an older"
        raise ValueError(
            f"it is written for plugin API {info.api_version} and this Portico speaks {API}; "
            f"install {age} Portico, or another version of the plugin"
        )
    return info


def _register_hooks(manager: pluggy.PluginManager, module: Any, name: str) -> str:
    """Register with pluggy; empty if all is well, else what a person should mend."""
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        known = [
            spec
            for spec in vars(hookspecs)
            if spec.startswith(("register_", "startup", "shutdown"))
        ]
        for hook in sorted(vars(module)):
            marked = hasattr(getattr(module, hook), "portico_impl")
            if marked and hook not in known:
                close = difflib.get_close_matches(hook, known, n=1)
                return f"there is no hook {hook!r}" + (
                    f"; did you mean {close[0]!r}?" if close else ""
                )
        return " ".join(str(error).split())
    except ValueError:
        other = next((n for n, plugin in manager.list_name_plugin() if plugin is module), "another")
        return f"its module is already registered as {other!r}: one module, one plugin"
    return ""


def _sort_by_requirements(
    infos: dict[str, PluginInfo], registry: PluginRegistry, manager: pluggy.PluginManager
) -> list[str]:
    """Names so that each comes after what it requires, else by name; drops what cannot be satisfied."""
    graph = {name: set(info.requires) for name, info in infos.items()}
    while True:
        broken = {
            name: needed
            for name, needs in graph.items()
            if (needed := sorted(needs - graph.keys()))
        }
        if not broken:
            break
        for name, needed in broken.items():
            why = ", ".join(_why_missing(other, registry) for other in needed)
            registry[name].fail(f"it requires {why}")
            manager.unregister(name=name)
            del graph[name]
    try:
        sorter = graphlib.TopologicalSorter({name: graph[name] for name in sorted(graph)})
        sorter.prepare()
    except graphlib.CycleError as error:
        ring = error.args[1]
        for name in set(ring):
            registry[name].fail(f"plugins require each other in a ring: {' → '.join(ring)}")
            manager.unregister(name=name)
        return _sort_by_requirements(
            {n: i for n, i in infos.items() if n not in ring}, registry, manager
        )
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _why_missing(name: str, registry: PluginRegistry) -> str:
    return f"{name!r}, which is {registry[name].state if name in registry else 'not installed'}"
