"""Collects what one plugin registers: an immutable `Contribution`, or a `PluginError` and nothing."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import pluggy

from portico.backup.contents import StoredContents
from portico.catalogue import MessageAction
from portico.catalogue.source import ModelSource, SourceProvider
from portico.db import DatabaseCheck, Retention, TableSet
from portico.events import Listener
from portico.gateway import ModelFilter
from portico.identity import AuthProvider, TokenAuthenticator
from portico.metrics import Metric
from portico.permissions import PackagedPolicy, PolicyRule, ResourceKind
from portico.plugins.checks.declarations import check_declaration, missing_members
from portico.plugins.context import AppContext
from portico.plugins.faults import DeclarationFault, InvalidDeclaration
from portico.plugins.info import PluginInfo, Service
from portico.plugins.isolation import PluginError, PluginIsolation
from portico.plugins.registry import FaultKind
from portico.settings.load import LoadedSettings
from portico.settings.problems import BadSettings
from portico.settings.schema_faults import schema_fault
from portico.settings.section import Section
from portico.sockets import SocketEvent
from portico.tasks import TaskType
from portico.tracing import Tracer
from portico.transfer import ImportFormat, TransferKind
from portico.web.health_check import HealthCheck
from portico.web.request_observer import RequestObserver

if TYPE_CHECKING:
    from portico.plugins.router import PluginRouter
    from portico.web.fallback import Fallback

T = TypeVar("T")
#: Things of one kind that a plugin registers. More come from an endless iterator.
MAX_THINGS: Final = 10_000


class ConflictingSettings(PluginError):
    """A plugin's settings have a name that another setting has already. `key`: of the other."""

    def __init__(self, plugin: str, name: str, key: str, at: str) -> None:
        super().__init__(
            plugin, "register_settings", ValueError(name), kind=FaultKind.CONFLICT, at=at
        )
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
    stored_contents: tuple[StoredContents, ...] = ()
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
    tracer: Tracer | None = None
    request_observers: tuple[RequestObserver, ...] = ()
    socket_events: tuple[SocketEvent, ...] = ()
    tasks: tuple[TaskType, ...] = ()
    transfer_kinds: tuple[TransferKind, ...] = ()
    import_formats: tuple[ImportFormat, ...] = ()
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
    """Call the `register_*` hooks of one plugin.

    `routes`: call `register_routes` too, which imports the web framework. Raises: PluginError when a hook raises or
    returns what cannot be used.
    """
    return _Collector(manager, plugin, app, loaded, isolation).collect(routes=routes)


class _Collector:
    """Calls the hooks of one plugin and checks what they return."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        plugin: str,
        app: AppContext,
        loaded: LoadedSettings,
        isolation: PluginIsolation,
    ) -> None:
        self._manager, self._plugin, self._app, self._loaded = manager, plugin, app, loaded
        self._isolation = isolation
        self._module: Any = cast("Any", manager.get_plugin(plugin))
        self._settings: Section | None = None
        self._components: Any = None

    def collect(self, *, routes: bool) -> Contribution:
        """As `collect` of this module."""
        info: PluginInfo = self._module.PLUGIN
        self._settings = self._read_settings(info)
        tables = self._one("register_tables", TableSet)
        self._components = self._ask("register_components")
        many = self._many
        return Contribution(
            plugin_name=self._plugin,
            info=info,
            settings=self._settings,
            components=self._components,
            tables=tables and dataclasses.replace(tables, formerly=info.formerly),
            database_checks=many("register_database_checks", DatabaseCheck),
            retention=many("register_retention", Retention),
            stored_contents=many("register_stored_contents", StoredContents),
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
            tracer=self._one("register_tracer", Tracer),
            request_observers=many("register_request_observers", RequestObserver),
            socket_events=many("register_socket_events", SocketEvent),
            tasks=many("register_tasks", TaskType),
            transfer_kinds=many("register_transfer_kinds", TransferKind),
            import_formats=many("register_import_formats", ImportFormat),
            has_routes=hook_of(self._manager, self._plugin, "register_routes") is not None,
            router=self._router() if routes else None,
            fallbacks=many("register_fallbacks", *_fallback_types()) if routes else (),
        )

    # -- calling hooks --------------------------------------------------------------------------------------

    def _ask(self, hook: str) -> Any:
        implementation = hook_of(self._manager, self._plugin, hook)
        if implementation is None:
            return None
        given = {"app": self._app, "settings": self._settings, "plugin": self._components}
        return self._call(hook, lambda: implementation(**given))

    def _call(self, doing: str, work: Callable[[], T], kind: FaultKind = FaultKind.HOOK) -> T:
        origin = getattr(self._module, doing, None)
        return self._isolation.call(self._plugin, doing, work, kind=kind, origin=origin)

    def _one(self, hook: str, kind: type[T]) -> T | None:
        """Return what a hook returns that registers one thing."""
        value = self._ask(hook)
        if value is None:
            return None
        if not self._call(hook, lambda: isinstance(value, kind)):
            raise self._wrong(hook, f"it returned {_a(value)}; return a {kind.__name__}, or None")
        self._check(hook, value)
        return cast("T", value)

    def _many(self, hook: str, *kinds: type[Any]) -> tuple[Any, ...]:
        """Return what a hook returns that registers several things."""
        value = self._ask(hook)
        if value is None:
            return ()
        names = " or ".join(kind.__name__ for kind in kinds) or "route handlers"
        if not self._call(hook, lambda: _has_items(value)):
            raise self._wrong(hook, f"it returned {_a(value)}; return a list of {names}")
        things = self._call(hook, lambda: tuple(islice(value, MAX_THINGS + 1)))
        if len(things) > MAX_THINGS:
            raise self._wrong(hook, f"it returned more than {MAX_THINGS} things; return fewer")
        for number, thing in enumerate(things, start=1):
            self._check_item(hook, number, thing, kinds)
        return things

    # -- checking what they return --------------------------------------------------------------------------

    def _check_item(self, hook: str, number: int, thing: Any, kinds: tuple[type[Any], ...]) -> None:
        if not kinds:
            return
        names = " or ".join(kind.__name__ for kind in kinds)
        if self._call(hook, lambda: inspect.isclass(thing)):
            reason = f"item {number} is the class {thing.__name__}; return an object of it, {thing.__name__}(…)"
            raise self._wrong(hook, reason, thing)
        if not self._call(hook, lambda: isinstance(thing, kinds)):
            missing = self._call(hook, lambda: missing_members(thing, kinds))
            reason = f"item {number} is {_a(thing)}{missing}; return a list of {names}"
            raise self._wrong(hook, reason, thing)
        self._check(hook, thing)

    def _check(self, hook: str, thing: Any) -> None:
        def fault() -> DeclarationFault | None:
            try:
                check_declaration(hook, thing)
            except DeclarationFault as fault:
                return fault
            return None

        found = self._call(hook, fault)  # a property of the thing may raise anything
        if found is not None:
            raise self._wrong(hook, str(found), found.culprit)

    def _wrong(
        self, hook: str, reason: str, culprit: Any = None, kind: FaultKind = FaultKind.HOOK
    ) -> InvalidDeclaration:
        of_definition = self._isolation.code.of_definition
        at = of_definition(culprit).at if culprit is not None else ""
        at = at or of_definition(getattr(self._module, hook, None)).at
        return InvalidDeclaration(self._plugin, hook, reason, kind=kind, at=at)

    # -- settings and routes --------------------------------------------------------------------------------

    def _read_settings(self, info: PluginInfo) -> Section | None:
        """Read the plugin's settings and register those that may be changed at run time."""
        schema = self._ask("register_settings")
        if schema is None:
            return None
        hook, kind = "register_settings", FaultKind.SETTINGS
        if not self._call(hook, lambda: inspect.isclass(schema) and issubclass(schema, Section)):
            raise self._wrong(hook, f"it returned {_a(schema)}; return a subclass of Section")
        if fault := self._call(hook, lambda: schema_fault(self._plugin, schema), kind):
            raise self._wrong(hook, fault, schema, kind)
        for name, key in self._loaded.taken_names(self._plugin, schema, info.formerly):
            at = self._isolation.code.of_definition(schema).at
            raise ConflictingSettings(self._plugin, name, key, at)

        def read() -> Section | BadSettings:
            try:
                return cast("Section", self._loaded.plugin(self._plugin, schema, info.formerly))
            except BadSettings as error:
                return error

        settings = self._call("settings", read, kind)  # it may check itself, and raise anything
        if isinstance(settings, BadSettings):
            reason = "; ".join(map(str, settings.problems))
            raise self._wrong("settings", reason, schema, kind)
        pinned = self._loaded.explicitly_set(f"plugins.{self._plugin}")
        faults = {
            part: "; ".join(map(str, problems))
            for part, problems in self._loaded.part_problems(self._plugin).items()
        }
        self._call(
            "settings",
            lambda: self._app.runtime_settings.add(settings, pinned, faults),
            kind,
        )
        return settings

    def _router(self) -> "PluginRouter | None":
        handlers = self._many("register_routes")
        if not handlers:
            return None
        from portico.plugins.router import PluginRouter, plugin_router

        def router() -> PluginRouter | DeclarationFault:
            try:
                return plugin_router(self._plugin, handlers, self._components)
            except DeclarationFault as fault:
                return fault

        hook, kind = "register_routes", FaultKind.ROUTES
        made = self._call(hook, router, kind)
        if isinstance(made, DeclarationFault):
            raise self._wrong(hook, str(made), made.culprit, kind)
        return made


def _has_items(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _a(value: object) -> str:
    """Return what a value is, for a sentence."""
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _fallback_types() -> "tuple[type[Fallback]]":
    from portico.web.fallback import Fallback

    return (Fallback,)
