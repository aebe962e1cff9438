"""Background tasks over HTTP and on the command line: their state and progress; cancel them, or run them again.

The core runs the tasks and owns their table; this plugin shows them.
"""

import click

from portico.api import AppContext, PluginInfo, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="Background tasks: list, show, cancel and run again.",
    route_prefixes=("/api/v1/tasks/jobs",),
)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `task` with its actions."""
    return [ResourceKind("task", "portico_task", ("read", "cancel", "retry"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of tasks."""
    return [PackagedPolicy("portico_policies", "tasks.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the service that routes and commands share."""
    from portico_task_admin.service import TaskService

    return TaskService(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/tasks/jobs`."""
    from portico_task_admin.routes import TaskRoutes

    return [TaskRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico task …`."""
    from portico_task_admin.commands import task

    cli.add_command(task)
