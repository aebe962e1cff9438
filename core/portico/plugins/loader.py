"""Imports plugins and checks their API version, hooks and requirements. A plugin that fails has a reason."""

import graphlib
import heapq
from collections.abc import Callable
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import pluggy

from portico import hookspecs
from portico.plugins.checks.hook_functions import check_hooks
from portico.plugins.discovery import Candidate, installed_entry_points
from portico.plugins.faults import DeclarationFault
from portico.plugins.info import API, PluginInfo, info_fault
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.plugins.registry import FaultKind, PluginRegistry, PluginState
from portico.settings.schema import PluginSelection

T = TypeVar("T")


class UnusableModule(Exception):
    """The module of an entry point is not a plugin that this Portico can use. The text says why."""

    def __init__(self, reason: str, kind: FaultKind = FaultKind.IMPORT) -> None:
        super().__init__(reason)
        self.kind = kind


class HookManager(pluggy.PluginManager):
    """Finds the hooks of a module among its functions. Examining all its names would take a fifth of a start."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Return the options of the hook of this name, None if it is none."""
        found = vars(plugin).get(name)
        return getattr(found, "portico_impl", None) if isinstance(found, FunctionType) else None


def new_manager() -> pluggy.PluginManager:
    """Return a new plugin manager, for one application."""
    manager = HookManager("portico")
    manager.add_hookspecs(hookspecs)
    return manager


def import_plugins(
    candidates: list[Candidate],
    choice: PluginSelection,
    registry: PluginRegistry,
    manager: pluggy.PluginManager,
    isolation: PluginIsolation,
) -> list[str]:
    """Import and register the candidates. Return the names of the loaded plugins, each after those it requires."""
    infos: dict[str, PluginInfo] = {}
    for candidate in candidates:
        record = registry[candidate.name]
        try:
            load = candidate.entry_point.load
            module = isolation.call(candidate.name, "import", load, kind=FaultKind.IMPORT)
            info = _call(isolation, candidate.name, partial(_plugin_info, module))
        except PluginError as error:
            record.fail(error.reason, error.trace, kind=error.kind, at=error.at)
            continue
        except UnusableModule as error:
            record.fail(str(error), kind=error.kind, at=isolation.code.of_definition(module).at)
            continue
        record.summary, record.requires = info.summary, info.requires
        record.identifies_users = info.identifies_users
        if info.disabled_by_default and candidate.name not in choice.enable and not choice.only:
            record.state = PluginState.DISABLED
            record.reason = "off by default; add it to plugins.enable"
            continue
        culprit: Any = module
        reason = ""
        try:
            _call(isolation, candidate.name, partial(check_hooks, module))
            reason = _register_hooks(manager, module, candidate.name)
        except PluginError as error:
            record.fail(error.reason, error.trace, kind=error.kind, at=error.at)
            continue
        except DeclarationFault as fault:
            reason, culprit = str(fault), fault.culprit
        if reason:
            record.fail(reason, kind=FaultKind.HOOK, at=isolation.code.of_definition(culprit).at)
            continue
        infos[candidate.name] = info
    return _sort_by_requirements(infos, registry, manager)


def _call(isolation: PluginIsolation, plugin: str, check: Callable[[], T]) -> T:
    """Check a plugin's module, whose objects may raise anything. Raises: PluginError; UnusableModule; DeclarationFault."""

    def run() -> T | UnusableModule | DeclarationFault:
        try:
            return check()
        except (UnusableModule, DeclarationFault) as fault:
            return fault

    found = isolation.call(plugin, "reading its module", run, kind=FaultKind.IMPORT)
    if isinstance(found, UnusableModule | DeclarationFault):
        raise found
    return found


def former_names(isolation: PluginIsolation) -> dict[str, str]:
    """Return the former names of the installed plugins, each with the present name.

    Imports every plugin, even a disabled one: call it only to complete an error.
    """
    found: dict[str, str] = {}
    for entry_point in installed_entry_points():
        try:
            module = isolation.call(entry_point.name, "import", entry_point.load)
            info = _call(isolation, entry_point.name, partial(_plugin_info, module))
        except (PluginError, UnusableModule):
            continue
        found |= dict.fromkeys(info.formerly, entry_point.name)
    return found


def _plugin_info(module: Any) -> PluginInfo:
    """Return the constant `PLUGIN` of a plugin's module. Raises: UnusableModule."""
    if not isinstance(module, ModuleType):
        raise UnusableModule(
            f"the entry point leads to {type(module).__name__}; it must name a module"
        )
    info = getattr(module, "PLUGIN", None)
    if not isinstance(info, PluginInfo):
        raise UnusableModule(
            f"{module.__name__} has no constant PLUGIN; add PLUGIN = PluginInfo(api_version={API}, summary=…)"
        )
    if fault := info_fault(info):
        raise UnusableModule(fault)
    if info.api_version != API:
        age = "a newer" if info.api_version > API else "an older"
        raise UnusableModule(
            f"it is written for plugin API {info.api_version} and this Portico has {API}; "
            f"install {age} Portico, or another version of the plugin",
            FaultKind.API_VERSION,
        )
    return info


def _register_hooks(manager: pluggy.PluginManager, module: Any, name: str) -> str:
    """Register the hooks of a module with pluggy. Return the reason if that fails, else an empty text."""
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        return " ".join(str(error).split())
    except ValueError:
        other = next((n for n, plugin in manager.list_name_plugin() if plugin is module), "another")
        return f"its module is already registered as {other!r}; a module can be only one plugin"
    return ""


def _sort_by_requirements(
    infos: dict[str, PluginInfo], registry: PluginRegistry, manager: pluggy.PluginManager
) -> list[str]:
    """Return the names in the order of `infos`, but each after those it requires. Plugins with missing requirements fail."""
    places = {name: place for place, name in enumerate(infos)}
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
            registry[name].fail(f"it requires {why}", kind=FaultKind.REQUIREMENT)
            manager.unregister(name=name)
            del graph[name]
    try:
        sorter = graphlib.TopologicalSorter(graph)
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = error.args[1]
        for name in set(cycle):
            registry[name].fail(
                f"plugins require each other in a cycle: {' → '.join(cycle)}",
                kind=FaultKind.REQUIREMENT,
            )
            manager.unregister(name=name)
        return _sort_by_requirements(
            {n: i for n, i in infos.items() if n not in cycle}, registry, manager
        )
    order: list[str] = []
    ready: list[tuple[int, str]] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (places[name], name))
        # One at a time: what it makes ready may come before the others.
        _, first = heapq.heappop(ready)
        order.append(first)
        sorter.done(first)
    return order


def _why_missing(name: str, registry: PluginRegistry) -> str:
    return f"{name!r}, which {_state_of(name, registry)}"


def _state_of(name: str, registry: PluginRegistry) -> str:
    if name not in registry:
        return "is not installed"
    state = registry[name].state
    return "has failed" if state is PluginState.FAILED else f"is {state}"
