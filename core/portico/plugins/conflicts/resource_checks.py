"""Checks what a plugin says about resources against its tables and the kinds of all plugins."""

import difflib
from collections.abc import Collection, Mapping
from typing import NamedTuple

from portico.permissions import ResourceKind
from portico.plugins.contributions import Contribution
from portico.plugins.registry import FaultKind


class ResourceFault(NamedTuple):
    """A sentence, and what it is about: a function of the plugin, or None for the hook `register_resources`."""

    kind: FaultKind
    reason: str
    culprit: object = None


def resource_fault(
    contribution: Contribution,
    kinds: Mapping[str, ResourceKind],
    core_tables: Collection[str],
    *,
    complete: bool,
) -> ResourceFault | None:
    """Return the first fault of a plugin's resource kinds and of what its routes require; None = there is none.

    `kinds`: those of all loaded plugins, by name. `complete`: every installed plugin is loaded, so there are no others.
    """
    for kind in contribution.resources:
        if reason := _kind_fault(contribution, kind, core_tables):
            return ResourceFault(FaultKind.HOOK, f"register_resources: {reason}")
    for path, handler in contribution.router.required_actions if contribution.router else ():
        name, action = handler.opt["requires"]
        if reason := _requirement_fault(name, action, kinds, complete):
            text = f"the route {path} requires {name}:{action}, but {reason}"
            return ResourceFault(FaultKind.ROUTES, text, handler.fn)
    return None


def _kind_fault(
    contribution: Contribution, kind: ResourceKind, core_tables: Collection[str]
) -> str:
    if not kind.table or kind.table in core_tables:
        return ""
    tables = contribution.tables.tables if contribution.tables else ()
    found = next((one for one in tables if one._meta.tablename == kind.table), None)
    if found is None:
        return (
            f"the resource kind {kind.name!r} has the table {kind.table!r}, which register_tables does not return; "
            "return it there, or leave the table empty"
        )
    columns = {column._meta.name for column in found._meta.columns}
    for column in (kind.id, kind.owner):
        if column not in columns:
            return (
                f"the resource kind {kind.name!r} has the column {column!r}, which its table {kind.table!r} has not; "
                f"there is {', '.join(sorted(columns))}"
            )
    return ""


def _requirement_fault(
    name: str, action: str, kinds: Mapping[str, ResourceKind], complete: bool
) -> str:
    if name not in kinds:
        near = difflib.get_close_matches(name, kinds, n=1)
        if near:
            return f"there is no resource kind {name!r}; did you mean {near[0]!r}?"
        if complete:
            return f"no plugin has the resource kind {name!r}; there is {', '.join(sorted(kinds))}"
        return ""
    actions = kinds[name].all_actions
    if action in actions:
        return ""
    near = difflib.get_close_matches(action, actions, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(actions)}"
    return f"the resource kind {name!r} has no action {action!r}; {hint}"
