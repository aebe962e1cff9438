"""The hooks that a plugin may implement: their arguments, when they are called, and what they return.

A hook is a plain function that is called once and returns objects; Portico calls the methods of these objects later.
Only `startup` and `shutdown` may be `async def`. An implementation names those of the arguments that it needs and
leaves out the others. Returning None means "nothing". `app` is the `AppContext`, `settings` are the plugin's own settings
(None if it declares none). Each hook is called for one plugin after the other: built-ins first, then those of the
distribution that was installed first, but each after the plugins that it requires. What an earlier plugin has
registered, such as a route, a later one cannot: it fails, unless `plugins.replace` says otherwise.

A hook has `plugins.load_limit` seconds to return. What it returns is checked at once, so that a mistake is said at load
with the plugin's own file and line: `portico plugin list` shows it, and the others serve. ARCHITECTURE.md has the steps.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    from litestar.types import ControllerRouterHandler

    from portico.backup.contents import StoredContents
    from portico.catalogue import MessageAction
    from portico.catalogue.source import ModelSource, SourceProvider
    from portico.db import DatabaseCheck, Retention, TableSet
    from portico.events import Listener
    from portico.gateway import ModelFilter
    from portico.identity import AuthProvider, TokenAuthenticator
    from portico.metrics import Metric
    from portico.permissions import PackagedPolicy, PolicyRule, ResourceKind
    from portico.plugins.context import AppContext
    from portico.plugins.info import Service
    from portico.settings.section import Section
    from portico.sockets import SocketEvent
    from portico.tasks import TaskType
    from portico.tracing import Tracer
    from portico.transfer import ImportFormat, TransferKind
    from portico.web.fallback import Fallback
    from portico.web.health_check import HealthCheck
    from portico.web.request_observer import RequestObserver

hookspec = pluggy.HookspecMarker("portico")
hookimpl = pluggy.HookimplMarker("portico")


@hookspec
def register_settings() -> "type[Section] | None":
    """Return the schema of this plugin's settings.

    Called first, in every process, before any other hook of the plugin. Portico reads the values from
    `[plugins.<name>]` and the environment, and passes the result to every later hook as `settings`.
    """


@hookspec
def register_tables() -> "TableSet | None":
    """Return the tables this plugin owns and the package of its migrations.

    Called at boot, in every process and by `portico migrate`. Table names begin with `<plugin>_`.
    """


@hookspec
def register_components(app: "AppContext", settings: Any) -> Any:
    """Build this plugin's own objects, once per process: its services, caches and whatever holds state.

    Called at boot, before all hooks below. They receive the result as the argument `plugin`, controllers as
    `self.plugin`, and commands as `context.plugin`. Opens nothing: there is no database and no event loop yet.
    """


@hookspec
def register_database_checks(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[DatabaseCheck] | None":
    """Return checks of this plugin's tables for `portico db check`, where a foreign key or a `Reference` is not enough.

    Called at boot. The checks run only in that command.
    """


@hookspec
def register_retention(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[Retention] | None":
    """Return after how many days rows of this plugin's tables are deleted, for tables that only grow, such as a history.

    Called at boot. One instance at a time deletes older rows in the background, in small batches.
    """


@hookspec
def register_stored_contents(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[StoredContents] | None":
    """Return what this plugin stores outside of the database, such as the contents of files, with the table that lists it.

    Called at boot. `portico backup` copies all contents that the table lists, and a restoration adds them to the store.
    """


@hookspec
def register_resources(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[ResourceKind] | None":
    """Return the kinds of resources that policy rules can name: their table, their owner column and their actions.

    Called at boot, before policies are read.
    """


@hookspec
def register_policies(
    app: "AppContext", settings: Any
) -> "Iterable[PackagedPolicy | PolicyRule] | None":
    """Return who may do what with this plugin's resources: packaged policy files, or single rules.

    Called at boot. A file in the operator's policy directory overrides the packaged file of the same name. Deny wins
    over allow; what no rule allows is denied.
    """


@hookspec
def register_services(app: "AppContext", settings: Any, plugin: Any) -> "Iterable[Service] | None":
    """Return objects that other plugins get by their protocol, with `app.services.get(protocol)`.

    Called at boot. Get services of other plugins when they are needed, not in here: the order of plugins may change.
    """


@hookspec
def register_model_sources(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[ModelSource | SourceProvider] | None":
    """Return objects that list models and answer completions. Source names are unique across plugins.

    A plugin whose sources change while the server runs returns one `SourceProvider` instead.

    Called at boot, also by commands: import an HTTP client when a method needs it.
    """


@hookspec
def register_model_filters(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[ModelFilter] | None":
    """Return filters that see, change or refuse the calls of models: requests, streams, whole answers, and how calls end.

    Called at boot. Their order is their own `order`, over all plugins.
    """


@hookspec
def register_message_actions(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[MessageAction] | None":
    """Return buttons below the replies of models. A model has those of its `meta.actionIds`, and all global ones.

    Called at boot.
    """


@hookspec
def register_auth_providers(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[AuthProvider] | None":
    """Return methods of signing in. Their names are unique across plugins; `register_routes` returns their routes.

    In place of one whose settings cannot work, return an `UnusableProvider` with the reason.
    Called at boot.
    """


@hookspec
def register_token_authenticators(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[TokenAuthenticator] | None":
    """Return objects that find the account of a token that is not a session token, such as an API key.

    Called at boot.
    """


@hookspec
def register_listeners(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[Listener] | None":
    """Return the events that this plugin handles, such as `AccountDeleted`, each with its handler.

    Called at boot. A handler runs after the commit of the change that its event reports; of an event that is published
    inside the transaction, such as `AccountDeleting`, before it: then it has `plugins.listener_limit`, and what it raises
    ends the change.
    """


@hookspec
def register_routes(
    app: "AppContext", settings: Any, plugin: Any
) -> "Sequence[ControllerRouterHandler] | None":
    """Return route handlers and controllers, made with the decorators of `portico.api.web`. Import them in here.

    Called at boot, in server processes and for `portico plugin list`. A route without `access=` is for verified accounts only.
    Paths begin with `/api/x/<plugin>/` or with a prefix in `PluginInfo.route_prefixes`.
    """


@hookspec
def register_fallbacks(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[Fallback] | None":
    """Return what answers GET and HEAD requests where there is no route, such as the pages of a web client.

    Called at boot, in server processes and for `portico plugin list`. Two plugins cannot have the same prefix; of
    several that fit a path, the longest decides. Paths that begin as one of a route does, such as `/api`, never get
    here. `StaticFiles` serves a folder. Import the web framework in here.
    """


@hookspec
def register_socket_events(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[SocketEvent] | None":
    """Return the events that clients may send over Socket.IO, each with its payload and its handler.

    Called at boot. Names begin with `<plugin>:` or are claimed in `PluginInfo.socket_prefixes`. To send
    events, use `app.sockets`.
    """


@hookspec
def register_tasks(app: "AppContext", settings: Any, plugin: Any) -> "Iterable[TaskType] | None":
    """Return the types of this plugin's background tasks: name, arguments, what runs, limits, schedule.

    Called at boot, in every process. Names begin with `<plugin>:` and are stored, so they never change. `app.tasks`
    creates tasks. Those of a plugin that is not loaded wait until it is.
    """


@hookspec
def register_transfer_kinds(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[TransferKind] | None":
    """Return what `portico export` and `portico import` take of this plugin's rows: one object for each kind.

    Called at boot. Names are unique across plugins.
    """


@hookspec
def register_import_formats(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[ImportFormat] | None":
    """Return formats of other servers that `portico import` reads. Their names are its subcommands.

    Called at boot. Names are unique across plugins.
    """


@hookspec
def register_health_checks(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[HealthCheck] | None":
    """Return the checks that `GET /ready` runs.

    Called at boot.
    """


@hookspec
def register_metrics(app: "AppContext", settings: Any, plugin: Any) -> "Iterable[Metric] | None":
    """Return figures about this plugin's work, which monitoring reads at `/metrics`.

    Called at boot. A figure is read each time that monitoring asks, in every process.
    """


@hookspec
def register_request_observers(
    app: "AppContext", settings: Any, plugin: Any
) -> "Iterable[RequestObserver] | None":
    """Return what is told of each request when it begins and when it has been answered, such as a log of requests.

    Called at boot, in every process. Where no plugin returns one, nothing is measured. What an observer raises is logged,
    and the request goes on.
    """


@hookspec
def register_tracer(app: "AppContext", settings: Any, plugin: Any) -> "Tracer | None":
    """Return what records traces: spans of requests, decisions, statements, calls of models, tasks and socket events.

    Called at boot, in every process. One plugin can have it. Without a tracer, nothing is recorded and nothing is
    measured. One that raises is not used again, and no request fails by it.
    """


@hookspec
def register_commands(cli: "click.Group", settings: Any, plugin: Any) -> None:
    """Add commands to the `portico` command line. Import heavy modules inside the commands.

    Called only by the command line, never by the server.
    """


@hookspec
def startup(app: "AppContext", settings: Any, plugin: Any) -> Awaitable[None] | None:
    """Prepare to serve: start background tasks, open connections.

    Called once per server or worker process, after migrations and before the first request or task. A worker has no
    routes and no sockets, but can send events. May be `async def`.
    A plugin whose startup raises, or takes longer than `plugins.startup_limit`, is disabled as failed; `OperatorError`
    stops the start of the server.
    """


@hookspec
def shutdown(app: "AppContext", settings: Any, plugin: Any) -> Awaitable[None] | None:
    """Release what `startup` has acquired.

    Called once per server or worker process, after the last request or task, in the reverse order, if the startup has
    succeeded. May be `async def`. It is ended after `plugins.shutdown_limit`; all plugins together have a few seconds.
    Work that has longer, until `server.shutdown_timeout` is over, is registered in `startup`: `app.drain.wait_for(…)`.
    """
