"""Loads the chosen plugins: from the installed entry points to what each plugin contributes."""

from collections.abc import Sequence

import pluggy
import structlog

from portico.boot.schema import CannotStart
from portico.db import bind
from portico.plugins import isolation
from portico.plugins.conflicts import drop_conflicts
from portico.plugins.context import AppContext
from portico.plugins.contributions import Contribution, collect
from portico.plugins.discovery import discover, unknown_names
from portico.plugins.loader import former_names, import_plugins
from portico.plugins.location import location_of_error
from portico.plugins.registry import PluginRegistry
from portico.settings.load import LoadedSettings

log = structlog.get_logger("portico")


def load_plugins(
    loaded: LoadedSettings,
    registry: PluginRegistry,
    manager: pluggy.PluginManager,
    app: AppContext,
    *,
    routes: bool,
) -> list[Contribution]:
    """Import the chosen plugins and collect their contributions. A plugin that fails is in `registry` with the reason.

    `routes`: with the plugins' routes. Raises: CannotStart if the settings name a plugin that is not installed.
    """
    choice = loaded.settings.plugins
    candidates = discover(choice, registry)
    if unknown := unknown_names(choice, registry):
        known, former = ", ".join(sorted(registry.names)), former_names()
        raise CannotStart(
            [
                f"plugins: the plugin {name!r} is now called {former[name]!r}"
                if name in former
                else f"plugins: no plugin named {name!r} is installed; installed are {known}"
                for name in unknown
            ]
        )
    collected: list[Contribution] = []
    for name in import_plugins(candidates, choice, registry, manager):
        try:
            collected.append(collect(manager, name, app, loaded, routes=routes))
        except isolation.PluginError as error:
            record = registry[name]
            at = error.at or location_of_error(error.__cause__, record.package)
            record.fail(error.reason, error.trace, kind=error.kind, at=at)
    loaded.check_unknown_keys(registry.names, {c.plugin_name for c in collected}, former_names)
    kept = drop_conflicts(collected, registry, _core_paths() if routes else ())
    for contribution in kept:
        bind(contribution.tables.tables if contribution.tables else ())
    return kept


def _core_paths() -> Sequence[tuple[str, str]]:
    from portico.web.application import OWN_PATHS

    return OWN_PATHS


def log_plugins(registry: PluginRegistry, contributions: Sequence[Contribution]) -> None:
    """Log which plugins have failed, and which routes need no credentials."""
    for record in registry.failed:
        log.warning(
            "plugin failed",
            plugin=record.name,
            fault=record.fault,
            reason=record.reason,
            at=record.at,
        )
    for contribution in contributions:
        router = contribution.router
        public = [
            *(router.public_paths if router else ()),
            *(f"{one.prefix.rstrip('/')}/*" for one in contribution.fallbacks),
        ]
        if public:
            log.info("public routes", plugin=contribution.plugin_name, routes=public)
