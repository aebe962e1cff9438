"""Loads the chosen plugins: from the installed entry points to what each plugin contributes."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial

import pluggy
import structlog

from portico.boot.schema import CORE_TABLES, CannotStart
from portico.db import bind
from portico.identity import UnusableProvider
from portico.metrics import Metric
from portico.permissions import ResourceKind
from portico.plugins.conflicts.claims import PLUGIN_NAME, ROUTE, PluginClaim
from portico.plugins.conflicts.conflict_check import drop_conflicts
from portico.plugins.conflicts.replacements import Replacements
from portico.plugins.conflicts.resource_checks import resource_fault
from portico.plugins.context import AppContext
from portico.plugins.contributions import Contribution, collect
from portico.plugins.discovery import discover, unknown_names
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.plugins.loader import former_names, import_plugins
from portico.plugins.provided import describe_all
from portico.plugins.registry import FaultKind, PluginRegistry
from portico.settings.load import LoadedSettings
from portico.settings.problems import BadSettings
from portico.settings.schema import PluginSelection
from portico.settings.section import Section

log = structlog.get_logger("portico")
#: What `/ready` names of the core itself.
_CORE_CHECKS = ("database", "redis", "schema", "shutdown", "plugin")


def load_plugins(
    loaded: LoadedSettings,
    registry: PluginRegistry,
    manager: pluggy.PluginManager,
    app: AppContext,
    isolation: PluginIsolation,
    *,
    replacements: Replacements,
    core_claims: Iterable[PluginClaim],
    routes: bool,
) -> list[Contribution]:
    """Import the chosen plugins and collect their contributions. A plugin that fails is in `registry` with the reason.

    `core_claims`: what the core has, and no plugin can have. `routes`: with the plugins' routes. Raises: CannotStart if
    the settings name a plugin that is not installed, or replacements that are impossible; BadSettings.
    """
    choice = loaded.settings.plugins
    candidates = discover(choice, registry, replacements)
    unknown = _unknown_plugins(choice, registry, isolation)
    if unknown and not choice.replace:
        raise CannotStart(unknown)
    for candidate in candidates:
        isolation.code.add(candidate.name, candidate.entry_point.module)
    of_core = list(app.runtime_settings.configured)
    core_claims = list(core_claims)
    collected: list[Contribution] = []
    for name in import_plugins(candidates, choice, registry, manager, isolation):
        try:
            collected.append(collect(manager, name, app, loaded, isolation, routes=routes))
        except Exception as error:
            fault = isolation.blamed("reading what it registers", error)
            if fault is None or fault.plugin != name:
                raise
            registry[name].fail(fault.reason, fault.trace, kind=fault.kind, at=fault.at)
    while True:
        try:
            return _keep_compatible(
                loaded,
                registry,
                manager,
                app,
                isolation,
                collected=collected,
                replacements=replacements,
                core_claims=core_claims,
                unknown=unknown,
                of_core=of_core,
                routes=routes,
            )
        except Exception as error:
            fault = isolation.blamed("comparing what it registers", error)
            collected_names = {one.plugin_name for one in collected}
            if fault is None or fault.plugin not in collected_names:
                raise
            registry[fault.plugin].fail(fault.reason, fault.trace, kind=fault.kind, at=fault.at)
            collected = [one for one in collected if one.plugin_name != fault.plugin]


def _keep_compatible(
    loaded: LoadedSettings,
    registry: PluginRegistry,
    manager: pluggy.PluginManager,
    app: AppContext,
    isolation: PluginIsolation,
    *,
    collected: list[Contribution],
    replacements: Replacements,
    core_claims: Iterable[PluginClaim],
    unknown: Sequence[str],
    of_core: Sequence[Section],
    routes: bool,
) -> list[Contribution]:
    """Return the plugins that fit together, and fail the others, in `registry`. Raises: CannotStart; BadSettings."""
    collected = _check_unknown_keys(loaded, registry, collected, isolation)
    collected = _check_resources(manager, registry, collected, isolation, replacements)
    kept = drop_conflicts(
        collected,
        registry,
        [*core_claims, *(_core_routes() if routes else ())],
        replacements,
        isolation,
        routes=routes,
        commands=lambda name: _command_names(
            manager, next(one for one in collected if one.plugin_name == name), isolation
        ),
    )
    describe_all(kept, kept, registry, replacements)
    if faults := [*unknown, *replacements.faults]:
        raise CannotStart(faults)
    used = [*of_core, *(one.settings for one in kept)]
    for settings in app.runtime_settings.configured:
        if not any(settings is one for one in used):
            app.runtime_settings.remove(settings)  # of a plugin that has failed
    for contribution in kept:
        registry[contribution.plugin_name].unusable = {
            provider.name: provider.reason
            for provider in contribution.auth_providers
            if isinstance(provider, UnusableProvider)
        }
        bind(contribution.tables.tables if contribution.tables else ())
    return kept


def _check_resources(
    manager: pluggy.PluginManager,
    registry: PluginRegistry,
    collected: list[Contribution],
    isolation: PluginIsolation,
    replacements: Replacements,
) -> list[Contribution]:
    """Return the plugins whose resource kinds, and what their routes require, are right; the others fail."""
    kinds: dict[str, ResourceKind] = {}
    for contribution in collected:
        for kind in contribution.resources:
            chosen = replacements.chosen("resource kind", kind.name)
            if kind.name not in kinds or chosen == contribution.plugin_name:
                kinds[kind.name] = kind
    core_tables = {one._meta.tablename for tables in CORE_TABLES.values() for one in tables.tables}
    complete = len(collected) == len(list(registry))
    valid = []
    for contribution in collected:
        fault = resource_fault(contribution, kinds, core_tables, complete=complete)
        if fault is None:
            valid.append(contribution)
            continue
        module = manager.get_plugin(contribution.plugin_name)
        origin = fault.culprit or getattr(module, "register_resources", None)
        registry[contribution.plugin_name].fail(
            fault.reason, kind=fault.kind, at=isolation.code.of_definition(origin).at
        )
    return valid


def _command_names(
    manager: pluggy.PluginManager, contribution: Contribution, isolation: PluginIsolation
) -> Collection[str]:
    from portico.plugins.commands import commands_of

    try:
        return commands_of(manager, contribution, isolation)
    except PluginError:
        return ()


def _check_unknown_keys(
    loaded: LoadedSettings,
    registry: PluginRegistry,
    collected: list[Contribution],
    isolation: PluginIsolation,
) -> list[Contribution]:
    """Return the plugins for which no setting is meant that they do not have; the others fail. Raises: BadSettings."""
    unknown = loaded.unknown_keys(
        registry.names, {c.plugin_name for c in collected}, partial(former_names, isolation)
    )
    if unknown.problems:
        raise BadSettings(unknown.problems)
    for problem in unknown.ignored:
        log.warning("settings are not used", section=problem.key, reason=problem.reason)
    for name, problems in unknown.of_plugins.items():
        registry[name].fail("; ".join(map(str, problems)), kind=FaultKind.SETTINGS)
    return [c for c in collected if c.plugin_name not in unknown.of_plugins]


def _unknown_plugins(
    choice: PluginSelection, registry: PluginRegistry, isolation: PluginIsolation
) -> list[str]:
    """Return one sentence for each plugin in the settings that is not installed."""
    names = unknown_names(choice, registry)
    if not names:
        return []
    known, former = ", ".join(sorted(registry.names)), former_names(isolation)
    return [
        f"plugins: the plugin {name!r} is now called {former[name]!r}"
        if name in former
        else f"plugins: no plugin named {name!r} is installed; installed are {known}"
        for name in names
    ]


def core_claims(metrics: Iterable[Metric], tables: Iterable[str]) -> list[PluginClaim]:
    """Return what the core has besides its routes. `tables`: the owners of its tables."""
    return [
        *(PluginClaim("metric", one.name) for one in metrics),
        *(PluginClaim("health check", name) for name in _CORE_CHECKS),
        *(PluginClaim("owner of tables", owner) for owner in tables),
        *(PluginClaim(PLUGIN_NAME, owner) for owner in tables),
    ]


def _core_routes() -> list[PluginClaim]:
    from portico.web.application import OWN_PATHS

    return [PluginClaim(ROUTE, method, path) for method, path in OWN_PATHS]


def log_plugins(registry: PluginRegistry, contributions: Sequence[Contribution]) -> None:
    """Log which plugins have failed, which auth providers have settings that cannot work, and which routes need no credentials."""
    for record in registry.failed:
        log.warning(
            "plugin failed",
            plugin=record.name,
            fault=record.fault,
            reason=record.reason,
            at=record.at,
        )
    for name, provider, reason in registry.unusable_providers:
        log.warning("auth provider disabled", plugin=name, provider=provider, reason=reason)
    for contribution in contributions:
        router = contribution.router
        public = [
            *(router.public_paths if router else ()),
            *(f"{one.prefix.rstrip('/')}/*" for one in contribution.fallbacks),
        ]
        if public:
            log.info("public routes", plugin=contribution.plugin_name, routes=public)
