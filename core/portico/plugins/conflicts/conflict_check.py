"""Detects conflicts between the contributions of plugins. A plugin with a conflict fails whole."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from portico.db import Retention
from portico.identity import SESSION_CREDENTIAL, SESSION_TOKEN_HEADER
from portico.permissions import BASE_POLICY
from portico.plugins.conflicts.claims import (
    CORE,
    PLUGIN_NAME,
    PluginClaim,
    claims_of,
    source_names,
    table_names,
)
from portico.plugins.conflicts.placeholders import PLACEHOLDERS, give_way, own_paths
from portico.plugins.conflicts.replacements import Replacements
from portico.plugins.contributions import Contribution
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.plugins.registry import FaultKind, PluginRecord, PluginRegistry
from portico.sockets import OWN_EVENTS
from portico.web.middleware.base_path import OWN_PARTS

#: Kinds of tasks of one plugin. Each is a part of the statements that find due tasks, and SQLite allows 500 parts.
MAX_TASKS = 100


def drop_conflicts(
    contributions: Sequence[Contribution],
    registry: PluginRegistry,
    core_claims: Iterable[PluginClaim],
    replacements: Replacements,
    isolation: PluginIsolation,
    *,
    routes: bool,
    commands: Callable[[str], Collection[str]],
) -> list[Contribution]:
    """Return the contributions without conflicts. Of two plugins in conflict, the later one fails.

    The core comes before all plugins, built-ins before plugins of other distributions, and a plugin before those that
    require it. Placeholders are in no conflict: they give way to the routes of those that are kept. Where the operator
    says that a plugin replaces what another one has (`replacements`), that part of the other gives way, and the rest of
    it stays. The failures are in `registry`, those of the setting in `replacements`. `routes`: theirs are known.
    `commands(plugin)` returns the names of the commands of a loaded plugin.
    """
    taken = {
        PluginClaim("policy file", BASE_POLICY.file_name): CORE,
        PluginClaim("token prefix", SESSION_TOKEN_HEADER): CORE,
        PluginClaim("token kind", SESSION_CREDENTIAL): CORE,
        **{PluginClaim("socket event", name): CORE for name in OWN_EVENTS},
        **{PluginClaim(PLUGIN_NAME, record.name): record.name for record in registry},
        **dict.fromkeys(core_claims, CORE),
    }
    claims: dict[str, list[PluginClaim]] = {}
    for contribution in contributions:
        name = contribution.plugin_name
        try:
            found: list[PluginClaim] = isolation.call(
                name,
                "reading the names of what it registers",
                partial(list, claims_of(contribution)),
            )
        except PluginError as error:
            registry[name].fail(error.reason, error.trace, kind=error.kind, at=error.at)
        else:
            claims[name] = found
    readable = [one for one in contributions if one.plugin_name in claims]
    replacements.check(claims, taken, registry, routes=routes, commands=commands)
    kept, reasons = _keep(readable, claims, taken, replacements)
    # A plugin that fails replaces nothing, so that what it would have replaced stays where it was.
    while replacements.forget(reasons):
        kept, reasons = _keep(readable, claims, taken, replacements)
    for name, (kind, reason) in reasons.items():
        registry[name].fail(reason, kind=kind)
    left = replacements.divide(kept, claims)
    describe_all(left, left, registry, replacements)
    return left


def _keep(
    contributions: Sequence[Contribution],
    claims: Mapping[str, Sequence[PluginClaim]],
    taken: Mapping[PluginClaim, str],
    replacements: Replacements,
) -> tuple[list[Contribution], dict[str, tuple[FaultKind, str]]]:
    """Return the plugins without conflicts, and the kinds of fault of the others with the reasons, by name."""
    holders, names = dict(taken), set[str]()
    kept: list[Contribution] = []
    reasons: dict[str, tuple[FaultKind, str]] = {}
    for contribution in contributions:
        plugin = contribution.plugin_name
        own = [one for one in claims[plugin] if replacements.winner(one, claims) in ("", plugin)]
        if reason := _outside_namespace(contribution) or _conflict(plugin, own, holders):
            reasons[plugin] = FaultKind.CONFLICT, reason
            continue
        if reason := _missing_requirement(contribution, names):
            reasons[plugin] = FaultKind.REQUIREMENT, reason
            continue
        holders.update(dict.fromkeys(own, plugin))
        names.add(plugin)
        kept.append(contribution)
    return kept, reasons


def _conflict(plugin: str, own: Iterable[PluginClaim], holders: Mapping[PluginClaim, str]) -> str:
    """Return the first conflict of a plugin, as a reason; empty = there is none."""
    seen: set[PluginClaim] = set()
    for claim in own:
        if claim in seen:
            return f"it registers {claim} twice"
        seen.add(claim)
        if claim in holders:
            return f"{claim} belongs to {holders[claim]!r} already; {_way_out(claim, plugin, holders[claim])}"
        if claim.kind == "token prefix":
            prefixes = {one.name: of for one, of in holders.items() if one.kind == "token prefix"}
            for prefix, holder in prefixes.items():
                if prefix.startswith(claim.name) or claim.name.startswith(prefix):
                    return (
                        f"token prefix {claim.name!r} overlaps {prefix!r}, which belongs to {holder!r} already; "
                        "choose one that begins differently"
                    )
    return ""


def _way_out(claim: PluginClaim, plugin: str, holder: str) -> str:
    """Return what to do about a conflict, as the end of a sentence."""
    if holder == CORE:
        return "nothing can replace what the core has, so choose another"
    if not claim.key or claim.kind == PLUGIN_NAME:
        return "choose another"
    return (
        f'choose another, or set [plugins] replace = {{"{claim.key}" = "{plugin}"}} to replace it'
    )


def _outside_namespace(contribution: Contribution) -> str:
    """Return the first route or table outside the plugin's namespace, as a reason; empty = there is none."""
    prefixes = (f"/api/x/{contribution.plugin_name}", *contribution.info.route_prefixes)
    below = tuple(f"{prefix.rstrip('/')}/" for prefix in prefixes)
    for _, path in contribution.router.paths if contribution.router else ():
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
    tables = table_names(contribution)
    for table in tables:
        if not table.startswith(f"{contribution.plugin_name}_"):
            return f"its table {table!r} must be named {contribution.plugin_name}_…"
    return _foreign_table(contribution, tables)


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


def describe_all(
    changed: Iterable[Contribution],
    active: Sequence[Contribution],
    registry: PluginRegistry,
    replacements: Replacements,
) -> None:
    """Let routes of the active plugins give way, and say in `registry` what each of the changed ones has."""
    give_way(active, registry, replacements)
    for contribution in changed:
        record = registry[contribution.plugin_name]
        placeholders = {k: v for k, v in record.provides.items() if k == PLACEHOLDERS}
        record.provides = summarize(contribution) | placeholders
    replacements.say(registry)


def summarize(contribution: Contribution) -> dict[str, list[str]]:
    """Return what a plugin contributes by kind, for `portico plugin list`. Empty kinds are left out."""
    provided = {
        "routes": [f"{method} {path}" for method, path in own_paths(contribution)],
        "fallbacks": [one.prefix for one in contribution.fallbacks],
        "model sources": source_names(contribution),
        "message actions": [one.id for one in contribution.message_actions],
        "model filters": [one.name for one in contribution.model_filters],
        "auth providers": [provider.name for provider in contribution.auth_providers],
        "tokens": [reader.kind for reader in contribution.token_authenticators],
        "services": [service.protocol.__name__ for service in contribution.services],
        "tables": table_names(contribution),
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
