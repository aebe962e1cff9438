"""Collects what one plugin registers: an immutable `Contribution`, or a `PluginError` and nothing."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from portico.catalogue import MessageAction
from portico.catalogue.source import ModelSource, SourceProvider
from portico.db import DatabaseCheck, Retention, TableSet
from portico.events import Listener
from portico.gateway import ModelFilter
from portico.identity import AuthProvider, TokenAuthenticator
from portico.metrics import Metric
from portico.permissions import PackagedPolicy, PolicyRule, ResourceKind
from portico.plugins.context import AppContext
from portico.plugins.info import PluginInfo, Service
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.plugins.registry import FaultKind
from portico.settings.load import LoadedSettings
from portico.settings.section import Section
from portico.sockets import SocketEvent
from portico.tasks import TaskType
from portico.web.health_check import HealthCheck

if TYPE_CHECKING:
    from portico.plugins.router import PluginRouter
    from portico.web.fallback import Fallback


class ConflictingSettings(PluginError):
    """A plugin's settings have a name that another setting has already. `key`: of the other."""

    def __init__(self, plugin: str, name: str, key: str) -> None:
        super().__init__(plugin, "register_settings", ValueError(name), kind=FaultKind.CONFLICT)
        self.reason = f"setting {name} belongs to {key!r} already; choose another name"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one plugin has registered. `router`: None = it has no routes, or this process serves none."""

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
    sources: tuple[ModelSource | SourceProvider, ...] = ()
    message_actions: tuple[MessageAction, ...] = ()
    model_filters: tuple[ModelFilter, ...] = ()
    auth_providers: tuple[AuthProvider, ...] = ()
    token_authenticators: tuple[TokenAuthenticator, ...] = ()
    listeners: tuple[Listener, ...] = ()
    health_checks: tuple[HealthCheck, ...] = ()
    metrics: tuple[Metric, ...] = ()
    socket_events: tuple[SocketEvent, ...] = ()
    tasks: tuple[TaskType, ...] = ()
    has_routes: bool = False
    router: "PluginRouter | None" = None
    fallbacks: "tuple[Fallback, ...]" = ()


def hook_of(manager: pluggy.PluginManager, plugin: str, hook: str) -> Callable[..., Any] | None:
    """Return one plugin's implementation of a hook, to be called with keywords, or None if it has none.

    The implementation is given those of the keywords that it names.
    """
    for found in getattr(manager.hook, hook).get_hookimpls():
        if found.plugin_name == plugin:
            break
    else:
        return None

    @functools.wraps(found.function)
    def implementation(**given: Any) -> Any:
        return found.function(*(given[name] for name in found.argnames))

    return implementation


def collect(
    manager: pluggy.PluginManager,
    plugin: str,
    app: AppContext,
    loaded: LoadedSettings,
    isolation: PluginIsolation,
    *,
    routes: bool,
) -> Contribution:
    """Call the `register_*` hooks of one plugin. Raises: PluginError when a hook raises or returns a wrong type.

    `routes`: call `register_routes` too, which imports the web framework.
    """
    info: PluginInfo = manager.get_plugin(plugin).PLUGIN  # type: ignore[union-attr]

    def ask(hook: str, **arguments: Any) -> Any:
        implementation = hook_of(manager, plugin, hook)
        return (
            None
            if implementation is None
            else isolation.call(plugin, hook, lambda: implementation(**arguments))
        )

    def wrong(hook: str, value: Any, expected: str) -> PluginError:
        return PluginError(
            plugin,
            hook,
            TypeError(f"returned {type(value).__name__}, expected {expected}"),
            at=isolation.code.of_definition(hook_of(manager, plugin, hook)).at,
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
        things = isolation.call(plugin, hook, lambda: tuple(value))
        for thing in things:
            if kinds and not isinstance(thing, kinds):
                raise wrong(hook, thing, " or ".join(kind.__name__ for kind in kinds))
        return things

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
        sources=many("register_model_sources", ModelSource, SourceProvider),
        message_actions=many("register_message_actions", MessageAction),
        model_filters=many("register_model_filters", ModelFilter),
        auth_providers=many("register_auth_providers", AuthProvider),
        token_authenticators=many("register_token_authenticators", TokenAuthenticator),
        listeners=many("register_listeners", Listener),
        health_checks=many("register_health_checks", HealthCheck),
        metrics=many("register_metrics", Metric),
        socket_events=many("register_socket_events", SocketEvent),
        tasks=many("register_tasks", TaskType),
        has_routes=hook_of(manager, plugin, "register_routes") is not None,
        router=_router(plugin, many("register_routes"), components, isolation) if routes else None,
        fallbacks=many("register_fallbacks", *_fallback_types()) if routes else (),
    )


def _fallback_types() -> "tuple[type[Fallback]]":
    from portico.web.fallback import Fallback

    return (Fallback,)


def _router(
    plugin: str, handlers: tuple[Any, ...], components: Any, isolation: PluginIsolation
) -> "PluginRouter | None":
    if not handlers:
        return None
    from portico.plugins.router import plugin_router

    return isolation.call(
        plugin, "register_routes", lambda: plugin_router(plugin, handlers, components)
    )


def _load_plugin_settings(
    plugin: str, info: PluginInfo, schema: type[Section], app: AppContext, loaded: LoadedSettings
) -> Section:
    """Read a plugin's settings and register those that may be changed at run time."""
    for name, key in loaded.taken_names(plugin, schema, info.formerly):
        raise ConflictingSettings(plugin, name, key)
    settings = loaded.plugin(plugin, schema, info.formerly)
    app.runtime_settings.add(settings, loaded.explicitly_set(f"plugins.{plugin}"))
    return settings
