"""Putting contributions together. Every clash is refused whole, and names both sides."""

import re
from collections.abc import Iterable, Sequence

from portico.permissions import HOUSE_RULES, PolicyFile
from portico.plugins.collect import Contribution
from portico.plugins.state import Record, Register

CORE = "portico"
_PARAMETER = re.compile(r"\{\w+\}")


def assemble(
    contributions: Sequence[Contribution],
    register: Register,
    core_paths: Iterable[tuple[str, str]] = (),
) -> list[Contribution]:
    """The contributions that fit together. A later plugin that clashes with an earlier one is dropped whole.

    The core was there first; so was a plugin that others require.
    """
    taken: dict[tuple[str, str, str], str] = {
        ("route", method, path): CORE for method, path in core_paths
    }
    taken["policy page", HOUSE_RULES.page, ""] = CORE
    kept: list[Contribution] = []
    names: set[str] = set()
    for contribution in contributions:
        record = register[contribution.plugin]
        reason = (
            _strayed(contribution) or _clash(contribution, taken) or _deserted(contribution, names)
        )
        if reason:
            record.fail(reason)
            continue
        taken.update(dict.fromkeys(_seats(contribution), contribution.plugin))
        names.add(contribution.plugin)
        record.brings = what_it_brings(contribution)
        kept.append(contribution)
    return kept


def _seats(contribution: Contribution) -> Iterable[tuple[str, str, str]]:
    """Everything there can be only one of."""
    for method, path in contribution.paths:
        # Whatever a parameter's type, there is one route at its place.
        yield "route", method, _PARAMETER.sub("{}", path)
    named = (
        ("service", [service.protocol.__name__ for service in contribution.services]),
        ("model source", [source.name for source in contribution.sources]),
        ("way to sign in", [way.name for way in contribution.auth_providers]),
        ("token prefix", [reader.prefix for reader in contribution.token_readers]),
        ("resource kind", [kind.name for kind in contribution.resources]),
        # An operator replaces a page by its name.
        ("policy page", [p.page for p in contribution.policies if isinstance(p, PolicyFile)]),
        ("table", _tables(contribution)),
        ("health check", [check.name for check in contribution.health_checks]),
    )
    for seat, names in named:
        for name in names:
            yield seat, name, ""


def _tables(contribution: Contribution) -> list[str]:
    tables = contribution.tables.tables if contribution.tables else ()
    return [table._meta.tablename for table in tables]


def _clash(contribution: Contribution, taken: dict[tuple[str, str, str], str]) -> str:
    mine: set[tuple[str, str, str]] = set()
    for seat in _seats(contribution):
        if seat in taken:
            return f"{' '.join(filter(None, seat))} belongs to {taken[seat]!r} already"
        if seat in mine:
            return f"it brings {' '.join(filter(None, seat))} twice"
        mine.add(seat)
    return ""


def _strayed(contribution: Contribution) -> str:
    """A route outside the plugin's own ground, a table that does not carry its name, a locked column that is not its own."""
    ground = (f"/api/x/{contribution.plugin}", *contribution.info.claims)
    for _, path in contribution.paths:
        if not any(path == claim or path.startswith(claim.rstrip("/") + "/") for claim in ground):
            return (
                f"its route {path} lies outside /api/x/{contribution.plugin}/; "
                "move it there, or name a prefix in PluginInfo.claims"
            )
    tables = _tables(contribution)
    for table in tables:
        if not table.startswith(f"{contribution.plugin}_"):
            return f"its table {table!r} must be named {contribution.plugin}_…"
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


def _deserted(contribution: Contribution, kept: set[str]) -> str:
    missing = [name for name in contribution.info.requires if name not in kept]
    return f"it requires {', '.join(map(repr, missing))}, set aside" if missing else ""


def what_it_brings(contribution: Contribution) -> dict[str, list[str]]:
    """In an operator's words, by kind; kinds it brings nothing of are left out."""
    brings = {
        "routes": [f"{method} {path}" for method, path in contribution.paths],
        "model sources": [source.name for source in contribution.sources],
        "ways to sign in": [way.name for way in contribution.auth_providers],
        "tokens": [reader.kind for reader in contribution.token_readers],
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


def blocking(register: Register, required: Sequence[str], strict: bool) -> list[Record]:
    """Plugins whose state forbids serving: a required one that is not active, or any failed one if strict."""
    missing = [
        register[name] if name in register else Record(name, "?", "?", reason="it is not installed")
        for name in required
        if name not in register or register[name].state != "active"
    ]
    return missing + [record for record in register.failed if strict and record not in missing]
