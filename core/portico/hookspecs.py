"""Every hook there is: what it is called with, when, and what it returns.

Hooks declare, objects act. A hook is a plain function that is called once and returns values; whatever is awaited
later is a method of an object it returned. Only `startup` and `shutdown` may be `async def`. An implementation
takes any of the arguments named here and leaves out the rest; None means "nothing". `app` is the plugin's view of
the house, `settings` its own settings (None if it declares none). Nobody's result hides another's: each hook is
called plugin by plugin, in the order of names and of what each one requires.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    from litestar.types import ControllerRouterHandler

    from portico.catalogue.source import ModelSource
    from portico.db import DatabaseCheck, Retention, TableSet
    from portico.events import Listener
    from portico.identity import AuthProvider, TokenAuthenticator
    from portico.permissions import PackagedPolicy, PolicyLine, ResourceKind
    from portico.plugins.context import AppContext
    from portico.plugins.info import Service
    from portico.settings.section import Section
    from portico.web.health import HealthCheck

hookspec = pluggy.HookspecMarker("portico")
hookimpl = pluggy.HookimplMarker("portico")


@hookspec
def register_settings() -> "type[Section] | None":
    """The schema of this plugin's settings.

    Called first, in every process, before anything else of the plugin; the loader fills the schema from
    `[plugins.<name>]` and the environment, and every later hook is given the result as `settings`.
    """


@hookspec
def register_tables() -> "TableSet | None":
    """The tables this plugin owns and the package its migrations are in.

    Called at boot, in every process and by `portico migrate`. Table names begin with `<plugin>_`.
    """


@hookspec
def register_database_checks(app: "AppContext", settings: Any) -> "Iterable[DatabaseCheck] | None":
    """What `portico db check` looks at in this plugin's tables, where a foreign key or a `Reference` is not enough.

    Called at boot. The checks run only when an operator asks for them.
    """


@hookspec
def register_retention(app: "AppContext", settings: Any) -> "Iterable[Retention] | None":
    """How long rows of this plugin's tables are kept that only grow, such as a history.

    Called at boot. One instance at a time deletes what is older, in the background and a little at a time.
    """


@hookspec
def register_resources(app: "AppContext", settings: Any) -> "Iterable[ResourceKind] | None":
    """Kinds of things that policies can speak about: where their rows are and who owns one.

    Called at boot, before policies are read.
    """


@hookspec
def register_policies(
    app: "AppContext", settings: Any
) -> "Iterable[PackagedPolicy | PolicyLine] | None":
    """Who may do what with this plugin's resources: packaged policy files, or a line or two.

    Called at boot. The operator's own policy directory is laid over the result; deny wins; no line = no.
    """


@hookspec
def register_services(app: "AppContext", settings: Any) -> "Iterable[Service] | None":
    """Objects that other plugins may ask for by protocol, with `app.services.get(protocol)`.

    Called at boot. Ask for other plugins' services when they are needed, not in here: order is not promised.
    """


@hookspec
def register_model_sources(app: "AppContext", settings: Any) -> "Iterable[ModelSource] | None":
    """Whoever has models to offer. Source names are unique across plugins.

    Called at boot, in web processes.
    """


@hookspec
def register_auth_providers(app: "AppContext", settings: Any) -> "Iterable[AuthProvider] | None":
    """Ways to sign in. Names are unique across plugins; their routes are registered like any others.

    Called at boot, in web processes.
    """


@hookspec
def register_token_readers(
    app: "AppContext", settings: Any
) -> "Iterable[TokenAuthenticator] | None":
    """Whoever knows who stands behind tokens of another kind than sessions, such as keys.

    Called at boot, in web processes.
    """


@hookspec
def register_listeners(app: "AppContext", settings: Any) -> "Iterable[Listener] | None":
    """What this plugin wants to hear of, such as `AccountDeleted`.

    Called at boot. A listener runs after the commit that made its event true.
    """


@hookspec
def register_routes(app: "AppContext", settings: Any) -> "Sequence[ControllerRouterHandler] | None":
    """Route handlers and controllers, made with the decorators of `portico.api`.

    Called at boot, in web processes. A route that does not say who may call it is for verified accounts only.
    Paths lie below `/api/x/<plugin>/` or below a prefix that `PluginInfo.claims` names.
    """


@hookspec
def register_health_checks(app: "AppContext", settings: Any) -> "Iterable[HealthCheck] | None":
    """Probes that `GET /ready` asks.

    Called at boot, in web processes.
    """


@hookspec
def register_commands(cli: "click.Group") -> None:
    """Adds commands to the `portico` command line. Imports what is heavy inside the commands.

    Called only by the command line, never by the server.
    """


@hookspec
def startup(app: "AppContext", settings: Any) -> Awaitable[None] | None:
    """Get ready to serve.

    Called once per web process, after migrations and before the first request. May be `async def`.
    A plugin whose startup raises is set aside; one that raises `OperatorError` keeps the house from opening.
    """


@hookspec
def shutdown(app: "AppContext", settings: Any) -> Awaitable[None] | None:
    """Let go of what `startup` took.

    Called once per web process, after the last request, in the reverse order. May be `async def`.
    """
