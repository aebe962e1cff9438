"""Builds the routes of the built-in plugins once for many applications of a test process, one after the other.

Litestar takes more than half of the time in which an application starts to register 300 handlers. They depend on the
application only through `self.plugin` of the controllers and through what `web_application` is given. When an application
stops, its routes get those of the next one that has the same controllers and the same settings of the server. Applications
that run at the same time have different routes. While no application uses them, routes refer to no service, so a
mistake would be an error and never a look into the data of another test.

Plugins that a test installs, and routes that are no controllers, are built for each application.
"""

import inspect
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from litestar import Litestar
from litestar.types import Receive, Scope, Send

import portico.app
from portico.plugins import router
from portico.plugins.router import PluginRouter
from portico.web.application import request_state
from portico.web.health import redis_check

#: Routes that are kept for each combination of controllers and settings, and combinations that are kept.
MAX_KEPT, MAX_COMBINATIONS = 2, 6

#: Settings of the server that routes do not depend on, each with the same value in all keys.
NOT_OF_ROUTES: dict[str, Any] = {
    "host": "",
    "port": 0,
    "workers": 1,
    "instance_url": "",
    "trusted_proxies": [],
    "force_https": False,
    "start_limit": 1,
    "drain_delay": 0,
    "shutdown_timeout": 0,
    "loop_limit": 0,
}

_build_router, _build_application = router.plugin_router, portico.app.web_application


class Forwarder:
    """Stands for an object of the application that uses the routes now."""

    def __init__(self) -> None:
        self._target: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __call__(self, *arguments: Any) -> Any:
        return self._target(*arguments)


class SharedRouter:
    """The router of a plugin for one application. `describe` returns an equal one, which is built once."""

    def __init__(
        self,
        plugin: str,
        controllers: tuple[Any, ...],
        components: Any,
        describe: Callable[..., PluginRouter],
    ) -> None:
        self.components, self._describe = components, describe
        self.key = plugin, controllers, frozenset[tuple[str, str]]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._describe(*self.key), name)

    def give_way(self, displaced: frozenset[tuple[str, str]]) -> None:
        self.key = *self.key[:2], displaced

    def build(self) -> PluginRouter:
        plugin, controllers, displaced = self.key
        built = _build_router(plugin, controllers, self.components)
        built.give_way(displaced)
        return built


class Routes:
    """A Litestar application, and what has to be replaced in it for another application of Portico."""

    def __init__(
        self, settings: Any, routers: Sequence[SharedRouter], given: dict[str, Any]
    ) -> None:
        built = [one.build() for one in routers]
        self._controllers = [one._arguments[1] for one in built]
        self._stand_ins = {name: Forwarder() for name in given if name != "checks"}
        self._checks = [(plugin, Forwarder()) for plugin, _ in given["checks"]]
        stand_ins = self._stand_ins
        self._point_to(given)
        self.litestar: Litestar = _build_application(
            settings, **stand_ins | {"routers": built, "checks": self._checks, "redis": NoRedis}
        )  # type: ignore[arg-type]

    def bind(self, settings: Any, routers: Sequence[SharedRouter], given: dict[str, Any]) -> None:
        """Let the routes refer to what these routers and services belong to."""
        for controllers, shared in zip(self._controllers, routers, strict=True):
            for controller in controllers:
                controller.plugin = shared.components
        self._point_to(given)
        self.litestar.state = request_state(
            settings, given["identity"], given["drain"], given["counters"]
        )

    def _point_to(self, given: dict[str, Any]) -> None:
        for name, stand_in in self._stand_ins.items():
            stand_in._target = given[name]
        for (_, stand_in), (_, check) in zip(self._checks, given["checks"], strict=True):
            stand_in._target = check

    def release(self) -> None:
        """Let the routes refer to nothing."""
        for controllers in self._controllers:
            for controller in controllers:
                controller.plugin = None
        for stand_in in [*self._stand_ins.values(), *(check for _, check in self._checks)]:
            stand_in._target = None
        self.litestar.state = None  # type: ignore[assignment]


class NoRedis:
    """Stands for Redis, whose health check is passed with those of the plugins."""

    configured = False


class Lease:
    """Serves requests by routes until nothing refers to it any more."""

    def __init__(self, litestar: Litestar) -> None:
        self._litestar = litestar

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._litestar(scope, receive, send)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._litestar, name)


class Pool:
    """The routes of a test process that no application uses at the moment."""

    def __init__(self) -> None:
        self._described: dict[Any, PluginRouter] = {}
        self._free: dict[Any, list[Routes]] = defaultdict(list)

    def plugin_router(self, plugin: str, handlers: Iterable[Any], components: Any) -> Any:
        """Replaces the function of this name."""
        handlers = tuple(handlers)
        if not all(
            inspect.isclass(one) and one.__module__.startswith("portico_") for one in handlers
        ):
            return _build_router(plugin, handlers, components)
        return SharedRouter(plugin, handlers, components, self._describe)

    def _describe(
        self, plugin: str, handlers: tuple[Any, ...], displaced: frozenset[tuple[str, str]]
    ) -> PluginRouter:
        key = plugin, handlers, displaced
        if key not in self._described:
            self._described[key] = _build_router(plugin, handlers, None)
            self._described[key].give_way(displaced)
        return self._described[key]

    def web_application(
        self,
        settings: Any,
        identity: Any,
        permissions: Any,
        origins: Any,
        drain: Any,
        **others: Any,
    ) -> Any:
        """Replaces the function of this name."""
        routers, redis = others.pop("routers"), others.pop("redis")
        checks = [*redis_check(redis), *others["checks"]]
        given = others | {
            "identity": identity, "permissions": permissions, "origins": origins, "drain": drain,
            "checks": checks,
        }  # fmt: skip
        if not all(isinstance(one, SharedRouter) for one in routers):
            built = [one.build() if isinstance(one, SharedRouter) else one for one in routers]
            return _build_application(settings, **given, routers=built, redis=NoRedis)  # type: ignore[arg-type]
        key = (
            settings.name,
            repr(msgspec.structs.replace(settings.server, **NOT_OF_ROUTES)),
            tuple(one.key for one in routers),
            tuple(plugin for plugin, _ in checks),
        )
        free = self._free.pop(key, [])
        routes = free.pop() if free else Routes(settings, routers, given)
        self._free[key] = free
        routes.bind(settings, routers, given)
        lease = Lease(routes.litestar)
        weakref.finalize(lease, self._take_back, key, routes).atexit = False
        return lease

    def _take_back(self, key: Any, routes: Routes) -> None:
        routes.release()
        if len(self._free[key]) < MAX_KEPT:
            self._free[key].append(routes)
        while len(self._free) > MAX_COMBINATIONS:
            del self._free[next(iter(self._free))]


def share_routes() -> None:
    """Install the pool; called once in each process of the tests."""
    pool = Pool()
    router.plugin_router = pool.plugin_router
    portico.app.web_application = pool.web_application
