"""Detects conflicts between the contributions of plugins. A plugin with a conflict fails whole."""

from collections.abc import Iterable, Sequence

from portico.catalogue.source import ModelSource
from portico.db import Retention
from portico.permissions import BASE_POLICY, PackagedPolicy
from portico.plugins.contributions import Contribution
from portico.plugins.placeholders import own_keys, own_paths, resolve_placeholders
from portico.plugins.registry import FaultKind, PluginRecord, PluginRegistry
from portico.sockets import OWN_EVENTS
from portico.web.middleware.base_path import OWN_PARTS

CORE = "portico"
#: Kinds of tasks of one plugin. Each is a part of the statements that find due tasks, and SQLite allows 500 parts.
MAX_TASKS = 100


def drop_conflicts(
    contributions: Sequence[Contribution],
    registry: PluginRegistry,
    core_paths: Iterable[tuple[str, str]] = (),
) -> list[Contribution]:
    """Return the contributions without conflicts. Of two plugins in conflict, the later one fails.

    The core comes before all plugins, and a plugin before those that require it. Placeholders are in no conflict: they
    give way to the routes of those that are kept. The failures are in `registry`.
    """
    taken: dict[tuple[str, str, str], str] = {
        ("route", method, path): CORE for method, path in core_paths
    }
    taken["policy file", BASE_POLICY.file_name, ""] = CORE
    taken |= {("socket event", name, ""): CORE for name in OWN_EVENTS}
    kept: list[Contribution] = []
    names: set[str] = set()
    for contribution in contributions:
        record = registry[contribution.plugin_name]
        own = tuple(_unique_names(contribution))
        if reason := _outside_namespace(contribution) or _conflict(own, taken):
            record.fail(reason, kind=FaultKind.CONFLICT)
            continue
        if reason := _missing_requirement(contribution, names):
            record.fail(reason, kind=FaultKind.REQUIREMENT)
            continue
        taken.update(dict.fromkeys(own, contribution.plugin_name))
        names.add(contribution.plugin_name)
        record.provides = summarize(contribution)
        kept.append(contribution)
    resolve_placeholders(kept, registry)
    return kept


def _unique_names(contribution: Contribution) -> Iterable[tuple[str, str, str]]:
    """Return what must be unique in an application, as triples of kind, name and path."""
    for method, path in own_keys(contribution):
        yield "route", method, path
    named = (
        ("fallback", [one.prefix.rstrip("/") + "/" for one in contribution.fallbacks]),
        ("service", [service.protocol.__name__ for service in contribution.services]),
        ("model source", _source_names(contribution)),
        ("message action", [one.id for one in contribution.message_actions]),
        (
            "model filter",
            [f"{contribution.plugin_name}:{one.name}" for one in contribution.model_filters],
        ),
        ("auth provider", [provider.name for provider in contribution.auth_providers]),
        ("token prefix", [reader.prefix for reader in contribution.token_authenticators]),
        ("resource kind", [kind.name for kind in contribution.resources]),
        # An operator overrides a policy file by its name.
        (
            "policy file",
            [p.file_name for p in contribution.policies if isinstance(p, PackagedPolicy)],
        ),
        ("table", _tables(contribution)),
        ("health check", [check.name for check in contribution.health_checks]),
        ("metric", [f"{contribution.plugin_name}_{one.name}" for one in contribution.metrics]),
        ("socket event", [event.name for event in contribution.socket_events]),
        ("task", [task.name for task in contribution.tasks]),
    )
    for kind, names in named:
        for name in names:
            yield kind, name, ""


def _paths(contribution: Contribution) -> Sequence[tuple[str, str]]:
    return contribution.router.paths if contribution.router else ()


def _tables(contribution: Contribution) -> list[str]:
    tables = contribution.tables.tables if contribution.tables else ()
    return [table._meta.tablename for table in tables]


def _conflict(own: Iterable[tuple[str, str, str]], taken: dict[tuple[str, str, str], str]) -> str:
    seen: set[tuple[str, str, str]] = set()
    for name in own:
        if name in taken:
            return f"{' '.join(filter(None, name))} belongs to {taken[name]!r} already"
        if name in seen:
            return f"it registers {' '.join(filter(None, name))} twice"
        seen.add(name)
    return ""


def _outside_namespace(contribution: Contribution) -> str:
    """Return the first route or table outside the plugin's namespace, as a reason; empty = there is none."""
    prefixes = (f"/api/x/{contribution.plugin_name}", *contribution.info.route_prefixes)
    below = tuple(f"{prefix.rstrip('/')}/" for prefix in prefixes)
    for _, path in _paths(contribution):
        if path not in prefixes and not path.startswith(below):
            return (
                f"its route {path} is outside /api/x/{contribution.plugin_name}/; "
                "move it there, or add a prefix to PluginInfo.route_prefixes"
            )
    claimed = (f"{contribution.plugin_name}:", *contribution.info.socket_prefixes)
    for event in contribution.socket_events:
        if not any(
            event.name == one or (one.endswith(":") and event.name.startswith(one))
            for one in claimed
        ):
            return (
                f"its socket event {event.name!r} must be named {contribution.plugin_name}:…; "
                "rename it, or add its name to PluginInfo.socket_prefixes"
            )
    if reason := (
        _bad_fallback(contribution)
        or _bad_task(contribution)
        or _bad_filter_or_action(contribution)
    ):
        return reason
    tables = _tables(contribution)
    for table in tables:
        if not table.startswith(f"{contribution.plugin_name}_"):
            return f"its table {table!r} must be named {contribution.plugin_name}_…"
    return _foreign_table(contribution, tables)


def _source_names(contribution: Contribution) -> list[str]:
    """Return the names of the sources that do not change while the server runs."""
    return [source.name for source in contribution.sources if isinstance(source, ModelSource)]


def _bad_fallback(contribution: Contribution) -> str:
    """Return why the fallbacks cannot be registered, as a reason; empty = they can."""
    for one in contribution.fallbacks:
        if not one.prefix.startswith("/"):
            return f"its fallback answers {one.prefix!r}; a prefix begins with /"
        if one.prefix not in contribution.info.route_prefixes:
            return f"its fallback answers {one.prefix}; add that to PluginInfo.route_prefixes"
        if one.prefix.split("/")[1] in OWN_PARTS:
            return f"its fallback answers {one.prefix}, where APIs are; choose another prefix"
    return ""


def _bad_task(contribution: Contribution) -> str:
    """Return why the tasks cannot be registered, as a reason; empty = they can."""
    if len(contribution.tasks) > MAX_TASKS:
        return f"it registers more than {MAX_TASKS} tasks; give one of them arguments instead"
    for task in contribution.tasks:
        if fault := task.fault():
            return f"its task {task.name!r} {fault}"
        if not task.name.startswith(f"{contribution.plugin_name}:"):
            return f"its task {task.name!r} must be named {contribution.plugin_name}:…"
    return ""


def _bad_filter_or_action(contribution: Contribution) -> str:
    """Return why the filters or actions cannot be registered, as a reason; empty = they can."""
    for action in contribution.message_actions:
        if fault := action.fault():
            return f"its message action {action.id!r} {fault}"
    for one in contribution.model_filters:
        if fault := one.fault():
            return f"its model filter {one.name!r} {fault}"
    return ""


def _foreign_table(contribution: Contribution, tables: Sequence[str]) -> str:
    """Return the first declaration about a table of another owner, as a reason; empty = there is none."""
    own = contribution.tables
    declared = [
        *(
            (c.table, f"its encrypted column {c} is in a table of another plugin")
            for c in (own.encrypted_columns if own else ())
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
    return next((why for table, why in declared if table not in tables), "")


def _missing_requirement(contribution: Contribution, valid: set[str]) -> str:
    missing = [name for name in contribution.info.requires if name not in valid]
    return f"it requires {', '.join(map(repr, missing))}, which has failed" if missing else ""


def summarize(contribution: Contribution) -> dict[str, list[str]]:
    """Return what a plugin contributes by kind, for `portico plugin list`. Empty kinds are left out."""
    provided = {
        "routes": [f"{method} {path}" for method, path in own_paths(contribution)],
        "fallbacks": [one.prefix for one in contribution.fallbacks],
        "model sources": _source_names(contribution),
        "message actions": [one.id for one in contribution.message_actions],
        "model filters": [one.name for one in contribution.model_filters],
        "auth providers": [provider.name for provider in contribution.auth_providers],
        "tokens": [reader.kind for reader in contribution.token_authenticators],
        "services": [service.protocol.__name__ for service in contribution.services],
        "tables": _tables(contribution),
        "retention": [_retention_text(one) for one in contribution.retention],
        "database checks": [check.name for check in contribution.database_checks],
        "resources": [kind.name for kind in contribution.resources],
        "policies": [str(policy) for policy in contribution.policies],
        "listens to": [listener.event.__name__ for listener in contribution.listeners],
        "health checks": [check.name for check in contribution.health_checks],
        "metrics": [one.name for one in contribution.metrics],
        "socket events": [event.name for event in contribution.socket_events],
        "tasks": [task.name for task in contribution.tasks],
        "settings": list(contribution.settings.__struct_fields__) if contribution.settings else [],
    }
    return {kind: things for kind, things in provided.items() if things}


def _retention_text(retention: Retention) -> str:
    if retention.days is None:
        return f"{retention.table}: until they expire"
    return f"{retention.table}: {retention.days} days"


def plugins_that_block_start(
    registry: PluginRegistry, required: Sequence[str], strict: bool
) -> list[PluginRecord]:
    """Return the plugins that prevent a start: required ones that are not active, and if `strict` all that have failed."""
    missing = [
        registry[name]
        if name in registry
        else PluginRecord(name, "?", "?", reason="it is not installed")
        for name in required
        if name not in registry or registry[name].state != "active"
    ]
    return missing + [record for record in registry.failed if strict and record not in missing]
