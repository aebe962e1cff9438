"""Loading the chosen plugins: from what is installed to what each of them contributes."""

from collections.abc import Sequence

import pluggy
import structlog

from portico.db import bind
from portico.opening import CannotStart
from portico.plugins import isolation
from portico.plugins.conflicts import drop_conflicts
from portico.plugins.context import AppContext
from portico.plugins.contributions import Contribution, collect
from portico.plugins.discovery import discover, unknown_names
from portico.plugins.loader import former_names, import_plugins
from portico.plugins.registry import PluginRegistry
from portico.settings.load import LoadedSettings
from portico.web.application import OWN_PATHS

log = structlog.get_logger("portico")


def load_plugins(
    loaded: LoadedSettings, register: PluginRegistry, manager: pluggy.PluginManager, app: AppContext
) -> list[Contribution]:
    """Import them and ask what they bring; one that fails is in `register`, with its reason.

    Raises: CannotStart if a plugin is named that is not installed.
    """
    choice = loaded.settings.plugins
    candidates = discover(choice, register)
    if unknown := unknown_names(choice, register):
        known, former = ", ".join(sorted(register.names)), former_names()
        raise CannotStart(
            [
                f"plugins: the plugin {name!r} is now called {former[name]!r}"
                if name in former
                else f"plugins: no plugin named {name!r} is installed; there are {known}"
                for name in unknown
            ]
        )
    collected: list[Contribution] = []
    for name in import_plugins(candidates, choice, register, manager):
        try:
            collected.append(collect(manager, name, app, loaded))
        except isolation.PluginError as fault:
            register[name].fail(fault.reason, fault.trace)
    loaded.check_unknown_keys(register.names, {c.plugin_name for c in collected}, former_names)
    kept = drop_conflicts(collected, register, OWN_PATHS)
    for contribution in kept:
        bind(contribution.tables.tables if contribution.tables else ())
    return kept


def announce(register: PluginRegistry, contributions: Sequence[Contribution]) -> None:
    """Log which plugins are not there, and which routes are open to anybody."""
    for record in register.failed:
        log.warning("plugin set aside", plugin=record.name, reason=record.reason)
    for contribution in contributions:
        if contribution.public_paths:
            log.info(
                "open to anybody", plugin=contribution.plugin_name, routes=contribution.public_paths
            )
