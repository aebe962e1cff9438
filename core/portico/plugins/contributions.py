"""Collects what one plugin registers: an immutable `Contribution`, or a `PluginError` and nothing."""

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import pluggy
from litestar import Router
from litestar.routes import WebSocketRoute

from portico.catalogue.source import ModelSource
from portico.db import DatabaseCheck, Retention, TableSet
from portico.events import Listener
from portico.identity import AuthProvider, TokenAuthenticator
from portico.permissions import PackagedPolicy, PolicyRule, ResourceKind
from portico.plugins.context import AppContext
from portico.plugins.info import PluginInfo, Service
from portico.plugins.isolation import PluginError, call
from portico.settings.load import LoadedSettings
from portico.settings.section import Section
from portico.web.handler_map import GrowingMap
from portico.web.health import HealthCheck
from portico.web.routes import Controller


class PluginRouter(GrowingMap):
    """The routes of one plugin, under its name.

    Litestar copies each router that it is given, down to every default of every parameter, which took a fifth of the
    startup time. The first application takes this router itself; another one, which is built after a plugin has failed,
    takes a router with the same handlers.
    """

    def __init__(self, plugin: str, handlers: Sequence[Any]) -> None:
        super().__init__(path="/", route_handlers=handlers, opt={"plugin": plugin}, tags=[plugin])
        self._arguments = plugin, handlers

    def __deepcopy__(self, _: object) -> "PluginRouter":
        return self if self.owner is None else PluginRouter(*self._arguments)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one plugin has registered."""

    plugin_name: str
    info: PluginInfo
    settings: Section | None
    components: Any = None
    tables: TableSet | None = None
    database_checks: tuple[DatabaseCheck, ...] = ()
    retention: tuple[Retention, ...] = ()
    resources: tuple[ResourceKind, ...] = ()
    policies: tuple[PackagedPolicy | PolicyRule, ...] = ()
    services: tuple[Service, ...] = ()
    sources: tuple[ModelSource, ...] = ()
    auth_providers: tuple[AuthProvider, ...] = ()
    token_authenticators: tuple[TokenAuthenticator, ...] = ()
    listeners: tuple[Listener, ...] = ()
    health_checks: tuple[HealthCheck, ...] = ()
    router: Router | None = None
    paths: tuple[tuple[str, str], ...] = ()

    @property
    def public_paths(self) -> list[str]:
        """The paths of the routes that need no credentials, sorted."""
        found = {
            route.path_format
            for route in (self.router.routes if self.router else ())
            for handler in _handlers(route)
            if handler.opt.get("access") == "public"
        }
        return sorted(found)


def hook_of(manager: pluggy.PluginManager, plugin: str, hook: str) -> Callable[..., Any] | None:
    """Return one plugin's implementation of a hook, to be called with keywords, or None if it has none.

    The implementation is given those of the keywords that it names.
    """
    for found in getattr(manager.hook, hook).get_hookimpls():
        if found.plugin_name == plugin:
            return lambda **given: found.function(*(given[name] for name in found.argnames))
    return None


def collect(
    manager: pluggy.PluginManager, plugin: str, app: AppContext, loaded: LoadedSettings
) -> Contribution:
    """Call the `register_*` hooks of one plugin. Raises: PluginError when a hook raises or returns a wrong type."""
    info: PluginInfo = manager.get_plugin(plugin).PLUGIN  # type: ignore[union-attr]

    def ask(hook: str, **arguments: Any) -> Any:
        implementation = hook_of(manager, plugin, hook)
        return (
            None
            if implementation is None
            else call(plugin, hook, lambda: implementation(**arguments))
        )

    def wrong(hook: str, value: Any, expected: str) -> PluginError:
        return PluginError(
            plugin, hook, TypeError(f"returned {type(value).__name__}, expected {expected}")
        )

    schema = ask("register_settings")
    if schema is not None and not (inspect.isclass(schema) and issubclass(schema, Section)):
        raise wrong("register_settings", schema, "a subclass of Section")
    settings = None if schema is None else _load_plugin_settings(plugin, info, schema, app, loaded)
    tables = ask("register_tables")
    if tables is not None and not isinstance(tables, TableSet):
        raise wrong("register_tables", tables, "a TableSet")

    components = ask("register_components", app=app, settings=settings)

    def many(hook: str, *kinds: type[Any]) -> tuple[Any, ...]:
        value = ask(hook, app=app, settings=settings, plugin=components)
        if value is None:
            return ()
        if not isinstance(value, Iterable) or isinstance(value, str | bytes):
            raise wrong(hook, value, "an iterable")
        things = call(plugin, hook, lambda: tuple(value))
        for thing in things:
            if kinds and not isinstance(thing, kinds):
                raise wrong(hook, thing, " or ".join(kind.__name__ for kind in kinds))
        return things

    routes = [
        route.for_plugin(components) if _is_controller(route) else route
        for route in many("register_routes")
    ]
    router = (
        call(plugin, "register_routes", lambda: PluginRouter(plugin, routes)) if routes else None
    )
    return Contribution(
        plugin_name=plugin,
        info=info,
        settings=settings,
        components=components,
        tables=tables and dataclasses.replace(tables, formerly=info.formerly),
        database_checks=many("register_database_checks", DatabaseCheck),
        retention=many("register_retention", Retention),
        resources=many("register_resources", ResourceKind),
        policies=many("register_policies", PackagedPolicy, PolicyRule),
        services=many("register_services", Service),
        sources=many("register_model_sources", ModelSource),
        auth_providers=many("register_auth_providers", AuthProvider),
        token_authenticators=many("register_token_authenticators", TokenAuthenticator),
        listeners=many("register_listeners", Listener),
        health_checks=many("register_health_checks", HealthCheck),
        router=router,
        paths=_paths(router) if router else (),
    )


def _is_controller(route: Any) -> TypeGuard[type[Controller]]:
    return inspect.isclass(route) and issubclass(route, Controller)


def _handlers(route: Any) -> Iterable[Any]:
    """Return the handlers of a path: one for each method, or the one of a web socket."""
    several: Iterable[Any] = getattr(route, "route_handlers", None) or (route.route_handler,)
    return several


def _load_plugin_settings(
    plugin: str, info: PluginInfo, schema: type[Section], app: AppContext, loaded: LoadedSettings
) -> Section:
    """Read a plugin's settings and register those that may be changed at run time."""
    settings = loaded.plugin(plugin, schema, info.formerly)
    app.runtime_settings.add(settings, loaded.explicitly_set(f"plugins.{plugin}"))
    return settings


def _paths(router: Router) -> tuple[tuple[str, str], ...]:
    """Return pairs of method (WEBSOCKET for a web socket) and path, parameters without their names, sorted by path."""
    found = set()
    for route in router.routes:
        path = "/" + "/".join(
            part if isinstance(part, str) else "{" + part.type.__name__ + "}"
            for part in route.path_components
        )
        socket = isinstance(route, WebSocketRoute)
        methods = {"WEBSOCKET"} if socket else getattr(route, "methods", None) or {"ANY"}
        found |= {(method, path) for method in methods if method != "OPTIONS"}
    return tuple(sorted(found, key=lambda pair: (pair[1], pair[0])))
