"""Loading the chosen plugins: from what is installed to what each of them contributes."""

from collections.abc import Sequence

import pluggy
import structlog

from portico.db import bind
from portico.opening import CannotStart
from portico.plugins import fence
from portico.plugins.admit import admit
from portico.plugins.assemble import assemble
from portico.plugins.collect import Contribution, collect
from portico.plugins.discover import discover, unknown_names
from portico.plugins.house import House
from portico.plugins.state import Register
from portico.settings.load import Loaded
from portico.web.application import OWN_PATHS

log = structlog.get_logger("portico")


def load_plugins(
    loaded: Loaded, register: Register, manager: pluggy.PluginManager, app: House
) -> list[Contribution]:
    """Import them and ask what they bring; one that fails is in `register`, with its reason.

    Raises: CannotStart if a plugin is named that is not installed.
    """
    choice = loaded.settings.plugins
    candidates = discover(choice, register)
    if unknown := unknown_names(choice, register):
        known = ", ".join(sorted(register.names))
        raise CannotStart(
            [
                f"plugins: no plugin named {name!r} is installed; there are {known}"
                for name in unknown
            ]
        )
    collected = []
    for name in admit(candidates, choice, register, manager):
        try:
            collected.append(collect(manager, name, app, loaded))
        except fence.Fault as fault:
            register[name].fail(fault.reason, fault.trace)
    loaded.check_leftovers(register.names, {c.plugin for c in collected})
    kept = assemble(collected, register, OWN_PATHS)
    for contribution in kept:
        bind(contribution.tables.tables if contribution.tables else ())
    return kept


def announce(register: Register, contributions: Sequence[Contribution]) -> None:
    """Log which plugins are not there, and which routes are open to anybody."""
    for record in register.failed:
        log.warning("plugin set aside", plugin=record.name, reason=record.reason)
    for contribution in contributions:
        if contribution.public_paths:
            log.info(
                "open to anybody", plugin=contribution.plugin, routes=contribution.public_paths
            )
