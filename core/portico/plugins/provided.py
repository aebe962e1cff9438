"""What each plugin provides, for `portico plugin list`, and which routes give way to those of another plugin."""

from collections.abc import Iterable, Sequence

from portico.db import Retention
from portico.plugins.conflicts.claims import source_names, table_names
from portico.plugins.conflicts.placeholders import PLACEHOLDERS, give_way, own_paths
from portico.plugins.conflicts.replacements import Replacements
from portico.plugins.contributions import Contribution
from portico.plugins.registry import PluginRegistry


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
        record.provides = _provided(contribution) | placeholders
    replacements.say(registry)


def _provided(contribution: Contribution) -> dict[str, list[str]]:
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
        "stored contents": [one.name for one in contribution.stored_contents],
        "database checks": [check.name for check in contribution.database_checks],
        "resources": [kind.name for kind in contribution.resources],
        "policies": [str(policy) for policy in contribution.policies],
        "listens to": [listener.event.__name__ for listener in contribution.listeners],
        "health checks": [check.name for check in contribution.health_checks],
        "request observers": [type(one).__name__ for one in contribution.request_observers],
        "tracer": ["default"] if contribution.tracer else [],
        "metrics": [one.name for one in contribution.metrics],
        "socket events": [event.name for event in contribution.socket_events],
        "tasks": [task.name for task in contribution.tasks],
        "transfer kinds": [one.name for one in contribution.transfer_kinds],
        "import formats": [one.name for one in contribution.import_formats],
        "settings": list(contribution.settings.__struct_fields__) if contribution.settings else [],
    }
    return {kind: things for kind, things in provided.items() if things}


def _retention_text(retention: Retention) -> str:
    if retention.days is None:
        return f"{retention.table}: until they expire"
    return f"{retention.table}: {retention.days} days"
