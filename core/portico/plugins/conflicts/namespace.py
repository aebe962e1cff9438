"""Where a plugin may have routes, events, tables, tasks and fallbacks, and how they must be named."""

from collections.abc import Sequence

from portico.plugins.conflicts.claims import table_names
from portico.plugins.contributions import Contribution
from portico.web.middleware.base_path import OWN_PARTS

#: Kinds of tasks of one plugin. Each is a part of the statements that find due tasks, and SQLite allows 500 parts.
MAX_TASKS = 100


def outside_namespace(contribution: Contribution) -> str:
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
        *(
            (s.table, f"its contents {s.name!r} are listed by {s.table}, a table of another plugin")
            for s in contribution.stored_contents
        ),
        *(
            (table, f"its revision {column} is in {table}, a table of another plugin")
            for table, column in (own.revisions if own else ())
        ),
    ]
    return next((why for table, why in declared if table not in tables), "")
