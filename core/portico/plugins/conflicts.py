"""Putting contributions together. Every clash is refused whole, and names both sides."""

import re
from collections.abc import Iterable, Sequence

from portico.permissions import BASE_POLICY, PackagedPolicy
from portico.plugins.contributions import Contribution
from portico.plugins.registry import PluginRecord, PluginRegistry

CORE = "portico"
_PARAMETER = re.compile(r"\{\w+\}")


def drop_conflicts(
    contributions: Sequence[Contribution],
    registry: PluginRegistry,
    core_paths: Iterable[tuple[str, str]] = (),
) -> list[Contribution]:
    """The contributions that fit together. A later plugin that clashes with an earlier one is dropped whole.

    The core was there first; so was a plugin that others require.
    """
    taken: dict[tuple[str, str, str], str] = {
        ("route", method, path): CORE for method, path in core_paths
    }
    taken["policy page", BASE_POLICY.page, ""] = CORE
    kept: list[Contribution] = []
    names: set[str] = set()
    for contribution in contributions:
        record = registry[contribution.plugin_name]
        reason = (
            _outside_namespace(contribution)
            or _conflict(contribution, taken)
            or _missing_requirement(contribution, names)
        )
        if reason:
            record.fail(reason)
            continue
        taken.update(dict.fromkeys(_unique_names(contribution), contribution.plugin_name))
        names.add(contribution.plugin_name)
        record.provides = summarize(contribution)
        kept.append(contribution)
    return kept


def _unique_names(contribution: Contribution) -> Iterable[tuple[str, str, str]]:
    """Everything there can be only one of."""
    for method, path in contribution.paths:
        # Whatever a parameter's type, there is one route at its place.
        yield "route", method, _PARAMETER.sub("{}", path)
    named = (
        ("service", [service.protocol.__name__ for service in contribution.services]),
        ("model source", [source.name for source in contribution.sources]),
        ("way to sign in", [way.name for way in contribution.auth_providers]),
        ("token prefix", [reader.prefix for reader in contribution.token_authenticators]),
        ("resource kind", [kind.name for kind in contribution.resources]),
        # An operator replaces a page by its name.
        ("policy page", [p.page for p in contribution.policies if isinstance(p, PackagedPolicy)]),
        ("table", _tables(contribution)),
        ("health check", [check.name for check in contribution.health_checks]),
    )
    for seat, names in named:
        for name in names:
            yield seat, name, ""


def _tables(contribution: Contribution) -> list[str]:
    tables = contribution.tables.tables if contribution.tables else ()
    return [table._meta.tablename for table in tables]


def _conflict(contribution: Contribution, taken: dict[tuple[str, str, str], str]) -> str:
    mine: set[tuple[str, str, str]] = set()
    for seat in _unique_names(contribution):
        if seat in taken:
            return f"{' '.join(filter(None, seat))} belongs to {taken[seat]!r} already"
        if seat in mine:
            return f"it brings {' '.join(filter(None, seat))} twice"
        mine.add(seat)
    return ""


def _outside_namespace(contribution: Contribution) -> str:
    """A route outside the plugin's own ground, a table that does not carry its name, a locked column that is not its own."""
    ground = (f"/api/x/{contribution.plugin_name}", *contribution.info.route_prefixes)
    for _, path in contribution.paths:
        if not any(path == claim or path.startswith(claim.rstrip("/") + "/") for claim in ground):
            return (
                f"its route {path} lies outside /api/x/{contribution.plugin_name}/; "
                "move it there, or name a prefix in PluginInfo.claims"
            )
    tables = _tables(contribution)
    for table in tables:
        if not table.startswith(f"{contribution.plugin_name}_"):
            return f"its table {table!r} must be named {contribution.plugin_name}_…"
    return _foreign(contribution, tables)


def _foreign(contribution: Contribution, tables: Sequence[str]) -> str:
    """What it says about a table that is not its own."""
    own = contribution.tables
    said = [
        *(
            (c.table, f"its locked column {c} is in a table of somebody else")
            for c in (own.locked if own else ())
        ),
        *(
            (r.table, f"its reference {r} is in a table of another plugin")
            for r in (own.references if own else ())
        ),
        *(
            (r.table, f"it deletes old rows of {r.table}, a table of another plugin")
            for r in contribution.retention
        ),
    ]
    return next((why for table, why in said if table not in tables), "")


def _missing_requirement(contribution: Contribution, kept: set[str]) -> str:
    missing = [name for name in contribution.info.requires if name not in kept]
    return f"it requires {', '.join(map(repr, missing))}, set aside" if missing else ""


def summarize(contribution: Contribution) -> dict[str, list[str]]:
    """In an operator's words, by kind; kinds it brings nothing of are left out."""
    brings = {
        "routes": [f"{method} {path}" for method, path in contribution.paths],
        "model sources": [source.name for source in contribution.sources],
        "ways to sign in": [way.name for way in contribution.auth_providers],
        "tokens": [reader.kind for reader in contribution.token_authenticators],
        "services": [service.protocol.__name__ for service in contribution.services],
        "tables": _tables(contribution),
        "retention": [f"{one.table}: {one.days} days" for one in contribution.retention],
        "database checks": [check.name for check in contribution.database_checks],
        "resources": [kind.name for kind in contribution.resources],
        "policies": [str(policy) for policy in contribution.policies],
        "listens to": [listener.event.__name__ for listener in contribution.listeners],
        "health checks": [check.name for check in contribution.health_checks],
        "settings": list(contribution.settings.__struct_fields__) if contribution.settings else [],
    }
    return {kind: things for kind, things in brings.items() if things}


def plugins_that_block_start(
    registry: PluginRegistry, required: Sequence[str], strict: bool
) -> list[PluginRecord]:
    """Plugins whose state forbids serving: a required one that is not active, or any failed one if strict."""
    missing = [
        registry[name]
        if name in registry
        else PluginRecord(name, "?", "?", reason="it is not installed")
        for name in required
        if name not in registry or registry[name].state != "active"
    ]
    return missing + [record for record in registry.failed if strict and record not in missing]
